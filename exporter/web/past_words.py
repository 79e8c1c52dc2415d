"""The past in words: since when, how long, what changed, how available. Pure functions.

Every text that came from elsewhere passes through `shown`; nothing here escapes, the templates do.
"""

import math
from collections.abc import Iterable
from typing import Final, NamedTuple
from urllib.parse import quote, urlencode

from exporter.diagnosis.finding import Status, shown
from exporter.history.availability import ratio
from exporter.history.change_words import CHANGE_WORDS
from exporter.history.model import WELL, Figures, Outage
from exporter.history.past import Past
from exporter.history.times import duration, iso, local_time, time_of_day
from exporter.watch.changes import Change

_WELL_WATCHED: Final = 0.995  # from here on it is not said how much was watched
NO_PROFILE: Final = "-"
"""In an address: the profile is not known."""


class Moment(NamedTuple):
    """A moment: as people read it in this machine's time zone, and for programs (ISO 8601, UTC)."""

    text: str
    iso: str


class Standing(NamedTuple):
    """Whether something is up, and since when.

    Attributes:
        text: "up for 3 h 12 min", "down for 7 min (503)".
        since: the moment; None if it is not known.
        how: what is to be said before it: it may have been so before anybody looked.
    """

    status: Status
    text: str
    since: Moment | None
    how: str = "since"


def moment(epoch: float, now: float) -> Moment:
    """A moment (epoch seconds)."""
    return Moment(time_of_day(epoch, now), iso(epoch))


def clock_time(epoch: float, now: float) -> str:
    """A moment (epoch seconds) to the minute, in this machine's time zone; with its date if not of today."""
    then = local_time(epoch)
    return then.strftime("%H:%M" if then.date() == local_time(now).date() else "%Y-%m-%d %H:%M")


def problem_text(problem: str) -> str:
    """A word of `freeswitch_gateway_problem` or `freeswitch_connection_problem` as people read it."""
    return problem.replace("_", " ")


def gateway_path(node: str, profile: str, name: str) -> str:
    """Where the page of a gateway is served, without a leading slash."""
    return "gateways/" + "/".join(quote(part, safe="") for part in (node, profile or NO_PROFILE, name))


def history_path(**filters: str) -> str:
    """Where the history is served with these filters, without a leading slash."""
    query = urlencode({name: value for name, value in filters.items() if value})
    return f"history?{query}" if query else "history"


def gateway_standing(
    past: Past, problem: str, *, usable: bool, unwatched_for: float | None, was: str = "", now: float
) -> Standing:
    """Whether a gateway is up, and since when.

    Args:
        past: its recent past.
        problem: its present verdict.
        usable: calls can go out through it.
        unwatched_for: how long there has been no look at its node (seconds); None while there is.
        was: its state before that.
        now: epoch seconds.
    """
    if unwatched_for is not None:
        before = f" (was {shown(was, 40)})" if was not in ("", "UNKNOWN") else ""
        since = time_of_day(now - unwatched_for, now)
        return Standing("not_checked", f"unknown since {since}{before}", None)
    if (outage := past.outage) is not None:
        word = "failing, though usable," if usable else "down"
        at_least = "at least " if outage.was_there else ""
        return Standing(
            "warn" if usable else "fail",
            f"{word} for {at_least}{duration(max(0.0, now - outage.began))} ({reason(outage)})",
            moment(outage.began, now),
            "seen since" if at_least else "since",
        )
    if problem == "unknown":
        return Standing("warn", "not known yet", None)
    if problem not in WELL:  # too short to be an outage
        return Standing("warn", "failing for a moment" if usable else "down for a moment", None)
    if problem == "unmonitored":
        return Standing("warn", "not monitored", None)
    if past.well_since is None:
        return Standing("pass", "up", None)
    at_least = "" if past.last is not None else "at least "
    return Standing(
        "pass",
        f"up for {at_least}{duration(max(0.0, now - past.well_since))}",
        moment(past.well_since, now),
        "no outage seen since" if at_least else "since",
    )


def reason(outage: Outage) -> str:
    """Why, as short as it can be told: the SIP status, else the problem."""
    status = outage.detail.partition(" ")[0]
    return (
        status if status.isascii() and status.isdigit() and len(status) == 3 else problem_text(outage.problem)
    )


def reason_in_full(outage: Outage) -> str:
    """The problem, and what explains it: `unreachable: 503 Service Unavailable`."""
    detail = shown(outage.detail)
    return f"{problem_text(outage.problem)}: {detail}" if detail else problem_text(outage.problem)


def change_text(change: Change) -> str:
    """What changed: `Gateway telnyx changed: proxy a → proxy b`."""
    subject = shown(change.subject)
    words = CHANGE_WORDS.get(change.what)
    sentence = words.entry if words is not None else problem_text(shown(change.what, 40)) + " {}"
    named = "{}" in sentence
    text = sentence.format(subject).strip()
    if not subject:
        text = " ".join(text.split()).removesuffix(":")
    before, after = shown(change.before), shown(change.after)
    values = f"{before} → {after}" if before and after else before or after
    parts = [part for part in ("" if named else subject, values) if part]
    return f"{text}: {', '.join(parts)}" if parts else text


def changes_before(outage: Outage) -> list[str]:
    """The changes of the ten minutes before: `40 s before: XML reloaded`."""
    return [
        f"{duration(max(0.0, outage.began - change.at))} before: {change_text(change)}"
        for change in outage.changes_before
    ]


def availability_text(share: Figures) -> str:
    """The availability in percent, never rounded up: `99.98 %`; empty if nothing was watched."""
    available = ratio(share)
    if available is None:
        return ""
    hundredths = math.floor(available * 10_000 + 1e-6)
    return f"{hundredths / 100:.2f} %" if hundredths < 10_000 else "100 %"


def watched_text(watched: float, seconds: float) -> str:
    """`watched 8 %` of the time, or nothing if that is about all of it."""
    if seconds <= 0 or watched / seconds >= _WELL_WATCHED:
        return ""
    return "not watched" if watched <= 0 else f"watched {max(1, math.floor(watched / seconds * 100))} %"


def times_text(count: int, thing: str) -> str:
    """`no outage`, `1 outage`, `1,200 outages`."""
    return f"no {thing}" if not count else f"1 {thing}" if count == 1 else f"{count:,} {thing}s"


def listed(parts: Iterable[str]) -> str:
    """The parts that are not empty, joined by commas."""
    return ", ".join(part for part in parts if part)
