"""Recorded calls and their replies, from the first event to what is known of them."""

from dataclasses import replace
from typing import Final

import pytest

from exporter.probe.observation import Observation, State, Tone, round_trip
from exporter.switch.followed_call import (
    CallEnd,
    LegEvent,
    LegStep,
    ProbeMark,
    read_job_reply,
    read_leg_event,
)
from tests.esl.recorded import events


def replay(name: str, only: list[str] | None = None, leg: int = 0) -> tuple[Observation, list[State]]:
    """One call of a capture, and the states it went through.

    Args:
        name: of the capture.
        only: names of the events that arrive; None: all of them.
        leg: which one of several, in the order of their first events.
    """
    seen = Observation()
    states: list[State] = []
    arrived = [event for event in events(name) if only is None or event.name in only]
    legs = list(dict.fromkeys(uuid for event in arrived if (uuid := event.get(b"Unique-ID"))))
    for event in arrived:
        before = seen
        if event.name == "BACKGROUND_JOB":
            seen = seen.after_reply(read_job_reply(event))
        elif event.get(b"Unique-ID") == legs[leg] and (read := read_leg_event(event)) is not None:
            seen = seen.after_event(read)
        if seen.state != before.state:
            states.append(seen.state)
    return seen, states


D: Final = "dialing"
R: Final = "ringing"
A: Final = "answered"
E: Final = "ended"


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
        ("nonexist-gw", [E], "originate", "INVALID_GATEWAY", None, None),
        ("unregistered-gw-noreg", [E], "originate", "GATEWAY_DOWN", None, None),
        ("success", [D, R, A, E], "media", "NORMAL_CLEARING", 200, "us"),
        ("noaudio", [D, A, E], "media", "NORMAL_CLEARING", 200, "us"),
        ("earlymedia-ignored", [D, R, A, E], "media", "NORMAL_CLEARING", 200, "us"),
        ("tone", [D, A, E], "media", "NORMAL_CLEARING", 200, "us"),
    ],
)
def test_every_recorded_call(
    capture: str, states: list[State], phase: str, cause: str, code: int | None, by: str | None
) -> None:
    seen, passed = replay(f"ev-plain-call-{capture}")
    assert passed == states
    assert seen.over
    assert (seen.phase, seen.cause, seen.end.sip_code, seen.end.hung_up_by) == (phase, cause, code, by)
    assert seen.created == (states != [E])
    assert seen.answered == (A in states)
    assert (seen.end.media is not None) == seen.answered


def test_phases_are_timed_by_freeswitchs_stamps_and_add_up() -> None:
    seen, _ = replay("ev-plain-call-earlymedia-ignored")
    assert seen.early_media
    assert seen.phases() == {
        "originate": 0.02,
        "ringing": 2.0,
        "answer": 0.02,
        "media": pytest.approx(2.06, abs=0.001),
        "hangup": 0.0,
    }
    assert seen.post_dial_delay == pytest.approx(0.02, abs=1e-4)
    assert seen.answer_delay == pytest.approx(2.02, abs=1e-4)
    assert seen.end.talk == pytest.approx(2.08, abs=1e-4)
    ringing, _ = replay("ev-plain-call-noanswer")
    assert ringing.phases() == {"originate": 0.04, "ringing": 4.0, "hangup": 0.0}
    assert ringing.end.talk == 0.0
    assert replay("ev-plain-call-nonexist-gw")[0].phases() == {}


def test_the_far_ends_phrase_is_kept() -> None:
    assert replay("ev-plain-call-403-D1-channel-limit")[0].end.sip_phrase == "User channel limit exceeded D1"
    assert replay("ev-plain-call-noanswer")[0].end.sip_phrase == ""  # FreeSWITCH's own CANCEL


def test_a_call_is_over_when_leg_and_originate_both_are() -> None:
    for only in (["CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE"], ["CHANNEL_CREATE", "BACKGROUND_JOB"]):
        assert not replay("ev-plain-call-busy", only)[0].over
    both = ["CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE", "BACKGROUND_JOB"]
    assert replay("ev-plain-call-busy", both)[0].over


def test_destroy_replaces_a_missing_hangup_complete() -> None:
    seen, states = replay("ev-plain-call-busy", ["CHANNEL_CREATE", "CHANNEL_DESTROY", "BACKGROUND_JOB"])
    assert states == [D, E]
    assert (seen.cause, seen.end.sip_code) == ("USER_BUSY", 486)


def test_a_call_that_only_its_destroy_reports_was_never_created() -> None:
    seen, _ = replay("ev-plain-call-busy", ["CHANNEL_DESTROY", "BACKGROUND_JOB"])
    assert (seen.state, seen.created, seen.end) == (E, False, CallEnd())
    assert seen.cause == "USER_BUSY"  # of the reply


def test_events_may_be_missing_but_never_lead_back() -> None:
    seen, states = replay(
        "ev-plain-call-success", ["CHANNEL_ANSWER", "CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE"]
    )
    assert states == [D, A, E]
    seen, states = replay("ev-plain-call-success", ["CHANNEL_HANGUP_COMPLETE", "BACKGROUND_JOB"])
    assert states == [E]
    assert seen.created
    assert seen.answered
    for event in [*events("ev-plain-call-success")[:1], *events("ev-plain-call-busy")]:
        read = read_leg_event(event)
        assert read is None or seen.after_event(read) is seen


def test_early_media_shows_while_it_rings() -> None:
    seen, states = replay("ev-plain-call-earlymedia-ignored", ["CHANNEL_CREATE", "CHANNEL_PROGRESS_MEDIA"])
    assert (states, seen.early_media) == ([D, R], True)
    ends = replay("ev-plain-call-earlymedia-ignored", ["CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE"])[0]
    assert ends.early_media  # the end reports it too


def test_early_media_may_follow_the_ringing_but_ringing_not_the_early_media() -> None:
    steps: list[LegStep] = [
        "created",
        "ringing",
        "early_media",
        "ringing",
        "created",
        "answered",
        "early_media",
    ]
    seen = Observation()
    passed = []
    for step in steps:
        seen = seen.after_event(LegEvent(step))
        passed.append((seen.state, seen.early_media))
    assert passed == [(D, False), (R, False), (R, True), (R, True), (R, True), (A, True), (A, True)]


def test_marks_are_bounded() -> None:
    seen = Observation(sends_tone=True)
    for _ in range(1000):
        seen = seen.after_event(ProbeMark("a", 1.0))
    assert len(seen.marks) == 16


# -- the tone ---------------------------------------------------------------------------------------

Marks = list[tuple[str, float]]
ROUND: Marks = [("a", 10.00), ("b", 10.06), ("a", 10.68), ("b", 10.84), ("a", 11.46), ("b", 11.62)]


def marked(marks: Marks) -> tuple[ProbeMark, ...]:
    return tuple(ProbeMark(name, at) for name, at in marks)


@pytest.mark.parametrize(
    ("before", "own", "tone"),
    [
        (None, False, Tone(returned=False, before_ours=False, round_trip=None)),
        (3300, True, Tone(returned=True, before_ours=False, round_trip=0.1)),  # 01: echo
        (80, True, Tone(returned=False, before_ours=True, round_trip=None)),  # 10: plays the tone itself
        (None, True, Tone(returned=True, before_ours=False, round_trip=0.1)),
    ],
)
def test_the_tone(before: int | None, own: bool, tone: Tone) -> None:
    end = CallEnd(answered=1.0, tone_before=before, tone_own=own)
    seen = Observation(sends_tone=True, state=E, created=True, end=end, marks=marked(ROUND))
    assert seen.tone == tone
    assert replace(seen, sends_tone=False).tone is None
    assert replace(seen, end=replace(end, answered=None)).tone is None


@pytest.mark.parametrize(
    ("marks", "seconds"),
    [
        ([], None),
        ([("a", 1.0)], None),
        ([("b", 1.0), ("a", 2.0)], None),
        ([("a", 1.0), ("b", 2.5)], None),  # given up after 1.5 s
        ([("a", 1.0), ("b", 1.04)], 0.0),
        ([("a", 1.0), ("b", 1.06)], 0.0),
        ([("a", 1.0), ("b", 1.08), ("a", 2.0), ("b", 2.34), ("a", 3.0), ("b", 3.3)], 0.24),
        ([("a", 1.0), ("b", 2.5), ("a", 3.0), ("b", 3.16)], 0.1),
    ],
)
def test_the_round_trip_is_a_median_in_steps(marks: Marks, seconds: float | None) -> None:
    assert round_trip(marked(marks)) == (None if seconds is None else pytest.approx(seconds))
