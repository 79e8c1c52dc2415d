"""The exporter's own event: numbered, timed, told apart from others'."""

import pytest

from exporter.switch.tick import TickEvent
from exporter.watch.tick import Ticks


def came(headers: dict[str, str], stamp: float = 0.0) -> TickEvent:
    return TickEvent(headers["Exporter-Instance"], int(headers["Exporter-Tick"]), stamp)


def test_a_tick_is_timed_and_shows_the_clock() -> None:
    ticks = Ticks("abcd")
    _, headers = ticks.send(10.0, 5000.0)
    ticks.on_event(came(headers, stamp=5003.5), 10.012)
    assert ticks.round_trip == pytest.approx(0.012)
    assert ticks.clock_skew == pytest.approx(3.5)
    assert ticks.returned == 1
    assert ticks.came_back.is_set()


def test_ticks_of_others_and_unknown_numbers_are_ignored() -> None:
    ticks = Ticks("abcd")
    _, headers = ticks.send(10.0, 5000.0)
    ticks.on_event(came({**headers, "Exporter-Instance": "abcd-2"}), 11.0)
    ticks.on_event(came({**headers, "Exporter-Tick": "77"}), 11.0)
    assert ticks.round_trip is None
    assert not ticks.came_back.is_set()


def test_ticks_of_an_earlier_connection_are_ignored() -> None:
    ticks = Ticks("abcd")
    _, earlier = ticks.send(10.0, 5000.0)
    ticks.restart()
    ticks.send(20.0, 5010.0)
    ticks.on_event(came(earlier), 21.0)
    assert ticks.returned == 0


def test_only_an_accepted_tick_can_be_overdue() -> None:
    ticks = Ticks("abcd")
    number, headers = ticks.send(10.0, 5000.0)
    assert ticks.overdue(20.0) == 0.0
    ticks.accepted(number, 10.1)
    assert ticks.overdue(20.1) == pytest.approx(10.0)
    ticks.on_event(came(headers), 20.2)
    assert ticks.overdue(30.0) == 0.0


def test_a_tick_that_returns_before_its_reply_is_not_overdue() -> None:
    ticks = Ticks("abcd")
    number, headers = ticks.send(10.0, 5000.0)
    ticks.on_event(came(headers), 10.01)
    ticks.accepted(number, 10.02)
    assert ticks.overdue(99.0) == 0.0


def test_a_later_tick_excuses_earlier_ones() -> None:
    ticks = Ticks("abcd")
    first, _ = ticks.send(10.0, 5000.0)
    ticks.accepted(first, 10.1)
    second, headers = ticks.send(12.0, 5002.0)
    ticks.accepted(second, 12.1)
    ticks.on_event(came(headers), 12.2)
    assert ticks.overdue(60.0) == 0.0


@pytest.mark.parametrize("accepted", [False, True])
def test_ticks_that_never_return_do_not_pile_up(accepted: bool) -> None:
    ticks = Ticks("abcd")
    for second in range(1000):
        number, _ = ticks.send(float(second), float(second))
        if accepted:  # as for an account that may not have the tick: each is accepted, none comes back
            ticks.accepted(number, float(second))
    assert len(ticks._out) <= 16
