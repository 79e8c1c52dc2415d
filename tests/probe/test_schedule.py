"""Probes by the clock: jitter, overlap, reloads, restarts."""

import asyncio
import time
from collections.abc import Callable

import pytest

from exporter.probe.refusal import Refused
from exporter.probe.schedule import FIRST_WITHIN, JITTER, Schedule
from tests.probe.lab import until


class Runs:
    """Runs that last as long as `going` says."""

    def __init__(self) -> None:
        self.began: list[float] = []
        self.overlaps = 0
        self.free = asyncio.Event()
        self.free.set()

    async def run(self, name: str) -> None:
        self.began.append(asyncio.get_running_loop().time())
        await self.free.wait()

    def overlapped(self) -> None:
        self.overlaps += 1


def made(runs: Runs, last: Callable[[str], float | None] = lambda _: None) -> Schedule:
    return Schedule(runs.run, runs.overlapped, last)


async def test_runs_come_by_the_interval_with_jitter() -> None:
    runs = Runs()
    schedule = made(runs)
    schedule.configure({"a": 0.05})
    await until(lambda: len(runs.began) >= 12)
    schedule.stop()
    gaps = [later - earlier for earlier, later in zip(runs.began, runs.began[1:], strict=False)]
    assert all(gap > 0.05 * (1 - JITTER) - 0.005 for gap in gaps)
    assert len({round(gap, 5) for gap in gaps}) > 3
    assert runs.overlaps == 0


async def test_a_run_that_would_overlap_is_left_out_and_counted() -> None:
    runs = Runs()
    runs.free.clear()
    schedule = made(runs)
    schedule.configure({"a": 0.03})
    await until(lambda: runs.overlaps >= 3)
    assert len(runs.began) == 1
    runs.free.set()
    await until(lambda: len(runs.began) >= 2)
    schedule.stop()


async def test_the_first_run_comes_soon_and_not_for_all_at_once() -> None:
    schedule = made(Runs())
    schedule.configure({f"{number}": 3600.0 for number in range(50)})
    waits = [schedule.due_in(f"{number}") for number in range(50)]
    schedule.stop()
    assert all(wait is not None and -1 < wait <= FIRST_WITHIN for wait in waits)
    assert len({round(wait or 0, 3) for wait in waits}) > 10


@pytest.mark.parametrize(
    ("ago", "least", "most"),
    [
        (0.0, 290, 300),  # a crash loop does not multiply calls
        (200.0, 90, 110),
        (5000.0, -1, FIRST_WITHIN),
        (-9000.0, 290, 300),  # the clock was set back: at most one interval of silence
    ],
)
async def test_after_a_restart_the_interval_goes_on(ago: float, least: float, most: float) -> None:
    schedule = made(Runs(), lambda _: time.time() - ago)
    schedule.configure({"a": 300.0})
    wait = schedule.due_in("a")
    schedule.stop()
    assert wait is not None
    assert least <= wait <= most


async def test_a_reload_keeps_due_times_and_runs_under_way() -> None:
    runs = Runs()
    runs.free.clear()
    schedule = made(runs)
    schedule.configure({"a": 0.05, "b": 3600.0})
    await until(lambda: bool(runs.began))
    loop = asyncio.get_running_loop()
    due = loop.time() + (schedule.due_in("b") or 0)
    schedule.configure({"b": 3600.0, "c": 60.0})
    assert schedule.due_in("a") is None
    assert loop.time() + (schedule.due_in("b") or 0) == pytest.approx(due, abs=0.01)
    assert schedule.due_in("c") is not None
    schedule.configure({"b": 10.0})
    assert (schedule.due_in("b") or 99) <= 10
    schedule.stop()
    assert schedule.due_in("b") is None
    assert len(runs.began) == 1
    runs.free.set()


async def test_a_refusal_or_a_bug_does_not_stop_the_clock() -> None:
    errors = iter([Refused("budget", "spent", "wait"), RuntimeError("bug"), None])
    ran = 0

    async def run(_: str) -> None:
        nonlocal ran
        ran += 1
        error = next(errors, None)
        if error is not None:
            raise error

    schedule = Schedule(run, lambda: None, lambda _: None)
    schedule.configure({"a": 0.02})
    await until(lambda: ran >= 4)
    schedule.stop()
