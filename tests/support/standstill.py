"""A daemon that stands still: stopped (SIGSTOP), as a frozen container is, and continued."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.support.daemon import Daemon
from tests.support.runtime import until

STUCK: Final = 0.8  # seconds
HASTY: Final = f"""
import sys
from exporter import cli
from exporter.watch import lifecycle, loop_watchdog
loop_watchdog.LoopWatchdog.__init__.__kwdefaults__["stuck"] = {STUCK}
lifecycle.LAST_RETRY = lifecycle.FIRST_RETRY
sys.exit(cli.main())
"""
"""The program, with shorter limits of the watchdog and of the pauses between attempts."""


@asynccontextmanager
async def stopped(running: Daemon) -> AsyncIterator[None]:
    """The daemon stands still until the end of the block."""
    running.process.send_signal(signal.SIGSTOP)
    await until(lambda: _is_stopped(running.process.pid))
    try:
        yield
    finally:
        running.process.send_signal(signal.SIGCONT)


async def connected(running: Daemon) -> None:
    """Wait until all of its nodes are connected."""
    async with asyncio.timeout(20):
        while (await running.get("/api/calls/health"))[0] != 200:  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.02)


def _is_stopped(pid: int) -> bool:
    """Whether every thread of the process stands still: the signal takes a moment to reach a running one."""
    states = [
        stat.read_text().rpartition(")")[2].split()[0] for stat in Path(f"/proc/{pid}/task").glob("*/stat")
    ]
    return all(state == "T" for state in states)
