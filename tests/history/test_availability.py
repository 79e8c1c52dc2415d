"""Availability: a share of the watched time, never of time that nobody watched."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.availability import (
    HOURS_UP_TO,
    STEP_SECONDS,
    GatewayAnswer,
    StepName,
    aligned,
    default_step,
    ratio,
    step_rows,
)
from exporter.history.model import Figures, GatewaySteps, Step
from tests.history.pasts import BEGAN, DAY, HOUR


@pytest.mark.parametrize(
    ("watched", "usable", "expected"),
    [(0.0, 0.0, None), (10.0, 10.0, 1.0), (10.0, 0.0, 0.0), (3600.0, 900.0, 0.25), (10.0, 10.2, 1.0)],
)
def test_ratio(watched: float, usable: float, expected: float | None) -> None:
    assert ratio(Figures(watched=watched, usable=usable)) == expected


def test_a_gateway_has_the_sum_of_its_steps() -> None:
    steps = GatewaySteps(
        node="fs1",
        gateway="telnyx",
        profile="",
        steps=(
            Step(BEGAN, Figures(watched=100.0, usable=50.0, outages=1, calls=4, failed=2)),
            Step(BEGAN + HOUR, Figures(watched=300.0, usable=300.0, outages=2)),
        ),
    )
    answer = GatewayAnswer.of(steps)
    assert (answer.watched_seconds, answer.usable_seconds, answer.availability) == (400.0, 350.0, 0.875)
    assert answer.outages == 3
    assert [(step.calls, step.failed) for step in answer.steps] == [(4, 2), (0, 0)]
    assert [(one.gateway, one.outages) for one in step_rows([answer])] == [("telnyx", 1), ("telnyx", 2)]


def test_without_steps_there_is_none() -> None:
    answer = GatewayAnswer.of(GatewaySteps(node="fs1", gateway="telnyx", profile="", steps=()))
    assert (answer.watched_seconds, answer.availability) == (0.0, None)


@given(st.floats(0, 4e9), st.sampled_from(["1h", "1d"]))
def test_a_step_contains_its_moment(moment: float, step: StepName) -> None:
    began = aligned(moment, step)
    assert began <= moment < began + STEP_SECONDS[step]
    assert began % STEP_SECONDS[step] == 0


def test_hours_of_a_week_and_days_of_a_month() -> None:
    assert default_step(7 * DAY) == default_step(HOURS_UP_TO) == "1h"
    assert default_step(30 * DAY) == "1d"
