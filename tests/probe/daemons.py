"""Real daemons, as processes that can be killed."""

import asyncio
import contextlib
import re
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import yaml

_SERVING = re.compile(rb"serving.*127\.0\.0\.1:(\d+)")
START_SECONDS = 30.0


def write_config(folder: Path, port: int, probes: dict[str, Any], **guard: Any) -> Path:
    """A config file for the FreeSWITCH at `port`, with `folder` as state_dir."""
    path = folder / "exporter.yml"
    path.write_text(
        yaml.safe_dump(
            {
                "listen": ["127.0.0.1:0"],
                "state_dir": str(folder / "state"),
                "nodes": [{"name": "fs1", "port": port, "gateways": {"telnyx": {}}}],
                "probes": {
                    name: {"gateway": "telnyx", "talk_time": "5s"} | probe for name, probe in probes.items()
                },
                "guard": {"allow": ["+155500000*"], "min_interval": "0s"} | guard,
            }
        )
    )
    return path


class Daemon:
    """One running daemon."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, client: aiohttp.ClientSession) -> None:
        self.process = process
        self.base = f"http://127.0.0.1:{port}"
        self._client = client

    async def post(self, number: str) -> tuple[int, dict[str, Any]]:
        """Ask for a call; status and body of the answer."""
        body = {"destinationNumber": number}
        async with self._client.post(f"{self.base}/api/calls/test-echo", json=body) as response:
            return response.status, await response.json()

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text."""
        async with self._client.get(self.base + path) as response:
            return response.status, await response.text()

    async def kill(self) -> None:
        """Send SIGKILL, and wait until the process has ended."""
        self.process.kill()
        await self.process.wait()

    async def terminate(self) -> int:
        """SIGTERM; the exit code."""
        self.process.terminate()
        return await self.process.wait()


@asynccontextmanager
async def daemon(config: Path) -> AsyncIterator[Daemon]:
    """A daemon that has tried its nodes and is connected."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "serve", "--config", str(config), "--log-format", "json"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    assert process.stdout is not None
    seen: list[bytes] = []
    try:
        async with asyncio.timeout(START_SECONDS), contextlib.AsyncExitStack() as stack:
            while not (match := _SERVING.search(seen[-1] if seen else b"")):
                line = await process.stdout.readline()
                assert line, b"".join(seen).decode()
                seen.append(line)
            drain = asyncio.create_task(_drain(process.stdout))
            stack.callback(drain.cancel)
            client = await stack.enter_async_context(aiohttp.ClientSession())
            made = Daemon(process, int(match[1]), client)
            while (await made.get("/api/calls/health"))[0] != 200:  # noqa: ASYNC110 - another process
                await asyncio.sleep(0.02)
            stack = stack.pop_all()
        async with stack:
            yield made
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def _drain(reader: asyncio.StreamReader) -> None:
    while await reader.readline():
        pass
