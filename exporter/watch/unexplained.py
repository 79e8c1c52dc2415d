"""The growth of one counter that another does not explain, counted once two readings agree on it.

FreeSWITCH's own counters and the exporter's count of events describe the same things, but arrive by different
ways, a moment apart. So their difference varies by what is under way. Only what two readings in a row agree
on is counted. The first readings find the level from which growth counts; after them the level never falls,
so that nothing under way is counted twice.

What is known to be under way explains growth, and is no part of the level, which it would raise for good.
"""

from typing import Final

_LEVELLING: Final = 3  # settled readings that may still lower the level


class UnexplainedCount:
    """Counts by how much one counter outgrows another, over readings taken seconds apart.

    Attributes:
        total: the unexplained growth since the start.
    """

    __slots__ = ("_last", "_last_certain", "_level", "_settled", "total")

    def __init__(self) -> None:
        self.total = 0
        self._last: int | None = None
        self._last_certain = 0
        self._level = 0
        self._settled = 0

    def read(self, counted: int, explained: int, underway: int = 0) -> None:
        """Take a reading of both counters at one moment.

        Args:
            counted: FreeSWITCH's counter.
            explained: how many of these the exporter has seen.
            underway: how many more of them it will see, at most.
        """
        difference = counted - explained
        certain = difference - underway
        if self._last is not None:
            settled = min(difference, self._last)
            if self._settled == 0 or (settled < self._level and self._settled < _LEVELLING):
                self._level = settled
            elif (grown := min(certain, self._last_certain)) > self._level:
                self.total += grown - self._level
                self._level = grown
                self._settled = _LEVELLING  # what has been counted is not taken back
            self._settled += 1
        self._last, self._last_certain = difference, certain

    @property
    def pending(self) -> int:
        """The growth that the last reading shows and the next may count."""
        return max(0, self._last - self._level) if self._last is not None else 0

    def restart(self) -> None:
        """One of the counters starts again: the next readings find the level. The total stays."""
        self._last = None
        self._settled = 0
