"""GET /: the page for people, and the three files it needs.

Complete as it leaves here: filter, paging and folding work without a script, every name and number is in the
HTML. The script only fetches the same page again every few seconds and puts the new parts in place. Nothing
comes from elsewhere and nothing is inline, so the policy allows this origin alone.

What the template gets is a `View`: words, ready to show. It escapes all of them; it decides nothing.
"""

import asyncio
import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from aiohttp import hdrs, web

from exporter import __version__
from exporter.diagnosis.checks import CHECKS, TITLES
from exporter.diagnosis.finding import Finding, Remedy, Status, shown
from exporter.diagnosis.gateway_checks import finding_of, severity
from exporter.diagnosis.report import Diagnosis, worst
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot
from exporter.diagnosis.switch_checks import clock, duration
from exporter.probe.admission import Refused
from exporter.probe.record import CallRecord
from exporter.web.answers import Refusal
from exporter.web.context import APP_CONTEXT

if TYPE_CHECKING:
    from jinja2 import Template

PER_PAGE: Final = 50
CALLS_SHOWN: Final = 10
MAX_FILTER: Final = 100
_HERE: Final = Path(__file__).parent
_TYPES: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_WORDS: Final[dict[Status, str]] = {
    "pass": "ok",
    "warn": "warning",
    "fail": "problem",
    "not_checked": "not checked",
}
_NUMBERS: Final = {check.name: number for number, check in enumerate(CHECKS, 1)}
_LINKS: Final = (
    ("metrics", "metrics for Prometheus"),
    ("api/diagnosis", "this diagnosis as JSON"),
    ("api/calls/health", "whether every FreeSWITCH is connected, as JSON"),
    ("-/healthy", "whether this exporter is alive"),
    ("-/ready", "whether it has tried every node"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """One gateway. `status` is pass, warn or fail; `key` tells rows apart over refreshes."""

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
class Line:
    """One finding."""

    number: int
    title: str
    status: Status
    word: str
    summary: str
    seen: str


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node: its conclusion, its figures, all findings. `others` with a key over refreshes."""

    key: str
    name: str
    address: str
    status: Status
    word: str
    text: str
    remedy: Remedy
    others: tuple[tuple[str, Finding], ...]
    consequences: tuple[Finding, ...]
    facts: tuple[tuple[str, str], ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a call; `begin` and `length` are per mille of the bar."""

    name: str
    seconds: float
    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class CallView:
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
    """The page. `gateways` are those of this page of the list, `found` is how many pass the filter."""

    version: str
    taken: str
    headline: str
    status: Status
    title: str
    nodes: tuple[NodeView, ...]
    gateways: tuple[Row, ...]
    total: int
    found: int
    query: str
    only_problems: bool
    page: int
    pages: int
    previous: str
    following: str
    calls: tuple[CallView, ...]
    calls_note: str
    links: tuple[tuple[str, str], ...]
    assets: Mapping[str, str]


async def page(request: web.Request) -> web.Response:
    """GET /."""
    context = request.app[APP_CONTEXT]
    diagnoses = await context.diagnoses()
    calls: Sequence[CallRecord] = ()
    note = ""
    try:
        calls = await context.latest_calls(CALLS_SHOWN)
    except Refused as refused:
        note = refused.message
    view = make_view(diagnoses, calls, note, dict(request.query))
    template = await asyncio.to_thread(_template)  # the first time it takes a tenth of a second
    headers = {"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
    return web.Response(text=template.render(view=view), content_type="text/html", headers=headers)


async def asset(request: web.Request) -> web.Response:
    """GET /static/{name}: style, script and icon. Raises Refusal 404 for anything else."""
    name = request.match_info["name"]
    if name not in _TYPES:
        raise Refusal(
            404, "not_found", "There is nothing at this path.", "The page at / lists what there is."
        )
    headers = {hdrs.CACHE_CONTROL: "private, max-age=86400"}  # their addresses change with their contents
    return web.Response(body=_asset(name), content_type=_TYPES[name], charset="utf-8", headers=headers)


@cache
def _asset(name: str) -> bytes:
    return (_HERE / "static" / name).read_bytes()


@cache
def _addresses() -> dict[str, str]:
    digests = {name: hashlib.sha256(_asset(name)).hexdigest()[:12] for name in _TYPES}
    return {name: f"static/{name}?v={digest}" for name, digest in digests.items()}


@cache
def _template() -> "Template":
    import jinja2  # only who shows the page needs it

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_HERE / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html")


# -- what is shown ------------------------------------------------------------------------------------


def make_view(
    diagnoses: Sequence[Diagnosis], calls: Sequence[CallRecord], calls_note: str, query: Mapping[str, str]
) -> View:
    """The page in words.

    Args:
        query: `q` filters gateways by name, profile, node, state or problem; `only=problems`; `page` from 1.
    """
    words = query.get("q", "")[:MAX_FILTER].strip()
    only_problems = query.get("only") == "problems"
    everything = [(diagnosis.snapshot, gateway) for diagnosis in diagnoses for gateway in _present(diagnosis)]
    found = [pair for pair in everything if _matches(*pair, words.lower(), only_problems=only_problems)]
    found.sort(key=lambda pair: (severity(pair[1]), not pair[1].expected, pair[1].name.lower()))
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(_page_number(query.get("page", "")), pages)
    shown_here = found[(number - 1) * PER_PAGE : number * PER_PAGE]
    several = len(diagnoses) > 1
    gravest = worst(diagnoses) if diagnoses else None
    problems = sum(d.conclusion.cause is not None for d in diagnoses)
    return View(
        version=__version__,
        taken=time.strftime("%Y-%m-%d %H:%M:%S %Z"),
        headline=_headline(gravest, several=several),
        status=gravest.conclusion.status if gravest is not None else "not_checked",
        title=f"({problems}) freeswitch-exporter" if problems else "freeswitch-exporter",
        nodes=tuple(sorted(map(_node, diagnoses), key=lambda node: _SEVERITY[node.status])),
        gateways=tuple(_row(*pair) for pair in shown_here),
        total=len(everything),
        found=len(found),
        query=words,
        only_problems=only_problems,
        page=number,
        pages=pages,
        previous=_link(words, only_problems, number - 1) if number > 1 else "",
        following=_link(words, only_problems, number + 1) if number < pages else "",
        calls=tuple(map(_call, calls)),
        calls_note=calls_note,
        links=_LINKS,
        assets=_addresses(),
    )


_SEVERITY: Final[dict[Status, int]] = {"fail": 0, "warn": 1, "not_checked": 2, "pass": 3}
_STATUSES: Final[tuple[Status, ...]] = ("fail", "warn", "pass")


def _headline(gravest: Diagnosis | None, *, several: bool) -> str:
    if gravest is None:
        return "No node is configured."
    where = f"{shown(gravest.snapshot.node)}: " if several and gravest.conclusion.cause is not None else ""
    return where + gravest.conclusion.text


def _present(diagnosis: Diagnosis) -> Sequence[GatewaySeen]:
    """All gateways but those that are gone and that nobody expects."""
    return [g for g in diagnosis.snapshot.gateways if g.listed or g.expected]


def _matches(snapshot: Snapshot, gateway: GatewaySeen, words: str, *, only_problems: bool) -> bool:
    if only_problems and severity(gateway) == 2:
        return False
    text = f"{gateway.name} {gateway.profile} {snapshot.node} {gateway.state} {gateway.problem}".lower()
    return all(word in text for word in words.split())


def _page_number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _link(words: str, only_problems: bool, number: int) -> str:
    query = {"q": words, "only": "problems" if only_problems else "", "page": str(number)}
    return "?" + urlencode({name: value for name, value in query.items() if value})


def _row(snapshot: Snapshot, gateway: GatewaySeen) -> Row:
    finding = finding_of(snapshot, gateway)
    return Row(
        key=f"g-{shown(snapshot.node)}-{shown(gateway.profile)}-{shown(gateway.name)}",
        name=shown(gateway.name),
        profile=shown(gateway.profile),
        node=shown(snapshot.node),
        status=_STATUSES[severity(gateway)],
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


def _node(diagnosis: Diagnosis) -> NodeView:
    snapshot, conclusion = diagnosis.snapshot, diagnosis.conclusion
    return NodeView(
        key=f"n-{shown(snapshot.node)}",
        name=shown(snapshot.node),
        address=f"{shown(snapshot.host)}:{snapshot.port}",
        status=conclusion.status,
        word=_WORDS[conclusion.status],
        text=conclusion.text,
        remedy=conclusion.remedy,
        others=tuple(
            (shown(f"n-{snapshot.node}-{f.check}-{f.fault}-{f.gateway}"), f) for f in conclusion.others
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


def _line(finding: Finding) -> Line:
    return Line(
        number=_NUMBERS[finding.check],
        title=TITLES[finding.check],
        status=finding.status,
        word=_WORDS[finding.status],
        summary="" if finding.status == "not_checked" else finding.summary,
        seen=f"because {finding.seen}" if finding.status == "not_checked" else finding.seen,
    )


_RESULTS: Final[dict[str | None, Status]] = {"success": "pass", "degraded": "warn", "failed": "fail"}


def _call(record: CallRecord) -> CallView:
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
    return CallView(
        key=record.call_uuid,
        when=clock(record.started_at),
        name=shown(record.probe) or "on demand",
        gateway=shown(record.gateway),
        status=_RESULTS.get(record.result, "not_checked"),
        result=record.result or record.status,
        message=shown(record.message, 200),
        phases=_phases(record.phases),
        quality=", ".join(quality),
    )


def _phases(phases: Mapping[str, float]) -> tuple[Phase, ...]:
    whole = sum(phases.values()) or 1.0
    bars = []
    begin = 0.0
    for name, seconds in phases.items():
        bars.append(Phase(name, seconds, round(begin / whole * 1000), round(seconds / whole * 1000)))
        begin += seconds
    return tuple(bars)
