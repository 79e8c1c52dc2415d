"""Changes of a switch that an operator would ask about first, and how many there were of each kind.

Each is made where it is noticed and handed on: by an event (event_changes.py), by a list of profiles or
gateways that differs from the one before (listed_changes.py), by a value that does (value_changes.py), or by
a clock that jumped (clock_changes.py). Nothing here remembers more than counts.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

from exporter.clock import Clock
from exporter.esl.errors import printable

CHANGES: Final = (
    "restarted",
    "upgraded",
    "xml_reloaded",
    "profile_started",
    "profile_stopped",
    "gateway_added",
    "gateway_deleted",
    "gateway_changed",
    "module_loaded",
    "module_unloaded",
    "limits",
    "paused",
    "resumed",
    "address_changed",
    "clock_stepped",
)
"""The words of `freeswitch_changes_total`."""


class Change(NamedTuple):
    """One change.

    Attributes:
        at: epoch seconds.
        node: whose; empty for a change of the exporter itself.
        what: of CHANGES, or `logged`, `exporter_started`, `exporter_stopped`, `exporter_reloaded`.
        subject: what changed: a gateway (`profile::name`), profile or module, a limit (`max_sessions`, `sps`,
            `min_idle_cpu`), directions (`inbound`, `outbound`), whose clock, what FreeSWITCH logged
            (log_changes.py); may be empty.
        before, after: the values, where there are some; printable and cut.
    """

    at: float
    node: str
    what: str
    subject: str = ""
    before: str = ""
    after: str = ""


class Changes:
    """The changes of one node.

    Args:
        node: its name.
        on_change: called with each.

    Attributes:
        counts: how many there were, by the words of CHANGES.
    """

    def __init__(self, node: str, clock: Clock, on_change: Callable[[Change], None]) -> None:
        self.counts: dict[str, int] = dict.fromkeys(CHANGES, 0)
        self._node = node
        self._clock = clock
        self._on_change = on_change

    def note(
        self, what: str, subject: str = "", before: str = "", after: str = "", *, at: float | None = None
    ) -> None:
        """There was a change.

        Args:
            what: a word of CHANGES.
            subject: as in `Change`, in any form.
            before: likewise.
            after: likewise.
            at: epoch seconds; None is now.
        """
        self.counts[what] += 1
        epoch = self._clock.epoch() if at is None else at
        texts = (printable(text) for text in (subject, before, after))
        self._on_change(Change(epoch, self._node, what, *texts))
