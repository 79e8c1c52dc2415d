"""The bar of the time: three states that never pass for each other, in characters that a stream can write."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.bar import ASCII, UNICODE, Interval, intersection, merged, seconds, signs, states


def drawn(watched: list[Interval], outages: list[Interval], cells: int = 10) -> str:
    return ASCII.bar(states((1000.0, 1100.0), cells, watched=watched, outages=outages))


@pytest.mark.parametrize(
    ("watched", "outages", "bar"),
    [
        ([], [], ".........."),
        ([(1000, 1100)], [], "__________"),
        ([(0, 5000)], [], "__________"),
        ([(900, 991), (1000, 1100)], [], "__________"),
        ([(1000, 1100)], [(1035, 1035.01)], "___#______"),
        ([(1000, 1100)], [(1030, 1040)], "___#______"),
        ([(1000, 1100)], [(900, 1021), (1095, 2000)], "###______#"),
        ([(1000, 1050)], [], "_____....."),
        ([(1000, 1054)], [], "_____....."),
        ([(1000, 1055)], [], "______...."),
        ([(1000, 1050)], [(1030, 1100)], "___##....."),
        ([(1000, 1030), (1070, 1100)], [(1020, 1080)], "__#....#__"),
        ([(1000, 1052)], [(1051, 1060)], "_____#...."),
        ([(1000, 1040), (1020, 1060)], [(1010, 1020), (1015, 1030)], "_##___...."),
    ],
)
def test_states(watched: list[Interval], outages: list[Interval], bar: str) -> None:
    assert drawn(watched, outages) == bar


def test_one_cell() -> None:
    assert drawn([(1000, 1100)], [], 1) == "_"


INTERVALS = st.lists(
    st.tuples(st.integers(900, 1200), st.integers(0, 100)).map(lambda pair: (pair[0], pair[0] + pair[1]))
)


@given(watched=INTERVALS, outages=INTERVALS, cells=st.integers(1, 130))
def test_never_up_and_never_down_without_a_look(
    watched: list[Interval], outages: list[Interval], cells: int
) -> None:
    width = 100 / cells
    for number, state in enumerate(states((1000.0, 1100.0), cells, watched=watched, outages=outages)):
        cell = (1000 + number * width, 1000 + (number + 1) * width)
        looked = seconds(intersection([cell], merged(watched)))
        if state != "unwatched":
            assert looked > 0
        if state == "well":
            assert looked >= width / 2 - 1e-6
            assert not intersection(intersection([cell], merged(watched)), merged(outages))


@given(one=INTERVALS, other=INTERVALS)
def test_an_intersection_has_what_both_have(one: list[Interval], other: list[Interval]) -> None:
    both = intersection(merged(one), merged(other))
    for second in range(890, 1310):
        middle = second + 0.5
        within = [any(began < middle < ended for began, ended in each) for each in (one, other)]
        assert any(began < middle < ended for began, ended in both) is all(within)


def test_gaps_can_be_closed() -> None:
    assert merged([(5, 6), (0, 1), (1.5, 2)], gap=1.0) == [(0, 2), (5, 6)]


@pytest.mark.parametrize("each", [ASCII, UNICODE])
def test_three_different_characters_of_one_column(each: tuple[str, ...]) -> None:
    assert len(set(each)) == 3
    assert all(len(sign) == 1 for sign in each)


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("utf-8", UNICODE),
        ("UTF8", UNICODE),
        ("ascii", ASCII),
        ("iso-8859-1", ASCII),
        (None, ASCII),
        ("no such", ASCII),
    ],
)
def test_what_the_stream_cannot_write_is_plain(encoding: str | None, expected: tuple[str, ...]) -> None:
    assert signs(encoding) is expected
