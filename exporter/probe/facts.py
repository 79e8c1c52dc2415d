"""What is known of a probe call once it is over, before anybody judges it.

Read from the events of its channel and the reply to its originate; everything that a far end may have written
is cut to what it may be: a cause's name, a SIP status, a printable phrase. All times are FreeSWITCH's stamps,
epoch seconds.
"""

import re
from dataclasses import dataclass, replace
from typing import Final, Literal

from exporter.esl import Event
from exporter.esl.errors import printable
from exporter.probe.media import Media, Tone, read_media, read_tone

Phase = Literal["originate", "ringing", "answer", "media", "hangup"]
HungUpBy = Literal["us", "far_end"]

_CAUSE: Final = re.compile(r"[A-Z0-9_]{1,64}")
_REPLY: Final = re.compile(r"-ERR ([A-Z0-9_]{1,64})\s*")
_FINAL_STATUS: Final = re.compile(r"[2-6][0-9]{2}")
_HUNG_UP_BY: Final[dict[str, HungUpBy]] = {
    "send_bye": "us",
    "send_cancel": "us",
    "send_refuse": "us",
    "recv_bye": "far_end",
    "recv_cancel": "far_end",
    "recv_refuse": "far_end",
}


@dataclass(frozen=True, slots=True)
class Stamps:
    """When what happened; None: it did not, or is not known.

    Attributes:
        rang: the first sign of the far end: ringing or early media.
        started: FreeSWITCH's reply to the originate: our side's application begins.
        over: FreeSWITCH has closed the call's books.
    """

    created: float | None = None
    rang: float | None = None
    answered: float | None = None
    started: float | None = None
    hung_up: float | None = None
    over: float | None = None

    def phases(self) -> dict[Phase, float]:
        """How long each phase took, seconds, for those the call was in; together they are the whole call."""
        end = self.hung_up
        if self.created is None or end is None:
            return {}
        phases: dict[Phase, float] = {"originate": _first(self.rang, self.answered, end) - self.created}
        if self.rang is not None:
            phases["ringing"] = _first(self.answered, end) - self.rang
        if self.answered is not None:
            started = min(max(_first(self.started, self.answered), self.answered), end)
            phases["answer"] = started - self.answered
            phases["media"] = end - started
        phases["hangup"] = _first(self.over, end) - end
        return {phase: max(round(seconds, 3), 0.0) for phase, seconds in phases.items()}


@dataclass(frozen=True, slots=True)
class CallFacts:
    """One call that is over.

    Attributes:
        created: FreeSWITCH made a channel and sent an INVITE.
        early_media: the far end sent sound before it answered.
        refusal: the cause in FreeSWITCH's reply to the originate; empty if the reply was `+OK` or never came.
        cause: FreeSWITCH's hang-up cause, else `refusal`; empty if neither is known. sip_code: final SIP
        status of the far end: 200 for an answered call; None if it gave none (our CANCEL, a
            call that never left FreeSWITCH).
        sip_phrase: the reason phrase with it, made printable.
        hung_up_by: who ended the dialogue; None if there was none.
        media, tone: None for a call that was never answered.
    """

    created: bool
    stamps: Stamps
    early_media: bool = False
    refusal: str = ""
    cause: str = ""
    sip_code: int | None = None
    sip_phrase: str = ""
    hung_up_by: HungUpBy | None = None
    media: Media | None = None
    tone: Tone | None = None

    @property
    def answered(self) -> bool:
        return self.stamps.answered is not None

    @property
    def phase(self) -> Phase:
        """The last phase the call got into before it ended."""
        if self.answered:
            return "media"
        return "originate" if self.stamps.rang is None else "ringing"

    @property
    def talk(self) -> float:
        """Seconds from answer to hang-up; 0.0 for a call that was never answered."""
        stamps = self.stamps
        if stamps.answered is None or stamps.hung_up is None:
            return 0.0
        return max(stamps.hung_up - stamps.answered, 0.0)

    @property
    def post_dial_delay(self) -> float | None:
        """Seconds from creation to the first sign of the far end, else to the answer."""
        stamps = self.stamps
        sign = stamps.rang if stamps.rang is not None else stamps.answered
        return None if sign is None or stamps.created is None else max(sign - stamps.created, 0.0)

    @property
    def answer_delay(self) -> float | None:
        """Seconds from creation to the answer."""
        stamps = self.stamps
        if stamps.answered is None or stamps.created is None:
            return None
        return max(stamps.answered - stamps.created, 0.0)


def refusal_of(reply: str) -> str:
    """The cause in the reply to an originate: empty for `+OK`, `NONE` for a refusal without one."""
    match = _REPLY.fullmatch(reply)
    if match:
        return match[1]
    return "" if reply.startswith("+OK") else "NONE"


def read_facts(
    end: Event | None,
    reply: str | None,
    started: float | None,
    marks: list[tuple[str, float]],
    *,
    created: bool,
    tone: bool,
) -> CallFacts:
    """What the events of one call say.

    Args:
        end: CHANNEL_HANGUP_COMPLETE, or CHANNEL_DESTROY where that is missing; None if neither came.
        reply: the body of the originate's BACKGROUND_JOB; None if it did not come.
        started: that event's stamp, epoch seconds.
        marks: the tone's marks (media.read_tone).
        created: CHANNEL_CREATE came.
        tone: the call was to send a tone.
    """
    refusal = refusal_of(reply) if reply is not None else ""
    if end is None or not created:
        return CallFacts(created=created, stamps=Stamps(), refusal=refusal, cause=refusal)
    stamps = Stamps(
        created=_stamp(end, b"Caller-Channel-Created-Time"),
        rang=_earliest(
            _stamp(end, b"Caller-Channel-Progress-Time"), _stamp(end, b"Caller-Channel-Progress-Media-Time")
        ),
        answered=_stamp(end, b"Caller-Channel-Answered-Time"),
        started=started,
        hung_up=_stamp(end, b"Caller-Channel-Hangup-Time") or end.timestamp or None,
        over=end.timestamp or None,
    )
    cause = end.get(b"Hangup-Cause") or ""
    status = end.get(b"variable_sip_term_status") or ""
    answered = stamps.answered is not None
    code = 200 if answered else int(status) if _FINAL_STATUS.fullmatch(status) else None
    phrase = end.get(b"variable_sip_invite_failure_phrase") if code not in (None, 200) else None
    facts = CallFacts(
        created=True,
        stamps=stamps,
        early_media=_stamp(end, b"Caller-Channel-Progress-Media-Time") is not None,
        refusal=refusal,
        cause=cause if _CAUSE.fullmatch(cause) else refusal,
        sip_code=code,
        sip_phrase=printable(phrase or ""),
        hung_up_by=_HUNG_UP_BY.get(end.get(b"variable_sip_hangup_disposition") or ""),
    )
    if not answered:
        return facts
    return replace(facts, media=read_media(end, facts.talk), tone=read_tone(end, marks) if tone else None)


def _stamp(event: Event, header: bytes) -> float | None:
    microseconds = event.get_int(header)
    return microseconds / 1e6 if microseconds and microseconds > 0 else None


def _earliest(*stamps: float | None) -> float | None:
    return min((stamp for stamp in stamps if stamp is not None), default=None)


def _first(*stamps: float | None) -> float:
    return next(stamp for stamp in stamps if stamp is not None)
