"""One line of FreeSWITCH's log, as `log LEVEL` sends it over the event socket.

The level comes as a number (Log-Level; switch_log.h: 1 ALERT, 2 CRIT, 3 ERR, 4 WARNING). CONSOLE, 0, comes
whatever was asked for: FreeSWITCH announces what it does ("Successfully Loaded [mod_expr]"), which is no
fault, unless it could not do it ("Error Loading module"). The text begins with the date, from FreeSWITCH 1.10
on the idle CPU, the level, the source file and the line in it, and may have further lines:

    2026-01-31 12:00:00.000000 98.50% [WARNING] sofia_reg.c:2551 telnyx Failed Registration [403]

A line that does not begin so (SWITCH_CHANNEL_LOG_CLEAN) is what a SIP trace or a script wrote: a stranger may
have had a say in all of it, so nothing in it is taken for a source.
"""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from exporter.esl.errors import MASK, masked

LOG_LEVELS: Final = ("crit", "err", "warning")
"""The words for levels, the gravest first; `alert` counts as `crit`."""

_WORDS: Final[Mapping[int, str]] = {1: "crit", 2: "crit", 3: "err", 4: "warning"}
_CONSOLE: Final = 0
_MAX_LENGTH: Final = 400  # characters of a line
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}\b", re.ASCII)
_SOURCE: Final = re.compile(
    r"\d{4}-\d\d-\d\d [\d:.]{8,15} (?:\S{1,10}% )?(\[[A-Z]{2,10}\] )(?:([\w.-]{1,60}):\d+ )?", re.ASCII
)
_PASSWORD: Final = re.compile(
    r"((?:pass(?:word|wd)?|secret|a1-hash)['\"]?\s*[=:]\s*)[^\s,;&}\]]+", re.IGNORECASE
)


class LogLine(NamedTuple):
    """A line at WARNING or above.

    Attributes:
        level: a word of LOG_LEVELS.
        file: the source file; empty if the line names none.
        text: without the date, passwords masked, cut, otherwise as received: pass it through `printable`
            before showing it.
        said: where in `text` the source ends and the message begins.
    """

    level: str
    file: str
    text: str
    said: int = 0

    @property
    def error(self) -> bool:
        """ERR or above."""
        return self.level != "warning"


def log_level(level: int) -> str:
    """The word of a Log-Level; empty for one whose line is no fault, as far as the level tells."""
    return _WORDS.get(level, "")


def parse_log_line(level: int, line: str) -> LogLine | None:
    """The line; None if it is no fault. Does one search, since it runs for very many lines."""
    word = log_level(level)
    if not word and level != _CONSOLE:
        return None
    line = masked(line)[:_MAX_LENGTH]
    found = _SOURCE.match(line)
    if level == _CONSOLE:
        if found is None or not line.startswith("Error ", found.end()):
            return None
        word = LOG_LEVELS[0]
    if found is None:
        return LogLine(word, "", line)
    return LogLine(word, found[2] or "", line[found.start(1) :], found.end() - found.start(1))


def written_at(line: str) -> float | None:
    """When FreeSWITCH wrote the line, as it was sent: seconds by its local time; None if it has no date.

    Local time may be hours from UTC, so only differences say something.
    """
    found = _DATE.match(line)
    try:
        return datetime.fromisoformat(found[0]).replace(tzinfo=UTC).timestamp() if found else None
    except ValueError:
        return None


def without_passwords(text: str) -> str:
    """The text of a line without what stands where a password stands, as `password=` has it."""
    return _PASSWORD.sub(rf"\1{MASK}", text)
