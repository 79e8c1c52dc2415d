"""The most frequent of any number of addresses are found, and never counted too high."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.watch import top_addresses
from exporter.watch.top_addresses import ADDRESSES, BUCKET, BUCKETS, TopAddresses


def test_each_address_is_counted() -> None:
    top = TopAddresses(0.0)
    for address in ("b", "a", "b"):
        top.add(address, 1.0)
    assert top.most(1.0, 600.0, 5) == [("b", 2), ("a", 1)]
    assert top.most(1.0, 600.0, 1) == [("b", 2)]
    assert (top.count("b", 1.0), top.count("c", 1.0)) == (2, 0)


def test_one_that_comes_often_is_kept_among_a_hundred_thousand_others() -> None:
    top = TopAddresses(0.0)
    for number in range(100_000):
        top.add(f"10.{number}", 1.0)
        if number % 50 == 0:
            top.add("192.0.2.1", 1.0)
    first, *_ = top.most(1.0, 600.0, 5)
    assert first.address == "192.0.2.1"
    assert 0 < first.times <= 2000
    assert len(top.most(1.0, 600.0, 10_000)) <= ADDRESSES


def test_an_address_is_forgotten_after_an_hour_and_a_bucket() -> None:
    top = TopAddresses(0.0)
    top.add("a", 0.0)
    assert top.count("a", BUCKET * (BUCKETS - 1)) == 1
    assert top.most(BUCKET * 4, 600.0, 5) == []
    assert top.count("a", BUCKET * BUCKETS) == 0


def test_memory_is_bounded_whatever_the_time() -> None:
    top = TopAddresses(0.0)
    for step in range(3 * BUCKETS):
        for number in range(2 * ADDRESSES):
            top.add(f"{step}.{number}", step * BUCKET)
    now = 3 * BUCKETS * BUCKET
    assert len(top.most(now, 10 * BUCKETS * BUCKET, 10**6)) <= ADDRESSES * BUCKETS


def test_many_that_come_often_are_all_counted_and_cost_little() -> None:
    top = TopAddresses(0.0)
    for _ in range(40):
        for number in range(ADDRESSES // 2):
            top.add(f"10.{number}", 1.0)
    assert top.count("10.0", 1.0) == top.count(f"10.{ADDRESSES // 2 - 1}", 1.0) == 40


@given(st.integers(1, 40), st.lists(st.integers(0, 300).map(str), max_size=500))
def test_no_figure_is_higher_than_what_came_and_the_frequent_are_kept(room: int, came: list[str]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(top_addresses, "ADDRESSES", room)
        top = TopAddresses(0.0)
        for address in came:
            top.add(address, 0.0)
    true = Counter(came)
    found = top.most(0.0, 600.0, 10_000)
    assert len(found) <= room
    for address, count in found:
        assert count <= true[address]
    for address, count in true.items():
        if count > len(came) / (room + 1):
            assert top.count(address, 0.0) > 0
