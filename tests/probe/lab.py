"""A simulated switch in fast time, a real node that watches it, and the probes of one exporter."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from exporter.clock import Clock
from exporter.config.model import Config, GuardConfig, NodeConfig, ProbeConfig
from exporter.executors import Executors
from exporter.metrics.exposition import Page, render
from exporter.metrics.families import FAMILIES
from exporter.probe.admission import CallRequest, Refused
from exporter.probe.probes import Probes
from exporter.probe.record import Answer, CallRecord
from exporter.probe.runner import Runner
from exporter.simulator import SimulatedSwitch, User
from exporter.watch.node import Node
from tests.probe.settings import settings
from tests.support.no_look_up import no_look_up


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing tells when any condition changes
            await asyncio.sleep(0.01)


class Lab:
    """One simulated switch and the probes of one exporter.

    Attributes:
        switch: the far side, with its far ends and faults.
        config: in force.
    """

    def __init__(self, switch: SimulatedSwitch, node: Node, probes: Probes, config: Config) -> None:
        self.switch = switch
        self.node = node
        self.probes = probes
        self.config = config

    @property
    def runner(self) -> Runner:
        return self.probes.runner

    async def call(self, number: str, **changes: Any) -> Answer:
        """Call a number of the lab (its last two digits) as the probe `lab-echo` would."""
        self.configure(settings(destination=f"+155500000{number}", **changes))
        return await self.runner.probe(ONE)

    def configure(self, *probes: ProbeConfig, **guard: Any) -> None:
        """Put these probes and this guard in force."""
        old = self.config.guard
        fields = {name: getattr(old, name) for name in GuardConfig.__struct_fields__} | guard
        self.config = config_of(self.switch, *probes, **fields)
        self.probes.configure(self.config, {"fs1": self.node})

    async def metrics(self) -> dict[str, float]:
        """The probe samples on the page, by name and labels."""
        page = Page(FAMILIES.values(), openmetrics=False)
        pieces = await render(page, self.probes.sources(["fs1"]), Clock())
        lines = b"".join(pieces).decode().splitlines()
        samples = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in samples}

    def originates(self) -> list[str]:
        """The originate commands that reached the switch."""
        return [line for line in self.switch.commands_seen if " originate " in line]


def config_of(switch: SimulatedSwitch, *probes: ProbeConfig, **guard: Any) -> Config:
    """A configuration with the simulated switch as node fs1."""
    fields: dict[str, Any] = {"allow": ("+155500000*",), "min_interval": 0.0, "max_concurrent": 8} | guard
    return Config(
        nodes=(NodeConfig(name="fs1", host="127.0.0.1", port=switch.port),),
        probes={probe.name: probe for probe in probes},
        guard=GuardConfig(**fields),
    )


@asynccontextmanager
async def opened(
    *configured: ProbeConfig,
    speed: float = 25.0,
    state_dir: Path | None = None,
    instance: str = "beef",
    user: User | None = None,
    **guard: Any,
) -> AsyncIterator[Lab]:
    """A lab whose calls run `speed` times as fast as real ones."""
    async with AsyncExitStack() as stack:
        switch = await stack.enter_async_context(SimulatedSwitch(tick=0.02, speed=speed))
        if user is not None:
            switch.users["probe"] = user
        await switch.gateway_reaches("telnyx", "REGED")
        config = config_of(switch, *configured, **guard)
        watched = replace(config.nodes[0], user="probe@lab" if user else None)
        node = Node(watched, instance, clock=Clock(), look_up=no_look_up)
        node.start()
        stack.push_async_callback(node.stop)
        executors = Executors()
        stack.callback(executors.shutdown)
        probes = await Probes.open(state_dir, instance, Clock(), executors.disk)
        stack.push_async_callback(probes.stop)
        await until(lambda: node.connected)
        await probes.start(config, {"fs1": node})
        yield Lab(switch, node, probes, config)


# -- for the tests of several files -----------------------------------------------------------------

ONE = CallRequest(probe="lab-echo")


async def refusal(work: Awaitable[object]) -> Refused:
    """The refusal that `work` must raise."""
    with pytest.raises(Refused) as caught:
        await work
    return caught.value


def probe_legs(switch: SimulatedSwitch) -> list[str]:
    """UUIDs of the probe calls that are up."""
    return [uuid for uuid in switch.legs if uuid.startswith("70726f62")]


async def ringing(lab: Lab) -> asyncio.Task[Answer]:
    """A call to a number that rings for ever, while it rings."""
    lab.configure(settings(destination="+15550000003", ring_timeout=60.0))
    task = asyncio.create_task(lab.runner.probe(ONE))
    await until(lambda: "ringing" in {run.record.status for run in lab.runner._runs.values()})
    return task


async def the_record(lab: Lab) -> CallRecord:
    """The last call's record, once it is over."""
    await until(lambda: not lab.runner.under_way())
    return next(iter(lab.runner._last.values()))
