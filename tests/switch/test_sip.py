"""SIP codes as label values."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.switch.sip import LOCAL_CODES, SIP_CODES, known_code
from tests.switch.replies import anything


def test_the_registered_codes() -> None:
    assert len(SIP_CODES) == 75
    assert all(100 <= code <= 699 for code in SIP_CODES)
    assert SIP_CODES[486] == "Busy Here"
    assert 904 in LOCAL_CODES


@pytest.mark.parametrize("code", ["100", "183", "200", "302", "403", "486", "503", "603", "608", "904"])
def test_known(code: str) -> None:
    assert known_code(code) == code


@pytest.mark.parametrize(
    "text",
    ["", "0", "99", "299", "409", "599", "699", "900", "0486", "486 ", "486 Busy", "\u0664\u0660\u0663"],
)
def test_other(text: str) -> None:
    assert known_code(text) == "other"


@given(anything | st.integers(0, 2000).map(str))
def test_labels_are_bounded(text: str) -> None:
    assert known_code(text) in {*map(str, SIP_CODES), "904", "other"}
