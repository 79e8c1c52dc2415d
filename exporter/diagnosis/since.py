"""Since when, how often lately, what changed just before: the past of a gateway or switch in one sentence.

Strategy: pure functions from the history's `Past` to words. Nothing is said of what is not known: without an
outage there is no "down", and a gateway whose trouble is seconds old has no sentence yet. A count is of today
(UTC) where all of the last 24 hours are; else of 24 hours, so that midnight does not make a flapping trunk
look new. Of the changes before an outage the newest of the switch are named first, since the exporter's own
seldom explain it.
"""

from typing import Final

from exporter.diagnosis.finding import Lasting, shown
from exporter.history.change_words import CHANGE_WORDS
from exporter.history.past import Past
from exporter.history.times import duration, time_of_day
from exporter.watch.changes import Change

MAX_NAMED: Final = 2  # changes in one sentence
_ORDINALS: Final = "first second third fourth fifth sixth seventh eighth ninth tenth".split()
_TEENS: Final = range(11, 14)
_ENDINGS: Final = {1: "st", 2: "nd", 3: "rd"}


def lasting(past: Past, now: float, state: str = "Down") -> Lasting | None:
    """Of the outage that lasts.

    `Down for 7 min (since 03:12:40), third time today; XML was reloaded 40 s before`

    Args:
        past: of a gateway or a switch.
        now: epoch seconds.
        state: what it is meanwhile.

    Returns:
        None without an outage.
    """
    outage = past.outage
    if outage is None:
        return None
    at_least, since = ("at least ", "seen since") if outage.was_there else ("", "since")
    long = duration(max(now - outage.began, 0.0))
    parts = [
        f"{state} for {at_least}{long} ({since} {time_of_day(outage.began, now)})",
        *_often(past),
    ]
    # "Seen since" says already that the exporter was started then.
    telling = tuple(change for change in past.changes if change.node or not outage.was_there)
    changes = _before(telling, outage.began)
    return Lasting(
        text=", ".join(parts) + (f"; {changes}" if changes else ""),
        since=outage.began,
        times_today=past.today,
        times_last_day=past.day,
        changes=past.changes,
    )


def well(past: Past, now: float, state: str = "up") -> str:
    """`up for 3 h 12 min, 2 outages in 24 h`; empty in an outage, and if it is not known since when.

    Args:
        past: of a gateway or a switch that has no problem now.
        now: epoch seconds.
        state: what it is meanwhile.
    """
    if past.outage is not None or past.well_since is None:
        return ""
    at_least = "" if past.last is not None else "at least "
    text = f"{state} for {at_least}{duration(max(now - past.well_since, 0.0))}"
    if past.day:
        text += f", {past.day} {'outage' if past.day == 1 else 'outages'} in 24 h"
    return text


def change_text(change: Change) -> str:
    """What was changed: `gateway external::telnyx was changed`. Safe to show."""
    subject = shown(change.subject, 60)
    words = CHANGE_WORDS.get(change.what)
    if words is None:  # of a later release, which the doctor asked
        return f"{shown(change.what, 40).replace('_', ' ')} {subject}".strip()
    return " ".join(words.clause.format(subject).split())


def ordinal(number: int) -> str:
    """`third`, `11th`, `22nd`."""
    if number <= len(_ORDINALS):
        return _ORDINALS[number - 1]
    ending = "th" if number % 100 in _TEENS else _ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


def _often(past: Past) -> list[str]:
    if past.day < 1:
        return []
    if past.day > past.today:
        return [f"{ordinal(past.day)} time in 24 h"]
    return [f"{ordinal(past.today)} time today"]


def _before(changes: tuple[Change, ...], began: float) -> str:
    """`XML was reloaded 40 s before`; of each kind the newest, and how many more changes there were."""
    named: dict[str, Change] = {}
    for change in sorted(changes, key=lambda change: not change.node):
        named.setdefault(change.what, change)
    parts = [
        f"{change_text(change)} {_how_long_before(began - change.at)}"
        for change in list(named.values())[:MAX_NAMED]
    ]
    more = len(changes) - len(parts)
    if more:
        parts.append(f"{more} more {'change' if more == 1 else 'changes'} in the 10 min before")
    return ", ".join(parts)


def _how_long_before(seconds: float) -> str:
    return f"{duration(seconds)} before" if seconds >= 1 else "at that moment"
