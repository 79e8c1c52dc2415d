"""The geometry of the pictures: each state where it belongs, short outages seen, gaps where nobody looked."""

import pytest

from exporter.web.svg import DAY, HEIGHT, SLOT, SLOTS, Segment, beginning, columns, curve, day_bar

NOW = 1.8e9
BEGIN = NOW - DAY
ALL = [(BEGIN - 1000.0, NOW)]


def test_a_day_without_outages_is_one_segment() -> None:
    assert day_bar(NOW, [], ALL) == (Segment("well", 0, SLOTS),)


def test_a_day_without_a_look_is_neither_well_nor_an_outage() -> None:
    assert day_bar(NOW, [(BEGIN, NOW)], []) == (Segment("unwatched", 0, SLOTS),)


def test_an_outage_of_four_seconds_shows() -> None:
    began = BEGIN + 10 * SLOT + 7
    assert day_bar(NOW, [(began, began + 4)], ALL) == (
        Segment("well", 0, 10),
        Segment("outage", 10, 1),
        Segment("well", 11, SLOTS - 11),
    )


def test_the_part_of_an_outage_in_which_nobody_looked_is_not_watched() -> None:
    watched = [(BEGIN, BEGIN + 5 * SLOT), (BEGIN + 20 * SLOT, NOW)]
    bar = day_bar(NOW, [(BEGIN + 3 * SLOT, BEGIN + 25 * SLOT)], watched)
    assert bar == (
        Segment("well", 0, 3),
        Segment("outage", 3, 2),
        Segment("unwatched", 5, 15),
        Segment("outage", 20, 5),
        Segment("well", 25, SLOTS - 25),
    )


def test_a_slot_belongs_to_what_most_of_it_was() -> None:
    assert day_bar(NOW, [], [(BEGIN, BEGIN + 1.4 * SLOT)])[0] == Segment("well", 0, 1)
    assert day_bar(NOW, [], [(BEGIN, BEGIN + 1.6 * SLOT)])[0] == Segment("well", 0, 2)


def test_the_size_is_bounded_whatever_happened() -> None:
    outages = [(BEGIN + 6.0 * n, BEGIN + 6.0 * n + 4) for n in range(14_000)]
    watched = [(BEGIN + 1000.0 * n, BEGIN + 1000.0 * n + 700) for n in range(86)]
    bar = day_bar(NOW, outages[:1000], watched)
    assert sum(segment.length for segment in bar) == SLOTS
    assert len(bar) <= SLOTS


def test_times_outside_the_day_or_backwards_change_nothing() -> None:
    outages = [(BEGIN - 100, BEGIN - 50), (NOW + 50, NOW + 60), (BEGIN + 9000, BEGIN + 8000)]
    assert day_bar(NOW, outages, [*ALL]) == (Segment("well", 0, SLOTS),)


def test_a_curve_is_broken_where_nothing_was_measured_and_has_a_gap_where_nobody_looked() -> None:
    samples = [
        (BEGIN, 0.5),
        (BEGIN + SLOT, 1.0),
        (BEGIN + 2 * SLOT, None),
        (BEGIN + 3 * SLOT, 0.25),
        *((BEGIN + n * SLOT, 0.5) for n in range(6, SLOTS)),
    ]
    drawn = curve(NOW, samples)
    assert drawn.lines[:2] == ("0.5,50 1.5,0", "3.5,75 3.5,75")
    assert len(drawn.lines) == 3
    assert drawn.missing == (2,)
    assert drawn.gaps == ((4, 2),)
    assert drawn.top == 1.0


def test_samples_that_begin_on_the_full_five_minutes_fall_into_slots_of_their_own() -> None:
    now = 1_800_000_123.0
    first = 1_800_000_000.0 - 287 * SLOT
    assert beginning(now) == first
    drawn = curve(now, [(first + n * SLOT, 1.0) for n in range(288)])
    assert drawn.gaps == ()
    assert len(drawn.lines) == 1


def test_the_five_minutes_that_have_not_ended_are_no_gap() -> None:
    assert curve(NOW, [(BEGIN + n * SLOT, 1.0) for n in range(SLOTS - 1)]).gaps == ()
    assert curve(NOW, [(BEGIN + n * SLOT, 1.0) for n in range(SLOTS - 2)]).gaps == ((SLOTS - 2, 2),)


@pytest.mark.parametrize(
    ("highest", "top"),
    [(0.0, 1.0), (0.0312, 0.04), (1.0, 1.0), (1.1, 2.0), (17.0, 20.0), (21.0, 40.0), (41.0, 100.0)],
)
def test_the_scale_ends_at_a_round_number(highest: float, top: float) -> None:
    assert curve(NOW, [(BEGIN, highest)]).top == pytest.approx(top)


def test_columns_have_a_marked_part_that_stands_on_the_bottom() -> None:
    drawn = columns(NOW, [(BEGIN, 4.0), (BEGIN + SLOT, 0.0)], [(BEGIN, 1.0), (BEGIN + SLOT, 0.0)])
    ((slot, top, marked),) = drawn.columns
    assert (slot, top, marked) == (0, 0.0, HEIGHT * 0.75)


def test_an_empty_day_is_one_gap() -> None:
    drawn = curve(NOW, [])
    assert (drawn.lines, drawn.gaps) == ((), ((0, SLOTS),))


def test_the_slot_that_has_not_ended_is_as_its_last_look() -> None:
    assert day_bar(NOW + 40, [], [(BEGIN, NOW + 40)])[-1].state == "well"
    assert day_bar(NOW + 40, [], [(BEGIN, NOW)])[-1] == Segment("unwatched", SLOTS - 1, 1)
    assert day_bar(NOW + 40, [(NOW + 20, NOW + 40)], [(BEGIN, NOW + 40)])[-1].state == "outage"
