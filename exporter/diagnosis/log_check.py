"""Check 10: what FreeSWITCH itself logged at ERROR and WARNING while we looked.

Warnings are daily bread there, a ping that succeeds among them; they are counted, and matter only if they
tell of a failure of one of our gateways. Lines are free text in which strangers have a say (caller names,
User-Agents): shown, cut, never acted upon.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from exporter.diagnosis.finding import Finding, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.snapshot import LogSeen, Snapshot
from exporter.diagnosis.switch_checks import duration, unreached

LINES_SHOWN: Final = 3
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
        yield not_checked("log", snapshot.unseen.get("log", "the log was not watched"))
        return
    telling = [line for line in log.lines if line.error or (line.gateway and _FAILURE.search(line.text))]
    if not telling:
        concerned = " that concerns us" if log.errors else ""
        yield passed("log", f"FreeSWITCH logged no error{concerned}", _counts(log))
        return
    gateways = sorted({line.gateway for line in telling if line.gateway})
    about = f" about {', '.join(map(shown, gateways[:LINES_SHOWN]))}" if gateways else ""
    # Those about a gateway last, for they are the ones shown.
    telling.sort(key=lambda line: bool(line.gateway))
    yield Finding(
        check="log",
        status="warn",
        fault="logged_errors",
        gateway=gateways[0] if len(gateways) == 1 else "",
        summary=f"FreeSWITCH logged errors{about}",
        seen="; ".join([_counts(log), *(shown(line.text, 200) for line in telling[-LINES_SHOWN:])]),
        remedy=remedy(snapshot, "log", "logged_errors"),
    )


def _counts(log: LogSeen) -> str:
    parts = [f"in {duration(log.seconds)}"]
    for level, counts in (("ERROR", log.errors), ("WARNING", log.warnings)):
        parts.append(f"{level} {_by_file(counts)}")
    return ", ".join(parts)


def _by_file(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda pair: -pair[1])[:5]
    return " ".join(f"{shown(file, 40)} {count}" for file, count in most) or "none"
