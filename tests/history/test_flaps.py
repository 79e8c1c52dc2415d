"""Which outages are shown as one line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.flaps import APART, groups
from exporter.history.model import Outage
from tests.history.pasts import BEGAN, outage


def shown(*outages: Outage) -> list[tuple[float, int]]:
    """Beginning and number of each line."""
    newest_first = sorted(outages, key=lambda one: one.began, reverse=True)
    return [(group.began - BEGAN, group.times) for group in groups(newest_first)]


@pytest.mark.parametrize(
    ("outages", "lines"),
    [
        ([], []),
        ([outage(0)], [(0, 1)]),
        ([outage(0), outage(100)], [(100, 1), (0, 1)]),
        ([outage(0), outage(100), outage(200)], [(0, 3)]),
        ([outage(0, 60), outage(100, 60), outage(160 + APART - 1, 60)], [(0, 3)]),
        ([outage(0, 60), outage(100, 60), outage(160 + APART, 60)], [(760, 1), (100, 1), (0, 1)]),
        ([outage(0), outage(100), outage(200), outage(300, None)], [(300, 1), (0, 3)]),
        ([outage(0, times=12)], [(0, 12)]),
        ([outage(0, times=12), outage(100)], [(0, 13)]),
        ([outage(n * 100, gateway=g) for n in range(3) for g in ("a", "b")], [(0, 3), (0, 3)]),
        ([outage(0), outage(100), outage(150, gateway="b"), outage(200)], [(0, 3), (150, 1)]),
        ([outage(0), outage(100), outage(200, layer="switch")], [(200, 1), (100, 1), (0, 1)]),
        ([outage(0), outage(100), outage(200, profile="b")], [(200, 1), (100, 1), (0, 1)]),
        ([outage(0), outage(100), outage(200, node="b")], [(200, 1), (100, 1), (0, 1)]),
    ],
)
def test_lines(outages: list[Outage], lines: list[tuple[float, int]]) -> None:
    assert shown(*outages) == lines


def test_a_line_of_several() -> None:
    [group] = groups([outage(200, 9), outage(100, 8), outage(0, 7)])
    assert (group.began, group.ended, group.seconds) == (BEGAN, BEGAN + 209, 24)
    assert group.newest.began == BEGAN + 200


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 900) | st.none(), st.sampled_from("ab"))))
def test_every_outage_is_in_one_line(made: list[tuple[int, int | None, str]]) -> None:
    outages = [outage(began, seconds, gateway=gateway) for began, seconds, gateway in made]
    outages.sort(key=lambda one: one.began, reverse=True)
    found = groups(outages)
    assert sorted(id(one) for group in found for one in group.outages) == sorted(map(id, outages))
    assert [group.newest.began for group in found] == sorted(
        (group.newest.began for group in found), reverse=True
    )
