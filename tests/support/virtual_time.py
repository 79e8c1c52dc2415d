"""An event loop in virtual time: hours of waiting take milliseconds.

    def test_a_day() -> None:
        with virtual_time() as clock:
            clock.run(scenario(clock))

Strategy: when the loop has nothing to run and would sleep until its next timer, its time jumps to that timer.
Ready sockets come first, so a peer in the same loop is served before time passes. Work in a thread (an
executor) takes real time: while `busy` is true, the loop waits for it.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from exporter.clock import Clock

_T = TypeVar("_T")
START_EPOCH: Final = 1_800_000_000.0
_LOOK: Final = 0.001  # real seconds between checks for work in threads


class _LeapingSelector(selectors.DefaultSelector):
    """Reports what is ready, and jumps over the time in which nothing is."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.busy: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        ready = super().select(0)
        if timeout is not None and timeout <= 0:
            return ready  # callbacks wait for their turn, whatever threads do
        busy = True
        while busy and not ready:
            busy = self.busy()  # asked before the look, which then sees what a thread handed over as it ended
            ready = super().select(_LOOK if busy else 0)
        if ready or timeout is None:
            return ready or super().select(None)
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual."""

    def __init__(self) -> None:
        self._leaping = _LeapingSelector()
        super().__init__(self._leaping)

    def time(self) -> float:
        """The virtual time, seconds."""
        return self._leaping.now

    def wait_for_threads(self, busy: Callable[[], bool]) -> None:
        """Let no time pass while `busy` is true."""
        self._leaping.busy = busy


class VirtualClock(Clock):
    """The clock that goes with a VirtualTimeLoop.

    Attributes:
        step: seconds that the wall clock has been set forward since the start (negative: back).
    """

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self.loop = loop
        self.step = 0.0
        self._start = loop.time()

    def monotonic(self) -> float:
        return self.loop.time()

    def epoch(self) -> float:
        return START_EPOCH + self.loop.time() - self._start + self.step

    def run(self, scenario: Coroutine[Any, Any, _T]) -> _T:
        """The result of the scenario, run to its end in virtual time."""
        return self.loop.run_until_complete(scenario)


class Now(Clock):
    """A clock that tests move.

    Attributes:
        now: seconds by which time has passed, for both clocks.
        step: seconds by which the wall clock was set forward.
    """

    def __init__(self, now: float = 1_800_000_000.0) -> None:  # 2027-01-15 08:00 UTC
        self.now = now
        self.step = 0.0

    def epoch(self) -> float:
        return self.now + self.step

    def monotonic(self) -> float:
        return self.now


@contextmanager
def virtual_time() -> Iterator[VirtualClock]:
    """A clock and its loop, closed at the end."""
    loop = VirtualTimeLoop()
    try:
        yield VirtualClock(loop)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
