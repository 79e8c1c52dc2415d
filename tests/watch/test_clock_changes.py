"""Steps of clocks, told apart from slow answers, from drift, and from each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.watch.changes import Changes
from exporter.watch.clock_changes import ClockChanges
from exporter.watch.tick import Reading
from tests.watch.builders import EPOCH, HandClock
from tests.watch.recorder import Recorder


class Clocks:
    """Three clocks; `ticks` sends a tick that takes some time to come back."""

    def __init__(self) -> None:
        self.told = Recorder()
        self.changes = ClockChanges(Changes("fs1", HandClock(), self.told.on_change))
        self.now = 100.0
        self.exporter = EPOCH
        self.switch = EPOCH + 7.0

    def ticks(self, *, there: float = 0.01, back: float = 0.01) -> "Clocks":
        sent, epoch = self.now, self.exporter + self.now
        stamp = self.switch + self.now + there
        self.changes.on_tick(Reading(sent, sent + there + back, epoch, stamp))
        self.now += max(2.0, there + back)
        return self

    @property
    def steps(self) -> list[tuple[str, str]]:
        return [(change.subject, change.after) for change in self.told.changes]


def test_clocks_that_go_on_have_not_stepped() -> None:
    clocks = Clocks()
    for _ in range(50):
        clocks.ticks()
    assert clocks.steps == []


@pytest.mark.parametrize(("step", "told"), [(120.0, "+120.0 s"), (-3.0, "-3.0 s"), (1.2, "+1.2 s")])
def test_a_step_of_freeswitch_s_clock_is_told_once(step: float, told: str) -> None:
    clocks = Clocks().ticks()
    clocks.switch += step
    assert clocks.ticks().ticks().steps == [("FreeSWITCH", told)]


def test_a_step_of_the_exporter_s_own_clock_is_not_freeswitch_s() -> None:
    clocks = Clocks().ticks()
    clocks.exporter -= 3600
    assert clocks.ticks().ticks().steps == [("exporter", "-3600.0 s")]


def test_both_may_step() -> None:
    clocks = Clocks().ticks()
    clocks.exporter += 10
    clocks.switch += 10
    assert clocks.ticks().steps == [("exporter", "+10.0 s"), ("FreeSWITCH", "+10.0 s")]


def test_less_than_a_second_is_none() -> None:
    clocks = Clocks().ticks()
    clocks.switch += 0.9
    clocks.exporter -= 0.9
    assert clocks.ticks().steps == []


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), max_size=30))
def test_a_slow_switch_or_exporter_is_no_step(ways: list[tuple[float, float]]) -> None:
    clocks = Clocks()
    for there, back in ways:
        clocks.ticks(there=there, back=back)
    assert clocks.steps == []


def test_drift_over_a_long_loss_is_no_step() -> None:
    clocks = Clocks().ticks()
    clocks.now += 24 * 3600
    clocks.switch += 24 * 3600 * 100e-6
    assert clocks.ticks().steps == []
    clocks.switch += 60
    assert clocks.ticks().steps == [("FreeSWITCH", "+60.0 s")]
