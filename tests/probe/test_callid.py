"""UUIDs of probe calls."""

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.probe.callid import MAX_CAP, CallId, new_call_id, read_call_id
from exporter.switch.leg import is_probe

INSTANCES = st.text("0123456789abcdef", min_size=4, max_size=4)


@given(instance=INSTANCES, cap=st.integers(1, MAX_CAP))
def test_it_is_a_legal_uuid_that_says_whose_call_it_is_and_how_long_it_may_live(
    instance: str, cap: int
) -> None:
    made = new_call_id(instance, cap)
    assert read_call_id(made) == CallId(instance, cap)
    assert is_probe(made)
    parsed = uuid.UUID(made)
    assert (str(parsed), parsed.version, parsed.variant) == (made, 4, uuid.RFC_4122)


def test_no_two_are_the_same() -> None:
    assert len({new_call_id("0000", 1) for _ in range(1000)}) == 1000


@pytest.mark.parametrize("instance", ["", "12345", "ABCD", "12g4", "1234\n"])
def test_an_instance_is_four_hex_digits(instance: str) -> None:
    with pytest.raises(ValueError, match="instance"):
        new_call_id(instance, 10)


@pytest.mark.parametrize("cap", [0, -1, MAX_CAP + 1])
def test_the_cap_is_bounded(cap: int) -> None:
    with pytest.raises(ValueError, match="cap"):
        new_call_id("0000", cap)


@pytest.mark.parametrize(
    "other",
    [
        "",
        "8a3641a0-c707-42e7-9fb2-21ad4ef527ab",
        "70726f62",
        "70726f62-1234-5010-8abc-0123456789ab",  # version 5
        "70726f62-1234-4010-8abc-0123456789ab\n",
        "70726F62-1234-4010-8ABC-0123456789AB",
        "x70726f62-1234-4010-8abc-0123456789ab",
    ],
)
def test_other_uuids_are_not_ours(other: str) -> None:
    assert read_call_id(other) is None
