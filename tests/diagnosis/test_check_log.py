"""Check 10 in words: a log that is refused, too fast, or tells of worse than errors."""

import pytest

from exporter.diagnosis.check_log import TELLING
from exporter.diagnosis.conclusion import diagnose
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.severity import fault_of
from exporter.switch.log_event import LOG_EVENTS
from exporter.watch.log_lines import LogEntry, LogSeen
from tests.diagnosis.snapshots import found, one, snapshot


def log(seen: LogSeen) -> list[Finding]:
    return found(snapshot(log=seen), "log")


def test_a_user_who_may_not_read_it_learns_the_line_to_add() -> None:
    [finding] = log(LogSeen(9, closed_because="FreeSWITCH answers `log 4` with '-ERR'", refused=True))
    assert (finding.fault, finding.status) == ("denied", "warn")
    assert '<param name="esl-allowed-log" value="true"/>' in finding.remedy.advice
    assert "log 4" in finding.seen


def test_a_log_that_is_not_read_is_not_checked() -> None:
    [finding] = log(LogSeen(9, closed_because="FreeSWITCH closed the connection"))
    assert finding.status == "not_checked"
    assert finding.seen == "The log is not read: FreeSWITCH closed the connection"
    assert one(snapshot(log=None), "log").seen == "The log is not read: log_stream is off"


def test_a_flood_is_a_finding_with_its_figures() -> None:
    [finding] = log(LogSeen(60, unread=12_000, fastest=1_234))
    assert (finding.fault, finding.status) == ("flood", "warn")
    assert "up to 1,234 in a second; 12,000 in the last minute only counted" in finding.seen
    [behind] = log(LogSeen(60, closed_because="faster than it is read", behind=True))
    assert behind.fault == "flood"
    assert "faster than it is read" in behind.seen
    assert behind.summary == "The exporter does not read FreeSWITCH's log as fast as it comes"


@pytest.mark.parametrize("what", TELLING)
def test_what_is_worse_than_an_error_has_a_finding(what: str) -> None:
    assert what in LOG_EVENTS
    [finding] = log(LogSeen(60, {"a.c": 3}, events={what: 3}))
    assert (finding.fault, finding.status) == (what, fault_of("log", what).status)
    assert "3 such lines" in finding.seen
    assert finding.remedy.commands


def test_the_lines_are_for_those_who_may_see_them_and_numbers_are_masked() -> None:
    lines = (LogEntry("", True, "[ERR] a.c:1 call of +15551234567 from 192.0.2.1 failed"),)
    seen = snapshot(log=LogSeen(60, {"a.c": 1}, {}, lines))
    [finding] = found(seen, "log")
    assert "+1555123xxxx" in finding.private
    assert "+15551234567" not in finding.evidence
    [public] = [one for one in diagnose(seen).public().findings if one.check == "log"]
    assert "192.0.2.1" not in public.evidence


def test_only_the_last_lines_are_shown_and_each_is_cut() -> None:
    lines = tuple(LogEntry("", True, f"[ERR] a.c:{n} " + "x" * 1000) for n in range(50))
    [finding] = log(LogSeen(60, {"a.c": 50}, {}, lines))
    assert "a.c:49" in finding.private
    assert "a.c:40" not in finding.private
    assert len(finding.private) < 700
