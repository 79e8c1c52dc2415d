"""Snapshots for tests: a healthy node, to be changed in one thing."""

from dataclasses import replace
from typing import Any

from exporter.diagnosis.conclusion import diagnose
from exporter.diagnosis.finding import CheckName, Finding
from exporter.diagnosis.snapshot import (
    BackendSeen,
    CallsSeen,
    GatewaySeen,
    RecentCalls,
    Snapshot,
    SubscriberSeen,
    SwitchSeen,
)
from exporter.switch.profile import Profile
from exporter.switch.status import SwitchFigures
from exporter.watch.log_lines import LogSeen
from exporter.watch.strangers import StrangersSeen

FIGURES = SwitchFigures(
    uptime_seconds=90061.0,
    session_count=2,
    max_sessions=1000,
    sessions_per_second_last=1,
    sessions_per_second_peak_5min=3,
    max_sessions_per_second=30,
    idle_cpu=93.0,
    min_idle_cpu=0.0,
)


def profile(name: str = "external", url: str = "sip:mod_sofia@192.0.2.1:5080") -> Profile:
    return Profile(name, url, "RUNNING", True, 0, (), ())


def gateway(**changes: Any) -> GatewaySeen:
    seen = GatewaySeen(
        name="telnyx",
        profile="external",
        expected=True,
        in_state=75.0,
        ping_interval=25,
        ping_seconds=0.031,
        proxy="sip:203.0.113.5",
    )
    return replace(seen, **changes)


def switch(**changes: Any) -> SwitchSeen:
    seen = SwitchSeen(
        version="1.11.2-release git 3f13ad1",
        figures=FIGURES,
        profiles=(profile(),),
        clock_skew=-0.01,
        round_trip=0.012,
        answers_ok=True,
    )
    figures = changes.pop("figures", {})
    return replace(seen, figures=replace(FIGURES, **figures), **changes)


def subscriber(**changes: Any) -> SubscriberSeen:
    seen = SubscriberSeen("1000@lab.local", True, 1000.0, "", True, "192.0.2.9", "phone/1.0")
    return seen._replace(**changes)


def calls(**changes: Any) -> RecentCalls:
    seen = CallsSeen(gateway="telnyx", direction="outbound", provider="telnyx", answered=10)
    return RecentCalls(seconds=900.0, calls=(replace(seen, **changes),))


def snapshot(**changes: Any) -> Snapshot:
    seen = Snapshot(
        node="fs1",
        switch=switch(),
        gateways=(gateway(),),
        recent=calls(),
        strangers=StrangersSeen(600.0, 0, 0, (), 0, "", None),
        subscribers=(subscriber(),),
        names={},
        log=LogSeen(seconds=3.5),
        backend=BackendSeen("http://127.0.0.1:3000", connected=True, answered=True, message="Connected"),
    )
    return replace(seen, **changes)


def lost(problem: str, reason: str = "", **changes: Any) -> Snapshot:
    """A node that is not connected."""
    fields: dict[str, Any] = {"switch": None, "recent": None, "log": None, "backend": None, **changes}
    return snapshot(problem=problem, reason=reason, **fields)


def found(seen: Snapshot, check: CheckName) -> list[Finding]:
    """The findings of one check."""
    return [finding for finding in diagnose(seen).findings if finding.check == check]


def one(seen: Snapshot, check: CheckName) -> Finding:
    """The only finding of one check."""
    (finding,) = found(seen, check)
    return finding
