"""Events to handlers: counted, timed, read, and no handler can stop the next event."""

import pytest
from structlog.testing import capture_logs

from exporter.esl import Event
from exporter.switch import events as kinds
from exporter.switch.events import EVENT_NAMES
from exporter.switch.followed_call import (
    MARK_SUBCLASS,
    JobReply,
    LegEvent,
    ProbeMark,
    read_job_reply,
    read_leg_event,
)
from exporter.switch.status import Heartbeat
from exporter.switch.tick import TickEvent, tick_headers
from exporter.watch.dispatcher import Dispatcher
from tests.switch.recordings import custom
from tests.watch.builders import EPOCH, HandClock, event


class Side:
    """A dispatcher and what came out of it."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.dropped = {"handler_error": 0}
        self.dispatcher = Dispatcher("fs1", self.clock, self.dropped)
        self.seen: list[object] = []


def test_each_kind_reaches_its_handler_as_a_value() -> None:
    side = Side()
    side.dispatcher.on(kinds.HEARTBEAT, side.seen.append)
    side.dispatcher.on(kinds.TICK, side.seen.append)
    side.dispatcher.on_event(event("HEARTBEAT", Session_Count=7))
    side.dispatcher.on_event(custom(kinds.TICK.name, tick_headers("abcd-00000001", 3)))
    side.dispatcher.on_event(event("CHANNEL_CREATE", Unique_ID="u1"))
    beat, tick = side.seen
    assert isinstance(beat, Heartbeat)
    assert beat.session_count == 7
    assert tick == TickEvent("abcd-00000001", 3, 0.0)


def test_an_event_that_cannot_be_used_reaches_no_handler() -> None:
    side = Side()
    side.dispatcher.on(kinds.GATEWAY_STATE, side.seen.append)
    side.dispatcher.on_event(custom(kinds.GATEWAY_STATE.name, {"Gateway": "a b", "State": "REGED"}))
    assert side.seen == []
    assert side.dropped == {"handler_error": 0}
    assert side.dispatcher.counts[kinds.GATEWAY_STATE.name] == 1


def test_events_that_cannot_be_read_are_reported() -> None:
    side = Side()
    side.dispatcher.on(kinds.TICK, side.seen.append)
    side.dispatcher.on(kinds.GATEWAY_STATE, side.seen.append)
    side.dispatcher.on_unreadable(lambda: side.seen.append("unreadable"))
    readable = (
        event("HEARTBEAT"),
        event("NOT_KNOWN"),
        custom("other::thing", {}),
        custom(kinds.GATEWAY_STATE.name, {"Gateway": "a b"}),
    )
    for one in readable:
        side.dispatcher.on_event(one)
    assert side.seen == []
    indented = Event(b'{\n\t"Event-Name":\t"HEARTBEAT",\n\t"Core-UUID":\t"x"\n}')
    for one in (indented, Event(b""), Event(b"{}"), custom(kinds.TICK.name, {"Exporter-Instance": "abcd-1"})):
        side.dispatcher.on_event(one)
        assert side.seen == ["unreadable"]
        side.seen.clear()


def test_events_are_counted_under_a_fixed_set_of_names() -> None:
    side = Side()
    for one in (
        event("HEARTBEAT"),
        event("HEARTBEAT"),
        custom(kinds.TICK.name, {}),
        event("PUBLISH"),
        custom("evil::name", {}),
        Event(b"{}"),
        Event(b""),
    ):
        side.dispatcher.on_event(one)
    assert set(side.dispatcher.counts) == {*EVENT_NAMES, "other"}
    assert {name: count for name, count in side.dispatcher.counts.items() if count} == {
        "HEARTBEAT": 2,
        kinds.TICK.name: 1,
        "other": 4,
    }


def test_lag_is_what_an_event_is_late_beyond_the_best() -> None:
    side = Side()
    for late in (0.01, 0.01, 0.51):
        stamp = int((side.clock.epoch() - late) * 1e6)
        side.dispatcher.on_event(event("HEARTBEAT", Event_Date_Timestamp=stamp))
    side.dispatcher.on_event(event("HEARTBEAT"))  # without a stamp there is nothing to measure
    assert side.dispatcher.lag.total == 3
    assert side.dispatcher.lag.sum == pytest.approx(0.5, abs=1e-3)
    assert side.dispatcher.last_event_epoch == EPOCH + side.clock.now


def test_a_handler_that_fails_is_counted_and_the_next_event_is_handled() -> None:
    side = Side()

    def fails(heartbeat: Heartbeat) -> None:
        raise ValueError(heartbeat.session_count)

    side.dispatcher.on(kinds.HEARTBEAT, fails)
    side.dispatcher.on(kinds.TICK, side.seen.append)
    with capture_logs() as lines:
        side.dispatcher.on_event(event("HEARTBEAT"))
        side.dispatcher.on_event(custom(kinds.TICK.name, tick_headers("abcd-00000001", 3)))
    assert side.dropped == {"handler_error": 1}
    assert len(side.seen) == 1
    assert [(line["log_level"], line["event_name"]) for line in lines] == [("error", "HEARTBEAT")]


def test_followers_see_their_leg_and_their_job_and_nothing_else() -> None:
    side = Side()
    legs: list[LegEvent | ProbeMark] = []
    jobs: list[JobReply] = []
    side.dispatcher.follow_leg("u1", legs.append)
    side.dispatcher.follow_job("j1", jobs.append)
    answer = event("CHANNEL_ANSWER", Unique_ID="u1")
    mark = custom(MARK_SUBCLASS, {"Unique-ID": "u1", "mark": "a"})
    job = event("BACKGROUND_JOB", Job_UUID="j1", Unique_ID="u1")
    for one in (
        answer,
        mark,
        job,
        event("CHANNEL_ANSWER", Unique_ID="u2"),
        custom(kinds.TICK.name, {"Unique-ID": "u1"}),
        event("BACKGROUND_JOB", Job_UUID="j2"),
    ):
        side.dispatcher.on_event(one)
    assert legs == [read_leg_event(answer), read_leg_event(mark)]
    assert jobs == [read_job_reply(job)]
    side.dispatcher.unfollow_leg("u1")
    side.dispatcher.unfollow_job("j1")
    side.dispatcher.on_event(answer)
    side.dispatcher.on_event(job)
    assert (len(legs), len(jobs)) == (2, 1)
