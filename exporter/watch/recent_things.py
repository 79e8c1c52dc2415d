"""Things that happened lately, each of which may be taken once; many of them are alike.

A flood of dials and log lines is a flood of a few kinds. So what is looked through is the kinds, each with
the times at which it happened, and not all that happened.
"""

from collections import deque
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

_T = TypeVar("_T", bound=Hashable)


class RecentThings(Generic[_T]):
    """The latest things, in the order in which the first of each kind came.

    Args:
        limit: how many are kept; the oldest goes first.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._order: deque[tuple[float, _T]] = deque()  # those that were taken still among them
        self._times: dict[_T, deque[float]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._times.values()))

    def note(self, thing: _T, now: float) -> None:
        """It happened now (monotonic seconds)."""
        self._order.append((now, thing))
        self._times.setdefault(thing, deque()).append(now)
        if len(self._order) > self._limit:
            self._drop_oldest()

    def take(self, fits: Callable[[_T], float], at: float) -> _T | None:
        """One thing that fits and happened around that time, taken away; None if there is none.

        Args:
            fits: how many seconds before or after `at` such a thing may have happened; negative: it does not
                fit.
            at: monotonic seconds.
        """
        for thing, times in self._times.items():
            within = fits(thing)
            found = next((time for time in times if abs(time - at) <= within), None)
            if found is not None:
                times.remove(found)
                if not times:
                    del self._times[thing]
                return thing
        return None

    def forget_before(self, time: float) -> None:
        """What happened before then is not looked for any more."""
        while self._order and self._order[0][0] < time:
            self._drop_oldest()

    def clear(self) -> None:
        """Forget all."""
        self._order.clear()
        self._times.clear()

    def _drop_oldest(self) -> None:
        at, thing = self._order.popleft()
        times = self._times.get(thing)
        if times is not None and times[0] <= at:  # else it was taken
            times.popleft()
            if not times:
                del self._times[thing]
