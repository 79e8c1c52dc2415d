"""One line of FreeSWITCH's log, as `log LEVEL` sends it over the event socket.

The level comes as a number (Log-Level; switch_log.h: 1 ALERT, 2 CRIT, 3 ERR, 4 WARNING). The text begins with
the date, from FreeSWITCH 1.10 on the idle CPU, the level, the source file and the line in it:

    2026-01-31 12:00:00.000000 98.50% [WARNING] sofia_reg.c:2551 telnyx Failed Registration [403]
"""

import re
from typing import Final, NamedTuple

from exporter.esl.errors import masked

_ERROR: Final = 3  # and below: CRIT, ALERT, CONSOLE
_WARNING: Final = 4
_MAX_LENGTH: Final = 400  # characters of a line
_SOURCE: Final = re.compile(r"\[[A-Z]{2,10}\] (?:([\w.-]{1,60}):\d+ )?", re.ASCII)


class LogLine(NamedTuple):
    """A line at WARNING or above.

    Attributes:
        error: ERR or above.
        file: the source file; empty if the line names none.
        text: without the date, passwords masked, cut, otherwise as received: pass it through `printable`
            before showing it.
    """

    error: bool
    file: str
    text: str


def parse_log_line(level: int, line: str) -> LogLine | None:
    """The line; None if it is below WARNING. Runs for every line FreeSWITCH sends, so it does one search."""
    if level > _WARNING:
        return None
    line = masked(line)[:_MAX_LENGTH]
    found = _SOURCE.search(line)
    if found is None:
        return LogLine(level <= _ERROR, "", line)
    return LogLine(level <= _ERROR, found[1] or "", line[found.start() :])
