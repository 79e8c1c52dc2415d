"""Whether FreeSWITCH itself refuses new calls, and why: one table, for metrics, doctor and alerts.

While one of the reasons holds, FreeSWITCH answers INVITE and REGISTER with 503 (without an RTP port: 502) or
fails a dial with DESTINATION_OUT_OF_ORDER. For most of them it fires no event and writes no log line, and
OPTIONS are answered all the while: the provider's ping stays green (facts-more.md A.2).

=============  ==============================================================================================
shutting_down  SHUTDOWN has come; or a shutdown is requested and both directions are refused (`asap`). An
               elegant one accepts calls until the last has ended
paused         `fsctl pause`, in this direction
not_ready      `status` says so, and no pause explains it
session_limit  as many sessions as max-sessions
rate_limit     in the last whole second as many new legs as the limit, or more: FreeSWITCH accepts one fewer,
               and counts what it refuses (switch_core_session.c, switch_time.c). A limit of 1 lets none pass
idle_cpu       less idle CPU than min-idle-cpu
no_rtp_ports   within NO_RTP_PORTS_HOLDS a call found none; of the ports nothing can be asked
=============  ==============================================================================================

The first that holds is the reason. Not known is not accepting: where `status` or the pause of a direction
cannot be read and no reason is known, there is no answer.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from exporter.switch.status import SwitchFigures

NO_RTP_PORTS_HOLDS: Final = 60.0  # seconds
OVER_RATE_HOLDS: Final = 60.0  # seconds; a poll sees one second of many
NEAR: Final = 0.9  # of a limit


class Condition(NamedTuple):
    """What decides, as last heard.

    Attributes:
        shutting_down: SHUTDOWN has come.
        shutdown_requested: the answer of `fsctl shutdown_check`; asked only while FreeSWITCH is not ready.
        ready: False while both directions are refused by a pause or a shutdown.
        paused: direction to the answer of `fsctl pause_check`; one that is missing is not known.
        figures: of `status` and HEARTBEAT.
        no_rtp_ports: a call found no RTP port within NO_RTP_PORTS_HOLDS.
        over_rate: a poll within OVER_RATE_HOLDS saw the rate limit exceeded. For people: `rate_limit` is of
            the last poll alone, and alerts have their own mean of it.
    """

    shutting_down: bool
    shutdown_requested: bool
    ready: bool
    paused: Mapping[str, bool]
    figures: SwitchFigures
    no_rtp_ports: bool
    over_rate: bool


def _shutting_down(seen: Condition, _direction: str) -> bool:
    return seen.shutting_down or (seen.shutdown_requested and not seen.ready)


def _paused(seen: Condition, direction: str) -> bool:
    return seen.paused.get(direction, False)


def _not_ready(seen: Condition, _direction: str) -> bool:
    return not seen.ready


def _session_limit(seen: Condition, _direction: str) -> bool:
    sessions, most = seen.figures.session_count, seen.figures.max_sessions
    return sessions is not None and most is not None and sessions >= most


def _rate_limit(seen: Condition, _direction: str) -> bool:
    return over_rate(seen.figures)


def _idle_cpu(seen: Condition, _direction: str) -> bool:
    idle, least = seen.figures.idle_cpu, seen.figures.min_idle_cpu
    return idle is not None and least is not None and idle < least


def _no_rtp_ports(seen: Condition, _direction: str) -> bool:
    return seen.no_rtp_ports


_TABLE: Final[Mapping[str, Callable[[Condition, str], bool]]] = {
    "shutting_down": _shutting_down,
    "paused": _paused,
    "not_ready": _not_ready,
    "session_limit": _session_limit,
    "rate_limit": _rate_limit,
    "idle_cpu": _idle_cpu,
    "no_rtp_ports": _no_rtp_ports,
}

REFUSAL_REASONS: Final = ("none", *_TABLE)
"""The values of `reason` in `freeswitch_refusal_reason`."""


def refusal_reason(seen: Condition, direction: str) -> str | None:
    """Why FreeSWITCH refuses new calls in a direction; `none` if it does not, None if that is not known."""
    for reason, holds in _TABLE.items():
        if holds(seen, direction):
            return reason
    figures = seen.figures
    known = (figures.session_count, figures.max_sessions, figures.max_sessions_per_second)
    return None if None in known or direction not in seen.paused else "none"


def over_rate(figures: SwitchFigures) -> bool:
    """Whether FreeSWITCH refused a leg in the last second that it counted, or would refuse each."""
    rate, fastest = figures.sessions_per_second_last, figures.max_sessions_per_second
    return rate is not None and fastest is not None and (rate >= fastest or fastest <= 1)


def near_a_limit(figures: SwitchFigures) -> bool:
    """Whether sessions, their rate or the CPU have reached a limit, or are close to it (NEAR)."""
    used = (
        (figures.session_count, figures.max_sessions),
        (figures.sessions_per_second_last, figures.max_sessions_per_second),
        (figures.min_idle_cpu or None, figures.idle_cpu),
    )
    return any(now is not None and limit is not None and NEAR * limit <= now for now, limit in used)
