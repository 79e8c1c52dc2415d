"""When probes run by themselves: every `interval`, plus or minus 5 %, so that no two stay in step.

A run that would begin while the last one still goes on, or still waits for its turn, is left out and counted
as `overlap`: a switch in trouble gets no queue of calls. The first run after a start comes one interval after
the last run of the process before, so that a crash loop does not multiply calls; where none is known, within
ten seconds.

A probe that stands by (pair.py) stays due, and is looked at again every LOOK_AGAIN seconds: once the other
exporter no longer runs it, its run begins.

A reload keeps the due time of every probe whose interval stays the same.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import structlog

from exporter.clock import Clock
from exporter.probe.admission import Refused

JITTER: Final = 0.05
FIRST_WITHIN: Final = 10.0
LOOK_AGAIN: Final = 1.0

log = structlog.get_logger(__name__)


class _Timetable:
    """The runs of one probe.

    Attributes:
        interval: seconds between two runs.
        due: the clock's `monotonic` at which the next run begins.
        timer: starts it.
        running: the last run begun.
    """

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.due = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.running: asyncio.Task[None] | None = None

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()


class Schedule:
    """The timetables of all probes.

    Args:
        run: runs the probe of that name; may raise Refused.
        overlapped: called for each run that was left out.
        last_start: epoch seconds at which the last known run of the probe of that name began.
        waits: whether the probe of that name is not to run now.
        clock: the time.
    """

    def __init__(
        self,
        run: Callable[[str], Coroutine[Any, Any, None]],
        overlapped: Callable[[], None],
        last_start: Callable[[str], float | None],
        waits: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        self._run = run
        self._overlapped = overlapped
        self._last_start = last_start
        self._waits = waits
        self._clock = clock
        self._timetables: dict[str, _Timetable] = {}
        self._random = random.Random()  # noqa: S311 - spreads load, keeps no secret

    def configure(self, intervals: Mapping[str, float]) -> None:
        """Put these probes, by name, on the schedule and no others. Runs under way go on."""
        for name in list(self._timetables):
            if self._timetables[name].interval != intervals.get(name):
                self._timetables.pop(name).stop()
        for name, interval in intervals.items():
            if name not in self._timetables:
                self._timetables[name] = timetable = _Timetable(interval)
                self._arm(name, timetable, self._first_wait(name, interval))

    def stop(self) -> None:
        """No run begins any more; runs under way are the runner's to end."""
        self.configure({})

    def due_in(self, name: str) -> float | None:
        """Seconds until the probe's next run; None if it is not on the schedule."""
        timetable = self._timetables.get(name)
        return None if timetable is None else timetable.due - self._clock.monotonic()

    def _first_wait(self, name: str, interval: float) -> float:
        soon = self._random.uniform(0, min(interval, FIRST_WITHIN))
        last = self._last_start(name)
        since = self._clock.epoch() - last if last is not None else interval
        # A clock that was set back must not silence a probe for longer than an interval.
        return max(soon, min(interval - since, interval))

    def _arm(self, name: str, timetable: _Timetable, wait: float) -> None:
        timetable.due = self._clock.monotonic() + wait
        timetable.timer = asyncio.get_running_loop().call_later(wait, self._fire, name, timetable)

    def _fire(self, name: str, timetable: _Timetable) -> None:
        if self._waits(name):
            self._arm(name, timetable, LOOK_AGAIN)
            return
        self._arm(name, timetable, timetable.interval * self._random.uniform(1 - JITTER, 1 + JITTER))
        if timetable.running is not None and not timetable.running.done():
            self._overlapped()
            log.warning("scheduled probe left out: the last run still goes on", probe=name)
            return
        timetable.running = asyncio.create_task(self._guarded(name), name=f"scheduled probe {name}")

    async def _guarded(self, name: str) -> None:
        try:
            await self._run(name)
        except Refused as refused:
            log.warning("scheduled probe not run", probe=name, reason=refused.reason, message=refused.message)
        except Exception:
            log.exception("scheduled probe failed", probe=name)
