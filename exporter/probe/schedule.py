"""When probes run by themselves: every `interval`, give or take a twentieth, so that none fall into step.

A run that would begin while the last one still goes on, or still waits for its turn, is left out and counted
as `overlap`: a switch in trouble gets no queue of calls. The first run after a start comes one interval after
the last run of the life before, so that a crash loop does not multiply calls; where none is known, within ten
seconds.

A reload keeps the due time of every probe whose interval stays the same.
"""

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, Final

import structlog

from exporter.probe.refusal import Refused

JITTER: Final = 0.05
FIRST_WITHIN: Final = 10.0

log = structlog.get_logger(__name__)


class _Clockwork:
    """One probe's."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self.due = 0.0
        self.timer: asyncio.TimerHandle | None = None
        self.running: asyncio.Task[None] | None = None

    def stop(self) -> None:
        if self.timer is not None:
            self.timer.cancel()


class Schedule:
    """The clockwork of all probes.

    Args:
        run: runs the probe of that name; may raise Refused.
        overlapped: called for each run that was left out.
        last_start: epoch seconds at which the probe's last known run began.
    """

    def __init__(
        self,
        run: Callable[[str], Coroutine[Any, Any, None]],
        overlapped: Callable[[], None],
        last_start: Callable[[str], float | None],
    ) -> None:
        self._run = run
        self._overlapped = overlapped
        self._last_start = last_start
        self._clockworks: dict[str, _Clockwork] = {}
        self._random = random.Random()  # noqa: S311 - spreads load, keeps no secret

    def configure(self, intervals: Mapping[str, float]) -> None:
        """Put these probes, by name, on the schedule and no others. Runs under way go on."""
        for name in list(self._clockworks):
            if self._clockworks[name].interval != intervals.get(name):
                self._clockworks.pop(name).stop()
        for name, interval in intervals.items():
            if name not in self._clockworks:
                self._clockworks[name] = clockwork = _Clockwork(interval)
                self._arm(name, clockwork, self._first_wait(name, interval))

    def stop(self) -> None:
        """No run begins any more; runs under way are the runner's to end."""
        self.configure({})

    def due_in(self, name: str) -> float | None:
        """Seconds until the probe's next run; None if it is not on the schedule."""
        clockwork = self._clockworks.get(name)
        return None if clockwork is None else clockwork.due - asyncio.get_running_loop().time()

    def _first_wait(self, name: str, interval: float) -> float:
        soon = self._random.uniform(0, min(interval, FIRST_WITHIN))
        last = self._last_start(name)
        since = time.time() - last if last is not None else interval
        # A clock that was set back must not silence a probe for longer than an interval.
        return max(soon, min(interval - since, interval))

    def _arm(self, name: str, clockwork: _Clockwork, wait: float) -> None:
        loop = asyncio.get_running_loop()
        clockwork.due = loop.time() + wait
        clockwork.timer = loop.call_at(clockwork.due, self._fire, name, clockwork)

    def _fire(self, name: str, clockwork: _Clockwork) -> None:
        self._arm(name, clockwork, clockwork.interval * self._random.uniform(1 - JITTER, 1 + JITTER))
        if clockwork.running is not None and not clockwork.running.done():
            self._overlapped()
            log.warning("scheduled probe left out: the last run still goes on", probe=name)
            return
        clockwork.running = asyncio.create_task(self._guarded(name), name=f"scheduled probe {name}")

    async def _guarded(self, name: str) -> None:
        try:
            await self._run(name)
        except Refused as refused:
            log.warning("scheduled probe not run", probe=name, reason=refused.reason, message=refused.message)
        except Exception:
            log.exception("scheduled probe failed", probe=name)
