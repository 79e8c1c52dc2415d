"""A real node watching a switch over a real socket, and its page as Prometheus would read it."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Protocol

from exporter import names
from exporter.clock import Clock
from exporter.config import GatewayConfig, LiveQualityConfig, LogStream, NodeConfig, Secret
from exporter.executors import Executors
from exporter.metrics import families
from exporter.metrics.exposition import Page, render
from exporter.watch.collector import NodeCollector
from exporter.watch.node import NO_LIVE_QUALITY, Node
from exporter.watch.observer import NodeObserver
from exporter.watch.registration_memory import RegistrationMemory
from tests.support.openmetrics import families as read_families

GATEWAYS = {"telnyx": GatewayConfig(max_calls=10, provider="telnyx")}


class Switch(Protocol):
    """A switch to watch, simulated or real."""

    @property
    def port(self) -> int:
        """Of its event socket."""


class Watch:
    """A node and what it shows."""

    def __init__(self, node: Node, clock: Clock) -> None:
        self.node = node
        self._clock = clock

    async def page(self) -> str:
        """A fresh page, as OpenMetrics."""
        page = Page(families.FAMILIES.values(), openmetrics=True)
        return b"".join(await render(page, [NodeCollector(self.node, self._clock)], self._clock)).decode()

    async def samples(self) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
        """Every sample of a fresh page by name and labels (`node` left out)."""
        text = await self.page()
        found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
        for family in read_families(text):
            for sample in family.samples:
                labels = {name: value for name, value in sample.labels.items() if name != "node"}
                found.setdefault(sample.name, {})[tuple(sorted(labels.items()))] = sample.value
        return found

    async def value(self, name: str, **labels: str) -> float | None:
        """The sum of the samples that have these labels; None if there is none."""
        series = (await self.samples()).get(name, {})
        chosen = [value for key, value in series.items() if set(labels.items()) <= set(key)]
        return sum(chosen) if chosen else None

    async def word(self, name: str, label: str, **labels: str) -> str:
        """The value of `label` in the one series of a stateset that is 1; empty if there is none."""
        series = (await self.samples()).get(name, {})
        words = [
            dict(key)[label]
            for key, value in series.items()
            if value == 1 and set(labels.items()) <= set(key)
        ]
        assert len(words) <= 1, words
        return words[0] if words else ""

    async def until(self, condition: Callable[[Node], bool], seconds: float = 15.0) -> None:
        """Wait for something to become true of the node."""
        deadline = self._clock.monotonic() + seconds
        while not condition(self.node):
            assert self._clock.monotonic() < deadline, f"{self.node.problem}: {self.node.reason}"
            await self._clock.sleep(0.01)

    async def until_problem(self, problem: str, seconds: float = 20.0) -> None:
        """Wait for a word of `freeswitch_connection_problem`."""
        await self.until(lambda node: node.problem == problem, seconds)

    async def until_gateway(self, problem: str, name: str = "telnyx", seconds: float = 15.0) -> None:
        """Wait for a verdict."""
        await self.until(lambda node: [g.problem for g in node.gateways.named(name)] == [problem], seconds)

    async def until_value(self, name: str, wanted: float, seconds: float = 15.0, **labels: str) -> None:
        """Wait for a sample to have a value."""
        deadline = self._clock.monotonic() + seconds
        while (seen := await self.value(name, **labels)) != wanted:
            assert self._clock.monotonic() < deadline, f"{name}{labels} is {seen}, not {wanted}"
            await self._clock.sleep(0.02)

    async def until_gone(self, name: str, seconds: float = 15.0, **labels: str) -> None:
        """Wait until there is no such sample."""
        deadline = self._clock.monotonic() + seconds
        while (seen := await self.value(name, **labels)) is not None:
            assert self._clock.monotonic() < deadline, f"{name}{labels} is still {seen}"
            await self._clock.sleep(0.02)


@asynccontextmanager
async def watching(
    switch: Switch,
    *,
    password: str = "ClueCon",
    user: str | None = None,
    gateways: dict[str, GatewayConfig] | None = None,
    connected: bool = True,
    memory: RegistrationMemory | None = None,
    observer: NodeObserver | None = None,
    host: str = "127.0.0.1",
    poll_interval: float = 0.5,
    subscribers: tuple[str, ...] = (),
    log_stream: LogStream = "off",
    live_quality: LiveQualityConfig = NO_LIVE_QUALITY,
    clock: Clock | None = None,
) -> AsyncIterator[Watch]:
    """Watch a switch; `connected`: wait until the node is."""
    config = NodeConfig(
        name="fs1",
        host=host,
        port=switch.port,
        user=user,
        password=Secret(password),
        poll_interval=poll_interval,
        gateways=GATEWAYS if gateways is None else gateways,
        subscribers=subscribers,
    )
    clock = clock or Clock()
    look_up = partial(names.look_up, Executors().names)
    node = Node(
        config,
        "abcd",
        memory,
        observer=observer,
        clock=clock,
        look_up=look_up,
        log_stream=log_stream,
        live_quality=lambda: live_quality,
    )
    watch = Watch(node, clock)
    node.start()
    try:
        if connected:
            await watch.until(lambda n: n.connected)
        yield watch
    finally:
        await node.stop()
