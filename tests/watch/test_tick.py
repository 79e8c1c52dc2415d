"""Our own event: numbered, timed, told apart from others'."""

import pytest

from exporter.esl import Event
from exporter.watch.tick import Ticks


def came(headers: dict[str, str], stamp: float = 0.0) -> Event:
    lines = [f"Event-Date-Timestamp: {int(stamp * 1e6)}", *(f"{name}: {v}" for name, v in headers.items())]
    return Event(("Event-Name: CUSTOM\n" + "\n".join(lines) + "\n\n").encode())


def test_a_tick_is_timed_and_tells_the_clock() -> None:
    ticks = Ticks("abcd-1")
    _, headers = ticks.send(10.0, 5000.0)
    ticks.on_event(came(headers, stamp=5003.5), 10.012)
    assert ticks.round_trip == pytest.approx(0.012)
    assert ticks.clock_skew == pytest.approx(3.5)
    assert ticks.returned == 1


def test_ticks_of_others_and_unknown_numbers_are_not_ours() -> None:
    ticks = Ticks("abcd-1")
    _, headers = ticks.send(10.0, 5000.0)
    ticks.on_event(came({**headers, "Exporter-Instance": "abcd-2"}), 11.0)
    ticks.on_event(came({**headers, "Exporter-Tick": "77"}), 11.0)
    ticks.on_event(came({**headers, "Exporter-Tick": "x"}), 11.0)
    assert ticks.returned == 0
    assert ticks.round_trip is None


def test_only_an_accepted_tick_can_be_overdue() -> None:
    ticks = Ticks("abcd-1")
    number, headers = ticks.send(10.0, 5000.0)
    assert ticks.overdue(20.0) == 0.0
    ticks.accepted(number, 10.1)
    assert ticks.overdue(20.1) == pytest.approx(10.0)
    ticks.on_event(came(headers), 20.2)
    assert ticks.overdue(30.0) == 0.0


def test_a_tick_that_returns_before_its_reply_is_not_overdue() -> None:
    ticks = Ticks("abcd-1")
    number, headers = ticks.send(10.0, 5000.0)
    ticks.on_event(came(headers), 10.01)
    ticks.accepted(number, 10.02)
    assert ticks.overdue(99.0) == 0.0


def test_a_later_tick_excuses_earlier_ones() -> None:
    ticks = Ticks("abcd-1")
    first, _ = ticks.send(10.0, 5000.0)
    ticks.accepted(first, 10.1)
    second, headers = ticks.send(12.0, 5002.0)
    ticks.accepted(second, 12.1)
    ticks.on_event(came(headers), 12.2)
    assert ticks.overdue(60.0) == 0.0


def test_ticks_that_are_never_answered_do_not_pile_up() -> None:
    ticks = Ticks("abcd-1")
    for n in range(1000):
        ticks.send(float(n), float(n))
    assert len(ticks._sent) <= 16
