"""One conclusion from all findings: the first cause, and which of the others are its consequences.

`EXPLAINS` says which fault, where it is found, accounts for which later findings; a fault of one gateway
accounts only for findings about that gateway or about none. A synthetic call that fails as recent calls do is
the better witness of the same fault. A problem that no other accounts for is a cause. Of several causes the
gravest comes first, be it grave by itself or by what follows from it, and among equals the one that the
checklist meets first; the other causes stand beside it, unhidden.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple

from exporter.diagnosis.finding import CheckName, Finding, Remedy, Status
from exporter.watch.verdict import GATEWAY_PROBLEMS

_CALLS: Final[frozenset[CheckName]] = frozenset({"calls", "log", "call"})
_GATEWAYS: Final[frozenset[CheckName]] = frozenset({"gateway", "registration", "provider", *_CALLS})
_UNUSABLE: Final = frozenset(GATEWAY_PROBLEMS) - {"none", "unmonitored", "unknown"}


class _Row(NamedTuple):
    check: CheckName
    faults: frozenset[str]  # empty: any
    explains: frozenset[CheckName]


EXPLAINS: Final = (
    _Row("commands", frozenset({"paused", "not_ready", "session_limit", "rate_limit", "idle_cpu"}), _CALLS),
    _Row("commands", frozenset({"hung", "unreadable"}), frozenset({"events", "profile", *_GATEWAYS})),
    _Row("events", frozenset({"events_stalled", "unreadable"}), _GATEWAYS),
    _Row("profile", frozenset({"no_profile", "profile_down"}), _GATEWAYS),
    _Row("gateway", frozenset(), frozenset({"registration", "provider", *_CALLS})),
    _Row("provider", frozenset({"name_not_resolved"}), frozenset({"registration", *_CALLS})),
    _Row("registration", _UNUSABLE, _CALLS),
    _Row("calls", frozenset(), frozenset({"log"})),
    _Row("call", frozenset(), frozenset({"log"})),
)
_GRAVITY: Final[dict[Status, int]] = {"fail": 0, "warn": 1}


@dataclass(frozen=True, slots=True)
class Conclusion:
    """What to tell whoever asked.

    Attributes:
        status: `fail` or `warn` as the first cause; `pass` if there is no problem.
        text: one or two sentences.
        cause: the first cause; None if there is no problem.
        consequences: problems that some cause accounts for. others: further causes of their own.
    """

    status: Status
    text: str
    cause: Finding | None = None
    others: tuple[Finding, ...] = ()
    consequences: tuple[Finding, ...] = ()

    @property
    def remedy(self) -> Remedy:
        """Of the first cause."""
        return self.cause.remedy if self.cause is not None else Remedy()


def conclude(findings: Sequence[Finding]) -> Conclusion:
    """The conclusion from the findings on one node, in the checklist's order."""
    problems = [finding for finding in findings if finding.is_problem]
    if not problems:
        return Conclusion("pass", _all_well(findings))
    explained = [
        finding
        for finding in problems
        if any(_explains(other, finding) for other in problems if other is not finding)
    ]
    causes = [finding for finding in problems if finding not in explained]
    causes.sort(key=lambda cause: _gravity(cause, explained))
    first, *others = causes
    return Conclusion(first.status, _sentence(first), first, tuple(others), tuple(explained))


def _gravity(cause: Finding, explained: Sequence[Finding]) -> int:
    follows = [finding for finding in explained if _explains(cause, finding)]
    return min(_GRAVITY[finding.status] for finding in (cause, *follows))


def _explains(cause: Finding, finding: Finding) -> bool:
    if cause.gateway and finding.gateway and cause.gateway != finding.gateway:
        return False
    if (cause.check, finding.check) == ("call", "calls"):
        return cause.fault == finding.fault
    return any(
        cause.check == row.check
        and (not row.faults or cause.fault in row.faults)
        and finding.check in row.explains
        for row in EXPLAINS
    )


# How far all is well before the check that fails, in words.
_WELL_BEFORE: Final[dict[CheckName, str]] = {
    "profile": "FreeSWITCH runs",
    "gateway": "FreeSWITCH is fine",
    "registration": "FreeSWITCH is fine",
    "provider": "FreeSWITCH is fine",
    "calls": "FreeSWITCH and its gateways are fine",
    "log": "FreeSWITCH and its gateways are fine",
    "call": "FreeSWITCH and its gateways are fine",
}


def _sentence(first: Finding) -> str:
    if first.status == "warn":
        return f"Nothing is broken. One warning: {first.summary}."
    well = _WELL_BEFORE.get(first.check)
    if well is not None:
        return f"{well}; {first.summary}."
    return f"{first.summary[:1].upper()}{first.summary[1:]}."


def _all_well(findings: Sequence[Finding]) -> str:
    unchecked = sum(finding.status == "not_checked" for finding in findings)
    if not any(finding.status == "pass" for finding in findings):
        return "Nothing could be checked yet."
    return (
        "All is well." if not unchecked else f"All is well, as far as checked ({unchecked} checks not made)."
    )
