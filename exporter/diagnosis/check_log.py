"""Check 10: what FreeSWITCH logged lately at ERR and WARNING.

The counts and lines are those of `watch.log_lines`. FreeSWITCH logs warnings all the time, a ping that
succeeds among them: they are counted, and reported only if they are about a failure of a watched gateway.

Some lines say more than that there are errors, and have a finding of their own (TELLING). Lines are free text
in which strangers have a say (caller names, User-Agents) and which name users and addresses: they are shown
only to those who may see such things, with telephone numbers masked, cut, and never acted upon.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from exporter.diagnosis.check_switch import unreached
from exporter.diagnosis.finding import Finding, lately, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import Snapshot
from exporter.history.masking import stored_text
from exporter.watch.log_lines import SAMPLED, LogSeen

LINES_SHOWN: Final = 3
TELLING: Final[Mapping[str, str]] = {
    "queue_overflow": "A client of FreeSWITCH's event socket does not read: FreeSWITCH may freeze",
    "sql_error": "FreeSWITCH's database failed",
    "module_failed": "FreeSWITCH could not load a module",
}
"""What lines told (switch.log_event) to the summary; the fault is the same word."""
_FAILURE: Final = re.compile(
    r"fail|error|timeout|timed out|reject|denied|invalid|unable|cannot|\bdown\b", re.IGNORECASE
)


def check_log(snapshot: Snapshot) -> Iterator[Finding]:
    """10: the log."""
    if (reason := unreached(snapshot)) is not None:
        yield not_checked("log", reason)
        return
    log = snapshot.log
    if log is None:
        yield not_checked("log", snapshot.unseen.get("log", "The log is not read: log_stream is off"))
        return
    if log.refused:
        yield Finding(
            check="log",
            status=fault_of("log", "denied").status,
            fault="denied",
            summary="The event socket user may not read FreeSWITCH's log",
            seen=shown(log.closed_because, 200),
            remedy=remedy(snapshot, "log", "denied"),
        )
        return
    found = [*_flood(snapshot, log), *_told(snapshot, log), *_logged(snapshot, log)]
    if found:
        yield from found
    elif log.closed_because:
        yield not_checked("log", f"The log is not read: {shown(log.closed_because, 200)}")
    else:
        about = " about this gateway" if log.errors else ""
        yield passed("log", f"FreeSWITCH logged no errors{about}", _counts(log))


def _flood(snapshot: Snapshot, log: LogSeen) -> Iterator[Finding]:
    if not log.unread and not log.behind:
        return
    seen = f"up to {log.fastest:,} in a second; {log.unread:,} {_since(log)} only counted"
    yield Finding(
        check="log",
        status=fault_of("log", "flood").status,
        fault="flood",
        summary=(
            f"FreeSWITCH logs more than {SAMPLED} lines a second"
            if log.unread
            else "The exporter does not read FreeSWITCH's log as fast as it comes"
        ),
        seen=f"{seen}; {shown(log.closed_because, 200)}" if log.behind else seen,
        remedy=remedy(snapshot, "log", "flood"),
    )


def _told(snapshot: Snapshot, log: LogSeen) -> Iterator[Finding]:
    for what, summary in TELLING.items():
        if count := log.events.get(what, 0):
            yield Finding(
                check="log",
                status=fault_of("log", what).status,
                fault=what,
                summary=summary,
                seen=f"{count:,} such {'line' if count == 1 else 'lines'} of its log {_since(log)}",
                remedy=remedy(snapshot, "log", what),
            )


def _logged(snapshot: Snapshot, log: LogSeen) -> Iterator[Finding]:
    reported = [line for line in log.lines if line.error or (line.gateway and _FAILURE.search(line.text))]
    if not reported:
        return
    gateways = sorted({line.gateway for line in reported if line.gateway})
    about = f" about {', '.join(map(shown, gateways[:LINES_SHOWN]))}" if gateways else ""
    what = "errors" if any(line.error for line in reported) else "failures"
    # Those about a gateway last: the last ones are shown.
    reported.sort(key=lambda line: bool(line.gateway))
    lines = (shown(stored_text(line.text, "masked"), 200) for line in reported[-LINES_SHOWN:])
    yield Finding(
        check="log",
        status=fault_of("log", "logged_errors").status,
        fault="logged_errors",
        gateway=gateways[0] if len(gateways) == 1 else "",
        gateways=tuple(gateways) if len(gateways) > 1 else (),
        summary=f"FreeSWITCH logged {what}{about}",
        seen=_counts(log),
        private="; ".join(lines),
        remedy=remedy(snapshot, "log", "logged_errors"),
    )


def _since(log: LogSeen) -> str:
    return lately(log.seconds)


def _counts(log: LogSeen) -> str:
    parts = [_since(log)]
    for level, counts in (("ERROR", log.errors), ("WARNING", log.warnings)):
        parts.append(f"{level} {_by_file(counts)}")
    return ", ".join(parts)


def _by_file(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda pair: -pair[1])[:5]
    return " ".join(f"{shown(file, 40)} {count}" for file, count in most) or "none"
