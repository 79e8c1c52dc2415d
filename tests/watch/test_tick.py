"""The exporter's own event: numbered, timed, told apart from others'."""

import pytest

from exporter.switch.tick import TickEvent
from exporter.watch.tick import LISTENING, SILENT, Ticks


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


# -- other exporters on the same switch ----------------------------------------------------------------


def of_other(token: str, *probes: str) -> TickEvent:
    return TickEvent(token, 1, 0.0, frozenset(probes))


def ticks_of(instance: str, *probes: str) -> Ticks:
    """Ticks of a daemon that can run these probes, connected for a while."""
    ticks = Ticks(instance)
    ticks.runnable = lambda: probes
    _, headers = ticks.send(0.0, 5000.0)
    ticks.on_event(came(headers), 0.0)
    return ticks


def test_a_tick_names_what_can_be_run() -> None:
    assert ticks_of("5555", "a", "b").send(1.0, 1.0)[1]["Exporter-Probes"] == "a,b"
    assert "Exporter-Probes" not in ticks_of("5555").send(1.0, 1.0)[1]


def test_of_those_that_name_a_probe_the_lowest_runs_it() -> None:
    ticks = ticks_of("5555", "a", "b", "c")
    ticks.on_event(of_other("1111-00000000", "a"), 10.0)
    ticks.on_event(of_other("9999-00000000", "a", "b"), 10.0)
    assert [ticks.stands_by(name, 11.0) for name in "abc"] == [True, False, False]


def test_one_that_cannot_run_a_probe_stands_by_for_any_that_can() -> None:
    ticks = ticks_of("5555")
    ticks.on_event(of_other("9999-00000000", "a"), 10.0)
    assert ticks.stands_by("a", 11.0)
    assert not ticks.stands_by("b", 11.0)


def test_an_exporter_that_falls_silent_or_names_a_probe_no_more_is_not_waited_for() -> None:
    ticks = ticks_of("5555", "a")
    ticks.on_event(of_other("1111-00000000", "a"), 10.0)
    assert ticks.stands_by("a", 10.0 + SILENT)
    assert not ticks.stands_by("a", 10.1 + SILENT)
    ticks.on_event(of_other("1111-00000000", "a"), 20.0)
    ticks.on_event(of_other("1111-00000000"), 22.0)
    assert not ticks.stands_by("a", 22.0)


def test_the_same_instance_id_twice_is_told_apart_by_the_token() -> None:
    """As after a copy of a whole machine: one of the two runs the probe, not both and not none."""
    one, other = ticks_of("5555", "a"), ticks_of("5555", "a")
    one.on_event(of_other(other._token, "a"), 1.0)
    other.on_event(of_other(one._token, "a"), 1.0)
    assert one.stands_by("a", 2.0) != other.stands_by("a", 2.0)


def test_an_earlier_connection_of_its_own_is_no_other_exporter() -> None:
    ticks = ticks_of("5555", "a")
    ticks._token = "5555-00000000"
    ticks.restart()
    ticks.on_event(of_other("5555-00000000", "a"), 1.0)
    assert not ticks.stands_by("a", 1.0)


def test_a_new_connection_listens_first() -> None:
    ticks = ticks_of("5555", "a")
    assert ticks.listens(LISTENING - 0.1)
    assert not ticks.listens(LISTENING)
    ticks.restart()
    assert not ticks.listens(50.0), "where ticks are not permitted, nobody can be heard"


def test_a_flood_of_other_exporters_is_bounded_and_ends() -> None:
    ticks = ticks_of("5555", "a")
    ticks.on_event(of_other("1111-00000000", "a"), 0.0)
    for number in range(10_000):
        ticks.on_event(of_other(f"9999-{number:08x}", "a"), 1.0)
    assert len(ticks._others) <= 16
    assert ticks.stands_by("a", 1.0), "one that was heard before is kept"
    ticks.on_event(of_other("1111-00000000", "a"), 2.0)
    ticks.on_event(of_other("2222-00000000", "b"), 9.0)
    assert set(ticks._others) == {"1111-00000000", "2222-00000000"}
