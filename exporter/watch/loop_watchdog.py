"""The watchdog of the event loop: a stuck exporter must not stop FreeSWITCH.

FreeSWITCH retries writing to a client that does not read for ten minutes, and stops meanwhile (facts.md 1.7).
While the event loop is stuck nothing reads, and nothing in the loop can close the sockets. So a thread of its
own watches the loop's pulse and, once it has been missing for STUCK seconds, has the sockets shut down from
outside; the kernel then answers further writes with a reset. When the loop runs again it finds the
connections ended and starts anew.

After a standstill of the process (SIGSTOP, a frozen container or virtual machine) thread and loop wake at the
same moment. If the loop read first, it would take in a backlog that is minutes old, and beat as if nothing
had been. So `WatchedLoop` checks the pulse as the first thing after each wait for I/O, before any deadline is
looked at, and again before each read: a process may also be stopped between the two.

The pulse also measures the lag of the loop, the first sign of an exporter short of CPU, and drives systemd's
watchdog, so that a loop that stays stuck is restarted.
"""

import asyncio
import selectors
import threading
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

import structlog

from exporter.clock import Clock

PULSE: Final = 0.25
STUCK: Final = 10.0
_LAG_WINDOW: Final = 40  # pulses: ten seconds

log = structlog.get_logger(__name__)

if TYPE_CHECKING:
    _Ready = list[tuple[selectors.SelectorKey, int]]


class _Selector(selectors.DefaultSelector):
    """The system's selector, with a call after each wait."""

    def __init__(self) -> None:
        super().__init__()
        self.on_wake: Callable[[], None] = _nothing

    def select(self, timeout: float | None = None) -> "_Ready":
        ready = super().select(timeout)
        self.on_wake()
        return ready


def _nothing() -> None:
    """Until a watchdog watches the loop."""


class WatchedLoop(asyncio.SelectorEventLoop):
    """An event loop that makes a call first in each of its steps, and before it reads from any socket.

    A standstill while bytes that were read are handled is left to the watchdog's thread, which interrupts
    that within the interpreter's switch interval, 5 ms.
    """

    def __init__(self) -> None:
        self._waking = _Selector()
        super().__init__(self._waking)

    def call_on_wake(self, check: Callable[[], None]) -> None:
        """Call `check` first in each step from now on."""
        self._waking.on_wake = check

    def _add_reader(self, fd: int, callback: Callable[..., object], *args: object) -> Any:
        """Asyncio's own, by which all its transports read."""
        return super()._add_reader(fd, self._read, callback, args)  # type: ignore[misc]

    def _read(self, callback: Callable[..., object], args: tuple[object, ...]) -> None:
        self._waking.on_wake()
        callback(*args)


class LoopWatchdog:
    """Watches the running loop.

    Args:
        on_stuck: called once for each standstill, with the time of the last pulse (monotonic), from
            whichever thread notices it first: to be short, and safe in any thread.
        on_pulse: called in the loop at every pulse.
        stuck: seconds without a pulse that count as stuck.
    """

    def __init__(
        self,
        on_stuck: Callable[[float], None],
        on_pulse: Callable[[], None],
        *,
        clock: Clock,
        stuck: float = STUCK,
    ) -> None:
        self._on_stuck = on_stuck
        self._on_pulse = on_pulse
        self._clock = clock
        self._stuck = stuck
        self._pulse = clock.monotonic()
        self._reported: float | None = None  # the pulse after which the loop stood still the last time
        self._reporting = threading.Lock()
        self._lags: deque[float] = deque(maxlen=_LAG_WINDOW)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop watchdog", daemon=True)

    @property
    def lag(self) -> float:
        """The worst lateness of a pulse in the last ten seconds, seconds."""
        return max(self._lags, default=0.0)

    async def run(self) -> None:
        """Beat until cancelled."""
        self._pulse = self._clock.monotonic()
        self._thread.start()
        loop = asyncio.get_running_loop()
        if isinstance(loop, WatchedLoop):
            loop.call_on_wake(self.check)
        try:
            while True:
                due = self._clock.monotonic() + PULSE
                await self._clock.sleep(PULSE)
                self.check()
                self._pulse = self._clock.monotonic()
                self._lags.append(max(self._pulse - due, 0.0))
                self._on_pulse()
        finally:
            if isinstance(loop, WatchedLoop):
                loop.call_on_wake(_nothing)
            self._stopping.set()

    def check(self) -> None:
        """Call `on_stuck` if the pulse has been missing for too long. From any thread; cheap."""
        pulse = self._pulse
        silent = self._clock.monotonic() - pulse
        if silent <= self._stuck:
            return
        with self._reporting:  # the other thread waits until the connections are closed, then goes on
            if self._reported == pulse:
                return
            self._reported = pulse
            self._on_stuck(pulse)
        log.error(
            "the event loop stood still; connections to FreeSWITCH were closed", seconds=round(silent, 1)
        )

    def _watch(self) -> None:
        while not self._stopping.wait(PULSE):
            self.check()
