"""The verdict on a gateway: the one problem to solve first, by one table.

The table was tried on a running FreeSWITCH (its reasons: docs/runbook.md). It is read from the top, and the
first row that applies decides. A row sees only `Facts`, so that a test can try every combination. Alerts,
page and doctor all use the problem found here.

Why it needs more than the last poll: FreeSWITCH shows the same state for a wrong password and for a dead
provider while it waits to retry, so the answer to the last REGISTER is latched until a registration
succeeds; and a gateway vanishes for 1.5 s whenever its profile restarts, so absence counts after 3 s.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from exporter.switch.gateway import STATES

ABSENT_GRACE: Final = 3.0  # seconds; a profile restart makes its gateways vanish for about 1.5
PING_GRACE: Final = 3.0  # seconds an OPTIONS may be in flight before it counts as overdue
TRYING_GRACE: Final = 5.0  # seconds a REGISTER may be unanswered

GATEWAY_STATES: Final = (*STATES, "MISSING", "UNKNOWN")
GATEWAY_PROBLEMS: Final = (
    "none",
    "missing",
    "profile_down",
    "auth_rejected",
    "rejected",
    "unreachable",
    "unregistered",
    "not_registering",
    "registering",
    "register_failed",
    "ping_failed",
    "ping_overdue",
    "unmonitored",
    "unknown",
)
UNUSABLE: Final = frozenset({"missing", "profile_down", "ping_overdue"})

PING_FLIP: Final = 1  # latched instead of a SIP status: OPTIONS failed on a registered gateway
TIMED_OUT: Final = 2  # latched: no answer to REGISTER within FreeSWITCH's timeout-seconds


@dataclass(frozen=True, slots=True)
class Facts:
    """What the verdict is made from.

    Attributes:
        readable: FreeSWITCH could be asked for its gateways.
        absent: seconds since the gateway was last listed; 0 while it is.
        profile_down: its profile is known and does not run.
        state: FreeSWITCH's registration state.
        up: FreeSWITCH's Status is UP.
        in_state: seconds in that state.
        registration_expected: it should register.
        ping_interval: seconds between OPTIONS, 0 for none.
        ping_answered: an OPTIONS has been answered (or has failed) since the gateway is known.
        ping_pending: seconds the OPTIONS in flight is old, 0 for none.
        latched: SIP status of the last failed REGISTER, or PING_FLIP, or TIMED_OUT; 0 for none.
    """

    readable: bool = True
    absent: float = 0.0
    profile_down: bool = False
    state: str = "UNKNOWN"
    up: bool = False
    in_state: float = 0.0
    registration_expected: bool = False
    ping_interval: int = 0
    ping_answered: bool = False
    ping_pending: float = 0.0
    latched: int = 0


_Row = tuple[Callable[[Facts], bool], str]

TABLE: Final[tuple[_Row, ...]] = (
    (lambda f: not f.readable, "unknown"),
    (lambda f: f.absent > ABSENT_GRACE and f.profile_down, "profile_down"),
    (lambda f: f.absent > ABSENT_GRACE, "missing"),
    (lambda f: f.state in ("DOWN", "UNREGISTER"), "unregistered"),
    (lambda f: f.state == "NOREG" and f.registration_expected, "not_registering"),
    (lambda f: f.state == "NOREG" and f.up and (f.ping_interval == 0 or not f.ping_answered), "unmonitored"),
    (lambda f: f.state == "NOREG" and not f.up, "ping_failed"),
    (lambda f: f.state in ("NOREG", "REGED", "REGISTER") and f.ping_pending > PING_GRACE, "ping_overdue"),
    (lambda f: f.state == "NOREG", "none"),
    (lambda f: f.state == "REGED" or (f.state == "REGISTER" and f.up), "none"),
    (lambda f: f.state == "REGISTER", "registering"),
    (lambda f: f.latched == PING_FLIP, "ping_failed"),
    (lambda f: f.latched in (401, 403, 407, 904), "auth_rejected"),
    (lambda f: f.latched in (408, 503, TIMED_OUT) or f.state == "TIMEOUT", "unreachable"),
    (lambda f: f.latched > 0, "rejected"),
    (lambda f: f.state == "TRYING" and f.in_state > TRYING_GRACE, "unreachable"),
    (lambda f: f.state in ("UNREGED", "TRYING") and f.up, "none"),
    (lambda f: f.state in ("UNREGED", "TRYING"), "registering"),
    (lambda f: f.state in ("FAILED", "FAIL_WAIT"), "register_failed"),
)


def verdict(facts: Facts) -> str:
    """The problem of a gateway, one of GATEWAY_PROBLEMS."""
    for applies, problem in TABLE:
        if applies(facts):
            return problem
    return "unknown"


def usable(problem: str, up: bool) -> bool:
    """Whether a call would get through, as far as is known."""
    return up and problem not in UNUSABLE
