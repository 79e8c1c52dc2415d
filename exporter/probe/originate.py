"""What the exporter sends to FreeSWITCH for a probe call: its UUID, its time limits, the originate line.

**UUID.** A legal version 4 UUID with three fields of the exporter's own:

    70726f62-IIII-4CCC-Vxxx-xxxxxxxxxxxx
    |        |     |   '-------------- random (V: 8, 9, a or b)
    |        |     '------------------ the call's own cap: whole seconds, hexadecimal
    |        '------------------------ instance id of the exporter that placed it
    '--------------------------------- "prob": a probe call of any exporter

It is chosen before FreeSWITCH hears of the call, so that every event of the call can be matched to it, and so
that any exporter that finds the call later sees from its UUID alone whether it is overdue.

**Limits.** FreeSWITCH counts them in whole seconds of a clock that it reads twice: a limit of n ends the wait
after n-1 to n+0.5 seconds (facts.md 6.3). So a limit that is needed as a minimum gets one second more. The
caps must never cut a healthy call short.

**Line.** `originate` is its only builder: it checks every part, and refuses one that is not what it may be.
Nothing is escaped: FreeSWITCH reads an originate line in several passes, each with quoting rules of its own,
and an escape that one pass removes is missing in the next (facts.md 6.1, 6.2). So only characters that no
pass interprets are allowed: the destination is an E.164 number, the gateway a configured name, the variables
a fixed list of names. User input reaches the line as a number and in no other form.

Both lines were tried against FreeSWITCH 1.11.2 (tried.md 3). What each part is for:

    ^^|                         `|` separates the variables, not the comma
    origination_uuid            the call's UUID, known before FreeSWITCH hears of the call
    ignore_early_media          early media is no answer; without it the ring limit would not hold
    originate_timeout           ring limit
    execute_on_originate        the cap for the whole call, armed before the INVITE leaves
    execute_on_answer           the cap from answer on
    send_silence_when_idle      the leg sends packets in `sleep`: something for an echo to return

`app:arg`, because a blank inside the braces ends the argument. The applications follow in an inline dialplan
with its own separator, `m:^:`, and end with `hangup`: the call ends by itself even if no timer fires.

The tone probe: the detector `pre` listens for a tone that is there before the probe's own, `own` for the
probe's. Between mark a and mark b, three times, `detect_audio` sends the tone and waits for two frames of
sound: that is the round trip. At last two seconds of tone, because the detector misses single blocks.
"""

import math
import re
import secrets
from typing import Final, NamedTuple

from exporter.config.model import ProbeConfig
from exporter.config.numbers import is_number
from exporter.config.variables import is_name, is_value
from exporter.switch.followed_call import DETECTOR_BEFORE, DETECTOR_OWN, MARK_SETTLED, MARK_SUBCLASS
from exporter.switch.leg import PROBE_PREFIX

MAX_CAP: Final = 0xFFF
TONE_HERTZ: Final = 1004  # 1000 Hz is missed in most phases: a rounding artefact of the detector
TONE_WAIT: Final = 1.5  # seconds after which a round trip is given up
SETTLING: Final = 1000  # milliseconds in which an echo gets going: until then no packet is missed
SHORTEST_SETTLED: Final = 3000  # milliseconds of talk, from which on that leaves enough to judge
SILENCE_BEFORE_TONE: Final = 1000  # milliseconds for which `pre` listens before the tone is sent
# A second of listening, three times up to 1.5 s of waiting for the tone and 0.6 s of silence, two seconds of
# tone, and as much again for a loaded switch: 5 s where the tone returns at once, 9.3 s where nothing returns
# (tried.md 3).
TONE_SECONDS: Final = 14.0

_INSTANCE: Final = re.compile(r"[0-9a-f]{4}")
_CALL_ID: Final = re.compile(PROBE_PREFIX + r"([0-9a-f]{4})-4([0-9a-f]{3})-[89ab][0-9a-f]{3}-[0-9a-f]{12}")
_GATEWAY: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")
_AFTER_ANSWER: Final = 2
_SETUP: Final = 5
_LONGEST: Final = 3600.0


class CallId(NamedTuple):
    """What a probe call's UUID says: the exporter's instance id, and the cap in seconds."""

    instance: str
    cap: int


def new_call_id(instance: str, cap: int) -> str:
    """A UUID for a call that ends `cap` seconds after its creation at the latest.

    Raises:
        ValueError: the instance is not four hex digits, or the cap is not within 1 to MAX_CAP.
    """
    if not _INSTANCE.fullmatch(instance):
        raise ValueError(f"not an instance id: {instance!r}")
    if not 0 < cap <= MAX_CAP:
        raise ValueError(f"a call's cap is 1 to {MAX_CAP} s, not {cap}")
    tail = f"{secrets.choice('89ab')}{secrets.token_hex(2)[1:]}-{secrets.token_hex(6)}"
    return f"{PROBE_PREFIX}{instance}-4{cap:03x}-{tail}"


def read_call_id(uuid: str) -> CallId | None:
    """What the UUID says; None if it is not a probe call's."""
    match = _CALL_ID.fullmatch(uuid)
    return CallId(match[1], int(match[2], 16)) if match else None


class Limits(NamedTuple):
    """The times armed inside FreeSWITCH before the INVITE leaves.

    Attributes:
        ring: seconds until an unanswered call is given up (`originate_timeout`).
        talk: seconds from answer to FreeSWITCH's own hang-up.
        answered: seconds from answer after which FreeSWITCH ends the call, whatever runs on it.
        total: the call's own cap: seconds from creation after which it is over in any case.
    """

    ring: int
    talk: float
    answered: int
    total: int


def talk_seconds(settings: ProbeConfig) -> float:
    """How long the probe talks at most, seconds. A tone probe takes TONE_SECONDS, whatever its talk_time."""
    return TONE_SECONDS if settings.application == "tone" else settings.talk_time


def limits(settings: ProbeConfig, ring: float) -> Limits:
    """The limits of one call that may ring for `ring` seconds.

    Raises:
        ValueError: they do not fit into MAX_CAP.
    """
    talk = talk_seconds(settings)
    if not (0 < ring <= _LONGEST and 0 < talk <= _LONGEST):
        raise ValueError(
            f"ring and talk time are above 0 and up to {_LONGEST:g} s, not {ring:g} and {talk:g}"
        )
    whole_ring = math.floor(ring) + 1
    answered = math.ceil(talk) + _AFTER_ANSWER
    total = whole_ring + answered - _AFTER_ANSWER + _SETUP
    if total > MAX_CAP:
        raise ValueError(f"ring and talk time together are too long: the whole call may take {MAX_CAP} s")
    return Limits(whole_ring, talk, answered, total)


class UnsafeDialString(ValueError):
    """A part of the line is not what it may be; the message names the part."""


def originate(settings: ProbeConfig, uuid: str, limits: Limits) -> str:
    """The `originate` command, for `bgapi`.

    Args:
        settings: what to call, through which gateway.
        uuid: of `new_call_id`, with the cap of these limits.
        limits: of these settings.

    Raises:
        UnsafeDialString: a part may not be in such a line.
    """
    call_id = read_call_id(uuid)
    _require(call_id is not None and call_id.cap == limits.total, "UUID", uuid)
    _require(is_number(settings.destination), "destination", settings.destination)
    _require(_GATEWAY.fullmatch(settings.gateway) is not None, "gateway", settings.gateway)
    variables = [f"origination_uuid={uuid}"]
    if settings.caller_id is not None:
        _require(is_number(settings.caller_id), "caller id", settings.caller_id)
        variables.append(f"origination_caller_id_number={settings.caller_id}")
    for name, value in settings.variables.items():
        _require(is_name(name), "variable", name)
        _require(is_value(value), f"value of {name}", value)
        variables.append(f"{name}={value}")
    variables += [
        "ignore_early_media=true",
        f"originate_timeout={limits.ring:d}",
        f"execute_on_originate=sched_hangup:+{limits.total:d}",
        f"execute_on_answer=sched_hangup:+{limits.answered:d}",
        "send_silence_when_idle=-1",
    ]
    applications = _TONE if settings.application == "tone" else _echo(round(limits.talk * 1000))
    return (
        f"originate {{^^|{'|'.join(variables)}}}sofia/gateway/{settings.gateway}/{settings.destination}"
        f" 'm:^:{'^'.join(applications)}' inline"
    )


def _require(allowed: bool, part: str, value: str) -> None:
    if not allowed:
        raise UnsafeDialString(f"{part} is not allowed in an originate: {value[:80]!r}")


def _mark(name: str) -> str:
    return f"event:Event-Name=CUSTOM,Event-Subclass={MARK_SUBCLASS},mark={name}"


# The RTP counters go into the leg's variables, and with the mark to the exporter.
_SETTLED: Final = ("set_media_stats", _mark(MARK_SETTLED))


def _echo(talk: int) -> tuple[str, ...]:
    """The applications of a call that talks for so many milliseconds."""
    if talk < SHORTEST_SETTLED:
        return f"sleep:{talk}", "hangup"
    return f"sleep:{SETTLING}", *_SETTLED, f"sleep:{talk - SETTLING}", "hangup"


_ROUND_TRIP: Final = (
    _mark("a"),
    f"detect_audio:1000 1 {TONE_WAIT * 1000:.0f} tone_stream://%(3000,0,{TONE_HERTZ})",
    _mark("b"),
    "sleep:600",
)
_TONE: Final = (
    f"tone_detect:{DETECTOR_BEFORE} {TONE_HERTZ} r",
    f"sleep:{SILENCE_BEFORE_TONE}",
    *_SETTLED,
    f"tone_detect:{DETECTOR_OWN} {TONE_HERTZ} r",
    *_ROUND_TRIP * 3,
    f"playback:tone_stream://%(2000,0,{TONE_HERTZ})",
    "hangup",
)
