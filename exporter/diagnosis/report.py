"""A diagnosis as JSON: the form of `doctor --json` and `GET /api/diagnosis` (docs/doctor.md).

Stable: keys are added, never renamed or removed; a change that breaks this raises `version`. Names are
camelCase as in the other answers under /api, times epoch seconds.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from exporter.diagnosis.conclusion import CHECK, Conclusion, Diagnosis, worst
from exporter.diagnosis.finding import Finding, Remedy, Status, shown
from exporter.watch.changes import Change

VERSION: Final = 1


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class RemedyJson(_Json, frozen=True, kw_only=True, rename="camel"):
    """What to do: sentences, commands to type, what those need, and the section of the runbook."""

    advice: str
    commands: tuple[str, ...]
    note: str
    runbook: str


class ChangeJson(_Json, frozen=True, kw_only=True, rename="camel"):
    """A change before an outage, as in `GET /api/history`; `at`: epoch seconds."""

    at: float
    what: str
    subject: str
    from_: str = msgspec.field(name="from")
    to: str


class FindingJson(_Json, frozen=True, kw_only=True, rename="camel"):
    """One finding. `number`: of its check, from 1. `consequence`: another problem accounts for it.

    `past`, `since`, `timesToday`, `timesLastDay`, `changesBefore`: of the outage that it is about; empty and
    null if it is about none, or the history does not know it.
    """

    number: int
    check: str
    title: str
    status: Status
    fault: str
    gateway: str
    summary: str
    seen: str
    remedy: RemedyJson
    consequence: bool
    past: str
    since: float | None
    times_today: int | None
    times_last_day: int | None
    changes_before: tuple[ChangeJson, ...]


class ConclusionJson(_Json, frozen=True, kw_only=True, rename="camel"):
    """The first cause, or that there is no problem."""

    status: Status
    node: str
    check: str
    fault: str
    gateway: str
    text: str
    remedy: RemedyJson


class NodeJson(_Json, frozen=True, kw_only=True, rename="camel"):
    """One node. `historyUnasked`: why the doctor knows nothing of since when; empty if it does."""

    node: str
    host: str
    port: int
    connected: bool
    problem: str
    taken_at: float
    conclusion: ConclusionJson
    findings: tuple[FindingJson, ...]
    history_unasked: str


class ReportJson(_Json, frozen=True, kw_only=True, rename="camel"):
    """The complete answer. `status` is the worst of the nodes' conclusions."""

    version: int
    status: Literal["pass", "warn", "fail"]
    conclusion: ConclusionJson
    nodes: tuple[NodeJson, ...]


def report(diagnoses: Sequence[Diagnosis]) -> ReportJson:
    """The diagnoses of one or more nodes as JSON."""
    gravest = _conclusion(worst(diagnoses))
    status: Literal["pass", "warn", "fail"] = "pass"
    if gravest.status in ("warn", "fail"):
        status = "warn" if gravest.status == "warn" else "fail"
    return ReportJson(
        version=VERSION, status=status, conclusion=gravest, nodes=tuple(_node(d) for d in diagnoses)
    )


def _node(diagnosis: Diagnosis) -> NodeJson:
    snapshot = diagnosis.snapshot
    return NodeJson(
        node=shown(snapshot.node),
        host=shown(snapshot.host),
        port=snapshot.port,
        connected=snapshot.connected,
        problem=snapshot.problem,
        taken_at=round(snapshot.taken_at, 3),
        conclusion=_conclusion(diagnosis),
        findings=tuple(_finding(finding, diagnosis.conclusion) for finding in diagnosis.findings),
        history_unasked=snapshot.unseen.get("history", ""),
    )


def _conclusion(diagnosis: Diagnosis) -> ConclusionJson:
    conclusion, cause = diagnosis.conclusion, diagnosis.conclusion.cause
    return ConclusionJson(
        status=conclusion.status,
        node=shown(diagnosis.snapshot.node),
        check=cause.check if cause is not None else "",
        fault=cause.fault if cause is not None else "",
        gateway=shown(cause.gateway) if cause is not None else "",
        text=conclusion.text,
        remedy=_remedy(conclusion.remedy),
    )


def _finding(finding: Finding, conclusion: Conclusion) -> FindingJson:
    lasting = finding.lasting
    return FindingJson(
        number=CHECK[finding.check].number,
        check=finding.check,
        title=CHECK[finding.check].title,
        status=finding.status,
        fault=finding.fault,
        gateway=shown(finding.gateway),
        summary=finding.summary,
        seen=finding.evidence,
        remedy=_remedy(finding.remedy),
        consequence=finding in conclusion.consequences,
        past=lasting.text if lasting is not None else "",
        since=round(lasting.since, 3) if lasting is not None else None,
        times_today=lasting.times_today if lasting is not None else None,
        times_last_day=lasting.times_last_day if lasting is not None else None,
        changes_before=tuple(map(_change, lasting.changes)) if lasting is not None else (),
    )


def _change(change: Change) -> ChangeJson:
    return ChangeJson(
        at=round(change.at, 3),
        what=shown(change.what),
        subject=shown(change.subject),
        from_=shown(change.before),
        to=shown(change.after),
    )


def _remedy(remedy: Remedy) -> RemedyJson:
    return RemedyJson(advice=remedy.advice, commands=remedy.commands, note=remedy.note, runbook=remedy.anchor)
