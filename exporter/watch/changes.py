"""Changes of a switch that an operator would ask about first, and how many there were of each kind.

Each is made where it is noticed, by an event or by a poll that differs from the one before, and handed on:
nothing here remembers more than counts.
"""

from typing import Final, NamedTuple

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
        what: of CHANGES, or `exporter_started`, `exporter_stopped`, `exporter_reloaded`.
        subject: what changed: a gateway, profile or module, a limit, a direction; may be empty.
        before, after: the values, where there are some; printable and cut.
    """

    at: float
    node: str
    what: str
    subject: str = ""
    before: str = ""
    after: str = ""
