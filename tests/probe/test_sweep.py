"""Calls that an earlier process left: found by their UUID, ended one by one; nothing else is touched."""

import asyncio

import pytest

from exporter.clock import Clock
from exporter.config import NodeConfig
from exporter.esl import Disconnected
from exporter.probe.originate import new_call_id
from exporter.probe.sweep import AGAIN_AFTER, Sweeper, leftovers
from exporter.simulator import FarEnd, Path, SimulatedSwitch
from exporter.switch.channel import Channel
from exporter.watch.node import Node
from tests.probe.lab import opened, until
from tests.probe.settings import settings
from tests.support.no_look_up import no_look_up
from tests.support.virtual_time import virtual_time

NOW = 1_800_000_000


def channel(uuid: str, age: int) -> Channel:
    return Channel(uuid, "outbound", "", NOW - age, "ACTIVE", "lab")


OURS = new_call_id("beef", 60)
THEIRS = new_call_id("cafe", 60)


@pytest.mark.parametrize(
    ("uuid", "age", "ended"),
    [
        (OURS, 0, True),
        (OURS, 600, True),
        (THEIRS, 60, False),
        (THEIRS, 64, False),  # its timers may be late by a second, and its start is known to the second
        (THEIRS, 66, True),
        (THEIRS, NOW, False),  # FreeSWITCH does not say when it was created
        ("8a3641a0-c707-42e7-9fb2-21ad4ef527ab", 9999, False),
        ("70726f62-not-a-probe-call", 9999, False),
    ],
    # The uuids are random, and xdist's processes must agree on the tests' names.
    ids=[
        "ours, new",
        "ours, old",
        "young",
        "at its cap",
        "past its cap",
        "no start",
        "a stranger's",
        "no uuid",
    ],
)
def test_what_is_left_over(uuid: str, age: int, ended: bool) -> None:
    assert leftovers([channel(uuid, age)], "beef", [], NOW) == ([uuid] if ended else [])


def test_a_call_that_is_followed_is_not_left_over() -> None:
    assert leftovers([channel(OURS, 0), channel(THEIRS, 99)], "beef", [OURS, THEIRS], NOW) == []


def dial_on(switch: SimulatedSwitch, uuid: str) -> str:
    """A call that somebody else placed: it talks for a minute."""
    echo = FarEnd(answer=0.01, path=Path(echoes=True))
    leg = switch.calls.outbound("telnyx", "+15550000099", echo, caller="+19495431333", seconds=60)
    assert not isinstance(leg, str)
    del switch.legs[leg.uuid]
    leg.uuid = uuid
    switch.legs[uuid] = leg
    return uuid


async def test_only_leftovers_are_ended() -> None:
    async with opened(settings(), speed=1.0) as lab:
        mine, old, young = new_call_id("beef", 600), new_call_id("cafe", 1), new_call_id("cafe", 600)
        ordinary = "8a3641a0-c707-42e7-9fb2-21ad4ef527ab"
        for uuid in (mine, old, young, ordinary):
            dial_on(lab.switch, uuid)
        lab.switch.legs[old].times["created"] -= 20_000_000
        lab.switch.commands_seen.clear()
        await lab.probes._sweeper.sweep(lab.node)  # the one at start may be under way too
        await until(lambda: set(lab.switch.legs) == {young, ordinary})
        sent = {line for line in lab.switch.commands_seen if "kill" in line or "hup" in line}
        assert sent == {f"api uuid_kill {uuid} MANAGER_REQUEST" for uuid in (mine, old)}


async def test_freeswitchs_clock_decides_what_is_overdue() -> None:
    async with opened(settings(), speed=1.0) as lab:
        lab.switch.skew_clock(-3600)
        returned = lab.node.ticks.returned
        await until(lambda: lab.node.ticks.returned > returned)
        young = dial_on(lab.switch, new_call_id("cafe", 600))
        assert await lab.probes._sweeper.sweep(lab.node) == 0
        assert young in lab.switch.legs


async def test_our_own_call_is_not_swept_up_while_it_runs() -> None:
    async with opened(settings(), speed=2.0) as lab:
        running = asyncio.create_task(lab.call("01"))
        await until(lambda: bool(lab.switch.legs))
        assert await lab.probes._sweeper.sweep(lab.node) == 0
        assert (await running).record.result == "success"


class NotingSweeper(Sweeper):
    """Notes when it sweeps, and how often it wakes."""

    def __init__(self, clock: Clock) -> None:
        super().__init__("beef", tuple, lambda: 60.0, clock)
        self.swept: list[float] = []
        self.looked = 0

    async def sweep(self, node: Node) -> int:
        self.swept.append(self._clock.monotonic())
        return 0

    def _due_on(self, node: Node) -> list[float]:
        self.looked += 1
        return super()._due_on(node)


def test_it_sweeps_at_once_after_5_s_and_at_last_and_sleeps_in_between() -> None:
    with virtual_time() as clock:
        node = Node(NodeConfig(name="fs1"), "beef", clock=clock, look_up=no_look_up)
        sweeper = NotingSweeper(clock)

        async def scenario() -> list[float]:
            began = []
            sweeper.configure([node])
            sweeper.start()
            for _ in range(2):
                await clock.sleep(1000)
                began.append(clock.monotonic())
                node.lifecycle.began()
                node.lifecycle.opened()
                node.lifecycle.synced()
                await clock.sleep(1000)
                node.lifecycle.ended(Disconnected("closed"))
            await sweeper.stop()
            return began

        began = clock.run(scenario())
    due = [at + after for at in began for after in (0.0, AGAIN_AFTER, 60.0)]
    assert sweeper.swept == pytest.approx(due, abs=0.001)
    assert sweeper.looked < 50


async def test_it_looks_again_after_each_new_connection() -> None:
    async with opened(settings(), speed=1.0) as lab:
        lab.switch.drop_connections()
        await until(lambda: not lab.node.connected)
        left = dial_on(lab.switch, new_call_id("beef", 600))
        await until(lambda: left not in lab.switch.legs)


async def test_a_node_that_takes_anothers_place_is_swept_too() -> None:
    async with opened(settings(), speed=1.0) as lab:
        await until(lambda: any("show channels like" in line for line in lab.switch.commands_seen))
        left = dial_on(lab.switch, new_call_id("beef", 600))
        # A reload with a changed config makes such a one.
        other = Node(lab.node.config, "beef", clock=Clock(), look_up=no_look_up)
        other.start()
        try:
            await until(lambda: other.connected)
            lab.probes.configure(lab.config, {"fs1": other})
            await until(lambda: left not in lab.switch.legs, 3.0)
        finally:
            await other.stop()


async def test_a_switch_that_cannot_be_asked_is_left_alone() -> None:
    async with opened(settings()) as lab:
        lab.switch.scripted_replies["show channels like 70726f62- as json"] = (
            "-ERR SQL disabled, no data available!\n"
        )
        assert await lab.probes._sweeper.sweep(lab.node) == 0
        await lab.switch.refuse_connections()
        await until(lambda: not lab.node.connected)
        assert await lab.probes._sweeper.sweep(lab.node) == 0
