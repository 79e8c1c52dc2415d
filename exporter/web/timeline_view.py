"""Outages and changes as one list, newest first: flaps grouped, paged.

A page is made of what is newer than its last entry, so the next page begins there, whatever was added
meanwhile; a group may go on over there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from exporter.diagnosis.finding import Status, shown
from exporter.history.flaps import Group, groups
from exporter.history.model import Layer, Outage
from exporter.history.times import duration
from exporter.watch.changes import Change
from exporter.web.past_words import (
    Moment,
    change_text,
    changes_before,
    clock_time,
    gateway_path,
    listed,
    moment,
    problem_text,
    reason_in_full,
    times_text,
)

ENTRIES: Final = 50  # on a page
_Event = Outage | Change
_DOWN: Final[dict[Layer, str]] = {"gateway": "down", "switch": "not connected"}
MEMBERS_SHOWN: Final = 50  # of a group


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the evidence: when, and what."""

    at: Moment
    text: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One row.

    Attributes:
        key: identifies it over refreshes.
        at: when it began.
        node: whose; empty for the exporter's own.
        name, profile, path: of the gateway, and its page; empty for a switch or a change.
        text: what happened. reason: why. effects: what failed meanwhile.
        notes, before, course: the evidence of an outage; `members` of a group.
        more: how many members are not shown.
    """

    key: str
    kind: Literal["outage", "change"]
    status: Status
    at: Moment
    node: str
    text: str
    name: str = ""
    profile: str = ""
    path: str = ""
    reason: str = ""
    effects: str = ""
    notes: tuple[str, ...] = ()
    before: tuple[str, ...] = ()
    course: tuple[Line, ...] = ()
    members: tuple[Line, ...] = ()
    more: int = 0

    @property
    def has_evidence(self) -> bool:
        """There is more to show than the row."""
        return bool(self.notes or self.before or self.course or self.members)


@dataclass(frozen=True, slots=True)
class Timeline:
    """A page of entries; the next one is older than `following` (epoch seconds; None: that was all)."""

    entries: tuple[Entry, ...]
    following: float | None


def timeline(
    outages: Sequence[Outage],
    changes: Sequence[Change],
    now: float,
    *,
    horizon: float,
    entries: int = ENTRIES,
) -> Timeline:
    """A page of the list.

    Args:
        outages: newest first.
        changes: newest first.
        now: epoch seconds.
        horizon: what is older may be incomplete, and goes to the next page; -inf if nothing was left out.
        entries: how many a page has; more only if they are of one moment.
    """
    everything: list[_Event] = [*outages, *changes]
    together = sorted(everything, key=_at, reverse=True)
    complete = [one for one in together if _at(one) >= horizon]
    fitting = _fitting(complete, entries)
    made = sorted(_entries(complete[:fitting], now), key=lambda pair: pair[0], reverse=True)
    following = None
    if fitting < len(complete):
        following = _at(complete[fitting - 1])
    elif horizon > float("-inf"):
        following = horizon
    return Timeline(tuple(entry for _, entry in made), following)


def _fitting(together: Sequence[_Event], entries: int) -> int:
    """How many of them make a page: at most so many rows, and of one moment all or none."""
    least, most = 0, len(together)
    while least < most:
        middle = (least + most + 1) // 2
        if _rows(together[:middle]) <= entries:
            least = middle
        else:
            most = middle - 1

    def cuts(at: int) -> bool:
        return 0 < at < len(together) and _at(together[at]) == _at(together[at - 1])

    end = least
    while cuts(end):
        end -= 1
    if end == 0:
        end = max(least, min(1, len(together)))
        while cuts(end):
            end += 1
    return end


def _rows(together: Sequence[_Event]) -> int:
    return len(groups(_outages(together))) + sum(isinstance(one, Change) for one in together)


def _outages(together: Sequence[_Event]) -> list[Outage]:
    return [one for one in together if isinstance(one, Outage)]


def _at(one: _Event) -> float:
    return one.began if isinstance(one, Outage) else one.at


def _entries(together: Sequence[_Event], now: float) -> Iterator[tuple[float, Entry]]:
    for one in together:
        if isinstance(one, Change):
            yield one.at, _change(one, now)
    for group in groups(_outages(together)):
        made = _group(group, now) if len(group.outages) > 1 else _outage(group.newest, now)
        yield group.newest.began, made


def _change(change: Change, now: float) -> Entry:
    return Entry(
        key=f"c-{change.at:.3f}-{shown(change.node)}-{shown(change.what, 40)}-{shown(change.subject)}",
        kind="change",
        status="not_checked",
        at=moment(change.at, now),
        node=shown(change.node),
        text=change_text(change),
    )


def _outage(outage: Outage, now: float) -> Entry:
    notes = []
    if outage.ended_unwatched:
        notes.append("It was over at the first look after a time in which the exporter did not watch.")
    course = outage.course if len(outage.course) > 1 else ()
    return _about(
        outage,
        now,
        text=_how_long(outage, now) if outage.times == 1 else _how_often([outage], now),
        notes=tuple(notes),
        before=tuple(changes_before(outage)),
        course=tuple(
            Line(moment(phase.at, now), listed((problem_text(phase.problem), shown(phase.detail))))
            for phase in course
        ),
    )


def _group(group: Group, now: float) -> Entry:
    return _about(
        group.newest,
        now,
        text=_how_often(group.outages, now),
        effects=_effects(group.outages),
        before=tuple(changes_before(group.outages[-1])),
        members=tuple(
            Line(
                moment(one.began, now),
                f"{_how_long(one, now) if one.times == 1 else _how_often([one], now)}, {reason_in_full(one)}",
            )
            for one in group.outages[:MEMBERS_SHOWN]
        ),
        more=max(0, len(group.outages) - MEMBERS_SHOWN),
    )


def _about(outage: Outage, now: float, *, text: str, **more: object) -> Entry:
    fields: dict[str, object] = {
        "key": f"o-{outage.id}",
        "kind": "outage",
        "status": "fail" if outage.ended is None else "warn",
        "at": moment(outage.began, now),
        "node": shown(outage.node),
        "name": shown(outage.gateway),
        "profile": shown(outage.profile),
        "path": gateway_path(outage.node, outage.profile, outage.gateway) if outage.gateway else "",
        "text": text,
        "reason": reason_in_full(outage),
        "effects": _effects([outage]),
    }
    return Entry(**(fields | more))  # type: ignore[arg-type]


def _how_long(outage: Outage, now: float) -> str:
    word = f"{_DOWN[outage.layer]} for {'at least ' if outage.was_there else ''}"
    if outage.ended is None:
        return f"{word}{duration(max(outage.seconds, now - outage.began))}, and still is"
    return f"{word}{duration(outage.seconds)}"


def _how_often(outages: Sequence[Outage], now: float) -> str:
    """`14 times between 03:12 and 03:20, 1 min in all, the longest 9 s`."""
    count = sum(outage.times for outage in outages)
    first = min(outage.began for outage in outages)
    ends = [outage.ended for outage in outages if outage.ended is not None]
    lasts = len(ends) < len(outages)
    until = "now" if lasts else clock_time(max(ends), now)
    seconds = sum(outage.seconds for outage in outages)
    longest = max(outage.seconds for outage in outages)
    between = f"between {clock_time(first, now)} and {until}"
    text = f"{_DOWN[outages[0].layer]} {count:,} times {between}, {duration(seconds)} in all"
    return f"{text}, the longest {duration(longest)}" if len(outages) == count else text


def _effects(outages: Sequence[Outage]) -> str:
    """`3 calls failed, 2 dials refused`."""
    failed = sum(outage.calls_failed for outage in outages)
    refused = sum(outage.dials_refused for outage in outages)
    probes = sum(outage.probes_failed for outage in outages)
    return listed(
        (
            f"{times_text(failed, 'call')} failed" if failed else "",
            f"{times_text(refused, 'dial')} refused" if refused else "",
            f"{times_text(probes, 'probe')} failed" if probes else "",
        )
    )
