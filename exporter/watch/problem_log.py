"""One log line for each change of a problem: from what, to what, why, and how long the last one lasted.

The level says what the new problem means to whoever reads the log: info, all is well again or nothing is
wrong; warning, it may pass by itself; error, somebody must change something.
"""

import logging
from collections.abc import Mapping
from typing import Final, Literal

import structlog

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
        subject: keys that name the node or gateway in each line.

    Attributes:
        problem: the last one; None before the first.
    """

    def __init__(self, levels: Mapping[str, Level], *, quiet: bool = False, **subject: str) -> None:
        self._levels = levels
        self._quiet = quiet
        self._subject = subject
        self.problem: str | None = None
        self._since = 0.0

    def note(self, line: str, problem: str, now: float, **more: object) -> None:
        """Log `line`, if the problem is another than the last time.

        A first problem `none` is no change, and is logged only if there is more to say.

        Args:
            line: the event of the log line.
            problem: the problem now.
            now: monotonic seconds.
            more: further keys of the line; None and "" are left out.
        """
        before, since = self.problem, self._since
        more = {key: value for key, value in more.items() if value not in (None, "")}
        if problem == before or self._quiet:
            return
        self.problem, self._since = problem, now
        keys: dict[str, object] = {**self._subject, "problem": problem}
        if before is not None:
            keys |= {"previous": before, "lasted": round(now - since, 1)}
        elif problem == "none" and not more:
            return
        keys |= more
        log.log(_NUMBERS[self._levels[problem]], line, limit=(line, *self._subject.values()), **keys)
