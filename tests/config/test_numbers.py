"""E.164 numbers and the patterns that allow them."""

import pytest

from exporter.config.numbers import is_number, is_pattern, is_wide, permits


@pytest.mark.parametrize("text", ["+15550000001", "+1234567", "+123456789012345"])
def test_a_number(text: str) -> None:
    assert is_number(text)


@pytest.mark.parametrize(
    "text",
    [
        "15550000001",
        "+05550000001",
        "+123456",
        "+1234567890123456",
        "+1555000000a",
        "+1 5550000001",
        "+15550000001\n",
        "+١٥٥٥٠٠٠٠٠٠١",
        "+1555000*",
        "",
    ],
)
def test_no_number(text: str) -> None:
    assert not is_number(text)


@pytest.mark.parametrize("text", ["+15550000001", "+1555000*", "+1*", "+*"])
def test_a_pattern(text: str) -> None:
    assert is_pattern(text)


@pytest.mark.parametrize(
    "text", ["*", "1555*", "+1555*0", "+1555**", "+0*", "+1234567890123456*", "+1555*\n", ""]
)
def test_no_pattern(text: str) -> None:
    assert not is_pattern(text)


def test_what_a_list_permits() -> None:
    allow = ("+15550000001", "+4930*")
    assert permits(allow, "+15550000001")
    assert permits(allow, "+49301234567")
    assert not permits(allow, "+155500000011")
    assert not permits(allow, "+49311234567")
    assert not permits((), "+15550000001")


@pytest.mark.parametrize(
    ("pattern", "wide"),
    [
        ("+*", True),
        ("+1*", True),
        ("+155*", True),
        ("+1555*", False),  # country code 1 and three digits
        ("+4930*", True),
        ("+49301*", False),  # country code 49 and three digits
        ("+35312*", True),
        ("+353123*", False),  # country code 353 and three digits
        ("+15550000001", False),
    ],
)
def test_a_wide_prefix(pattern: str, wide: bool) -> None:
    assert is_wide(pattern) is wide
