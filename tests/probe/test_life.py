"""Recorded calls and their replies, from the first event to the facts."""

import pytest

from exporter.esl import Event
from exporter.probe.facts import CallFacts, Stamps, refusal_of
from exporter.probe.life import Life, State
from tests.esl.recorded import events


def replay(name: str, order: list[str] | None = None) -> tuple[Life, list[State]]:
    """The one call of a capture, its states as they were passed through."""
    states: list[State] = []

    def note() -> None:
        if not states or states[-1] is not life.state:
            states.append(life.state)

    life = Life(tone=False, on_change=note)
    told = [event for event in events(name) if order is None or event.name in order]
    first = next(event.get(b"Unique-ID") for event in told if event.get(b"Unique-ID"))
    for event in told:
        if event.name == "BACKGROUND_JOB":
            life.on_job(event)
        elif event.get(b"Unique-ID") == first:
            life.on_leg(event)
    return life, states


P, D, R, T, E = State.PLACING, State.DIALING, State.RINGING, State.TALKING, State.ENDED


@pytest.mark.parametrize(
    ("capture", "states", "phase", "cause", "code", "by"),
    [
        ("busy", [D, E], "originate", "USER_BUSY", 486, "far_end"),
        ("noanswer", [D, R, E], "ringing", "NO_ANSWER", None, "us"),
        ("402", [D, E], "originate", "CALL_REJECTED", 402, "far_end"),
        ("403", [D, E], "originate", "CALL_REJECTED", 403, "far_end"),
        ("403-D1-channel-limit", [D, E], "originate", "CALL_REJECTED", 403, "far_end"),
        ("404", [D, E], "originate", "UNALLOCATED_NUMBER", 404, "far_end"),
        ("480", [D, E], "originate", "NO_USER_RESPONSE", 480, "far_end"),
        ("500", [D, E], "originate", "NORMAL_TEMPORARY_FAILURE", 500, "far_end"),
        ("503", [D, E], "originate", "NORMAL_TEMPORARY_FAILURE", 503, "far_end"),
        ("603", [D, E], "originate", "CALL_REJECTED", 603, "far_end"),
        ("nonexist-gw", [State.DROPPED], "originate", "INVALID_GATEWAY", None, None),
        ("unregistered-gw-noreg", [State.DROPPED], "originate", "GATEWAY_DOWN", None, None),
        ("success", [D, R, T, E], "media", "NORMAL_CLEARING", 200, "us"),
        ("noaudio", [D, T, E], "media", "NORMAL_CLEARING", 200, "us"),
        ("earlymedia-ignored", [D, R, T, E], "media", "NORMAL_CLEARING", 200, "us"),
        ("tone", [D, T, E], "media", "NORMAL_CLEARING", 200, "us"),
    ],
)
def test_every_recorded_call(
    capture: str, states: list[State], phase: str, cause: str, code: int | None, by: str | None
) -> None:
    life, passed = replay(f"ev-plain-call-{capture}")
    assert passed == states
    assert life.over
    facts = life.facts()
    assert (facts.phase, facts.cause, facts.sip_code, facts.hung_up_by) == (phase, cause, code, by)
    assert facts.created == (states[0] is not State.DROPPED)
    assert facts.answered == (T in states)
    assert (facts.media is not None) == facts.answered


def test_phases_are_timed_by_freeswitchs_stamps_and_add_up() -> None:
    facts = replay("ev-plain-call-earlymedia-ignored")[0].facts()
    assert facts.early_media
    assert facts.stamps.phases() == {
        "originate": 0.02,
        "ringing": 2.0,
        "answer": 0.02,
        "media": pytest.approx(2.06, abs=0.001),
        "hangup": 0.0,
    }
    assert facts.post_dial_delay == pytest.approx(0.02, abs=1e-4)
    assert facts.answer_delay == pytest.approx(2.02, abs=1e-4)
    assert facts.talk == pytest.approx(2.08, abs=1e-4)
    ringing = replay("ev-plain-call-noanswer")[0].facts()
    assert ringing.stamps.phases() == {"originate": 0.04, "ringing": 4.0, "hangup": 0.0}
    assert ringing.talk == 0.0
    assert replay("ev-plain-call-nonexist-gw")[0].facts().stamps.phases() == {}


def test_the_far_ends_phrase_comes_along() -> None:
    facts = replay("ev-plain-call-403-D1-channel-limit")[0].facts()
    assert facts.sip_phrase == "User channel limit exceeded D1"
    assert replay("ev-plain-call-noanswer")[0].facts().sip_phrase == ""  # our own CANCEL


def test_a_call_is_over_when_channel_and_originate_both_are() -> None:
    for order in (["CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE"], ["CHANNEL_CREATE", "BACKGROUND_JOB"]):
        assert not replay("ev-plain-call-busy", order)[0].over
    assert replay("ev-plain-call-busy", ["CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE", "BACKGROUND_JOB"])[
        0
    ].over


def test_destroy_stands_in_for_a_missing_hangup_complete() -> None:
    life, states = replay("ev-plain-call-busy", ["CHANNEL_CREATE", "CHANNEL_DESTROY", "BACKGROUND_JOB"])
    assert states == [D, E]
    assert (life.facts().cause, life.facts().sip_code) == ("USER_BUSY", 486)


def test_events_may_be_missing_but_never_lead_back() -> None:
    life, states = replay(
        "ev-plain-call-success", ["CHANNEL_ANSWER", "CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE"]
    )
    assert states == [D, T, E]
    life, states = replay("ev-plain-call-success", ["CHANNEL_HANGUP_COMPLETE", "BACKGROUND_JOB"])
    assert states == [P, E]
    assert life.facts().answered
    life.on_leg(events("ev-plain-call-success")[0])
    for event in events("ev-plain-call-busy"):
        life.on_leg(event)
    assert life.state is E
    assert life.facts().cause == "NORMAL_CLEARING"


def test_early_media_shows_while_it_rings() -> None:
    life, states = replay("ev-plain-call-earlymedia-ignored", ["CHANNEL_CREATE", "CHANNEL_PROGRESS_MEDIA"])
    assert (states, life.early_media) == ([D, R], True)


def test_sound_may_follow_the_ringing_but_ringing_not_the_sound() -> None:
    life = Life(tone=False, on_change=lambda: None)
    seen = []
    for name in ("CREATE", "PROGRESS", "PROGRESS_MEDIA", "PROGRESS", "CREATE", "ANSWER", "PROGRESS_MEDIA"):
        life.on_leg(Event(f"Event-Name: CHANNEL_{name}\n\n".encode()))
        seen.append((life.state, life.early_media))
    assert seen == [(D, False), (R, False), (R, True), (R, True), (R, True), (T, True), (T, True)]


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        ("+OK 8a3641a0-c707-42e7-9fb2-21ad4ef527ab\n", ""),
        ("-ERR USER_BUSY\n", "USER_BUSY"),
        ("-USAGE: <call url> <exten>|&<application_name>(<app_args>)\n", "NONE"),
        ("-ERR originate Command not found!\n", "NONE"),
        ("", "NONE"),
    ],
)
def test_replies(reply: str, cause: str) -> None:
    assert refusal_of(reply) == cause


def test_hostile_text_is_cut_to_what_it_may_be() -> None:
    life = Life(tone=False, on_change=lambda: None)
    life.on_leg(Event(b"Event-Name: CHANNEL_CREATE\n\n"))
    life.on_leg(
        Event(
            b"Event-Name: CHANNEL_HANGUP_COMPLETE\nHangup-Cause: <b>%0a\nCaller-Channel-Created-Time: x\n"
            b"variable_sip_term_status: 4e2\nvariable_sip_hangup_disposition: nobody\n"
            b"variable_sip_invite_failure_phrase: %1b[31m\n\n"
        )
    )
    assert life.facts() == CallFacts(created=True, stamps=Stamps())


def test_marks_are_bounded() -> None:
    life = Life(tone=True, on_change=lambda: None)
    mark = Event(
        b"Event-Name: CUSTOM\nEvent-Subclass: exporter::probe\nEvent-Date-Timestamp: 1000000\nmark: a\n\n"
    )
    for _ in range(1000):
        life.on_leg(mark)
    assert len(life._marks) <= 16
