"""Check 10: what FreeSWITCH itself logged at ERROR and WARNING while we looked.

Warnings are daily bread there; they are shown, and only those about one of our gateways count. Lines are free
text in which strangers have a say (caller names, User-Agents): shown, cut, never acted upon.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from exporter.diagnosis.finding import Finding, not_checked, passed, shown
from exporter.diagnosis.picture import LogSeen, Picture
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.switch_checks import duration, unreached

LINES_SHOWN: Final = 3


def check_log(picture: Picture) -> Iterator[Finding]:
    """10: the log."""
    if (reason := unreached(picture)) is not None:
        yield not_checked("log", reason)
        return
    log = picture.log
    if log is None:
        yield not_checked("log", picture.unseen.get("log", "the log was not watched"))
        return
    ours = [(gateway, text) for gateway, text in log.lines if gateway]
    errors = sum(log.errors.values())
    if not errors and not ours:
        yield passed("log", "FreeSWITCH logged no error", _counts(log))
        return
    gateway = ours[-1][0] if ours else ""
    about = f"about gateway {shown(gateway)}" if ours else f"{errors} at ERROR"
    shown_lines = [text for _, text in (ours or log.lines)][-LINES_SHOWN:]
    yield Finding(
        check="log",
        status="warn",
        fault="logged_errors",
        gateway=gateway if len({name for name, _ in ours}) == 1 else "",
        summary=f"FreeSWITCH logged lines {about}",
        seen="; ".join([_counts(log), *(shown(line, 200) for line in shown_lines)]),
        remedy=remedy(picture, "log", "logged_errors"),
    )


def _counts(log: LogSeen) -> str:
    parts = [f"in {duration(log.seconds)}"]
    for level, counts in (("ERROR", log.errors), ("WARNING", log.warnings)):
        parts.append(f"{level} {_by_file(counts)}")
    return ", ".join(parts)


def _by_file(counts: Mapping[str, int]) -> str:
    most = sorted(counts.items(), key=lambda pair: -pair[1])[:5]
    return " ".join(f"{shown(file, 40)} {count}" for file, count in most) or "none"
