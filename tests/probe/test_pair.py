"""Several exporters on one switch: each scheduled call is placed by one of them. In virtual time."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from exporter.config.model import Config, ProbeConfig
from exporter.executors import Executor
from exporter.metrics.exposition import Page, render
from exporter.metrics.families import FAMILIES
from exporter.probe.probes import Probes
from exporter.probe.store import FILE_NAME
from exporter.simulator import SimulatedSwitch
from exporter.watch.node import Node
from tests.probe.lab import config_of
from tests.probe.settings import settings
from tests.support.no_look_up import no_look_up
from tests.support.virtual_time import VirtualClock, virtual_time

INTERVAL = 60.0
PROBE = settings(interval=INTERVAL, talk_time=2.0)
LABELS = 'node="fs1",probe="lab-echo",gateway="telnyx"'


class Exporter:
    """One exporter's probes and its watch of the switch."""

    def __init__(self, node: Node, probes: Probes, disk: Executor) -> None:
        self.node = node
        self.probes = probes
        self.disk = disk
        self.stopped = False

    async def stop(self) -> None:
        """Gone, as when the process ends."""
        if not self.stopped:
            self.stopped = True
            await self.probes.stop()
            await self.node.stop()
            self.disk.shutdown()

    async def stands_by(self) -> bool:
        """What the gauge shows."""
        page = Page(FAMILIES.values(), openmetrics=False)
        lines = b"".join(await render(page, self.probes.sources(["fs1"]), self.probes.clock)).decode()
        [value] = [line[-3:] for line in lines.splitlines() if line.startswith("freeswitch_probe_standby{")]
        return value == "1.0"


class Site:
    """A switch and the exporters that watch it."""

    def __init__(self, clock: VirtualClock, switch: SimulatedSwitch, stack: AsyncExitStack) -> None:
        self.clock = clock
        self.switch = switch
        self._stack = stack
        self._disks: list[Executor] = []
        clock.loop.wait_for_threads(
            lambda: any(disk.waiting or disk._idle < disk._threads for disk in self._disks)
        )

    async def exporter(
        self, instance: str, *probes: ProbeConfig, state_dir: Path | None = None, **guard: Any
    ) -> Exporter:
        """Start one; it is connected."""
        disk = Executor("disk")
        self._disks.append(disk)
        config: Config = config_of(self.switch, *(probes or (PROBE,)), **guard)
        node = Node(config.nodes[0], instance, clock=self.clock, look_up=no_look_up)
        opened = await Probes.open(state_dir, instance, self.clock, disk)
        started = Exporter(node, opened, disk)
        self._stack.push_async_callback(started.stop)
        node.start()
        await opened.start(config, {"fs1": node})
        while not node.connected:
            await self.clock.sleep(0.1)
        return started

    def calls(self) -> Counter[str]:
        """How many calls each exporter has placed, by its instance id."""
        lines = [line for line in self.switch.commands_seen if "originate" in line]
        return Counter(line.partition("origination_uuid=70726f62-")[2][:4] for line in lines)

    async def minutes(self, count: float) -> Counter[str]:
        """The calls of the next minutes."""
        before = self.calls()
        await self.clock.sleep(count * 60)
        return self.calls() - before


@asynccontextmanager
async def _site(clock: VirtualClock) -> AsyncIterator[Site]:
    async with AsyncExitStack() as stack:
        switch = await stack.enter_async_context(SimulatedSwitch(tick=0.1, clock=clock))
        await switch.gateway_reaches("telnyx", "REGED")
        yield Site(clock, switch, stack)


def at_site(scenario: Callable[[Site], Coroutine[Any, Any, None]]) -> None:
    """Run a scenario in virtual time."""

    async def whole(clock: VirtualClock) -> None:
        async with _site(clock) as site:
            await scenario(site)

    with virtual_time() as clock:
        clock.run(whole(clock))


def test_a_pair_places_each_call_once_and_the_lowest_id_does() -> None:
    async def scenario(site: Site) -> None:
        second, first = await site.exporter("0002"), await site.exporter("0001")
        await site.minutes(1)
        calls = await site.minutes(20)
        assert set(calls) == {"0001"}
        assert 19 <= calls["0001"] <= 22
        assert (await first.stands_by(), await second.stands_by()) == (False, True)
        assert second.probes.stats._refused["overlap"] == 0

    at_site(scenario)


def test_a_pair_that_starts_at_the_same_time_places_its_first_call_once() -> None:
    async def scenario(site: Site) -> None:
        await asyncio.gather(*(site.exporter(f"000{number}") for number in range(1, 6)))
        assert set(await site.minutes(0.5)) <= {"0001"}
        assert site.calls().total() == 1

    at_site(scenario)


def test_one_that_is_due_as_soon_as_it_is_connected_listens_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.probe.schedule.FIRST_WITHIN", 0.01)

    async def scenario(site: Site) -> None:
        await site.exporter("0001")
        await site.minutes(0.5)
        for number in range(2, 8):
            await site.exporter(f"000{number}")
        await site.minutes(5)
        assert set(site.calls()) == {"0001"}

    at_site(scenario)


def test_the_other_takes_over_within_15_seconds_and_hands_back() -> None:
    async def scenario(site: Site) -> None:
        first, second = await site.exporter("0001"), await site.exporter("0002")
        await site.minutes(5)
        await first.stop()
        assert await site.minutes(15 / 60) == {"0002": 1}
        assert not await second.stands_by()
        calls = await site.minutes(10)
        assert set(calls) == {"0002"}
        assert 9 <= calls["0002"] <= 11
        await site.exporter("0001")
        await site.minutes(15 / 60)
        assert await second.stands_by()
        assert set(await site.minutes(5)) == {"0001"}

    at_site(scenario)


def test_one_that_loses_the_switch_hands_over() -> None:
    async def scenario(site: Site) -> None:
        first, _ = await site.exporter("0001"), await site.exporter("0002")
        await site.minutes(5)
        first.node.sever(first.node._clock.monotonic())
        await first.node.stop()
        assert await site.minutes(15 / 60) == {"0002": 1}

    at_site(scenario)


def test_one_whose_budget_is_used_up_stands_by() -> None:
    async def scenario(site: Site) -> None:
        first, second = await site.exporter("0001", max_calls_per_day=2), await site.exporter("0002")
        calls = await site.minutes(20)
        assert calls["0001"] == 2
        assert calls["0002"] >= 16
        assert (await first.stands_by(), await second.stands_by()) == (True, False)

    at_site(scenario)


def test_one_whose_record_cannot_be_written_stands_by(tmp_path: Path) -> None:
    async def scenario(site: Site) -> None:
        first, _ = await site.exporter("0001", state_dir=tmp_path), await site.exporter("0002")
        await site.minutes(3)
        (tmp_path / FILE_NAME).unlink()
        await site.minutes(2)
        assert set(await site.minutes(5)) == {"0002"}
        assert await first.stands_by()

    at_site(scenario)


def test_always_is_run_by_each() -> None:
    async def scenario(site: Site) -> None:
        always = settings(interval=INTERVAL, talk_time=2.0, schedule="always")
        first, second = await site.exporter("0001", always), await site.exporter("0002", always)
        calls = await site.minutes(10)
        assert min(calls["0001"], calls["0002"]) >= 9
        assert not await first.stands_by()
        assert not await second.stands_by()

    at_site(scenario)


def test_commands_name_no_probe_and_count_for_nothing() -> None:
    """A node alone, with the lowest id, as the commands `doctor` and `probe` have one."""

    async def scenario(site: Site) -> None:
        first = await site.exporter("0001")
        node = Node(first.node.config, "0000", clock=site.clock, look_up=no_look_up, quiet=True)
        node.start()
        calls = await site.minutes(10)
        assert node.connected
        assert node.ticks.returned > 100
        assert calls["0001"] >= 9
        assert not await first.stands_by()
        await node.stop()

    at_site(scenario)


def test_probes_of_other_names_are_nobodys_business() -> None:
    async def scenario(site: Site) -> None:
        await site.exporter("0001", settings(name="mine", interval=INTERVAL, talk_time=2.0))
        await site.exporter("0002", settings(name="yours", interval=INTERVAL, talk_time=2.0))
        calls = await site.minutes(10)
        assert min(calls["0001"], calls["0002"]) >= 9

    at_site(scenario)


def test_a_call_on_request_is_placed_by_one_that_stands_by() -> None:
    async def scenario(site: Site) -> None:
        _, second = await site.exporter("0001"), await site.exporter("0002")
        await site.minutes(1)
        await second.probes.runner.scheduled("lab-echo")
        assert site.calls()["0002"] == 1

    at_site(scenario)
