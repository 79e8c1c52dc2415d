"""Checks 1 to 4: the event socket port, the password, commands and capacity, events.

What ended an attempt to connect is one word (`freeswitch_connection_problem`). `_FAILED_AT` has the one of
the four checks that fails with that word: the checks before it passed, and those after it are skipped.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from exporter.diagnosis.finding import (
    CheckName,
    Finding,
    duration,
    not_checked,
    passed,
    shown,
)
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.since import lasting, well
from exporter.diagnosis.snapshot import Snapshot, SwitchSeen
from exporter.switch.events import EVENTS_UNREADABLE
from exporter.watch.accepting import over_rate
from exporter.watch.live_poller import AUDIO_COMMANDS

REPORTABLE_SKEW: Final = 1.0  # seconds, as freeswitch_time_synced
REPORTABLE_ROUND_TRIP: Final = 1.0  # seconds; below 0.05 is usual
REPORTABLE_USE: Final = 0.8  # of a limit
REPORTABLE_IDLE: Final = 10.0  # per cent of the CPU
_ASKED: Final = frozenset({"api fsctl", "api json"})  # what tells whether FreeSWITCH accepts calls
_ORDER: Final[tuple[CheckName, ...]] = ("port", "password", "commands", "events")


class _Failure(NamedTuple):
    check: CheckName
    summary: str
    fault: str = ""  # of the remedy; empty: the problem's word


_FAILED_AT: Final[dict[str, _Failure]] = {
    "dns": _Failure("port", "The name of FreeSWITCH's host has no address"),
    "refused": _Failure("port", "Nothing listens on FreeSWITCH's event socket port"),
    "timeout": _Failure("port", "FreeSWITCH's host does not answer on the event socket port"),
    "protocol_error": _Failure("port", "Another service answers on the event socket port"),
    "shutdown": _Failure("port", "FreeSWITCH closed the connection: it is stopping or was killed"),
    "exporter_limit": _Failure("port", "The exporter has no descriptor or memory left for a connection"),
    "auth_rejected": _Failure("password", "FreeSWITCH rejects the password"),
    "acl_denied": _Failure("password", "FreeSWITCH's access list rejects this machine's address"),
    "permission_denied": _Failure(
        "password", "The event socket user may not run the commands the exporter needs"
    ),
    "hung": _Failure("commands", "FreeSWITCH hangs: it accepts connections but answers nothing"),
    "events_stalled": _Failure("events", "FreeSWITCH answers commands but delivers no events"),
}
_UNREADABLE: Final = _Failure("events", "FreeSWITCH's events arrive but cannot be read", "unreadable")
_CONNECTING: Final = "The first connection attempt is still running"


def unreached(snapshot: Snapshot) -> str | None:
    """Why a check that needs the connection is skipped; None if it can run."""
    if snapshot.connected:
        return None
    if not snapshot.problem:
        return _CONNECTING
    failure = _failure(snapshot)
    return failure.summary if failure is not None else "The connection was opened a moment ago"


def check_port(snapshot: Snapshot) -> Iterator[Finding]:
    """1: the event socket port answers."""
    if _pending(snapshot):
        yield not_checked("port", _CONNECTING)
    elif (failed := _failed(snapshot, "port")) is not None:
        yield failed
    else:
        connected = well(snapshot.past, snapshot.taken_at, "connected") if snapshot.connected else ""
        yield passed("port", f"The event socket answers at {_address(snapshot)}", connected)


def check_password(snapshot: Snapshot) -> Iterator[Finding]:
    """2: the password is accepted, and is not the default where others can reach the port."""
    if (earlier := _failed_before(snapshot, "password")) is not None:
        yield earlier
    elif (failed := _failed(snapshot, "password")) is not None:
        yield failed
    elif snapshot.problem == "hung" and "greeting" in snapshot.reason:
        yield not_checked("password", "FreeSWITCH sends no greeting, so it does not ask for the password")
    elif snapshot.default_password and not snapshot.same_host:
        yield Finding(
            check="password",
            status=fault_of("password", "default_password").status,
            fault="default_password",
            summary="The event socket has the default password, on an address that others can reach",
            seen=f"{_address(snapshot)} accepts `ClueCon`",
            remedy=remedy(snapshot, "password", "default_password"),
        )
    else:
        yield passed("password", "FreeSWITCH accepts the password")


def check_commands(snapshot: Snapshot) -> Iterator[Finding]:
    """3: FreeSWITCH answers commands, and has capacity for calls."""
    if (earlier := _failed_before(snapshot, "commands")) is not None:
        yield earlier
        return
    if (failed := _failed(snapshot, "commands")) is not None:
        yield failed
        return
    if snapshot.switch is None:
        yield passed("commands", "FreeSWITCH answers commands")
        return
    problems = list(_trouble(snapshot, snapshot.switch))
    if problems:
        yield from problems
    else:
        yield passed("commands", "FreeSWITCH answers and has capacity for calls", _figures(snapshot.switch))


def check_events(snapshot: Snapshot) -> Iterator[Finding]:
    """4: events arrive, the exporter's test event (the tick) among them."""
    if (earlier := _failed_before(snapshot, "events")) is not None:
        yield earlier
        return
    if (failed := _failed(snapshot, "events")) is not None:
        yield failed
        return
    if snapshot.switch is None:
        yield not_checked("events", unreached(snapshot) or "")
        return
    denied = sorted(name for name in snapshot.denied if not name.startswith("api "))
    if denied:
        yield Finding(
            check="events",
            status=fault_of("events", "denied").status,
            fault="denied",
            summary="The event socket user may not receive some of the events",
            seen="denied: " + shown(", ".join(denied)),
            remedy=remedy(snapshot, "events", "denied"),
        )
    trip = snapshot.switch.round_trip
    if trip is None:
        if not denied:
            yield not_checked("events", "The exporter's test event has not come back yet")
    elif trip > REPORTABLE_ROUND_TRIP:
        yield Finding(
            check="events",
            status=fault_of("events", "slow").status,
            fault="slow",
            summary=f"Events are late: the exporter's test event took {trip:.1f} s to come back",
            seen="below 0.05 s is usual",
            remedy=remedy(snapshot, "events", "slow"),
        )
    elif not denied:
        yield passed("events", "Events arrive", f"test event back after {trip * 1000:.0f} ms")


# -- inside -------------------------------------------------------------------------------------------


def _failure(snapshot: Snapshot) -> _Failure | None:
    if snapshot.problem == "protocol_error" and snapshot.reason.startswith(EVENTS_UNREADABLE):
        return _UNREADABLE
    return _FAILED_AT.get(snapshot.problem)


def _pending(snapshot: Snapshot) -> bool:
    return not snapshot.problem and not snapshot.connected


def _failed(snapshot: Snapshot, check: CheckName) -> Finding | None:
    failure = _failure(snapshot)
    if snapshot.connected or failure is None or failure.check != check:
        return None
    fault = failure.fault or snapshot.problem
    return Finding(
        check=check,
        status=fault_of(check, fault).status,
        fault=fault,
        summary=f"{failure.summary} ({_address(snapshot)})",
        seen=shown(snapshot.reason, 200),
        remedy=remedy(snapshot, check, fault),
        lasting=lasting(snapshot.past, snapshot.taken_at, "Not connected"),
    )


def _failed_before(snapshot: Snapshot, check: CheckName) -> Finding | None:
    if _pending(snapshot):
        return not_checked(check, _CONNECTING)
    failure = _failure(snapshot)
    if snapshot.connected or failure is None or _ORDER.index(failure.check) >= _ORDER.index(check):
        return None
    return not_checked(check, failure.summary)


def _address(snapshot: Snapshot) -> str:
    host = shown(snapshot.host, 80)
    return f"[{host}]:{snapshot.port}" if ":" in host else f"{host}:{snapshot.port}"


class _Trouble(NamedTuple):
    fault: str
    summary: str


def _trouble(snapshot: Snapshot, switch: SwitchSeen) -> Iterator[Finding]:
    if switch.profiles is None:
        found = [
            _Trouble(
                "unreadable",
                "FreeSWITCH does not list its SIP profiles: mod_sofia is not loaded, or the event socket "
                "user may not run `sofia`",
            )
        ]
    else:
        found = []
    if _ASKED & snapshot.denied:
        found.append(
            _Trouble(
                "denied",
                "The event socket user may not ask whether FreeSWITCH accepts calls",
            )
        )
    if AUDIO_COMMANDS & snapshot.denied:
        found.append(
            _Trouble("audio_denied", "The event socket user may not read the audio of running calls")
        )
    elif switch.audio_unanswered:
        found.append(
            _Trouble("audio_unanswered", "FreeSWITCH does not answer about the audio of running calls")
        )
    for trouble in (*found, *_refusals(switch), *_capacity(switch), *_time(switch)):
        yield Finding(
            check="commands",
            status=fault_of("commands", trouble.fault).status,
            fault=trouble.fault,
            summary=trouble.summary,
            seen=_figures(switch),
            remedy=remedy(snapshot, "commands", trouble.fault),
        )


def _refusals(switch: SwitchSeen) -> Iterator[_Trouble]:
    if switch.shutting_down:
        yield _Trouble("shutting_down", "FreeSWITCH is shutting down: it refuses all new calls")
    elif switch.paused:
        yield _Trouble("paused", f"FreeSWITCH is paused: it refuses {_directions(switch.paused)} calls")
    elif not switch.ready:
        yield _Trouble("not_ready", "FreeSWITCH reports that it is not ready")
    if switch.no_rtp_ports:
        yield _Trouble("no_rtp_ports", "FreeSWITCH has no RTP port left: it refuses calls")


def _capacity(switch: SwitchSeen) -> Iterator[_Trouble]:
    figures = switch.figures
    sessions, most = figures.session_count, figures.max_sessions
    if sessions is not None and most is not None and sessions >= most:
        yield _Trouble("session_limit", f"The session limit is reached: {sessions:g} of {most:g}")
    elif most and (peak := max(sessions or 0, figures.session_peak_5min or 0)) >= REPORTABLE_USE * most:
        when = "" if peak == sessions else " in the last 5 min"
        yield _Trouble("session_room", f"Sessions are near their limit: {peak:g} of {most:g}{when}")
    rate, fastest = figures.sessions_per_second_last, figures.max_sessions_per_second
    if fastest is None:
        return
    peak = max(rate or 0, figures.sessions_per_second_peak_5min or 0)
    if rate is not None and fastest <= 1:
        yield _Trouble(
            "rate_limit",
            f"FreeSWITCH refuses all calls: it accepts one leg a second fewer than its limit, {fastest:g}",
        )
    elif over_rate(figures):
        yield _Trouble(
            "rate_limit",
            f"The rate limit is reached: {rate:g} new legs in a second, the limit is {fastest:g}",
        )
    elif switch.over_rate:
        yield _Trouble(
            "rate_limit", f"The rate limit of {fastest:g} new legs per second was reached in the last minute"
        )
    elif peak >= fastest:
        yield _Trouble(
            "rate_reached", f"The rate limit of {fastest:g} new legs per second was reached in the last 5 min"
        )
    elif peak >= REPORTABLE_USE * fastest:
        yield _Trouble(
            "rate_room", f"New legs came near the limit in the last 5 min: {peak:g} of {fastest:g} per second"
        )


def _time(switch: SwitchSeen) -> Iterator[_Trouble]:
    figures = switch.figures
    idle, least = figures.idle_cpu, figures.min_idle_cpu
    if idle is not None and least and idle < least:
        compared = f"idle CPU is {idle:.0f} %, min-idle-cpu is {least:.0f} %"
        yield _Trouble("idle_cpu", f"FreeSWITCH refuses calls: {compared}")
    elif idle is not None and idle < REPORTABLE_IDLE:
        yield _Trouble("cpu_busy", f"The host's CPU is busy: {idle:.0f} % idle")
    skew = switch.clock_skew
    if skew is not None and abs(skew) >= REPORTABLE_SKEW:
        way = "ahead of" if skew > 0 else "behind"
        yield _Trouble("clock_skew", f"FreeSWITCH's clock is {abs(skew):.1f} s {way} this machine's clock")


def _directions(paused: tuple[str, ...]) -> str:
    return "all" if len(paused) == 2 else paused[0]


def _figures(switch: SwitchSeen) -> str:
    figures = switch.figures
    parts = [f"version {shown(switch.version, 60)}" if switch.version else ""]
    if (uptime := figures.uptime_seconds) is not None:
        parts.append(f"up {duration(uptime)}")
    if (sessions := figures.session_count) is not None:
        parts.append(f"{sessions:g} of {figures.max_sessions or 0:g} sessions")
    if (rate := figures.sessions_per_second_last) is not None:
        parts.append(f"{rate:g} of {figures.max_sessions_per_second or 0:g} legs per second")
    if (idle := figures.idle_cpu) is not None:
        parts.append(f"{idle:.0f} % idle CPU")
    if switch.clock_skew is not None:
        parts.append(f"clock {switch.clock_skew:+.2f} s")
    return ", ".join(filter(None, parts))
