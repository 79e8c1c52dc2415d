"""A channel as headers of an event: the channel's own, its caller profile, its variables.

Strategy: each function writes one group in FreeSWITCH's order; which groups an event has is in
`WITH_VARIABLES` and in `Leg.fire`.
"""

from typing import Final

from exporter.simulator.channel import Channel
from exporter.simulator.events import Header

# Events that carry the channel's variables (facts.md 4.1); the others have the channel's headers only.
WITH_VARIABLES: Final = frozenset(
    """
    CHANNEL_CREATE CHANNEL_ORIGINATE CHANNEL_PROGRESS CHANNEL_PROGRESS_MEDIA CHANNEL_ANSWER CHANNEL_BRIDGE
    CHANNEL_UNBRIDGE CHANNEL_PARK CHANNEL_UNPARK CHANNEL_HANGUP CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY
    CHANNEL_EXECUTE CHANNEL_EXECUTE_COMPLETE CALL_UPDATE PLAYBACK_START PLAYBACK_STOP MEDIA_BUG_START
    MEDIA_BUG_STOP CUSTOM CHANNEL_DATA
    """.split()
)


def channel_headers(channel: Channel) -> list[Header]:
    """The channel's headers, in the order of switch_channel_event_set_basic_data."""
    head: list[Header] = [
        ("Channel-State", channel.state),
        ("Channel-Call-State", channel.call_state),
        ("Channel-State-Number", str(channel.state_number)),
        ("Channel-Name", channel.name),
        ("Unique-ID", channel.uuid),
        ("Call-Direction", channel.direction),
        ("Presence-Call-Direction", channel.direction),
        ("Channel-HIT-Dialplan", "true" if channel.hit_dialplan else "false"),
        ("Channel-Call-UUID", channel.get("call_uuid") or channel.uuid),
        ("Answer-State", channel.answer_state),
    ]
    if channel.cause:
        head.append(("Hangup-Cause", channel.cause))
    if channel.media:
        for side in ("Read", "Write"):
            head += [
                (f"Channel-{side}-Codec-Name", channel.codec.name),
                (f"Channel-{side}-Codec-Rate", str(channel.codec.rate)),
                (f"Channel-{side}-Codec-Bit-Rate", str(channel.codec.bit_rate)),
            ]
    if channel.profiled:
        head += profile_headers(channel, "Caller")
    if channel.other is not None:
        head.append(("Other-Type", channel.other_type))
        head += profile_headers(channel.other, "Other-Leg")
    return head


def profile_headers(channel: Channel, prefix: str) -> list[Header]:
    """A caller profile as switch_caller_profile_event_set_data writes it; empty values are left out."""
    name, number = channel.caller_id
    callee_name, callee_number = channel.callee_name, channel.number
    if channel.flipped:
        callee_name, callee_number = channel.caller_name, channel.caller_number
    if not channel.outbound:
        callee_name = callee_number = channel.reached if prefix == "Caller" else ""
    times = channel.times
    pairs: list[Header] = [
        ("Direction", channel.direction),
        ("Logical-Direction", channel.direction),
        ("Username", channel.username),
        ("Dialplan", channel.dialplan),
        ("Caller-ID-Name", name),
        ("Caller-ID-Number", number),
        ("Orig-Caller-ID-Name", channel.shown_name),
        ("Orig-Caller-ID-Number", channel.caller_number),
        ("Callee-ID-Name", callee_name),
        ("Callee-ID-Number", callee_number),
        ("Network-Addr", channel.sip.peer if channel.addressed else channel.dialled_from),
        ("ANI", channel.caller_number),
        ("Destination-Number", channel.destination),
        ("Unique-ID", channel.uuid),
        ("Source", channel.source),
        ("Transfer-Source", channel.transfer_source),
        ("Context", channel.context),
        ("RDNIS", channel.number if channel.destination != channel.number else ""),
        ("Channel-Name", channel.name),
        ("Profile-Index", "" if prefix == "Other-Leg" else "2" if channel.transferred else "1"),
        ("Profile-Created-Time", str(channel.transferred or times["created"])),
        ("Channel-Created-Time", str(times["created"])),
        ("Channel-Answered-Time", str(times["answered"])),
        ("Channel-Progress-Time", str(times["progress"])),
        ("Channel-Progress-Media-Time", str(times["progress_media"])),
        ("Channel-Hangup-Time", str(times["ended"])),
        ("Channel-Transfer-Time", "0"),
        ("Channel-Resurrect-Time", "0"),
        ("Channel-Bridged-Time", str(times["bridged"])),
        ("Channel-Last-Hold", "0"),
        ("Channel-Hold-Accum", "0"),
        ("Screen-Bit", "true"),
        ("Privacy-Hide-Name", "false"),
        ("Privacy-Hide-Number", "false"),
    ]
    return [(f"{prefix}-{name}", value) for name, value in pairs if value]


def variable_headers(channel: Channel) -> list[Header]:
    """Every variable, in the order they were set."""
    return [(f"variable_{name}", value) for name, value in channel.variables.items()]


def codec_headers(channel: Channel) -> tuple[list[Header], list[Header]]:
    """Of the two CODEC events, read and write: FreeSWITCH spells them differently."""
    codec = channel.codec
    read: list[Header] = [
        ("channel-read-codec-name", codec.name),
        ("channel-read-codec-rate", str(codec.rate)),
        ("channel-read-codec-bit-rate", str(codec.bit_rate)),
    ]
    write: list[Header] = [
        ("Channel-Write-Codec-Name", codec.name),
        ("Channel-Write-Codec-Rate", str(codec.rate)),
        ("Channel-Write-codec-bit-rate", str(codec.bit_rate)),
    ]
    return read, write


def application_headers(name: str, data: str, application_uuid: str, response: str = "") -> list[Header]:
    """Of CHANNEL_EXECUTE and, with the `response`, of CHANNEL_EXECUTE_COMPLETE."""
    headers: list[Header] = [("Application", name)]
    if data:
        headers.append(("Application-Data", data))
    if response:
        headers.append(("Application-Response", response))
    headers.append(("Application-UUID", application_uuid))
    return headers


def media_bug_headers(target: str) -> list[Header]:
    """Of MEDIA_BUG_START and MEDIA_BUG_STOP of tone_detect."""
    return [("Media-Bug-Function", "tone_detect"), ("Media-Bug-Target", target)]
