"""The last day of a gateway for the templates: the bar with its text, and the availability in percent.

Pure functions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from exporter.history.times import duration
from exporter.web.day_past import DayPast
from exporter.web.past_words import availability_text, clock_time, listed, times_text, watched_text
from exporter.web.svg import SLOT, Segment, day_bar

PERCENTS: Final = ("24 h", "7 d", "30 d")
"""The times whose availability is shown; without a state_dir only the first is."""
_TELL_UNWATCHED: Final = 2  # slots; less is not worth a word


@dataclass(frozen=True, slots=True)
class Percent:
    """The availability of a time. `label` names it; `text` is empty if nothing was watched."""

    label: str
    text: str
    watched: str


@dataclass(frozen=True, slots=True)
class DayView:
    """The last 24 hours.

    Attributes:
        segments: of the bar.
        outages: `2 outages (8 min)`.
        unwatched: `3 h not watched`, `watched since 18:58`; empty if it is not worth a word.
        percents: of 24 hours, 7 and 30 days; of 24 hours only if no more is kept.
    """

    segments: tuple[Segment, ...]
    outages: str
    unwatched: str
    percents: tuple[Percent, ...]

    @property
    def text(self) -> str:
        """What the bar shows, in words."""
        return listed((self.outages, self.unwatched))


def day_view(day: DayPast, now: float, *, persistent: bool) -> DayView:
    """The day in words.

    Args:
        day: what is known of it.
        now: epoch seconds.
        persistent: more than 24 hours are kept.
    """
    segments = day_bar(now, day.outages, day.watched)
    return DayView(
        segments=segments,
        outages=times_text(day.count, "outage") + (f" ({duration(day.down)})" if day.count else ""),
        unwatched=_unwatched(segments, day, now),
        percents=tuple(
            Percent(
                label,
                availability_text(share.figures),
                watched_text(share.figures.watched, share.seconds),
            )
            for label, share in zip(PERCENTS, day.shares[: None if persistent else 1], strict=False)
        ),
    )


def _unwatched(segments: Sequence[Segment], day: DayPast, now: float) -> str:
    """How long there was no look; if that was before the first one only, when that was."""
    gaps = [segment for segment in segments if segment.state == "unwatched"]
    slots = sum(gap.length for gap in gaps)
    if slots < _TELL_UNWATCHED:
        return ""
    if not day.watched:  # or it is not kept yet
        return "" if day.count or day.shares[0].figures.watched else "not watched"
    if gaps == [segments[0]] and day.watched[-1][1] >= now:
        return f"watched since {clock_time(day.watched[0][0], now)}"
    return f"{duration(slots * SLOT)} not watched"
