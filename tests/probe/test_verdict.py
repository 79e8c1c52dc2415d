"""One row for each way a call can go: result, phase and the words that matter."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.config.model import Expect, Thresholds
from exporter.probe.facts import CallFacts, Stamps
from exporter.probe.limits import limits
from exporter.probe.media import Media, Tone
from exporter.probe.verdict import Course, Verdict, judge
from exporter.switch.provider import provider
from tests.probe.settings import settings
from tests.probe.test_life import replay

GOOD = Media(248, 250, 251, 0, 0, 0.02, 4.5)
HEALTHY = CallFacts(
    created=True,
    stamps=Stamps(created=100.0, rang=100.02, answered=101.02, started=101.04, hung_up=106.04, over=106.06),
    cause="NORMAL_CLEARING",
    sip_code=200,
    hung_up_by="us",
    media=GOOD,
)
TONE = replace(HEALTHY, tone=Tone(returned=True, before_ours=False, round_trip=0.1))


def verdict(facts: CallFacts, interruption: Any = None, phrase: str = "", **changes: Any) -> Verdict:
    probe = settings(**changes)
    code = provider("telnyx").find(phrase) if phrase else None
    return judge(Course(facts, probe, limits(probe, probe.ring_timeout), interruption, code))


def short(seconds: float, **changes: Any) -> CallFacts:
    return replace(HEALTHY, stamps=replace(HEALTHY.stamps, hung_up=101.02 + seconds), **changes)


def test_a_healthy_call_is_a_success() -> None:
    assert verdict(HEALTHY) == Verdict(
        "success", None, "Answered and heard: 248 packets received, 250 sent, MOS 4.5.", ""
    )
    assert verdict(TONE, application="tone").result == "success"


@pytest.mark.parametrize(
    ("capture", "phase", "words"),
    [
        ("busy", "originate", "SIP 486 Busy Here (USER_BUSY)"),
        ("noanswer", "ringing", "It rang for 4.0 s and nobody answered"),
        ("404", "originate", "SIP 404 Not Found (UNALLOCATED_NUMBER)"),
        ("403", "originate", "SIP 403 Forbidden (CALL_REJECTED)"),
        ("503", "originate", "SIP 503"),
        ("nonexist-gw", "originate", "FreeSWITCH itself refused the call: INVALID_GATEWAY"),
        ("unregistered-gw-noreg", "originate", "FreeSWITCH itself refused the call: GATEWAY_DOWN"),
        ("noaudio-we-send-audio", "media", "Answered, but silent: 0 packets received"),
        ("earlymedia-ignored", "hangup", "too early"),
    ],
)
def test_recorded_failures(capture: str, phase: str, words: str) -> None:
    life, _ = replay(f"ev-plain-call-{capture}")
    made = verdict(life.facts(), talk_time=4.0)
    assert (made.result, made.phase) == ("failed", phase)
    assert words in made.message
    assert made.remedy


def test_a_recorded_call_that_carried_sound() -> None:
    life, _ = replay("ev-plain-call-echo-with-audio")
    assert verdict(life.facts(), talk_time=4.0).result == "success"


def test_a_providers_code_is_explained() -> None:
    life, _ = replay("ev-plain-call-403-D1-channel-limit")
    made = verdict(life.facts(), phrase=life.facts().sip_phrase)
    assert (made.result, made.phase) == ("failed", "originate")
    assert made.message.startswith("SIP 403 User channel limit exceeded D1: ")
    assert made.remedy == "fewer calls at once, or raise the account limit"


UNANSWERED = CallFacts(created=True, stamps=Stamps(created=1.0, hung_up=6.0, over=6.0), cause="NO_ANSWER")


@pytest.mark.parametrize(
    ("facts", "phase", "words"),
    [
        (UNANSWERED, "originate", "nothing in answer to the INVITE"),
        (replace(UNANSWERED, stamps=replace(UNANSWERED.stamps, rang=2.0)), "ringing", "rang for 4.0 s"),
        (replace(UNANSWERED, cause="RECOVERY_ON_TIMER_EXPIRE"), "originate", "RECOVERY_ON_TIMER_EXPIRE"),
        (replace(UNANSWERED, cause=""), "originate", "No cause given"),
        (
            CallFacts(created=False, stamps=Stamps(), cause="DESTINATION_OUT_OF_ORDER"),
            "originate",
            "FreeSWITCH itself",
        ),
        (replace(HEALTHY, media=Media(0, 250, 251, 0, 0, None, None)), "media", "silent"),
        (replace(HEALTHY, media=Media(1, 250, 251, 0, 0, None, 4.5)), "media", "silent"),
        (
            replace(HEALTHY, media=Media(0, 20, 251, 0, 0, None, None)),
            "media",
            "Our own switch sent 20 of 251",
        ),
        (replace(HEALTHY, media=None), "media", "no media figures"),
        (replace(HEALTHY, cause="MEDIA_TIMEOUT"), "media", "without a packet"),
        (short(2.0, hung_up_by="far_end"), "hangup", "hung up 2.0 s after its answer"),
        (short(2.0), "hangup", "too early"),
        (short(0.0, cause="DESTINATION_OUT_OF_ORDER"), "answer", "our side broke off"),
        (short(7.0, cause="ALLOTTED_TIMEOUT"), "hangup", "cap ended it after 7.0 s"),
    ],
)
def test_failures(facts: CallFacts, phase: str, words: str) -> None:
    made = verdict(facts)
    assert (made.result, made.phase) == ("failed", phase)
    assert words in made.message


@pytest.mark.parametrize(
    ("tone", "words"),
    [
        (Tone(returned=False, before_ours=True, round_trip=None), "plays the test tone itself"),
        (Tone(returned=False, before_ours=False, round_trip=None), "did not come back"),
    ],
)
def test_a_tone_must_be_ours_and_return(tone: Tone, words: str) -> None:
    made = verdict(replace(HEALTHY, tone=tone), application="tone")
    assert (made.result, made.phase) == ("failed", "media")
    assert words in made.message


def test_a_far_end_that_hangs_up_when_we_would_have_is_no_failure() -> None:
    assert verdict(replace(HEALTHY, hung_up_by="far_end")).result == "success"


def test_comfort_noise_is_no_silence() -> None:
    made = verdict(replace(HEALTHY, media=Media(0, 250, 251, 12, 0, None, None)))
    assert made.result == "degraded"


@pytest.mark.parametrize(
    ("threshold", "limit", "reason"),
    [
        ("post_dial_delay", 0.01, "post-dial delay 0.02 s, above 0.01 s"),
        ("answer", 1.0, "time to answer 1.02 s, above 1.00 s"),
        ("mos", 4.6, "MOS 4.50, below 4.60"),
        ("packet_loss", 0.05, "packet loss 9.1%, above 5.0%"),
        ("jitter", 0.019, "jitter 0.020 s, above 0.019 s"),
        ("round_trip", 0.08, "round trip 0.10 s, above 0.08 s"),
    ],
)
def test_each_threshold(threshold: str, limit: float, reason: str) -> None:
    facts = replace(TONE, media=GOOD._replace(lost=25, received=250))
    made = verdict(facts, thresholds=Thresholds(**{threshold: limit}))
    assert made.result == "degraded"
    assert made.reasons == (reason,)
    assert reason in made.message


def test_within_every_threshold_it_is_a_success() -> None:
    wide = Thresholds(post_dial_delay=3, answer=10, mos=3.6, packet_loss=0.05, jitter=0.06, round_trip=0.6)
    assert verdict(TONE, thresholds=wide).result == "success"


def test_too_few_packets_are_told_apart_by_who_sent_too_few() -> None:
    ours = verdict(replace(HEALTHY, media=Media(150, 150, 251, 0, 0, 0.02, 4.5)))
    assert ours.reasons == ("our own switch sent only 150 of 251 packets",)
    theirs = verdict(replace(HEALTHY, media=Media(150, 250, 251, 0, 0, 0.02, 4.5)))
    assert theirs.reasons == ("only 150 of 250 packets came back, without gaps between them",)
    lost = verdict(replace(HEALTHY, media=Media(150, 250, 251, 0, 100, 0.02, 2.0)))
    assert lost.result == "success"  # loss has its own threshold


BUSY = replay("ev-plain-call-busy")[0].facts()


@pytest.mark.parametrize(
    ("expect", "facts", "result", "phase"),
    [
        (Expect(result="rejected", cause="USER_BUSY"), BUSY, "success", None),
        (Expect(result="rejected", sip=486), BUSY, "success", None),
        (Expect(result="rejected", cause="USER_BUSY", sip=486), BUSY, "success", None),
        (Expect(result="rejected"), BUSY, "success", None),
        (Expect(result="rejected", cause="CALL_REJECTED"), BUSY, "failed", "originate"),
        (Expect(result="rejected", sip=404), BUSY, "failed", "originate"),
        (Expect(result="rejected", cause="USER_BUSY", sip=600), BUSY, "failed", "originate"),
        (Expect(result="rejected"), UNANSWERED, "failed", "originate"),
        (Expect(result="rejected", cause="NO_ANSWER"), UNANSWERED, "success", None),
        (Expect(result="rejected", sip=486), HEALTHY, "failed", "answer"),
    ],
)
def test_a_rejection_may_be_what_is_expected(
    expect: Expect, facts: CallFacts, result: str, phase: str | None
) -> None:
    made = verdict(facts, expect=expect)
    assert (made.result, made.phase) == (result, phase)


KILLED = short(2.0, cause="MANAGER_REQUEST")


@pytest.mark.parametrize(
    ("interruption", "facts", "result", "words"),
    [
        ("denied", CallFacts(created=False, stamps=Stamps()), "aborted", "place calls"),
        ("lost", CallFacts(created=True, stamps=Stamps()), "aborted", "connection to FreeSWITCH was lost"),
        ("unreported", CallFacts(created=True, stamps=Stamps()), "aborted", "did not report"),
        ("cancelled", KILLED, "aborted", "Nobody waited"),
        ("shutdown", KILLED, "aborted", "exporter was stopped"),
        (None, KILLED, "aborted", "Somebody else"),
        (None, replace(HEALTHY, cause="SYSTEM_SHUTDOWN"), "aborted", "shut down"),
        ("overdue", KILLED, "failed", "did not end the call"),
        ("cancelled", HEALTHY, "success", "Answered"),  # it had ended before our kill came
        ("shutdown", BUSY, "failed", "486"),
    ],
)
def test_what_came_between_says_nothing_about_the_trunk(
    interruption: str | None, facts: CallFacts, result: str, words: str
) -> None:
    made = verdict(facts, interruption)
    assert made.result == result
    assert words in made.message
