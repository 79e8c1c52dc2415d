"""One row for each way a call can go: result, phase and the words that matter."""

from dataclasses import replace
from typing import Any

import pytest

from exporter.config.model import Expect, Thresholds
from exporter.esl import Event
from exporter.probe.admission import CallPlan
from exporter.probe.observation import Interruption, Observation
from exporter.probe.originate import limits
from exporter.probe.record import CallRecord, begun, observed
from exporter.probe.verdict import judged
from exporter.switch.followed_call import CallEnd, CallMedia, JobReply, ProbeMark
from exporter.watch.providers import named_provider
from tests.probe.settings import settings
from tests.probe.test_observation import replay

GOOD = CallMedia(248, 250, 251, 0, 0, 0.02, 4.5)
HEALTHY = Observation(
    state="ended",
    created=True,
    reply=JobReply("", 101.04),
    end=CallEnd(
        created=100.0,
        rang=100.02,
        answered=101.02,
        hung_up=106.04,
        closed=106.06,
        cause="NORMAL_CLEARING",
        sip_code=200,
        hung_up_by="us",
        media=GOOD,
    ),
)
TONE = replace(
    HEALTHY,
    sends_tone=True,
    end=replace(HEALTHY.end, tone_own=True),
    marks=(ProbeMark("a", 1.0), ProbeMark("b", 1.16)),
)


def ended(seen: Observation, **changes: Any) -> Observation:
    """The observation of a call that ended with these changes."""
    return replace(seen, end=replace(seen.end, **changes))


def verdict(seen: Observation, provider: str | None = None, **changes: Any) -> CallRecord:
    """The record of a call of the probe with these changes."""
    probe = settings(**changes)
    codes = named_provider(provider, {}) if provider is not None else None
    plan = CallPlan(probe, own=True, limits=limits(probe, probe.ring_timeout), provider=codes)
    record = begun("70726f62-beef-4010-8abc-0123456789ab", plan, 1.0)
    return judged(observed(record, plan, seen, 2.0, 1.0), plan, seen)


def short(seconds: float, **changes: Any) -> Observation:
    """A call that ended that long after its answer."""
    return ended(HEALTHY, hung_up=101.02 + seconds, **changes)


def with_media(*figures: Any) -> Observation:
    return ended(HEALTHY, media=CallMedia(*figures))


def test_a_healthy_call_is_a_success() -> None:
    made = verdict(HEALTHY)
    assert (made.result, made.failed_phase, made.remedy, made.reasons) == ("success", None, "", ())
    assert made.message == "Answered and heard: 248 packets received, 250 sent, MOS 4.5."
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
    made = verdict(replay(f"ev-plain-call-{capture}")[0], talk_time=4.0)
    assert (made.result, made.failed_phase) == ("failed", phase)
    assert words in made.message
    assert made.remedy


def test_a_recorded_call_that_carried_sound() -> None:
    assert verdict(replay("ev-plain-call-echo-with-audio")[0], talk_time=4.0).result == "success"


def test_a_providers_code_is_explained() -> None:
    made = verdict(replay("ev-plain-call-403-D1-channel-limit")[0], "telnyx")
    assert (made.result, made.failed_phase) == ("failed", "originate")
    assert made.message.startswith("SIP 403 User channel limit exceeded D1: ")
    assert made.remedy == "fewer calls at once, or raise the account limit"


@pytest.mark.parametrize(
    ("capture", "message"),
    [
        ("183-then-486", "SIP 486 Busy Here: called number is blocked: "),
        ("403-without-reason", "SIP 403 Account suspended 32203: called number is blocked: "),
    ],
)
def test_a_code_in_a_header_is_explained(capture: str, message: str) -> None:
    seen = replay(f"ev-json-evidence-{capture}")[0]
    made = verdict(seen, "twilio")
    assert made.message.startswith(message)
    assert made.remedy == "create a Primary Customer Profile, or contact the provider"
    assert made.provider_code is not None
    assert (made.provider_code.code, made.provider_code.class_) == ("32203", "fraud")
    assert verdict(seen).provider_code is None


def test_a_code_that_the_table_does_not_have_is_shown_as_it_was_written() -> None:
    phrase = b"Event-Name: CHANNEL_HANGUP_COMPLETE\nvariable_sip_invite_failure_phrase: Forbidden D999\n\n"
    seen = ended(replay("ev-plain-call-403")[0], sip_phrase="Forbidden D999", event=Event(phrase))
    made = verdict(seen, "telnyx")
    assert made.provider_code is not None
    assert (made.provider_code.code, made.provider_code.class_) == ("D999", "other")


def test_a_code_with_which_the_provider_hung_up_is_explained() -> None:
    event = (
        b"Event-Name: CHANNEL_HANGUP_COMPLETE\nvariable_sip_hangup_disposition: recv_bye\n"
        b"variable_sip_bye_h_X-Twilio-Error: 10001 Account suspended\n\n"
    )
    made = verdict(short(2.0, hung_up_by="far_end", event=Event(event)), "twilio")
    assert (made.result, made.failed_phase) == ("failed", "hangup")
    assert made.message.endswith("MOS 4.5: account is not active: suspended or closed.")
    assert made.remedy == "check the balance and the account in Twilio's console"
    plain = verdict(short(2.0, hung_up_by="far_end"), "twilio")
    assert plain.message.endswith("MOS 4.5.")
    assert plain.remedy.startswith("Call the number by hand")


LOCAL = {
    "408-no-answer-to-invite": ("Nothing came back for the INVITE", "Check that SIP reaches the provider"),
    "503-local-refused-port": ("Nothing takes SIP at the provider's address", "Check proxy, port"),
}


@pytest.mark.parametrize("capture", LOCAL)
@pytest.mark.parametrize("provider", [None, "telnyx", "twilio"])
def test_what_freeswitch_failed_itself_is_no_rejection(capture: str, provider: str | None) -> None:
    """Its status is FreeSWITCH's own, though it reads like one of the provider's."""
    message, remedy = LOCAL[capture]
    seen = replay(f"ev-json-evidence-{capture}", leg=-1)[0]
    made = verdict(seen, provider)
    assert (made.result, made.failed_phase, made.provider_code) == ("failed", "originate", None)
    assert made.message.startswith(message)
    assert made.remedy.startswith(remedy)
    assert "SIP 4" not in made.message
    assert "SIP 5" not in made.message


@pytest.mark.parametrize("capture", LOCAL)
def test_a_rejection_that_is_expected_must_be_the_far_ends(capture: str) -> None:
    seen = replay(f"ev-json-evidence-{capture}", leg=-1)[0]
    for expect in (
        Expect(result="rejected"),
        Expect(result="rejected", sip=seen.end.sip_code),
        Expect(result="rejected", cause=seen.cause),
    ):
        made = verdict(seen, expect=expect)
        assert made.result == "failed"
        assert "got no answer from the network" in made.message


def test_the_sip_call_id_is_there_with_and_without_an_answer() -> None:
    answered = verdict(replay("ev-json-evidence-403-without-reason")[0])
    assert answered.sip_call_id == "d7291516-6435-1240-87b2-c9f69500ccdf"
    unanswered = verdict(replay("ev-json-evidence-own-call-id-unanswered")[0])
    assert unanswered.sip_call_id == "probe-abc-1"
    # Its end was lost: the INVITE went out with the UUID as Call-ID. Without an INVITE there is none.
    assert verdict(ended(UNANSWERED)).sip_call_id == "70726f62-beef-4010-8abc-0123456789ab"
    assert verdict(REFUSED).sip_call_id == ""


UNANSWERED = Observation(
    state="ended", created=True, end=CallEnd(created=1.0, hung_up=6.0, closed=6.0, cause="NO_ANSWER")
)
REFUSED = Observation(state="ended", reply=JobReply("DESTINATION_OUT_OF_ORDER"))


@pytest.mark.parametrize(
    ("seen", "phase", "words"),
    [
        (UNANSWERED, "originate", "nothing in answer to the INVITE"),
        (ended(UNANSWERED, rang=2.0), "ringing", "rang for 4.0 s"),
        (ended(UNANSWERED, cause="RECOVERY_ON_TIMER_EXPIRE"), "originate", "RECOVERY_ON_TIMER_EXPIRE"),
        (ended(UNANSWERED, cause=""), "originate", "No cause given"),
        (REFUSED, "originate", "FreeSWITCH itself refused the call: DESTINATION_OUT_OF_ORDER"),
        (with_media(0, 250, 251, 0, 0, None, None), "media", "silent"),
        (with_media(1, 250, 251, 0, 0, None, 4.5), "media", "silent"),
        (
            with_media(0, 20, 251, 0, 0, None, None),
            "media",
            "FreeSWITCH itself sent 20 of 251",
        ),
        (ended(HEALTHY, media=None), "media", "no media figures"),
        (ended(HEALTHY, cause="MEDIA_TIMEOUT"), "media", "without a packet"),
        (short(2.0, hung_up_by="far_end"), "hangup", "hung up 2.0 s after its answer"),
        (short(2.0), "hangup", "too early"),
        (short(0.0, cause="DESTINATION_OUT_OF_ORDER"), "answer", "FreeSWITCH's own side failed"),
        (short(7.0, cause="ALLOTTED_TIMEOUT"), "hangup", "cap ended it after 7.0 s"),
    ],
)
def test_failures(seen: Observation, phase: str, words: str) -> None:
    made = verdict(seen)
    assert (made.result, made.failed_phase) == ("failed", phase)
    assert words in made.message


@pytest.mark.parametrize(
    ("before", "own", "words"),
    [(80, True, "plays the test tone itself"), (None, False, "did not come back")],
)
def test_a_tone_must_be_the_probes_own_and_return(before: int | None, own: bool, words: str) -> None:
    made = verdict(ended(TONE, tone_before=before, tone_own=own), application="tone")
    assert (made.result, made.failed_phase) == ("failed", "media")
    assert words in made.message


def test_a_far_end_that_hangs_up_when_freeswitch_would_have_is_no_failure() -> None:
    assert verdict(ended(HEALTHY, hung_up_by="far_end")).result == "success"


def test_comfort_noise_is_no_silence() -> None:
    made = verdict(with_media(0, 250, 251, 12, 0, None, None))
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
    seen = ended(TONE, media=GOOD._replace(lost=25, received=250))
    made = verdict(seen, thresholds=Thresholds(**{threshold: limit}))
    assert made.result == "degraded"
    assert made.reasons == (reason,)
    assert reason in made.message


def test_within_every_threshold_it_is_a_success() -> None:
    wide = Thresholds(post_dial_delay=3, answer=10, mos=3.6, packet_loss=0.05, jitter=0.06, round_trip=0.6)
    assert verdict(TONE, thresholds=wide).result == "success"


def test_too_few_packets_are_told_apart_by_who_sent_too_few() -> None:
    ours = verdict(with_media(150, 150, 251, 0, 0, 0.02, 4.5))
    assert ours.reasons == ("FreeSWITCH itself sent only 150 of 251 packets",)
    theirs = verdict(with_media(150, 250, 251, 0, 0, 0.02, 4.5))
    assert theirs.reasons == ("only 150 of 250 packets came back, without gaps between them",)
    lost = verdict(with_media(150, 250, 251, 0, 100, 0.02, 2.0))
    assert lost.result == "success"  # loss has its own threshold


BUSY = replay("ev-plain-call-busy")[0]


@pytest.mark.parametrize(
    ("expect", "seen", "result", "phase"),
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
    expect: Expect, seen: Observation, result: str, phase: str | None
) -> None:
    made = verdict(seen, expect=expect)
    assert (made.result, made.failed_phase) == (result, phase)


KILLED = short(2.0, cause="MANAGER_REQUEST")


@pytest.mark.parametrize(
    ("interruption", "seen", "result", "words"),
    [
        ("denied", Observation(), "aborted", "place calls"),
        ("lost", Observation(state="dialing", created=True), "aborted", "connection to FreeSWITCH was lost"),
        ("unreported", Observation(state="dialing", created=True), "aborted", "did not report"),
        ("cancelled", KILLED, "aborted", "The last request"),
        ("shutdown", KILLED, "aborted", "exporter was stopped"),
        (None, KILLED, "aborted", "Somebody else"),
        (None, ended(HEALTHY, cause="SYSTEM_SHUTDOWN"), "aborted", "shut down"),
        ("overdue", KILLED, "failed", "did not end the call"),
        ("cancelled", HEALTHY, "success", "Answered"),  # it had ended before the kill came
        ("shutdown", BUSY, "failed", "486"),
    ],
)
def test_an_interruption_says_nothing_about_the_trunk(
    interruption: Interruption | None, seen: Observation, result: str, words: str
) -> None:
    made = verdict(replace(seen, interruption=interruption))
    assert made.result == result
    assert words in made.message
