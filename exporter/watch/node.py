"""One FreeSWITCH under watch: owns its connections, and has the parts do their work while they are open.

An attempt subscribes first and syncs then: what happens between is reported by an event. A node counts as
connected once it is subscribed, has answered, and the exporter's own tick has come back. What FreeSWITCH's
database knows, calls that were up before among it, is asked for after that (database.py).

The node is lost when the connection of events or of vital commands ends, a vital command is not answered in
time, or accepted ticks do not return; then all that was known of its state is forgotten (counters stay), and
after a pause (lifecycle.py) the next attempt begins.
"""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

import structlog

from exporter.clock import Clock
from exporter.config import LiveQualityConfig, LogStream, NodeConfig
from exporter.esl import Disconnected, EslError, LookUp, ProtocolError
from exporter.switch.followed_call import JobReply, LegEvent, ProbeMark
from exporter.watch.calls import CallTable
from exporter.watch.commands import Lane
from exporter.watch.connections import Connections
from exporter.watch.database import DatabasePoller
from exporter.watch.destinations import Destinations
from exporter.watch.dispatcher import Dispatcher, wire
from exporter.watch.gateway_table import GatewayTable
from exporter.watch.knowledge import Knowledge
from exporter.watch.lifecycle import Lifecycle
from exporter.watch.live_poller import LivePoller
from exporter.watch.log_lane import LogLane
from exporter.watch.observer import NodeObserver
from exporter.watch.poller import Poller
from exporter.watch.providers import Providers
from exporter.watch.registration_memory import RegistrationMemory
from exporter.watch.switch import SwitchFacts
from exporter.watch.tick import Ticks

COMMAND_DEADLINE: Final = 5.0  # seconds, of jobs that probes start
NO_LIVE_QUALITY: Final = LiveQualityConfig(calls=0)

log = structlog.get_logger(__name__)


class Node:
    """One FreeSWITCH under watch.

    Args:
        config: what to watch.
        instance: four hex digits that distinguish this exporter from others.
        memory: failed registrations of earlier runs, loaded before `start`; None keeps them no longer than
            the node.
        observer: is told what happens, as it happens; None: nobody.
        clock: the time.
        look_up: finds the addresses of a host name.
        quiet: log no changes of its problem or its gateways', for a caller that shows them itself.
        destinations: countries and prices of numbers; None: calls are not counted by country.
        providers: whose codes are read; None: those with a table of the exporter's own.
        log_stream: down to which level FreeSWITCH's log is read.
        live_quality: gives how many running calls are listened to now, and how often; by default none.
        only: the one gateway that FreeSWITCH is asked about by name; None: any.

    Attributes:
        name: of the config, the label `node`.
        known: all that is known of FreeSWITCH.
        lifecycle: state and outcomes of the connection.
        connections: what commands run on.
        dispatcher: where events go.
        observer: who is told what happens.
    """

    def __init__(
        self,
        config: NodeConfig,
        instance: str,
        memory: RegistrationMemory | None = None,
        *,
        observer: NodeObserver | None = None,
        clock: Clock,
        look_up: LookUp,
        quiet: bool = False,
        destinations: Destinations | None = None,
        providers: Providers | None = None,
        log_stream: LogStream = "off",
        live_quality: Callable[[], LiveQualityConfig] = lambda: NO_LIVE_QUALITY,
        only: str | None = None,
    ) -> None:
        self.config = config
        self.name = config.name
        memory = memory or RegistrationMemory(None, clock=clock)
        self.observer = observer or NodeObserver()
        self.known = Knowledge(
            config,
            instance,
            clock,
            memory,
            self.observer,
            quiet=quiet,
            destinations=destinations,
            providers=providers,
            only=only,
        )
        self.lifecycle = Lifecycle(config.name, clock, quiet=quiet)
        self.connections = Connections(config, clock, look_up)
        self.dispatcher = Dispatcher(config.name, clock, self.known.dropped)
        wire(self.dispatcher, self.known)
        self._poller = Poller(config, clock, self.known, self.connections)
        self._database = DatabasePoller(clock, self.known, self.connections)
        self._log_lane = LogLane(config.name, self.connections.open_log, self.known.log, clock)
        self.read_log(log_stream)
        self._live = LivePoller(live_quality, clock, self.known.live, self.connections)
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    # -- state and facts ------------------------------------------------------------------------------------

    @property
    def connected(self) -> bool:
        """Subscribed, answering, events flowing."""
        return self.lifecycle.connected

    @property
    def tried(self) -> bool:
        """The first attempt to connect has ended, one way or the other."""
        return self.lifecycle.tried

    @property
    def problem(self) -> str:
        """The word of `freeswitch_connection_problem`; empty before the first attempt ended."""
        return self.lifecycle.problem

    @property
    def reason(self) -> str:
        """One sentence on the problem, safe to show."""
        return self.lifecycle.reason

    @property
    def since_epoch(self) -> float:
        """When the problem began, or the connection was made."""
        return self.lifecycle.since_epoch

    @property
    def attempts(self) -> dict[str, int]:
        """How many attempts and connections ended how; `connected` grows with every new connection."""
        return self.lifecycle.attempts

    @property
    def denied(self) -> set[str]:
        """Events and commands that the account may not have, as its allow lists would name them."""
        return self.connections.denied

    @property
    def core_uuid(self) -> str:
        """Identifies FreeSWITCH's present run."""
        return self.known.core_uuid

    @property
    def switch(self) -> SwitchFacts:
        """The switch itself."""
        return self.known.switch

    @property
    def gateways(self) -> GatewayTable:
        """Its gateways."""
        return self.known.gateways

    @property
    def calls(self) -> CallTable:
        """Its calls."""
        return self.known.calls

    @property
    def ticks(self) -> Ticks:
        """The exporter's own events."""
        return self.known.ticks

    @property
    def dropped(self) -> dict[str, int]:
        """What was given up, by the reasons of `freeswitch_events_dropped_total`."""
        return self.known.dropped

    @property
    def last_poll_epoch(self) -> float:
        """When its gateways were last listed; 0.0 before."""
        return self.known.last_poll_epoch

    # -- start and stop -------------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self.known.recall()
        self._loop = asyncio.get_running_loop()
        self._task = asyncio.create_task(self._run(), name=f"node {self.name}")

    async def stop(self) -> None:
        """Stop watching and close all connections."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    def sever(self, since: float) -> None:
        """Close all connections from another thread, while the event loop is stuck.

        Args:
            since: when the loop last ran (monotonic): nothing has been watched from then on.
        """
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # it is closed
                self._loop.call_soon_threadsafe(self._stood_still, since)
        self.connections.sever()
        self._log_lane.sever()

    def read_log(self, stream: LogStream) -> None:
        """Read FreeSWITCH's log down to this level from now on."""
        self._log_lane.read(stream)

    def backlog(self) -> int:
        """Bytes of events that the kernel holds for the exporter."""
        return self.connections.backlog()

    # -- commands and followers -----------------------------------------------------------------------------

    async def api(self, command: str, deadline: float | None = None) -> str:
        """Run an api command on its lane and return its output.

        Args:
            command: the command.
            deadline: seconds until the output; None takes that of the table (commands.py).

        Raises:
            EslError: not connected, refused, or no reply within the deadline.
        """
        return await self.connections.api(command, deadline)

    async def bgapi(self, command: str, job_uuid: str, deadline: float = COMMAND_DEADLINE) -> None:
        """Start a job; its BACKGROUND_JOB goes to the follower of `job_uuid`.

        Raises:
            EslError: as `api`.
        """
        await self.connections.bgapi(command, job_uuid, deadline)

    def follow_leg(self, uuid: str, callback: Callable[[LegEvent | ProbeMark], None]) -> None:
        """Call `callback` for every event of one leg, and for every probe mark fired on it."""
        self.dispatcher.follow_leg(uuid, callback)

    def unfollow_leg(self, uuid: str) -> None:
        """End of `follow_leg`."""
        self.dispatcher.unfollow_leg(uuid)

    def follow_job(self, job_uuid: str, callback: Callable[[JobReply], None]) -> None:
        """Call `callback` for the BACKGROUND_JOB of one job."""
        self.dispatcher.follow_job(job_uuid, callback)

    def unfollow_job(self, job_uuid: str) -> None:
        """End of `follow_job`."""
        self.dispatcher.unfollow_job(job_uuid)

    # -- the watch ------------------------------------------------------------------------------------------

    async def _run(self) -> None:
        try:
            while True:
                self.lifecycle.began()
                try:
                    await self._watch()
                except EslError as error:
                    reason = error
                except Exception as error:
                    log.exception("watching failed", node=self.name)
                    reason = ProtocolError(f"internal error: {type(error).__name__}")
                pause = self.lifecycle.ended(reason)
                self.observer.on_not_connected(
                    self.problem, self.reason, self._clock.monotonic(), self._clock.epoch()
                )
                self._forget(reason)
                del reason  # its traceback would keep the ended connections, with what they had received
                await self._clock.sleep(pause)
        finally:
            self.lifecycle.stopped()
            self._forget(Disconnected("the exporter stops"))
            self.observer.on_stopped(self._clock.monotonic(), self._clock.epoch())

    async def _watch(self) -> None:
        """One connection, from the first SYN to its end. Always raises."""
        await self.connections.open(self.dispatcher.on_event)
        self.lifecycle.opened()
        await self.connections.while_open(self._enter())
        poller = self._poller
        await self.connections.while_open(
            poller.poll(),
            poller.watch_events(),
            poller.ask_settings(),
            self.connections.keep_lane(Lane.DATABASE),
            self._database.run(),
            self._live.run(),
            self._log_lane.keep_open(),
        )

    async def _enter(self) -> None:
        await self.connections.subscribe()
        await self._poller.sync()
        known = self.known
        known.gateways.poll_wanted.set()
        self.lifecycle.synced(
            version=known.switch.version, gateways=len(known.gateways), denied=sorted(self.denied)
        )
        self.observer.on_connected(self._clock.monotonic(), self._clock.epoch())

    def _stood_still(self, since: float) -> None:
        """The loop runs again: what was known was known until then, before any timer adds the time since."""
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        self.known.gateways.on_lost(since)
        self.observer.on_standstill(since, epoch - (now - since))

    def _forget(self, reason: EslError) -> None:
        self.connections.abort(reason)
        self.known.forget()
