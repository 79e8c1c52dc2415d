"""What is the cause, what follows from it, and which of several causes comes first."""

from graphlib import TopologicalSorter

import pytest

from exporter.diagnosis.checks import CHECKS
from exporter.diagnosis.conclusion import EXPLAINS, conclude
from exporter.diagnosis.finding import CheckName, Finding, Status, not_checked, passed


def problem(check: CheckName, fault: str, gateway: str = "", status: Status = "fail") -> Finding:
    return Finding(
        check=check, status=status, fault=fault, gateway=gateway, summary=f"{check} {fault} {gateway}"
    )


def test_nothing_explains_itself_in_a_circle() -> None:
    """Else every finding of the circle would be a consequence, and none the cause."""
    graph: dict[str, set[str]] = {}
    for row in EXPLAINS:
        graph.setdefault(row.check, set()).update(row.explains)
    list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    ("cause", "consequence"),
    [
        (problem("commands", "paused"), problem("call", "DESTINATION_OUT_OF_ORDER", "a")),
        (problem("commands", "session_limit"), problem("log", "logged_errors", status="warn")),
        (problem("commands", "rate_limit", status="warn"), problem("calls", "DESTINATION_OUT_OF_ORDER", "a")),
        (problem("profile", "profile_down", "a"), problem("calls", "refused", "")),
        (problem("gateway", "missing", "a"), problem("call", "INVALID_GATEWAY", "a")),
        (problem("registration", "auth_rejected", "a"), problem("calls", "refused", "a")),
        (problem("provider", "name_not_resolved", "a"), problem("registration", "unreachable", "a")),
        (problem("call", "billing", "a"), problem("calls", "billing", "a", "warn")),
    ],
)
def test_consequences_are_marked_as_such(cause: Finding, consequence: Finding) -> None:
    conclusion = conclude([consequence, cause])
    assert conclusion.cause == cause
    assert conclusion.consequences == (consequence,)
    assert conclusion.others == ()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (problem("registration", "auth_rejected", "a"), problem("calls", "refused", "b")),
        (problem("commands", "paused"), problem("registration", "auth_rejected", "a")),
        (problem("commands", "clock_skew"), problem("call", "billing", "a")),
        (problem("registration", "unmonitored", "a", "warn"), problem("calls", "billing", "a", "warn")),
        (problem("calls", "billing", "a"), problem("call", "no_media", "a")),
        (problem("calls", "billing", "a"), problem("backend", "disconnected")),
    ],
)
def test_what_has_nothing_to_do_with_it_stands_beside_it(one: Finding, other: Finding) -> None:
    conclusion = conclude([one, other])
    assert conclusion.cause == one
    assert conclusion.others == (other,)
    assert conclusion.consequences == ()


def test_a_failure_comes_before_a_warning_that_stands_earlier_in_the_list() -> None:
    skew, rejected = (
        problem("commands", "clock_skew", status="warn"),
        problem("registration", "rejected", "a"),
    )
    conclusion = conclude([skew, rejected])
    assert (conclusion.cause, conclusion.others, conclusion.status) == (rejected, (skew,), "fail")


def test_a_warning_from_which_a_failure_follows_comes_before_a_mere_warning() -> None:
    skew = problem("commands", "clock_skew", status="warn")
    limit = problem("commands", "rate_limit", status="warn")
    conclusion = conclude([skew, limit, problem("call", "DESTINATION_OUT_OF_ORDER", "a")])
    assert conclusion.cause == limit


def test_it_says_how_far_all_is_well() -> None:
    rejected = problem("registration", "auth_rejected", "telnyx")
    assert conclude([rejected]).text == "FreeSWITCH is fine; registration auth_rejected telnyx."
    assert conclude([problem("port", "refused")]).text == "Port refused ."
    skew = problem("commands", "clock_skew", status="warn")
    assert conclude([skew]).text == "Nothing is broken. One warning: commands clock_skew ."


def test_all_well_and_nothing_known_are_told_apart() -> None:
    well = [passed(check.name, "well") for check in CHECKS]
    assert conclude(well).text == "All is well."
    assert conclude([*well, not_checked("call", "nobody asked")]).status == "pass"
    assert conclude([not_checked("port", "not yet")]).text == "Nothing could be checked yet."
