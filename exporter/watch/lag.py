"""How late events arrive.

An event's stamp is by FreeSWITCH's clock, its arrival by the exporter's, so their difference is lag plus
clock error. The error stays the same for minutes while lag comes and goes: the smallest difference of the
last ten minutes counts as error, the rest as lag. The minimum is kept for two windows of five minutes, which
costs one comparison per event and forgets a step of either clock within ten minutes.
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
