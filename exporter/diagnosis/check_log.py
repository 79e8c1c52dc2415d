"""Check 10: what FreeSWITCH logs at ERR and WARNING while the doctor looks.

Lines are counted per source file and level; the latest few of each level are kept, and each names the watched
gateway it is about. The number of files is bounded like everything else.

FreeSWITCH logs warnings all the time, a ping that succeeds among them: they are counted, and reported only if
they are about a failure of a watched gateway. Lines are free text in which strangers have a say (caller
names, User-Agents): shown, cut, never acted upon.
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from exporter.clock import Clock
from exporter.diagnosis.check_switch import unreached
from exporter.diagnosis.finding import Finding, duration, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import LogEntry, LogSeen, Snapshot
from exporter.esl.errors import quoted
from exporter.switch.log_line import LogLine

LINES_SHOWN: Final = 3
_MAX_FILES: Final = 50
_KEPT: Final = 50  # lines of each level
_FAILURE: Final = re.compile(
    r"fail|error|timeout|timed out|reject|denied|invalid|unable|cannot|\bdown\b", re.IGNORECASE
)


class LogCount:
    """What FreeSWITCH has logged since this object was made.

    Args:
        clock: for the length of the look.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._began = clock.monotonic()
        self._counts: dict[bool, dict[str, int]] = {True: {}, False: {}}
        self._lines = {True: deque[str](maxlen=_KEPT), False: deque[str](maxlen=_KEPT)}

    def on_line(self, line: LogLine) -> None:
        """Count one line. Only this runs for every line; the rest is done in `seen`."""
        counts = self._counts[line.error]
        file = line.file or "other"
        if file not in counts and len(counts) >= _MAX_FILES:
            file = "other"
        counts[file] = counts.get(file, 0) + 1
        self._lines[line.error].append(line.text)

    def seen(self, gateways: Iterable[str]) -> LogSeen:
        """The counts and the latest lines, each with the gateway of `gateways` that it names."""
        names = sorted(gateways, key=len, reverse=True)
        alternatives = "|".join(map(re.escape, names))
        pattern = re.compile(rf"(?<![\w.-])({alternatives})(?![\w-])") if names else None
        lines = []
        for error, kept in self._lines.items():
            for text in map(quoted, kept):
                found = pattern.search(text) if pattern is not None else None
                lines.append(LogEntry(found[1] if found else "", error, text))
        return LogSeen(
            self._clock.monotonic() - self._began,
            dict(self._counts[True]),
            dict(self._counts[False]),
            tuple(lines),
        )


def check_log(snapshot: Snapshot) -> Iterator[Finding]:
    """10: the log."""
    if (reason := unreached(snapshot)) is not None:
        yield not_checked("log", reason)
        return
    log = snapshot.log
    if log is None:
        yield not_checked("log", snapshot.unseen.get("log", "The log was not watched"))
        return
    reported = [line for line in log.lines if line.error or (line.gateway and _FAILURE.search(line.text))]
    if not reported:
        about = " about this gateway" if log.errors else ""
        yield passed("log", f"FreeSWITCH logged no errors{about}", _counts(log))
        return
    gateways = sorted({line.gateway for line in reported if line.gateway})
    about = f" about {', '.join(map(shown, gateways[:LINES_SHOWN]))}" if gateways else ""
    what = "errors" if any(line.error for line in reported) else "failures"
    # Those about a gateway last: the last ones are shown.
    reported.sort(key=lambda line: bool(line.gateway))
    yield Finding(
        check="log",
        status=fault_of("log", "logged_errors").status,
        fault="logged_errors",
        gateway=gateways[0] if len(gateways) == 1 else "",
        summary=f"FreeSWITCH logged {what}{about}",
        seen="; ".join([_counts(log), *(shown(line.text, 200) for line in reported[-LINES_SHOWN:])]),
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
