"""The only builder of originate lines: every part is checked, and refused if it is not what it may be.

Nothing is escaped: FreeSWITCH reads an originate line in several passes, each with quoting rules of its own,
and an escape that one pass removes is missing in the next (facts.md 6.1, 6.2). So only characters that no
pass knows get in: the destination is an E.164 number, the gateway a configured name, the variables a fixed
list of names. User input reaches this file as a number and in no other form.

Both lines were tried against FreeSWITCH 1.11.2 (tried.md 3). What each part is for:

    ^^|                         `|` separates the variables, not the comma
    origination_uuid            our own handle for the call, known before FreeSWITCH hears of it
    ignore_early_media          early media is no answer; without it the ring limit would not hold
    originate_timeout           ring limit
    execute_on_originate        the cap for the whole call, armed before the INVITE leaves
    execute_on_answer           the cap from answer on
    send_silence_when_idle      our leg sends packets in `sleep`: something for an echo to return

`app:arg`, because a blank inside the braces ends the argument. The applications follow in an inline dialplan
with its own separator, `m:^:`, and end with `hangup`: the call ends by itself even if no timer fires.

The tone's course: `pre` listens for a tone that is there before ours, `own` for ours. Between mark a and mark
b, three times, `detect_audio` sends the tone and waits for two frames of sound: that is the round trip. At
last two seconds of tone, because the detector misses single blocks.
"""

import re
from typing import Final

from exporter.config.model import ProbeConfig
from exporter.config.numbers import is_number
from exporter.config.variables import is_name, is_value
from exporter.probe.callid import read_call_id
from exporter.probe.limits import Limits

MARK_EVENT: Final = "exporter::probe"
TONE_HERTZ: Final = 1004  # 1000 Hz is missed in most phases: a rounding artefact of the detector
TONE_WAIT: Final = 1.5  # seconds after which a round trip is given up

_GATEWAY: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


def _mark(name: str) -> str:
    return f"event:Event-Name=CUSTOM,Event-Subclass={MARK_EVENT},mark={name}"


_ROUND_TRIP: Final = (
    _mark("a"),
    f"detect_audio:1000 1 {TONE_WAIT * 1000:.0f} tone_stream://%(3000,0,{TONE_HERTZ})",
    _mark("b"),
    "sleep:600",
)
_TONE: Final = (
    f"tone_detect:pre {TONE_HERTZ} r",
    "sleep:1000",
    f"tone_detect:own {TONE_HERTZ} r",
    *_ROUND_TRIP * 3,
    f"playback:tone_stream://%(2000,0,{TONE_HERTZ})",
    "hangup",
)


class UnsafeDialString(ValueError):
    """A part of the line is not what it may be; the message names the part."""


def originate(settings: ProbeConfig, uuid: str, limits: Limits) -> str:
    """The `originate` command, for `bgapi`.

    Args:
        settings: what to call, through which gateway.
        uuid: of `new_call_id`, with the cap of these limits.

    Raises:
        UnsafeDialString: a part may not stand in such a line.
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
    course = _TONE if settings.application == "tone" else (f"sleep:{limits.talk * 1000:.0f}", "hangup")
    return (
        f"originate {{^^|{'|'.join(variables)}}}sofia/gateway/{settings.gateway}/{settings.destination}"
        f" 'm:^:{'^'.join(course)}' inline"
    )


def _require(allowed: bool, part: str, value: str) -> None:
    if not allowed:
        raise UnsafeDialString(f"{part} may not stand in an originate: {value[:80]!r}")
