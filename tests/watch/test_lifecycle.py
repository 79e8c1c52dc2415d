"""The life of a connection: its states, its pauses, what is remembered of its attempts; without a socket."""

import itertools

import pytest
from structlog.testing import capture_logs

from exporter.esl import (
    AuthRejected,
    CommandTimeout,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    EslError,
    GreetingTimeout,
)
from exporter.watch.lifecycle import FIRST_RETRY, LAST_RETRY, STABLE, TRANSITIONS, Happened, Lifecycle, State
from tests.watch.builders import EPOCH, HandClock

REFUSED = ConnectionRefused("127.0.0.1 port 8021 refuses connections")


class Life:
    """A life and the clock it goes by."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.life = Lifecycle("fs1", self.clock)

    def after(self, seconds: float) -> "Life":
        self.clock.now += seconds
        return self

    def connects(self) -> "Life":
        self.life.began()
        self.life.opened()
        self.life.synced(version="1.11")
        return self

    def loses(self, error: EslError) -> float:
        return self.life.ended(error)

    def fails(self, error: EslError) -> float:
        """An attempt that ends before anything is open."""
        self.life.began()
        return self.life.ended(error)


def test_every_state_is_reached_and_only_stopping_is_final() -> None:
    reached = {State.UNTRIED} | {to for row in TRANSITIONS.values() for to in row.values()}
    assert reached == set(TRANSITIONS) == set(State)
    for state, row in TRANSITIONS.items():
        assert bool(row) == (state is not State.STOPPED)
        assert row.get(Happened.STOPPED, State.STOPPED) is State.STOPPED


def test_nothing_else_can_happen_in_a_state() -> None:
    lead_to = {
        State.UNTRIED: [],
        State.CONNECTING: [Happened.BEGAN],
        State.SYNCING: [Happened.BEGAN, Happened.OPENED],
        State.CONNECTED: [Happened.BEGAN, Happened.OPENED, Happened.SYNCED],
        State.WAITING: [Happened.BEGAN, Happened.ENDED],
        State.STOPPED: [Happened.STOPPED],
    }
    for (state, steps), happened in itertools.product(lead_to.items(), Happened):
        life = Life().life
        for step in steps:
            life._enter(step)
        assert life.state is state
        if happened in TRANSITIONS[state]:
            life._enter(happened)
            assert life.state is TRANSITIONS[state][happened]
        else:
            with pytest.raises(KeyError):
                life._enter(happened)


def test_it_tells_of_each_connection() -> None:
    story, seen = Life(), []
    story.life.on_connected = lambda: seen.append((story.life.connected, story.life.attempts["connected"]))
    story.fails(REFUSED)
    assert seen == []
    story.connects()
    assert seen == [(True, 1)]
    story.loses(REFUSED)
    story.connects()
    assert seen == [(True, 1), (True, 2)]


def test_a_life_as_others_see_it() -> None:
    story = Life()
    life = story.life
    assert (life.connected, life.tried, life.problem, life.reason) == (False, False, "", "not tried yet")
    story.after(1).fails(REFUSED)
    assert (life.connected, life.tried, life.problem) == (False, True, "refused")
    assert life.reason == str(REFUSED)
    assert life.since_epoch == EPOCH + 101
    story.after(5).fails(ConnectionRefused("another port"))
    assert (life.reason, life.since_epoch) == ("another port", EPOCH + 101), "the problem is the same"
    story.after(5).connects()
    assert (life.connected, life.problem, life.reason, life.since_epoch) == (True, "none", "", EPOCH + 111)
    story.after(5).loses(Disconnected("the system is being shut down"))
    assert (life.connected, life.problem, life.since_epoch) == (False, "shutdown", EPOCH + 116)
    assert life.attempts == {"refused": 2, "connected": 1, "shutdown": 1}
    life.stopped()
    assert not life.connected


def test_pauses_double_up_to_the_longest_and_are_never_all_the_same() -> None:
    story = Life()
    longest = 2 * FIRST_RETRY
    pauses = []
    for _ in range(20):
        pause = story.fails(REFUSED)
        assert longest / 2 <= pause <= longest
        longest = min(2 * longest, LAST_RETRY)
        pauses.append(pause)
    assert longest == LAST_RETRY
    assert len(set(pauses)) == len(pauses)


def test_a_connection_that_held_is_tried_again_at_once_and_one_that_did_not_later_and_later() -> None:
    story = Life()
    for _ in range(8):
        story.fails(REFUSED)
    assert story.connects().after(STABLE + 1).loses(Disconnected("gone")) <= FIRST_RETRY
    for held in (1.0, 1.0, 1.0):
        pause = story.connects().after(held).loses(Disconnected("gone"))
    assert pause >= 2 * FIRST_RETRY


def test_a_slow_attempt_is_no_stable_connection() -> None:
    story = Life()
    for _ in range(8):
        story.life.began()
        story.life.opened()
        pause = story.after(STABLE + 5).loses(CommandTimeout("no reply"))
    assert pause > 10


@pytest.mark.parametrize(
    ("errors", "problem"),
    [
        ([ConnectTimeout("no answer")], "timeout"),
        ([CommandTimeout("no reply"), ConnectTimeout("no answer")], "hung"),
        ([GreetingTimeout("no greeting"), ConnectTimeout("no answer"), ConnectTimeout("no answer")], "hung"),
        ([GreetingTimeout("no greeting"), REFUSED, ConnectTimeout("no answer")], "timeout"),
    ],
)
def test_a_process_that_hangs_is_not_taken_for_a_dead_network(errors: list[EslError], problem: str) -> None:
    story = Life()
    for error in errors:
        story.fails(error)
    assert story.life.problem == problem


def test_a_connection_ends_the_suspicion_that_the_process_hangs() -> None:
    story = Life()
    story.fails(GreetingTimeout("no greeting"))
    story.connects().loses(Disconnected("gone"))
    story.fails(ConnectTimeout("no answer"))
    assert story.life.problem == "timeout"


def test_each_change_of_the_problem_is_one_line() -> None:
    story = Life()
    with capture_logs() as lines:
        for _ in range(5):
            story.after(10).fails(REFUSED)
        story.after(10).fails(AuthRejected("FreeSWITCH says: -ERR invalid"))
        story.after(30).connects()
        story.after(60).loses(Disconnected("FreeSWITCH reset the connection"))
        story.after(2).fails(REFUSED)
        story.after(4).connects()
    told = [
        (line["log_level"], line["event"], line["problem"], line.get("previous"), line.get("lasted"))
        for line in lines
    ]
    assert told == [
        ("warning", "not connected", "refused", None, None),
        ("error", "not connected", "auth_rejected", "refused", 50.0),
        ("info", "connected", "none", "auth_rejected", 30.0),
        ("warning", "not connected", "shutdown", "none", 60.0),
        ("warning", "not connected", "refused", "shutdown", 2.0),
        ("info", "connected", "none", "refused", 4.0),
    ]
    assert lines[0]["reason"] == str(REFUSED)
    assert "away" not in lines[2]
    assert lines[5]["away"] == 6.0
    assert lines[5]["version"] == "1.11"
    assert {line["node"] for line in lines} == {"fs1"}


def test_only_the_end_of_a_connection_is_a_loss() -> None:
    story = Life()
    story.fails(REFUSED)
    story.connects().loses(Disconnected("lost"))
    story.fails(REFUSED)
    story.life.began()
    story.life.opened()
    story.loses(CommandTimeout("while it was asked for its state"))
    story.connects().loses(Disconnected("lost again"))
    assert story.life.losses == {"shutdown": 2}
    assert sum(story.life.attempts.values()) == 7
