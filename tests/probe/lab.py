"""A simulated switch in fast time, a real node that watches it, and the probes' room on top."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from exporter.clock import Clock
from exporter.config.model import Config, GuardConfig, NodeConfig, ProbeConfig
from exporter.metrics.exposition import Page, render
from exporter.metrics.families import FAMILIES
from exporter.probe.probes import Probes
from exporter.probe.request import Asked
from exporter.probe.runner import Answer, Runner
from exporter.simulator import SimulatedSwitch, User
from exporter.watch.node import Node
from tests.probe.settings import settings


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
        return await self.runner.probe(Asked(probe="lab-echo"))

    def configure(self, *probes: ProbeConfig, **guard: Any) -> None:
        """Put these probes and this guard in force."""
        old = self.config.guard
        fields = {name: getattr(old, name) for name in GuardConfig.__struct_fields__} | guard
        self.config = config_of(self.switch, *probes, **fields)
        self.probes.configure(self.config, {"fs1": self.node})

    async def metrics(self) -> dict[str, float]:
        """The probe samples as they stand on the page, by name and labels."""
        page = Page(FAMILIES.values(), openmetrics=False)
        pieces = await render(page, self.probes.sources(["fs1"]))
        lines = b"".join(pieces).decode().splitlines()
        samples = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in samples}

    def originates(self) -> list[str]:
        """The originate commands that reached the switch."""
        return [line for line in self.switch.commands_seen if "originate" in line]


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
    *probes: ProbeConfig,
    speed: float = 25.0,
    state_dir: Path | None = None,
    instance: str = "beef",
    user: User | None = None,
    **guard: Any,
) -> AsyncIterator[Lab]:
    """A lab whose calls run `speed` times as fast as ours."""
    async with AsyncExitStack() as stack:
        switch = await stack.enter_async_context(SimulatedSwitch(tick=0.02, speed=speed))
        if user is not None:
            switch.users["probe"] = user
        await switch.gateway_reaches("telnyx", "REGED")
        config = config_of(switch, *probes, **guard)
        node = Node(replace(config.nodes[0], user="probe@lab" if user else None), instance, clock=Clock())
        node.start()
        stack.push_async_callback(node.stop)
        room = await Probes.open(state_dir, instance)
        stack.push_async_callback(room.stop)
        await until(lambda: node.connected)
        await room.start(config, {"fs1": node})
        yield Lab(switch, node, room, config)
