"""How far behind its best the stream of events is.

An event's stamp is FreeSWITCH's clock, its arrival is ours, so their difference is lag plus clock error. The
error stays the same for minutes while lag comes and goes: the smallest difference of the last ten minutes is
taken for error, and what goes beyond it for lag. The minimum is kept for two windows of five minutes, which
costs nothing per event and forgets a step of either clock within ten.
"""

from typing import Final

WINDOW: Final = 300.0


class Lag:
    """Seconds of lag from pairs of arrival and stamp."""

    __slots__ = ("_before", "_best", "_until")

    def __init__(self) -> None:
        self._best = self._before = float("inf")
        self._until = 0.0

    def measure(self, arrival: float, stamp: float) -> float:
        """The lag of an event, never below 0. Both in epoch seconds."""
        difference = arrival - stamp
        if arrival >= self._until:
            self._before, self._best = self._best, float("inf")
            self._until = arrival + WINDOW
        if difference < self._best:
            self._best = difference
        return difference - min(self._best, self._before)
