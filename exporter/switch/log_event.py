"""What a line of FreeSWITCH's log tells that no event does: one table.

A row names the source file, the level, how the message begins, what it tells (one word; empty: nothing that
is counted), and the cause of a dial that was refused, if it is about one; its group is the gateway, user,
endpoint or URL that was dialled.

Lines carry strangers' text (user names, addresses), and a dialplan may log a caller's name. So a message
counts only from its beginning and from the file that writes it. Held to the captures `log-*`, the rest to
FreeSWITCH's source.
"""

import re
from typing import Final, NamedTuple

from exporter.switch.log_line import LOG_LEVELS, LogLine


class LogEvent(NamedTuple):
    """What a line tells.

    Attributes:
        what: a word of LOG_EVENTS; empty if it only tells of a refused dial.
        cause: of the dial that was refused; empty if it is about none.
        name: what was dialled, as far as the line has it; a stranger's text.
    """

    what: str
    cause: str = ""
    name: str = ""


class _Row(NamedTuple):
    file: str
    level: str
    begins: str
    what: str
    cause: str = ""


_ROWS: Final = (
    _Row("mod_sofia.c", "err", r"Gateway '(.*)' is down!", "gateway_down", "GATEWAY_DOWN"),
    _Row("mod_sofia.c", "err", r"Invalid Gateway '(.*)'", "invalid_gateway", "INVALID_GATEWAY"),
    _Row("mod_sofia.c", "err", r"Invalid URL(?: '(.*)')?", "", "INVALID_URL"),
    _Row("mod_sofia.c", "err", r"Invalid Profile", "", "INVALID_PROFILE"),
    _Row("mod_sofia.c", "warning", r"Cannot locate registered user (.*)", "", "USER_NOT_REGISTERED"),
    # One a dial, whatever the reason: limits, a pause, a UUID in use.
    _Row("mod_sofia.c", "crit", r"Error Creating Session", "", "DESTINATION_OUT_OF_ORDER"),
    _Row("switch_core_session.c", "crit", r"Over Session Limit!", "session_limit"),
    _Row("switch_core_session.c", "crit", r"Throttle Error!", "session_rate"),
    _Row("switch_time.c", "crit", r"Over Session Rate of ", "session_rate"),
    _Row("switch_core_session.c", "crit", r"The system cannot create any (?:in|out)bound sessions", "paused"),
    _Row("switch_core_session.c", "err", r"Could not locate channel type (.*)", "", "CHAN_NOT_IMPLEMENTED"),
    _Row("switch_core_media.c", "crit", r"No \w+ RTP ports available!", "no_rtp_ports"),
    _Row("sofia.c", "warning", r"IP \S+ Rejected by acl ", "acl_rejected"),
    _Row("sofia_reg.c", "warning", r"IP \S+ Rejected by (?:register|user) acl ", "acl_rejected"),
    _Row("mod_event_socket.c", "warning", r"IP \S+ Rejected by acl ", "acl_rejected"),
    _Row("sofia_reg.c", "warning", r"Can't find user \[", "unknown_user"),
    _Row("mod_dptools.c", "warning", r"Can't find user \[(.*)\]", "unknown_user", "SUBSCRIBER_ABSENT"),
    _Row("switch_core_sqldb.c", "err", r"(?:\[.{0,200}?\] \w+ )?SQL ERR\b", "sql_error"),
    _Row("switch_core_db.c", "err", r"SQL ERR\b", "sql_error"),
    _Row("sofia_glue.c", "err", r"SQL ERR\b", "sql_error"),
    _Row("switch_core_db.c", "warning", r"SQLite is (?:BUSY|LOCKED)", "sqlite_busy"),
    _Row("switch_loadable_module.c", "crit", r"Error Loading module ", "module_failed"),
    _Row(
        "mod_event_socket.c",
        "crit",
        r"(?:Log|Event) enqueue ERROR|Killing listener|Lost \[",
        "queue_overflow",
    ),
    _Row(
        "sofia_reg.c", "warning", r".{1,200}? Failed Registration .*setting retry to ", "registration_failed"
    ),
    _Row("switch_core.c", "warning", r"Shutdown in progress, ", "shutdown_pending"),
)

LOG_EVENTS: Final = tuple(dict.fromkeys(row.what for row in _ROWS if row.what))
"""All that a line can tell, one word each."""

ERROR_EVENTS: Final = tuple(
    what for what in LOG_EVENTS if any(row.what == what and row.level != LOG_LEVELS[-1] for row in _ROWS)
)
"""Those of them that come at ERR or above."""


class _Pattern(NamedTuple):
    matches: re.Pattern[str]
    row: _Row


_BY_FILE: Final[dict[str, list[_Pattern]]] = {}
for _row in _ROWS:
    _BY_FILE.setdefault(_row.file, []).append(_Pattern(re.compile(_row.begins), _row))


def log_event(line: LogLine) -> LogEvent | None:
    """What the line tells; None if nothing that is known."""
    for pattern in _BY_FILE.get(line.file, ()):
        found = pattern.matches.match(line.text, line.said)
        if found is not None:
            name = found[1] if found.re.groups and found[1] else ""
            return LogEvent(pattern.row.what, pattern.row.cause, name)
    return None
