"""Growth that nothing explains counts once two readings agree; what is under way never does."""

from hypothesis import given
from hypothesis import strategies as st

from exporter.watch.unexplained import UnexplainedCount


def read(unexplained: UnexplainedCount, *readings: tuple[int, int]) -> int:
    for counted, explained in readings:
        unexplained.read(counted, explained)
    return unexplained.total


def test_what_was_there_before_is_not_counted() -> None:
    assert read(UnexplainedCount(), (1000, 0), (1000, 0), (1001, 1)) == 0


def test_growth_counts_when_a_second_reading_confirms_it() -> None:
    unexplained = UnexplainedCount()
    assert read(unexplained, (10, 0), (10, 0), (13, 0)) == 0
    assert read(unexplained, (13, 0)) == 3
    assert read(unexplained, (13, 0), (13, 0)) == 3


def test_a_number_that_is_only_late_is_not_counted() -> None:
    unexplained = UnexplainedCount()
    assert read(unexplained, (10, 10), (10, 10), (15, 10), (15, 15), (20, 15), (20, 20)) == 0


def test_a_first_reading_in_transit_does_not_hide_later_growth() -> None:
    unexplained = UnexplainedCount()
    assert read(unexplained, (10, 5), (10, 10), (10, 10), (12, 10), (12, 10)) == 2


def test_after_a_restart_the_level_is_found_anew_and_the_total_stays() -> None:
    unexplained = UnexplainedCount()
    read(unexplained, (0, 0), (0, 0), (4, 0), (4, 0))
    unexplained.restart()
    assert read(unexplained, (0, 4), (0, 4), (1, 5)) == 4
    assert read(unexplained, (2, 5), (2, 5)) == 5


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=60))
def test_numbers_that_agree_but_for_transit_are_bounded_by_it(steps: list[tuple[int, int]]) -> None:
    unexplained = UnexplainedCount()
    counted = 0
    for growth, late in steps:
        counted += growth
        unexplained.read(counted, max(counted - late, 0))
    assert unexplained.total <= 3
