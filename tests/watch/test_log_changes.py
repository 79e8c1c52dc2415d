"""What FreeSWITCH logs of its own failures is in its history, once in ten minutes of each kind."""

from exporter.switch.log_event import LOG_EVENTS
from exporter.watch.changes import Change
from exporter.watch.log_changes import AGAIN, REPORTABLE, LogChanges
from tests.watch.builders import HandClock


def test_a_line_that_goes_on_is_told_once_in_a_while() -> None:
    clock, told = HandClock(), list[Change]()
    changes = LogChanges("fs1", clock, told.append)
    began = clock.epoch()
    for _ in range(100):
        changes.on_event("sql_error")
    changes.on_event("queue_overflow")
    clock.now += AGAIN - 1
    changes.on_event("sql_error")
    assert [(change.what, change.subject) for change in told] == [
        ("logged", "SQL errors"),
        ("logged", "a client that does not read"),
    ]
    assert told[0] == Change(began, "fs1", "logged", "SQL errors")
    clock.now += 1
    changes.on_event("sql_error")
    assert len(told) == 3


def test_only_what_is_freeswitchs_own_failure_is_told() -> None:
    told: list[Change] = []
    changes = LogChanges("fs1", HandClock(), told.append)
    for what in ("", *LOG_EVENTS):
        changes.on_event(what)
    assert {change.subject for change in told} == set(REPORTABLE.values())
    assert len(told) == len(REPORTABLE)
