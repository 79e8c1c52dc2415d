"""The watchdog of the event loop: a stuck exporter must not stop FreeSWITCH.

FreeSWITCH retries writing to a client that does not read for ten minutes, and stops meanwhile (facts.md 1.7).
While the event loop is stuck nothing reads, and nothing in the loop can close the sockets. So a thread of its
own watches the loop's pulse and, once it has been missing for STUCK seconds, has the sockets shut down from
outside; the kernel then answers further writes with a reset. When the loop runs again it finds the
connections ended and starts anew.

The pulse also measures the lag of the loop, the first sign of an exporter short of CPU, and drives systemd's
watchdog, so that a loop that stays stuck is restarted.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

from exporter.clock import Clock

PULSE: Final = 0.25
STUCK: Final = 10.0
_LAG_WINDOW: Final = 40  # pulses: ten seconds

log = structlog.get_logger(__name__)


class LoopWatchdog:
    """Watches the running loop.

    Args:
        on_stuck: called from another thread when the loop is stuck.
        on_pulse: called in the loop at every pulse.
        stuck: seconds without a pulse that count as stuck.
    """

    def __init__(
        self,
        on_stuck: Callable[[], None],
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
        try:
            while True:
                due = self._clock.monotonic() + PULSE
                await self._clock.sleep(PULSE)
                self._pulse = self._clock.monotonic()
                self._lags.append(max(self._pulse - due, 0.0))
                self._on_pulse()
        finally:
            self._stopping.set()

    def _watch(self) -> None:
        reported: float | None = None  # the pulse after which the loop stood still the last time
        while not self._stopping.wait(PULSE):
            pulse = self._pulse
            silent = self._clock.monotonic() - pulse
            if silent > self._stuck and reported != pulse:
                reported = pulse
                self._on_stuck()
                log.error(
                    "the event loop is stuck; connections to FreeSWITCH were closed", seconds=round(silent, 1)
                )
