"""One gateway: state, time, counters and verdict, by everything that can change it."""

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.switch.gateway_event import GatewayEvent
from exporter.watch.gateway import ANSWER_KEPT, GatewayWatch
from exporter.watch.problem_log import GATEWAY_LEVELS, ProblemLog
from exporter.watch.verdict import ABSENT_GRACE, GATEWAY_STATES
from tests.watch.builders import status
from tests.watch.recorder import Recorder

EPOCH = 1_795_000_000.0


class Story:
    """A gateway and a clock that only goes where the test says."""

    def __init__(self, **options: bool) -> None:
        self.now = 100.0
        self.answers: list[GatewayWatch] = []
        self.told = Recorder()
        self.gateway = GatewayWatch(
            "telnyx",
            "",
            self.now,
            ProblemLog(GATEWAY_LEVELS),
            self.answers.append,
            self.told.on_verdict,
            **options,
        )

    @property
    def epoch(self) -> float:
        return EPOCH + self.now

    def after(self, seconds: float) -> "Story":
        self.now += seconds
        return self

    def poll(self, asked_before: float = 0.001, **changes: object) -> "Story":
        self.gateway.on_poll(status(**changes), self.now - asked_before, self.now, self.epoch, 0.0)
        return self

    def event(self, state: str, *, up: bool, code: int = 0, phrase: str = "") -> "Story":
        self.gateway.on_event(GatewayEvent("telnyx", state, up, code, phrase), self.now, self.epoch)
        return self

    def tick(self) -> "Story":
        self.gateway.advance(self.now, self.epoch)
        return self


def test_before_anything_is_known_nothing_is_claimed() -> None:
    gateway = Story(expected=True).after(5).tick().gateway
    assert (gateway.state, gateway.problem, gateway.up, gateway.usable) == (
        "UNKNOWN",
        "unknown",
        False,
        False,
    )
    assert gateway.watched_seconds == 0


def test_a_first_poll_gives_the_state_and_is_no_change() -> None:
    gateway = Story().after(1).poll().gateway
    assert (gateway.state, gateway.problem, gateway.up, gateway.usable) == ("REGED", "none", True, True)
    assert gateway.profile == "external"
    assert gateway.changes["REGED"] == 0
    assert gateway.registration_expected


def test_a_refresh_within_a_second_is_counted_and_no_problem() -> None:
    story = Story().poll().after(10)
    story.event("REGISTER", up=True, code=200, phrase="OK").after(0.02).event("REGED", up=True)
    gateway = story.after(1).tick().gateway
    assert gateway.changes["REGISTER"] == gateway.changes["REGED"] == 1
    assert gateway.seconds["REGISTER"] == pytest.approx(0.02)
    assert gateway.responses == {200: 1}
    assert gateway.usable_seconds == gateway.watched_seconds == pytest.approx(11.02)


def test_rejected_credentials_are_reported_through_the_wait_and_every_retry() -> None:
    story = Story().poll().after(1)
    story.event("FAILED", up=True, code=403, phrase="Forbidden")
    story.after(1).event("FAIL_WAIT", up=False)
    assert story.gateway.problem == "auth_rejected"
    assert story.gateway.answer is not None
    assert (story.gateway.answer.code, story.gateway.answer.phrase) == (403, "Forbidden")
    story.after(30).event("UNREGED", up=False)
    assert story.gateway.problem == "auth_rejected"
    story.after(1).event("TRYING", up=False).event("FAILED", up=False, code=403)
    story.after(1).event("FAIL_WAIT", up=False).poll(state="FAIL_WAIT", status="DOWN")
    assert story.gateway.problem == "auth_rejected"
    assert story.gateway.responses == {403: 2}
    story.after(60).event("REGISTER", up=False, code=200).after(1).event("REGED", up=True)
    assert story.gateway.problem == "none"
    assert story.gateway.answer is None


def test_a_failed_ping_looks_like_an_answer_to_register_and_is_not_counted_as_one() -> None:
    story = Story().poll(ping_interval=10, ping_seconds=0.02).after(1)
    story.event("FAILED", up=False, code=503, phrase="Service Unavailable")
    story.after(1).event("FAIL_WAIT", up=False)
    assert story.gateway.problem == "ping_failed"
    assert story.gateway.responses == {}


@pytest.mark.parametrize("code", [408, 503, 600, 603, 604, 606, 900])
def test_every_code_that_freeswitch_takes_for_a_failed_ping_is_one(code: int) -> None:
    story = Story().poll(ping_interval=10, ping_seconds=0.02).after(1)
    story.event("FAILED", up=False, code=code).after(1).event("FAIL_WAIT", up=False)
    assert story.gateway.problem == "ping_failed"
    assert story.gateway.responses == {}


def test_a_register_that_is_declined_is_rejected() -> None:
    story = Story().poll(ping_interval=10, ping_seconds=0.02).after(1)
    story.event("FAILED", up=True, code=603, phrase="Decline").after(1).event("FAIL_WAIT", up=False)
    assert story.gateway.problem == "rejected"
    assert story.gateway.responses == {603: 1}


def test_a_failed_ping_without_its_event_is_known_by_the_way_it_took() -> None:
    story = Story().poll().after(1).event("FAIL_WAIT", up=False)
    assert story.gateway.problem == "ping_failed"


def test_no_answer_to_register_is_unreachable() -> None:
    story = Story().poll(state="UNREGED", status="DOWN").after(1).event("TRYING", up=False)
    assert story.gateway.problem == "registering"
    assert story.after(5.1).tick().gateway.problem == "unreachable"
    story.after(50).event("TIMEOUT", up=False).after(1).event("FAILED", up=False).event("FAIL_WAIT", up=False)
    assert story.gateway.problem == "unreachable"


def test_flaps_between_two_scrapes_are_all_there() -> None:
    story = Story().poll()
    for _ in range(50):
        story.after(0.01).event("FAILED", up=False, code=503).after(0.01).event("REGED", up=True)
    gateway = story.gateway
    assert gateway.changes["FAILED"] == gateway.changes["REGED"] == 50
    assert gateway.seconds["FAILED"] == pytest.approx(0.5)


def test_an_expected_gateway_is_missing_after_three_seconds_and_not_before() -> None:
    story = Story(expected=True).poll().after(10)
    story.gateway.on_absent(story.now, story.epoch, False)
    assert story.after(2.9).tick().gateway.problem == "none"
    assert story.after(0.2).tick().gateway.problem == "missing"
    assert (story.gateway.state, story.gateway.up, story.gateway.usable) == ("MISSING", False, False)
    assert story.gateway.usable_seconds == pytest.approx(13.1)
    assert story.after(1).poll().gateway.problem == "none"


def test_a_gateway_that_is_not_expected_is_unknown_when_it_is_gone() -> None:
    story = Story().poll().after(1)
    story.gateway.on_absent(story.now, story.epoch, False)
    story.after(4).tick()
    assert (story.gateway.state, story.gateway.problem) == ("UNKNOWN", "missing")


def test_a_profile_that_does_not_run_is_named_instead() -> None:
    story = Story(expected=True).poll().after(1)
    story.gateway.on_absent(story.now, story.epoch, True)
    assert story.after(4).tick().gateway.problem == "profile_down"


def test_a_profile_restart_is_a_blink() -> None:
    story = Story(expected=True).poll().after(1)
    story.gateway.on_absent(story.now, story.epoch, False)
    story.after(1.5).poll(uptime_seconds=0.0)
    assert story.gateway.problem == "none"
    assert story.gateway.changes["MISSING"] == 0


def test_a_lost_node_is_unknown_time_and_no_availability() -> None:
    story = Story().poll().after(10)
    story.gateway.on_lost(story.now, story.epoch)
    story.after(100).tick()
    gateway = story.gateway
    assert (gateway.state, gateway.problem) == ("UNKNOWN", "unknown")
    assert gateway.seconds["UNKNOWN"] == pytest.approx(100)
    assert gateway.watched_seconds == gateway.usable_seconds == pytest.approx(10)
    changed = gateway.last_change_epoch
    story.poll()
    assert gateway.state == "REGED"
    assert gateway.changes["REGED"] == 0, "the same state as before the loss is no change"
    assert gateway.last_change_epoch == changed


def test_another_state_after_a_loss_is_a_change() -> None:
    story = Story().poll().after(10)
    story.gateway.on_lost(story.now, story.epoch)
    story.after(5).poll(state="FAIL_WAIT", status="DOWN")
    assert story.gateway.changes["FAIL_WAIT"] == 1


def test_a_poll_asked_before_an_event_does_not_turn_it_back() -> None:
    story = Story().poll().after(10)
    story.event("FAILED", up=True, code=403)
    story.poll(asked_before=0.5)
    assert story.gateway.state == "FAILED"


def test_a_poll_that_contradicts_is_believed_when_no_event_explains_it() -> None:
    story = Story().poll().after(10).poll(state="DOWN", status="DOWN")
    assert story.gateway.state == "REGED"
    assert story.after(0.2).tick().gateway.state == "DOWN"
    assert story.gateway.problem == "unregistered"


def test_counters_start_at_zero_and_survive_a_reset() -> None:
    story = Story().poll(calls_out=500, calls_in=7, failed_calls_out=40)
    assert story.gateway.calls == {"inbound": 0, "outbound": 0}
    story.after(1).poll(calls_out=503, calls_in=7, failed_calls_out=41)
    assert story.gateway.calls == {"inbound": 0, "outbound": 3}
    assert story.gateway.failed_calls == 1
    story.after(1).poll(calls_out=2, calls_in=1, failed_calls_out=0)
    assert story.gateway.calls == {"inbound": 1, "outbound": 5}
    assert story.gateway.failed_calls == 1


def test_a_gateway_gone_and_back_starts_a_new_difference() -> None:
    story = Story().poll(calls_out=500).after(1)
    story.gateway.on_absent(story.now, story.epoch, False)
    story.after(1).poll(calls_out=900).after(1).poll(calls_out=901)
    assert story.gateway.calls["outbound"] == 1


def test_a_restarted_switch_counts_from_zero_whatever_it_had() -> None:
    story = Story().poll(calls_out=5).after(1)
    story.gateway.on_lost(story.now, story.epoch)
    story.gateway.on_restart()
    story.after(1).poll(calls_out=8)
    assert story.gateway.calls["outbound"] == 8


def test_dials_refused_while_down_are_what_no_leg_explains() -> None:
    story = Story().poll().after(10).poll(failed_calls_out=0).after(10)
    story.gateway.unanswered_legs += 2
    story.poll(failed_calls_out=5).after(10).poll(failed_calls_out=5)
    assert story.gateway.refused.total == 3


def test_an_options_in_flight_ages_from_when_it_can_have_been_sent() -> None:
    pinged: dict[str, Any] = {"ping_interval": 10, "ping_seconds": 0.02}
    story = Story().poll(**pinged, ping_next=int(EPOCH + 105)).after(6)
    story.poll(**pinged, ping_next=int(EPOCH + 105), pinging=True)
    assert story.gateway.ping_pending(story.now) == pytest.approx(1.0)
    assert story.after(1.9).tick().gateway.problem == "none"
    assert story.after(0.2).tick().gateway.problem == "ping_overdue"
    assert not story.gateway.usable
    assert story.poll(**pinged, ping_next=int(EPOCH + 120)).gateway.problem == "none"


def test_a_ping_due_long_ago_was_sent_when_last_seen_idle() -> None:
    pinged = {"ping_interval": 10, "ping_seconds": 0.02, "ping_next": int(EPOCH + 90)}
    story = Story().poll(**pinged).after(1).poll(**pinged, pinging=True)
    assert story.gateway.ping_pending(story.now) == pytest.approx(1.0)


def test_states_that_are_not_known_are_unknown() -> None:
    story = Story().poll().after(1).event("BANANA", up=True)
    assert story.gateway.state == "UNKNOWN"
    assert set(story.gateway.seconds) == set(GATEWAY_STATES)


def test_register_false_is_never_expected_to_register() -> None:
    story = Story(expected=True, register=False).poll(state="REGED")
    assert not story.gateway.registration_expected
    story = Story(expected=True, register=True).poll(state="NOREG")
    assert story.gateway.problem == "not_registering"
    story = Story(expected=True).poll(state="NOREG")
    assert story.gateway.problem == "unmonitored"


@given(
    st.lists(
        st.tuples(
            st.floats(0, 5, allow_nan=False),
            st.sampled_from(["event", "poll", "absent", "lost", "tick"]),
            st.sampled_from(GATEWAY_STATES),
            st.booleans(),
            st.sampled_from([0, 100, 200, 403, 503]),
        ),
        max_size=40,
    )
)
def test_seconds_sum_to_wall_time_whatever_happens(
    steps: list[tuple[float, str, str, bool, int]],
) -> None:
    story = Story(expected=True)
    for seconds, what, state, up, code in steps:
        story.after(seconds)
        match what:
            case "event":
                story.event(state, up=up, code=code)
            case "poll":
                story.poll(state=state, status="UP" if up else "DOWN")
            case "absent":
                story.gateway.on_absent(story.now, story.epoch, up)
            case "lost":
                story.gateway.on_lost(story.now, story.epoch)
            case "tick":
                story.tick()
    gateway = story.after(1).tick().gateway
    assert math.isclose(sum(gateway.seconds.values()), story.now - 100.0, abs_tol=1e-6)
    assert gateway.usable_seconds <= gateway.watched_seconds + 1e-9 <= story.now - 100.0 + 1e-6
    assert 100 not in gateway.responses


def test_a_ping_that_failed_is_in_flight_no_more() -> None:
    pinged = {"ping_interval": 10, "ping_seconds": 0.02, "ping_next": int(EPOCH + 105)}
    story = Story().poll(**pinged).after(6).poll(**pinged, pinging=True)
    assert story.after(31).tick().gateway.problem == "ping_overdue"
    assert story.event("FAILED", up=False, code=408).gateway.problem == "ping_failed"
    # It registers at once; the next poll is still to come.
    assert story.event("REGED", up=True).gateway.problem == "none"

    story = Story(register=False).poll(**pinged, state="NOREG").after(6)
    story.poll(**pinged, state="NOREG", pinging=True).after(31)
    assert story.event("NOREG", up=False, code=408).gateway.ping_pending(story.now) == 0


# -- what FreeSWITCH keeps though it is of before ------------------------------------------------------------


@pytest.mark.parametrize(("state", "up", "code"), [("REGISTER", False, 408), ("REGISTER", True, 404)])
def test_a_ping_that_ends_during_a_refresh_is_no_answer_to_register(state: str, up: bool, code: int) -> None:
    story = Story().poll(ping_interval=10, ping_seconds=0.02).after(1)
    story.event(state, up=up, code=code)
    assert story.gateway.responses == {}
    story.after(1).event("REGISTER", up=True, code=200)
    assert story.gateway.responses == {200: 1}


def test_a_failed_ping_that_takes_status_down_later_was_seen_in_flight() -> None:
    pinged = {"ping_interval": 10, "ping_count": 3, "ping_max": 3, "ping_seconds": 0.02}
    story = Story().poll(**pinged).after(5).poll(**pinged, pinging=True).after(2)
    story.event("FAILED", up=True, code=503).after(1).event("FAIL_WAIT", up=False)
    assert (story.gateway.problem, story.gateway.responses) == ("ping_failed", {})


def test_a_ping_that_fails_after_the_registration_did_is_not_the_reason() -> None:
    story = Story().poll(ping_interval=10, ping_seconds=0.02).after(1)
    story.event("FAILED", up=True, code=403).event("FAILED", up=False, code=408).after(1)
    story.event("FAIL_WAIT", up=False)
    assert (story.gateway.problem, story.gateway.responses) == ("auth_rejected", {403: 1})


def test_a_round_trip_is_of_the_last_ping_while_that_was_answered() -> None:
    def seconds(story: Story) -> float | None:
        assert story.gateway.status is not None
        return story.gateway.status.ping_seconds

    noreg: dict[str, Any] = {"state": "NOREG", "ping_interval": 10, "ping_min": 1, "ping_max": 3}
    story = Story().poll(**noreg, ping_count=3, ping_seconds=0.02)
    assert seconds(story) == 0.02
    story.after(10).poll(**noreg, ping_count=2, ping_seconds=0.02)
    assert seconds(story) is None, "the count fell: the last one failed, and the time is the one before"
    assert story.gateway.problem == "none"
    story.after(5).poll(**noreg, ping_count=2, ping_seconds=0.02)
    assert seconds(story) is None
    story.after(5).poll(**noreg, ping_count=1, ping_seconds=0.02)
    assert seconds(story) is None
    story.after(10).poll(**noreg, ping_count=2, ping_seconds=0.03)
    assert seconds(story) == 0.03
    story.after(10).poll(**noreg, ping_count=3, ping_seconds=0.03)
    assert seconds(story) == 0.03
    story.after(10).event("NOREG", up=True, code=503).poll(**noreg, ping_count=3, ping_seconds=0.03)
    assert seconds(story) is None, "the event tells before the poll does"


def test_a_round_trip_is_none_while_no_ping_counts_or_none_is_sent() -> None:
    story = Story().poll(state="NOREG", ping_interval=10, ping_max=1, ping_count=0, ping_seconds=0.02)
    assert story.gateway.status is not None
    assert story.gateway.status.ping_seconds is None, "ping-min 0: it stays UP, and the count stays 0"
    waiting: dict[str, Any] = {
        "state": "FAIL_WAIT",
        "status": "DOWN",
        "ping_interval": 10,
        "ping_max": 1,
        "ping_count": 1,
    }
    story = Story().poll(**waiting, ping_seconds=0.02)
    assert story.gateway.status is not None
    assert story.gateway.status.ping_seconds is None, "while it waits to register, FreeSWITCH sends none"


@pytest.mark.parametrize("state", ["UNREGED", "TRYING", "REGISTER", "REGED"])
def test_a_rejection_goes_when_a_poll_alone_shows_a_registration(state: str) -> None:
    story = Story().poll().after(1).event("FAILED", up=True, code=403).after(1).event("FAIL_WAIT", up=False)
    story.gateway.on_lost(story.now, story.epoch)
    story.after(600).poll(state=state)
    assert (story.gateway.answer, story.gateway.problem) == (None, "none")


def test_a_rejection_does_not_go_while_the_next_attempt_runs() -> None:
    story = Story().poll().after(1).event("FAILED", up=True, code=403).poll(state="FAILED").after(1)
    story.event("FAIL_WAIT", up=False).after(60).poll(state="TRYING", status="DOWN")
    assert story.after(1).tick().gateway.problem == "auth_rejected"


def test_a_rejection_of_a_day_ago_explains_nothing() -> None:
    story = Story().poll().after(1).event("FAILED", up=True, code=403).after(1).event("FAIL_WAIT", up=False)
    story.after(ANSWER_KEPT - 10).tick()
    assert story.gateway.problem == "auth_rejected"
    story.after(20).tick()
    assert (story.gateway.answer, story.gateway.problem) == (None, "register_failed")


@pytest.mark.parametrize(("steps", "problem"), [(("NOREG",), "not_registering"), (("DOWN",), "unregistered")])
def test_a_gateway_that_was_unregistered_is_no_healthy_one_on_any_release(
    steps: tuple[str, ...], problem: str
) -> None:
    """Before FreeSWITCH 1.10.6 there is no state DOWN: NOREG follows, with Status UP after a second."""
    story = Story().poll().after(1).event("UNREGISTER", up=True).after(1)
    for state in steps:
        story.event(state, up=False).after(1).poll(state=state, status="UP")
    assert story.gateway.problem == problem


def test_a_gateway_that_answers_its_ping_again_is_well_before_the_next_poll() -> None:
    """FreeSWITCH drops its ping time with the failed ping; the event of the next answer precedes any poll."""
    story = Story()
    story.poll(state="NOREG", ping_interval=10, ping_seconds=0.02, ping_count=1, ping_max=1)
    story.after(5).event("NOREG", up=False, code=408)
    story.after(1).poll(state="NOREG", status="DOWN", ping_interval=10, ping_count=0, ping_max=1)
    assert story.gateway.problem == "ping_failed"
    story.after(10).event("NOREG", up=True, code=200)
    assert story.gateway.problem == "none"


# -- who is told ---------------------------------------------------------------------------------------------


def told(story: Story) -> list[tuple[str, float]]:
    """The verdicts that were told, with their time since the story began."""
    return [(verdict.problem, verdict.at - 100.0) for verdict in story.told.verdicts]


def test_a_verdict_is_told_when_it_changes_and_with_the_time_of_the_change() -> None:
    story = Story().after(1).poll().after(10)
    assert told(story) == [("none", 1)]
    story.event("REGISTER", up=True, code=200).after(0.02).event("REGED", up=True).after(5).poll().tick()
    assert told(story) == [("none", 1)]  # a refresh, a poll and a look change nothing
    story.after(1).event("FAILED", up=True, code=403, phrase="Forbidden").after(1).event(
        "FAIL_WAIT", up=False
    )
    assert [verdict.problem for verdict in story.told.verdicts[1:]] == ["auth_rejected"]
    assert story.told.verdicts[1].at == pytest.approx(117.02)
    (answer,) = {verdict.answer for verdict in story.told.verdicts[1:]}
    assert (answer.code, answer.phrase) == (403, "Forbidden") if answer else False


def test_another_explanation_of_the_same_problem_is_told() -> None:
    story = Story().poll().after(1).event("FAILED", up=True, code=403, phrase="Forbidden").after(1)
    story.event("TRYING", up=False).after(1).event("FAILED", up=False, code=401, phrase="Unauthorized")
    assert [verdict.answer.code for verdict in story.told.verdicts if verdict.answer] == [403, 401]


def test_what_time_alone_decides_is_told_at_the_look_that_decides_it() -> None:
    story = Story().poll().after(1)
    story.gateway.on_absent(story.now, story.epoch, False)
    assert told(story.after(5)) == [("none", 0)]  # a profile restart takes as long
    story.after(ABSENT_GRACE).tick()
    assert told(story)[1:] == [("missing", 6 + ABSENT_GRACE)]


def test_a_lost_node_is_told_once_with_the_gateway_unreadable() -> None:
    story = Story().poll().after(1)
    for _ in range(3):
        story.gateway.on_lost(story.now, story.epoch)
        story.after(1)
    story.poll()
    assert [(verdict.problem, verdict.readable, verdict.at) for verdict in story.told.verdicts] == [
        ("none", True, 100.0),
        ("unknown", False, 101.0),
        ("none", True, 104.0),
    ]
