"""The switch itself: heartbeat, status, counts, pause.

Traps: the heartbeat's `Session-Per-Sec` is what is left of this second's budget, not a rate; JSON status
calls the configured minimum of idle CPU `used` and the idle CPU of now `allowed`; "sessions" are legs. The
heartbeat writes the version in another form than `status`. `show ... count` asks FreeSWITCH's database:
`show calls count` grows quadratically with the calls (facts.md 8).

What a source does not say, or says in an unreadable way, is None: nothing is invented.

Sources: switch_core.c (send_heartbeat), mod_commands.c (status_function, json_status_function,
show_function).
"""

import re
from dataclasses import dataclass, fields, replace
from typing import Final, Self

import msgspec

from exporter.esl.errors import printable, quoted
from exporter.esl.event import Event
from exporter.switch.reply import EmptyReply, ReplyError, accepted, decoded, flag

_NO_DOMAIN: Final = "freeswitch.local"  # switch_core_get_domain, where the configuration sets none
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
    """The reply of `status`.

    Attributes:
        session_count and all others of that name: as in `Heartbeat`.
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


@dataclass(frozen=True, slots=True)
class SwitchFigures:
    """The numbers of the switch as last heard, by `status` or by a HEARTBEAT; None: not known.

    Attributes as in `Heartbeat` and `SwitchStatus`. Both read the same variables of FreeSWITCH's core, so the
    later of the two is right; what only `status` tells stays as it is when a heartbeat comes.
    """

    uptime_seconds: float | None = None
    session_count: int | None = None
    session_peak: int | None = None
    session_peak_5min: int | None = None
    sessions_since_startup: int | None = None
    sessions_per_second_last: int | None = None
    sessions_per_second_peak: int | None = None
    sessions_per_second_peak_5min: int | None = None
    max_sessions: int | None = None
    max_sessions_per_second: int | None = None
    idle_cpu: float | None = None
    min_idle_cpu: float | None = None

    def updated(self, source: Heartbeat | SwitchStatus) -> Self:
        """The figures with all that `source` tells."""
        told = {field.name: getattr(source, field.name, None) for field in fields(self)}
        return replace(self, **{name: value for name, value in told.items() if value is not None})


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
            raise ReplyError(f"not the status of a switch: {quoted(body)}")
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
        raise ReplyError(f"a number in the status of the switch is out of range: {quoted(body)}")
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
    raise ReplyError(f"not a count: {quoted(body)}")


def parse_domain(text: str) -> str:
    """Reads the reply of `global_getvar domain`: the domain of a user who is dialled without one.

    Raises:
        ReplyError: a refusal.
    """
    try:
        return accepted(text)
    except EmptyReply:
        return _NO_DOMAIN


def parse_pause(text: str) -> bool:
    """Reads the reply of `fsctl pause_check inbound|outbound`: whether new calls that way are refused.

    Raises:
        ReplyError: a refusal, or something else.
    """
    return flag(text)


def _percent(number: float | None) -> float | None:
    return number if number is not None and 0 <= number <= 100 else None
