"""The history and the kept calls as lines of text, for a terminal or a pipe.

Pure: what was answered goes in, lines come out. Times are of this machine's zone, which the first line names.
On a terminal lines are wrapped to its width; in a pipe each fact stays on one line. Every line has passed
`client.plain`: what strangers wrote cannot move the cursor or pretend to be another line.
"""

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from exporter.client import plain
from exporter.history.answers import CallAnswer, CallsAnswer, HistoryAnswer
from exporter.history.availability import STEP_SECONDS, AvailabilityAnswer, GatewayAnswer
from exporter.history.bar import Interval, Signs, intersection, merged, states
from exporter.history.entries import Subject
from exporter.history.flaps import Group, groups
from exporter.history.model import Outage, Phase
from exporter.history.times import duration, epoch, local_time
from exporter.watch.changes import Change

PIPE_WIDTH: Final = 100  # columns of the table where there is no terminal
MAX_LINES: Final = 50  # of outages and of changes
_NARROWEST_BAR: Final = 10
_NARROWEST_NAME: Final = 12
_INDENT: Final = " " * 4
_HEADINGS: Final = ("available", "outages", "  longest")


class Form(NamedTuple):
    """How it is shown.

    Attributes:
        width: columns of the terminal; None: not on a terminal.
        signs: the characters of the bars.
    """

    width: int | None
    signs: Signs

    def wrapped(self, line: str, indent: str = "") -> Iterator[str]:
        """A line, on as many as it needs; the further ones with `_INDENT` more."""
        line = plain(line)
        if self.width is None:
            yield indent + line
            return
        yield from textwrap.wrap(
            line,
            max(self.width, 2 * len(_INDENT + indent)),
            initial_indent=indent,
            subsequent_indent=indent + _INDENT,
            break_on_hyphens=False,
        )


class _Row(NamedTuple):
    """One line of the table: a gateway, or a switch."""

    name: str
    availability: float | None
    outages: Sequence[Outage]
    watched: Sequence[Interval]


# -- history ------------------------------------------------------------------------------------------


def history_lines(answer: HistoryAnswer, availability: AvailabilityAnswer, form: Form) -> Iterator[str]:
    """The table, then outages and changes, newest first.

    Args:
        answer: outages, changes and watched times.
        availability: of the same time.
        form: how it is shown.
    """
    since, until = epoch(answer.since), epoch(answer.until)
    outages = [outage.kept() for outage in answer.outages]
    watched = (
        f"watched since {_minute(epoch(answer.watched_since))}" if answer.watched_since else "never watched"
    )
    yield from form.wrapped(f"{_minute(since)} to {_minute(until)} {zone(until)}; {watched}")
    rows = list(_rows(answer, availability, outages))
    if rows:
        yield form.signs.legend
        yield ""
        yield from _table(rows, (since, until), form)
    yield from _outage_lines(outages, until, form)
    yield from _change_lines([change.kept() for change in answer.changes], form)


def _rows(
    answer: HistoryAnswer, availability: AvailabilityAnswer, outages: Sequence[Outage]
) -> Iterator[_Row]:
    """Each switch that was lost, and each gateway, by name."""
    until = epoch(answer.until)
    spans: dict[str, list[Interval]] = {}
    for span in answer.watched:
        spans.setdefault(span.node, []).append((epoch(span.from_), epoch(span.to)))
    of: dict[Subject, list[Outage]] = {}
    for outage in outages:
        of.setdefault(_subject(outage), []).append(outage)
    known = {Subject(one.node, one.gateway, one.profile): one for one in availability.gateways}
    subjects = sorted({*known, *of})
    names = _names(subjects)
    for subject in subjects:
        node, gateway, _ = subject
        seen = spans.get(node, [])
        own = of.get(subject, [])
        if not gateway:  # while a switch is lost, its gateways are not watched, but it is
            seen = [*seen, *(_interval(outage, until) for outage in own)]
            yield _Row(names[subject], None, own, seen)
            continue
        figures = known.get(subject)
        if figures is None:
            yield _Row(names[subject], None, own, [])
        else:
            existed = _watched(figures, STEP_SECONDS[availability.step])
            yield _Row(names[subject], figures.availability, own, intersection(merged(seen), existed))


def _watched(gateway: GatewayAnswer, step: float) -> list[Interval]:
    """The hours or days in which a gateway was watched at all: its node may have been without it."""
    begun = [epoch(one.from_) for one in gateway.steps if one.watched_seconds > 0]
    return merged((began, began + step) for began in begun)


def _names(subjects: Iterable[Subject]) -> dict[Subject, str]:
    """How each gateway is called: with its node, and its profile, only where that tells them apart."""
    subjects = list(subjects)
    several = len({node for node, _, _ in subjects}) > 1
    twice = [subject[:2] for subject in subjects]
    found: dict[Subject, str] = {}
    for subject in subjects:
        node, gateway, profile = subject
        if not gateway:
            found[subject] = f"switch {node}"
            continue
        name = f"{node} {gateway}" if several else gateway
        found[subject] = f"{name} ({profile or '-'})" if twice.count(subject[:2]) > 1 else name
    return found


def _table(rows: Sequence[_Row], span: Interval, form: Form) -> Iterator[str]:
    figures = sum(2 + len(heading) for heading in _HEADINGS) + 2
    width = form.width or PIPE_WIDTH
    room = max(width - figures - _NARROWEST_BAR, _NARROWEST_NAME)
    longest = max(len("gateway"), *(len(plain(row.name)) for row in rows))
    name_width = min(longest, room)
    cells = max(width - figures - name_width, _NARROWEST_BAR)
    yield "  ".join((f"{'gateway':<{name_width}}", *_HEADINGS))
    for row in rows:
        times = [_interval(outage, span[1]) for outage in row.outages]
        count = sum(outage.times for outage in row.outages)
        columns = (
            f"{plain(row.name)[:name_width]:<{name_width}}",
            f"{percent(row.availability):>{len(_HEADINGS[0])}}",
            f"{count:>{len(_HEADINGS[1])}}",
            f"{_longest(row.outages):>{len(_HEADINGS[2])}}",
            form.signs.bar(states(span, cells, watched=row.watched, outages=times)),
        )
        yield "  ".join(columns)


def percent(availability: float | None) -> str:
    """Never rounded up: 100 % is said of nothing less."""
    return "-" if availability is None else f"{math.floor(availability * 1e5) / 1e3:.3f} %"


def _longest(outages: Sequence[Outage]) -> str:
    """The longest one; of several that were put together only their sum is known."""
    longest = max(outages, key=lambda outage: outage.seconds, default=None)
    if longest is None:
        return "-"
    return f"{'< ' if longest.times > 1 else ''}{duration(longest.seconds)}"


def _subject(outage: Outage) -> Subject:
    return Subject(outage.node, outage.gateway, outage.profile)


def _interval(outage: Outage, until: float) -> Interval:
    return outage.began, until if outage.ended is None else outage.ended


def _outage_lines(outages: Sequence[Outage], until: float, form: Form) -> Iterator[str]:
    if not outages:
        yield ""
        yield "No outages in that time."
        return
    yield ""
    yield "Outages, newest first"
    names = _names(set(map(_subject, outages)))
    found = groups(outages)
    for group in found[:MAX_LINES]:
        name = names[_subject(group.newest)]
        yield from form.wrapped(f"{_second(group.began)}  {name}  {_what(group, until)}")
        for line in _evidence(group):
            yield from form.wrapped(line, _INDENT)
    yield from _more(len(found), form)


def _what(group: Group, until: float) -> str:
    newest = group.newest
    problem = _problem(newest)
    if group.times > 1:
        ended = until if group.ended is None else group.ended
        return (
            f"{problem} {group.times} times until {_clock(ended, group.began)}, "
            f"{duration(group.seconds)} in all"
        )
    how_long = f"{'at least ' if newest.was_there else ''}{duration(newest.seconds)}"
    if newest.ended is None:
        return f"{problem} for {how_long}, and still is"
    return f"{problem} for {how_long}" + (", ended while unwatched" if newest.ended_unwatched else "")


def _problem(told: Outage | Phase) -> str:
    return f"{told.problem} ({told.detail})" if told.detail else told.problem


def _evidence(group: Group) -> Iterator[str]:
    counts = (
        (sum(outage.calls_failed for outage in group.outages), "call failed", "calls failed"),
        (sum(outage.dials_refused for outage in group.outages), "dial refused", "dials refused"),
        (sum(outage.probes_failed for outage in group.outages), "probe failed", "probes failed"),
    )
    said = [f"{count} {one if count == 1 else many}" for count, one, many in counts if count]
    if said:
        yield ", ".join(said)
    newest = group.newest
    if len(group.outages) == 1 and len(newest.course) > 1:
        yield "went through " + ", ".join(
            f"{_problem(phase)} from {_clock(phase.at, newest.began)}" for phase in newest.course
        )
    first = group.outages[-1]
    if first.changes_before:
        yield "before: " + "; ".join(
            f"{_clock(change.at, first.began)} {_change(change)}" for change in first.changes_before
        )


def _change_lines(changes: Sequence[Change], form: Form) -> Iterator[str]:
    if not changes:
        return
    yield ""
    yield "Changes, newest first"
    for change in changes[:MAX_LINES]:
        yield from form.wrapped(f"{_second(change.at)}  {change.node or 'exporter'}  {_change(change)}")
    yield from _more(len(changes), form)


def _change(change: Change) -> str:
    subject = f" {change.subject}" if change.subject else ""
    values = f": {change.before or '-'} -> {change.after or '-'}" if change.before or change.after else ""
    return f"{change.what}{subject}{values}"


def _more(count: int, form: Form) -> Iterator[str]:
    if count > MAX_LINES:
        yield from form.wrapped(f"and {count - MAX_LINES} more: name a --gateway or a later --since")


# -- calls --------------------------------------------------------------------------------------------


def call_lines(answer: CallsAnswer, form: Form) -> Iterator[str]:
    """The kept calls, newest first, each in a few lines."""
    since, until = epoch(answer.since), epoch(answer.until)
    yield from form.wrapped(f"{_minute(since)} to {_minute(until)} {zone(until)}")
    if not answer.calls:
        yield "No such call was kept in that time."
        return
    several = len({call.node for call in answer.calls}) > 1
    for call in answer.calls:
        gateway = call.gateway or "no gateway"
        where = f"{call.node} {gateway}" if several else gateway
        yield ""
        yield from form.wrapped(
            f"{_second(epoch(call.at))}  {where}  {call.direction} {call.from_ or '-'} -> {call.to or '-'}"
        )
        for facts in _facts(call):
            if facts:
                yield from form.wrapped("; ".join(facts), _INDENT)


def _facts(call: CallAnswer) -> Iterator[list[str]]:
    """What is known of a call, a line for each list."""
    code = ": ".join(filter(None, (call.provider_code, call.provider_meaning)))
    cause = call.cause if call.q850 is None else f"{call.cause} (Q.850 {call.q850})"
    why = _why(call)
    yield [f"{call.result}: {why or cause}", *filter(None, (code, cause if why else "", call.reason))]
    yield [
        f"{label} {value}"
        for label, value in (
            ("ended by", call.ended_by),
            ("post-dial delay", _seconds(call.post_dial_delay_seconds)),
            ("talk", _seconds(call.talk_seconds)),
            ("codec", call.codec),
            ("packets in", call.packets_in),
            ("packets out", call.packets_out),
            ("MOS", None if call.result == "bad" else call.mos),
            ("user agent", call.user_agent),
        )
        if value not in ("", None)
    ]
    yield [
        f"{label} {value}"
        for label, value in (
            ("Call-ID", call.sip_call_id),
            ("SIP", call.remote_sip_address),
            ("media", call.remote_media_address),
            ("UUID", call.call_uuid),
        )
        if value
    ]
    if call.other_leg is not None:
        leg = call.other_leg
        yield [f"other leg {leg.direction} {leg.from_ or '-'} -> {leg.to or '-'}", f"UUID {leg.call_uuid}"]


def _why(call: CallAnswer) -> str:
    """Why it is kept, beside its cause; empty: the cause says it."""
    if call.result == "silent":
        return "answered, no audio received"
    if call.result == "bad":
        lost = f"{call.packet_loss_ratio * 100:.0f} % of packets lost" if call.packet_loss_ratio else ""
        return "; ".join(filter(None, (f"MOS {call.mos:g}" if call.mos is not None else "", lost)))
    status = " ".join(filter(None, (str(call.sip_status or ""), call.sip_phrase)))
    return f"{status} (FreeSWITCH's own)" if status and call.origin == "local" else status


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.1f} s"


# -- times --------------------------------------------------------------------------------------------


def zone(moment: float) -> str:
    """This machine's zone at a moment, as `CET (UTC+01:00)`."""
    name, offset = f"{local_time(moment):%Z}", f"{local_time(moment):%z}"
    return "UTC" if name == "UTC" else f"{name} (UTC{offset[:3]}:{offset[3:5]})"


def _minute(moment: float) -> str:
    return f"{local_time(moment):%Y-%m-%d %H:%M}"


def _second(moment: float) -> str:
    return f"{local_time(moment):%Y-%m-%d %H:%M:%S}"


def _clock(moment: float, other: float) -> str:
    """A moment beside another: without its date if that is the same."""
    same = local_time(moment).date() == local_time(other).date()
    return f"{local_time(moment):%H:%M:%S}" if same else _second(moment)
