"""Check 14: strangers are a warning from some number on, and where they come from is private."""

import pytest

from exporter.diagnosis.conclusion import diagnose
from exporter.diagnosis.finding import WITHHELD
from exporter.diagnosis.report import report
from exporter.watch.strangers import StrangersSeen
from exporter.watch.subscriptions import STRANGERS
from exporter.watch.top_addresses import Frequent
from tests.diagnosis.snapshots import found, lost, one, snapshot

ADDRESSES = (Frequent("198.51.100.7", 1200), Frequent("2001:db8::5", 3))


@pytest.mark.parametrize(
    ("failures", "scans", "status", "fault", "words"),
    [
        (0, 0, "pass", "", "Few wrong passwords"),
        (19, 19, "pass", "", "Few wrong passwords"),
        (1203, 1, "warn", "guessing", "guess passwords: 1,203 wrong passwords and 1 scan in the last 10 min"),
        (1, 20, "warn", "scanning", "scan FreeSWITCH: 1 wrong password and 20 scans in the last 10 min"),
    ],
)
def test_strangers_are_a_warning_from_some_number_on(
    failures: int, scans: int, status: str, fault: str, words: str
) -> None:
    finding = one(
        snapshot(strangers=StrangersSeen(600.0, failures, scans, ADDRESSES, 0, "", None)), "strangers"
    )
    assert (finding.status, finding.fault) == (status, fault)
    assert words in finding.summary
    if status == "warn":
        assert "most from 198.51.100.7 (1,200), 2001:db8::5 (3)" in finding.evidence
        assert "log-auth-failures" in finding.remedy.advice
        assert finding.remedy.commands


def test_a_flood_says_that_nothing_is_counted() -> None:
    finding = one(snapshot(strangers=StrangersSeen(600.0, 9000, 0, ADDRESSES, 0, "", 12.0)), "strangers")
    assert (finding.status, finding.fault) == ("warn", "flood")
    assert "not counted for 12 s; before, 9,000 wrong passwords" in finding.seen


def test_a_registration_after_many_wrong_passwords_is_a_failure() -> None:
    seen = StrangersSeen(600.0, 1203, 1, ADDRESSES, 2, "198.51.100.7", None)
    findings = found(snapshot(strangers=seen), "strangers")
    assert [(one.status, one.fault) for one in findings] == [("fail", "guessed"), ("warn", "guessing")]
    assert "2 registrations" in findings[0].summary
    assert findings[0].private == "the last from 198.51.100.7"
    few = StrangersSeen(600.0, 2, 0, ADDRESSES, 1, "198.51.100.7", None)
    assert one(snapshot(strangers=few), "strangers").fault == "guessed"


def test_without_the_events_the_check_is_skipped() -> None:
    assert one(lost("refused", strangers=None), "strangers").status == "not_checked"
    denied = one(snapshot(denied=frozenset(STRANGERS)), "strangers")
    assert (denied.status, denied.seen) == (
        "not_checked",
        "The event socket user may not receive the events about strangers",
    )


def test_the_public_diagnosis_has_no_address_and_is_else_the_same() -> None:
    seen = diagnose(snapshot(strangers=StrangersSeen(600.0, 1203, 1, ADDRESSES, 0, "", None)))
    public = seen.public()
    assert "198.51.100.7" in str(report([seen]))
    assert "198.51.100.7" not in str(report([public]))
    assert WITHHELD in str(report([public]))
    assert public.conclusion.text == seen.conclusion.text
    assert public.conclusion.cause in public.findings
    assert [finding.summary for finding in public.findings] == [f.summary for f in seen.findings]
    nothing = diagnose(snapshot())
    assert nothing.public() is nothing
