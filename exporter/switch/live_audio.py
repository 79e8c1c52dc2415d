"""The audio of a call while it is up: the RTP counters that FreeSWITCH keeps for a leg.

`uuid_set_media_stats UUID` writes the counters into the leg's variables, where they are old or absent before,
and `uuid_dump UUID json` shows the variables, with what decides whether audio is due. `json mediaStats` would
do with one command, but each one keeps 12 kB of FreeSWITCH's memory until the call ends
(switch_rtp_get_stats copies its table into the session's pool): 9 MB for a call of an hour looked at every
5 s. The two commands together take FreeSWITCH 0.27 ms (mediaStats 0.15 ms) and keep nothing.

Facts, seen on FreeSWITCH 1.11.2 (capture api-uuid_dump-json-live-audio):
- All counters begin with the call, so only differences of two readings say something.
- `in_skip_packet_count` grows by one each packet time without a packet: by exactly the packets lost, also on
  bridged legs, and by 50 a second when nothing comes (switch_rtp.c). A received DTMF packet is counted too.
- On hold, `Channel-Call-State` is HELD (UNHELD while it ends), and `remote_audio_media_flow` is `sendonly` or
  `recvonly` once the re-INVITE is answered. `bridge_to` is there while the leg is bridged, and gone after.
- A parked leg is sent nothing, and one whose partner is silent as well.
- A leg whose audio does not run through FreeSWITCH has no counters, or, if it did before (`uuid_media off`,
  bypass_media_after_bridge), those of then: all of them stand still, `in_skip_packet_count` too, while
  `bridge_to` stays.
- A fax by T.38 is counted in packets of its own. They come one way for as long as a page takes, so the far
  end that gets it is not heard. FreeSWITCH's own SDP has `m=image` then.
"""

import re
from typing import Final, NamedTuple

from exporter.esl import Event
from exporter.switch.reply import ReplyError, accepted

MIN_SENT: Final = 100
"""Packets that FreeSWITCH must have sent while it heard nothing, so that the far end had something to answer:
two seconds at 20 ms, as for calls without media (leg.py)."""
MIN_DUE: Final = 100  # packets of a window of which a share that is missing can be told
# Codecs whose far ends may stop sending while nobody speaks, without a comfort noise packet.
_PAUSING: Final = frozenset({"AMR", "AMR-WB", "EVS", "G723", "G729", "OPUS", "SILK", "SPEEX"})
_FIRST: Final = b"variable_rtp_audio_in_raw_bytes"
_FAX: Final = re.compile(r"^m=image [1-9]", re.MULTILINE)


class AudioReading(NamedTuple):
    """The audio of one leg up to now.

    Attributes:
        received, sent: packets since the call began.
        missing: packet times in which none came.
        comfort_noise: packets that say that the far end is silent.
        digits: DTMF packets.
        both_ways: neither on hold, nor one-way by SDP, nor a fax by T.38.
        bridged: joined with another leg now.
        pausing: the far end may stop sending while nobody speaks.
    """

    received: int
    sent: int
    missing: int
    comfort_noise: int
    digits: int
    both_ways: bool
    bridged: bool
    pausing: bool


def parse_audio(text: str) -> AudioReading | None:
    """Reads the reply of `uuid_dump UUID json`; None where FreeSWITCH has no counters of the leg.

    Raises:
        ChannelNotFound: no such call is up any more.
        ReplyError: other refusals, or something else.
    """
    event = Event(accepted(text).encode())
    if event.name != "CHANNEL_DATA":
        raise ReplyError("not the variables of a channel")
    rtp = event.after(_FIRST)
    if rtp is None:
        return None
    counts = [rtp.get_int(b"variable_rtp_audio_" + name) for name in _COUNTERS]
    if None in counts:
        return None
    received, sent, missing, noise, digits = (count or 0 for count in counts)
    return AudioReading(
        received=received,
        sent=sent,
        missing=missing,
        comfort_noise=noise,
        digits=digits,
        both_ways=event.get(b"Channel-Call-State") == "ACTIVE"
        and event.get(b"variable_remote_audio_media_flow") in (None, "sendrecv")
        and _FAX.search(event.get(b"variable_rtp_local_sdp_str") or "") is None,
        bridged=event.get(b"variable_bridge_to") is not None,
        pausing=noise > 0 or (event.get(b"variable_rtp_use_codec_name") or "").upper() in _PAUSING,
    )


_COUNTERS: Final = (
    b"in_packet_count",
    b"out_packet_count",
    b"in_skip_packet_count",
    b"in_cng_packet_count",
    b"in_dtmf_packet_count",
)


def heard(earlier: AudioReading, later: AudioReading) -> bool:
    """A packet came between the two readings, or the counters began anew."""
    return later.received != earlier.received


def audio_due(earlier: AudioReading, later: AudioReading) -> bool:
    """Of a leg that nothing was heard of between the two readings: whether something should have been.

    FreeSWITCH sent, so the far end had something to answer; or the leg is bridged and was heard before, and
    FreeSWITCH waited for its packets: when the audio of both legs dies, it has nothing to send to either.
    """
    if not (earlier.both_ways and later.both_ways) or later.comfort_noise:
        return False
    if later.sent - earlier.sent >= MIN_SENT:
        return True
    return later.bridged and later.received > 0 and later.missing > earlier.missing


def window_loss(earlier: AudioReading, later: AudioReading) -> float | None:
    """Share of the packets between two readings that did not come, 0 to 1.

    None where it says nothing: nothing came at all (silent, not lossy), the call has just begun, it was on
    hold, digits came, the far end may pause, or the window is too short.
    """
    received, missing = later.received - earlier.received, later.missing - earlier.missing
    if not (earlier.both_ways and later.both_ways) or later.pausing or later.digits != earlier.digits:
        return None
    if received <= 0 or missing < 0 or received + missing < MIN_DUE:
        return None
    if earlier.received + earlier.missing < MIN_DUE:
        return None
    return missing / (received + missing)
