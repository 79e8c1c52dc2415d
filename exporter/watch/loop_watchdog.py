"""The guard of the loop: a stuck exporter must not stop FreeSWITCH.

FreeSWITCH writes events to us with patience of ten minutes, and stops meanwhile (facts.md 1.7). If our loop
is stuck nobody reads, and nobody in the loop can close the sockets. So a thread of its own watches the loop's
pulse and, when it has been missing for STUCK seconds, shuts the sockets down from outside; the kernel then
answers further writes with a reset. When the loop comes back it finds the connections ended and starts anew.

The pulse also measures the lag of the loop, the first sign of an exporter short of CPU, and drives systemd's
watchdog, so that a loop which is stuck for good is restarted.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

import structlog

PULSE: Final = 0.25
STUCK: Final = 10.0
_LAG_WINDOW: Final = 40  # pulses: ten seconds

log = structlog.get_logger(__name__)


class LoopWatchdog:
    """Watches the running loop.

    Args:
        let_go: called from another thread when the loop is stuck.
        on_pulse: called in the loop at every pulse.
        stuck: seconds without a pulse that count as stuck.
    """

    def __init__(
        self, let_go: Callable[[], None], on_pulse: Callable[[], None], stuck: float = STUCK
    ) -> None:
        self._let_go = let_go
        self._on_pulse = on_pulse
        self._stuck = stuck
        self._pulse = time.monotonic()
        self._lags: deque[float] = deque(maxlen=_LAG_WINDOW)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="loop guard", daemon=True)

    @property
    def lag(self) -> float:
        """The worst lateness of a pulse in the last ten seconds, seconds."""
        return max(self._lags, default=0.0)

    async def run(self) -> None:
        """Beat until cancelled."""
        self._pulse = time.monotonic()
        self._thread.start()
        try:
            while True:
                due = time.monotonic() + PULSE
                await asyncio.sleep(PULSE)
                self._pulse = time.monotonic()
                self._lags.append(max(self._pulse - due, 0.0))
                self._on_pulse()
        finally:
            self._stopping.set()

    def _watch(self) -> None:
        let_go_at: float | None = None
        while not self._stopping.wait(PULSE):
            pulse = self._pulse
            if time.monotonic() - pulse > self._stuck and let_go_at != pulse:
                let_go_at = pulse
                self._let_go()
                log.error(
                    "the loop is stuck; let go of FreeSWITCH", seconds=round(time.monotonic() - pulse, 1)
                )
