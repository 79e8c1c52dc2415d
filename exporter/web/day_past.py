"""The last day of a gateway, and how available it was in the last month: what the store knows of it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from exporter.history.availability import StepName, aligned
from exporter.history.bar import Interval, intersection, merged
from exporter.history.bar import seconds as length
from exporter.history.model import Figures, Span, Step
from exporter.history.past import Past
from exporter.history.store import Store, Subject
from exporter.web.context import History
from exporter.web.svg import DAY

MAX_OUTAGES: Final = 500  # of one gateway and day, that are drawn
_HOUR: Final = 3600.0
_LATE: Final = 60.0  # seconds by which what is kept of the watched time may lag


class Share(NamedTuple):
    """What was counted of a gateway in the last `seconds`."""

    seconds: float
    figures: Figures


@dataclass(frozen=True, slots=True)
class DayPast:
    """The last day of a gateway, and how available it was.

    Attributes:
        outages: when, newest first.
        count: how many; of those that were put together, each.
        down: seconds of them within the day, as far as they were watched.
        watched: when there was a look at it.
        shares: of 24 hours, 7 and 30 days.
    """

    outages: tuple[Interval, ...]
    count: int
    down: float
    watched: tuple[Interval, ...]
    shares: tuple[Share, Share, Share]


async def day_past(
    history: History, subject: Subject, past: Past, spans: Sequence[Span], epoch: float
) -> DayPast:
    """Ask the store about one gateway.

    Args:
        history: where to ask.
        subject: the gateway.
        past: its recent past.
        spans: when its node was watched, oldest first.
        epoch: now.

    Raises:
        StoreUnavailable: there is no answer.
    """
    node, gateway, profile = subject
    store = history.store
    found = await store.outages(
        since=epoch - DAY, until=epoch, node=node, gateway=gateway, profile=profile, limit=MAX_OUTAGES
    )
    hours = await _steps(store, "1h", subject, epoch - DAY, epoch)
    days = await _steps(store, "1d", subject, epoch - 30 * DAY, epoch)
    if past.outage is not None and all(one.id != past.outage.id for one in found):
        found = [past.outage, *found]
    times = tuple((one.began, epoch if one.ended is None else one.ended) for one in found)
    watched = watched_times(spans, hours, epoch)
    looks = watched or ((epoch - DAY, epoch),)  # of the first seconds nothing is kept yet
    return DayPast(
        outages=times,
        count=max(past.day, sum(one.times for one in found)),
        down=sum(
            min(math.inf if one.ended is None else one.seconds, length(intersection(looks, [time])))
            for one, time in zip(found, times, strict=True)
        ),
        watched=watched,
        shares=(
            _share(hours, DAY, _HOUR, epoch),
            _share(days, 7 * DAY, DAY, epoch),
            _share(days, 30 * DAY, DAY, epoch),
        ),
    )


async def _steps(store: Store, name: StepName, subject: Subject, since: float, until: float) -> list[Step]:
    node, gateway, profile = subject
    found = await store.steps(
        name, since=aligned(since, name), until=until, node=node, gateway=gateway, profile=profile
    )
    return [step for one in found for step in one.steps]


def watched_times(spans: Sequence[Span], hours: Sequence[Step], epoch: float) -> tuple[Interval, ...]:
    """When a gateway was watched: its node was, and the hour has figures of it. The present hour needs none.

    Args:
        spans: of its node, oldest first.
        hours: those of the day that have figures.
        epoch: now.
    """
    present = epoch // _HOUR * _HOUR
    seen = {step.at for step in hours if step.figures.watched > 0} | {present}
    times: list[Interval] = []
    for span in spans:
        ended = epoch if epoch - span.ended < _LATE else span.ended
        began = max(span.began, epoch - DAY)
        while began < ended:
            hour = began // _HOUR * _HOUR
            until = min(ended, hour + _HOUR)
            if hour in seen:
                times.append((began, until))
            began = until
    return tuple(merged(times))


def _share(steps: Sequence[Step], seconds: float, step: float, epoch: float) -> Share:
    """Of the steps that begin in the time, and the one in which it begins as far as it belongs to it."""
    begin = epoch - seconds
    figures = Figures()
    for one in steps:
        part = min(1.0, max(0.0, (one.at + step - begin) / step))
        figures.watched += one.figures.watched * part
        figures.usable += one.figures.usable * part
    return Share(seconds, figures)
