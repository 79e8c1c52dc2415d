"""The geometry of the two kinds of pictures: the bar of a day, and curves. The templates write the SVG.

Strategy: a picture is a grid of SLOTS columns of five minutes, aligned to the clock, the last of which has
not ended; so its size does not depend on what happened, and it changes only every five minutes. Texts are not
part of it: a picture is stretched to the width there is, and its axes are HTML beside it. Nothing is told by
colour alone: in the bar each state has a height of its own, too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from exporter.history.bar import Interval, State, states

SLOT: Final = 300.0  # seconds
SLOTS: Final = 288
DAY: Final = SLOT * SLOTS
HEIGHT: Final = 100  # units of a curve's height


class Segment(NamedTuple):
    """Slots in a row in one state: the first one, and how many."""

    state: State
    begin: int
    length: int


def beginning(now: float) -> float:
    """When the first slot began (epoch seconds)."""
    return math.ceil(now / SLOT) * SLOT - DAY


def day_bar(now: float, outages: Sequence[Interval], watched: Sequence[Interval]) -> tuple[Segment, ...]:
    """The states of the slots, as `exporter.history.bar` tells them.

    Args:
        now: epoch seconds.
        outages: in any order; one that lasts ends at `now`.
        watched: when there was a look.
    """
    begin = beginning(now)
    end = begin + DAY  # the last slot has not ended: what held at its last look counts for the rest of it
    looks = [(began, end if ended >= now else ended) for began, ended in watched]
    cells = states((begin, end), SLOTS, watched=looks, outages=outages)
    segments: list[Segment] = []
    for slot, state in enumerate(cells):
        if segments and segments[-1].state == state:
            segments[-1] = segments[-1]._replace(length=segments[-1].length + 1)
        else:
            segments.append(Segment(state, slot, 1))
    return tuple(segments)


# -- curves -------------------------------------------------------------------------------------------


class Column(NamedTuple):
    """A column of a picture of bars: its slot, the top of the bar, and the top of its marked part."""

    slot: int
    top: float
    marked: float


@dataclass(frozen=True, slots=True)
class Curve:
    """A curve or a picture of bars.

    Attributes:
        lines: points of polylines, as SVG has them; a lone value is a line of no length.
        columns: of a picture of bars.
        gaps: slots in a row without a sample: not watched.
        missing: slots with a sample that has no value.
        top: the value at the upper edge; the lower is 0.
    """

    lines: tuple[str, ...]
    columns: tuple[Column, ...]
    gaps: tuple[tuple[int, int], ...]
    missing: tuple[int, ...]
    top: float


Sampled = tuple[float, float | None]
"""When five minutes began, and the value of them; None if there was none."""


def curve(now: float, samples: Sequence[Sampled], *, least: float = 0.0) -> Curve:
    """The samples of the day as a line, which is broken where there is no value.

    Args:
        now: epoch seconds.
        samples: in the order of their times.
        least: the scale goes so far at least.
    """
    slots = _slots(now, samples)
    top = _top([least, *(value for value in slots.values() if value is not None)])
    lines: list[str] = []
    points: list[str] = []
    for slot in range(SLOTS + 1):
        value = slots.get(slot)
        if value is not None:
            points.append(f"{slot + 0.5:g},{_height(value, top):g}")
        elif points:
            lines.append(" ".join(points if len(points) > 1 else points * 2))
            points = []
    missing = tuple(sorted(slot for slot, value in slots.items() if value is None))
    return Curve(tuple(lines), (), _gaps(slots), missing, top)


def columns(
    now: float, samples: Sequence[Sampled], marked: Sequence[Sampled], *, least: float = 0.0
) -> Curve:
    """The samples of the day as bars, each with a marked part from the bottom up; arguments as of `curve`."""
    slots, parts = _slots(now, samples), _slots(now, marked)
    top = _top([least, *(value for value in slots.values() if value is not None)])
    bars = tuple(
        Column(slot, _height(value, top), _height(parts.get(slot) or 0.0, top))
        for slot, value in sorted(slots.items())
        if value
    )
    return Curve((), bars, _gaps(slots), (), top)


def _slots(now: float, samples: Sequence[Sampled]) -> dict[int, float | None]:
    """Slot to value; of two samples in one slot the one that is later and has a value."""
    slots: dict[int, float | None] = {}
    begin = beginning(now)
    for at, value in samples:
        slot = int((at - begin) // SLOT)
        if 0 <= slot < SLOTS and (value is not None or slot not in slots):
            slots[slot] = value
    return slots


def _gaps(slots: dict[int, float | None]) -> tuple[tuple[int, int], ...]:
    """Slots in a row without a sample. The last slot has not ended: alone it is no gap."""
    gaps: list[tuple[int, int]] = []
    for slot in range(SLOTS):
        if slot in slots:
            continue
        if gaps and sum(gaps[-1]) == slot:
            gaps[-1] = (gaps[-1][0], gaps[-1][1] + 1)
        else:
            gaps.append((slot, 1))
    return tuple(gap for gap in gaps if gap != (SLOTS - 1, 1))


def _height(value: float, top: float) -> float:
    return round(HEIGHT - value / top * HEIGHT, 1)


def _top(values: Sequence[float]) -> float:
    """1, 2, 4 or 10 times a power of ten: no less than any value, and it can be halved."""
    highest = max(values)
    if not 0 < highest < math.inf:
        return 1.0
    power = 10.0 ** math.floor(math.log10(highest))
    return next((float(factor * power) for factor in (1, 2, 4, 10) if factor * power >= highest), highest)
