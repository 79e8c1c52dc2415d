"""What is wrong, each in one line, of all nodes together: what costs most calls comes first. Pure functions.

Gateways of one node with the same fault share a line, so that a provider that is down is one problem, not
fifty. Opened, a line shows the evidence, what follows from it, and what to do; of several gateways for each.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from exporter.diagnosis.conclusion import Diagnosis, Ranked
from exporter.diagnosis.finding import SEVERITY, STATUS_WORDS, Finding, Remedy, Status, duration, shown
from exporter.diagnosis.snapshot import Snapshot
from exporter.web.past_words import gateway_path, times_text

MAX_NAMED: Final = 5  # gateways in one line


@dataclass(frozen=True, slots=True)
class Member:
    """One gateway of a line that is about several. `key` identifies it over refreshes."""

    key: str
    text: str
    seen: str
    remedy: Remedy


@dataclass(frozen=True, slots=True)
class ProblemLine:
    """One problem or warning.

    Attributes:
        key: identifies it over refreshes.
        word: of its status.
        node: its name, where there are several.
        text: a sentence without a full stop.
        lasts: `for 7 min`; empty if it is not known since when.
        cost: `40 calls failed`; empty if none did, or if the text says so.
        past: since when, how often, what changed before.
        seen: the evidence. follows: what it accounts for.
        path: of the page of its gateway; empty: it is about none, or several.
        members: the gateways, if there are several.
    """

    key: str
    status: Status
    word: str
    node: str
    text: str
    lasts: str
    cost: str
    past: str
    seen: str
    follows: tuple[str, ...]
    remedy: Remedy
    path: str
    members: tuple[Member, ...]


def problem_lines(diagnoses: Sequence[Diagnosis]) -> tuple[ProblemLine, ...]:
    """The lines, what costs most first."""
    ranked = [(one, diagnosis.snapshot) for diagnosis in diagnoses for one in diagnosis.conclusion.ranking]
    ranked.sort(key=lambda pair: pair[0].rank)
    groups: dict[tuple[str, str, str, str], list[tuple[Ranked, Snapshot]]] = {}
    for number, (one, snapshot) in enumerate(ranked):
        cause = one.cause
        alone = "" if cause.alike else str(number)
        groups.setdefault((snapshot.node, cause.check, cause.fault, alone), []).append((one, snapshot))
    several = len(diagnoses) > 1
    keys: Counter[str] = Counter()
    lines = []
    for group in groups.values():
        line = _line(group, several=several)
        keys[line.key] += 1  # of one gateway two findings may have the same fault: calls in either direction
        lines.append(replace(line, key=f"{line.key}-{keys[line.key]}"))
    return tuple(lines)


def count_text(lines: Sequence[ProblemLine]) -> str:
    """`2 problems, 7 warnings`; empty without any."""
    problems = sum(line.status == "fail" for line in lines)
    parts = [(problems, "problem"), (len(lines) - problems, "warning")]
    return ", ".join(times_text(count, word) for count, word in parts if count)


# -- inside -------------------------------------------------------------------------------------------


def _line(group: Sequence[tuple[Ranked, Snapshot]], *, several: bool) -> ProblemLine:
    (first, snapshot), *others = group
    cause = first.cause
    node = shown(snapshot.node)
    began = [one.cause.lasting.since for one, _ in group if one.cause.lasting is not None]
    failed = sum(one.cause.failed + sum(f.failed for f in one.follows) for one, _ in group)
    key = shown(f"p-{snapshot.node}-{cause.check}-{cause.fault}")
    status = min((one.cause.status for one, _ in group), key=SEVERITY.__getitem__)
    return ProblemLine(
        key=key if others else f"{key}-{shown(cause.gateway)}",
        status=status,
        word=STATUS_WORDS[status],
        node=node if several else "",
        text=_text_of_several([one.cause for one, _ in group]) if others else cause.summary,
        lasts=f"for {duration(max(0.0, snapshot.taken_at - min(began)))}" if began else "",
        cost=f"{times_text(failed, 'call')} failed" if failed and cause.check != "calls" else "",
        past=cause.lasting.text if cause.lasting is not None and not others else "",
        seen="" if others else cause.evidence,
        follows=tuple(dict.fromkeys(f.summary for one, _ in group for f in one.follows)),
        remedy=Remedy(section=cause.remedy.section) if others else cause.remedy,
        path="" if others or cause.gateways else _path(snapshot, cause),
        members=tuple(_member(one.cause, key) for one, _ in group) if others else (),
    )


def _text_of_several(causes: Sequence[Finding]) -> str:
    names = [shown(name) for cause in causes for name in (cause.gateways or (cause.gateway,))]
    more = f" and {len(names) - MAX_NAMED} more" if len(names) > MAX_NAMED else ""
    return f"{len(names)} gateways: {causes[0].alike} ({', '.join(names[:MAX_NAMED])}{more})"


def _member(cause: Finding, key: str) -> Member:
    text = f"{cause.summary}. {cause.lasting.text}" if cause.lasting is not None else cause.summary
    return Member(f"{key}-{shown(cause.gateway)}", text, cause.evidence, cause.remedy)


def _path(snapshot: Snapshot, cause: Finding) -> str:
    if not cause.gateway:
        return ""
    profiles = [gateway.profile for gateway in snapshot.gateways if gateway.name == cause.gateway]
    return gateway_path(snapshot.node, profiles[0], cause.gateway) if profiles else ""
