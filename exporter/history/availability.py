"""Availability: of the time in which a gateway was watched, the share in which it was usable.

Time without a look counts neither way: where nothing was watched there is no availability, instead of 0 or 1.
"""

from collections.abc import Iterable, Iterator
from typing import Final, Literal, get_args

import msgspec

from exporter.history.answers import Answer
from exporter.history.model import Figures, GatewaySteps
from exporter.history.times import iso

StepName = Literal["1h", "1d"]
STEP_NAMES: Final = get_args(StepName)
STEP_SECONDS: Final[dict[StepName, float]] = {"1h": 3600.0, "1d": 86400.0}
HOURS_UP_TO: Final = 8 * 86400.0  # seconds; of a longer time the default step is a day


def default_step(seconds: float) -> StepName:
    """The step for so long a time, where none is asked for."""
    return "1h" if seconds <= HOURS_UP_TO else "1d"


def aligned(moment: float, step: StepName) -> float:
    """The beginning of the step that contains a moment (both epoch seconds; a day is one of UTC)."""
    return moment - moment % STEP_SECONDS[step]


def ratio(figures: Figures) -> float | None:
    """The availability, 0 to 1; None if nothing was watched."""
    if figures.watched <= 0:
        return None
    return min(max(figures.usable / figures.watched, 0.0), 1.0)


def total(steps: GatewaySteps) -> Figures:
    """The sum of all steps of a gateway."""
    figures = Figures()
    for step in steps.steps:
        figures.watched += step.figures.watched
        figures.usable += step.figures.usable
        figures.outages += step.figures.outages
        figures.calls += step.figures.calls
        figures.failed += step.figures.failed
    return figures


class StepAnswer(Answer, frozen=True):
    """One hour or day of a gateway."""

    from_: str = msgspec.field(name="from")
    watched_seconds: float
    usable_seconds: float
    outages: int
    calls: int
    failed: int


class GatewayAnswer(Answer, frozen=True):
    """One gateway; `availability` is null if nothing was watched. Steps without a look are left out."""

    node: str
    gateway: str
    profile: str
    watched_seconds: float
    usable_seconds: float
    availability: float | None
    outages: int
    steps: tuple[StepAnswer, ...]

    @classmethod
    def of(cls, steps: GatewaySteps) -> "GatewayAnswer":
        """As JSON has it."""
        figures = total(steps)
        availability = ratio(figures)
        return cls(
            node=steps.node,
            gateway=steps.gateway,
            profile=steps.profile,
            watched_seconds=round(figures.watched, 3),
            usable_seconds=round(figures.usable, 3),
            availability=None if availability is None else round(availability, 6),
            outages=figures.outages,
            steps=tuple(
                StepAnswer(
                    from_=iso(step.at),
                    watched_seconds=round(step.figures.watched, 3),
                    usable_seconds=round(step.figures.usable, 3),
                    outages=step.figures.outages,
                    calls=step.figures.calls,
                    failed=step.figures.failed,
                )
                for step in steps.steps
            ),
        )


class StepRow(Answer, frozen=True):
    """One step with its gateway: a row of CSV."""

    node: str
    gateway: str
    profile: str
    from_: str = msgspec.field(name="from")
    watched_seconds: float
    usable_seconds: float
    outages: int
    calls: int
    failed: int


def step_rows(gateways: Iterable[GatewayAnswer]) -> Iterator[StepRow]:
    """All steps of all gateways."""
    for gateway in gateways:
        for step in gateway.steps:
            yield StepRow(
                node=gateway.node,
                gateway=gateway.gateway,
                profile=gateway.profile,
                from_=step.from_,
                watched_seconds=step.watched_seconds,
                usable_seconds=step.usable_seconds,
                outages=step.outages,
                calls=step.calls,
                failed=step.failed,
            )


class AvailabilityAnswer(Answer, frozen=True):
    """`GET /api/availability`. `next`: what to send as `offset` for further gateways; null at the end."""

    version: int
    step: StepName
    since: str
    until: str
    gateways: list[GatewayAnswer]
    next: int | None
