"""What time the simulated switch believes it is.

FreeSWITCH stamps events from a core clock that moves once per timer tick, 20 ms by default (facts.md 1.6):
many events of one call share a stamp. Gateway uptimes and pings use the real clock instead. Both are here,
and both can be set wrong (`skew`), which is how a switch with a bad clock is played.
"""

import time

TICK_MICROSECONDS = 20_000


class Clock:
    """The switch's wall clock.

    Attributes:
        skew: seconds the switch is ahead of this machine (negative: behind).
    """

    def __init__(self) -> None:
        self.skew = 0.0

    def now(self) -> float:
        """Epoch seconds as the switch sees them."""
        return time.time() + self.skew

    def stamp(self) -> int:
        """Epoch microseconds of the core clock: `now`, rounded down to the timer tick."""
        return quantized(int(self.now() * 1_000_000))


def quantized(microseconds: int) -> int:
    """`microseconds` rounded down to the core clock's last tick."""
    return microseconds - microseconds % TICK_MICROSECONDS
