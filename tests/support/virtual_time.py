"""An event loop in virtual time: hours of waiting take milliseconds.

    def test_a_day() -> None:
        with virtual_time() as clock:
            clock.run(scenario(clock))

Strategy: when the loop has nothing to run and would sleep until its next timer, its time jumps to that timer.
Ready sockets come first, so a peer in the same loop is served before time passes. Work in a thread (an
executor) takes real time: while `busy` is true, the loop waits for it.

A turn of asyncio's loop, with its look at sockets and timers, costs as much as a short callback does. So
callbacks that are ready run first, up to TURNS rounds of them, and then asyncio's turn follows.
"""

import asyncio
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar, cast

from exporter.clock import Clock
from tests.support.short_cut import Ends, ShortCut

if TYPE_CHECKING:
    from collections import deque

_T = TypeVar("_T")
START_EPOCH: Final = 1_800_000_000.0
_LOOK: Final = 0.001  # real seconds between checks for work in threads
TURNS: Final = 10  # a callback that calls itself again and again must not keep sockets and timers waiting


class _LeapingSelector(selectors.DefaultSelector):
    """Reports what is ready, and jumps over the time in which nothing is."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.busy: Callable[[], bool] = lambda: False

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is not None and timeout <= 0:  # callbacks wait for their turn, whatever threads do
            return super().select(0)
        busy = True
        ready: list[tuple[selectors.SelectorKey, int]] = []
        while busy and not ready:
            busy = self.busy()  # asked before the look, which then sees what a thread handed over as it ended
            ready = super().select(_LOOK if busy else 0)
        if ready or timeout is None:
            return ready or super().select(None)
        self.now += timeout
        return []


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An event loop whose time is virtual.

    Args:
        short_cut: bytes between ends in this loop are handed over in it, not by the kernel (short_cut.py).
    """

    def __init__(self, *, short_cut: bool = False) -> None:
        self._leaping = _LeapingSelector()
        self._short_cut = short_cut
        self._ends: dict[Ends, ShortCut] = {}
        super().__init__(self._leaping)

    def _make_socket_transport(self, *given: Any, **named: Any) -> asyncio.Transport:
        """Asyncio's own, by which it makes the transport of each connected socket."""
        if self._short_cut:
            return cast(asyncio.Transport, ShortCut(self._ends, self, *given, **named))
        return cast(asyncio.Transport, super()._make_socket_transport(*given, **named))  # type: ignore[misc]

    _ready: "deque[asyncio.Handle]"  # asyncio's own
    _stopping: bool

    def _run_once(self) -> None:
        """Asyncio's own turn of the loop, after the callbacks that are ready."""
        ready = self._ready
        for _ in range(TURNS):
            if not ready or self._stopping:
                break
            for _ in range(len(ready)):
                handle = ready.popleft()
                if not handle._cancelled:
                    handle._run()
        if not self._stopping:
            super()._run_once()  # type: ignore[misc]

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
def virtual_time(*, short_cut: bool = False) -> Iterator[VirtualClock]:
    """A clock and its loop, closed at the end.

    Args:
        short_cut: as VirtualTimeLoop's.
    """
    loop = VirtualTimeLoop(short_cut=short_cut)
    try:
        yield VirtualClock(loop)
    finally:
        loop.run_until_complete(loop.shutdown_asyncgens())
        loop.close()
