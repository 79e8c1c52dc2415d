"""What a finished call came to: one table from facts to result, phase and words. First match wins.

Results: `success`; `degraded` (got through, but missed a threshold); `failed`; `aborted` (says nothing about
the trunk: we, an operator or a lost connection ended it). The phase is the one in which the call was when it
failed:

    originate   no sign of the far end yet: refused by FreeSWITCH, rejected, or silence after the INVITE
    ringing     it rang, or played early media, and was not answered
    answer      answered when a rejection was expected, or our side could not begin
    media       answered, and the audio did not come, or not back
    hangup      it ended too early, or only because FreeSWITCH's own cap ended it

Answered but silent is a failure: FreeSWITCH calls it MOS 4.5.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from exporter.config.model import Expect, ProbeConfig
from exporter.probe.facts import CallFacts, Phase
from exporter.probe.limits import Limits
from exporter.probe.media import Media
from exporter.switch.cause import explain
from exporter.switch.provider import ProviderCode
from exporter.switch.sip import SIP_CODES

Result = Literal["success", "degraded", "failed", "aborted"]
Interruption = Literal["cancelled", "shutdown", "lost", "denied", "overdue", "unreported"]

# Under that share of the packets that the talk time asks for, our own switch sent too little (tried.md 3).
ENOUGH_SENT: Final = 0.8
# Under that share of what we sent, the far end returned too little, whatever the sequence numbers say.
ENOUGH_RETURNED: Final = 0.8
# Packets that piled up during early media may be counted although the answered call is silent.
SILENT_BELOW: Final = 0.1
_TIMING: Final = 0.5
_SHORTEST_TONE: Final = 4.5
_NO_AUDIO: Final = (
    "Audio does not reach us: check NAT, the advertised address (ext-rtp-ip), and UDP through the firewall."
)
_ENDS_OF_OURS: Final = frozenset({"NORMAL_CLEARING", "ALLOTTED_TIMEOUT", "MEDIA_TIMEOUT"})


@dataclass(frozen=True, slots=True)
class Course:
    """One call with all that is needed to judge it.

    Attributes:
        interruption: what came between, if anything did.
        code: the provider's own code in the SIP phrase.
    """

    facts: CallFacts
    settings: ProbeConfig
    limits: Limits
    interruption: Interruption | None = None
    code: ProviderCode | None = None

    @property
    def expects_rejection(self) -> bool:
        return self.settings.expect.result == "rejected"

    @property
    def killed(self) -> bool:
        return self.facts.cause == "MANAGER_REQUEST"

    @property
    def unfinished(self) -> bool:
        """It did not end by itself, as far as is known."""
        return self.killed or not self.facts.cause

    @property
    def media(self) -> Media:
        return self.facts.media or Media(0, 0, 0, 0, 0, None, None)

    @property
    def short(self) -> bool:
        planned = _SHORTEST_TONE if self.settings.application == "tone" else self.limits.talk
        return self.facts.talk < planned - _TIMING

    @property
    def starved(self) -> bool:
        """Our own switch sent too little."""
        return self.media.sent < ENOUGH_SENT * self.media.expected

    @property
    def silent(self) -> bool:
        return self.media.received <= SILENT_BELOW * self.media.expected and not self.media.comfort_noise

    @property
    def returned_little(self) -> bool:
        return self.media.received + self.media.lost < ENOUGH_RETURNED * self.media.sent

    @property
    def rang(self) -> float:
        """Seconds it rang without being answered."""
        return self.facts.stamps.phases().get("ringing", 0.0)

    @property
    def rejection(self) -> str:
        """Who said no, in the far end's own words: `486 Busy Here` or a cause."""
        facts = self.facts
        if facts.sip_code is None:
            return facts.cause or "no reason given"
        phrase = facts.sip_phrase or SIP_CODES.get(facts.sip_code, "")
        return f"SIP {facts.sip_code} {phrase}".strip()


class Verdict(NamedTuple):
    """The judgement.

    Attributes:
        phase: where it failed; None unless the result is `failed`.
        message: one sentence for people; may quote the far end's SIP phrase.
        remedy: what to do; empty if there is nothing to do.
        reasons: for `degraded`: each threshold missed.
    """

    result: Result
    phase: Phase | None
    message: str
    remedy: str
    reasons: tuple[str, ...] = ()


class _Rule(NamedTuple):
    when: Callable[[Course], bool]
    result: Result
    phase: Phase | None  # None: of a failure, the phase in which the call was last
    message: Callable[[Course], str]
    remedy: Callable[[Course], str] | str


def _as_expected(expect: Expect, facts: CallFacts) -> bool:
    """With neither cause nor status given, any refusal by the far end will do."""
    if expect.cause is not None and facts.cause != expect.cause:
        return False
    if expect.sip is not None and facts.sip_code != expect.sip:
        return False
    return facts.sip_code is not None or expect.cause is not None


def _expected(expect: Expect) -> str:
    wanted = [*([expect.cause] if expect.cause else []), *([f"SIP {expect.sip}"] if expect.sip else [])]
    return f"a rejection with {' and '.join(wanted)}" if wanted else "a rejection by the far end"


def _remedy(course: Course) -> str:
    return course.code.remedy if course.code else explain(course.facts.cause).remedy


def _heard(course: Course) -> str:
    media = course.media
    mos = f", MOS {media.mos:.1f}" if media.mos is not None else ""
    return f"{media.received} packets received, {media.sent} sent{mos}"


_ABORTED: Final = (
    _Rule(
        lambda c: c.interruption == "denied",
        "aborted",
        None,
        lambda _: "FreeSWITCH does not let our event-socket user place calls.",
        "Add originate and uuid_kill to the user's esl-allowed-api.",
    ),
    _Rule(
        lambda c: c.interruption == "lost",
        "aborted",
        None,
        lambda _: "The connection to FreeSWITCH was lost during the call.",
        lambda c: f"FreeSWITCH ends the call by itself, {c.limits.total} s after its start at the latest.",
    ),
    _Rule(
        lambda c: c.interruption == "unreported",
        "aborted",
        None,
        lambda _: "FreeSWITCH did not report the end of the call: its events were lost.",
        "Look at freeswitch_events_dropped_total and at FreeSWITCH's log for this UUID.",
    ),
    _Rule(
        lambda c: c.interruption == "cancelled" and c.unfinished,
        "aborted",
        None,
        lambda _: "Nobody waited for the call any more, so it was ended.",
        "Give the asker more time: a scrape_timeout above ring_timeout and talk_time.",
    ),
    _Rule(
        lambda c: c.interruption == "shutdown" and c.unfinished,
        "aborted",
        None,
        lambda _: "The exporter was stopped during the call and ended it.",
        "",
    ),
    _Rule(
        lambda c: c.killed and c.interruption != "overdue",
        "aborted",
        None,
        lambda _: "Somebody else ended the call on the switch (MANAGER_REQUEST).",
        "Look for a uuid_kill or hupall in FreeSWITCH's log.",
    ),
    _Rule(
        lambda c: c.facts.cause == "SYSTEM_SHUTDOWN",
        "aborted",
        None,
        lambda _: "FreeSWITCH was shut down during the call.",
        "",
    ),
    _Rule(
        lambda c: c.killed,
        "failed",
        "hangup",
        lambda c: f"FreeSWITCH did not end the call {c.limits.total} s after its start; we did.",
        "FreeSWITCH's scheduler is late: look for 'Task was executed late' in its log.",
    ),
)
_REJECTION: Final = (
    _Rule(
        lambda c: c.expects_rejection and c.facts.answered,
        "failed",
        "answer",
        lambda c: f"The call was answered, although {_expected(c.settings.expect)} was expected.",
        "Find out who answers that number now.",
    ),
    _Rule(
        lambda c: c.expects_rejection and _as_expected(c.settings.expect, c.facts),
        "success",
        None,
        lambda c: f"Rejected as expected: {c.rejection} ({c.facts.cause}).",
        "",
    ),
    _Rule(
        lambda c: c.expects_rejection,
        "failed",
        None,
        lambda c: f"Expected {_expected(c.settings.expect)}, got {c.rejection} ({c.facts.cause}).",
        _remedy,
    ),
)
_UNANSWERED: Final = (
    _Rule(
        lambda c: not c.facts.answered and not c.facts.created,
        "failed",
        "originate",
        lambda c: f"FreeSWITCH itself refused the call: {c.facts.cause}. {explain(c.facts.cause).meaning}",
        lambda c: explain(c.facts.cause).remedy,
    ),
    _Rule(
        lambda c: not c.facts.answered and c.code is not None,
        "failed",
        None,
        lambda c: f"{c.rejection}: {c.code.meaning if c.code else ''}.",
        _remedy,
    ),
    _Rule(
        lambda c: not c.facts.answered and c.facts.sip_code is not None,
        "failed",
        None,
        lambda c: f"{c.rejection} ({c.facts.cause}). {explain(c.facts.cause).meaning}",
        _remedy,
    ),
    _Rule(
        lambda c: c.facts.cause == "NO_ANSWER" and c.facts.phase == "originate",
        "failed",
        "originate",
        lambda c: f"The far end gave no sign for {c.limits.ring} s: nothing in answer to the INVITE.",
        "Check that SIP reaches the provider's address: firewall, NAT, transport, the proxy of the gateway.",
    ),
    _Rule(
        lambda c: c.facts.cause == "NO_ANSWER",
        "failed",
        None,
        lambda c: f"It rang for {c.rang:.1f} s and nobody answered.",
        "Check the far end of the test number, or raise ring_timeout.",
    ),
    _Rule(
        lambda c: not c.facts.answered,
        "failed",
        None,
        lambda c: f"{c.facts.cause or 'No cause given'}. {explain(c.facts.cause).meaning}",
        _remedy,
    ),
)
_ANSWERED: Final = (
    _Rule(
        lambda c: c.facts.cause == "MEDIA_TIMEOUT",
        "failed",
        "media",
        lambda c: f"FreeSWITCH gave up after {c.facts.talk:.1f} s without a packet (MEDIA_TIMEOUT).",
        _NO_AUDIO,
    ),
    _Rule(
        lambda c: c.facts.cause == "ALLOTTED_TIMEOUT",
        "failed",
        "hangup",
        lambda c: f"The call did not end by itself; FreeSWITCH's cap ended it after {c.facts.talk:.1f} s.",
        "Look in FreeSWITCH's log for this UUID: an application on the call did not return.",
    ),
    _Rule(
        lambda c: c.short and c.facts.hung_up_by == "far_end",
        "failed",
        "hangup",
        lambda c: f"The far end hung up {c.facts.talk:.1f} s after its answer, {_heard(c)}.",
        "Call the number by hand: a far end that echoes stays on the line until we hang up.",
    ),
    _Rule(
        lambda c: c.facts.cause not in _ENDS_OF_OURS,
        "failed",
        "answer",
        lambda c: f"Answered, but our side broke off: {c.facts.cause}. {explain(c.facts.cause).meaning}",
        "Look in FreeSWITCH's log for this UUID; mod_dptools and mod_tone_stream must be loaded.",
    ),
    _Rule(
        lambda c: c.short,
        "failed",
        "hangup",
        lambda c: f"The call ended {c.facts.talk:.1f} s after the answer, too early, and not by the far end.",
        "Look in FreeSWITCH's log for this UUID.",
    ),
    _Rule(
        lambda c: c.facts.media is None,
        "failed",
        "media",
        lambda _: "Answered, but FreeSWITCH has no media figures: the audio did not run through it.",
        "Switch off bypass or proxy media for the profile of this gateway.",
    ),
    _Rule(
        lambda c: c.silent and c.starved,
        "failed",
        "media",
        lambda c: f"Our own switch sent {c.media.sent} of {c.media.expected} packets; nothing to echo.",
        "Look at FreeSWITCH's CPU and timers, not at the trunk.",
    ),
    _Rule(
        lambda c: c.silent,
        "failed",
        "media",
        lambda c: f"Answered, but silent: {_heard(c)}.",
        _NO_AUDIO,
    ),
    _Rule(
        lambda c: c.facts.tone is not None and c.facts.tone.before_ours,
        "failed",
        "media",
        lambda _: "The far end plays the test tone itself, so that its return would prove nothing.",
        "Call a number that echoes, or one of your own that is looped back.",
    ),
    _Rule(
        lambda c: c.facts.tone is not None and not c.facts.tone.returned,
        "failed",
        "media",
        lambda c: f"The tone did not come back, {_heard(c)}.",
        "Check that the number echoes; if it does, our audio does not reach it: NAT or a firewall outwards.",
    ),
)
_RULES: Final = (*_ABORTED, *_REJECTION, *_UNANSWERED, *_ANSWERED)


def judge(course: Course) -> Verdict:
    """The verdict on a call."""
    for rule in _RULES:
        if rule.when(course):
            phase = rule.phase or (course.facts.phase if rule.result == "failed" else None)
            remedy = rule.remedy if isinstance(rule.remedy, str) else rule.remedy(course)
            return Verdict(rule.result, phase, rule.message(course), remedy)
    reasons = missed(course)
    if reasons:
        message = f"Got through, but: {'; '.join(reasons)}."
        return Verdict("degraded", None, message, "Compare with the gateway's other calls.", reasons)
    return Verdict("success", None, f"Answered and heard: {_heard(course)}.", "")


class _Threshold(NamedTuple):
    words: str
    value: float | None
    limit: float | None
    too_high: bool
    form: str


def missed(course: Course) -> tuple[str, ...]:
    """What keeps an answered call from being a success, one phrase each."""
    facts, media, wanted = course.facts, course.media, course.settings.thresholds
    round_trip = facts.tone.round_trip if facts.tone else None
    thresholds = (
        _Threshold("post-dial delay", facts.post_dial_delay, wanted.post_dial_delay, True, "{:.2f} s"),
        _Threshold("time to answer", facts.answer_delay, wanted.answer, True, "{:.2f} s"),
        _Threshold("MOS", media.mos, wanted.mos, False, "{:.2f}"),
        _Threshold("packet loss", media.loss, wanted.packet_loss, True, "{:.1%}"),
        _Threshold("jitter", media.jitter, wanted.jitter, True, "{:.3f} s"),
        _Threshold("round trip", round_trip, wanted.round_trip, True, "{:.2f} s"),
    )
    reasons = [
        f"{t.words} {t.form.format(t.value)}, {'above' if t.too_high else 'below'} {t.form.format(t.limit)}"
        for t in thresholds
        if t.value is not None
        and t.limit is not None
        and (t.value > t.limit if t.too_high else t.value < t.limit)
    ]
    if course.starved:
        reasons.append(f"our own switch sent only {media.sent} of {media.expected} packets")
    elif course.returned_little:
        reasons.append(f"only {media.received} of {media.sent} packets came back, without gaps between them")
    return tuple(reasons)
