"""The daemon: what runs, in which order it starts and stops, and what a reload changes.

Start: listen first, so that an address in use is told before anything else happens; then the nodes. Ready is
when the first attempt at every node has ended. Stop, on SIGTERM or SIGINT: probes hang up, nodes close their
connections, the HTTP side ends last so that a last scrape can still see it happen.

A reload reads the config anew. A file that cannot be used changes nothing. Nodes whose config is the same go
on undisturbed, with their counters; others end and begin. Addresses to listen on are those of the start.
"""

import asyncio
import resource
import signal
import time
from collections.abc import Callable, Iterable, Sequence

import msgspec
import structlog

from exporter import __version__
from exporter import log as logging
from exporter.clock import Clock
from exporter.config import (
    Config,
    ConfigError,
    GatewayConfig,
    GuardConfig,
    NodeConfig,
    ProbeConfig,
    Thresholds,
)
from exporter.diagnosis.conclusion import Diagnosis
from exporter.diagnosis.service import DiagnosisService
from exporter.executors import Executors
from exporter.instance import instance_id
from exporter.metrics.exposition import Source
from exporter.metrics.process import ProcessMetrics
from exporter.notify import Notifier
from exporter.probe.probes import Probes
from exporter.probe.record import CallRecord
from exporter.probe.store import StoreError
from exporter.probe.switchboard import Switchboard
from exporter.watch.collector import NodeCollector
from exporter.watch.loop_watchdog import LoopWatchdog
from exporter.watch.node import Node
from exporter.watch.registration_memory import RegistrationMemory
from exporter.web.app import make_app
from exporter.web.probe import PROBES
from exporter.web.server import Server

log = structlog.get_logger(__name__)


class Daemon:
    """Everything that runs, as the HTTP side sees it (`exporter.web.context.AppContext`).

    Args:
        config: the first config.
        read_config: reads it anew; raises ConfigError.
        instance: four hex digits that tell this exporter from others.
        probes: opened, not started.
    """

    def __init__(
        self, config: Config, read_config: Callable[[], Config], instance: str, probes: Probes
    ) -> None:
        self._config = config
        self._read_config = read_config
        self._instance = instance
        self._memory = RegistrationMemory(config.state_dir)
        self._notifier = Notifier()
        self._guard = LoopWatchdog(self._sever, self._notifier.alive)
        self._own = ProcessMetrics(lambda: self._guard.lag, time.time())
        self._nodes = [self._make_node(node) for node in config.nodes]
        self._probes = probes
        self._rounds = DiagnosisService(
            lambda: self._nodes, lambda: self._config, probes, clock=Clock(), names=Executors().names
        )
        app = make_app(self)
        app[PROBES] = probes
        self._server = Server(self, app)
        self._stop = asyncio.Event()
        self._reloading = asyncio.Lock()

    # -- as the web sees it -----------------------------------------------------------------------------

    @property
    def config(self) -> Config:
        """The config in force."""
        return self._config

    @property
    def nodes(self) -> Sequence[Node]:
        """The nodes, in the order of the config."""
        return self._nodes

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Where HTTP is served."""
        return self._server.addresses

    def sources(self) -> Iterable[Source]:
        """All that has samples."""
        yield from [NodeCollector(node) for node in self._nodes]
        yield from self._probes.sources([node.name for node in self._nodes])
        yield self._own

    def count_refusal(self, reason: str) -> None:
        """Count a request for a call that was turned away at the door."""
        self._probes.tally.refused(reason)

    async def diagnoses(self, *, wait: bool = False) -> Sequence[Diagnosis]:
        """Every node, examined."""
        return await self._rounds.diagnoses(wait=wait)

    async def latest_calls(self, count: int) -> Sequence[CallRecord]:
        """The latest synthetic calls, newest first."""
        return await self._probes.runner.history(count)

    async def reload(self) -> None:
        """Read the config anew and put it in force.

        Raises:
            ConfigError: it cannot be used; the old one stays in force.
        """
        async with self._reloading:
            await self._reload()

    async def _reload(self) -> None:
        try:
            config = self._read_config()
        except ConfigError:
            self._own.reload_successful = False
            raise
        nodes = [self._kept(node) or self._make_node(node) for node in config.nodes]
        for old in self._nodes:
            if old not in nodes:
                await old.stop()
        for new in nodes:
            if new not in self._nodes:
                new.start()
        self._nodes = nodes
        self._config = config
        self._probes.configure(config, self._boards())
        self._own.reload_successful = True
        self._own.reloaded_epoch = time.time()
        configure_log(config)
        log.info("config reloaded", nodes=[node.name for node in nodes])

    # -- running ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Serve until `stop` is called or a signal says so.

        Raises:
            ConfigError: an address or a certificate cannot be had.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, lambda: asyncio.ensure_future(self._reload_or_log()))
        beside = [asyncio.ensure_future(work) for work in (self._guard.run(), self._rounds.run())]
        try:
            await self._server.start()
            for node in self._nodes:
                node.start()
            await self._probes.start(self._config, self._boards())
            self._notifier.ready()
            log.info(
                "serving",
                version=__version__,
                addresses=[f"{host}:{port}" for host, port in self.addresses],
                nodes=[node.name for node in self._nodes],
                instance=self._instance,
            )
            await self._stop.wait()
            log.info("stopping")
        finally:
            self._notifier.stopping()
            await self._probes.stop()
            await asyncio.gather(*(node.stop() for node in self._nodes))
            await self._server.stop()
            for task in beside:
                task.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stop.set()

    async def _reload_or_log(self) -> None:
        try:
            await self.reload()
        except ConfigError as error:
            log.error("reload refused, the old config stays in force", problems=list(error.problems))

    def _boards(self) -> dict[str, Switchboard]:
        return {node.name: node for node in self._nodes}

    def _kept(self, config: NodeConfig) -> Node | None:
        for node in self._nodes:
            if node.config == config:
                return node
        return None

    def _make_node(self, config: NodeConfig) -> Node:
        return Node(config, self._instance, self._memory)

    def _sever(self) -> None:
        for node in self._nodes:
            node.dropped["loop_stalled"] += 1
            node.sever()


def configure_log(config: Config) -> None:
    """Log as the config says, and say its warnings."""
    logging.configure(config.log, config.secrets())
    for warning in config.warnings:
        log.warning("config", warning=warning)


def _allow_many_connections() -> None:
    """As many descriptors as we may have: the usual soft limit is below what the HTTP side accepts."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def serve(config: Config, read_config: Callable[[], Config]) -> int:
    """Run the daemon until a signal ends it; the exit code.

    Raises:
        ConfigError: it cannot start.
    """
    configure_log(config)
    asyncio.run(_serve(config, read_config))
    return 0


def demo(config: Config) -> int:
    """The same daemon, watching a simulated switch in the same process; `config` says where to serve and log.

    Raises:
        ConfigError: it cannot start.
    """
    configure_log(config)
    asyncio.run(_demo(config))
    return 0


async def _serve(config: Config, read_config: Callable[[], Config]) -> None:
    _allow_many_connections()
    try:
        instance = instance_id(config.state_dir)
        probes = await Probes.open(config.state_dir, instance)
    except (OSError, StoreError) as error:
        raise ConfigError(
            (f"state_dir {config.state_dir}: {error}; give a directory we may write to",)
        ) from None
    await Daemon(config, read_config, instance, probes).run()


async def _demo(config: Config) -> None:
    from exporter.simulator.demo import demo_switch

    async with demo_switch() as switch:
        watching = demo_config(config, switch.port)
        await _serve(watching, lambda: watching)


def demo_config(config: Config, port: int) -> Config:
    """The config, made to watch the demo's switch at `port` of loopback, and to probe it."""
    node = NodeConfig(
        name="demo",
        port=port,
        gateways={
            "telnyx": GatewayConfig(max_calls=30, provider="telnyx"),
            "flapping": GatewayConfig(),
            "rejected": GatewayConfig(),
            "unmonitored": GatewayConfig(register=False),
        },
    )
    echo = ProbeConfig(
        name="telnyx-echo",
        node=node.name,
        gateway="telnyx",
        destination="+15550000001",
        caller_id="+15559990000",
        talk_time=5.0,
        interval=60.0,
        thresholds=Thresholds(post_dial_delay=3.0, answer=10.0, mos=3.6, packet_loss=0.05),
    )
    tone = msgspec.structs.replace(
        echo, name="telnyx-tone", application="tone", destination="+15550000024", interval=120.0
    )
    return msgspec.structs.replace(
        config,
        nodes=(node,),
        probes={probe.name: probe for probe in (echo, tone)},
        guard=GuardConfig(
            allow=(echo.destination, tone.destination), max_calls_per_day=3000, max_minutes_per_day=1440
        ),
    )
