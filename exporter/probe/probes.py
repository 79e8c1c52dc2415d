"""All probes of one exporter: opened once, configured at start and at each reload, stopped once.

The daemon uses it in this order:

    probes = await Probes.open(state_dir, instance, clock, disk)
    await probes.start(config, nodes)                             # nodes: Node by name
    probes.configure(config, nodes)                               # after a reload
    await probes.end_calls(nodes)                                 # before these are stopped: it hangs up
    probes.sources(nodes)                                         # samples, for /metrics
    await probes.stop()                                           # before the nodes, likewise
"""

import asyncio
from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Final, Self

import structlog

from exporter.clock import Clock
from exporter.config.model import Config
from exporter.executors import Executor
from exporter.metrics.exposition import Source
from exporter.probe.originate import limits
from exporter.probe.runner import STOP_SECONDS, Runner
from exporter.probe.schedule import Schedule
from exporter.probe.sweep import Sweeper
from exporter.watch.node import Node

CHECK_EVERY: Final = 10.0  # seconds between looks whether calls can be recorded

log = structlog.get_logger(__name__)


class Probes:
    """The probes of one exporter. Made by `open`.

    Attributes:
        clock: the time.
        runner: places calls on request.
        stats: the figures, and the last run of each probe.
    """

    def __init__(self, runner: Runner, clock: Clock) -> None:
        self.clock = clock
        self.runner = runner
        self.stats = runner.stats
        self.stats.stands_by = self.stands_by
        self._config = Config()
        self._nodes: Mapping[str, Node] = {}
        self._standing_by: set[str] = set()
        self._checking: asyncio.Task[None] | None = None
        self._schedule = Schedule(
            runner.scheduled, lambda: self.stats.refused("overlap"), self.stats.last_start, self._waits, clock
        )
        self._sweeper = Sweeper(runner.instance, runner.under_way, self._longest, clock)

    @classmethod
    async def open(cls, state_dir: Path | None, instance: str, clock: Clock, disk: Executor) -> Self:
        """Open budget and history.

        Args:
            state_dir: the folder of the store; None keeps it in memory.
            instance: four hex digits that tell this exporter's calls from others'.
            clock: the time.
            disk: for the store; to be shut down after `stop`.
        """
        return cls(await Runner.open(state_dir, instance, clock, disk), clock)

    async def start(self, config: Config, nodes: Mapping[str, Node]) -> None:
        """Recall the last runs, begin to look for calls that are left over, begin the schedule."""
        self._configure_calls(config, nodes)
        await self.runner.recall()
        self._sweeper.start()
        self._checking = asyncio.create_task(self._check_state(), name="probe state")
        self._configure_schedule(config)

    def configure(self, config: Config, nodes: Mapping[str, Node]) -> None:
        """Put another configuration in force. Calls under way and due times stay as they are."""
        self._configure_calls(config, nodes)
        self._configure_schedule(config)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the schedule, the sweep and every call, waiting for hang-ups at most `seconds`."""
        self._schedule.stop()
        if self._checking is not None:
            self._checking.cancel()
            await asyncio.gather(self._checking, return_exceptions=True)
        await self._sweeper.stop()
        await self.runner.stop(seconds)

    async def end_calls(self, nodes: Collection[Node], seconds: float = STOP_SECONDS) -> None:
        """Hang up every call on these nodes, and wait until they are over, at most `seconds`."""
        await self.runner.end_calls(nodes, seconds)

    @property
    def state_problem(self) -> str:
        """Why calls cannot be recorded in `state_dir`, so that none is placed; empty while they can."""
        return self.runner.state_problem

    def stands_by(self, name: str) -> bool:
        """Whether another exporter on the same switch runs the schedule of the probe of that name."""
        node = self._coordinated(name)
        return node is not None and node.ticks.stands_by(name, self.clock.monotonic())

    def sources(self, nodes: Iterable[str]) -> Iterator[Source]:
        """The collectors of these nodes' probes and of the guard."""
        return self.stats.sources(nodes)

    def _configure_calls(self, config: Config, nodes: Mapping[str, Node]) -> None:
        self._config = config
        self._nodes = nodes
        for node in nodes.values():
            node.ticks.runnable = partial(self.runner.runnable, node.name)
        self.runner.configure(config, nodes)
        self._sweeper.configure(nodes.values())

    def _configure_schedule(self, config: Config) -> None:
        self._schedule.configure(
            {probe.name: probe.interval for probe in config.probes.values() if probe.interval is not None}
        )

    def _coordinated(self, name: str) -> Node | None:
        """The node on whose ticks it depends who runs that probe; None where it depends on nobody."""
        probe = self._config.probes.get(name)
        node = self._nodes.get(probe.node) if probe is not None and probe.schedule == "shared" else None
        return node if node is not None and node.connected else None

    def _waits(self, name: str) -> bool:
        """Whether a run that is due is not to begin now: another exporter runs it, or may do so."""
        node = self._coordinated(name)
        stands_by = self.stands_by(name)
        if stands_by and name not in self._standing_by:
            self._standing_by.add(name)
            log.info("probe stands by: another exporter on the same switch runs it", probe=name)
        elif not stands_by and name in self._standing_by:
            self._standing_by.discard(name)
            log.info("probe is run by this exporter again", probe=name)
        return stands_by or (node is not None and node.ticks.listens(self.clock.monotonic()))

    async def _check_state(self) -> None:
        while True:
            await self.clock.sleep(CHECK_EVERY)
            await self.runner.check_state()

    def _longest(self) -> float:
        caps = [limits(probe, probe.ring_timeout).total for probe in self._config.probes.values()]
        return max(caps, default=0.0)
