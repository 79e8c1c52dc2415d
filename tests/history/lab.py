"""Nodes that watch simulated switches in virtual time, the history of what they tell, and the truth beside.

What a store would keep is kept in plain tables (`Kept`). The truth is looked at every twentieth of a second,
at the gateways themselves, by nothing that the history uses.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Final

from exporter import names
from exporter.clock import Clock
from exporter.config import GatewayConfig, NodeConfig, Secret
from exporter.executors import Executors
from exporter.history.history import TICK
from exporter.history.model import OUTAGE_AFTER, WELL, Figures, Outage, Sample, Span
from exporter.history.node_history import NodeHistory
from exporter.history.past import Past
from exporter.history.recent_changes import RecentChanges
from exporter.history.store import Entry, PutHour, PutSample, PutSpan, PutStrangers, Rename, Subject
from exporter.simulator import SimulatedSwitch
from exporter.watch.changes import Change
from exporter.watch.node import Node
from tests.support.virtual_time import VirtualClock, virtual_time

LOOK: Final = 0.05  # seconds
TELNYX: Final = {"telnyx": GatewayConfig()}


class Kept:
    """What a store would have: the rows."""

    def __init__(self) -> None:
        self.outages: dict[int, Outage] = {}
        self.changes: list[Change] = []
        self.hours: dict[tuple[Subject, float], Figures] = {}
        self.samples: dict[tuple[Subject, float], Sample] = {}
        self.spans: dict[str, list[Span]] = {}
        self.renamed: list[Rename] = []
        self.strangers: dict[tuple[str, float, str], int] = {}

    def __call__(self, entry: Entry) -> None:
        match entry:
            case Outage():
                self.outages[entry.id] = entry
            case Change():
                self.changes.append(entry)
            case PutHour(subject, at, new):
                old = self.hours.setdefault((subject, at), Figures())
                for name in Figures.__struct_fields__:
                    setattr(old, name, getattr(old, name) + getattr(new, name))
            case PutSample(subject, sample):
                self.samples[subject, sample.at] = sample
            case PutSpan(node, span):
                spans = self.spans.setdefault(node, [])
                if spans and spans[-1].began <= span.began <= spans[-1].ended:
                    spans[-1] = Span(spans[-1].began, max(span.ended, spans[-1].ended))
                else:
                    spans.append(span)
            case PutStrangers(node, at, came):
                for address, times in came:
                    key = (node, at, address)
                    self.strangers[key] = self.strangers.get(key, 0) + times
            case Rename():
                self.renamed.append(entry)
            case _:
                raise AssertionError(entry)

    def of(self, node: str = "fs1", gateway: str = "telnyx", profile: str = "external") -> list[Outage]:
        """The outages of a gateway, or with an empty name of a switch, in their order."""
        found = [o for o in self.outages.values() if (o.node, o.gateway) == (node, gateway)]
        return sorted((o for o in found if o.profile == profile or not gateway), key=lambda o: o.began)

    def figures(self, subject: Subject) -> Figures:
        """The sum of all hours of a gateway."""
        total = Figures()
        for (whose, _), hour in self.hours.items():
            if whose == subject:
                for name in Figures.__struct_fields__:
                    setattr(total, name, getattr(total, name) + getattr(hour, name))
        return total


class Truth:
    """What really was the matter with a gateway: episodes of problems, in watched seconds."""

    def __init__(self) -> None:
        self.watched = 0.0
        self.episodes: list[float] = []
        self._open = False

    def look(self, seconds: float, problem: str | None) -> None:
        """It had this problem for so long; None: nobody watched."""
        if problem is None:
            return
        self.watched += seconds
        if problem in WELL:
            self._open = False
        elif self._open:
            self.episodes[-1] += seconds
        else:
            self._open = True
            self.episodes.append(seconds)

    @property
    def outages(self) -> list[float]:
        """The seconds of those that are outages; none of the drills has one that only registers."""
        return [seconds for seconds in self.episodes if seconds > OUTAGE_AFTER]


class Lab:
    """Nodes and their history."""

    def __init__(self, clock: VirtualClock, look: float) -> None:
        self.clock = clock
        self._every = look
        self.kept = Kept()
        self.exporter = RecentChanges()
        self.histories: dict[str, NodeHistory] = {}
        self.nodes: dict[str, Node] = {}
        self.truths: dict[tuple[str, str, str], Truth] = {}
        self._tasks: list[asyncio.Task[None]] = []

    async def watch(
        self,
        switch: SimulatedSwitch,
        name: str = "fs1",
        gateways: dict[str, GatewayConfig] | None = None,
        *,
        connected: bool = True,
    ) -> Node:
        """Watch a switch under a name; what was watched under it before is replaced, as by a reload."""
        config = NodeConfig(
            name=name,
            host="127.0.0.1",
            port=switch.port,
            password=Secret("ClueCon"),
            poll_interval=2.0,
            gateways=TELNYX if gateways is None else gateways,
        )
        history = self.histories.get(name)
        if history is None:
            history = self.histories[name] = NodeHistory(name, self.clock, self.kept, self.exporter)
        look_up = partial(names.look_up, Executors().names)
        node = Node(config, "abcd", observer=history.observer(), clock=self.clock, look_up=look_up)
        old = self.nodes.get(name)
        history.attach(node)
        self.nodes[name] = node
        node.start()
        if old is not None:
            await old.stop()
        if connected:
            await self.until(lambda: node.connected)
        return node

    async def until(self, condition: Callable[[], object], seconds: float = 600.0) -> None:
        """Wait until it holds."""
        end = self.clock.monotonic() + seconds
        while not condition():
            assert self.clock.monotonic() < end, "it never came to that"
            await self.clock.sleep(LOOK)

    async def until_problem(self, problem: str, gateway: str = "telnyx", node: str = "fs1") -> None:
        """Wait for a verdict."""
        await self.until(
            lambda: [known.problem for known in self.nodes[node].gateways.named(gateway)] == [problem]
        )

    def past(self, gateway: str = "telnyx", node: str = "fs1", profile: str = "external") -> Past:
        """Of a gateway; with an empty name, of the switch."""
        return self.histories[node].past(gateway, profile)

    def collect(self) -> None:
        """Have everything kept that is known by now."""
        for history in self.histories.values():
            history.collect(self.clock.monotonic(), self.clock.epoch(), samples=True)

    async def stop(self, name: str = "fs1") -> None:
        """Stop watching a node, as the exporter's end does."""
        await self.nodes.pop(name).stop()

    # -- time

    def start(self) -> None:
        """Tick and look."""
        self._tasks = [asyncio.create_task(self._tick()), asyncio.create_task(self._look())]

    async def end(self) -> None:
        """Stop all of it."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for name in list(self.nodes):
            await self.stop(name)

    async def _tick(self) -> None:
        while True:
            await self.clock.sleep(TICK)
            for history in self.histories.values():
                history.tick(self.clock.monotonic(), self.clock.epoch())

    async def _look(self) -> None:
        while True:
            await self.clock.sleep(self._every)
            for name, node in self.nodes.items():
                for gateway in node.gateways:
                    truth = self.truths.setdefault((name, gateway.name, gateway.profile), Truth())
                    truth.look(self._every, gateway.problem if gateway.readable else None)


Drill = Callable[[Lab], Coroutine[Any, Any, None]]


def run(drill: Drill, look: float = LOOK) -> None:
    """A drill in virtual time; the truth is looked at every `look` seconds."""
    with virtual_time() as clock:

        async def whole() -> None:
            lab = Lab(clock, look)
            lab.start()
            try:
                await drill(lab)
            finally:
                await lab.end()

        clock.run(whole())


@asynccontextmanager
async def switch_at(clock: Clock, **settings: Any) -> AsyncIterator[SimulatedSwitch]:
    """A switch whose gateways are as they are once it has run for a while."""
    async with SimulatedSwitch(clock=clock, **settings) as switch:
        await clock.sleep(5)
        yield switch
