"""What the page shows: the diagnoses and the latest calls as words, ready for the template.

Pure functions. With many nodes the event loop runs between them.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from exporter import __version__
from exporter.diagnosis.check_gateways import finding_of, gateway_status
from exporter.diagnosis.conclusion import CHECK, Diagnosis, worst
from exporter.diagnosis.finding import (
    SEVERITY,
    STATUS_WORDS,
    Finding,
    Remedy,
    Status,
    duration,
    local_time,
    shown,
    time_of_day,
)
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot
from exporter.probe.record import CallRecord

PER_PAGE: Final = 50
MAX_FILTER: Final = 100  # characters
_LINKS: Final = (
    ("metrics", "metrics for Prometheus"),
    ("api/diagnosis", "this diagnosis as JSON"),
    ("api/calls/health", "connection to every FreeSWITCH, as JSON"),
    ("-/healthy", "liveness of the exporter"),
    ("-/ready", "readiness: every node has been tried"),
)


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One gateway. `status` is pass, warn or fail; `key` identifies the row over refreshes."""

    key: str
    name: str
    profile: str
    node: str
    status: Status
    state: str
    in_state: str
    ping: str
    calls: str
    problem: str
    summary: str
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One finding."""

    number: int
    title: str
    status: Status
    word: str
    summary: str
    seen: str


@dataclass(frozen=True, slots=True)
class NodeCard:
    """One node: its conclusion, its figures, all findings. `others` have a key over refreshes."""

    key: str
    name: str
    address: str
    status: Status
    word: str
    text: str
    remedy: Remedy
    others: tuple[tuple[str, str, Finding], ...]
    consequences: tuple[Finding, ...]
    facts: tuple[tuple[str, str], ...]
    lines: tuple[CheckLine, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a call; `begin` and `length` are per mille of the bar."""

    name: str
    seconds: float
    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class CallCard:
    """One synthetic call."""

    key: str
    when: str
    name: str
    gateway: str
    status: Status
    result: str
    message: str
    phases: tuple[Phase, ...]
    quality: str


@dataclass(frozen=True, slots=True)
class View:
    """The page.

    Attributes:
        taken: when the diagnoses were taken, in the time zone of the exporter's machine.
        gateways: those of this page of the list.
        found: how many pass the filter. total: without it.
        previous, following: queries of the pages before and after; empty if there is none.
        calls_note: why there are no calls, if they cannot be read.
    """

    version: str
    taken: str
    headline: str
    status: Status
    title: str
    nodes: tuple[NodeCard, ...]
    gateways: tuple[GatewayRow, ...]
    total: int
    found: int
    query: str
    only_problems: bool
    page: int
    pages: int
    previous: str
    following: str
    calls: tuple[CallCard, ...]
    calls_note: str
    links: tuple[tuple[str, str], ...]


# -- what is shown ------------------------------------------------------------------------------------


async def make_view(
    diagnoses: Sequence[Diagnosis], calls: Sequence[CallRecord], calls_note: str, query: Mapping[str, str]
) -> View:
    """The page in words.

    Args:
        diagnoses: of every node.
        calls: the latest synthetic calls, newest first.
        calls_note: why there are none, if they cannot be read.
        query: `q` filters gateways by name, profile, node, state or problem; `only=problems`; `page` from 1.
    """
    words = query.get("q", "")[:MAX_FILTER].strip()
    only_problems = query.get("only") == "problems"
    total = 0
    found: list[tuple[Snapshot, GatewaySeen]] = []
    nodes = []
    for diagnosis in diagnoses:
        snapshot, present = diagnosis.snapshot, _present(diagnosis)
        total += len(present)
        found += [(snapshot, g) for g in present if _matches(snapshot, g, words.lower(), only_problems)]
        nodes.append(_node(diagnosis))
        await asyncio.sleep(0)
    found.sort(
        key=lambda pair: (SEVERITY[gateway_status(pair[1])], not pair[1].expected, pair[1].name.lower())
    )
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(_page_number(query.get("page", "")), pages)
    shown_here = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    several = len(diagnoses) > 1
    gravest = worst(diagnoses) if diagnoses else None
    taken_at = max((d.snapshot.taken_at for d in diagnoses), default=0.0)
    problems = sum(d.conclusion.cause is not None for d in diagnoses)
    return View(
        version=__version__,
        taken=f"{local_time(taken_at):%Y-%m-%d %H:%M:%S %Z}",
        headline=_headline(gravest, several=several),
        status=gravest.conclusion.status if gravest is not None else "not_checked",
        title=f"({problems}) freeswitch-exporter" if problems else "freeswitch-exporter",
        nodes=tuple(sorted(nodes, key=lambda node: SEVERITY[node.status])),
        gateways=tuple(_row(*pair) for pair in shown_here),
        total=total,
        found=len(found),
        query=words,
        only_problems=only_problems,
        page=number,
        pages=pages,
        previous=_link(words, only_problems, number - 1) if number > 1 else "",
        following=_link(words, only_problems, number + 1) if number < pages else "",
        calls=tuple(_call(record, taken_at) for record in calls),
        calls_note=calls_note,
        links=_LINKS,
    )


def _headline(gravest: Diagnosis | None, *, several: bool) -> str:
    if gravest is None:
        return "No node is configured."
    where = f"{shown(gravest.snapshot.node)}: " if several and gravest.conclusion.cause is not None else ""
    return where + gravest.conclusion.text


def _present(diagnosis: Diagnosis) -> Sequence[GatewaySeen]:
    """All gateways but those that FreeSWITCH does not list and the configuration does not require."""
    return [g for g in diagnosis.snapshot.gateways if g.listed or g.expected]


def _matches(snapshot: Snapshot, gateway: GatewaySeen, words: str, only_problems: bool) -> bool:
    if only_problems and gateway_status(gateway) == "pass":
        return False
    text = f"{gateway.name} {gateway.profile} {snapshot.node} {gateway.state} {gateway.problem}".lower()
    return all(word in text for word in words.split())


def _page_number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _link(words: str, only_problems: bool, number: int) -> str:
    query = {"q": words, "only": "problems" if only_problems else "", "page": str(number)}
    return "?" + urlencode({name: value for name, value in query.items() if value})


def _row(snapshot: Snapshot, gateway: GatewaySeen) -> GatewayRow:
    finding = finding_of(snapshot, gateway)
    return GatewayRow(
        key=f"g-{shown(snapshot.node)}-{shown(gateway.profile)}-{shown(gateway.name)}",
        name=shown(gateway.name),
        profile=shown(gateway.profile),
        node=shown(snapshot.node),
        status=gateway_status(gateway),
        state=shown(gateway.state, 40),
        in_state=duration(gateway.in_state),
        ping=_ping(gateway),
        calls=_active(gateway),
        problem="" if gateway.problem == "none" else gateway.problem.replace("_", " "),
        summary=finding.summary if finding is not None else "",
        remedy=finding.remedy if finding is not None else Remedy(),
    )


def _ping(gateway: GatewaySeen) -> str:
    if gateway.ping_pending:
        return f"unanswered for {gateway.ping_pending:.0f} s"
    if gateway.ping_seconds is not None:
        return f"{gateway.ping_seconds * 1000:.0f} ms"
    return "no answer yet" if gateway.ping_interval else "off"


def _active(gateway: GatewaySeen) -> str:
    active = sum(gateway.active.values())
    return f"{active} of {gateway.max_calls}" if gateway.max_calls is not None else str(active)


def _node(diagnosis: Diagnosis) -> NodeCard:
    snapshot, conclusion = diagnosis.snapshot, diagnosis.conclusion
    return NodeCard(
        key=f"n-{shown(snapshot.node)}",
        name=shown(snapshot.node),
        address=f"{shown(snapshot.host)}:{snapshot.port}",
        status=conclusion.status,
        word=STATUS_WORDS[conclusion.status],
        text=conclusion.text,
        remedy=conclusion.remedy,
        others=tuple(
            (shown(f"n-{snapshot.node}-{f.check}-{f.fault}-{f.gateway}"), STATUS_WORDS[f.status], f)
            for f in conclusion.others
        ),
        consequences=conclusion.consequences,
        facts=tuple(_facts(snapshot)),
        lines=tuple(_line(finding) for finding in diagnosis.findings),
    )


def _facts(snapshot: Snapshot) -> list[tuple[str, str]]:
    switch = snapshot.switch
    if switch is None:
        state = snapshot.problem.replace("_", " ") if snapshot.problem else "connecting"
        return [("connection", f"{state} for {duration(max(0.0, snapshot.taken_at - snapshot.since))}")]
    figures = switch.figures
    facts = [("version", shown(switch.version, 60).partition(" ")[0])]
    if (uptime := figures.uptime_seconds) is not None:
        facts.append(("up", duration(uptime)))
    if (sessions := figures.session_count) is not None:
        facts.append(("sessions", f"{sessions:g} of {figures.max_sessions or 0:g}"))
    if (rate := figures.sessions_per_second_last) is not None:
        facts.append(("legs per second", f"{rate:g} of {figures.max_sessions_per_second or 0:g}"))
    if (idle := figures.idle_cpu) is not None:
        facts.append(("idle CPU", f"{idle:.0f} %"))
    if switch.round_trip is not None:
        facts.append(("event round trip", f"{switch.round_trip * 1000:.0f} ms"))
    return facts


def _line(finding: Finding) -> CheckLine:
    return CheckLine(
        number=CHECK[finding.check].number,
        title=CHECK[finding.check].title,
        status=finding.status,
        word=STATUS_WORDS[finding.status],
        summary="" if finding.status == "not_checked" else finding.summary,
        seen=finding.seen,
    )


_RESULTS: Final[dict[str | None, Status]] = {"success": "pass", "degraded": "warn", "failed": "fail"}


def _call(record: CallRecord, now: float) -> CallCard:
    media = record.media
    quality = []
    if media is not None:
        quality.append(f"{media.packets_received} packets")
        if media.mos is not None:
            quality.append(f"MOS {media.mos:.1f}")
        if media.packet_loss_ratio is not None:
            quality.append(f"{media.packet_loss_ratio:.1%} lost")
    if record.tone is not None and record.tone.round_trip_seconds is not None:
        quality.append(f"round trip {record.tone.round_trip_seconds * 1000:.0f} ms")
    return CallCard(
        key=record.call_uuid,
        when=time_of_day(record.started_at, now),
        name=shown(record.probe) or "on demand",
        gateway=shown(record.gateway),
        status=_RESULTS.get(record.result, "not_checked"),
        result=record.result or record.status,
        message=shown(record.message, 200),
        phases=_phases(record.phases),
        quality=", ".join(quality),
    )


def _phases(phases: Mapping[str, float]) -> tuple[Phase, ...]:
    total = sum(phases.values()) or 1.0
    bars = []
    begin = 0.0
    for name, seconds in phases.items():
        bars.append(Phase(name, seconds, round(begin / total * 1000), round(seconds / total * 1000)))
        begin += seconds
    return tuple(bars)
