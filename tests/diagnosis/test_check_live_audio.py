"""Part of check 9: running calls in which nothing is heard any more, and why they are not looked at."""

import pytest

from tests.diagnosis.snapshots import found, gateway, one, snapshot, switch


@pytest.mark.parametrize(
    ("sampled", "silent", "status"),
    [(20, 5, "fail"), (3, 3, "fail"), (20, 4, "warn"), (2, 2, "warn"), (1, 1, "warn")],
)
def test_silent_calls_fail_where_the_alert_would_fire(sampled: int, silent: int, status: str) -> None:
    seen = gateway(live={"outbound": (sampled, silent), "inbound": (7, 0)})
    finding = one(snapshot(gateways=(seen,)), "calls")
    assert (finding.fault, finding.status, finding.gateway) == ("silent_now", status, "telnyx")
    assert f"nothing is heard now in {silent} of {sampled} running outbound calls" in finding.summary
    assert finding.remedy.advice


@pytest.mark.parametrize("live", [{}, {"outbound": (0, 0)}, {"outbound": (12, 0), "inbound": (3, 0)}])
def test_calls_that_are_heard_or_not_looked_at_are_no_finding(live: dict[str, tuple[int, int]]) -> None:
    assert one(snapshot(gateways=(gateway(live=live),)), "calls").status == "pass"


def test_what_they_cost_is_their_number() -> None:
    finding = one(snapshot(gateways=(gateway(live={"outbound": (12, 2)}),)), "calls")
    assert (finding.fault, finding.failed) == ("silent_now", 2)


def test_the_calls_of_two_gateways_of_one_name_are_told_once() -> None:
    live = {"outbound": (4, 4)}
    both = (gateway(live=live), gateway(profile="internal", live=live))
    assert [finding.fault for finding in found(snapshot(gateways=both), "calls")] == ["silent_now"]


@pytest.mark.parametrize("denied", ["api uuid_set_media_stats", "api uuid_dump"])
def test_the_line_that_an_account_lacks_is_named(denied: str) -> None:
    finding = one(snapshot(denied=frozenset({denied})), "commands")
    assert (finding.fault, finding.status) == ("audio_denied", "warn")
    assert denied.removeprefix("api ") in finding.remedy.advice
    assert "live_quality" in finding.remedy.advice


def test_a_question_without_an_answer_is_a_finding_and_no_fault_of_the_database() -> None:
    late = snapshot(switch=switch(audio_unanswered=True))
    assert one(late, "commands").fault == "audio_unanswered"
    assert one(late, "database").status == "pass"
