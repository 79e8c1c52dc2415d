"""One log line for each change of a problem: from what, to what, why, and how long the last one lasted.

The level says what the new problem means to whoever reads the log: info, all is well again or nothing is
wrong; warning, it may pass by itself; error, somebody must change something.

Of a problem that changes again and again, BURST lines are written in INTERVAL seconds. The limit of the log
is not used for that, because it would drop the last change for good: the log would end with "none" while the
gateway stays down. Here the last change is written when the interval is over, by the next `note`.
"""

import logging
from collections.abc import Mapping
from typing import Final, Literal

import structlog

from exporter.log import BURST, INTERVAL, UNLIMITED

Level = Literal["info", "warning", "error"]

NODE_LEVELS: Final[Mapping[str, Level]] = {
    "none": "info",
    "dns": "warning",
    "refused": "warning",
    "timeout": "warning",
    "auth_rejected": "error",
    "acl_denied": "error",
    "protocol_error": "error",
    "permission_denied": "error",
    "hung": "error",
    "events_stalled": "error",
    "shutdown": "warning",
    "exporter_limit": "error",
}
"""By the words of `freeswitch_connection_problem`."""

GATEWAY_LEVELS: Final[Mapping[str, Level]] = {
    "none": "info",
    "registering": "info",
    "unmonitored": "info",
    "unknown": "info",
    "unreachable": "warning",
    "register_failed": "warning",
    "ping_failed": "warning",
    "ping_overdue": "warning",
    "missing": "error",
    "profile_down": "error",
    "auth_rejected": "error",
    "rejected": "error",
    "unregistered": "error",
    "not_registering": "error",
}
"""By the words of `freeswitch_gateway_problem`."""

_NUMBERS: Final[Mapping[Level, int]] = {
    "info": logging.INFO,
    "warning": logging.WARNING,
    "error": logging.ERROR,
}

log = structlog.get_logger(__name__)


class ProblemLog:
    """The problem of one node or gateway, as last logged.

    Args:
        levels: by problem.
        quiet: log nothing, for a caller that shows the problem itself (doctor, probe command).
        limited: False for a problem that is noted at its changes only, and seldom changes.
        subject: keys that name the node or gateway in each line.

    Attributes:
        problem: the last one that was logged; None before the first.
    """

    def __init__(
        self, levels: Mapping[str, Level], *, quiet: bool = False, limited: bool = True, **subject: str
    ) -> None:
        self._levels = levels
        self._quiet = quiet
        self._limited = limited
        self._subject = subject
        self.problem: str | None = None
        self._now: str | None = None
        self._since = 0.0
        self._previous: dict[str, object] = {}
        self._unlogged = 0  # changes since the last line
        self._window = (0.0, 0)  # its start, its lines

    def note(self, line: str, problem: str, now: float, **more: object) -> None:
        """Log `line`, if the problem is another than the one last logged.

        A change beyond the limit is logged by a later call with the same problem. A first problem `none` is
        no change, and is logged only if there is more to say.

        Args:
            line: the event of the log line.
            problem: the problem now.
            now: monotonic seconds.
            more: further keys of the line; None and "" are left out.
        """
        if self._quiet:
            return
        more = {key: value for key, value in more.items() if value not in (None, "")}
        first = self._now is None
        if problem != self._now:
            if not first:
                self._previous = {"previous": self._now, "lasted": round(now - self._since, 1)}
                self._unlogged += 1
            self._now, self._since = problem, now
        if problem == self.problem:
            return
        if first and problem == "none" and not more:
            self.problem = problem
            return
        if not self._passes(now):
            return
        keys: dict[str, object] = {**self._subject, "problem": problem, **self._previous, **more}
        if self._unlogged > 1:
            keys["suppressed"] = self._unlogged - 1
        self.problem, self._unlogged = problem, 0
        log.log(_NUMBERS[self._levels[problem]], line, limit=UNLIMITED, **keys)

    def _passes(self, now: float) -> bool:
        start, lines = self._window
        if now - start >= INTERVAL:
            start, lines = now, 0
        if self._limited and lines >= BURST:
            return False
        self._window = (start, lines + 1)
        return True
