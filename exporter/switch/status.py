"""The switch as a whole: heartbeat, status, profiles, counts, uptime, pause.

Which source feeds which family, settled here because several could. Names shared with other exporters keep
the meaning those gave them (florentchauveau's from `status`, znerol's `freeswitch_info{version}` from JSON
status). `STATUS_FIELDS` is this table's first part as data.

====================================  =========================================================
freeswitch_uptime_seconds,            JSON `status` at each sync and poll, HEARTBEAT between:
freeswitch_sessions_total,            both print the same variables of the core, so taking the
freeswitch_current_*,                 later of the two is exact. The limit of sessions per second
freeswitch_max_*,                     and the minimum idle CPU are in `status` only; they stay as
freeswitch_min_idle_cpu               they are when a heartbeat comes
freeswitch_info{version,hostname}     version: `status` only (the heartbeat writes the same version
                                      in another form, so mixing them would make two series);
                                      hostname: FreeSWITCH-Hostname of any event
freeswitch_paused{direction}          `fsctl pause_check inbound`, `... outbound`: parse_pause
freeswitch_sofia_profile_up, _info    `sofia status`: parse_profiles (lists running ones only)
freeswitch_current_calls              `show calls count as json`: parse_count. Rows of the calls
                                      table, a bridged pair is one. Quadratic in SQL: at most every 60 s
freeswitch_current_channels           `show channels count as json`: parse_count; SQL, likewise
freeswitch_registrations              `show registrations count as json`: parse_count; SQL, likewise
====================================  =========================================================

Traps: the heartbeat's `Session-Per-Sec` is what is left of this second's budget, not a rate; JSON status
calls the configured minimum of idle CPU `used` and the idle CPU of now `allowed`; "sessions" are legs.
What a source does not say, or says in an unreadable way, is None and is not exported: nothing is invented.

Sources: switch_core.c (send_heartbeat), mod_commands.c (status_function, json_status_function,
show_function), mod_sofia.c (cmd_status).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Self

import msgspec

from exporter.esl.errors import printable
from exporter.esl.event import Event
from exporter.switch.reply import ReplyError, accepted, decoded, flag

STATUS_FIELDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "freeswitch_uptime_seconds": "uptime_seconds",
        "freeswitch_sessions_total": "sessions_since_startup",
        "freeswitch_current_sessions": "session_count",
        "freeswitch_current_sessions_peak": "session_peak",
        "freeswitch_current_sessions_peak_last_5min": "session_peak_5min",
        "freeswitch_current_sps": "sessions_per_second_last",
        "freeswitch_current_sps_peak": "sessions_per_second_peak",
        "freeswitch_current_sps_peak_last_5min": "sessions_per_second_peak_5min",
        "freeswitch_max_sessions": "max_sessions",
        "freeswitch_max_sps": "max_sessions_per_second",
        "freeswitch_current_idle_cpu": "idle_cpu",
        "freeswitch_min_idle_cpu": "min_idle_cpu",
    }
)
"""Family to the attribute of `SwitchStatus` that feeds it; a `Heartbeat` has the same attributes less two."""

_LARGEST: Final = 2**63  # more than any of FreeSWITCH's counters can hold


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A HEARTBEAT event; None where it does not say.

    Attributes:
        version: long form (`1.11.2-release+git~...`), other than that of `SwitchStatus`.
        session_count: legs up now. session_peak, session_peak_5min: most at once since the start, and in
            the present window of 300 s (it starts again at each window's end, it does not slide).
        sessions_since_startup: legs made since FreeSWITCH started.
        sessions_per_second_last: legs made in the last whole second. sessions_per_second_peak,
            sessions_per_second_peak_5min: likewise.
        sessions_per_second_left: how many more this second's limit allows.
        idle_cpu: per cent of the host's CPU.
    """

    version: str | None
    uptime_seconds: float | None
    session_count: int | None
    session_peak: int | None
    session_peak_5min: int | None
    sessions_since_startup: int | None
    sessions_per_second_last: int | None
    sessions_per_second_peak: int | None
    sessions_per_second_peak_5min: int | None
    sessions_per_second_left: int | None
    max_sessions: int | None
    idle_cpu: float | None

    @classmethod
    def from_event(cls, event: Event) -> Self:
        """Reads the event; raises nothing."""

        def count(header: bytes) -> int | None:
            number = event.get_int(header)
            return number if number is not None and 0 <= number < _LARGEST else None

        version = event.get(b"FreeSWITCH-Version")
        milliseconds = count(b"Uptime-msec")
        return cls(
            version=printable(version) if version else None,
            uptime_seconds=None if milliseconds is None else milliseconds / 1000,
            session_count=count(b"Session-Count"),
            session_peak=count(b"Session-Peak-Max"),
            session_peak_5min=count(b"Session-Peak-FiveMin"),
            sessions_since_startup=count(b"Session-Since-Startup"),
            sessions_per_second_last=count(b"Session-Per-Sec-Last"),
            sessions_per_second_peak=count(b"Session-Per-Sec-Max"),
            sessions_per_second_peak_5min=count(b"Session-Per-Sec-FiveMin"),
            sessions_per_second_left=count(b"Session-Per-Sec"),
            max_sessions=count(b"Max-Sessions"),
            idle_cpu=_percent(event.get_float(b"Idle-CPU")),
        )


@dataclass(frozen=True, slots=True)
class SwitchStatus:
    """The reply of `status`; attributes as in `Heartbeat`, and:

    Attributes:
        ready: False while FreeSWITCH starts or shuts down.
        max_sessions_per_second: the limit; a leg beyond it is refused.
        min_idle_cpu: per cent; with less idle CPU than this, new legs are refused. 0: no such limit.
    """

    ready: bool
    version: str
    uptime_seconds: float
    session_count: int
    session_peak: int
    session_peak_5min: int
    sessions_since_startup: int
    sessions_per_second_last: int
    sessions_per_second_peak: int
    sessions_per_second_peak_5min: int
    max_sessions: int
    max_sessions_per_second: int
    idle_cpu: float | None
    min_idle_cpu: float | None


class _Uptime(msgspec.Struct):
    years: int
    days: int
    hours: int
    minutes: int
    seconds: int
    milliseconds: int
    microseconds: int

    def total(self) -> float:
        """Seconds. FreeSWITCH's years have 365 days (switch_core_measure_time)."""
        days = self.years * 365 + self.days
        whole = ((days * 24 + self.hours) * 60 + self.minutes) * 60 + self.seconds
        return whole + self.milliseconds / 1e3 + self.microseconds / 1e6


class _Count(msgspec.Struct):
    total: int
    active: int
    peak: int
    limit: int
    peak_5min: int = msgspec.field(name="peak5Min")


class _Rate(msgspec.Struct):
    current: int
    max: int
    peak: int
    peak_5min: int = msgspec.field(name="peak5Min")


class _Sessions(msgspec.Struct):
    count: _Count
    rate: _Rate


class _IdleCpu(msgspec.Struct):
    minimum: float = msgspec.field(name="used")  # sic
    now: float = msgspec.field(name="allowed")  # sic


class _Status(msgspec.Struct):
    uptime: _Uptime
    version: str
    sessions: _Sessions
    system_status: str = msgspec.field(name="systemStatus")
    idle_cpu: _IdleCpu = msgspec.field(name="idleCPU")


class _StatusReply(msgspec.Struct):
    response: _Status


class _CountReply(msgspec.Struct):
    row_count: int


_STATUS_TEXT: Final = re.compile(
    r"""
    UP\ (?P<years>N)\ years?,\ (?P<days>N)\ days?,\ (?P<hours>N)\ hours?,\ (?P<minutes>N)\ minutes?,
    \ (?P<seconds>N)\ seconds?,\ (?P<milliseconds>N)\ milliseconds?,\ (?P<microseconds>N)\ microseconds?\s+
    FreeSWITCH\ \(Version\ (?P<version>[^\n]*)\)\ is\ (?P<ready>ready|not\ ready)\s+
    (?P<total>N)\ session\(s\)\ since\ startup\s+
    (?P<active>N)\ session\(s\)\ -\ peak\ (?P<peak>N),\ last\ 5min\ (?P<peak_5min>N)\s+
    (?P<sps>N)\ session\(s\)\ per\ Sec\ out\ of\ max\ (?P<sps_max>N),
    \ peak\ (?P<sps_peak>N),\ last\ 5min\ (?P<sps_peak_5min>N)\s+
    (?P<limit>N)\ session\(s\)\ max\s+
    min\ idle\ cpu\ (?P<idle_minimum>N\.N)/(?P<idle_now>-?N\.N)
    """.replace("N", r"\d{1,18}"),
    re.ASCII | re.VERBOSE,
)


def parse_status(text: str) -> SwitchStatus:
    """Reads the reply of `json {"command":"status","data":""}`, or of `status` where `json` is not allowed.

    Raises:
        ReplyError: a refusal, or something else.
    """
    body = accepted(text)
    if body.startswith("{"):
        status = decoded(body, _StatusReply).response
    else:
        found = _STATUS_TEXT.match(body)
        if not found:
            raise ReplyError(f"not the status of a switch: {printable(body)}")
        status = _Status(
            uptime=_Uptime(**{unit: int(found[unit]) for unit in _Uptime.__struct_fields__}),
            version=found["version"],
            sessions=_Sessions(
                _Count(*(int(found[name]) for name in ("total", "active", "peak", "limit", "peak_5min"))),
                _Rate(*(int(found[name]) for name in ("sps", "sps_max", "sps_peak", "sps_peak_5min"))),
            ),
            system_status=found["ready"],
            idle_cpu=_IdleCpu(float(found["idle_minimum"]), float(found["idle_now"])),
        )
    count, rate = status.sessions.count, status.sessions.rate
    numbers = (*msgspec.structs.astuple(status.uptime), *msgspec.structs.astuple(count))
    if not all(0 <= number < _LARGEST for number in (*numbers, *msgspec.structs.astuple(rate))):
        raise ReplyError(f"a number in the status of the switch is out of range: {printable(body)}")
    return SwitchStatus(
        ready=status.system_status == "ready",
        version=printable(status.version),
        uptime_seconds=status.uptime.total(),
        session_count=count.active,
        session_peak=count.peak,
        session_peak_5min=count.peak_5min,
        sessions_since_startup=count.total,
        sessions_per_second_last=rate.current,
        sessions_per_second_peak=rate.peak,
        sessions_per_second_peak_5min=rate.peak_5min,
        max_sessions=count.limit,
        max_sessions_per_second=rate.max,
        idle_cpu=_percent(status.idle_cpu.now),
        min_idle_cpu=_percent(status.idle_cpu.minimum),
    )


@dataclass(frozen=True, slots=True)
class Profile:
    """One running profile of mod_sofia.

    Attributes:
        url: its SIP address; that of its TLS side when it has no other.
        state: FreeSWITCH's word, `RUNNING`.
        running: the same as a fact. A profile that is not running is not listed at all.
        in_use: legs and others that hold the profile now.
        gateways: names of its gateways. aliases: other names of the profile.
    """

    name: str
    url: str
    state: str
    running: bool
    in_use: int
    gateways: tuple[str, ...]
    aliases: tuple[str, ...]


_PROFILE_STATE: Final = re.compile(r"(\w{1,32}) \((\d{1,18})\)( \(TLS\))?", re.ASCII)
_PROFILE_TOTAL: Final = re.compile(r"(\d{1,18}) profiles? \d+ alias(es)?", re.ASCII)


def parse_profiles(text: str) -> list[Profile]:
    """Reads the reply of `sofia status`.

    Rows are `name<tab>type<tab>data<tab>state`, padded with blanks. A profile with TLS has a second row
    with the TLS address and the same name. Gateways follow their profile as `profile::gateway`.

    The last line says how many profiles there are. A reply in which that does not come out is refused, for
    the table has no escapes: a newline in a gateway's configuration could write a row of its own.

    Raises:
        ReplyError: a refusal, or something else.
    """
    lines = accepted(text).split("\n")
    total = _PROFILE_TOTAL.fullmatch(lines[-1].strip())
    if not total:
        raise ReplyError(f"not a list of profiles: {printable(text)}")
    profiles: dict[str, tuple[str, re.Match[str]]] = {}
    gateways: dict[str, list[str]] = {}
    aliases: dict[str, list[str]] = {}
    for line in lines:
        name, *cells = (cell.strip(" ") for cell in line.split("\t"))
        if len(cells) != 3:
            continue  # heading, rulers, total
        kind, data, said = cells
        if kind == "alias":
            aliases.setdefault(data, []).append(name)
        elif kind == "gateway":
            profile, _, gateway = name.rpartition("::")
            gateways.setdefault(profile, []).append(gateway)
        elif kind == "profile":
            state = _PROFILE_STATE.fullmatch(said)
            if not state:
                raise ReplyError(f"unknown state of a profile: {printable(line)}")
            profiles.setdefault(name, (data, state))
    if len(profiles) != int(total[1]):
        raise ReplyError(f"{len(profiles)} profiles listed, but the list says {printable(total[0])}")
    return [
        Profile(
            name=printable(name),
            url=printable(url),
            state=state[1],
            running=state[1] == "RUNNING",
            in_use=int(state[2]),
            gateways=tuple(map(printable, gateways.get(name, ()))),
            aliases=tuple(map(printable, aliases.get(name, ()))),
        )
        for name, (url, state) in profiles.items()
    ]


_TOTAL: Final = re.compile(r"(\d{1,18}) total\.", re.ASCII)


def parse_count(text: str) -> int:
    """Reads the reply of `show channels|calls|registrations count`, with or without `as json`.

    Raises:
        NoDatabase: FreeSWITCH has no table to count in.
        ReplyError: other refusals, or something else.
    """
    body = accepted(text)
    if body.startswith("{"):
        count = decoded(body, _CountReply).row_count
        if 0 <= count < _LARGEST:
            return count
    elif total := _TOTAL.fullmatch(body):
        return int(total[1])
    raise ReplyError(f"not a count: {printable(body)}")


_WHOLE: Final = re.compile(r"\d{1,18}", re.ASCII)


def parse_uptime(text: str) -> int:
    """Reads the reply of `uptime s`: seconds. (`us` and `ms` are cut to 32 bits by FreeSWITCH.)

    Raises:
        ReplyError: a refusal, or something else.
    """
    body = accepted(text)
    if not _WHOLE.fullmatch(body):
        raise ReplyError(f"not an uptime: {printable(body)}")
    return int(body)


def parse_pause(text: str) -> bool:
    """Reads the reply of `fsctl pause_check inbound|outbound`: whether new calls that way are refused.

    Raises:
        ReplyError: a refusal, or something else.
    """
    return flag(text)


def _percent(number: float | None) -> float | None:
    return number if number is not None and 0 <= number <= 100 else None
