"""The last day of a gateway for the templates: the bar with its text, and the availability in percent.

Pure functions.
"""

from dataclasses import dataclass
from typing import Final

from exporter.history.times import duration
from exporter.web.day_past import DayPast
from exporter.web.past_words import availability_text, listed, times_text, watched_text
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
        unwatched: `3 h not watched`; empty if it is not worth a word.
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
    unwatched = sum(segment.length for segment in segments if segment.state == "unwatched")
    return DayView(
        segments=segments,
        outages=times_text(day.count, "outage") + (f" ({duration(day.down)})" if day.count else ""),
        unwatched=f"{duration(unwatched * SLOT)} not watched" if unwatched >= _TELL_UNWATCHED else "",
        percents=tuple(
            Percent(
                label,
                availability_text(share.figures),
                watched_text(share.figures.watched, share.seconds),
            )
            for label, share in zip(PERCENTS, day.shares[: None if persistent else 1], strict=False)
        ),
    )
