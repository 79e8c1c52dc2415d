"""Who comes most often, of any number of addresses, in bounded memory.

Strategy: time is cut into buckets; each counts at most ADDRESSES addresses by the rule of Misra and Gries
(1982): where there is no room for a new address, it and all that are kept lose one. So an address that came
more often than the number of all, divided by ADDRESSES, is always kept; a figure is what the address has done
at least; and each costs a few look-ups, since what is taken away had been added.
"""

from collections import deque
from collections.abc import Mapping
from typing import Final, NamedTuple

BUCKET: Final = 300.0  # seconds
BUCKETS: Final = 13  # the one that is filled now, and the hour before it
ADDRESSES: Final = 1000  # of each bucket: 0.2 MB


class Frequent(NamedTuple):
    """An address, and how often it came in the time asked for, at least."""

    address: str
    times: int


class TopAddresses:
    """The most frequent addresses of the last hour.

    Args:
        now: monotonic seconds.
    """

    def __init__(self, now: float) -> None:
        self._buckets: deque[tuple[float, Tally]] = deque([(now, Tally())], maxlen=BUCKETS)

    def add(self, address: str, now: float) -> None:
        """An address came."""
        began, tally = self._buckets[-1]
        if now - began >= BUCKET:
            tally = Tally()
            self._buckets.append((now, tally))
        tally.add(address)

    def count(self, address: str, now: float) -> int:
        """How often an address came in the last hour, at least."""
        return sum(tally.counts.get(address, 0) for tally in self._since(now, BUCKET * (BUCKETS - 1)))

    def most(self, now: float, seconds: float, limit: int) -> list[Frequent]:
        """The most frequent first; `seconds` is met to one bucket more."""
        sums: dict[str, int] = {}
        for tally in self._since(now, seconds):
            for address, count in tally.counts.items():
                sums[address] = sums.get(address, 0) + count
        return _most(sums, limit)

    def _since(self, now: float, seconds: float) -> "list[Tally]":
        """What was counted in the last seconds."""
        return [tally for began, tally in self._buckets if now - began < seconds + BUCKET]


class Tally:
    """The most frequent of any number of addresses, and how often each came, at least."""

    __slots__ = ("counts",)

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}

    def add(self, address: str) -> None:
        """An address came."""
        counts = self.counts
        if address in counts:
            counts[address] += 1
        elif len(counts) < ADDRESSES:
            counts[address] = 1
        else:
            self.counts = {kept: count - 1 for kept, count in counts.items() if count > 1}

    def most(self, limit: int) -> list[Frequent]:
        """The most frequent first."""
        return _most(self.counts, limit)


def _most(counts: Mapping[str, int], limit: int) -> list[Frequent]:
    found = sorted(counts.items(), key=lambda one: (-one[1], one[0]))[:limit]
    return [Frequent(address, times) for address, times in found]
