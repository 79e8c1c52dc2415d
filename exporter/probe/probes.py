"""All of this room as the daemon holds it: opened once, configured at start and at each reload, stopped once.

probes = await Probes.open(config.state_dir, instance)  # StoreError: the state_dir cannot be used
await probes.start(config, nodes)                       # nodes: Node by name
probes.configure(config, nodes)                         # after a reload
probes.sources(nodes)                                   # samples, for the page of metrics
await probes.stop()                                     # before the nodes: it hangs up through them
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Self

from exporter.config.model import Config
from exporter.metrics.exposition import Source
from exporter.probe.collector import ProbeStats
from exporter.probe.limits import limits
from exporter.probe.runner import STOP_SECONDS, Runner
from exporter.probe.schedule import Schedule
from exporter.probe.store import Store
from exporter.probe.sweep import Sweeper
from exporter.probe.switchboard import Switchboard


class Probes:
    """The probes of one exporter. Made by `open`.

    Attributes:
        runner: where calls are asked for.
        tally: the figures, and the last run of each probe.
    """

    def __init__(self, instance: str, store: Store) -> None:
        self.tally = ProbeStats()
        self.runner = Runner(instance, store, self.tally)
        self._config = Config()
        self._schedule = Schedule(
            self.runner.scheduled, lambda: self.tally.refused("overlap"), self.tally.last_start
        )
        self._sweeper = Sweeper(instance, self.runner.under_way, self._longest)

    @classmethod
    async def open(cls, state_dir: Path | None, instance: str) -> Self:
        """Open budget and history.

        Raises:
            StoreError: the file in `state_dir` cannot be used.
        """
        return cls(instance, await Store.open(state_dir))

    async def start(self, config: Config, boards: Mapping[str, Switchboard]) -> None:
        """Recall the last runs, sweep up what an earlier life left, begin the schedule."""
        self._configure_calls(config, boards)
        await self.runner.recall()
        self._sweeper.start()
        self._configure_schedule(config)

    def configure(self, config: Config, boards: Mapping[str, Switchboard]) -> None:
        """Put another configuration in force. Calls under way and due times go on."""
        self._configure_calls(config, boards)
        self._configure_schedule(config)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End the schedule, the sweep and every call, waiting for hang-ups at most `seconds`."""
        self._schedule.stop()
        await self._sweeper.stop()
        await self.runner.stop(seconds)

    def sources(self, nodes: Iterable[str]) -> Iterator[Source]:
        """The samples of these nodes' probes and of the guard."""
        return self.tally.sources(nodes)

    def _configure_calls(self, config: Config, boards: Mapping[str, Switchboard]) -> None:
        self._config = config
        self.runner.configure(config, boards)
        self._sweeper.configure(boards.values())

    def _configure_schedule(self, config: Config) -> None:
        self._schedule.configure(
            {probe.name: probe.interval for probe in config.probes.values() if probe.interval is not None}
        )

    def _longest(self) -> float:
        caps = [limits(probe, probe.ring_timeout).total for probe in self._config.probes.values()]
        return max(caps, default=0.0)
