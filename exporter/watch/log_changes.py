"""What FreeSWITCH logs that belongs into its history: told as a change, once in a while of each kind.

A line that comes ten times a second is one thing that happened. It is told when it comes first, and again
AGAIN seconds later if it still comes. It is no change that an operator made, so it is in no count of changes:
the log has counts of its own.
"""

from collections.abc import Callable, Mapping
from typing import Final

from exporter.clock import Clock
from exporter.watch.changes import Change

AGAIN: Final = 600.0  # seconds
REPORTABLE: Final[Mapping[str, str]] = {
    "session_limit": "the session limit",
    "session_rate": "the limit of new sessions",
    "no_rtp_ports": "a lack of RTP ports",
    "sql_error": "SQL errors",
    "module_failed": "a module that failed to load",
    "queue_overflow": "a client that does not read",
}
"""What says that FreeSWITCH itself failed (words of switch.log_event), to the subject of the change. The rest
has events of its own, or is about dials and strangers, which are shown elsewhere."""


class LogChanges:
    """Those of one node.

    Args:
        node: its name.
        on_change: called with each.
    """

    def __init__(self, node: str, clock: Clock, on_change: Callable[[Change], None]) -> None:
        self._node = node
        self._clock = clock
        self._on_change = on_change
        self._told: dict[str, float] = {}

    def on_event(self, what: str) -> None:
        """A line told this."""
        now = self._clock.monotonic()
        subject = REPORTABLE.get(what)
        if subject is not None and now - self._told.get(what, float("-inf")) >= AGAIN:
            self._told[what] = now
            self._on_change(Change(self._clock.epoch(), self._node, "logged", subject))
