"""Changes that polls and heartbeats show, and what is no change: the first values, and the same again."""

from dataclasses import replace

import pytest

from exporter.switch.status import SwitchFigures
from exporter.watch.changes import Changes
from exporter.watch.switch import SwitchFacts
from exporter.watch.value_changes import ValueChanges
from tests.watch.builders import EPOCH, HandClock
from tests.watch.recorder import Recorder

FIGURES = SwitchFigures(
    uptime_seconds=5000.0, max_sessions=1000, max_sessions_per_second=30, min_idle_cpu=0.0
)


class Values:
    """A switch whose values the test sets."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.told = Recorder()
        self.changes = ValueChanges(Changes("fs1", self.clock, self.told.on_change), self.clock)
        self.switch = SwitchFacts()
        self.switch.version = "1.11.2"
        self.switch.figures = FIGURES
        self.switch.paused = {"inbound": False, "outbound": False}
        self.changes.on_poll(self.switch)

    def after(self, seconds: float) -> "Values":
        self.clock.now += seconds
        return self

    def polled(self, **figures: object) -> "Values":
        self.switch.figures = replace(self.switch.figures, **figures)  # type: ignore[arg-type]
        self.changes.on_poll(self.switch)
        return self

    def loses(self) -> "Values":
        self.changes.on_lost()
        self.switch.forget()
        return self

    def comes_back(self, version: str = "1.11.2", up: float | None = 5000.0) -> "Values":
        self.switch.version = version
        self.switch.figures = replace(FIGURES, uptime_seconds=up)
        self.switch.paused = {"inbound": False, "outbound": False}
        self.changes.on_poll(self.switch)
        return self


def test_the_first_values_and_the_same_again_are_no_change() -> None:
    assert Values().after(10).polled().loses().after(10).comes_back().told.changes == []


@pytest.mark.parametrize(
    ("field", "value", "subject", "before", "after"),
    [
        ("max_sessions", 2000, "max_sessions", "1000", "2000"),
        ("max_sessions", 10**17, "max_sessions", "1000", "100000000000000000"),
        ("max_sessions_per_second", 100, "sps", "30", "100"),
        ("min_idle_cpu", 12.5, "min_idle_cpu", "0", "12.5"),
    ],
)
def test_each_limit_that_differs_is_a_change(
    field: str, value: float, subject: str, before: str, after: str
) -> None:
    values = Values().after(10).polled(**{field: value}).after(10).polled()
    assert [change[2:] for change in values.told.changes] == [("limits", subject, before, after)]


def test_a_heartbeat_shows_a_limit_before_the_poll_does() -> None:
    values = Values().after(1)
    values.changes.on_figures(replace(FIGURES, max_sessions=5, min_idle_cpu=None))
    values.after(5).polled(max_sessions=5)
    assert [(change.subject, change.at) for change in values.told.changes] == [("max_sessions", EPOCH + 101)]


@pytest.mark.parametrize(
    ("directions", "subject"),
    [
        (("inbound",), "inbound"),
        (("outbound",), "outbound"),
        (("inbound", "outbound"), "inbound and outbound"),
    ],
)
def test_a_pause_is_one_change_and_so_is_its_end(directions: tuple[str, ...], subject: str) -> None:
    values = Values().after(10)
    values.switch.paused = dict.fromkeys(("inbound", "outbound"), False) | dict.fromkeys(directions, True)
    values.polled().after(10).polled()
    values.switch.paused = dict.fromkeys(("inbound", "outbound"), False)
    values.polled()
    assert values.told.what == [("paused", subject), ("resumed", subject)]


def test_a_pause_that_could_not_be_asked_for_is_the_same_as_before() -> None:
    values = Values().after(10)
    values.switch.paused = {}
    values.polled()
    values.switch.paused = {"inbound": False, "outbound": True}
    values.polled()
    values.switch.paused = {"inbound": False}
    assert values.polled().told.what == [("paused", "outbound")]


def test_a_restart_is_told_once_and_with_the_time_at_which_it_was() -> None:
    values = Values().after(10).loses().after(600)
    values.changes.on_restart()
    values.comes_back(up=540.0).after(10).polled()
    assert [(change.what, change.at) for change in values.told.changes] == [("restarted", EPOCH + 170)]


@pytest.mark.parametrize(("up", "at"), [(None, 710), (0.0, 710), (1e9, 110), (-5.0, 710)])
def test_a_restart_was_after_the_loss_and_is_not_to_come(up: float | None, at: int) -> None:
    values = Values().after(10).loses().after(600)
    values.changes.on_restart()
    assert values.comes_back(up=up).told.changes[0].at == EPOCH + at


def test_another_version_is_an_upgrade_besides_the_restart() -> None:
    values = Values().after(10).loses()
    values.changes.on_restart()
    values.comes_back(version="1.11.3")
    assert [(change.what, change.before, change.after) for change in values.told.changes] == [
        ("restarted", "", ""),
        ("upgraded", "1.11.2", "1.11.3"),
    ]


def test_what_a_restart_has_reset_is_told() -> None:
    values = Values().after(10).polled(max_sessions=5)
    values.switch.paused = {"inbound": True, "outbound": True}
    values.polled().loses()
    values.changes.on_restart()
    assert sorted(values.comes_back().told.what[2:]) == [
        ("limits", "max_sessions"),
        ("restarted", ""),
        ("resumed", "inbound and outbound"),
    ]
