"""The tracker against the truth, in any sequence of verdicts, losses, restarts and steps of the clock.

Outages never overlap and are never negative. All time is well, suspected, in an outage, or not watched. The
counter of outages and the rows agree.
"""

from itertools import pairwise

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from exporter.history.model import OUTAGE_AFTER, REGISTERING_AFTER, WELL
from exporter.history.outage import MAX_ENTRIES
from tests.history.test_outage import Told

EXACT = 1 / 64  # seconds; sums of such times are exact, so that limits are met by both or by neither
SECONDS = st.one_of(st.integers(1, 128), st.integers(128, 960), st.integers(960, 256_000)).map(
    lambda parts: parts * EXACT
)
GAPS = st.integers(1, 256_000).map(lambda parts: parts * EXACT)
STEPS = st.integers(-200_000, 200_000).map(float)
PROBLEMS = st.sampled_from(["none", "unmonitored", "registering", "unreachable", "rejected", "missing"])


class OutageModel(RuleBasedStateMachine):
    """The truth, second by second, beside the tracker."""

    def __init__(self) -> None:
        super().__init__()
        self.told = Told()
        self.told.look("none")
        self.problem: str | None = "none"  # None: nobody looks
        self.begun = 0  # by the counters of all processes
        self.unwell = self.grave = 0.0  # of the present run of unwell looks
        self.lasts = False
        self.well = self.suspected = self.down = self.blind = 0.0
        self.started = self.told.now

    def _pass(self, seconds: float, *, ticking: bool) -> None:
        if self.problem is None:
            self.blind += seconds
        elif self.problem in WELL:
            self.well += seconds
        else:
            self.unwell += seconds
            self.grave += seconds if self.problem != "registering" else 0.0
            if not self.lasts and (self.grave > OUTAGE_AFTER or self.unwell > REGISTERING_AFTER):
                self.lasts = True
                self.begun += 1
                self.down += self.unwell
                self.suspected -= self.unwell - seconds
            elif self.lasts:
                self.down += seconds
            else:
                self.suspected += seconds
        if ticking:
            self.told.wait(seconds)
        else:
            self.told.now += seconds
        self.told.write()

    def _over(self) -> None:
        self.lasts = False
        self.unwell = self.grave = 0.0

    @rule(problem=PROBLEMS, seconds=SECONDS, ticking=st.booleans())
    def look(self, problem: str, seconds: float, ticking: bool) -> None:
        if problem in WELL:
            self._over()
        self.problem = problem
        self.told.look(problem)
        self._pass(seconds, ticking=ticking)

    @rule(seconds=SECONDS)
    def lose(self, seconds: float) -> None:
        if not self.lasts:
            self._over()
        self.problem = None
        self.told.unwatched()
        self._pass(seconds, ticking=True)

    @rule(gap=GAPS, problem=PROBLEMS)
    def restart(self, gap: float, problem: str) -> None:
        """Stopped in order, or killed just after a write: what was written is all that is left."""
        self.told.unwatched()
        self.told.write()
        if not self.lasts:
            self._over()
        self.blind += gap
        self.told.restart(gap)
        self.problem = None
        self.look(problem, 0.0, ticking=False)

    @rule(step=STEPS)
    def step(self, step: float) -> None:
        """The wall clock steps, and the steps are told before anything else happens."""
        self.told.step += step
        self.told.tracker.advance(self.told.now, self.told.epoch)

    @invariant()
    def none_is_negative(self) -> None:
        for row in self.told.rows.values():
            assert row.seconds >= 0
            assert row.ended is None or row.ended >= row.began

    @invariant()
    def the_time_is_accounted_for(self) -> None:
        down = sum(row.seconds for row in self.told.rows.values())
        assert down == pytest.approx(self.down, abs=1e-6)
        total = self.well + self.suspected + down + self.blind
        assert total == pytest.approx(self.told.now - self.started, abs=1e-6)

    @invariant()
    def rows_and_counters_agree(self) -> None:
        assert sum(row.times for row in self.told.rows.values()) == self.begun
        open_rows = [row for row in self.told.rows.values() if row.ended is None]
        assert len(open_rows) == self.lasts == (self.told.tracker.outage is not None)

    @invariant()
    def outages_do_not_overlap(self) -> None:
        if self.told.step:
            return  # times of day repeat
        rows = sorted(self.told.rows.values(), key=lambda row: row.began)
        for before, after in pairwise(rows):
            assert before.ended is not None
            assert before.ended <= after.began + 1e-6

    @invariant()
    def rows_are_bounded(self) -> None:
        hours = (self.told.now - self.started) // 3600 + 1
        assert len(self.told.rows) <= MAX_ENTRIES * hours


TestOutages = OutageModel.TestCase
