"""One call that the exporter placed itself, as its events and the reply to its originate report it.

Every event of the call's leg becomes a `LegEvent` or a `ProbeMark`, the BACKGROUND_JOB of the originate a
`JobReply`; the figures of the whole call are in the `CallEnd` of its last event. Text that the far end may
have written is reduced to what it may be: the name of a cause, a SIP status, a printable phrase. The
functions raise nothing.

FreeSWITCH's media figures need care (tried.md 3 and 4, facts.md 4.4):

- `in_mos` is 4.50 when not a single packet came: quality counts only with packets.
- `in_packet_count` includes early media, `in_media_packet_count` does not: after early media FreeSWITCH
  discards the packets that have piled up and counts one.
- `in_jitter_loss_rate` is computed every 5 s and reads 0.00 in a call of 5 s at 30 % loss. So loss is
  computed from `in_skip_packet_count`, the packet times in which none came (live_audio.py), from the mark
  MARK_SETTLED on, when an echoing far end that starts late has started. It counts where the sequence numbers
  show gaps (`flaw_total`): a far end that stops early returns fewer packets without a gap, which is no loss.
- Without that mark, loss is what was sent and did not return, as far as there are gaps. Measured over 22 s:
  3, 10 and 30 % injected read 3.1, 10.4 and 29.3 %; calls of 5 s overstate.
- Of jitter only the minimum and maximum of a running variance are kept; healthy short calls show 13 to 33 ms.
"""

import math
import re
from dataclasses import dataclass, replace
from typing import Final, Literal, NamedTuple

from exporter.esl import Event
from exporter.esl.errors import printable

MARK_SUBCLASS: Final = "exporter::probe"
"""Subclass of the events that a probe call fires on its own leg (`event` application)."""
MARK_SETTLED: Final = "settled"
"""Of these marks the one that carries the RTP counters at the beginning."""
DETECTOR_BEFORE: Final = "pre"
DETECTOR_OWN: Final = "own"
"""Names of the two `tone_detect` runs of a probe call: before it sends its tone, and while it does."""

LegStep = Literal["created", "ringing", "early_media", "answered", "hung_up", "destroyed"]
HungUpBy = Literal["us", "far_end"]

_STEPS: Final[dict[str, LegStep]] = {
    "CHANNEL_CREATE": "created",
    "CHANNEL_PROGRESS": "ringing",
    "CHANNEL_PROGRESS_MEDIA": "early_media",
    "CHANNEL_ANSWER": "answered",
    "CHANNEL_HANGUP_COMPLETE": "hung_up",
    "CHANNEL_DESTROY": "destroyed",
}
_ENDS: Final = ("hung_up", "destroyed")
_CAUSE: Final = re.compile(r"[A-Z0-9_]{1,64}")
_REFUSAL: Final = re.compile(r"-ERR ([A-Z0-9_]{1,64})\s*")
_FINAL_STATUS: Final = re.compile(r"[2-6][0-9]{2}")
_HUNG_UP_BY: Final[dict[str, HungUpBy]] = {
    "send_bye": "us",
    "send_cancel": "us",
    "send_refuse": "us",
    "recv_bye": "far_end",
    "recv_cancel": "far_end",
    "recv_refuse": "far_end",
}
_PACKET_MS: Final = 20
_HEARD: Final = b"variable_rtp_audio_in_packet_count"
_MISSED: Final = b"variable_rtp_audio_in_skip_packet_count"
_TONE_BEFORE: Final = b"variable_tone_detect_" + DETECTOR_BEFORE.encode() + b"_total_time"
_TONE_OWN: Final = b"variable_tone_detect_" + DETECTOR_OWN.encode() + b"_total_time"


class CallMedia(NamedTuple):
    """Packets of an answered call.

    Attributes:
        received, sent: media packets, early media left out.
        expected: what the time from answer to hang-up asks for, at the codec's packet time.
        comfort_noise: packets that only say that the far end is silent; not in `received`.
        lost: packets missing between those that came.
        heard: all packets that came, early media too. missed: packet times in which none came.
        jitter: worst running deviation of arrival, seconds; None without packets.
        mos: FreeSWITCH's estimate, 1 to 4.5; None without packets.
    """

    received: int
    sent: int
    expected: int
    comfort_noise: int
    lost: int
    jitter: float | None
    mos: float | None
    heard: int = 0
    missed: int = 0

    def loss_since(self, settled: "ProbeMark | None") -> float | None:
        """Share of packets lost on the way to FreeSWITCH, 0 to 1; None without packets.

        Args:
            settled: the mark MARK_SETTLED of the call; None where it did not come.
        """
        if not self.received:
            return None
        if settled is None or settled.heard is None or settled.missed is None or not self.lost:
            return self.lost / (self.received + self.lost)
        came, missed = self.heard - settled.heard, max(self.missed - settled.missed, 0)
        return missed / (came + missed) if came > 0 else None


@dataclass(frozen=True, slots=True)
class CallEnd:
    """A call that is over, from its CHANNEL_HANGUP_COMPLETE or, where that is missing, its CHANNEL_DESTROY.

    Times are epoch seconds by FreeSWITCH's clock; None: it did not happen, or is not known.

    Attributes:
        created: FreeSWITCH made the channel.
        rang: the first sign of the far end: ringing or early media.
        early_media: the far end sent sound before it answered.
        answered: the far end answered.
        hung_up: one of the two sides hung up.
        closed: FreeSWITCH had finished with the call.
        cause: FreeSWITCH's hang-up cause; empty if the event has none.
        sip_code: final SIP status of the far end: 200 for an answered call; None if it gave none
            (FreeSWITCH's own CANCEL, a call that never left FreeSWITCH).
        sip_phrase: the reason phrase with it, made printable; empty for 200.
        hung_up_by: who ended the SIP dialogue (`us`: FreeSWITCH); None if there was none.
        media: None for a call that was never answered, or if RTP never started.
        tone_before: milliseconds after which the detector DETECTOR_BEFORE heard the tone; None: it did not.
        tone_own: the detector DETECTOR_OWN heard the tone.
    """

    created: float | None = None
    rang: float | None = None
    early_media: bool = False
    answered: float | None = None
    hung_up: float | None = None
    closed: float | None = None
    cause: str = ""
    sip_code: int | None = None
    sip_phrase: str = ""
    hung_up_by: HungUpBy | None = None
    media: CallMedia | None = None
    tone_before: int | None = None
    tone_own: bool = False

    @property
    def talk(self) -> float:
        """Seconds from answer to hang-up; 0.0 for a call that was never answered."""
        if self.answered is None or self.hung_up is None:
            return 0.0
        return max(self.hung_up - self.answered, 0.0)


class LegEvent(NamedTuple):
    """An event of the call's leg. `end`: only of the steps `hung_up` and `destroyed`."""

    step: LegStep
    end: CallEnd | None = None


class ProbeMark(NamedTuple):
    """An event that the call fired itself: its name, and its time in epoch seconds by FreeSWITCH's clock.

    Attributes:
        heard, missed: of MARK_SETTLED, as CallMedia has them at the end; None where FreeSWITCH wrote none.
    """

    name: str
    at: float
    heard: int | None = None
    missed: int | None = None


class JobReply(NamedTuple):
    """The reply to the originate.

    Attributes:
        refusal: the cause; empty for `+OK`, `NONE` for a refusal without a cause.
        at: when FreeSWITCH wrote it, epoch seconds by its clock; None if it does not say.
    """

    refusal: str
    at: float | None = None


def read_leg_event(event: Event) -> LegEvent | ProbeMark | None:
    """An event of the leg; None for one that says nothing about the call."""
    name = event.name
    if name == "CUSTOM":
        if event.subclass != MARK_SUBCLASS:
            return None
        mark = event.get(b"mark") or ""
        if mark != MARK_SETTLED:
            return ProbeMark(mark, event.timestamp)
        return ProbeMark(mark, event.timestamp, event.get_int(_HEARD), event.get_int(_MISSED))
    step = _STEPS.get(name)
    if step is None:
        return None
    return LegEvent(step, _read_end(event) if step in _ENDS else None)


def read_job_reply(event: Event) -> JobReply:
    """The reply in the BACKGROUND_JOB of an originate."""
    reply = event.body
    found = _REFUSAL.fullmatch(reply)
    refusal = found[1] if found else "" if reply.startswith("+OK") else "NONE"
    return JobReply(refusal, event.timestamp or None)


def _read_end(event: Event) -> CallEnd:
    closed = event.timestamp or None
    answered = _stamp(event, b"Caller-Channel-Answered-Time")
    ringing = _stamp(event, b"Caller-Channel-Progress-Time")
    early_media = _stamp(event, b"Caller-Channel-Progress-Media-Time")
    hung_up = _stamp(event, b"Caller-Channel-Hangup-Time") or closed
    cause = event.get(b"Hangup-Cause") or ""
    status = event.get(b"variable_sip_term_status") or ""
    code = 200 if answered is not None else int(status) if _FINAL_STATUS.fullmatch(status) else None
    phrase = event.get(b"variable_sip_invite_failure_phrase") if code not in (None, 200) else None
    end = CallEnd(
        created=_stamp(event, b"Caller-Channel-Created-Time"),
        rang=min((stamp for stamp in (ringing, early_media) if stamp is not None), default=None),
        early_media=early_media is not None,
        answered=answered,
        hung_up=hung_up,
        closed=closed,
        cause=cause if _CAUSE.fullmatch(cause) else "",
        sip_code=code,
        sip_phrase=printable(phrase or ""),
        hung_up_by=_HUNG_UP_BY.get(event.get(b"variable_sip_hangup_disposition") or ""),
        tone_before=event.get_int(_TONE_BEFORE),
        tone_own=event.get_int(_TONE_OWN) is not None,
    )
    return end if answered is None else replace(end, media=_read_media(event, end.talk))


def _read_media(event: Event, talk: float) -> CallMedia | None:
    received = event.get_int(b"variable_rtp_audio_in_media_packet_count")
    sent = event.get_int(b"variable_rtp_audio_out_media_packet_count")
    if received is None or sent is None:
        return None
    packet_ms = event.get_int(b"variable_rtp_use_codec_ptime") or 0
    expected = round(talk * 1000 / (packet_ms if packet_ms > 0 else _PACKET_MS))
    noise = event.get_int(b"variable_rtp_audio_in_cng_packet_count") or 0
    if received <= 0:
        return CallMedia(0, sent, expected, noise, 0, None, None)
    flaws = event.get_int(b"variable_rtp_audio_in_flaw_total") or 0
    variance = event.get_float(b"variable_rtp_audio_in_jitter_max_variance")
    jitter = math.sqrt(variance) / 1000 if variance is not None and variance >= 0 else None
    mos = event.get_float(b"variable_rtp_audio_in_mos")
    lost = max(min(flaws, sent - received), 0)  # flaws include penalties: never more than did not return
    heard, missed = event.get_int(_HEARD) or 0, event.get_int(_MISSED) or 0
    return CallMedia(received, sent, expected, noise, lost, jitter, mos, heard, missed)


def _stamp(event: Event, header: bytes) -> float | None:
    microseconds = event.get_int(header)
    return microseconds / 1e6 if microseconds and microseconds > 0 else None
