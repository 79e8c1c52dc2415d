"""Which finding is the cause, which are its consequences, and which of several causes comes first."""

from dataclasses import replace
from graphlib import TopologicalSorter

import pytest

from exporter.diagnosis.conclusion import CHECKS, EXPLAINS, Conclusion, conclude
from exporter.diagnosis.finding import CheckName, Finding, Status, not_checked, passed


def problem(check: CheckName, fault: str, gateway: str = "", status: Status = "fail") -> Finding:
    return Finding(
        check=check, status=status, fault=fault, gateway=gateway, summary=f"{check} {fault} {gateway}"
    )


def test_nothing_explains_itself_in_a_circle() -> None:
    """Otherwise every finding of the circle would be a consequence, and none the cause."""
    graph: dict[str, set[str]] = {}
    for row in EXPLAINS:
        graph.setdefault(row.check, set()).update(row.explains)
    list(TopologicalSorter(graph).static_order())


def test_the_checks_are_numbered_as_they_stand() -> None:
    assert [check.number for check in CHECKS] == list(range(1, 17))


@pytest.mark.parametrize(
    ("cause", "consequence"),
    [
        (problem("commands", "paused"), problem("call", "DESTINATION_OUT_OF_ORDER", "a")),
        (problem("commands", "session_limit"), problem("log", "logged_errors", status="warn")),
        (
            problem("commands", "rate_reached", status="warn"),
            problem("calls", "DESTINATION_OUT_OF_ORDER", "a"),
        ),
        (problem("commands", "rate_limit"), problem("calls", "capacity", status="warn")),
        (problem("commands", "no_rtp_ports"), problem("calls", "no_rtp_ports")),
        (problem("profile", "profile_down", "a"), problem("calls", "refused", "")),
        (problem("profile", "profile_down"), problem("calls", "unknown_gateway", "a", "warn")),
        (problem("gateway", "missing", "a"), problem("calls", "unknown_gateway", "a", "warn")),
        (problem("gateway", "missing", "a"), problem("call", "INVALID_GATEWAY", "a")),
        (problem("registration", "auth_rejected", "a"), problem("calls", "refused", "a")),
        (problem("provider", "name_not_resolved", "a"), problem("registration", "unreachable", "a")),
        (problem("call", "billing", "a"), problem("calls", "billing", "a", "warn")),
    ],
)
def test_consequences_are_told_apart_from_causes(cause: Finding, consequence: Finding) -> None:
    conclusion = conclude([consequence, cause])
    assert conclusion.cause is not None
    assert replace(conclusion.cause, status=cause.status) == cause
    assert conclusion.consequences == (consequence,)
    assert conclusion.others == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (problem("registration", "auth_rejected", "a"), problem("calls", "refused", "b")),
        (problem("commands", "paused"), problem("registration", "auth_rejected", "a")),
        (problem("commands", "clock_skew"), problem("call", "billing", "a")),
        (problem("registration", "unmonitored", "a", "warn"), problem("calls", "billing", "a", "warn")),
        (problem("commands", "rate_limit"), problem("calls", "billing", "a")),
        (problem("commands", "rate_limit"), problem("calls", "unknown_gateway", "b")),
        (problem("commands", "paused"), problem("calls", "silent_now", "a")),
        (problem("commands", "session_limit"), problem("calls", "call_limit", "a")),
        (problem("registration", "unreachable", "a"), problem("calls", "capacity")),
        (problem("registration", "unreachable", "a"), problem("calls", "not_registered")),
        (problem("registration", "unreachable", "a"), problem("calls", "unknown_user")),
        (problem("registration", "unreachable", "a"), problem("calls", "call_limit", "a")),
        (problem("gateway", "missing", "a"), problem("calls", "not_registered")),
        (problem("profile", "profile_down"), problem("calls", "capacity")),
        (problem("provider", "name_not_resolved", "a"), problem("calls", "no_rtp_ports")),
        (problem("calls", "billing", "a"), problem("call", "no_media", "a")),
        (problem("calls", "billing", "a"), problem("backend", "disconnected")),
    ],
)
def test_an_unrelated_problem_is_another_cause(one: Finding, other: Finding) -> None:
    conclusion = conclude([one, other])
    assert conclusion.cause == one
    assert conclusion.others == (other,)
    assert conclusion.consequences == ()


def test_a_finding_about_several_gateways_goes_with_these_alone() -> None:
    several = replace(problem("registration", "unreachable"), gateways=("a", "b"))
    refused, other = problem("calls", "refused", "b"), problem("calls", "refused", "c")
    log = replace(problem("log", "logged_errors", status="warn"), gateways=("b", "c"))
    conclusion = conclude([several, refused, other, log])
    assert causes(conclusion) == [several, other]
    assert conclusion.consequences == (refused, log)
    billing = problem("calls", "billing", "d")
    assert causes(conclude([billing, log])) == [billing, log]


def test_capacity_of_a_gateway_is_a_code_of_its_provider() -> None:
    limit, code = problem("commands", "rate_limit"), problem("calls", "capacity", "a", "warn")
    assert causes(conclude([limit, code])) == [limit, code]
    down = problem("registration", "unreachable", "a")
    assert conclude([down, code]).consequences == (code,)


def test_a_failure_comes_before_a_warning_of_an_earlier_check() -> None:
    skew, rejected = (
        problem("commands", "clock_skew", status="warn"),
        problem("registration", "rejected", "a"),
    )
    conclusion = conclude([skew, rejected])
    assert (conclusion.cause, conclusion.others, conclusion.status) == (rejected, (skew,), "fail")


def test_a_warning_that_causes_a_failure_comes_before_other_warnings() -> None:
    skew = problem("commands", "clock_skew", status="warn")
    limit = problem("commands", "rate_reached", status="warn")
    conclusion = conclude([skew, limit, problem("call", "DESTINATION_OUT_OF_ORDER", "a")])
    assert conclusion.cause == replace(limit, status="fail")  # as grave as what it brings about
    assert conclusion.status == "fail"


def test_the_text_says_what_is_ok_before_the_first_failure() -> None:
    rejected = problem("registration", "auth_rejected", "telnyx")
    assert conclude([rejected]).text == "registration auth_rejected telnyx. FreeSWITCH itself is OK."
    assert conclude([problem("port", "refused")]).text == "port refused ."
    skew = problem("commands", "clock_skew", status="warn")
    assert conclude([skew]).text == "No check failed. Warning: commands clock_skew ."


def test_no_problem_and_nothing_checked_are_told_apart() -> None:
    ok = [passed(check.name, "ok") for check in CHECKS]
    assert conclude(ok).text == "No problems found."
    skipped = not_checked("call", "No call was requested")
    assert conclude([*ok, skipped]).status == "pass"
    assert conclude([*ok, skipped]).text == "No problems found (1 check skipped)."
    assert conclude([*ok, skipped, skipped]).text == "No problems found (2 checks skipped)."
    assert conclude([not_checked("port", "not yet")]).text == "Nothing could be checked yet."


def causes(conclusion: Conclusion) -> list[Finding]:
    return [one.cause for one in conclusion.ranking]


def costing(check: CheckName, fault: str, gateway: str = "", failed: int = 0) -> Finding:
    return replace(problem(check, fault, gateway), failed=failed)


def test_of_equals_the_one_that_costs_most_calls_comes_first() -> None:
    idle, unlisted = problem("registration", "rejected", "b"), problem("registration", "rejected", "stray")
    some, most = costing("calls", "billing", "c", 7), problem("registration", "auth_rejected", "a")
    dials = costing("calls", "refused", "a", 40)
    paused = problem("commands", "paused")
    conclusion = conclude([unlisted, idle, most, some, dials], listed=["a", "b", "c"])
    assert causes(conclusion) == [most, some, idle, unlisted]
    assert conclude([most, dials, paused], listed=["a"]).cause == paused


def test_calls_that_cost_now_come_before_what_costs_none() -> None:
    """Of running calls in which nothing is heard, and of those without an RTP port, the number counts."""
    unmonitored = problem("registration", "unmonitored", "a", "warn")
    silent = replace(costing("calls", "silent_now", "b", 1), status="warn")
    assert causes(conclude([unmonitored, silent])) == [silent, unmonitored]


def test_a_gateway_that_is_down_accounts_for_no_dial_to_one_that_does_not_exist() -> None:
    down, unknown = problem("registration", "unreachable", "a"), problem("calls", "unknown_gateway")
    assert causes(conclude([down, unknown])) == [down, unknown]
