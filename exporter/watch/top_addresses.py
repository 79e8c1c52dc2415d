"""Who comes most often, of any number of addresses, in bounded memory.

Strategy: time is cut into buckets; each counts at most ADDRESSES addresses by the space-saving rule (Metwally
et al., 2005): a new address takes the place of the rarest, and its count with it, so that an address that
comes often is always kept. What a count may be too high by is kept, too, and left out of every figure: a
figure is what the address has done at least.
"""

from collections import deque
from typing import Final, NamedTuple

BUCKET: Final = 300.0  # seconds
BUCKETS: Final = 13  # the one that is filled now, and the hour before it
ADDRESSES: Final = 128  # of each bucket


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
        self._buckets: deque[_Bucket] = deque([_Bucket(now)], maxlen=BUCKETS)

    def add(self, address: str, now: float) -> None:
        """An address came."""
        bucket = self._buckets[-1]
        if now - bucket.began >= BUCKET:
            bucket = _Bucket(now)
            self._buckets.append(bucket)
        bucket.add(address)

    def count(self, address: str, now: float) -> int:
        """How often an address came in the last hour, at least."""
        return sum(bucket.least(address) for bucket in self._since(now, BUCKET * (BUCKETS - 1)))

    def most(self, now: float, seconds: float, limit: int) -> list[Frequent]:
        """The most frequent first; `seconds` is met to one bucket more."""
        sums: dict[str, int] = {}
        for bucket in self._since(now, seconds):
            for address in bucket.counts:
                sums[address] = sums.get(address, 0) + bucket.least(address)
        known = [Frequent(address, count) for address, count in sums.items() if count]
        return sorted(known, key=lambda one: (-one.times, one.address))[:limit]

    def _since(self, now: float, seconds: float) -> "list[_Bucket]":
        """The buckets that were filled in the last seconds."""
        return [bucket for bucket in self._buckets if now - bucket.began < seconds + BUCKET]


class _Bucket:
    """Counts of one piece of time; `errors`: by how much a count may be too high."""

    __slots__ = ("began", "counts", "errors")

    def __init__(self, began: float) -> None:
        self.began = began
        self.counts: dict[str, int] = {}
        self.errors: dict[str, int] = {}

    def add(self, address: str) -> None:
        counts = self.counts
        if address in counts:
            counts[address] += 1
        elif len(counts) < ADDRESSES:
            counts[address] = 1
        else:
            rarest = min(counts, key=counts.__getitem__)
            taken = counts.pop(rarest)
            self.errors.pop(rarest, None)
            counts[address] = taken + 1
            self.errors[address] = taken

    def least(self, address: str) -> int:
        return self.counts.get(address, 0) - self.errors.get(address, 0)
