"""Steps of FreeSWITCH's clock and of the exporter's own, told apart by the monotonic clock.

A tick is stamped by FreeSWITCH between the moments at which it was sent and came back, so FreeSWITCH's clock
less the monotonic one lies between two bounds, which a slow FreeSWITCH moves apart. It has stepped if they
leave the bounds of the tick before by more than STEP. The exporter's own wall clock is compared likewise; it
has no bounds. Clocks that run at different speeds are none that step: DRIFT is allowed for.
"""

from typing import Final

from exporter.watch.changes import Changes
from exporter.watch.tick import Reading

STEP: Final = 1.0  # seconds
DRIFT: Final = 0.0005  # more than a clock is off while NTP corrects it


class ClockChanges:
    """The clocks of one node and of the exporter.

    Args:
        changes: where a step is told.
    """

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._last: Reading | None = None

    def on_tick(self, now: Reading) -> None:
        """A tick came back."""
        last, self._last = self._last, now
        if last is None:
            return
        allowed = STEP + DRIFT * (now.came - last.sent)
        own = (now.epoch - now.sent) - (last.epoch - last.sent)
        if abs(own) > allowed:
            self._tell("exporter", own)
        least = (now.stamp - now.came) - (last.stamp - last.sent)
        most = (now.stamp - now.sent) - (last.stamp - last.came)
        if least > allowed or most < -allowed:
            self._tell("FreeSWITCH", (least + most) / 2)

    def _tell(self, whose: str, step: float) -> None:
        self._changes.note("clock_stepped", whose, "", f"{step:+.1f} s")
