"""All probes of one exporter: opened once, configured at start and at each reload, stopped once.

The daemon uses it in this order:

    probes = await Probes.open(state_dir, instance, clock, disk)  # StoreError: state_dir cannot be used
    await probes.start(config, nodes)                             # nodes: Node by name
    probes.configure(config, nodes)                               # after a reload
    probes.sources(nodes)                                         # samples, for /metrics
    await probes.stop()                                           # before the nodes: it hangs up on them
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

from exporter.clock import Clock
from exporter.config.model import Config
from exporter.executors import Executor
from exporter.metrics.exposition import Source
from exporter.probe.originate import limits
from exporter.probe.runner import STOP_SECONDS, Runner
from exporter.probe.schedule import Schedule
from exporter.probe.sweep import Sweeper
from exporter.watch.node import Node


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
        self._config = Config()
        self._schedule = Schedule(
            runner.scheduled, lambda: self.stats.refused("overlap"), self.stats.last_start, clock
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

        Raises:
            StoreError: the file in `state_dir` cannot be used.
        """
        return cls(await Runner.open(state_dir, instance, clock, disk), clock)

    async def start(self, config: Config, nodes: Mapping[str, Node]) -> None:
        """Recall the last runs, begin to look for calls that are left over, begin the schedule."""
        self._configure_calls(config, nodes)
        await self.runner.recall()
        self._sweeper.start()
        self._configure_schedule(config)

    def configure(self, config: Config, nodes: Mapping[str, Node]) -> None:
        """Put another configuration in force. Calls under way and due times stay as they are."""
        self._configure_calls(config, nodes)
        self._configure_schedule(config)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the schedule, the sweep and every call, waiting for hang-ups at most `seconds`."""
        self._schedule.stop()
        await self._sweeper.stop()
        await self.runner.stop(seconds)

    def sources(self, nodes: Iterable[str]) -> Iterator[Source]:
        """The collectors of these nodes' probes and of the guard."""
        return self.stats.sources(nodes)

    def _configure_calls(self, config: Config, nodes: Mapping[str, Node]) -> None:
        self._config = config
        self.runner.configure(config, nodes)
        self._sweeper.configure(nodes.values())

    def _configure_schedule(self, config: Config) -> None:
        self._schedule.configure(
            {probe.name: probe.interval for probe in config.probes.values() if probe.interval is not None}
        )

    def _longest(self) -> float:
        caps = [limits(probe, probe.ring_timeout).total for probe in self._config.probes.values()]
        return max(caps, default=0.0)
