"""The simulator as a process of its own."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from exporter.simulator.control import manual
from tests.simulator.wire import Wire


class Process:
    """A simulator that runs in a process of its own."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self._reader = reader
        self._writer = writer

    async def ask(self, *words: Any) -> Any:
        """One line to the control port; its answer."""
        self._writer.write(json.dumps(words).encode() + b"\n")
        async with asyncio.timeout(5):
            return json.loads(await self._reader.readline())


@asynccontextmanager
async def process(*options: str) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter.simulator", "--with-parent", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    async with asyncio.timeout(20):
        ports = json.loads(await child.stdout.readline())
    reader, writer = await asyncio.open_connection("127.0.0.1", ports["control"])
    try:
        yield Process(ports["port"], reader, writer)
    finally:
        writer.close()
        child.stdin.close()
        async with asyncio.timeout(10):
            assert await child.wait() == 0


async def test_a_process_does_what_its_control_port_asks_and_ends_with_its_parent() -> None:
    async with process("--tick", "0.02") as simulator:
        wire = await Wire.open(simulator.port)
        assert (await wire.api("status")).startswith("UP ")
        assert await simulator.ask("limit_sessions", 0) == {"ok": None}
        assert await wire.api("originate sofia/gateway/telnyx/+15550000002 &park") == (
            "-ERR DESTINATION_OUT_OF_ORDER\n"
        )
        assert await simulator.ask("provider", "telnyx", "rejects", 401, "Unauthorized") == {"ok": None}
        assert await simulator.ask("gateway", "telnyx", "ask_register") == {"ok": None}
        state = (await simulator.ask("state"))["ok"]
        assert state["gateways"].keys() == {"telnyx"}
        assert state["commands"][0] == "api status"
        assert "error" in await simulator.ask("stop")
        assert "error" in await simulator.ask("provider", "nosuch", "rejects")
        assert await simulator.ask("restart") == {"ok": None}
        await wire.until(lambda: wire.closed)
        assert "0 session(s) since" in await (await Wire.open(simulator.port)).api("status")


async def test_help_documents_every_verb_of_the_control_port() -> None:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter.simulator", "--help"), stdout=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(20):
        printed, _ = await child.communicate()
    assert manual() in printed.decode()
