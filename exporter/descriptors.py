"""File descriptors: how many the exporter may have, and what is said when none is left.

Each HTTP connection takes one, each FreeSWITCH a handful. Without one to spare the system accepts no
connection: asyncio looks again a second later, so that it recovers by itself, and reports each look. That
report becomes one line in a minute that names the limit.
"""

import asyncio
import errno
import resource
from typing import Any, Final

import structlog

from exporter.clock import Clock

NEEDED: Final = 1400  # all HTTP connections (web/connection.py), a dozen nodes, files, libraries
QUIET: Final = 60.0  # seconds between two lines about it
_NONE_LEFT: Final = (errno.EMFILE, errno.ENFILE)

log = structlog.get_logger(__name__)


def raise_limit() -> None:
    """Use as many descriptors as allowed: the usual soft limit is below what the HTTP side accepts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if 0 <= hard < NEEDED:
        log.warning("the limit of file descriptors is low; raise LimitNOFILE", limit_now=hard, needed=NEEDED)


class LoopErrors:
    """An event loop's exception handler: asyncio's own, but for connections that cannot be accepted.

    Args:
        clock: the time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._quiet_until = 0.0

    def __call__(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """Log what asyncio reports."""
        error = context.get("exception")
        if "socket" not in context or not isinstance(error, OSError) or error.errno not in _NONE_LEFT:
            loop.default_exception_handler(context)
            return
        now = self._clock.monotonic()
        if now < self._quiet_until:
            return
        self._quiet_until = now + QUIET
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        log.error(
            "no file descriptor left: HTTP connections wait until others end; raise LimitNOFILE",
            reason=error.strerror,
            descriptors=soft,
        )
