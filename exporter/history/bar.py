"""A stretch of time as a bar of characters: well, outage, not watched.

Each cell is an equal share of the time. An outage shows however short it is, as far as it was watched; a cell
of which less than half was watched, and in which no outage was seen, is `not watched`: never "up", and never
"down".
"""

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

State = Literal["well", "outage", "unwatched"]
Interval = tuple[float, float]
"""From and to, epoch seconds."""


class Signs(NamedTuple):
    """The characters of a bar."""

    well: str
    outage: str
    unwatched: str

    def bar(self, states: Iterable[State]) -> str:
        """The states as text, one character each."""
        return "".join(getattr(self, state) for state in states)

    @property
    def legend(self) -> str:
        """What the characters mean."""
        return f"{self.well} well  {self.outage} outage  {self.unwatched} not watched"


UNICODE: Final = Signs("\N{LOWER ONE EIGHTH BLOCK}", "\N{FULL BLOCK}", "\N{MIDDLE DOT}")
ASCII: Final = Signs("_", "#", ".")


def signs(encoding: str | None) -> Signs:
    """The characters that a stream with this encoding can write."""
    try:
        "".join(UNICODE).encode(encoding or "ascii")
    except (LookupError, UnicodeEncodeError):
        return ASCII
    return UNICODE


def states(
    span: Interval, cells: int, *, watched: Sequence[Interval], outages: Sequence[Interval]
) -> list[State]:
    """The state of each cell, oldest first.

    Args:
        span: the whole time.
        cells: how many cells; at least 1.
        watched: when it was watched; they may overlap.
        outages: when there was an outage, watched or not; they may overlap.
    """
    width = (span[1] - span[0]) / cells
    looked = merged(watched)
    seen = _shares(span, cells, looked)
    down = _shares(span, cells, intersection(looked, merged(outages)))
    return [
        "outage" if lost > 0 else "well" if 2 * found >= width else "unwatched"
        for lost, found in zip(down, seen, strict=True)
    ]


def _shares(span: Interval, cells: int, intervals: Sequence[Interval]) -> list[float]:
    """How many seconds of each cell the intervals cover."""
    since, until = span
    width = (until - since) / cells
    shares = [0.0] * cells
    for began, ended in intervals:
        start, end = max(began, since), min(ended, until)
        if start >= end:
            continue
        first, last = int((start - since) / width), min(int((end - since) / width), cells - 1)
        for cell in range(first, last + 1):
            shares[cell] += min(end, since + (cell + 1) * width) - max(start, since + cell * width)
    return shares


def merged(intervals: Iterable[Interval], gap: float = 0.0) -> list[Interval]:
    """The same time in as few intervals as possible, oldest first; gaps of up to `gap` seconds are closed."""
    joined: list[Interval] = []
    for began, ended in sorted(intervals):
        if joined and began <= joined[-1][1] + gap:
            joined[-1] = (joined[-1][0], max(joined[-1][1], ended))
        else:
            joined.append((began, ended))
    return joined


def intersection(one: Sequence[Interval], other: Sequence[Interval]) -> list[Interval]:
    """The time that both have. Each is as `merged` makes it."""
    both = []
    at = 0
    for began, ended in one:
        while at < len(other) and other[at][1] < began:
            at += 1
        index = at
        while index < len(other) and other[index][0] <= ended:
            if (start := max(began, other[index][0])) < (end := min(ended, other[index][1])):
                both.append((start, end))
            index += 1
    return both


def seconds(intervals: Iterable[Interval]) -> float:
    """How long they are together."""
    return sum(ended - began for began, ended in intervals)
