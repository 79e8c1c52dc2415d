"""What the page at / shows: the diagnoses, the gateways and the latest calls as words.

Pure functions. With many nodes, and between the rows of many gateways, the event loop runs.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.diagnosis.conclusion import CHECK, Diagnosis, worst
from exporter.diagnosis.finding import SEVERITY, STATUS_WORDS, Finding, Status, shown
from exporter.diagnosis.snapshot import Snapshot
from exporter.history.past import Past
from exporter.history.store import Subject
from exporter.history.times import duration
from exporter.probe.record import CallRecord
from exporter.web.context import DemoFault
from exporter.web.day_view import PERCENTS, DayView
from exporter.web.frame import Frame, HistoryNote, frame
from exporter.web.gateway_rows import GatewayRow, GatewayTable, gateway_row, subject_of
from exporter.web.past_words import history_path
from exporter.web.probes_view import ProbeRow, probe_rows
from exporter.web.problem_lines import ProblemLine, count_text, problem_lines

EVERY: Final = 3  # seconds between two refreshes
_LINKS: Final = (
    ("metrics", "metrics for Prometheus"),
    ("api/diagnosis", "this diagnosis as JSON"),
    ("api/history", "outages and changes as JSON"),
    ("api/availability", "availability by the hour or day, as JSON"),
    ("api/calls/health", "connection to every FreeSWITCH, as JSON"),
    ("-/healthy", "liveness of the exporter"),
    ("-/ready", "readiness: every node has been tried"),
)


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
    """One node: its figures, all findings.

    Attributes:
        path: where its history is served.
    """

    key: str
    name: str
    address: str
    path: str
    status: Status
    word: str
    facts: tuple[tuple[str, str], ...]
    lines: tuple[CheckLine, ...]


@dataclass(frozen=True, slots=True)
class Pasts:
    """What is known of the past of the gateways that are shown.

    Attributes:
        past: of a gateway, from memory.
        days: the last day of each, as far as the store has answered.
        persistent: the history outlives the exporter.
        notes: what is to be said about the history.
    """

    past: Callable[[str, str, str], Past]
    days: Mapping[Subject, DayView]
    persistent: bool
    notes: tuple[HistoryNote, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """The page.

    Attributes:
        problems: what is wrong, worst first.
        table: the page of the list of gateways. rows: its gateways. percents: the columns of availability.
        probes_note: why their calls are missing, if they cannot be read.
        faults: what the demo's switchboard offers; empty outside of the demo.
    """

    frame: Frame
    problems: tuple[ProblemLine, ...]
    nodes: tuple[NodeCard, ...]
    table: GatewayTable
    rows: tuple[GatewayRow, ...]
    percents: tuple[str, ...]
    notes: tuple[HistoryNote, ...]
    probes: tuple[ProbeRow, ...]
    probes_note: str
    faults: tuple[DemoFault, ...]
    links: tuple[tuple[str, str], ...]


# -- what is shown ------------------------------------------------------------------------------------


async def make_view(
    diagnoses: Sequence[Diagnosis],
    table: GatewayTable,
    pasts: Pasts,
    probes: Mapping[str, str],
    calls: Sequence[CallRecord],
    calls_note: str,
    faults: Sequence[DemoFault] = (),
) -> View:
    """The page in words.

    Args:
        diagnoses: of every node.
        table: the gateways to show.
        pasts: their past.
        probes: of the config: name to gateway.
        calls: the latest synthetic calls, newest first.
        calls_note: why there are none, if they cannot be read.
        faults: what the demo's switchboard offers.
    """
    nodes = []
    for diagnosis in diagnoses:
        nodes.append(_node(diagnosis))
        await asyncio.sleep(0)
    rows = []
    for snapshot, gateway in table.gateways:
        subject = subject_of(snapshot, gateway)
        past, day = pasts.past(*subject), pasts.days.get(subject)
        rows.append(gateway_row(snapshot, gateway, past, day))
        await asyncio.sleep(0)
    gravest = worst(diagnoses) if diagnoses else None
    taken_at = max((d.snapshot.taken_at for d in diagnoses), default=0.0)
    lines = problem_lines(diagnoses)
    problems = sum(line.status == "fail" for line in lines)
    return View(
        frame=frame(
            title=f"({problems}) freeswitch-exporter" if problems else "freeswitch-exporter",
            heading="freeswitch-exporter",
            headline=count_text(lines) or (gravest.conclusion.text if gravest else "No node is configured."),
            announced=_announced(lines),
            status=gravest.conclusion.status if gravest is not None else "not_checked",
            now=taken_at,
            here="overview",
            every=EVERY,
            skip=("gateways", "Skip to the gateways"),
        ),
        problems=lines,
        nodes=tuple(sorted(nodes, key=lambda node: SEVERITY[node.status])),
        table=table,
        rows=tuple(rows),
        percents=PERCENTS if pasts.persistent else PERCENTS[:1],
        notes=pasts.notes,
        probes=probe_rows(probes, calls, taken_at),
        probes_note=calls_note,
        faults=tuple(faults),
        links=_LINKS,
    )


def _announced(lines: Sequence[ProblemLine]) -> str:
    """The first line, for those who hear the page: a new one is told at once."""
    if not lines:
        return ""
    where = f"{lines[0].node}: " if lines[0].node else ""
    return f". First: {where}{lines[0].text}."


def _node(diagnosis: Diagnosis) -> NodeCard:
    snapshot, conclusion = diagnosis.snapshot, diagnosis.conclusion
    return NodeCard(
        key=f"n-{shown(snapshot.node)}",
        name=shown(snapshot.node),
        address=f"{shown(snapshot.host)}:{snapshot.port}",
        path=history_path(node=snapshot.node),
        status=conclusion.status,
        word=STATUS_WORDS[conclusion.status],
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
        facts.append(("legs/s", f"{rate:g} of {figures.max_sessions_per_second or 0:g}"))
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
        seen=finding.evidence,
    )
