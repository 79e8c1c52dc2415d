"""The time inside one call, which may run faster than the clock.

Strategy: an agenda of moments, executed strictly in order by one timer of the event loop. At speed 1 the time
is the clock's. Faster than that it stands still while work is done: it is exactly the moment whose turn it
is, however late a busy machine reaches it, so that a wait of five seconds ends at 5.0 s and not at 5.5 s.
Code that acts on a call from outside (a kill) calls `catch_up` first.
"""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from exporter.simulator.clock import SwitchClock

# Turns of the event loop before the next moment, so that tasks woken by the last one can add theirs.
SETTLING_TURNS: Final = 5


@dataclass(order=True, slots=True)
class Appointment:
    """One entry of the agenda."""

    moment: float
    number: int
    action: Callable[[], None] | None = field(compare=False)

    def cancel(self) -> None:
        """Do nothing at that moment."""
        self.action = None


class Timeline:
    """Seconds since a call began, and what is due in it.

    Args:
        speed: how many of its seconds pass in one second of the clock.
        clock: of the switch.
    """

    def __init__(self, speed: float, clock: SwitchClock) -> None:
        self._speed = speed
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._born = self._anchor = clock.monotonic()
        self._reached = 0.0
        self._agenda: list[Appointment] = []
        self._numbers = itertools.count()
        self._timer: asyncio.TimerHandle | None = None
        self._waiting: set[asyncio.Future[None]] = set()
        self._stopped = False

    def elapsed(self) -> float:
        """Seconds since the beginning."""
        return self._clock.monotonic() - self._born if self._speed == 1 else self._reached

    def catch_up(self) -> None:
        """Advance to what the clock says, but not past the next moment: something happens from outside."""
        now = self._clock.monotonic()
        run = self._reached + (now - self._anchor) * self._speed
        following = (entry.moment for entry in self._agenda if entry.action)
        self._reached = max(self._reached, min(run, *following, run))
        self._anchor = now

    def at(self, seconds: float, action: Callable[[], None]) -> Appointment:
        """Do `action` in `seconds` from now, unless cancelled or stopped."""
        entry = Appointment(self.elapsed() + max(0.0, seconds), next(self._numbers), action)
        if not self._stopped:
            heapq.heappush(self._agenda, entry)
            if self._agenda[0] is entry:
                self._arm()
        return entry

    async def wait(self, seconds: float) -> bool:
        """Wait; True if the timeline was stopped meanwhile."""
        if self._stopped:
            return True
        future: asyncio.Future[None] = self._loop.create_future()
        self._waiting.add(future)
        entry = self.at(seconds, lambda: _wake(future))
        try:
            await future
        finally:
            self._waiting.discard(future)
            entry.cancel()
        return self._stopped

    def stop(self) -> None:
        """Drop the agenda and wake every waiter."""
        self._stopped = True
        self._agenda.clear()
        if self._timer:
            self._timer.cancel()
        for future in self._waiting:
            _wake(future)

    def _arm(self) -> None:
        if self._timer:
            self._timer.cancel()
        while self._agenda and self._agenda[0].action is None:
            heapq.heappop(self._agenda)
        if self._agenda:
            self._anchor = self._clock.monotonic()
            delay = max(0.0, self._agenda[0].moment - self.elapsed()) / self._speed
            self._timer = self._loop.call_later(delay, self._due, SETTLING_TURNS)

    def _due(self, turns: int) -> None:
        if self._stopped or not self._agenda:
            return
        if turns and self._speed != 1:
            self._loop.call_soon(self._due, turns - 1)
            return
        entry = heapq.heappop(self._agenda)
        action = entry.action
        if action is not None:
            self._reached = max(self._reached, entry.moment)
            action()
        self._arm()


def _wake(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)
