"""When an outage begins and ends: each rule once, by what the tracker is told."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from exporter.history.model import MAX_CHANGES_BEFORE, MAX_PHASES, Layer, Outage, Phase
from exporter.history.outage import MAX_ENTRIES, Evidence, OutageTracker
from exporter.history.store import Subject
from exporter.watch.changes import Change
from exporter.watch.verdict import GATEWAY_PROBLEMS

EPOCH = 1_795_000_000.0
NOTHING = Evidence()


@dataclass
class Told:
    """A tracker and the clocks it is told; `rows` is what a store would keep."""

    layer: Layer = "gateway"
    late: float = 0.0
    now: float = 0.0
    step: float = 0.0
    evidence: Evidence = NOTHING
    changes: tuple[Change, ...] = ()
    rows: dict[int, Outage] = field(default_factory=dict)
    began: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tracker = self.make()

    def make(self) -> OutageTracker:
        return OutageTracker(
            self.layer,
            Subject("fs1", "telnyx", "external") if self.layer == "gateway" else Subject("fs1", "", ""),
            put=self.put,
            on_begun=self.began.append,
            read=lambda: self.evidence,
            changes=lambda _: self.changes,
            late=self.late,
        )

    def put(self, outage: Outage) -> None:
        self.rows[outage.id] = outage

    @property
    def epoch(self) -> float:
        return EPOCH + self.now + self.step

    def look(self, problem: str, detail: str = "") -> None:
        self.tracker.look(problem, detail, self.now, self.epoch)

    def wait(self, seconds: float) -> None:
        """Time passes in ticks of a second, as in the daemon."""
        until = self.now + seconds
        while self.now < until:
            self.now = min(self.now + 1, until)
            if self.tracker.waiting:
                self.tracker.advance(self.now, self.epoch)
                if self.tracker.dirty:
                    self.write()

    def write(self) -> None:
        self.tracker.write(self.now, self.epoch)

    def unwatched(self) -> None:
        self.tracker.unwatched(self.now, self.epoch)

    def restart(self, gap: float) -> None:
        """The exporter is killed and comes back: only the rows are left."""
        last = self.epoch
        self.now += gap
        self.tracker = self.make()
        rows = sorted(self.rows.values(), key=lambda row: row.began)
        for row in rows:
            if row.ended is not None:
                self.tracker.remember(row, self.now, self.epoch)
        for row in rows:
            if row.ended is None:
                self.tracker.resume(row, last, self.now, self.epoch)

    def outage(self) -> Outage | None:
        return self.tracker.outage

    def only(self) -> Outage:
        [row] = self.rows.values()
        return row


@pytest.mark.parametrize("problem", sorted(set(GATEWAY_PROBLEMS) - {"none", "unmonitored", "registering"}))
def test_more_than_three_seconds_of_any_problem_are_an_outage(problem: str) -> None:
    told = Told()
    told.look("none")
    told.wait(10)
    told.look(problem, "503 Unavailable")
    told.wait(3)
    assert told.outage() is None
    told.wait(0.1)
    assert told.outage() is not None
    told.wait(60)
    told.look("none")
    row = told.only()
    assert row.began == EPOCH + 10
    assert row.seconds == pytest.approx(63.1)
    assert row.ended == pytest.approx(EPOCH + 73.1)
    assert (row.problem, row.detail, row.ended_unwatched) == (problem, "503 Unavailable", False)
    assert told.tracker.begun == 1
    assert told.began == [EPOCH + 10]


@pytest.mark.parametrize(
    ("looks", "outages"),
    [
        ([("none", 100.0)], 0),
        ([("unmonitored", 100.0)], 0),
        ([("registering", 9.9), ("none", 1.0)], 0),
        ([("registering", 10.1), ("none", 1.0)], 1),
        ([("registering", 9.0), ("unreachable", 1.1), ("none", 1.0)], 1),
        ([("registering", 7.0), ("unreachable", 2.9), ("none", 1.0)], 0),
        ([("unreachable", 2.0), ("registering", 2.0), ("rejected", 1.1), ("none", 1.0)], 1),
        ([("unreachable", 2.0), ("none", 0.1), ("unreachable", 2.0), ("none", 1.0)], 0),
        ([("unreachable", 2.0), ("unmonitored", 0.1), ("unreachable", 2.0), ("none", 1.0)], 0),
        ([("missing", 5.0), ("none", 5.0)] * 7, 7),
        ([("missing", 0.4), ("none", 0.4)] * 100, 0),
    ],
)
def test_suspicions_and_outages(looks: list[tuple[str, float]], outages: int) -> None:
    told = Told()
    for problem, seconds in looks:
        told.look(problem)
        told.wait(seconds)
    assert told.tracker.begun == len(told.rows) == outages


def test_one_that_nobody_advanced_while_it_lasted_is_one_all_the_same() -> None:
    told = Told()
    told.look("unreachable")
    told.now = 3.5
    told.look("none")
    assert (told.only().seconds, told.only().ended, told.tracker.begun) == (3.5, EPOCH + 3.5, 1)


def test_an_outage_has_the_problems_it_went_through() -> None:
    told = Told()
    for problem, detail in [
        ("registering", ""),
        ("unreachable", ""),
        ("auth_rejected", "403 No"),
        ("none", ""),
    ]:
        told.look(problem, detail)
        told.wait(4)
    row = told.only()
    assert row.course == (
        Phase(EPOCH, "registering"),
        Phase(EPOCH + 4, "unreachable"),
        Phase(EPOCH + 8, "auth_rejected", "403 No"),
    )
    assert (row.problem, row.problems) == ("auth_rejected", ("registering", "unreachable", "auth_rejected"))


def test_another_answer_is_another_phase_and_phases_are_bounded() -> None:
    told = Told()
    for number in range(100):
        told.look("rejected", f"5{number:02} No")
        told.wait(4)
    outage = told.outage()
    assert outage is not None
    assert [phase.detail[:3] for phase in outage.course] == [
        *(f"5{number:02}" for number in range(MAX_PHASES - 1)),
        "599",
    ]


def test_time_without_looks_is_neither_up_nor_down() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(10)
    told.unwatched()
    told.wait(100)
    assert told.outage() is not None
    told.look("registering")
    told.wait(5)
    told.look("none")
    row = told.only()
    assert (row.began, row.ended, row.seconds) == (EPOCH, EPOCH + 115, 15)
    assert not row.ended_unwatched
    assert row.problems == ("unreachable", "registering")


def test_an_outage_that_is_over_at_the_first_look_ended_unwatched() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(10)
    told.unwatched()
    told.wait(100)
    told.look("none")
    assert (told.only().ended, told.only().seconds) == (EPOCH + 110, 10)
    assert told.only().ended_unwatched


def test_a_suspicion_that_meets_a_time_without_looks_is_dropped() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(2)
    told.unwatched()
    told.wait(100)
    told.look("unreachable")
    told.wait(2)
    told.look("none")
    assert not told.rows


def test_a_killed_exporter_finds_the_outage_still_on() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(10)
    told.write()
    told.restart(gap=30)
    resumed = told.outage()
    assert resumed is not None
    assert resumed.began == EPOCH
    assert told.tracker.begun_since(EPOCH) == 1
    told.look("registering")
    told.wait(2)
    told.look("none")
    row = told.only()
    assert (row.began, row.ended, row.seconds) == (EPOCH, EPOCH + 42, 12)
    assert row.ended_unwatched is False
    assert told.tracker.begun == 0  # it was counted by the process in which it began


def test_a_killed_exporter_finds_the_outage_over() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(10)
    told.write()
    told.restart(gap=30)
    told.look("none")
    assert (told.only().ended, told.only().seconds) == (EPOCH + 40, 10)
    assert told.only().ended_unwatched
    assert told.tracker.changed == EPOCH + 40


def test_one_that_is_read_after_the_first_look_goes_on_if_what_that_saw_still_lasts() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(10)
    told.write()
    old = told.only()
    told.now += 30
    told.tracker = told.make()
    told.look("registering")
    told.wait(2)
    told.look("auth_rejected")
    told.tracker.resume(old, EPOCH + 10, told.now, told.epoch)
    told.wait(8)
    told.look("none")
    assert (told.only().began, told.only().ended, told.only().seconds) == (EPOCH, EPOCH + 50, 20)
    assert told.only().problems == ("unreachable", "registering", "auth_rejected")
    assert told.tracker.begun == 0


def test_earlier_outages_that_are_read_late_end_with_the_first_look() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(10)
    told.write()
    old = told.only()
    told.now += 30
    told.tracker = told.make()
    told.look("unreachable")
    told.wait(5)
    told.tracker.resume(old, EPOCH + 10, told.now, told.epoch)
    ended, lasts = sorted(told.rows.values(), key=lambda row: row.began)
    assert (ended.ended, ended.ended_unwatched) == (EPOCH + 40, True)
    assert (lasts.began, lasts.ended) == (EPOCH + 40, None)
    assert told.tracker.begun_since(0) == 2


def test_one_that_is_forgotten_ends_then_and_one_that_nobody_looks_for_at_the_last_look() -> None:
    told = Told()
    told.look("missing")
    told.wait(10)
    told.tracker.forget(told.now, told.epoch)
    assert (told.only().ended, told.only().ended_unwatched) == (EPOCH + 10, False)
    told = Told()
    told.look("missing")
    told.wait(10)
    told.unwatched()
    told.wait(100)
    told.write()
    told.tracker.abandon()
    assert (told.only().ended, told.only().ended_unwatched) == (EPOCH + 10, True)


def test_the_last_look_stays_as_long_ago_as_it_is_when_the_clock_steps() -> None:
    told = Told()
    told.look("missing")
    told.wait(10)
    told.unwatched()
    told.wait(100)
    told.step = 86_400.0
    told.write()
    told.tracker.abandon()
    assert told.only().ended == EPOCH + 10 + 86_400


def test_it_is_up_since_earlier_processes_have_looked_unless_there_was_an_outage() -> None:
    told = Told()
    told.look("none")
    told.tracker.looked_since(EPOCH - 500)
    assert told.tracker.changed == EPOCH - 500
    told.tracker.looked_since(EPOCH - 100)
    assert told.tracker.changed == EPOCH - 500
    told.look("unreachable")
    told.wait(5)
    told.tracker.looked_since(EPOCH - 700)
    assert told.tracker.changed == EPOCH
    told.look("none")
    told.tracker.looked_since(EPOCH - 700)
    assert told.tracker.changed == EPOCH + 5


@pytest.mark.parametrize("step", [86_400.0, -172_800.0, 1.5, -1.5])
def test_a_step_of_the_clock_moves_the_beginning_and_no_duration(step: float) -> None:
    told = Told()
    told.look("none")
    told.wait(5)
    told.look("unreachable")
    told.wait(10)
    told.step = step
    told.wait(10)
    told.look("rejected")
    outage = told.outage()
    assert outage is not None
    assert (outage.began, outage.seconds) == (EPOCH + 5 + step, 20)
    told.look("none")
    row = told.only()
    assert (row.began, row.ended, row.seconds) == (EPOCH + 5 + step, EPOCH + 25 + step, 20)
    assert [phase.at for phase in row.course] == [EPOCH + 5 + step, EPOCH + 25 + step]


def test_how_long_it_has_been_well_survives_a_step_of_the_clock() -> None:
    told = Told()
    told.look("none")
    told.wait(50)
    told.step = -172_800.0
    told.look("unmonitored")
    assert told.tracker.changed == told.epoch - 50


def test_an_exporter_that_comes_back_on_an_earlier_day_ends_nothing_before_it_began() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(10)
    told.write()
    told.step = -172_800.0
    told.restart(gap=5)
    told.look("none")
    row = told.only()
    assert row.ended is not None
    assert row.ended >= row.began
    assert row.seconds == 10


def test_more_than_sixty_an_hour_share_the_latest_entry() -> None:
    told = Told()
    cycles = 200
    for _ in range(cycles):
        told.look("rejected", "503")
        told.wait(5)
        told.look("none")
        told.wait(5)
    assert told.tracker.begun == cycles
    assert len(told.rows) == MAX_ENTRIES
    assert sum(row.times for row in told.rows.values()) == cycles == told.tracker.begun_since(0)
    assert sum(row.seconds for row in told.rows.values()) == pytest.approx(cycles * 5)
    told.wait(3600)
    told.look("rejected")
    told.wait(5)
    assert len(told.rows) == MAX_ENTRIES + 1  # an hour later there is room again


def test_the_limit_holds_across_restarts() -> None:
    told = Told()
    for _ in range(2 * MAX_ENTRIES):
        told.look("rejected")
        told.wait(5)
        told.look("none")
        told.restart(gap=1)
    assert len(told.rows) == MAX_ENTRIES


def test_what_failed_meanwhile_is_evidence() -> None:
    told = Told(evidence=Evidence(5, 5, 5))
    told.look("unreachable")
    told.evidence = Evidence(6, 7, 8)
    told.wait(5)
    told.write()
    assert (told.only().calls_failed, told.only().dials_refused, told.only().probes_failed) == (1, 2, 3)
    told.evidence = Evidence()
    told.restart(gap=1)
    told.look("unreachable")
    told.evidence = Evidence(1, 1, 1)
    told.look("none")
    told.evidence = Evidence(9, 9, 9)
    told.wait(100)
    assert (told.only().calls_failed, told.only().dials_refused, told.only().probes_failed) == (2, 3, 4)


def test_refused_dials_that_polls_report_late_still_belong_to_it() -> None:
    told = Told(late=15)
    told.look("unreachable")
    told.wait(5)
    told.look("none")
    told.evidence = Evidence(calls_failed=3, dials_refused=2)
    told.wait(2)
    assert (told.only().calls_failed, told.only().dials_refused) == (0, 2)
    told.evidence = Evidence(dials_refused=4)
    told.wait(2)
    assert told.only().dials_refused == 4
    told.wait(20)
    assert not told.tracker.waiting
    told.evidence = Evidence(dials_refused=9)
    told.look("none")
    assert told.only().dials_refused == 4


def test_refused_dials_are_of_one_outage_only() -> None:
    told = Told(late=15)
    told.look("unreachable")
    told.wait(5)
    told.look("none")
    told.wait(1)
    told.evidence = Evidence(dials_refused=1)
    told.look("unreachable")
    told.evidence = Evidence(dials_refused=3)
    told.wait(5)
    told.look("none")
    first, second = told.rows.values()
    assert (first.dials_refused, second.dials_refused) == (1, 2)


def test_the_changes_before_it_are_kept_with_it() -> None:
    change = Change(EPOCH - 40, "fs1", "xml_reloaded")
    told = Told(changes=(change,))
    told.look("unreachable")
    told.wait(5)
    told.changes = ()
    told.look("none")
    assert told.only().changes_before == (change,)


def test_changes_that_are_noticed_late_are_kept_with_it_if_they_were_before() -> None:
    early, late = Change(EPOCH + 1, "fs1", "gateway_deleted"), Change(EPOCH + 4, "fs1", "paused")
    told = Told(changes=(Change(EPOCH - 40, "fs1", "xml_reloaded"),))
    told.tracker.note_change(early)  # there is no outage
    told.look("unreachable")
    told.wait(5)
    told.tracker.note_change(late)
    told.tracker.note_change(early)
    told.write()
    assert [change.what for change in told.only().changes_before] == ["gateway_deleted", "xml_reloaded"]
    for _ in range(2 * MAX_CHANGES_BEFORE):
        told.tracker.note_change(early)
    told.look("none")
    assert [change.what for change in told.only().changes_before] == ["gateway_deleted"] * MAX_CHANGES_BEFORE


@pytest.mark.parametrize("problem", ["refused", "timeout", "auth_rejected", "hung", "shutdown"])
def test_a_switch_is_well_only_while_it_is_connected(problem: str) -> None:
    told = Told(layer="switch")
    told.look(problem, "a sentence")
    told.wait(4)
    assert told.outage() is not None
    told.look("none")
    row = told.only()
    assert (row.layer, row.gateway, row.profile, row.detail) == ("switch", "", "", "a sentence")


def test_since_when_and_how_often() -> None:
    told = Told()
    assert not told.tracker.looked
    told.look("none")
    told.wait(10)
    assert told.tracker.changed == EPOCH
    told.look("unreachable")
    told.wait(5)
    assert told.tracker.changed == EPOCH + 10
    told.look("none")
    told.wait(5)
    assert told.tracker.changed == EPOCH + 15
    told.restart(gap=60)
    told.look("none")
    assert told.tracker.changed == EPOCH + 15
    assert (told.tracker.begun_since(EPOCH + 10), told.tracker.begun_since(EPOCH + 11)) == (1, 0)
    assert told.tracker.last == told.only()


def test_entries_are_plain_values() -> None:
    told = Told()
    told.look("unreachable")
    told.wait(5)
    row = told.only()
    assert msgspec.json.decode(msgspec.json.encode(row), type=Outage) == row
    fields: Any = msgspec.to_builtins(row)
    assert 0 < fields["id"] < 2**53
