"""The growth of one number that another does not explain, counted only once it has settled.

FreeSWITCH's own counters and our count of its events describe the same things but reach us on different
ways, a moment apart. So the difference of the two wobbles by what is under way. A unexplained is what two
readings in a row agree on; anything less is taken for transit. The first readings only find the level from
which growth counts; after them the level never falls, so that transit cannot be counted twice.
"""

from typing import Final

_LEVELLING: Final = 3  # settled readings that may still lower the level


class UnexplainedCount:
    """Counts by how much `theirs` outgrows `ours`, over readings taken seconds apart."""

    __slots__ = ("_last", "_level", "_settled", "total")

    def __init__(self) -> None:
        self.total = 0
        self._last: int | None = None
        self._level = 0
        self._settled = 0

    def read(self, theirs: int, ours: int) -> None:
        """Take a reading of both counters at one moment."""
        difference = theirs - ours
        if self._last is not None:
            settled = min(difference, self._last)
            if self._settled == 0 or (settled < self._level and self._settled < _LEVELLING):
                self._level = settled
            elif settled > self._level:
                self.total += settled - self._level
                self._level = settled
                self._settled = _LEVELLING  # what has been counted is not taken back
            self._settled += 1
        self._last = difference

    def restart(self) -> None:
        """One of the counters begins anew: the next readings find the level again. The total stays."""
        self._last = None
        self._settled = 0
