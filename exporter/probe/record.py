"""The record of a probe call: what `GET /api/calls/{uuid}` answers, what is kept, what last-run gauges show.

A record is made in steps: `begun` before the call is placed, `under_way` at each change, `observed` when it
is over; `verdict.judged` then adds the result. Names are camelCase in JSON, as those of the other answers
under /api. Times are epoch seconds, durations seconds, ratios 0 to 1. `message` and `sipPhrase` may quote the
far end: made printable and cut, but text from outside.
"""

from typing import Final, Literal, NamedTuple

import msgspec

from exporter.probe.admission import CallPlan
from exporter.probe.observation import ROUND_TRIP_STEP, Observation, Phase, State
from exporter.switch.followed_call import CallMedia, HungUpBy

Result = Literal["success", "degraded", "failed", "aborted"]


class _Json(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class MediaRecord(_Json, frozen=True, kw_only=True, rename="camel"):
    """The packets of an answered call; None where nothing is known."""

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
        probe: the probe's name; empty for an ad-hoc call.
        own: it went to the probe's own destination.
        dialed: FreeSWITCH made a channel and sent an INVITE.
        result: None while it is under way.
        failed_phase: of a failed call.
        reasons: of a degraded call: each threshold missed.
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
    status: State
    dialed: bool = False
    early_media: bool = False
    result: Result | None = None
    failed_phase: Phase | None = None
    cause: str = ""
    sip_code: int | None = None
    sip_phrase: str = ""
    provider_code: ProviderRecord | None = None
    hung_up_by: HungUpBy | None = None
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


class Answer(NamedTuple):
    """What a request gets.

    Attributes:
        record: of the call; under way if the client's time passed, or if it did not want to wait.
        cached: the call was over before it was asked for.
    """

    record: CallRecord
    cached: bool = False


_encoder: Final = msgspec.json.Encoder()
_decoder: Final = msgspec.json.Decoder(CallRecord)


def begun(uuid: str, plan: CallPlan, started_at: float) -> CallRecord:
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


def under_way(record: CallRecord, seen: Observation) -> CallRecord:
    """The record of a call that goes on."""
    return msgspec.structs.replace(
        record, status=seen.state, dialed=seen.created, early_media=seen.early_media
    )


def observed(
    record: CallRecord, plan: CallPlan, seen: Observation, ended_at: float, duration: float
) -> CallRecord:
    """The record of a call that is over, without a result.

    Args:
        record: of the call as it began.
        plan: of the call.
        seen: all that was observed.
        ended_at: epoch seconds by the exporter's clock.
        duration: seconds by the exporter's clock, for a call of which FreeSWITCH gave no times.
    """
    end = seen.end
    phases = {str(phase): seconds for phase, seconds in seen.phases().items()}
    return msgspec.structs.replace(
        under_way(record, seen),
        status="ended",
        cause=seen.cause,
        sip_code=end.sip_code,
        sip_phrase=end.sip_phrase,
        provider_code=_provider(plan, end.sip_phrase),
        hung_up_by=end.hung_up_by,
        ended_at=ended_at,
        duration_seconds=round(sum(phases.values()) if phases else duration, 3),
        talk_seconds=round(end.talk, 3),
        phases=phases,
        post_dial_delay_seconds=_rounded(seen.post_dial_delay),
        answer_seconds=_rounded(seen.answer_delay),
        media=_media(end.media, seen.packet_loss),
        tone=_tone(seen),
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


def _provider(plan: CallPlan, phrase: str) -> ProviderRecord | None:
    code = plan.provider_code(phrase)
    if code is None:
        return None
    return ProviderRecord(code=code.code, class_=code.class_, meaning=code.meaning, remedy=code.remedy)


def _media(media: CallMedia | None, loss: float | None) -> MediaRecord | None:
    if media is None:
        return None
    return MediaRecord(
        packets_received=media.received,
        packets_sent=media.sent,
        packets_expected=media.expected,
        packet_loss_ratio=None if loss is None else round(loss, 4),
        jitter_seconds=None if media.jitter is None else round(media.jitter, 4),
        mos=media.mos,
    )


def _tone(seen: Observation) -> ToneRecord | None:
    tone = seen.tone
    if tone is None:
        return None
    return ToneRecord(
        returned=tone.returned,
        before_ours=tone.before_ours,
        round_trip_seconds=_rounded(tone.round_trip),
    )
