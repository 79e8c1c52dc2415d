"""Who may be called: each refusal, and that it says what to change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.model import GuardConfig
from exporter.probe import guard
from exporter.probe.refusal import STATUSES, Refused
from tests.probe.test_dialstring import HOSTILE

LAB = GuardConfig(allow=("+1555000*", "+19495431333"))


def reason(number: str, config: GuardConfig = LAB) -> str:
    try:
        guard.check(number, config)
    except Refused as refused:
        complete = refused.message and refused.hint and refused.status == STATUSES[refused.reason]
        return refused.reason if complete else "incomplete"
    return "passes"


def test_nothing_is_callable_by_default() -> None:
    assert reason("+15550000001", GuardConfig()) == "disabled"


@pytest.mark.parametrize("number", [*HOSTILE, "+1555000", "+123456", "+9991234567", "+1555000000112345"])
def test_what_is_no_number(number: str) -> None:
    assert reason(number, GuardConfig(allow=("+*",))) == "invalid_number"


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("+15550000001", "passes"),  # a test range: possible, though not valid
        ("+19495431333", "passes"),
        ("+19495431334", "not_allowed"),
        ("+15551000001", "not_allowed"),
        ("+923244902616", "not_allowed"),
    ],
)
def test_the_allow_list(number: str, outcome: str) -> None:
    assert reason(number) == outcome


DEAR = {
    "premium rate": "+19002345678",
    "shared cost": "+4918012345",
    "UAN": "+445512345678",
    "personal number": "+447012345678",
}


@pytest.mark.parametrize("number", DEAR.values(), ids=DEAR.keys())
def test_numbers_whose_owner_is_paid_must_be_listed_exactly(number: str) -> None:
    assert reason(number, GuardConfig(allow=(number[:5] + "*",))) == "premium"
    assert reason(number, GuardConfig(allow=(number,))) == "passes"


def test_a_number_of_a_kind_nobody_knows_is_ordinary() -> None:
    assert reason("+12125550100", GuardConfig(allow=("+1*",))) == "passes"


@given(st.text(max_size=30))
def test_any_text_is_judged_without_a_fault(number: str) -> None:
    assert reason(number, GuardConfig(allow=("+*",))) in ("passes", "invalid_number", "premium")
    if reason(number, GuardConfig(allow=("+*",))) == "passes":
        assert number.isascii()
        assert number[1:].isdigit()
