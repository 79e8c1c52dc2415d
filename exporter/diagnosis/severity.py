"""How grave each fault is: one table, for the diagnosis, the page and the alerts.

`fail` is a problem: calls fail, or nobody can tell whether they do. Its alerts are `critical`.
`warn` is to be read by day: its alerts are `warning`. tests/alerts/test_severity.py holds the labels of the
rules to this table, and has the alerts that no finding reports.

Numbers decide, too: a fault that passes by itself must last (`settled`), and a few failed calls of many are a
warning (`by_count`).

A row also names the section of the runbook (docs/runbook.md) that explains the fault.
"""

from typing import Final, Literal, NamedTuple

from exporter.diagnosis.finding import CheckName, Status

SETTLES_AFTER: Final = (
    120.0  # seconds; so long a problem lasts before an alert reports it (alerts/recording.yml)
)
FAIL_COUNT: Final = 3  # calls in the window: below, a warning
FAIL_SHARE: Final = 0.2  # of the calls that ended: from there on a problem, whatever the reason
SILENT_SHARE: Final = 0.1  # of the answered calls


class Fault(NamedTuple):
    """One row.

    Attributes:
        status: how grave it is.
        section: heading of the runbook; empty: none.
        alerts: the rules that report the same.
        settles: it passes by itself as a rule, so it is a warning until it has lasted SETTLES_AFTER.
    """

    status: Literal["fail", "warn"]
    section: str = ""
    alerts: tuple[str, ...] = ()
    settles: bool = False


_REFUSES: Final = Fault("fail", "FreeswitchRefusesCalls", ("FreeswitchRefusesCalls",))
_DENIED: Final = Fault("warn", "permission_denied")
_SESSIONS: Final = Fault("warn", "FreeswitchSessionsNearLimit", ("FreeswitchSessionsNearLimit",))
_RATE: Final = Fault("warn", "FreeswitchSessionRateNearLimit", ("FreeswitchSessionRateNearLimit",))
_DIALS: Final = Fault("warn", "FreeswitchDialsRefused", ("FreeswitchDialsRefused",))
_DIALS_ALONE: Final = Fault("warn", "FreeswitchDialsRefused")
_UNANSWERED: Final = Fault("warn", "FreeswitchCallFailuresHigh")
_ATTACK: Final = Fault("warn", "FreeswitchStrangersAttack", ("FreeswitchStrangersAttack",))
_DATABASE: Final = Fault("warn", "FreeswitchDatabaseSlow", ("FreeswitchDatabaseSlow",))
_CANNOT_REGISTER: Final = ("FreeswitchGatewayRegistrationFailing",)
_NOT_REGISTERED: Final = ("FreeswitchGatewayNotRegistered",)


def _lost(section: str, alert: str = "FreeswitchUnreachable") -> Fault:
    return Fault("fail", section, (alert,))


def _gateway(section: str, *alerts: str) -> Fault:
    return Fault("fail", section, alerts or ("FreeswitchGatewayDown",))


FAULTS: Final[dict[tuple[CheckName, str], Fault]] = {
    ("port", "dns"): _lost("dns"),
    ("port", "refused"): _lost("refused"),
    ("port", "timeout"): _lost("timeout"),
    ("port", "protocol_error"): _lost("protocol_error"),
    ("port", "shutdown"): _lost("shutdown"),
    ("port", "exporter_limit"): _lost("exporter_limit"),
    ("password", "auth_rejected"): _lost("FreeswitchPasswordRejected", "FreeswitchPasswordRejected"),
    ("password", "acl_denied"): _lost("acl_denied", "FreeswitchAccessDenied"),
    ("password", "permission_denied"): _lost("permission_denied", "FreeswitchAccessDenied"),
    ("password", "default_password"): Fault("warn"),
    ("commands", "hung"): _lost("hung", "FreeswitchHung"),
    ("commands", "shutting_down"): _REFUSES,
    ("commands", "paused"): _REFUSES,
    ("commands", "not_ready"): _REFUSES,
    ("commands", "session_limit"): _REFUSES,
    ("commands", "session_room"): _SESSIONS,
    ("commands", "rate_limit"): _REFUSES,
    ("commands", "rate_reached"): _RATE,
    ("commands", "rate_room"): _RATE,
    ("commands", "idle_cpu"): _REFUSES,
    ("commands", "no_rtp_ports"): _REFUSES,
    ("commands", "denied"): _DENIED,
    ("commands", "audio_denied"): _DENIED,
    ("commands", "audio_unanswered"): Fault("warn"),
    ("commands", "cpu_busy"): Fault("warn"),
    ("commands", "clock_skew"): Fault("warn"),
    ("commands", "unreadable"): Fault("fail", "unknown", ("FreeswitchGatewayUnknown",)),
    ("events", "events_stalled"): _lost("events_stalled", "FreeswitchEventsStalled"),
    ("events", "unreadable"): _lost("protocol_error"),
    ("events", "slow"): Fault("warn"),
    ("events", "denied"): _DENIED,
    ("profile", "no_profile"): _gateway("profile_down"),
    ("profile", "profile_down"): _gateway("profile_down"),
    ("profile", "private_address"): Fault("warn", "FreeswitchCallsWithoutMedia"),
    ("gateway", "missing"): _gateway("missing", "FreeswitchGatewayMissing"),
    ("gateway", "misspelt"): _gateway("missing", "FreeswitchGatewayMissing"),
    ("registration", "auth_rejected"): _gateway("auth_rejected", "FreeswitchGatewayCredentialsRejected"),
    ("registration", "rejected"): _gateway("rejected", *_CANNOT_REGISTER),
    ("registration", "unreachable"): _gateway("unreachable"),
    ("registration", "unregistered"): _gateway("unregistered", *_NOT_REGISTERED),
    ("registration", "not_registering"): _gateway("not_registering", *_NOT_REGISTERED),
    ("registration", "register_failed"): _gateway("register_failed", *_CANNOT_REGISTER),
    ("registration", "registering"): Fault("fail", "registering", _CANNOT_REGISTER, settles=True),
    ("registration", "ping_failed"): _gateway("ping_failed"),
    ("registration", "ping_overdue"): _gateway("ping_overdue"),
    ("registration", "unmonitored"): Fault("warn", "unmonitored", ("FreeswitchGatewayUnmonitored",)),
    ("registration", "revived"): Fault("warn", "FreeswitchGatewayFlapping"),
    ("registration", "unknown"): Fault("fail", "unknown", ("FreeswitchGatewayUnknown",), settles=True),
    ("provider", "name_not_resolved"): _gateway("unreachable"),
    ("provider", "slow_ping"): Fault("warn", "FreeswitchGatewayPingSlow", ("FreeswitchGatewayPingSlow",)),
    ("calls", "no_media"): Fault("fail", "FreeswitchCallsWithoutMedia", ("FreeswitchCallsWithoutMedia",)),
    ("calls", "country"): Fault("warn", "FreeswitchCountryAsrDrop", ("FreeswitchCountryAsrDrop",)),
    ("calls", "call_limit"): Fault(
        "warn", "FreeswitchGatewayNearCallLimit", ("FreeswitchGatewayNearCallLimit",)
    ),
    ("calls", "refused"): _DIALS_ALONE,
    ("calls", "unknown_gateway"): _DIALS,
    ("calls", "unknown_profile"): _DIALS,
    ("calls", "incomplete_dial"): _DIALS,
    ("calls", "unknown_endpoint"): _DIALS,
    ("calls", "not_registered"): _DIALS_ALONE,
    ("calls", "unknown_user"): _DIALS_ALONE,
    ("calls", "refused_on_purpose"): _DIALS_ALONE,
    ("calls", "no_rtp_ports"): _REFUSES,
    ("calls", "capacity"): Fault("warn", "FreeswitchRefusesCalls"),
    ("calls", "bad_dial"): _DIALS_ALONE,
    ("calls", "silent_now"): Fault("fail", "FreeswitchLiveCallsSilent", ("FreeswitchLiveCallsSilent",)),
    ("calls", "no_answer_to_invite"): _UNANSWERED,
    ("calls", "refused_port"): _UNANSWERED,
    ("calls", "dns"): _UNANSWERED,
    ("log", "logged_errors"): Fault("warn", "FreeswitchLogErrors", ("FreeswitchLogErrors",)),
    ("log", "denied"): _DENIED,
    ("log", "flood"): Fault("warn", "FreeswitchLogErrors"),
    ("log", "queue_overflow"): Fault("fail", "FreeswitchEventQueueFull", ("FreeswitchEventQueueFull",)),
    ("log", "sql_error"): Fault("warn", "FreeswitchDatabaseErrors", ("FreeswitchDatabaseErrors",)),
    ("log", "module_failed"): Fault("warn", "FreeswitchLogErrors"),
    ("reload", "reload_refused"): Fault(
        "warn", "FreeswitchExporterReloadRefused", ("FreeswitchExporterReloadRefused",)
    ),
    ("backend", "unreachable"): Fault("fail"),
    ("backend", "disconnected"): Fault("fail"),
    ("backend", "unclear"): Fault("fail"),
    ("call", "failed"): Fault("fail", "Phases of a probe", ("FreeswitchProbeFailing",)),
    ("call", "degraded"): Fault("warn", "FreeswitchProbeDegraded", ("FreeswitchProbeDegraded",)),
    ("call", "state_dir"): Fault(
        "warn", "FreeswitchExporterStateUnusable", ("FreeswitchExporterStateUnusable",)
    ),
    ("database", "slow_database"): _DATABASE,
    ("database", "unusable_answer"): _DATABASE,
    ("strangers", "guessing"): _ATTACK,
    ("strangers", "scanning"): _ATTACK,
    ("strangers", "guessed"): Fault("fail", "FreeswitchPasswordGuessed", ("FreeswitchPasswordGuessed",)),
    ("strangers", "flood"): _ATTACK,
    ("subscribers", "not_registered"): Fault(
        "warn", "FreeswitchSubscriberMissing", ("FreeswitchSubscriberMissing",)
    ),
    ("subscribers", "no_options"): Fault("warn", "FreeswitchSubscriberMissing"),
}
"""By check and fault."""

CALLS_FAIL: Final = Fault("fail", "FreeswitchCallFailuresHigh", ("FreeswitchCallFailuresHigh",))
"""A large share of calls fails, whatever the reason; also hang-up causes, which have no row of their own."""

_REJECTED: Final = Fault("warn", "FreeswitchCallFailuresHigh")
CLASSES: Final[dict[str, Fault]] = {
    "authentication": Fault(
        "fail", "FreeswitchProviderAuthentication", ("FreeswitchProviderAuthentication",)
    ),
    "billing": Fault("fail", "FreeswitchProviderBilling", ("FreeswitchProviderBilling",)),
    "caller_id": Fault("warn", "FreeswitchProviderCallerId", ("FreeswitchProviderCallerId",)),
    "capacity": Fault("warn", "FreeswitchProviderCapacity", ("FreeswitchProviderCapacity",)),
}
"""By class of a provider's code; those without an alert of their own are `fault_of_class`'s default."""


def fault_of(check: CheckName, fault: str) -> Fault:
    """The row of a fault.

    Raises:
        KeyError: the table does not have it.
    """
    return FAULTS[check, fault]


def fault_of_class(name: str) -> Fault:
    """The row of a class of a provider's codes."""
    return CLASSES.get(name, _REJECTED)


def settled(fault: Fault, seconds: float) -> Status:
    """The status of a fault that has lasted so long."""
    return "warn" if fault.settles and seconds < SETTLES_AFTER else fault.status


def by_count(fault: Fault, count: int, share: float, least_share: float = 0.0) -> Status:
    """The status of a fault of calls.

    Args:
        fault: its row.
        count: calls that it ended.
        share: of all that ended.
        least_share: below it the fault is a warning, as in its alert.
    """
    if count < FAIL_COUNT:
        return "warn"
    if share >= FAIL_SHARE:
        return CALLS_FAIL.status
    return fault.status if share >= least_share else "warn"
