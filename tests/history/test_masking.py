"""Masking: of a stored number the last four digits are gone, of a short one all; texts lose them as well."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.masking import is_masked, stored_number, stored_text
from tests.switch.replies import anything

numbers = st.text("0123456789+-.() *#", max_size=30)


@pytest.mark.parametrize(
    ("number", "masked"),
    [
        ("+15551230000", "+1555123xxxx"),
        ("15551230000", "1555123xxxx"),
        ("5551234", "555xxxx"),
        ("555123", "xxxxxx"),
        ("1000", "xxxx"),
        ("*98", "*xx"),
        ("+1 (555) 123-0000", "+1 (555) 123-xxxx"),
        ("٠١٢٣٤٥٦٧", "٠١٢٣xxxx"),
        ("anna", "anna"),
        ("anonymous", "anonymous"),
        ("user+15551230000", "user+1555123xxxx"),
        ("555 123 0000 (home)", "555 123 xxxx (home)"),
        ("ext.555.123.0000", "ext.555.123.xxxx"),
        ("fax/555/123/0000", "fax/555/123/xxxx"),
        ("a5551230000b5551230000c", "a555123xxxxb555123xxxxc"),
        ("", ""),
    ],
)
def test_a_number_without_its_last_digits(number: str, masked: str) -> None:
    assert stored_number(number, "masked") == masked
    assert stored_number(number, "full") == number
    assert stored_number(number, "none") == ""


@pytest.mark.parametrize(
    ("text", "masked", "none"),
    [
        ("User channel limit exceeded D1", None, None),
        ('Q.850;cause=21;text="CALL_REJECTED"', None, None),
        ("Account suspended 32203", None, None),
        ("from 192.168.100.200", None, None),
        (
            "number 15551230000 blocked D35",
            "number 1555123xxxx blocked D35",
            "number xxxxxxxxxxx blocked D35",
        ),
        ("+1 (555) 123-0000!", "+1 (555) 123-xxxx!", "+x (xxx) xxx-xxxx!"),
        ("555-123-0000", "555-123-xxxx", "xxx-xxx-xxxx"),
        ("1234567 7654321", "123xxxx 765xxxx", "xxxxxxx xxxxxxx"),
    ],
)
def test_numbers_in_a_text(text: str, masked: str | None, none: str | None) -> None:
    assert stored_text(text, "masked") == (text if masked is None else masked)
    assert stored_text(text, "none") == (text if none is None else none)
    assert stored_text(text, "full") == text


@given(numbers)
def test_how_many_digits_are_left(number: str) -> None:
    digits = sum(char.isdigit() for char in number)
    masked = stored_number(number, "masked")
    assert sum(char.isdigit() for char in masked) == (digits - 4 if digits >= 7 else 0)
    assert len(masked) == len(number)
    assert is_masked(masked) == (digits > 0)


@given(numbers, st.text("abz", min_size=1, max_size=3))
def test_a_name_beside_a_number_hides_none_of_it_from_the_mask(number: str, name: str) -> None:
    digits = sum(char.isdigit() for char in number)
    masked = stored_number(number + name, "masked")
    assert sum(char.isdigit() for char in masked) == (digits - 4 if digits >= 7 else digits)
    assert masked.endswith(name)


@given(anything)
def test_no_text_keeps_a_run_of_seven_digits(text: str) -> None:
    for kept in (stored_text(text, "masked"), stored_text(text, "none")):
        assert len(kept) == len(text)
    assert not re.search(r"\d{7}", stored_text(text, "none"))


@given(st.integers(0, 10**15))
def test_a_long_number_in_a_text_loses_its_last_digits(number: int) -> None:
    text = stored_text(f"Number {number} barred", "masked")
    kept = re.findall(r"\d+", text)
    assert kept == [str(number)[:-4] if number >= 10**6 else str(number)]


def test_names_are_not_masked_numbers() -> None:
    assert is_masked("+1555xxxx")
    assert not is_masked("felix")
    assert not is_masked("+15551230000")
    assert not is_masked("")
