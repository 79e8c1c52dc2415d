"""Check 15: a watched subscriber that is not registered is a failure, and how it went is said."""

import pytest

from exporter.diagnosis.check_subscribers import MAX_NAMED
from exporter.watch.subscribers import NO_OPTIONS
from tests.diagnosis.snapshots import found, lost, one, snapshot, subscriber

GONE = {"registered": False}


@pytest.mark.parametrize(
    ("changes", "status", "fault", "seen"),
    [
        ({}, "pass", "", ""),
        (GONE, "warn", "not_registered", "since "),
        ({**GONE, "seen": False}, "warn", "not_registered", "since before "),
        ({**GONE, "how": "expired"}, "warn", "not_registered", ": the telephone did not refresh"),
        ({**GONE, "how": "unregistered"}, "warn", "not_registered", ": the telephone unregistered"),
        ({**GONE, "how": NO_OPTIONS}, "warn", "not_registered", ": the telephone answered no OPTIONS"),
        ({"reachable": False}, "warn", "no_options", "last at 192.0.2.9, phone/1.0"),
        ({"registered": None}, "not_checked", "", "Not known of 1 of 1"),
    ],
)
def test_a_subscriber_that_cannot_be_called_is_named(
    changes: dict[str, object], status: str, fault: str, seen: str
) -> None:
    finding = one(snapshot(subscribers=(subscriber(**changes),)), "subscribers")
    assert (finding.status, finding.fault) == (status, fault)
    assert seen in finding.evidence
    if fault:
        assert "1000@lab.local" in finding.summary
        assert "192.0.2.9" not in finding.seen  # private
        assert finding.remedy.advice


def test_since_says_before_only_if_the_change_was_not_watched() -> None:
    assert "before" not in one(snapshot(subscribers=(subscriber(**GONE),)), "subscribers").seen


def test_the_check_is_skipped_where_nothing_is_known() -> None:
    assert "names no subscribers" in one(snapshot(subscribers=()), "subscribers").summary
    assert one(snapshot(subscribers=None), "subscribers").status == "not_checked"
    assert one(lost("refused", subscribers=None), "subscribers").status == "not_checked"


def test_many_are_named_in_part_the_gravest_first() -> None:
    gone = [subscriber(name=f"{number}@lab.local", registered=False) for number in range(3 * MAX_NAMED)]
    findings = found(snapshot(subscribers=(subscriber(reachable=False), *gone)), "subscribers")
    assert len(findings) == MAX_NAMED
    assert {finding.fault for finding in findings} == {"not_registered"}


def test_what_a_telephone_says_is_shown_on_one_line() -> None:
    hostile = subscriber(registered=False, agent="\x1b[31m<script>\n" * 20)
    evidence = one(snapshot(subscribers=(hostile,)), "subscribers").evidence
    assert evidence.isprintable()
    assert len(evidence) < 300
