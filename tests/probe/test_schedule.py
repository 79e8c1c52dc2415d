"""Probes by the clock: jitter, overlap, reloads, restarts. All of it in virtual time."""

import asyncio
from collections.abc import Callable

import pytest

from exporter.probe.admission import Refused
from exporter.probe.schedule import FIRST_WITHIN, JITTER, LOOK_AGAIN, Schedule
from tests.support.virtual_time import VirtualClock, virtual_time

HOUR = 3600.0


class Runs:
    """Runs that last until `free` is set."""

    def __init__(self, clock: VirtualClock) -> None:
        self.clock = clock
        self.began: list[float] = []
        self.overlaps = 0
        self.stands_by = False
        self.free = asyncio.Event()
        self.free.set()

    async def run(self, name: str) -> None:
        self.began.append(self.clock.monotonic())
        await self.free.wait()

    def overlapped(self) -> None:
        self.overlaps += 1

    def schedule(self, last_start: Callable[[str], float | None] = lambda _: None) -> Schedule:
        return Schedule(self.run, self.overlapped, last_start, lambda _: self.stands_by, self.clock)


def test_runs_come_by_the_interval_with_jitter() -> None:
    async def scenario(clock: VirtualClock) -> None:
        runs = Runs(clock)
        schedule = runs.schedule()
        schedule.configure({"a": 300.0})
        await clock.sleep(24 * HOUR)
        schedule.stop()
        gaps = [later - earlier for earlier, later in zip(runs.began, runs.began[1:], strict=False)]
        assert len(runs.began) == pytest.approx(288, abs=3)
        assert all(300 * (1 - JITTER) <= gap <= 300 * (1 + JITTER) for gap in gaps)
        assert len({round(gap, 5) for gap in gaps}) > 100
        assert runs.overlaps == 0
        await clock.sleep(HOUR)
        assert len(runs.began) == len(gaps) + 1

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_run_that_would_overlap_is_left_out_and_counted() -> None:
    async def scenario(clock: VirtualClock) -> None:
        runs = Runs(clock)
        runs.free.clear()
        schedule = runs.schedule()
        schedule.configure({"a": 60.0})
        await clock.sleep(FIRST_WITHIN + 210)
        assert (len(runs.began), runs.overlaps) == (1, 3)
        runs.free.set()
        await clock.sleep(63)
        assert (len(runs.began), runs.overlaps) == (2, 3)
        schedule.stop()

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_the_first_run_comes_soon_and_not_for_all_at_once() -> None:
    async def scenario(clock: VirtualClock) -> None:
        schedule = Runs(clock).schedule()
        schedule.configure({f"{number}": HOUR for number in range(50)})
        waits = [schedule.due_in(f"{number}") for number in range(50)]
        schedule.stop()
        assert all(wait is not None and 0 <= wait <= FIRST_WITHIN for wait in waits)
        assert len({round(wait or 0, 3) for wait in waits}) > 10

    with virtual_time() as clock:
        clock.run(scenario(clock))


@pytest.mark.parametrize(
    ("ago", "least", "most"),
    [
        (0.0, 300, 300),  # a crash loop does not multiply calls
        (200.0, 100, 100),
        (5000.0, 0, FIRST_WITHIN),
        (-9000.0, 300, 300),  # the clock was set back: at most one interval of silence
    ],
)
def test_after_a_restart_the_interval_goes_on(ago: float, least: float, most: float) -> None:
    async def scenario(clock: VirtualClock) -> None:
        schedule = Runs(clock).schedule(lambda _: clock.epoch() - ago)
        schedule.configure({"a": 300.0})
        wait = schedule.due_in("a")
        schedule.stop()
        assert wait is not None
        assert least <= wait <= most

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_reload_keeps_due_times_and_runs_under_way() -> None:
    async def scenario(clock: VirtualClock) -> None:
        runs = Runs(clock)
        runs.free.clear()
        schedule = runs.schedule(lambda name: clock.epoch() if name == "b" else None)
        schedule.configure({"a": 60.0, "b": HOUR})
        await clock.sleep(FIRST_WITHIN)
        assert schedule.due_in("b") == HOUR - FIRST_WITHIN
        schedule.configure({"b": HOUR, "c": 60.0})
        assert schedule.due_in("a") is None
        assert schedule.due_in("b") == HOUR - FIRST_WITHIN
        assert schedule.due_in("c") is not None
        schedule.configure({"b": 10.0})
        assert (schedule.due_in("b") or 99) <= 10
        schedule.stop()
        assert schedule.due_in("b") is None
        await clock.sleep(HOUR)
        assert len(runs.began) == 1
        runs.free.set()

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_refusal_or_a_bug_does_not_end_the_schedule() -> None:
    async def scenario(clock: VirtualClock) -> None:
        errors = iter([Refused("budget", "spent", "wait"), RuntimeError("bug"), None])
        ran = 0

        async def run(_: str) -> None:
            nonlocal ran
            ran += 1
            error = next(errors, None)
            if error is not None:
                raise error

        schedule = Schedule(run, lambda: None, lambda _: None, lambda _: False, clock)
        schedule.configure({"a": 60.0})
        await clock.sleep(FIRST_WITHIN + 4 * 60)
        schedule.stop()
        assert ran >= 4

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_probe_that_stands_by_stays_due_and_overlaps_with_nothing() -> None:
    async def scenario(clock: VirtualClock) -> None:
        runs = Runs(clock)
        runs.stands_by = True
        schedule = runs.schedule()
        schedule.configure({"a": 300.0})
        await clock.sleep(HOUR)
        assert (runs.began, runs.overlaps) == ([], 0)
        runs.stands_by, before = False, clock.monotonic()
        await clock.sleep(200)
        assert len(runs.began) == 1
        assert runs.began[0] - before <= LOOK_AGAIN
        await clock.sleep(200)
        assert len(runs.began) == 2, "from then on by its interval"
        schedule.stop()

    with virtual_time() as clock:
        clock.run(scenario(clock))
