"""What the history knows at once, without a look at the store: for pages, diagnosis and metrics."""

import msgspec

from exporter.history.model import Outage
from exporter.watch.changes import Change


class Past(msgspec.Struct, frozen=True, kw_only=True):
    """The recent past of one gateway, or of one switch.

    Attributes:
        outage: the one that lasts; None while there is none.
        well_since: since when there has been none (epoch seconds), as far as watched: the end of the last
            outage, else the first look, or the end of the first hour kept of it; None in an outage and before
            the first look.
        last: the last outage that is over; None if none is kept.
        today: outages begun since midnight UTC, the one that lasts included.
        day: outages begun in the last 24 hours.
        changes: of its switch and the exporter in the ten minutes before the outage that lasts (or before
            now), newest first.
    """

    outage: Outage | None = None
    well_since: float | None = None
    last: Outage | None = None
    today: int = 0
    day: int = 0
    changes: tuple[Change, ...] = ()


UNKNOWN = Past()
