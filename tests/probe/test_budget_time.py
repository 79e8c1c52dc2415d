"""Days of the budget while the clock is right, wrong, set, and while processes and the machine restart."""

from collections.abc import Iterator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probe.budget_time import DAY, SLEW, BudgetTime, day_of

NOON = 1_800_014_400.0  # 2027-01-15 12:00 UTC
HOUR = 3600.0


def begun(wall: float = NOON) -> BudgetTime:
    return BudgetTime(wall, wall, 500.0, "boot")


def later(time: BudgetTime, passed: float, step: float = 0.0, boot: str = "boot") -> BudgetTime:
    """The reading after `passed` seconds in which the clock was set forward by `step`."""
    monotonic = time.monotonic + passed if boot == time.boot else 10.0
    return time.at(time.wall + passed + step, monotonic, boot)


def midnights(time: BudgetTime, hours: int) -> Iterator[int]:
    """The hours, counted from now, at which a day of the budget begins."""
    for hour in range(1, hours + 1):
        before, time = time, later(time, HOUR)
        if time.day != before.day:
            yield hour


def test_with_a_right_clock_days_are_utc_days() -> None:
    time = begun()
    assert (time.day, time.seconds_left) == ("2027-01-15", 12 * HOUR)
    assert later(time, 12 * HOUR - 1).day == "2027-01-15"
    assert later(time, 12 * HOUR).day == "2027-01-16"
    assert list(midnights(time, 60)) == [12, 36, 60]


def test_a_correction_of_the_clock_is_followed() -> None:
    time = later(later(begun(), 1.0, step=0.5), 60.0)
    assert time.epoch == pytest.approx(time.wall)
    time = later(later(begun(), 1.0, step=-90.0), HOUR)
    assert time.epoch == pytest.approx(time.wall)


@pytest.mark.parametrize("step", [DAY, -2 * DAY, 400 * DAY])
def test_a_step_by_whole_days_moves_no_midnight(step: float) -> None:
    assert list(midnights(later(begun(), 0.0, step=step), 40)) == [12, 36]


def test_a_day_forward_and_two_back_give_no_second_day() -> None:
    time = begun()
    for step in (DAY, -2 * DAY, DAY, 13 * HOUR, -13 * HOUR, DAY) * 20:
        time = later(time, 1.0, step)
        assert time.day == "2027-01-15"


def test_a_step_by_some_hours_is_taken_over_slowly() -> None:
    time = later(begun(), 0.0, step=6 * HOUR)
    gaps = list(midnights(time, 24 * 20))
    assert {after - before for before, after in pairwise(gaps)} == {23, 24}
    for _ in range(24 * 6):
        time = later(time, HOUR)
    assert time.epoch == pytest.approx(time.wall)


def test_another_process_of_the_same_boot_goes_on() -> None:
    """The reading is kept in a file; the next process has the same monotonic clock, its clock was set."""
    assert later(begun(), 60.0, step=DAY).day == "2027-01-15"


def test_after_a_reboot_the_wall_clock_tells_what_passed() -> None:
    assert later(begun(), 20 * HOUR, boot="another").day == "2027-01-16"
    back = later(begun(), 60.0, step=-2 * DAY, boot="another")
    assert back.day == "2027-01-15"


STEPS = st.lists(
    st.tuples(st.floats(0, 2 * DAY), st.one_of(st.just(0.0), st.floats(-40 * DAY, 40 * DAY))), max_size=40
)


@given(STEPS)
def test_however_the_clock_is_set_two_days_begin_23_hours_apart(steps: list[tuple[float, float]]) -> None:
    """It never goes back, and it never runs faster than SLEW allows."""
    time = begun()
    for passed, step in steps:
        before, time = time, later(time, passed, step)
        assert time.epoch >= before.epoch
        assert time.epoch - before.epoch <= passed * (1 + SLEW) + 1e-3


def test_days_are_named_by_utc() -> None:
    assert day_of(NOON + 12 * HOUR - 1) == "2027-01-15"
    assert day_of(NOON + 12 * HOUR) == "2027-01-16"
