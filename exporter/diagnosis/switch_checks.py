"""Checks 1 to 4: can we reach FreeSWITCH, does it let us in, does it answer, do its events flow.

What ended an attempt to connect is one word (`freeswitch_connection_problem`). `_FAILED_AT` says at which of
the four checks that word strikes; the checks before it passed, or there would be another word, and the checks
after it could not be made.
"""

import time
from collections.abc import Iterator
from typing import Final, NamedTuple

from exporter.diagnosis.finding import CheckName, Finding, Status, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.snapshot import Snapshot, SwitchSeen

SKEW_WORTH_A_WORD: Final = 1.0  # seconds, as freeswitch_time_synced
ROUND_TRIP_WORTH_A_WORD: Final = 1.0  # seconds; healthy is below 0.05
ROOM_WORTH_A_WORD: Final = 0.8  # of a limit
IDLE_WORTH_A_WORD: Final = 10.0  # per cent
_ORDER: Final[tuple[CheckName, ...]] = ("port", "password", "commands", "events")


class _Strike(NamedTuple):
    check: CheckName
    summary: str


_FAILED_AT: Final[dict[str, _Strike]] = {
    "dns": _Strike("port", "the name of FreeSWITCH's host has no address"),
    "refused": _Strike("port", "nothing listens on FreeSWITCH's event socket port"),
    "timeout": _Strike("port", "FreeSWITCH's host does not answer on the event socket port"),
    "protocol_error": _Strike("port", "another service answers on the event socket port"),
    "shutdown": _Strike("port", "FreeSWITCH closed the connection: it is stopping or was killed"),
    "exporter_limit": _Strike("port", "the exporter has no descriptor or memory left for a connection"),
    "auth_rejected": _Strike("password", "FreeSWITCH does not accept our password"),
    "acl_denied": _Strike("password", "FreeSWITCH's access list refuses our address"),
    "permission_denied": _Strike("password", "our user may not do what is needed"),
    "hung": _Strike("commands", "FreeSWITCH hangs: it accepts connections and answers nothing"),
    "events_stalled": _Strike("events", "FreeSWITCH answers commands and delivers no event"),
}


def unreached(snapshot: Snapshot) -> str | None:
    """Why a check that needs the connection cannot be made; None if it can."""
    if snapshot.connected:
        return None
    if not snapshot.problem:
        return "the first attempt to connect is still under way"
    strike = _FAILED_AT.get(snapshot.problem)
    if strike is None:
        return "the connection has just been made"
    return strike.summary


def check_port(snapshot: Snapshot) -> Iterator[Finding]:
    """1: the event socket port answers."""
    if _pending(snapshot):
        yield not_checked("port", "the first attempt to connect is still under way")
    elif (struck := _struck(snapshot, "port")) is not None:
        yield struck
    else:
        yield passed("port", f"the event socket answers at {_where(snapshot)}")


def check_password(snapshot: Snapshot) -> Iterator[Finding]:
    """2: the password is accepted, and is not the published one where strangers could try it."""
    if (earlier := _stopped_before(snapshot, "password")) is not None:
        yield earlier
    elif (struck := _struck(snapshot, "password")) is not None:
        yield struck
    elif snapshot.problem == "hung" and "greeting" in snapshot.reason:
        yield not_checked("password", "FreeSWITCH does not greet us, so nobody asked for it")
    elif snapshot.default_password and not snapshot.same_host:
        yield Finding(
            check="password",
            status="warn",
            fault="default_password",
            summary="the event socket's password is the published default, on an address others can reach",
            seen=f"`ClueCon` opened {_where(snapshot)}",
            remedy=remedy(snapshot, "password", "default_password"),
        )
    else:
        yield passed("password", "the password is accepted")


def check_commands(snapshot: Snapshot) -> Iterator[Finding]:
    """3: FreeSWITCH answers commands, and has room for calls."""
    if (earlier := _stopped_before(snapshot, "commands")) is not None:
        yield earlier
        return
    if (struck := _struck(snapshot, "commands")) is not None:
        yield struck
        return
    if snapshot.switch is None:
        yield passed("commands", "commands are answered")
        return
    problems = list(_trouble(snapshot, snapshot.switch))
    if problems:
        yield from problems
    else:
        yield passed("commands", "FreeSWITCH answers, and has room for calls", _figures(snapshot.switch))


def check_events(snapshot: Snapshot) -> Iterator[Finding]:
    """4: events flow: our own comes back."""
    if (earlier := _stopped_before(snapshot, "events")) is not None:
        yield earlier
        return
    if (struck := _struck(snapshot, "events")) is not None:
        yield struck
        return
    if snapshot.switch is None:
        yield not_checked("events", unreached(snapshot) or "")
        return
    denied = sorted(name for name in snapshot.denied if not name.startswith("api "))
    if denied:
        yield Finding(
            check="events",
            status="warn",
            fault="denied",
            summary="our user may not have some of the events",
            seen="denied: " + shown(", ".join(denied)),
            remedy=remedy(snapshot, "events", "denied"),
        )
    trip = snapshot.switch.round_trip
    if trip is None:
        if not denied:
            yield not_checked("events", "our own event has not come back yet")
    elif trip > ROUND_TRIP_WORTH_A_WORD:
        yield Finding(
            check="events",
            status="warn",
            fault="slow",
            summary=f"events come late: our own took {trip:.1f} s to come back",
            seen="below 0.05 s is usual",
            remedy=remedy(snapshot, "events", "slow"),
        )
    elif not denied:
        yield passed("events", "events flow", f"our own came back in {trip * 1000:.0f} ms")


# -- inside -------------------------------------------------------------------------------------------


def _pending(snapshot: Snapshot) -> bool:
    return not snapshot.problem and not snapshot.connected


def _struck(snapshot: Snapshot, check: CheckName) -> Finding | None:
    strike = _FAILED_AT.get(snapshot.problem)
    if snapshot.connected or strike is None or strike.check != check:
        return None
    return Finding(
        check=check,
        status="fail",
        fault=snapshot.problem,
        summary=f"{strike.summary} ({_where(snapshot)})",
        seen=shown(snapshot.reason, 200),
        remedy=remedy(snapshot, check, snapshot.problem),
    )


def _stopped_before(snapshot: Snapshot, check: CheckName) -> Finding | None:
    if _pending(snapshot):
        return not_checked(check, "the first attempt to connect is still under way")
    strike = _FAILED_AT.get(snapshot.problem)
    if snapshot.connected or strike is None or _ORDER.index(strike.check) >= _ORDER.index(check):
        return None
    return not_checked(check, strike.summary)


def _where(snapshot: Snapshot) -> str:
    host = shown(snapshot.host, 80)
    return f"[{host}]:{snapshot.port}" if ":" in host else f"{host}:{snapshot.port}"


class _Trouble(NamedTuple):
    status: Status
    fault: str
    summary: str


def _trouble(snapshot: Snapshot, switch: SwitchSeen) -> Iterator[Finding]:
    if switch.profiles is None:
        found = [
            _Trouble("fail", "unreadable", "the SIP module cannot be asked: not loaded, or denied to us")
        ]
    else:
        found = []
    for trouble in (*found, *_will(switch), *_room(switch), *_time(switch)):
        yield Finding(
            check="commands",
            status=trouble.status,
            fault=trouble.fault,
            summary=trouble.summary,
            seen=_figures(switch),
            remedy=remedy(snapshot, "commands", trouble.fault),
        )


def _will(switch: SwitchSeen) -> Iterator[_Trouble]:
    if switch.paused:
        yield _Trouble("fail", "paused", f"FreeSWITCH is paused: it refuses {_ways(switch.paused)} calls")
    elif not switch.ready:
        yield _Trouble("fail", "not_ready", "FreeSWITCH says that it is not ready")


def _room(switch: SwitchSeen) -> Iterator[_Trouble]:
    figures = switch.figures
    sessions, most = figures.session_count, figures.max_sessions
    if sessions is not None and most is not None:
        so_many = f"{sessions:g} of {most:g}"
        if sessions >= most:
            yield _Trouble("fail", "session_limit", f"the limit of sessions is reached: {so_many}")
        elif sessions >= ROOM_WORTH_A_WORD * most:
            yield _Trouble("warn", "session_room", f"sessions are near their limit: {so_many}")
    # FreeSWITCH lets one leg less per second pass than its limit says.
    rate, fastest = figures.sessions_per_second_last, figures.max_sessions_per_second
    peak = figures.sessions_per_second_peak_5min
    if rate is not None and fastest is not None and rate >= fastest - 1:
        yield _Trouble(
            "fail",
            "rate_limit",
            f"calls come faster than FreeSWITCH lets them: {rate:g} of {fastest:g} legs per second",
        )
    elif peak is not None and fastest is not None and peak >= fastest - 1:
        yield _Trouble(
            "warn",
            "rate_limit",
            f"FreeSWITCH's limit of {fastest:g} legs per second was reached in the last minutes",
        )


def _time(switch: SwitchSeen) -> Iterator[_Trouble]:
    figures = switch.figures
    idle, least = figures.idle_cpu, figures.min_idle_cpu
    if idle is not None and least and idle < least:
        wanted = f"{idle:.0f} % idle CPU, where it wants {least:.0f} %"
        yield _Trouble("fail", "idle_cpu", f"FreeSWITCH refuses calls for want of CPU: {wanted}")
    elif idle is not None and idle < IDLE_WORTH_A_WORD:
        yield _Trouble("warn", "cpu_busy", f"the host's CPU is busy: {idle:.0f} % idle")
    skew = switch.clock_skew
    if skew is not None and abs(skew) >= SKEW_WORTH_A_WORD:
        way = "ahead of" if skew > 0 else "behind"
        yield _Trouble("warn", "clock_skew", f"FreeSWITCH's clock is {abs(skew):.1f} s {way} ours")


def _ways(paused: tuple[str, ...]) -> str:
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


def duration(seconds: float) -> str:
    """Seconds as people say them: `45 s`, `12 min`, `3 h 20 min`, `5 d 2 h`."""
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes = whole // 60
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if hours else f"{days} d"


def clock(epoch: float) -> str:
    """A moment by this machine's clock: the time of today, else with its date."""
    moment = time.localtime(epoch)
    same_day = time.localtime()[:3] == moment[:3]
    return time.strftime("%H:%M:%S" if same_day else "%Y-%m-%d %H:%M", moment)
