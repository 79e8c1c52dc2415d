"""How many commands the polls of one node may send: RATE a second on average, MOST at once.

With a tick every 2 s, FreeSWITCH gets 120 vital commands in any minute at most, two a second.
"""

from typing import Final

from exporter.clock import Clock

RATE: Final = 1.35  # commands a second
MOST: Final = 8.0  # commands: a poll of everything and some of single gateways


class Allowance:
    """Commands that may be sent now; it grows with time.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.fill()

    def fill(self) -> None:
        """A new connection: as much as there can be."""
        self._left = MOST
        self._at = self._clock.monotonic()

    def covers(self, commands: int) -> bool:
        """Whether so many commands may be sent now."""
        now = self._clock.monotonic()
        self._left = min(MOST, self._left + RATE * (now - self._at))
        self._at = now
        return self._left >= min(commands, MOST)

    def spend(self) -> None:
        """One command is sent."""
        self._left -= 1
