"""The daemon as a process, with its log and its HTTP answers."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

SECONDS = 20.0


class Daemon:
    """A running `freeswitch-exporter serve` and its log."""

    def __init__(self, process: asyncio.subprocess.Process, client: aiohttp.ClientSession) -> None:
        self.process = process
        self.client = client
        self.lines: list[dict[str, Any]] = []
        self.base = ""

    async def read_log(self) -> None:
        assert self.process.stderr is not None
        async for line in self.process.stderr:
            if line.startswith(b"{"):
                self.lines.append(json.loads(line))

    async def logged(self, event: str) -> dict[str, Any]:
        """Wait for the first log line with this event."""
        async with asyncio.timeout(SECONDS):
            while True:
                for line in self.lines:
                    if line["event"] == event:
                        return line
                await asyncio.sleep(0.01)

    async def get(self, path: str) -> tuple[int, str]:
        async with self.client.get(self.base + path) as response:
            return response.status, await response.text()

    async def metric(self, start: str) -> float:
        """The value of the first sample line that begins with `start`."""
        _, text = await self.get("/metrics")
        for line in text.splitlines():
            if line.startswith(start):
                return float(line.rsplit(" ", 1)[1])
        raise AssertionError(f"no sample {start}")


@asynccontextmanager
async def daemon(
    config: Path, *, program: Sequence[str] = (sys.executable, "-m", "exporter"), **environ: str
) -> AsyncIterator[Daemon]:
    """Run the daemon until the end of the block.

    Args:
        config: its config file.
        program: what takes the daemon's arguments.
        environ: added to the environment.
    """
    process = await asyncio.create_subprocess_exec(
        *(*program, "serve", "--config", str(config), "--log-format", "json"),
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environ},
    )
    async with aiohttp.ClientSession() as client:
        running = Daemon(process, client)
        reading = asyncio.create_task(running.read_log())
        try:
            address: str = (await running.logged("serving"))["addresses"][-1]
            running.base = f"http://127.0.0.1:{address.rpartition(':')[2]}"
            yield running
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            await reading
