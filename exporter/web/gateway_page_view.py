"""The page of one gateway in words: since when, outages, changes, kept calls, answers to REGISTER, curves.

Pure functions. The handler asks the store (`GatewayData`) and takes the gateway's present from the diagnosis;
a gateway that FreeSWITCH no longer has, has a past only.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from exporter.diagnosis.check_gateways import finding_of
from exporter.diagnosis.finding import Remedy, shown
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot
from exporter.history.model import CallResult, Outage, Sample
from exporter.history.past import Past
from exporter.history.store import Subject
from exporter.history.times import duration
from exporter.switch.sip import LOCAL_CODES, SIP_CODES
from exporter.watch.changes import Change
from exporter.watch.verdict import PING_FLIP, TIMED_OUT
from exporter.web.chart_view import Chart, HourRow, calls_chart, hours_table, live_chart, ping_chart
from exporter.web.day_past import DayPast
from exporter.web.day_view import DayView, day_view
from exporter.web.frame import Frame, HistoryNote, frame
from exporter.web.gateway_rows import active_text, ping_text, standing_of
from exporter.web.kept_call_view import RESULTS, KeptCard
from exporter.web.past_words import (
    NO_PROFILE,
    Moment,
    Standing,
    changes_before,
    history_path,
    moment,
    reason_in_full,
    times_text,
)
from exporter.web.timeline_view import Timeline, timeline

EVERY: Final = 10  # seconds between two refreshes
ROOT: Final = "../../../"
ENTRIES: Final = 20  # outages, and changes
CALLS: Final = 20
PAST_DAYS: Final = 90
_LATCHED: Final = {PING_FLIP: "a ping failed", TIMED_OUT: "no answer to REGISTER"}
_GONE: Final = Standing("not_checked", "not listed by FreeSWITCH", None)
_NOT_LISTED: Final = (
    "FreeSWITCH does not list this gateway, and the config does not require it. What follows is its past."
)
_NOT_CONNECTED: Final = "The exporter is not connected to {}. What follows is the gateway's past."


@dataclass(slots=True)
class GatewayData:
    """What the store says of a gateway, as far as it has answered; None: it has not.

    Attributes:
        outages: newest first. lost: those of its switch. changes: of its switch and the exporter.
        calls: newest first; None also if the request may not see them. older_calls: there are some that ended
            before this (epoch seconds).
    """

    day: DayPast | None = None
    outages: Sequence[Outage] | None = None
    lost: Sequence[Outage] = ()
    changes: Sequence[Change] = ()
    samples: Sequence[Sample] | None = None
    calls: Sequence[KeptCard] | None = None
    older_calls: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """How often the provider answered REGISTER with a status, since the exporter watches the gateway."""

    code: int
    meaning: str
    count: str


@dataclass(frozen=True, slots=True)
class Choice:
    """A link that shows other calls."""

    text: str
    query: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class GatewayPage:
    """The page.

    Attributes:
        facts: what is known at present. no_facts: why there may be none.
        remedy: what to do if something is wrong.
        why: the outage that lasts: its reason, and the changes before it.
        outages, changes: None if the store did not answer.
        last_failure: the last failed answer to REGISTER, and when it came.
        charts: None if the store did not answer, empty before the first sample.
        no_pings: FreeSWITCH sends the gateway no pings.
        private: the request may see kept calls. calls: None also if the store did not answer.
        calls_csv, calls_ticket: where the kept calls are served for programs.
    """

    frame: Frame
    profile: str
    node: str
    standing: Standing
    why: tuple[str, ...]
    remedy: Remedy
    facts: tuple[tuple[str, str], ...]
    no_facts: str
    day: DayView | None
    notes: tuple[HistoryNote, ...]
    outages: Timeline | None
    changes: Timeline | None
    all_outages: str
    all_changes: str
    answered: tuple[Answered, ...]
    last_failure: tuple[str, Moment] | None
    charts: tuple[Chart, ...] | None
    no_pings: bool
    hours: tuple[HourRow, ...]
    private: bool
    calls: tuple[KeptCard, ...] | None
    choices: tuple[Choice, ...]
    older_calls: str
    calls_csv: str
    calls_ticket: str


def gateway_page_view(
    subject: Subject,
    present: tuple[Snapshot, GatewaySeen] | None,
    past: Past,
    data: GatewayData,
    *,
    now: float,
    private: bool,
    persistent: bool,
    lost: Snapshot | None = None,
    notes: Sequence[HistoryNote] = (),
    result: CallResult | None = None,
) -> GatewayPage:
    """The page in words.

    Args:
        subject: the gateway.
        present: its node and itself; None if it is gone, or not known while its node is lost.
        past: its recent past.
        data: what the store says.
        now: epoch seconds.
        private: the request may see kept calls.
        persistent: the history outlives the exporter.
        lost: its node, if the exporter is not connected to it.
        notes: what is to be said about the history.
        result: the calls asked for; None: all.
    """
    if present is not None:
        standing = standing_of(*present, past)
    elif lost is not None:
        standing = standing_of(lost, GatewaySeen(name=subject.gateway), past)
    else:
        standing = _GONE
    finding = finding_of(*present) if present is not None else None
    name, profile, node = shown(subject.gateway), shown(subject.profile), shown(subject.node)
    about = {"node": subject.node, "gateway": subject.gateway}
    calls_about = {**about, "since": f"{PAST_DAYS}d", "result": result or ""}
    return GatewayPage(
        frame=frame(
            title=f"{name}: {standing.text}",
            heading=f"Gateway {name}",
            headline=_headline(standing, past),
            status=standing.status,
            now=now,
            here="",
            every=EVERY,
            skip=("outages", "Skip to the outages"),
            root=ROOT,
        ),
        profile=profile or NO_PROFILE,
        node=node,
        standing=standing,
        why=_why(past),
        remedy=finding.remedy if finding is not None else Remedy(),
        facts=_facts(*present) if present is not None else (),
        no_facts=_NOT_CONNECTED.format(node) if lost is not None else _NOT_LISTED,
        day=day_view(data.day, now, persistent=persistent) if data.day is not None else None,
        notes=tuple(notes),
        outages=_newest(data.outages, (), now) if data.outages is not None else None,
        changes=_newest(data.lost, data.changes, now) if data.outages is not None else None,
        all_outages=history_path(**about, kind="outage", since=f"{PAST_DAYS}d"),
        all_changes=history_path(node=subject.node, kind="change", since=f"{PAST_DAYS}d"),
        answered=_answered(present[1]) if present is not None else (),
        last_failure=_last_failure(present[1], now) if present is not None else None,
        charts=_charts(data.samples, now),
        no_pings=present is not None and not present[1].ping_interval,
        hours=hours_table(data.samples or (), now),
        private=private,
        calls=tuple(data.calls) if data.calls is not None and private else None,
        choices=_choices(result),
        older_calls=_older(data, result) if private else "",
        calls_csv="api/calls?" + _query(**calls_about, format="csv"),
        calls_ticket="api/calls?" + _query(**calls_about, format="ticket"),
    )


def _headline(standing: Standing, past: Past) -> str:
    text = standing.text[0].upper() + standing.text[1:]
    if standing.since is not None:
        text += f", {standing.how} {standing.since.text}"
    if past.today > 1:
        text += f". {times_text(past.today, 'outage')} today"
    return text


def _why(past: Past) -> tuple[str, ...]:
    if past.outage is None:
        return ()
    return (reason_in_full(past.outage), *changes_before(past.outage))


def _facts(snapshot: Snapshot, gateway: GatewaySeen) -> tuple[tuple[str, str], ...]:
    facts = [
        ("registration", f"{shown(gateway.state, 40)} for {duration(gateway.in_state)}"),
        ("ping", ping_text(gateway)),
        ("active calls", active_text(gateway)),
        ("dials out", f"{gateway.calls_out:,}"),
        ("failed or refused", f"{gateway.failed_calls_out:,}"),
        ("proxy", shown(gateway.proxy)),
        ("realm", shown(gateway.realm)),
    ]
    if not snapshot.connected:
        facts = facts[-2:]
    return tuple((name, value) for name, value in facts if value)


def _newest(outages: Sequence[Outage], changes: Sequence[Change], now: float) -> Timeline:
    return timeline(outages, changes, now, horizon=float("-inf"), entries=ENTRIES)


def _answered(gateway: GatewaySeen) -> tuple[Answered, ...]:
    return tuple(
        Answered(code, _meaning(code), f"{count:,}") for code, count in sorted(gateway.responses.items())
    )


def _meaning(code: int) -> str:
    return SIP_CODES.get(code) or LOCAL_CODES.get(code, "")


def _last_failure(gateway: GatewaySeen, now: float) -> tuple[str, Moment] | None:
    code = gateway.answer_code
    if not code:
        return None
    text = _LATCHED.get(code) or f"{code} {shown(gateway.answer_phrase, 80) or _meaning(code)}".strip()
    return text, moment(gateway.answer_at, now)


def _charts(samples: Sequence[Sample] | None, now: float) -> tuple[Chart, ...] | None:
    if not samples:
        return None if samples is None else ()
    ping = ping_chart(samples, now)
    return (*((ping,) if ping is not None else ()), live_chart(samples, now), calls_chart(samples, now))


def _choices(result: CallResult | None) -> tuple[Choice, ...]:
    kinds: Mapping[str, str] = {"": "all", **{kind: word for kind, (_, word) in RESULTS.items()}}
    return tuple(
        Choice(word, "?" + _query(result=kind) if kind else "?", kind == (result or ""))
        for kind, word in kinds.items()
    )


def _older(data: GatewayData, result: CallResult | None) -> str:
    if data.older_calls is None:
        return ""
    return "?" + _query(result=result or "", before=repr(data.older_calls))


def _query(**values: str) -> str:
    return urlencode({name: value for name, value in values.items() if value})
