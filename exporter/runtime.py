"""The daemon: one object that owns everything that runs, and applies plans to it.

Start, reload (SIGHUP and `POST /-/reload`) and stop are the same steps with different plans
(exporter/reload_plan.py), applied one at a time:

1. What can fail is prepared: sockets are bound, certificates are read, new nodes are made.
2. The config, the nodes and the settings of the probes are put in force in one go, so that no request sees
   some of them old and some new.
3. What is no longer wanted is stopped: probes first, because they hang up through the nodes, and HTTP last,
   so that a last scrape can see the stop.

If 1 fails, nothing has changed. If 2 fails, the old config, nodes and settings are put in force again. A
failure in 3 is logged, and the rest is stopped all the same.

systemd is told that the exporter is ready once HTTP is served and every node has been started. `GET /-/ready`
waits for the end of the first attempt to connect to each node.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import structlog

from exporter import __version__, descriptors, names
from exporter import log as logging
from exporter.clock import Clock
from exporter.config import Config, ConfigError, is_loopback
from exporter.diagnosis.conclusion import Diagnosis
from exporter.diagnosis.service import DiagnosisService
from exporter.diagnosis.snapshot import ReloadSeen
from exporter.executors import Executors
from exporter.history.history import History
from exporter.metrics.exposition import Source
from exporter.metrics.process import ProcessMetrics
from exporter.notify import Notifier
from exporter.probe.probes import Probes
from exporter.probe.record import CallRecord
from exporter.reload_plan import Plan, Running, plan_reload, plan_start, plan_stop
from exporter.state_dir import StateDirError, StateLock, kept_instance_id
from exporter.watch.collector import NodeCollector
from exporter.watch.destinations import Destinations
from exporter.watch.loop_watchdog import LoopWatchdog, WatchedLoop
from exporter.watch.node import Node
from exporter.watch.providers import Providers
from exporter.watch.registration_memory import RegistrationMemory
from exporter.web.app import make_app
from exporter.web.context import Switchboard
from exporter.web.probe import PROBES
from exporter.web.server import Server
from exporter.web.tls import LoadedTls

log = structlog.get_logger(__name__)

READ_SECONDS: Final = 10.0  # for the config and its files; a disk that hangs holds nobody up for longer

ReadConfig = Callable[[], Config]
OnServing = Callable[[Sequence[tuple[str, int]]], None]


class Runtime:
    """Everything that runs; also what the HTTP side sees of it (`exporter.web.context.AppContext`).

    Args:
        config: the first config.
        read_config: reads it again; blocks, and raises ConfigError. It runs in the executor for the disk.
        instance: four hex digits that distinguish this exporter from others.
        probes: opened, not started.
        history: not started.
        clock: the time.
        executors: for what would block the event loop.
        switchboard: of the demo.

    Attributes:
        clock, executors, history, switchboard: as given.
    """

    def __init__(
        self,
        config: Config,
        read_config: ReadConfig,
        instance: str,
        probes: Probes,
        history: History,
        clock: Clock,
        executors: Executors,
        switchboard: Switchboard | None = None,
    ) -> None:
        self.switchboard = switchboard
        self.clock = clock
        self.executors = executors
        self._config = config
        self._state_dir = config.state_dir
        self._read_config = read_config
        self._instance = instance
        self._memory = RegistrationMemory(config.state_dir, clock=clock, disk=executors.disk)
        self._notifier = Notifier(clock)
        self._watchdog = LoopWatchdog(self._sever, self._notifier.alive, clock=clock)
        self._process = ProcessMetrics(lambda: self._watchdog.lag, clock.epoch())
        self._nodes: list[Node] = []
        self._destinations = Destinations()
        self._providers = Providers()
        self._probes = probes
        self._probes.stats.on_ran = self._on_probe
        self.history = history
        self._diagnosis = DiagnosisService(
            lambda: self._nodes,
            lambda: self._config,
            probes,
            history,
            lambda: ReloadSeen(not self._process.reload_successful, self._process.reloaded_epoch),
            clock=clock,
            names=executors.names,
        )
        app = make_app(self)
        app[PROBES] = probes
        self._server = Server(self, app)
        self._stop = asyncio.Event()
        self._applying = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()

    # -- as the HTTP side sees it

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
        """Host and port of every listening socket."""
        return self._server.addresses

    @property
    def loopback_only(self) -> bool:
        """Whether every listening socket can be reached from this machine alone."""
        return all(is_loopback(host) for host, _ in self.addresses)

    def sources(self) -> Iterable[Source]:
        """All collectors of samples."""
        yield from [NodeCollector(node, self.clock) for node in self._nodes]
        yield from self._probes.sources([node.name for node in self._nodes])
        yield from self.history.sources()
        yield self._process

    def count_refusal(self, reason: str) -> None:
        """Count a request for a call that was refused before it reached the probes."""
        self._probes.stats.refused(reason)

    async def diagnoses(self, *, wait: bool = False) -> Sequence[Diagnosis]:
        """The diagnosis of each node, in the order of the config."""
        return await self._diagnosis.diagnoses(wait=wait)

    async def latest_calls(self, count: int) -> Sequence[CallRecord]:
        """The latest synthetic calls, newest first."""
        return await self._probes.runner.history(count)

    async def plan_reload(self) -> Mapping[str, object]:
        """Read the config again and plan a reload, as plain data for JSON. Changes nothing.

        Raises:
            ConfigError: the file cannot be used.
            QueueFull: too much else waits for the disk.
        """
        config = await self._read_again()
        file = str(config.path) if config.path is not None else None
        return {"file": file, **plan_reload(self._running(), config).as_json()}

    async def reload(self) -> None:
        """Read the config again and put it in force. Once begun it goes on, also if its caller is cancelled.

        Raises:
            ConfigError: the file cannot be used, or the plan refuses it; the old config stays in force.
            QueueFull: too much else waits for the disk; the old config stays in force.
        """
        task = asyncio.ensure_future(self._reload())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            task.add_done_callback(_log_unseen)
            raise

    async def _reload(self) -> None:
        try:
            # The executor has one thread: configs are applied in the order in which they were read.
            await self._apply_new(await self._read_again())
        except ConfigError as error:
            self._process.reload_successful = False
            log.error("reload refused, the old config stays in force", problems=list(error.problems))
            raise
        except Exception:
            self._process.reload_successful = False
            raise

    async def _read_again(self) -> Config:
        """The config as it is written now; takes READ_SECONDS at most.

        Raises:
            ConfigError: it cannot be used, or the disk does not answer.
            QueueFull: too much else waits for the disk.
        """
        try:
            async with asyncio.timeout(READ_SECONDS):
                return await self.executors.disk.run(self._read_config)
        except TimeoutError:
            reason = f"the config was not read within {READ_SECONDS:g} s: the disk does not answer"
            raise ConfigError((reason,)) from None

    # -- start and stop

    async def run(self, on_serving: OnServing = lambda _: None) -> None:
        """Serve until `stop` is called or a signal asks for it.

        Args:
            on_serving: called with host and port of every listening socket, once there are.

        Raises:
            ConfigError: an address cannot be listened on, or a certificate cannot be used.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.stop)
        loop.add_signal_handler(signal.SIGHUP, self._on_hangup)
        beside = [asyncio.ensure_future(work) for work in (self._watchdog.run(), self._diagnosis.run())]
        try:
            async with self._applying:
                await self._apply(plan_start(self._config), self._config)
            self._notifier.ready()
            log.info(
                "serving",
                version=__version__,
                addresses=[f"{host}:{port}" for host, port in self.addresses],
                nodes=[node.name for node in self._nodes],
                instance=self._instance,
            )
            on_serving(self.addresses)
            await self._stop.wait()
            log.info("stopping")
        finally:
            self._stop.set()
            self._notifier.stopping()
            async with self._applying:
                await self._apply(plan_stop(self._running()), self._config)
            for task in (*beside, *self._tasks):
                task.cancel()
            await asyncio.gather(*beside, *self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """Ask `run` to end."""
        self._stop.set()

    def _on_hangup(self) -> None:
        """Reload. SIGHUP gets no response: the log has what goes wrong."""
        task = asyncio.ensure_future(self._reload_or_log())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _reload_or_log(self) -> None:
        try:
            await self.reload()
        except ConfigError:
            return  # `reload` has logged it
        except Exception:
            log.exception("reload failed, the old config stays in force")

    # -- plans

    def _running(self) -> Running:
        return Running(
            config=self._config,
            nodes=tuple(node.config for node in self._nodes),
            listen=self._server.listen,
            addresses=tuple(self.addresses),
            tls=self._server.tls,
            state_dir=self._state_dir,
        )

    async def _apply_new(self, config: Config) -> None:
        """Plan the change to `config` and apply it, unless the plan refuses or the exporter stops."""
        if self._stop.is_set():
            raise ConfigError(("the exporter is stopping; nothing was reloaded",))
        async with self._applying:
            plan = plan_reload(self._running(), config)
            log.info("reload plan", unchanged=plan.unchanged, **plan.changes())
            if plan.refusals:
                raise ConfigError(tuple(step.reason for step in plan.refusals))
            await self._apply(plan, config)
            self.history.reloaded(key for step in plan.steps for key in step.keys)
        self._process.reload_successful = True
        self._process.reloaded_epoch = self.clock.epoch()
        log.info("config reloaded", nodes=[node.name for node in self._nodes])

    async def _apply(self, plan: Plan, config: Config) -> None:
        """Do the steps of a plan that refuses nothing, and put `config` in force.

        Raises:
            ConfigError: an address cannot be listened on, or a certificate cannot be used.
        """
        http = plan.action("http")
        if http == "start":
            await self._server.start()
            await self._memory.load()
            self.history.start()
        certificates = await self._server.load_tls(config) if http == "keep" else None
        made = {name: self._make_node(config, name) for name in plan.names("node", "start", "restart")}
        leaving = [node for node in self._nodes if node.name in plan.names("node", "stop", "restart")]
        if http != "stop":
            self._put_in_force(config, made, certificates, first=http == "start")
        if http == "start":
            await self._probes.start(config, self._nodes_by_name())
        if http == "stop":
            await _logging_failure("probes", self._probes.stop())
        elif leaving:
            await _logging_failure("probe calls", self._probes.end_calls(leaving))
        await asyncio.gather(*(_logging_failure(f"node {node.name}", node.stop()) for node in leaving))
        if http == "stop":
            await _logging_failure("registration memory", self._memory.close())
            await _logging_failure("history", self.history.stop())
            await self._server.stop()

    def _put_in_force(
        self, config: Config, made: Mapping[str, Node], certificates: LoadedTls | None, *, first: bool
    ) -> None:
        """Switch to `config`, to the nodes `made` and the present ones that stay: to all or to nothing."""
        before = self._config, self._nodes
        present = self._nodes_by_name()
        self._config = config
        self._nodes = [made.get(node.name) or present[node.name] for node in config.nodes]
        if not first:  # the first config is given to the probes by their start, and the log has it already
            try:
                self._configure()
            except Exception:
                self._config, self._nodes = before
                self._configure()
                raise
        if certificates is not None:
            self._server.use_tls(certificates)
        self.history.configure(config)
        self._destinations.configure(config.destinations, config.rates)
        self._providers.configure(config.provider_tables)
        for node in self._nodes:
            node.read_log(config.log_stream)
        for node in made.values():
            self.history.attach(node)
            node.start()

    def _configure(self) -> None:
        self._probes.configure(self._config, self._nodes_by_name())
        configure_log(self._config)

    def _nodes_by_name(self) -> dict[str, Node]:
        return {node.name: node for node in self._nodes}

    def _make_node(self, config: Config, name: str) -> Node:
        [node] = [node for node in config.nodes if node.name == name]
        look_up = partial(names.look_up, self.executors.names)
        observer = self.history.observer(name)
        return Node(
            node,
            self._instance,
            self._memory,
            observer=observer,
            clock=self.clock,
            look_up=look_up,
            destinations=self._destinations,
            providers=self._providers,
            live_quality=lambda: self._config.live_quality,
        )

    def _on_probe(self, record: CallRecord) -> None:
        self.history.on_probe(record.node, record.gateway, failed=record.result == "failed")

    def _sever(self, since: float) -> None:
        """Give FreeSWITCH's connections up; called from any thread, once for each standstill of the loop.

        Args:
            since: when the loop last ran (monotonic).
        """
        for node in self._nodes:
            node.dropped["loop_stalled"] += 1
            node.sever(since)


def configure_log(config: Config) -> None:
    """Log as the config says, and log its warnings."""
    logging.configure(
        config.log.level,
        config.log.format,
        [secret.reveal() for secret in config.secrets()],
        Clock().monotonic,
    )
    for warning in config.warnings:
        log.warning("config", limit=("config", warning), warning=warning)


def serve(config: Config, read_config: ReadConfig) -> int:
    """Run the daemon until a signal ends it; the exit code.

    Raises:
        ConfigError: it cannot start.
    """
    configure_log(config)
    run_watched(serve_until_stopped(config, read_config, Clock()))
    return 0


def run_watched(serving: Coroutine[Any, Any, None]) -> None:
    """As `asyncio.run`, in a loop whose standstills are noticed first of all."""
    with asyncio.Runner(loop_factory=WatchedLoop) as runner:
        runner.run(serving)


async def serve_until_stopped(
    config: Config,
    read_config: ReadConfig,
    clock: Clock,
    switchboard: Switchboard | None = None,
    *,
    on_serving: OnServing = lambda _: None,
) -> None:
    """Run the daemon in this event loop until a signal ends it.

    Args:
        config: the first config.
        read_config: reads it again.
        clock: the time.
        switchboard: of the demo.
        on_serving: called with host and port of every listening socket, once there are.

    Raises:
        ConfigError: it cannot start.
    """
    descriptors.raise_limit()
    executors = Executors()
    state_dir = config.state_dir
    lock = StateLock(state_dir, clock, executors.disk) if state_dir is not None else None
    try:
        if lock is not None:
            await lock.take()
        instance = await kept_instance_id(state_dir, executors.disk)
        probes = await Probes.open(state_dir, instance, clock, executors.disk)
        kept_in = state_dir if lock is not None and lock.held else None  # two daemons never share one file
        history = History(
            config.history,
            kept_in,
            clock,
            executors.history,
            kept_out=lock.problem if lock is not None else "",
        )
        runtime = Runtime(config, read_config, instance, probes, history, clock, executors, switchboard)
        await runtime.run(on_serving)
    except StateDirError as error:
        raise ConfigError((str(error),)) from None
    finally:
        if lock is not None:
            lock.release()
        executors.shutdown()


async def _logging_failure(what: str, stopping: Coroutine[Any, Any, None]) -> None:
    """Await the stop of one thing; a failure must not keep the others from stopping."""
    try:
        await stopping
    except Exception:
        log.exception("stop failed", what=what)


def _log_unseen(task: asyncio.Task[None]) -> None:
    """Log the failure of a reload whose caller has gone away; `_reload` has logged a refused config."""
    if not task.cancelled() and (error := task.exception()) and not isinstance(error, ConfigError):
        log.error("reload failed, the old config stays in force", exc_info=error)
