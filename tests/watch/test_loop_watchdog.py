"""The watchdog of the loop: a stuck loop closes its connections, a running one keeps them."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from exporter.clock import Clock
from exporter.esl import Connection, Disconnected, FellBehind
from exporter.simulator import SimulatedSwitch
from exporter.watch.loop_watchdog import LoopWatchdog
from tests.support.no_look_up import no_look_up


@asynccontextmanager
async def running(watchdog: LoopWatchdog) -> AsyncIterator[None]:
    task = asyncio.create_task(watchdog.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def test_a_stuck_loop_has_its_connection_closed_from_outside() -> None:
    async with SimulatedSwitch() as switch:
        connection = await Connection.open("127.0.0.1", switch.port, password="ClueCon", look_up=no_look_up)
        severed_at: list[float] = []
        last_pulses: list[float] = []

        def sever(since: float) -> None:
            severed_at.append(time.monotonic())
            last_pulses.append(since)
            connection.sever()

        async with running(LoopWatchdog(sever, lambda: None, clock=Clock(), stuck=0.5)):
            await asyncio.sleep(0.3)
            assert not severed_at
            stuck_at = time.monotonic()
            time.sleep(1.5)  # noqa: ASYNC251 - the loop is to be stuck
            assert len(severed_at) == 1
            assert severed_at[0] < stuck_at + 1.4, "while it was stuck, not afterwards"
            assert last_pulses[0] <= stuck_at
            reason = await asyncio.wait_for(connection.closed, 5)
            assert isinstance(reason, FellBehind)
        connection.abort(Disconnected("done"))


async def test_a_pulse_is_passed_on_and_its_lateness_measured() -> None:
    beaten = asyncio.Event()
    watchdog = LoopWatchdog(lambda since: None, beaten.set, clock=Clock())
    async with running(watchdog):
        assert watchdog.lag == 0.0
        await asyncio.sleep(0.1)
        time.sleep(0.6)  # noqa: ASYNC251 - the loop is to be late
        await asyncio.wait_for(beaten.wait(), 5)
        assert watchdog.lag >= 0.3
