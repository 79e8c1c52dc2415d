"""The switchboard of the demo: each fault is named as it says, in the time that it says, and is mended."""

import re
from collections.abc import Callable

import pytest

from exporter.clock import Clock
from exporter.config import Config
from exporter.demo import demo_config
from exporter.demo_switchboard import DemoSwitchboard
from exporter.diagnosis.conclusion import diagnose
from exporter.diagnosis.snapshot import snapshot_of
from exporter.simulator.demo import demo_switch
from exporter.watch.node import Node
from tests.alerts.rule_files import ALERTS
from tests.diagnosis.virtual import virtual_machine
from tests.support.no_look_up import no_look_up

NAMED = {
    "break-telnyx": {("registration", "telnyx", fault) for fault in ("ping_overdue", "unreachable")},
    "wrong-password": {("registration", "telnyx", "auth_rejected")},
    "hang": {("commands", "", "hung")},
    "flood": {("commands", "", "rate_limit")},
}
STEP = 0.25  # seconds between two looks


async def seconds_until(clock: Clock, condition: Callable[[], bool], most: float) -> float:
    began = clock.monotonic()
    while not condition():
        assert clock.monotonic() - began < most, "it has not come"
        await clock.sleep(STEP)
    return clock.monotonic() - began


@pytest.mark.parametrize("name", NAMED)
def test_a_fault_is_named_in_time_and_mended(name: str) -> None:
    async def scenario() -> None:
        clock = Clock()
        async with demo_switch(clock) as switch:
            config = demo_config(Config(), switch.port)
            node = Node(config.nodes[0], "ab12", clock=clock, look_up=no_look_up)
            node.start()
            board = DemoSwitchboard(switch)
            promised = {fault.name: fault.shows for fault in board.faults}

            def problems() -> set[tuple[str, str, str]]:
                seen = snapshot_of(node, clock)
                found = diagnose(seen).findings
                return {(one.check, one.gateway, one.fault) for one in found if one.status == "fail"}

            def healthy() -> bool:
                bad = problems()
                return node.connected and not any(g in ("", "telnyx") for _, g, _ in bad)

            await seconds_until(clock, healthy, 30)
            board.make(name)
            limit = re.search(r"within (\d+) s", promised[name])
            assert limit is not None
            took = await seconds_until(clock, lambda: bool(problems() & NAMED[name]), float(limit[1]))
            assert took <= float(limit[1])
            board.make("mend-all")
            words = r"after a flood within (\d+) s" if name == "flood" else r"again within (\d+) s"
            mended = re.search(words, promised["mend-all"])
            assert mended is not None
            await seconds_until(clock, healthy, float(mended[1]) + STEP)
            await node.stop()

    with virtual_machine(acknowledged=name == "hang") as clock:
        clock.run(scenario())


def test_every_fault_but_mending_names_an_alert_that_exists() -> None:
    alerts = {alert.name for alert in ALERTS}
    for fault in DemoSwitchboard.__new__(DemoSwitchboard).faults:
        named = set(re.findall(r"Freeswitch\w+", fault.shows))
        assert named <= alerts
        assert bool(named) != (fault.name == "mend-all")
