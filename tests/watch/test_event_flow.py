"""Whether events flow: by the tick, and without it by HEARTBEAT at any phase and interval."""

import pytest

from exporter.watch.event_flow import HEARTBEATS_MISSED, LONGEST_HEARTBEAT, TICK_OVERDUE, EventFlow
from exporter.watch.subscriptions import TICK_SUBSCRIPTION
from exporter.watch.tick import Ticks

NO_TICK = {TICK_SUBSCRIPTION}


def test_a_tick_that_stays_out_is_a_stall() -> None:
    ticks = Ticks("abcd")
    flow = EventFlow(ticks)
    flow.restart(0.0)
    number, _ = ticks.send(0.0, 0.0)
    ticks.accepted(number, 0.0)
    assert flow.stalled(TICK_OVERDUE, set()) is None
    assert "no event has come back" in (flow.stalled(TICK_OVERDUE + 0.1, set()) or "")
    assert flow.stalled(TICK_OVERDUE + 0.1, NO_TICK) is None, "a tick that is denied decides nothing"


@pytest.mark.parametrize("interval", [1.0, 20.0, 60.0, LONGEST_HEARTBEAT])
@pytest.mark.parametrize("phase", [0.0, 0.01, 0.3, 0.5, 0.99])
def test_without_the_tick_a_healthy_switch_never_stalls(interval: float, phase: float) -> None:
    flow = EventFlow(Ticks("abcd"))
    flow.restart(0.0)
    beats = iter([interval * (n + phase) for n in range(1, 100)])
    beat = next(beats)
    for second in range(int(20 * interval)):
        while beat <= second:
            flow.on_heartbeat(beat)
            beat = next(beats)
        assert flow.stalled(float(second), NO_TICK) is None


def test_without_the_tick_a_silence_is_noticed_once_the_interval_is_known() -> None:
    flow = EventFlow(Ticks("abcd"))
    flow.restart(0.0)
    for at in (7.0, 27.0, 47.0):
        flow.on_heartbeat(at)
    assert flow.stalled(47.0 + 50.0, NO_TICK) is None
    assert "no HEARTBEAT has come for 51 s" in (flow.stalled(47.0 + 51.0, NO_TICK) or "")


def test_one_late_heartbeat_does_not_shorten_the_interval() -> None:
    flow = EventFlow(Ticks("abcd"))
    flow.restart(0.0)
    for at in (20.0, 40.0, 79.0, 80.0):  # the third was 19 s late
        flow.on_heartbeat(at)
    assert flow.stalled(99.9, NO_TICK) is None


def test_a_new_connection_is_not_judged_by_the_last_ones_heartbeats() -> None:
    flow = EventFlow(Ticks("abcd"))
    flow.restart(0.0)
    flow.on_heartbeat(1.0)
    flow.on_heartbeat(2.0)
    flow.restart(1000.0)
    assert flow.stalled(1000.0 + HEARTBEATS_MISSED * LONGEST_HEARTBEAT, NO_TICK) is None
    assert flow.stalled(1001.0 + HEARTBEATS_MISSED * LONGEST_HEARTBEAT, NO_TICK) is not None


def test_without_tick_and_heartbeat_silence_shows_nothing() -> None:
    flow = EventFlow(Ticks("abcd"))
    flow.restart(0.0)
    assert flow.stalled(1e6, {*NO_TICK, "HEARTBEAT"}) is None
