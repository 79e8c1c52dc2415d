"""The drills: a fault in a switch, the notification about it, and the notification of its end.

All drills run at the same time on one stack, because most of the time is spent waiting. Each drill breaks its
own switch as soon as Prometheus has seen it without a problem, waits for the alert, repairs the switch and
waits for the end of the alert. The notifications are checked when all drills are done, with a subtest for
each drill, so that an unexpected one had as long to arrive as the slowest drill took.
"""

import asyncio
from collections.abc import Iterable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from exporter.metrics.families import PROBE_PHASES, PROBLEMS
from exporter.simulator import SimulatedSwitch
from exporter.watch.verdict import GATEWAY_PROBLEMS
from tests.drills.stack import Stack, do, left_open, unexpected, until
from tests.drills.table import BUDGET, DRILLS, ECHO, REGISTERS, RENEWS_ALL_THE_TIME, TICK, Drill, usual
from tests.support.alertmanager import Notification

SPEED = 25.0  # how many times faster the time inside calls passes
STEADY = {"healthy": REGISTERS, "renews": RENEWS_ALL_THE_TIME}
RENEWALS = (
    "freeswitch_gateway_state_changes_total"
    '{node="renews",gateway="telnyx",profile="external",state="REGISTER"}'
)


@dataclass
class Outcome:
    """The outcome of one drill.

    Attributes:
        text: summary and description of its alert.
        channel, severity: the channel that got it, and its severity.
        error: what did not happen.
    """

    text: str = ""
    channel: str = ""
    severity: str = ""
    error: str = ""


async def run(drill: Drill, stack: Stack) -> Outcome:
    outcome = Outcome()
    scene = stack.scene(drill.name)
    try:
        if not drill.at_start:
            await until(lambda: drill.name in stack.well, f"{drill.name} always had a problem")
            await do(drill.breaks, scene)
        page = await stack.notification(drill, "firing")
        outcome.text = f"{page.annotations['summary']} {page.annotations['description']}"
        outcome.channel, outcome.severity = page.channel, page.labels["severity"]
        if drill.harms:
            await until(lambda: drill.name in stack.harmed, f"no calls failed on {drill.name}")
        before = len(stack.receiver.notifications)
        await do(drill.mends, scene)
        await stack.notification(drill, "resolved", before)
    except OSError as error:  # TimeoutError is one
        outcome.error = repr(error)
    return outcome


def still_firing(notifications: Iterable[Notification]) -> list[str]:
    """The alerts without a notification of their end, but for a spent error budget, which lasts."""
    return [text for text in left_open(notifications) if BUDGET not in text]


async def test_each_fault_and_its_end_are_notified(tmp_path: Path, subtests: pytest.Subtests) -> None:
    stack = Stack(tmp_path)
    async with AsyncExitStack() as exits:
        for name, config in STEADY.items():
            switch = SimulatedSwitch([config], tick=TICK)
            stack.add(name, await exits.enter_async_context(switch))
        for drill in DRILLS:
            switch = SimulatedSwitch([drill.gateway], users=dict(drill.users), tick=drill.tick, speed=SPEED)
            await exits.enter_async_context(switch)
            stack.add(drill.name, switch, drill.probe, drill.subscribers)
            if drill.probe is not None:
                switch.far_ends[ECHO] = usual(drill.probe)
            if drill.at_start:
                await do(drill.breaks, stack.scene(drill.name))
        await exits.enter_async_context(stack.running())
        outcomes = await asyncio.gather(*(run(drill, stack) for drill in DRILLS))
        with suppress(TimeoutError):  # a scrape that is missed ends an alert too early, and it comes again
            await until(lambda: not still_firing(stack.receiver.notifications), "an alert is still firing")
        notifications = list(stack.receiver.notifications)
        failed_rules = await stack.failed_rules()
        renewals = await stack.exporter.metric(RENEWALS)

    for drill, outcome in zip(DRILLS, outcomes, strict=True):
        with subtests.test(drill.name):
            assert outcome.error == ""
            assert outcome.channel == {"critical": "pages", "warning": "tickets"}[outcome.severity]
            for words in drill.says:
                assert words in outcome.text
    with subtests.test("there is no other notification"):
        assert unexpected(notifications, DRILLS) == []
        assert renewals > 50
    with subtests.test("every notification of a fault is followed by one of its end"):
        assert still_firing(notifications) == []
    with subtests.test("every rule can be evaluated"):
        assert failed_rules == []
    with subtests.test("the exporter logs no error"):
        # Problems of gateways and nodes are logged as errors too; the drills cause them.
        errors = [line for line in stack.exporter.lines if line["level"] in ("error", "critical")]
        assert [line for line in errors if line["logger"] != "exporter.watch.problem_log"] == []


# It concerns the exporter itself, so it would disturb every other drill; tests/test_limits.py drills it.
APART = "exporter_limit"


def test_every_problem_and_phase_has_its_drill() -> None:
    words = [(drill.kind, drill.word) for drill in DRILLS if not drill.harms]
    assert words == (
        [("gateway", word) for word in GATEWAY_PROBLEMS if word != "none"]
        + [("switch", word) for word in PROBLEMS if word not in ("none", APART)]
        + [("database", "slow"), ("refusal", "paused"), ("dials", "invalid_gateway")]
        + [("audio", "died")]
        + [("strangers", "attack"), ("strangers", "guessed"), ("subscriber", "missing")]
        + [("log", "errors"), ("log", "queue_full"), ("log", "database")]
        + [("probe", phase) for phase in PROBE_PHASES]
    )
