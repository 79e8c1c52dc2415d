"""The verdict: every row of the table decides something, and nothing decides against it."""

import itertools

import pytest

from exporter.watch.verdict import (
    GATEWAY_PROBLEMS,
    GATEWAY_STATES,
    PING_FLIP,
    TABLE,
    TIMED_OUT,
    Facts,
    usable,
    verdict,
)

CASES = [
    # a healthy switch and trunk
    (Facts(state="REGED", up=True), "none"),
    (Facts(state="REGED", up=True, ping_interval=10, ping_pending=2.9), "none"),
    (Facts(state="REGISTER", up=True), "none"),
    (Facts(state="UNREGED", up=True), "none"),  # a refresh that goes the long way round
    (Facts(state="TRYING", up=True, in_state=4.9), "none"),
    (Facts(state="NOREG", up=True, ping_interval=10, ping_answered=True), "none"),
    # nobody can tell
    (Facts(readable=False, state="REGED", up=True), "unknown"),
    (Facts(state="UNKNOWN"), "unknown"),
    (Facts(state="EXPIRED"), "unknown"),
    # gone
    (Facts(state="REGED", up=True, absent=3.1), "missing"),
    (Facts(state="REGED", up=True, absent=3.1, profile_down=True), "profile_down"),
    (Facts(state="REGED", up=True, absent=2.9), "none"),
    # told not to register
    (Facts(state="DOWN", up=True), "unregistered"),  # without ping FreeSWITCH calls it UP again
    (Facts(state="UNREGISTER"), "unregistered"),
    # no registration
    (Facts(state="NOREG", up=True, registration_expected=True), "not_registering"),
    (Facts(state="NOREG", up=True), "unmonitored"),
    (Facts(state="NOREG", up=True, ping_interval=10), "unmonitored"),  # not answered yet
    (Facts(state="NOREG", up=False, ping_interval=10), "ping_failed"),
    # a far end that has fallen silent
    (
        Facts(state="NOREG", up=True, ping_interval=10, ping_answered=True, ping_pending=3.1),
        "ping_overdue",
    ),
    (Facts(state="REGED", up=True, ping_interval=10, ping_pending=3.1), "ping_overdue"),
    (Facts(state="REGISTER", up=True, ping_interval=10, ping_pending=3.1), "ping_overdue"),
    # on its way up
    (Facts(state="REGISTER", up=False), "registering"),
    (Facts(state="UNREGED", up=False), "registering"),
    (Facts(state="TRYING", up=False, in_state=4.9), "registering"),
    (Facts(state="TRYING", up=False, in_state=5.1), "unreachable"),
    # failing, with the reason latched
    *[(Facts(state="FAIL_WAIT", latched=code), "auth_rejected") for code in (401, 403, 407, 904)],
    *[(Facts(state="TRYING", latched=code), "auth_rejected") for code in (401, 403, 407, 904)],
    *[(Facts(state="FAIL_WAIT", latched=code), "unreachable") for code in (408, 503, TIMED_OUT)],
    (Facts(state="FAIL_WAIT", latched=500), "rejected"),
    (Facts(state="UNREGED", latched=404), "rejected"),
    (Facts(state="FAIL_WAIT", latched=PING_FLIP), "ping_failed"),
    (Facts(state="TIMEOUT"), "unreachable"),
    (Facts(state="FAILED"), "register_failed"),
    (Facts(state="FAIL_WAIT"), "register_failed"),
]


@pytest.mark.parametrize(("facts", "problem"), CASES)
def test_each_case_has_its_word(facts: Facts, problem: str) -> None:
    assert verdict(facts) == problem


def test_every_row_and_every_word_is_met_by_a_case() -> None:
    deciding = {next((i for i, (applies, _) in enumerate(TABLE) if applies(facts)), -1) for facts, _ in CASES}
    assert deciding == {-1, *range(len(TABLE))}
    assert {problem for _, problem in CASES} == set(GATEWAY_PROBLEMS)


def test_no_combination_is_without_a_word_and_a_registered_gateway_is_never_blamed() -> None:
    flags = (False, True)
    codes = (0, 403, 408, 500, PING_FLIP, TIMED_OUT)
    for state, up, expected, code in itertools.product(GATEWAY_STATES, flags, flags, codes):
        facts = Facts(state=state, up=up, registration_expected=expected, latched=code)
        assert verdict(facts) in GATEWAY_PROBLEMS
        if state == "REGED":
            assert verdict(facts) == "none"


def test_usable_is_up_and_nothing_against_it() -> None:
    assert usable("none", up=True)
    assert usable("unmonitored", up=True)
    assert not usable("none", up=False)
    for problem in ("missing", "profile_down", "ping_overdue"):
        assert not usable(problem, up=True)
