"""File descriptors: how many the exporter may have, and what the log says when none is left.

Each HTTP connection takes one, each FreeSWITCH a handful. Without one to spare the system accepts no
connection, and the HTTP side tries again a second later (web/accepting.py). Each try would be a line of the
log; one in a minute is enough, and it names the limit.
"""

import errno
import resource
from typing import Final

import structlog

from exporter.clock import Clock

NEEDED: Final = 1400  # all HTTP connections (web/server.py), a dozen nodes, files, libraries
QUIET: Final = 60.0  # seconds between two lines about it
_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE)

log = structlog.get_logger(__name__)


def raise_limit() -> None:
    """Use as many descriptors as allowed: the usual soft limit is below what the HTTP side accepts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if 0 <= hard < NEEDED:
        log.warning("the limit of file descriptors is low; raise LimitNOFILE", limit_now=hard, needed=NEEDED)


class Shortage:
    """Logs that connections cannot be accepted, once in QUIET seconds.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quiet_until = float("-inf")

    def report(self, error: OSError) -> None:
        """Log why a connection was not accepted."""
        now = self._clock.monotonic()
        if now < self._quiet_until:
            return
        self._quiet_until = now + QUIET
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        if error.errno in _NONE_LEFT:
            line = "no file descriptor left: HTTP connections wait until others end; raise LimitNOFILE"
        else:
            line = "HTTP connections cannot be accepted"
        log.error(line, reason=error.strerror, descriptors=soft)
