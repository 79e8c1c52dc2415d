"""A daemon in a few lines, with samples of every family, and the same samples for prometheus_client."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

import aiohttp
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import CollectorRegistry

from exporter.clock import Clock
from exporter.config import Config, HistoryConfig, Listen
from exporter.diagnosis.conclusion import Diagnosis, diagnose
from exporter.diagnosis.snapshot import Snapshot
from exporter.executors import Executor, Executors
from exporter.history.past import Past
from exporter.history.store import Store
from exporter.metrics import exposition
from exporter.metrics.exposition import Family, Histogram, Page, Source, Unit
from exporter.metrics.families import FAMILIES
from exporter.probe.record import CallRecord
from exporter.web.app import ROUTES, Route, make_app
from exporter.web.auth import BASIC_AUTH
from exporter.web.basic_auth import BasicAuth
from exporter.web.context import Switchboard
from exporter.web.server import Server

UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
LOOPBACK = Listen(host="127.0.0.1", port=0)


class Fact(NamedTuple):
    """A sample: its value, or what a histogram has observed. With an exemplar, the call UUID is `UUID`."""

    family: Family
    labels: dict[str, str]
    value: float | tuple[float, ...]
    exemplar: bool = False


@dataclass
class Facts:
    """A source of one unit that writes these facts."""

    node: str | None
    facts: Sequence[Fact]

    def units(self) -> Iterable[Unit]:
        return [self.write]

    def write(self, page: Page) -> None:
        for family, labels, value, exemplar in self.facts:
            text = exposition.labels(**labels)
            if isinstance(value, tuple):
                histogram = Histogram(family)
                for one in value:
                    histogram.observe(one, exposition.Exemplar(UUID, 1700000000.5) if exemplar else None)
                page.histogram(family, text, histogram)
            else:
                example = exposition.Exemplar(UUID, 1700000000.5) if exemplar else None
                page.add(family, text, value, example)


def every_family(node: str | None, word: str = "some") -> Facts:
    """Samples of all families about `node`, or of all that are about none."""
    facts = []
    for family in FAMILIES.values():
        if ("node" in family.labels) != (node is not None):
            continue
        labels = {name: f"{word}-{name}" for name in family.labels}
        if node is not None:
            labels["node"] = node
        if family.type == "histogram":
            facts.append(Fact(family, labels, (0.0, 0.7, 4.2, 1e9), exemplar=True))
        else:
            facts.append(Fact(family, labels, 1234567.25, exemplar=family.type == "counter"))
    return Facts(node, facts)


class Oracle:
    """The facts as a collector of prometheus_client."""

    def __init__(self, sources: Iterable[Facts]) -> None:
        self._facts = [fact for source in sources for fact in source.facts]

    def registry(self) -> CollectorRegistry:
        registry = CollectorRegistry(auto_describe=True)
        registry.register(self)
        return registry

    def collect(self) -> Iterator[Metric]:
        for family in FAMILIES.values():
            facts = [fact for fact in self._facts if fact.family is family]
            if facts:
                yield _metric(family, facts)


def _metric(family: Family, facts: list[Fact]) -> Metric:
    names = family.labels
    metric: GaugeMetricFamily | CounterMetricFamily | HistogramMetricFamily
    if family.type == "histogram":
        metric = HistogramMetricFamily(family.name, family.help, labels=names)
        for _, labels, observed, with_exemplar in facts:
            assert isinstance(observed, tuple)
            metric.add_metric(
                [labels[name] for name in names], _buckets(family, observed, with_exemplar), sum(observed)
            )
        return metric
    metric = (CounterMetricFamily if family.type == "counter" else GaugeMetricFamily)(
        family.name, family.help, labels=names
    )
    for _, labels, value, with_exemplar in facts:
        assert isinstance(value, float)
        values = [labels[name] for name in names]
        if isinstance(metric, CounterMetricFamily):
            example = Exemplar({"call_uuid": UUID}, 1.0, 1700000000.5) if with_exemplar else None
            metric.add_metric(values, value, exemplar=example)
        else:
            metric.add_metric(values, value)
    return metric


def _buckets(
    family: Family, observed: tuple[float, ...], with_exemplar: bool
) -> list[tuple[str, float] | tuple[str, float, Exemplar]]:
    buckets: list[tuple[str, float] | tuple[str, float, Exemplar]] = []
    below = float("-inf")
    for bound in (*family.buckets, float("inf")):
        within = [value for value in observed if below < value <= bound]
        example = (
            Exemplar({"call_uuid": UUID}, within[-1], 1700000000.5) if within and with_exemplar else None
        )
        count = sum(value <= bound for value in observed)
        number = exposition.number(bound)
        buckets.append((number, count, example) if example else (number, count))
        below = bound
    return buckets


@dataclass
class FakeNode:
    """A node as the HTTP side sees it."""

    name: str = "fs1"
    connected: bool = True
    problem: str = "none"
    reason: str = ""
    tried: bool = True


class FakeHistory:
    """A past in which nothing was, unless a test puts something in its place."""

    def __init__(self, store: Store | None = None) -> None:
        clock = Clock()
        self.store = store or Store(None, HistoryConfig(), clock, Executor("fake history"))
        self.refreshed = 0

    def past(self, node: str, gateway: str, profile: str) -> Past:
        return Past()

    def node_past(self, node: str) -> Past:
        return Past()

    async def refresh(self) -> None:
        self.refreshed += 1


@dataclass
class FakeContext:
    """A daemon as the HTTP side sees it. `reload` puts `next` in force, or raises it."""

    config: Config = field(default_factory=lambda: Config(listen=(LOOPBACK,)))
    nodes: list[FakeNode] = field(default_factory=lambda: [FakeNode("fs1"), FakeNode("fs2")])
    shown: Sequence[Source] = ()
    next: Config | Exception | None = None
    reloads: int = 0
    refusals: list[str] = field(default_factory=list)
    asked: int = 0
    clock: Clock = field(default_factory=Clock)
    executors: Executors = field(default_factory=Executors)
    history: FakeHistory = field(default_factory=FakeHistory)
    switchboard: Switchboard | None = None

    @property
    def loopback_only(self) -> bool:
        return all(address.loopback for address in self.config.listen)

    def sources(self) -> Iterable[Source]:
        self.asked += 1
        return self.shown

    async def diagnoses(self, *, wait: bool = False) -> Sequence[Diagnosis]:
        return [diagnose(Snapshot(node=node.name, problem=node.problem)) for node in self.nodes]

    async def latest_calls(self, count: int) -> Sequence[CallRecord]:
        return []

    async def reload(self) -> None:
        self.reloads += 1
        if isinstance(self.next, Exception):
            raise self.next
        if self.next is not None:
            self.config = self.next

    async def plan_reload(self) -> Mapping[str, object]:
        if isinstance(self.next, Exception):
            raise self.next
        return {"steps": []}

    def count_refusal(self, reason: str) -> None:
        self.refusals.append(reason)


@dataclass
class Served:
    """A running server and a client for it, which speaks to `base`."""

    server: Server
    base: str
    port: int
    client: aiohttp.ClientSession
    basic_auth: BasicAuth


@asynccontextmanager
async def serving(
    context: FakeContext, routes: tuple[Route, ...] = ROUTES, scheme: str = "http"
) -> AsyncIterator[Served]:
    """Serve `context` for as long as the block lasts."""
    app = make_app(context, routes)
    server = Server(context, app)
    await server.start()
    port = server.addresses[0][1]
    try:
        # Nothing asked for that the test did not ask for, gzip least of all.
        async with aiohttp.ClientSession(
            auto_decompress=False, skip_auto_headers=["Accept-Encoding", "Accept"]
        ) as client:
            yield Served(server, f"{scheme}://127.0.0.1:{port}", port, client, app[BASIC_AUTH])
    finally:
        await server.stop()
        context.executors.shutdown()


async def exchange(port: int, sent: bytes, *, seconds: float = 5.0) -> bytes:
    """All that the server sends back to these bytes until it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        async with asyncio.timeout(seconds):
            writer.write(sent)
            try:
                return await reader.read()
            except ConnectionError:
                return b""
    finally:
        writer.close()


async def until(condition: Callable[[], bool], seconds: float = 5.0) -> None:
    """Wait for the condition to hold."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - what is waited for signals nothing
            await asyncio.sleep(0.005)
