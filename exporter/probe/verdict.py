"""The result of a finished call: one table from plan and observation to result, phase, message and remedy.

The first rule that holds decides. Results: `success`; `degraded` (got through, but missed a threshold);
`failed`; `aborted` (says nothing about the trunk: the exporter, an operator or a lost connection ended the
call). The phase is the one in which the call was when it failed:

    originate   no sign of the far end yet: refused by FreeSWITCH, rejected, or silence after the INVITE
    ringing     it rang, or played early media, and was not answered
    answer      answered when a rejection was expected, or FreeSWITCH's own side could not begin
    media       answered, and the audio did not come, or not back
    hangup      it ended too early, or only because FreeSWITCH's own cap ended it

Answered but silent is a failure: FreeSWITCH calls it MOS 4.5.
"""

from collections.abc import Callable
from typing import Final, NamedTuple

import msgspec

from exporter.config.model import Expect
from exporter.probe.admission import CallPlan
from exporter.probe.observation import Observation, Phase
from exporter.probe.record import CallRecord, Result
from exporter.switch.cause import explain
from exporter.switch.followed_call import CallMedia
from exporter.switch.sip import SIP_CODES

# Below that share of the packets that the talk time asks for, FreeSWITCH sent too little (tried.md 3).
ENOUGH_SENT: Final = 0.8
# Below that share of what was sent, the far end returned too little, whatever the sequence numbers say.
ENOUGH_RETURNED: Final = 0.8
# Packets that piled up during early media may be counted although the answered call is silent.
SILENT_BELOW: Final = 0.1
_TIMING: Final = 0.5
_SHORTEST_TONE: Final = 4.5
_NO_AUDIO: Final = (
    "Audio does not arrive: check NAT, the advertised address (ext-rtp-ip), and UDP through the firewall."
)
_OWN_ENDS: Final = frozenset({"NORMAL_CLEARING", "ALLOTTED_TIMEOUT", "MEDIA_TIMEOUT"})
_ENDED_EARLY: Final = {
    "cancelled": "The last request for the call was gone, so the exporter ended it.",
    "shutdown": "The exporter was stopped during the call and ended it.",
    "reload": "A reload of the configuration stopped or restarted the node, so the call was ended.",
}
_NO_MEDIA: Final = CallMedia(0, 0, 0, 0, 0, None, None)


class _Rule(NamedTuple):
    """One row.

    Attributes:
        when: the rule holds.
        phase: of a failure; None: the phase in which the call was last.
        message: one sentence for people; may quote the far end's SIP phrase.
        remedy: what to do; empty if there is nothing to do.
    """

    when: Callable[[CallPlan, Observation], bool]
    result: Result
    phase: Phase | None
    message: Callable[[CallPlan, Observation], str] | str
    remedy: Callable[[CallPlan, Observation], str] | str


# -- conditions -------------------------------------------------------------------------------------


def _media(seen: Observation) -> CallMedia:
    return seen.end.media or _NO_MEDIA


def _killed(seen: Observation) -> bool:
    return seen.cause == "MANAGER_REQUEST"


def _unfinished(seen: Observation) -> bool:
    """It did not end by itself, as far as is known."""
    return _killed(seen) or not seen.cause


def _short(plan: CallPlan, seen: Observation) -> bool:
    planned = _SHORTEST_TONE if seen.sends_tone else plan.limits.talk
    return seen.end.talk < planned - _TIMING


def _sent_little(seen: Observation) -> bool:
    media = _media(seen)
    return media.sent < ENOUGH_SENT * media.expected


def _silent(seen: Observation) -> bool:
    media = _media(seen)
    return media.received <= SILENT_BELOW * media.expected and not media.comfort_noise


def _returned_little(seen: Observation) -> bool:
    media = _media(seen)
    return media.received + media.lost < ENOUGH_RETURNED * media.sent


def _as_expected(expect: Expect, seen: Observation) -> bool:
    """With neither cause nor status given, any rejection by the far end is as expected."""
    if expect.cause is not None and seen.cause != expect.cause:
        return False
    if expect.sip is not None and seen.end.sip_code != expect.sip:
        return False
    return seen.end.sip_code is not None or expect.cause is not None


# -- words ------------------------------------------------------------------------------------------


def _expected(plan: CallPlan) -> str:
    expect = plan.settings.expect
    wanted = [*([expect.cause] if expect.cause else []), *([f"SIP {expect.sip}"] if expect.sip else [])]
    return f"a rejection with {' and '.join(wanted)}" if wanted else "a rejection by the far end"


def _rejection(seen: Observation) -> str:
    """The rejection in the far end's own words: `SIP 486 Busy Here`, or a cause."""
    code = seen.end.sip_code
    if code is None:
        return seen.cause or "no reason given"
    return f"SIP {code} {seen.end.sip_phrase or SIP_CODES.get(code, '')}".strip()


def _meaning(seen: Observation) -> str:
    return explain(seen.cause).meaning


def _provider_meaning(plan: CallPlan, seen: Observation) -> str:
    """What the provider's own code means; empty without one."""
    code = plan.provider_code(seen.end.sip_phrase)
    return code.meaning if code is not None else ""


def _remedy(plan: CallPlan, seen: Observation) -> str:
    code = plan.provider_code(seen.end.sip_phrase)
    return code.remedy if code is not None else explain(seen.cause).remedy


def _packets(seen: Observation) -> str:
    media = _media(seen)
    mos = f", MOS {media.mos:.1f}" if media.mos is not None else ""
    return f"{media.received} packets received, {media.sent} sent{mos}"


# -- the table --------------------------------------------------------------------------------------

_ABORTED: Final = (
    _Rule(
        lambda _, seen: seen.interruption == "denied",
        "aborted",
        None,
        "FreeSWITCH does not let the exporter's event-socket user place calls.",
        "Add originate and uuid_kill to the user's esl-allowed-api.",
    ),
    _Rule(
        lambda _, seen: seen.interruption == "lost",
        "aborted",
        None,
        "The connection to FreeSWITCH was lost during the call.",
        lambda plan, _: (
            f"FreeSWITCH ends the call by itself, {plan.limits.total} s after its start at the latest."
        ),
    ),
    _Rule(
        lambda _, seen: seen.interruption == "unreported",
        "aborted",
        None,
        "FreeSWITCH did not report the end of the call: its events were lost.",
        "Look at freeswitch_events_dropped_total and at FreeSWITCH's log for this UUID.",
    ),
    _Rule(
        lambda _, seen: seen.interruption in _ENDED_EARLY and _unfinished(seen),
        "aborted",
        None,
        lambda _, seen: _ENDED_EARLY[str(seen.interruption)],
        lambda _, seen: (
            "Wait longer for the result: a scrape_timeout above ring_timeout and talk_time."
            if seen.interruption == "cancelled"
            else ""
        ),
    ),
    _Rule(
        lambda _, seen: _killed(seen) and seen.interruption != "overdue",
        "aborted",
        None,
        "Somebody else ended the call on the switch (MANAGER_REQUEST).",
        "Look for a uuid_kill or hupall in FreeSWITCH's log.",
    ),
    _Rule(
        lambda _, seen: seen.cause == "SYSTEM_SHUTDOWN",
        "aborted",
        None,
        "FreeSWITCH was shut down during the call.",
        "",
    ),
    _Rule(
        lambda _, seen: _killed(seen),
        "failed",
        "hangup",
        lambda plan, _: (
            f"FreeSWITCH did not end the call {plan.limits.total} s after its start; the exporter did."
        ),
        "FreeSWITCH's scheduler is late: look for 'Task was executed late' in its log.",
    ),
)
_REJECTION: Final = (
    _Rule(
        lambda plan, seen: plan.expects_rejection and seen.answered,
        "failed",
        "answer",
        lambda plan, _: f"The call was answered, although {_expected(plan)} was expected.",
        "Find out who answers that number now.",
    ),
    _Rule(
        lambda plan, seen: plan.expects_rejection and _as_expected(plan.settings.expect, seen),
        "success",
        None,
        lambda _, seen: f"Rejected as expected: {_rejection(seen)} ({seen.cause}).",
        "",
    ),
    _Rule(
        lambda plan, _: plan.expects_rejection,
        "failed",
        None,
        lambda plan, seen: f"Expected {_expected(plan)}, got {_rejection(seen)} ({seen.cause}).",
        _remedy,
    ),
)
_UNANSWERED: Final = (
    _Rule(
        lambda _, seen: not seen.answered and not seen.created,
        "failed",
        "originate",
        lambda _, seen: f"FreeSWITCH itself refused the call: {seen.cause}. {_meaning(seen)}",
        lambda _, seen: explain(seen.cause).remedy,
    ),
    _Rule(
        lambda plan, seen: not seen.answered and _provider_meaning(plan, seen) != "",
        "failed",
        None,
        lambda plan, seen: f"{_rejection(seen)}: {_provider_meaning(plan, seen)}.",
        _remedy,
    ),
    _Rule(
        lambda _, seen: not seen.answered and seen.end.sip_code is not None,
        "failed",
        None,
        lambda _, seen: f"{_rejection(seen)} ({seen.cause}). {_meaning(seen)}",
        _remedy,
    ),
    _Rule(
        lambda _, seen: seen.cause == "NO_ANSWER" and seen.phase == "originate",
        "failed",
        "originate",
        lambda plan, _: (
            f"The far end gave no sign for {plan.limits.ring} s: nothing in answer to the INVITE."
        ),
        "Check that SIP reaches the provider's address: firewall, NAT, transport, the proxy of the gateway.",
    ),
    _Rule(
        lambda _, seen: seen.cause == "NO_ANSWER",
        "failed",
        None,
        lambda _, seen: f"It rang for {seen.phases().get('ringing', 0.0):.1f} s and nobody answered.",
        "Check the far end of the test number, or raise ring_timeout.",
    ),
    _Rule(
        lambda _, seen: not seen.answered,
        "failed",
        None,
        lambda _, seen: f"{seen.cause or 'No cause given'}. {_meaning(seen)}",
        _remedy,
    ),
)
_ANSWERED: Final = (
    _Rule(
        lambda _, seen: seen.cause == "MEDIA_TIMEOUT",
        "failed",
        "media",
        lambda _, seen: f"FreeSWITCH gave up after {seen.end.talk:.1f} s without a packet (MEDIA_TIMEOUT).",
        _NO_AUDIO,
    ),
    _Rule(
        lambda _, seen: seen.cause == "ALLOTTED_TIMEOUT",
        "failed",
        "hangup",
        lambda _, seen: (
            f"The call did not end by itself; FreeSWITCH's cap ended it after {seen.end.talk:.1f} s."
        ),
        "Look in FreeSWITCH's log for this UUID: an application on the call did not return.",
    ),
    _Rule(
        lambda plan, seen: _short(plan, seen) and seen.end.hung_up_by == "far_end",
        "failed",
        "hangup",
        lambda _, seen: f"The far end hung up {seen.end.talk:.1f} s after its answer, {_packets(seen)}.",
        "Call the number by hand: a far end that echoes stays on the line until the caller hangs up.",
    ),
    _Rule(
        lambda _, seen: seen.cause not in _OWN_ENDS,
        "failed",
        "answer",
        lambda _, seen: f"Answered, but FreeSWITCH's own side failed: {seen.cause}. {_meaning(seen)}",
        "Look in FreeSWITCH's log for this UUID; mod_dptools and mod_tone_stream must be loaded.",
    ),
    _Rule(
        _short,
        "failed",
        "hangup",
        lambda _, seen: (
            f"The call ended {seen.end.talk:.1f} s after the answer, too early, and not by the far end."
        ),
        "Look in FreeSWITCH's log for this UUID.",
    ),
    _Rule(
        lambda _, seen: seen.end.media is None,
        "failed",
        "media",
        "Answered, but FreeSWITCH has no media figures: the audio did not run through it.",
        "Switch off bypass or proxy media for the profile of this gateway.",
    ),
    _Rule(
        lambda _, seen: _silent(seen) and _sent_little(seen),
        "failed",
        "media",
        lambda _, seen: (
            f"FreeSWITCH itself sent {_media(seen).sent} of {_media(seen).expected} packets; nothing to echo."
        ),
        "Look at FreeSWITCH's CPU and timers, not at the trunk.",
    ),
    _Rule(
        lambda _, seen: _silent(seen),
        "failed",
        "media",
        lambda _, seen: f"Answered, but silent: {_packets(seen)}.",
        _NO_AUDIO,
    ),
    _Rule(
        lambda _, seen: seen.tone is not None and seen.tone.before_ours,
        "failed",
        "media",
        "The far end plays the test tone itself, so that its return would prove nothing.",
        "Call a number that echoes, or one of your own that is looped back.",
    ),
    _Rule(
        lambda _, seen: seen.tone is not None and not seen.tone.returned,
        "failed",
        "media",
        lambda _, seen: f"The tone did not come back, {_packets(seen)}.",
        "Check that the number echoes. If it does, audio does not reach it: NAT or a firewall outwards.",
    ),
)
_RULES: Final = (*_ABORTED, *_REJECTION, *_UNANSWERED, *_ANSWERED)


def judged(record: CallRecord, plan: CallPlan, seen: Observation) -> CallRecord:
    """The record of a call that is over, with its result, phase, message, remedy and reasons."""
    for rule in _RULES:
        if rule.when(plan, seen):
            return msgspec.structs.replace(
                record,
                result=rule.result,
                failed_phase=rule.phase or (seen.phase if rule.result == "failed" else None),
                message=rule.message if isinstance(rule.message, str) else rule.message(plan, seen),
                remedy=rule.remedy if isinstance(rule.remedy, str) else rule.remedy(plan, seen),
            )
    reasons = _missed(plan, seen)
    if reasons:
        return msgspec.structs.replace(
            record,
            result="degraded",
            message=f"Got through, but: {'; '.join(reasons)}.",
            remedy="Compare with the gateway's other calls.",
            reasons=reasons,
        )
    return msgspec.structs.replace(record, result="success", message=f"Answered and heard: {_packets(seen)}.")


def _missed(plan: CallPlan, seen: Observation) -> tuple[str, ...]:
    """What keeps an answered call from being a success, one phrase each."""
    media, wanted = _media(seen), plan.settings.thresholds
    round_trip = seen.tone.round_trip if seen.tone else None
    thresholds = (
        ("post-dial delay", seen.post_dial_delay, "above", wanted.post_dial_delay, "{:.2f} s"),
        ("time to answer", seen.answer_delay, "above", wanted.answer, "{:.2f} s"),
        ("MOS", media.mos, "below", wanted.mos, "{:.2f}"),
        ("packet loss", seen.packet_loss, "above", wanted.packet_loss, "{:.1%}"),
        ("jitter", media.jitter, "above", wanted.jitter, "{:.3f} s"),
        ("round trip", round_trip, "above", wanted.round_trip, "{:.2f} s"),
    )
    reasons = [
        f"{name} {form.format(value)}, {side} {form.format(limit)}"
        for name, value, side, limit, form in thresholds
        if value is not None and limit is not None and (value > limit if side == "above" else value < limit)
    ]
    if _sent_little(seen):
        reasons.append(f"FreeSWITCH itself sent only {media.sent} of {media.expected} packets")
    elif _returned_little(seen):
        reasons.append(f"only {media.received} of {media.sent} packets came back, without gaps between them")
    return tuple(reasons)
