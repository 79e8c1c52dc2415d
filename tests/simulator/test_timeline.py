"""A call's agenda: in order, exact at any speed, without effect once stopped."""

import asyncio
import time

from exporter.clock import Clock
from exporter.simulator.clock import SwitchClock
from exporter.simulator.timeline import Timeline


async def test_moments_come_in_order_and_exactly_however_late_the_loop_is(clock: Clock) -> None:
    timeline = Timeline(50, SwitchClock(clock))
    met: list[tuple[str, float]] = []

    async def walk() -> None:
        await timeline.wait(1.0)
        time.sleep(0.1)  # noqa: ASYNC251 - a machine that stalls
        met.append(("walked", timeline.elapsed()))
        await timeline.wait(4.0)
        met.append(("arrived", timeline.elapsed()))

    task = asyncio.create_task(walk())
    late = asyncio.Event()

    def last() -> None:
        met.append(("late", timeline.elapsed()))
        late.set()

    timeline.at(5.5, last)
    timeline.at(0.5, lambda: met.append(("early", timeline.elapsed())))
    cancelled = timeline.at(0.7, lambda: met.append(("never", 0)))
    cancelled.cancel()
    async with asyncio.timeout(5):
        await task
        await late.wait()
    assert met == [("early", 0.5), ("walked", 1.0), ("arrived", 5.0), ("late", 5.5)]


async def test_at_speed_one_it_is_the_clock_s(clock: Clock) -> None:
    timeline = Timeline(1, SwitchClock(clock))
    began = time.monotonic()
    assert not await timeline.wait(0.05)
    assert abs(timeline.elapsed() - (time.monotonic() - began)) < 0.02


async def test_what_comes_from_outside_is_never_later_than_the_next_moment(clock: Clock) -> None:
    timeline = Timeline(100, SwitchClock(clock))
    timeline.at(1000, lambda: None)
    await asyncio.sleep(0.02)
    timeline.catch_up()
    assert 2.0 <= timeline.elapsed() < 1000
    timeline.at(0.001, lambda: None)
    before = timeline.elapsed()
    time.sleep(0.01)  # noqa: ASYNC251
    timeline.catch_up()
    assert timeline.elapsed() <= before + 0.001


async def test_stopping_wakes_waiters_and_drops_the_agenda(clock: Clock) -> None:
    timeline = Timeline(1, SwitchClock(clock))
    happened: list[int] = []
    timeline.at(0.01, lambda: happened.append(1))
    waiting = asyncio.create_task(timeline.wait(60))
    await asyncio.sleep(0)
    timeline.stop()
    assert await waiting
    assert await timeline.wait(1)
    await asyncio.sleep(0.03)
    assert happened == []
