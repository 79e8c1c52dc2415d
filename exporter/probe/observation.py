"""What is known of a probe call: everything FreeSWITCH has reported of it so far, and what interrupted it.

An `Observation` is a value: each event makes the next one (`after_event`, `after_reply`).

A call is reported twice: by the events of its leg, and by the reply to the originate that made it. They come
from two threads of FreeSWITCH, in either order, so a call is over when both have ended. The states follow the
leg, by the table TRANSITIONS:

    initiated --created--> dialing --ringing, early_media--> ringing --answered--> answered --hung_up--> ended

Early media is ringing, not an answer. A later state may follow any earlier one, because an event between may
be missing; none leads back. `destroyed` repeats `hung_up` and replaces it where it is missing. A call that is
`destroyed` in state `initiated` never became a channel: FreeSWITCH refused it before any INVITE (gateway down
or unknown).
"""

from dataclasses import dataclass, replace
from itertools import pairwise
from statistics import median
from typing import Final, Literal, NamedTuple, Self

from exporter.probe.originate import SILENCE_BEFORE_TONE, TONE_WAIT
from exporter.switch.followed_call import MARK_SETTLED, CallEnd, JobReply, LegEvent, LegStep, ProbeMark

State = Literal["initiated", "dialing", "ringing", "answered", "ended"]
Phase = Literal["originate", "ringing", "answer", "media", "hangup"]
Interruption = Literal["cancelled", "shutdown", "reload", "lost", "denied", "overdue", "unreported"]

_AFTER_ANSWER: Final[dict[LegStep, State]] = {"hung_up": "ended", "destroyed": "ended"}
_AFTER_RINGING: Final[dict[LegStep, State]] = {
    "early_media": "ringing",
    "answered": "answered",
    **_AFTER_ANSWER,
}
_AFTER_CREATION: Final[dict[LegStep, State]] = {"ringing": "ringing", **_AFTER_RINGING}
TRANSITIONS: Final[dict[State, dict[LegStep, State]]] = {
    "initiated": {"created": "dialing", **_AFTER_CREATION},
    "dialing": _AFTER_CREATION,
    "ringing": _AFTER_RINGING,
    "answered": _AFTER_ANSWER,
    "ended": {},
}
ROUND_TRIP_STEP: Final = 0.02
_NO_DELAY: Final = 0.06  # between the marks when the sound returns at once: three frames of FreeSWITCH's own
_MAX_MARKS: Final = 16
_UNKNOWN: Final = CallEnd()


class Tone(NamedTuple):
    """What became of the tone.

    Attributes:
        returned: it was heard after the probe had begun to send it.
        before_ours: it was heard before: the far end plays one itself, so that a return would prove nothing.
        round_trip: seconds, in steps of ROUND_TRIP_STEP; None if it did not return.
    """

    returned: bool
    before_ours: bool
    round_trip: float | None


@dataclass(frozen=True, slots=True)
class Observation:
    """One call, as far as it has been reported.

    Attributes:
        sends_tone: the call is to send a tone and marks.
        placed: the originate was sent, and FreeSWITCH may have taken it.
        state: of its leg.
        created: FreeSWITCH made a channel for it and sent an INVITE.
        early_media: the far end sent sound before it answered.
        answer_seen: an event reported the answer.
        end: how the leg ended; all unknown before, and for a call that was never created.
        reply: to the originate; None before it came.
        marks: of the tone, in order.
        interruption: what ended the call, or its observation, other than the call itself.
    """

    sends_tone: bool = False
    placed: bool = False
    state: State = "initiated"
    created: bool = False
    early_media: bool = False
    answer_seen: bool = False
    end: CallEnd = _UNKNOWN
    reply: JobReply | None = None
    marks: tuple[ProbeMark, ...] = ()
    interruption: Interruption | None = None

    def after_event(self, event: LegEvent | ProbeMark) -> Self:
        """The observation with an event of the leg; itself if the event says nothing new."""
        if isinstance(event, ProbeMark):
            return replace(self, marks=(*self.marks, event)) if len(self.marks) < _MAX_MARKS else self
        state = TRANSITIONS[self.state].get(event.step)
        if state is None:
            return self
        created = self.created or (self.state, event.step) != ("initiated", "destroyed")
        end = event.end if event.end is not None and created else self.end
        early_media = self.early_media or end.early_media or event.step == "early_media"
        answer_seen = self.answer_seen or event.step == "answered"
        return replace(
            self, state=state, created=created, early_media=early_media, answer_seen=answer_seen, end=end
        )

    def after_reply(self, reply: JobReply) -> Self:
        """The observation with the reply to the originate."""
        return replace(self, reply=reply)

    @property
    def over(self) -> bool:
        """Leg and originate have both ended."""
        return self.reply is not None and self.state == "ended"

    @property
    def refused(self) -> bool:
        """FreeSWITCH answered the originate with a refusal."""
        return self.reply is not None and self.reply.refusal != ""

    @property
    def cause(self) -> str:
        """FreeSWITCH's hang-up cause, else that of its refusal; empty if neither is known."""
        return self.end.cause or (self.reply.refusal if self.reply is not None else "")

    @property
    def answered(self) -> bool:
        """The far end answered; known once the leg has ended."""
        return self.end.answered is not None

    @property
    def picked_up(self) -> bool:
        """The answer was reported while the call went on, by an event or by the reply to the originate."""
        return self.answer_seen or (self.reply is not None and not self.reply.refusal)

    @property
    def phase(self) -> Phase:
        """The last phase the call got into before it ended."""
        if self.answered:
            return "media"
        return "originate" if self.end.rang is None else "ringing"

    @property
    def post_dial_delay(self) -> float | None:
        """Seconds from creation to the first sign of the far end, else to the answer."""
        end = self.end
        sign = end.rang if end.rang is not None else end.answered
        return None if sign is None or end.created is None else max(sign - end.created, 0.0)

    @property
    def answer_delay(self) -> float | None:
        """Seconds from creation to the answer."""
        end = self.end
        if end.answered is None or end.created is None:
            return None
        return max(end.answered - end.created, 0.0)

    @property
    def packet_loss(self) -> float | None:
        """Share of packets lost on the way to FreeSWITCH, 0 to 1; None without packets."""
        settled = next((mark for mark in self.marks if mark.name == MARK_SETTLED), None)
        return self.end.media.loss_since(settled) if self.end.media is not None else None

    @property
    def tone(self) -> Tone | None:
        """What became of the tone; None if there was none or the call was not answered."""
        if not self.sends_tone or not self.answered:
            return None
        before = self.end.tone_before
        before_ours = before is not None and before < SILENCE_BEFORE_TONE
        returned = self.end.tone_own and not before_ours
        return Tone(returned, before_ours, round_trip(self.marks) if returned else None)

    def phases(self) -> dict[Phase, float]:
        """How long each phase took, seconds, for those the call was in; together they are the whole call.

        The media phase begins with FreeSWITCH's reply to the originate: its own side's application begins.
        """
        end = self.end
        if end.created is None or end.hung_up is None:
            return {}
        phases: dict[Phase, float] = {
            "originate": _first(end.rang, end.answered, end.hung_up) - end.created,
        }
        if end.rang is not None:
            phases["ringing"] = _first(end.answered, end.hung_up) - end.rang
        if end.answered is not None:
            replied = self.reply.at if self.reply is not None else None
            started = min(max(_first(replied, end.answered), end.answered), end.hung_up)
            phases["answer"] = started - end.answered
            phases["media"] = end.hung_up - started
        phases["hangup"] = _first(end.closed, end.hung_up) - end.hung_up
        return {phase: max(round(seconds, 3), 0.0) for phase, seconds in phases.items()}


def round_trip(marks: tuple[ProbeMark, ...]) -> float | None:
    """Seconds: the median from each mark a to its mark b, less what FreeSWITCH itself takes; None without."""
    times = [
        second.at - first.at
        for first, second in pairwise(marks)
        if (first.name, second.name) == ("a", "b") and second.at - first.at < TONE_WAIT - ROUND_TRIP_STEP / 2
    ]
    if not times:
        return None
    steps = round((median(times) - _NO_DELAY) / ROUND_TRIP_STEP)
    return max(steps, 0) * ROUND_TRIP_STEP


def _first(*stamps: float | None) -> float:
    return next(stamp for stamp in stamps if stamp is not None)
