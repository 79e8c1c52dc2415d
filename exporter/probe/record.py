"""The record of a probe call: what `GET /api/calls/{uuid}` answers, what is kept, what last-run gauges show.

Names are camelCase in JSON, as those of the other answers under /api. Times are epoch seconds, durations
seconds, ratios 0 to 1. `message` and `sipPhrase` may quote the far end: made printable and cut, but somebody
else's words.
"""

from typing import Final, Literal

import msgspec

from exporter.probe.facts import CallFacts
from exporter.probe.life import Life, State
from exporter.probe.media import ROUND_TRIP_STEP
from exporter.probe.request import Plan
from exporter.probe.verdict import Course, Verdict
from exporter.switch.provider import ProviderCode

Status = Literal["initiated", "dialing", "ringing", "answered", "ended"]
Result = Literal["success", "degraded", "failed", "aborted"]


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class MediaRecord(_Json, frozen=True, kw_only=True, rename="camel"):
    """What was heard; None where there is nothing to say."""

    packets_received: int
    packets_sent: int
    packets_expected: int
    packet_loss_ratio: float | None = None
    jitter_seconds: float | None = None
    mos: float | None = None


class ToneRecord(_Json, frozen=True, kw_only=True, rename="camel"):
    """What became of the tone."""

    returned: bool
    before_ours: bool
    round_trip_seconds: float | None = None
    resolution_seconds: float = ROUND_TRIP_STEP


class ProviderRecord(_Json, frozen=True, kw_only=True, rename="camel"):
    """The provider's own code in its rejection."""

    code: str
    class_: str = msgspec.field(name="class")
    meaning: str
    remedy: str


class CallRecord(_Json, frozen=True, kw_only=True, rename="camel"):
    """One probe call, under way or over.

    Attributes:
        probe: the probe's name; empty for a call of its own.
        own: it went to the probe's own destination.
        dialed: FreeSWITCH made a channel and sent an INVITE.
        result: None while it is under way.
        failed_phase: of a failed call.
        hung_up_by: `us`, `far_end`, or None.
        phases: seconds spent in each phase it was in, by FreeSWITCH's stamps.
    """

    call_uuid: str
    probe: str
    node: str
    gateway: str
    destination: str
    application: str
    own: bool
    started_at: float
    status: Status
    dialed: bool = False
    early_media: bool = False
    result: Result | None = None
    failed_phase: str | None = None
    cause: str = ""
    sip_code: int | None = None
    sip_phrase: str = ""
    provider_code: ProviderRecord | None = None
    hung_up_by: str | None = None
    message: str = ""
    remedy: str = ""
    reasons: tuple[str, ...] = ()
    ended_at: float | None = None
    duration_seconds: float | None = None
    talk_seconds: float = 0.0
    phases: dict[str, float] = {}
    post_dial_delay_seconds: float | None = None
    answer_seconds: float | None = None
    media: MediaRecord | None = None
    tone: ToneRecord | None = None


_STATUS: Final[dict[State, Status]] = {
    State.PLACING: "initiated",
    State.DIALING: "dialing",
    State.RINGING: "ringing",
    State.TALKING: "answered",
    State.ENDED: "ended",
    State.DROPPED: "ended",
}
_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(CallRecord)


def begun(uuid: str, plan: Plan, started_at: float) -> CallRecord:
    """The record of a call about to be placed."""
    settings = plan.settings
    return CallRecord(
        call_uuid=uuid,
        probe=settings.name,
        node=settings.node,
        gateway=settings.gateway,
        destination=settings.destination,
        application=settings.application,
        own=plan.own,
        started_at=started_at,
        status="initiated",
    )


def under_way(record: CallRecord, life: Life) -> CallRecord:
    """The record as it stands while the call goes on."""
    return msgspec.structs.replace(
        record, status=_STATUS[life.state], dialed=life.created, early_media=life.early_media
    )


def ended(
    record: CallRecord, course: Course, verdict: Verdict, ended_at: float, duration: float
) -> CallRecord:
    """The record of a call that is over.

    Args:
        duration: seconds by our own clock, for a call of which FreeSWITCH gave no times.
    """
    facts = course.facts
    phases = {str(phase): seconds for phase, seconds in facts.stamps.phases().items()}
    return msgspec.structs.replace(
        record,
        status="ended",
        dialed=facts.created,
        early_media=facts.early_media,
        result=verdict.result,
        failed_phase=verdict.phase,
        cause=facts.cause,
        sip_code=facts.sip_code,
        sip_phrase=facts.sip_phrase,
        provider_code=_provider(course.code),
        hung_up_by=facts.hung_up_by,
        message=verdict.message,
        remedy=verdict.remedy,
        reasons=verdict.reasons,
        ended_at=ended_at,
        duration_seconds=round(sum(phases.values()) if phases else duration, 3),
        talk_seconds=round(facts.talk, 3),
        phases=phases,
        post_dial_delay_seconds=_rounded(facts.post_dial_delay),
        answer_seconds=_rounded(facts.answer_delay),
        media=_media(facts),
        tone=_tone(facts),
    )


def encode(record: CallRecord) -> bytes:
    """The record as JSON."""
    return _encoder.encode(record)


def decode(text: bytes) -> CallRecord | None:
    """The record in the JSON; None for one that another release wrote in another form."""
    try:
        return _decoder.decode(text)
    except msgspec.DecodeError:
        return None


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 3)


def _provider(code: ProviderCode | None) -> ProviderRecord | None:
    if code is None:
        return None
    return ProviderRecord(code=code.code, class_=code.class_, meaning=code.meaning, remedy=code.remedy)


def _media(facts: CallFacts) -> MediaRecord | None:
    media = facts.media
    if media is None:
        return None
    return MediaRecord(
        packets_received=media.received,
        packets_sent=media.sent,
        packets_expected=media.expected,
        packet_loss_ratio=None if media.loss is None else round(media.loss, 4),
        jitter_seconds=None if media.jitter is None else round(media.jitter, 4),
        mos=media.mos,
    )


def _tone(facts: CallFacts) -> ToneRecord | None:
    tone = facts.tone
    if tone is None:
        return None
    return ToneRecord(
        returned=tone.returned,
        before_ours=tone.before_ours,
        round_trip_seconds=None if tone.round_trip is None else round(tone.round_trip, 3),
    )
