"""The clock of the simulated switch: the given clock, plus the error that a fault sets.

FreeSWITCH stamps events from a core clock that moves once per timer tick, 20 ms by default (facts.md 1.6):
many events of one call share a stamp. Gateway uptimes and pings use the real clock. Both are here.
"""

from datetime import UTC, datetime
from functools import lru_cache

from exporter.clock import Clock

TICK_MICROSECONDS = 20_000


class SwitchClock:
    """The clock of one switch.

    Attributes:
        skew: seconds that the wall clock is ahead of the given one (negative: behind).
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.skew = 0.0

    def now(self) -> float:
        """Epoch seconds by the switch's wall clock."""
        return self._clock.epoch() + self.skew

    def stamp(self) -> int:
        """Epoch microseconds of the core clock: `now`, rounded down to the timer tick."""
        return quantized(int(self.now() * 1_000_000))

    def monotonic(self) -> float:
        """Seconds that never go back; no skew."""
        return self._clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await self._clock.sleep(seconds)


def quantized(microseconds: int) -> int:
    """`microseconds` rounded down to the core clock's last tick."""
    return microseconds - microseconds % TICK_MICROSECONDS


def local_date(microseconds: int) -> str:
    """`2026-11-23 00:01:31` in local time, as `Event-Date-Local` and the `*_stamp` variables show it."""
    return _local_second(microseconds // 1_000_000)


@lru_cache(maxsize=16)
def _local_second(seconds: int) -> str:
    return local(seconds).replace(tzinfo=None).isoformat(" ")


def local(epoch: float) -> datetime:
    """The local time of an epoch in seconds."""
    return datetime.fromtimestamp(epoch, UTC).astimezone()
