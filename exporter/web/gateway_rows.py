"""The table of gateways: which are found and shown, and each of them as a row.

Strategy: filter, sort and page first, then ask for the past of those that are shown, so a page costs the same
with a thousand gateways as with fifty. Pure functions, but for the pauses in which the event loop runs.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from exporter.diagnosis.check_gateways import gateway_status
from exporter.diagnosis.conclusion import Diagnosis
from exporter.diagnosis.finding import SEVERITY, Status, shown
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot
from exporter.history.past import Past
from exporter.history.store import Subject
from exporter.web.day_view import DayView
from exporter.web.past_words import Standing, gateway_path, gateway_standing, problem_text, times_text

PER_PAGE: Final = 50
MAX_FILTER: Final = 100  # characters
NOT_KNOWN: Final = "–"  # noqa: RUF001 - a dash, as in print


@dataclass(frozen=True, slots=True)
class GatewayRow:
    """One gateway. `status` is pass, warn or fail; `key` identifies the row over refreshes.

    Attributes:
        path: where its page is served.
        standing: up or down, and since when.
        state: its registration state.
        day: None if it is not known (yet).
    """

    key: str
    name: str
    profile: str
    node: str
    path: str
    status: Status
    standing: Standing
    state: str
    day: DayView | None
    ping: str
    calls: str
    problem: str


@dataclass(frozen=True, slots=True)
class GatewayTable:
    """The gateways of one page of the list.

    Attributes:
        gateways: each with the snapshot that it is of.
        found: how many pass the filter. total: without it.
        previous, following: queries of the pages before and after; empty if there is none.
    """

    gateways: tuple[tuple[Snapshot, GatewaySeen], ...]
    total: int
    found: int
    query: str
    only_problems: bool
    page: int
    pages: int
    previous: str
    following: str

    @property
    def found_text(self) -> str:
        """`12 of 65 gateways, page 1 of 2, worst first`."""
        total = times_text(self.total, "gateway")
        parts = [total if self.found == self.total else f"{self.found} of {total}"]
        if self.pages > 1:
            parts.append(f"page {self.page} of {self.pages}")
        if self.found > 1:
            parts.append("worst first")
        return ", ".join(parts)

    @property
    def subjects(self) -> list[Subject]:
        """Whose past is shown."""
        return [subject_of(snapshot, gateway) for snapshot, gateway in self.gateways]


def subject_of(snapshot: Snapshot, gateway: GatewaySeen) -> Subject:
    """A gateway as the history knows it."""
    return Subject(snapshot.node, gateway.name, gateway.profile)


async def find_gateways(diagnoses: Sequence[Diagnosis], query: Mapping[str, str]) -> GatewayTable:
    """The gateways to show, worst first.

    Args:
        diagnoses: of every node.
        query: `q` filters by name, profile, node, state or problem; `only=problems`; `page` from 1.
    """
    words = query.get("q", "")[:MAX_FILTER].strip()
    only_problems = query.get("only") == "problems"
    total = 0
    found: list[tuple[Snapshot, GatewaySeen]] = []
    for diagnosis in diagnoses:
        snapshot, present = diagnosis.snapshot, _present(diagnosis)
        total += len(present)
        found += [(snapshot, g) for g in present if _matches(snapshot, g, words.lower(), only_problems)]
        await asyncio.sleep(0)
    found.sort(key=lambda pair: (SEVERITY[gateway_status(*pair)], not pair[1].expected, pair[1].name.lower()))
    pages = max(1, -(-len(found) // PER_PAGE))
    number = min(_page_number(query.get("page", "")), pages)
    return GatewayTable(
        gateways=tuple(found[(number - 1) * PER_PAGE : number * PER_PAGE]),
        total=total,
        found=len(found),
        query=words,
        only_problems=only_problems,
        page=number,
        pages=pages,
        previous=_link(words, only_problems, number - 1) if number > 1 else "",
        following=_link(words, only_problems, number + 1) if number < pages else "",
    )


def _present(diagnosis: Diagnosis) -> Sequence[GatewaySeen]:
    """All gateways but those that FreeSWITCH does not list and the configuration does not require.

    While the node is lost, those that were known before.
    """
    lost = not diagnosis.snapshot.connected
    return [
        g
        for g in diagnosis.snapshot.gateways
        if g.listed or g.expected or (lost and g.was not in ("", "UNKNOWN"))
    ]


def _matches(snapshot: Snapshot, gateway: GatewaySeen, words: str, only_problems: bool) -> bool:
    if only_problems and gateway_status(snapshot, gateway) not in ("fail", "warn"):
        return False
    text = f"{gateway.name} {gateway.profile} {snapshot.node} {gateway.state} {gateway.problem}".lower()
    return all(word in text for word in words.split())


def _page_number(text: str) -> int:
    return max(1, int(text)) if text.isascii() and text.isdigit() and len(text) < 6 else 1


def _link(words: str, only_problems: bool, number: int) -> str:
    query = {"q": words, "only": "problems" if only_problems else "", "page": str(number)}
    return "?" + urlencode({name: value for name, value in query.items() if value})


def gateway_row(snapshot: Snapshot, gateway: GatewaySeen, past: Past, day: DayView | None) -> GatewayRow:
    """One gateway as a row.

    Args:
        snapshot: of its node.
        gateway: its present.
        past: its recent past.
        day: its last day; None if that is not known.
    """
    known = snapshot.connected
    return GatewayRow(
        key=f"g-{shown(snapshot.node)}-{shown(gateway.profile)}-{shown(gateway.name)}",
        name=shown(gateway.name),
        profile=shown(gateway.profile),
        node=shown(snapshot.node),
        path=gateway_path(snapshot.node, gateway.profile, gateway.name),
        status=gateway_status(snapshot, gateway),
        standing=standing_of(snapshot, gateway, past),
        state=shown(gateway.state, 40) if known else "",
        day=day,
        ping=ping_text(gateway) if known else NOT_KNOWN,
        calls=active_text(gateway) if known else NOT_KNOWN,
        problem=(problem_text(gateway.problem) if known else NOT_KNOWN),
    )


def standing_of(snapshot: Snapshot, gateway: GatewaySeen, past: Past) -> Standing:
    """Up or down, and since when."""
    now = snapshot.taken_at
    since = snapshot.past.outage.began if snapshot.past.outage is not None else snapshot.since
    return gateway_standing(
        past,
        gateway.problem,
        usable=gateway.usable,
        unwatched_for=None if snapshot.connected else max(0.0, now - since),
        was=gateway.was,
        now=now,
    )


def ping_text(gateway: GatewaySeen) -> str:
    """The last OPTIONS in words."""
    if gateway.ping_pending:
        return f"unanswered for {gateway.ping_pending:.0f} s"
    if gateway.ping_seconds is not None:
        return f"{gateway.ping_seconds * 1000:.0f} ms"
    return "no answer" if gateway.ping_interval else "off"


def active_text(gateway: GatewaySeen) -> str:
    """The calls that are up: `3 of 10`."""
    active = sum(gateway.active.values())
    return f"{active} of {gateway.max_calls}" if gateway.max_calls is not None else str(active)
