"""The checklist, the findings on one node, and one conclusion from them.

`CHECKS` is the one table of the checks, in the order in which an operator makes them and causes lead to
consequences. `EXPLAINS` has which fault of which check accounts for findings of which later checks; a fault
of some gateways accounts only for findings about one of them or about none. A failed synthetic call is better
evidence of a fault than recent calls that fail in the same way, so it accounts for them.

A problem that no other accounts for is a cause, as grave as the gravest of its consequences. Of several the
gravest comes first, and of equals the one that costs most calls: one of the whole switch, then the one with
most failed calls of the last minutes, then gateways that the configuration lists, then the order of the
checklist. The others are listed too.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from exporter.diagnosis.check_backend import check_backend
from exporter.diagnosis.check_calls import check_call, check_calls
from exporter.diagnosis.check_database import check_database
from exporter.diagnosis.check_gateways import check_gateway, check_profile, check_registration
from exporter.diagnosis.check_log import check_log
from exporter.diagnosis.check_provider import check_provider
from exporter.diagnosis.check_reload import check_reload
from exporter.diagnosis.check_strangers import check_strangers
from exporter.diagnosis.check_subscribers import check_subscribers
from exporter.diagnosis.check_switch import check_commands, check_events, check_password, check_port
from exporter.diagnosis.finding import SEVERITY, CheckName, Finding, Remedy, Status
from exporter.diagnosis.snapshot import Snapshot
from exporter.watch.accepting import REFUSAL_REASONS
from exporter.watch.verdict import GATEWAY_PROBLEMS

_SWITCH_OK: Final = "FreeSWITCH itself is OK"
_GATEWAYS_OK: Final = "FreeSWITCH and its gateways are OK"


class Check(NamedTuple):
    """One row.

    Attributes:
        number: as docs/doctor.md counts.
        run: yields at least one finding.
        early: it needs the connection only, so its findings are final as soon as that is up or has failed.
        ok_before: what is OK if this check is the first that fails; empty if nothing is to be named.
    """

    number: int
    name: CheckName
    title: str
    run: Callable[[Snapshot], Iterator[Finding]]
    early: bool = False
    ok_before: str = ""


CHECKS: Final = (
    Check(1, "port", "Event socket port", check_port, early=True),
    Check(2, "password", "Password", check_password, early=True),
    Check(3, "commands", "FreeSWITCH", check_commands, early=True),
    Check(4, "events", "Events", check_events, early=True),
    Check(5, "profile", "SIP profiles", check_profile, ok_before="FreeSWITCH itself is running"),
    Check(6, "gateway", "Gateways exist", check_gateway, ok_before=_SWITCH_OK),
    Check(7, "registration", "Gateways usable", check_registration, ok_before=_SWITCH_OK),
    Check(8, "provider", "Providers", check_provider, ok_before=_SWITCH_OK),
    Check(9, "calls", "Recent calls", check_calls, ok_before=_GATEWAYS_OK),
    Check(10, "log", "FreeSWITCH's log", check_log, ok_before=_GATEWAYS_OK),
    Check(11, "backend", "Calling application", check_backend, ok_before=_GATEWAYS_OK),
    Check(12, "call", "Synthetic call", check_call, ok_before=_GATEWAYS_OK),
    Check(13, "database", "FreeSWITCH's database", check_database),
    Check(14, "strangers", "Strangers", check_strangers),
    Check(15, "subscribers", "Subscribers", check_subscribers),
    Check(16, "reload", "Exporter's reload", check_reload),
)
CHECK: Final = {check.name: check for check in CHECKS}
"""The checks by name."""

_CALLS: Final[frozenset[CheckName]] = frozenset({"calls", "log", "call"})
_GATEWAYS: Final[frozenset[CheckName]] = frozenset({"gateway", "registration", "provider", *_CALLS})
_WHOLE_SWITCH: Final[frozenset[CheckName]] = frozenset({"port", "password", "commands", "events", "profile"})
_UNUSABLE: Final = frozenset(GATEWAY_PROBLEMS) - {"none", "unmonitored", "unknown"}
_REFUSES: Final = frozenset({*REFUSAL_REASONS, "rate_reached"}) - {"none"}
# What becomes of a call that FreeSWITCH refuses itself. Capacity of a gateway is a code of its provider.
_REFUSED: Final = frozenset({"capacity", "no_rtp_ports", "DESTINATION_OUT_OF_ORDER"})
# Faults of calls for which no gateway's own trouble accounts, be it the one named or another.
_OF_NO_GATEWAY: Final = frozenset(
    {
        *("unknown_gateway", "unknown_profile", "unknown_endpoint", "unknown_user", "not_registered"),
        *("incomplete_dial", "bad_dial", "refused_on_purpose", "capacity", "no_rtp_ports", "call_limit"),
    }
)
_OF_NO_PROFILE: Final = frozenset({"unknown_gateway", "unknown_profile", "not_registered"})
# Those of them that a profile may bring about that does not run.


class _Row(NamedTuple):
    """One row.

    Attributes:
        faults: of the cause; empty: any.
        only: the faults for which it accounts; empty: any.
        but: those for which it does not.
    """

    check: CheckName
    faults: frozenset[str]
    explains: frozenset[CheckName]
    only: frozenset[str] = frozenset()
    but: frozenset[str] = frozenset()


EXPLAINS: Final = (
    _Row("commands", _REFUSES, frozenset({"calls", "call"}), only=_REFUSED),
    _Row("commands", _REFUSES, frozenset({"log"})),
    _Row("commands", frozenset({"hung", "unreadable"}), frozenset({"events", "profile", *_GATEWAYS})),
    _Row("events", frozenset({"events_stalled", "unreadable"}), _GATEWAYS),
    _Row(
        "profile", frozenset({"no_profile", "profile_down"}), _GATEWAYS, but=_OF_NO_GATEWAY - _OF_NO_PROFILE
    ),
    _Row("gateway", frozenset(), frozenset({"registration", "provider"})),
    _Row("gateway", frozenset(), _CALLS, but=_OF_NO_GATEWAY - {"unknown_gateway"}),
    _Row("provider", frozenset({"name_not_resolved"}), frozenset({"registration"})),
    _Row("provider", frozenset({"name_not_resolved"}), _CALLS, but=_OF_NO_GATEWAY),
    _Row("registration", _UNUSABLE, _CALLS, but=_OF_NO_GATEWAY),
    _Row("calls", frozenset(), frozenset({"log"})),
    _Row("call", frozenset(), frozenset({"log"})),
)


class Ranked(NamedTuple):
    """A cause, with what ranks it: the smaller comes first, also among causes of several nodes.

    Attributes:
        rank: as the opening of this file says.
        cause: with the gravest status of itself and what follows.
        follows: problems for which it accounts.
    """

    rank: tuple[int, bool, int, bool]
    cause: Finding
    follows: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Conclusion:
    """The answer on one node.

    Attributes:
        status: `fail` or `warn` as the first cause; `pass` if there is no problem.
        text: one to three sentences.
        cause: the first cause; None if there is no problem.
        others: further causes, in the order of what they cost.
        consequences: problems that some cause accounts for.
        ranking: all causes, the first first.
    """

    status: Status
    text: str
    cause: Finding | None = None
    others: tuple[Finding, ...] = ()
    consequences: tuple[Finding, ...] = ()
    ranking: tuple[Ranked, ...] = ()

    @property
    def remedy(self) -> Remedy:
        """Of the first cause."""
        return self.cause.remedy if self.cause is not None else Remedy()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """One node: what was seen, the findings, the conclusion."""

    snapshot: Snapshot
    findings: tuple[Finding, ...]
    conclusion: Conclusion

    def public(self) -> "Diagnosis":
        """Without what is private."""
        if not any(finding.private for finding in self.findings):
            return self
        findings = tuple(finding.public() for finding in self.findings)
        return Diagnosis(self.snapshot, findings, conclude(findings, _listed(self.snapshot)))


def diagnose(snapshot: Snapshot) -> Diagnosis:
    """Run every check over a snapshot, and conclude."""
    findings = tuple(finding for check in CHECKS for finding in check.run(snapshot))
    return Diagnosis(snapshot, findings, conclude(findings, _listed(snapshot)))


def worst(diagnoses: Sequence[Diagnosis]) -> Diagnosis:
    """The one whose first cause ranks first; of equals the first."""
    return min(diagnoses, key=lambda diagnosis: _rank(diagnosis.conclusion))


def _rank(conclusion: Conclusion) -> tuple[int, bool, int, bool]:
    if conclusion.ranking:
        return conclusion.ranking[0].rank
    return (SEVERITY[conclusion.status], True, 0, False)


def _listed(snapshot: Snapshot) -> frozenset[str]:
    return frozenset(gateway.name for gateway in snapshot.gateways if gateway.expected)


def conclude(findings: Sequence[Finding], listed: Collection[str] = ()) -> Conclusion:
    """The conclusion from the findings on one node.

    Args:
        findings: in the checklist's order.
        listed: gateways that the configuration lists.
    """
    problems = [finding for finding in findings if finding.is_problem]
    if not problems:
        return Conclusion("pass", _no_problem(findings))
    explained = [
        finding
        for finding in problems
        if any(_explains(other, finding) for other in problems if other is not finding)
    ]
    ranked = []
    for cause in problems:
        if cause in explained:
            continue
        follows = tuple(finding for finding in explained if _explains(cause, finding))
        status = min((finding.status for finding in (cause, *follows)), key=SEVERITY.__getitem__)
        failed = sum(finding.failed for finding in (cause, *follows))
        whole = status == "fail" and cause.check in _WHOLE_SWITCH
        about = _about(cause)
        unlisted = bool(listed and about) and about.isdisjoint(listed)
        rank = (SEVERITY[status], not whole, -failed, unlisted)
        ranked.append(Ranked(rank, replace(cause, status=status), follows))
    ranked.sort(key=lambda one: one.rank)
    first, *others = (one.cause for one in ranked)
    return Conclusion(first.status, _sentence(first), first, tuple(others), tuple(explained), tuple(ranked))


def _explains(cause: Finding, finding: Finding) -> bool:
    ours, others = _about(cause), _about(finding)
    if ours and others and not ours & others:
        return False
    fault = f"{finding.fault} of the provider" if finding.fault == "capacity" and others else finding.fault
    if (cause.check, finding.check) == ("call", "calls"):
        return cause.fault == finding.fault
    return any(
        cause.check == row.check
        and (not row.faults or cause.fault in row.faults)
        and finding.check in row.explains
        and (not row.only or fault in row.only)
        and fault not in row.but
        for row in EXPLAINS
    )


def _about(finding: Finding) -> set[str]:
    """The gateways that a finding is about; none: it is about the node."""
    return {finding.gateway} if finding.gateway else set(finding.gateways)


def _sentence(first: Finding) -> str:
    if first.status == "warn":
        return f"No check failed. Warning: {first.text}."
    ok_before = CHECK[first.check].ok_before
    return f"{first.text}. {ok_before}." if ok_before else f"{first.text}."


def _no_problem(findings: Sequence[Finding]) -> str:
    skipped = sum(finding.status == "not_checked" for finding in findings)
    if not any(finding.status == "pass" for finding in findings):
        return "Nothing could be checked yet."
    if not skipped:
        return "No problems found."
    return f"No problems found ({skipped} {'check' if skipped == 1 else 'checks'} skipped)."
