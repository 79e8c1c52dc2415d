"""How busy the switch is: sessions counted as FreeSWITCH counts them, one per leg.

The five-minute figures tumble, they do not slide: they start again from nothing every 300 s (facts.md 4.5).
"""

import time
from collections import deque


class Load:
    """The session counters of one process.

    Attributes:
        since_startup: sessions ever made. count: legs that live now.
        peak, per_second_peak: the most ever; *_five_minutes: the most in this window.
    """

    def __init__(self) -> None:
        self.since_startup = 0
        self.count = 0
        self.peak = 0
        self.peak_five_minutes = 0
        self.per_second_peak = 0
        self.per_second_five_minutes = 0
        self._window = time.monotonic()
        self._recent: deque[float] = deque()

    def began(self, count: int) -> None:
        """A session was made; `count` legs live now."""
        now = time.monotonic()
        if now - self._window >= 300:  # tumbling, not sliding (facts.md 4.5)
            self._window, self.peak_five_minutes, self.per_second_five_minutes = now, 0, 0
        self.since_startup += 1
        self._recent.append(now)
        self.count = count
        self.peak = max(self.peak, count)
        self.peak_five_minutes = max(self.peak_five_minutes, count)
        self.per_second_peak = max(self.per_second_peak, self.per_second)
        self.per_second_five_minutes = max(self.per_second_five_minutes, self.per_second)

    @property
    def per_second(self) -> int:
        """Sessions made in the last second."""
        now = time.monotonic()
        while self._recent and now - self._recent[0] >= 1.0:
            self._recent.popleft()
        return len(self._recent)
