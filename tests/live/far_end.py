"""What the provider's switch saw of each call, from its own event socket, by other means than the exporter's.

One line of JSON after each header block of `Content-Length`, nothing else: an independent witness.
"""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from tests.live.lab import LabFailed

EVENT_SOCKET: Final = ("127.0.0.1", 8022)
PASSWORD: Final = "ClueCon"


class FarEnd:
    """The calls that ended at the provider.

    Attributes:
        call_ids: the SIP Call-IDs by the last two digits that were dialled, in the order of their ends.
    """

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.call_ids: dict[str, list[str]] = {}
        self._reader = reader
        self._writer = writer

    async def log_in(self) -> None:
        """Authenticate and subscribe."""
        for command in (f"auth {PASSWORD}", "event json CHANNEL_HANGUP_COMPLETE"):
            self._writer.write(f"{command}\n\n".encode())
            while not (headers := (await self._frame())[0]).get("Reply-Text"):
                pass  # the greeting
            assert headers["Reply-Text"].startswith("+OK"), headers

    async def read(self) -> None:
        """Note the calls that end, until cancelled."""
        while True:
            _, body = await self._frame()
            event = json.loads(body) if body else {}
            number, call_id = event.get("Caller-Destination-Number"), event.get("variable_sip_call_id")
            if number and call_id and event.get("Call-Direction") == "inbound":
                self.call_ids.setdefault(number[-2:], []).append(call_id)

    async def until_ended(self, *numbers: str, seconds: float = 30) -> None:
        """Wait until a call to each of these numbers has ended there.

        Raises:
            LabFailed: it has not within `seconds`.
        """
        deadline = time.monotonic() + seconds
        while missing := set(numbers) - self.call_ids.keys():
            if time.monotonic() > deadline:
                raise LabFailed(f"the far end has not seen the end of {sorted(missing)}")
            await asyncio.sleep(0.05)

    async def _frame(self) -> tuple[dict[str, str], bytes]:
        lines = (await self._reader.readuntil(b"\n\n")).decode().strip().splitlines()
        headers: dict[str, Any] = dict(line.split(": ", 1) for line in lines)
        return headers, await self._reader.readexactly(int(headers.get("Content-Length", 0)))


@asynccontextmanager
async def far_end() -> AsyncIterator[FarEnd]:
    """The witness, during the block."""
    reader, writer = await asyncio.open_connection(*EVENT_SOCKET, limit=1 << 20)
    seen = FarEnd(reader, writer)
    await seen.log_in()
    reading = asyncio.create_task(seen.read())
    try:
        yield seen
    finally:
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading
        writer.close()
