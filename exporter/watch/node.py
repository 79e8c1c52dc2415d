"""The life of one node: connect, subscribe, sync, follow, lost, and again.

Two connections: `api` holds back the events of the connection it is sent on, so events come on one and
commands go on the other. Subscribe first, then sync: what happens between is told by an event. A node counts
as connected once it is subscribed, has answered, and our own tick has come back; it is lost when either
connection ends, a command is not answered, or accepted ticks do not return. Then everything known of its
state is dropped (counters stay), and the next attempt begins, the first within a second, never more than 30
seconds after the last.

What ended an attempt is an EslError; its `problem` is the word of `freeswitch_connection_problem`. One
correction: a process that hangs still has its kernel accept a handful of connections, then none (at once, if
other clients of FreeSWITCH try again too). A connect that times out after a greeting or a reply that did not
come is therefore still the hanging process, not the network.
"""

import asyncio
import contextlib
import random
import secrets
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog

from exporter.config import NodeConfig
from exporter.esl import (
    CommandTimeout,
    Connection,
    ConnectTimeout,
    Disconnected,
    EslError,
    Event,
    EventsStalled,
    FellBehind,
    GreetingTimeout,
    LookUp,
    PermissionDenied,
    ProtocolError,
)
from exporter.metrics import families
from exporter.metrics.exposition import Histogram
from exporter.switch import leg as legs
from exporter.switch.channel import parse_channels, parse_exists, parse_variable
from exporter.switch.followed_call import (
    MARK_SUBCLASS,
    JobReply,
    LegEvent,
    ProbeMark,
    read_job_reply,
    read_leg_event,
)
from exporter.switch.gateway import parse_gateway_text, parse_gateways_xml
from exporter.switch.provider import provider
from exporter.switch.reply import CommandDenied, GatewayNotFound, ReplyError
from exporter.switch.status import Heartbeat, parse_count, parse_pause, parse_profiles, parse_status
from exporter.watch.calls import CallTable
from exporter.watch.gateway import GatewayWatch
from exporter.watch.gateway_table import GatewayTable
from exporter.watch.lag import Lag
from exporter.watch.registration_memory import RegistrationMemory
from exporter.watch.switch import SwitchFacts
from exporter.watch.tick import INTERVAL as TICK_INTERVAL
from exporter.watch.tick import OVERDUE as TICK_OVERDUE
from exporter.watch.tick import SUBCLASS as TICK
from exporter.watch.tick import Ticks
from exporter.watch.unexplained import UnexplainedCount

FIRST_RETRY: Final = 0.5
LAST_RETRY: Final = 30.0
STABLE: Final = 30.0  # seconds connected after which the next loss begins with a quick retry again
COUNTS_INTERVAL: Final = 60.0  # counts are SQL for FreeSWITCH
MAX_SINGLE_POLLS: Final = 3
MAX_BACKLOG: Final = 1 << 20  # bytes unread at two looks TICK_INTERVAL apart: we are too slow
MAX_LEARNED: Final = 2000
HEARTBEATS_MISSED: Final = 2.5
HEARTBEAT_INTERVAL: Final = 20.0

SUBSCRIPTIONS: Final = (
    "HEARTBEAT",
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_HANGUP_COMPLETE",
    "CHANNEL_DESTROY",
    "BACKGROUND_JOB",
    "SHUTDOWN",
    "CUSTOM sofia::gateway_state",
    "CUSTOM sofia::gateway_add",
    "CUSTOM sofia::gateway_delete",
    "CUSTOM sofia::profile_start",
    f"CUSTOM {TICK}",
    f"CUSTOM {MARK_SUBCLASS}",
)
EVENT_NAMES: Final = tuple(name.removeprefix("CUSTOM ") for name in SUBSCRIPTIONS)
COMMAND_NAMES: Final = (
    "fsctl",
    "global_getvar",
    "hostname",
    "json",
    "originate",
    "sendevent",
    "show",
    "sofia",
    "status",
    "uuid_exists",
    "uuid_getvar",
    "uuid_kill",
    "version",
)

log = structlog.get_logger(__name__)
_T = TypeVar("_T")


class Node:
    """One FreeSWITCH under watch.

    Args:
        config: whom to watch.
        instance: four hex digits that tell this exporter from others.
        memory: failed registrations, remembered over our restarts.
        look_up: finds the addresses of a host name.

    Attributes:
        connected: subscribed, answering, events flowing.
        problem: the word of `freeswitch_connection_problem`; empty before the first attempt ended.
        reason: one sentence on the problem, safe to show.
        denied: events and commands that our user may not have, as they are named in its allow lists.
        core_uuid: identifies FreeSWITCH's present life.
    """

    def __init__(
        self,
        config: NodeConfig,
        instance: str,
        memory: RegistrationMemory | None = None,
        *,
        look_up: LookUp,
    ) -> None:
        now = time.monotonic()
        self.config = config
        self.name = config.name
        self.instance = instance
        self._look_up = look_up
        self._memory = memory if memory is not None else RegistrationMemory(None)
        self.connected = False
        self.problem = ""
        self.reason = "not tried yet"
        self.since_epoch = time.time()
        self.denied: set[str] = set()
        self.core_uuid = ""
        self.attempts: dict[str, int] = {}
        self.events: dict[str, int] = dict.fromkeys((*EVENT_NAMES, "other"), 0)
        self.dropped: dict[str, int] = dict.fromkeys(families.DROP_REASONS, 0)
        self.event_lag = Histogram(families.EVENT_LAG)
        self.commands: dict[str, Histogram] = {}
        self.last_event_epoch = 0.0
        self.last_poll_epoch = 0.0
        self.ticks = Ticks(f"{instance}-{secrets.token_hex(4)}")
        self.switch = SwitchFacts()
        self.calls = CallTable(self._attribute, self._on_unanswered)
        self.unaccounted = UnexplainedCount()
        self.gateways = GatewayTable(config.gateways, now, self._on_new_gateway, self.calls.stop_tracking)
        self.calls.start_tracking("", None)
        self._lag = Lag()
        self._event_connection: Connection | None = None
        self._command_connection: Connection | None = None
        self._leg_followers: dict[str, Callable[[LegEvent | ProbeMark], None]] = {}
        self._job_followers: dict[str, Callable[[JobReply], None]] = {}
        self._marked = asyncio.Event()
        self._tick_returned = asyncio.Event()
        self._heartbeat_at = 0.0
        self._heartbeat_interval = HEARTBEAT_INTERVAL
        self._process_hangs = False
        self._task: asyncio.Task[None] | None = None
        self._handlers: dict[str, Callable[[Event], None]] = {
            "HEARTBEAT": self._on_heartbeat,
            "CHANNEL_CREATE": self.calls.on_create,
            "CHANNEL_PROGRESS": self.calls.on_progress,
            "CHANNEL_PROGRESS_MEDIA": self.calls.on_progress,
            "CHANNEL_ANSWER": self.calls.on_answer,
            "CHANNEL_HANGUP_COMPLETE": self.calls.on_hangup,
            "CHANNEL_DESTROY": self.calls.on_destroy,
            "BACKGROUND_JOB": self._on_job,
            "sofia::gateway_state": self._on_gateway_state,
            "sofia::gateway_add": self._on_gateway_add,
            "sofia::gateway_delete": self._on_gateway_delete,
            TICK: self._on_tick,
        }

    # -- for others -----------------------------------------------------------------------------------

    @property
    def tried(self) -> bool:
        """The first attempt to connect has ended, one way or the other."""
        return self.problem != ""

    def start(self) -> None:
        """Begin to watch; returns at once."""
        self._task = asyncio.create_task(self._run(), name=f"node {self.name}")

    async def stop(self) -> None:
        """Stop watching and close both connections."""
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task

    async def api(self, command: str, deadline: float = 5.0) -> str:
        """Run an api command on the command connection and return its output.

        Raises:
            EslError: not connected, refused, or no reply within `deadline` seconds.
        """
        connection = self._commands_or_raise()
        return await self._timed(command, connection.api(command, deadline))

    async def bgapi(self, command: str, job_uuid: str, deadline: float = 5.0) -> None:
        """Start a job; its BACKGROUND_JOB goes to the follower of `job_uuid`.

        Raises:
            EslError: as `api`.
        """
        connection = self._commands_or_raise()
        await self._timed(command, connection.bgapi(command, job_uuid, deadline))

    def follow_leg(self, uuid: str, callback: Callable[[LegEvent | ProbeMark], None]) -> None:
        """Call `callback` for every event of one leg, and for every mark fired on it."""
        self._leg_followers[uuid] = callback

    def unfollow_leg(self, uuid: str) -> None:
        """End of `follow_leg`."""
        self._leg_followers.pop(uuid, None)

    def follow_job(self, job_uuid: str, callback: Callable[[JobReply], None]) -> None:
        """Call `callback` for the BACKGROUND_JOB of one job."""
        self._job_followers[job_uuid] = callback

    def unfollow_job(self, job_uuid: str) -> None:
        """End of `follow_job`."""
        self._job_followers.pop(job_uuid, None)

    def backlog(self) -> int:
        """Bytes of events that the kernel holds for us."""
        return self._event_connection.backlog() if self._event_connection is not None else 0

    def sever(self) -> None:
        """Let go of FreeSWITCH, called from another thread while our loop is stuck."""
        for connection in (self._event_connection, self._command_connection):
            if connection is not None:
                connection.sever()

    # -- the life cycle ---------------------------------------------------------------------------------

    async def _run(self) -> None:
        failures = 0
        try:
            while True:
                began = time.monotonic()
                try:
                    await self._watch()
                except EslError as error:
                    self._let_go(error)
                    self._note(error)
                except Exception as error:
                    log.exception("watching failed", node=self.name)
                    lost = ProtocolError(f"internal error: {type(error).__name__}")
                    self._let_go(lost)
                    self._note(lost)
                failures = 0 if time.monotonic() - began > STABLE else failures + 1
                pause = min(LAST_RETRY, FIRST_RETRY * 2 ** min(failures, 10))
                await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311 - jitter, no secret
        finally:
            self._let_go(Disconnected("the exporter stops"))

    async def _watch(self) -> None:
        """One connection, from the first SYN to the loss. Always raises."""
        events = self._event_connection = await self._open(self.on_event)
        self._command_connection = await self._open()
        await self._while_connected(self._enter(events))
        await self._while_connected(self._poll_for_ever(), self._tick_for_ever(), self._count_for_ever())

    async def _open(self, on_event: Callable[[Event], None] | None = None) -> Connection:
        config = self.config
        password = config.password.reveal()
        if on_event is None:
            return await Connection.open(
                config.host, config.port, password=password, user=config.user, look_up=self._look_up
            )
        return await Connection.open(
            config.host,
            config.port,
            password=password,
            user=config.user,
            look_up=self._look_up,
            on_event=on_event,
        )

    async def _while_connected(self, *works: Coroutine[Any, Any, None]) -> None:
        """Do all the works, until they are done, one fails, or a connection ends."""
        connections = (self._event_connection, self._command_connection)
        closed = [connection.closed for connection in connections if connection is not None]
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            while True:
                waiting: set[asyncio.Future[Any]] = {task for task in tasks if not task.done()}
                if not waiting:
                    return
                await asyncio.wait({*waiting, *closed}, return_when=asyncio.FIRST_COMPLETED)
                for end in closed:
                    if end.done():
                        raise end.result()
                for task in tasks:
                    if task.done():
                        task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _enter(self, events: Connection) -> None:
        await self._subscribe(events)
        await self._sync()
        self._arrived()

    async def _subscribe(self, events: Connection) -> None:
        await self._filter(events)
        self.denied = set()
        for name in SUBSCRIPTIONS:
            try:
                await events.subscribe(name)
            except PermissionDenied:
                self.denied.add(name)
        if len(self.denied) == len(SUBSCRIPTIONS):
            raise PermissionDenied("this user may have none of the events; see esl-allowed-events")

    @staticmethod
    async def _filter(events: Connection) -> None:
        """Let through CHANNEL_DESTROY only for legs that never began.

        The other DESTROYs repeat their HANGUP_COMPLETE, and writing one costs FreeSWITCH 0.2 ms. An event
        passes if any filter matches, so every other name gets one, before the first event is asked for.
        """
        names = {name.partition(" ")[0] for name in SUBSCRIPTIONS} - {"CHANNEL_DESTROY"}
        filters = [f"Event-Name {name}" for name in sorted(names)] + ["Channel-State CS_NONE"]
        for wanted in filters:
            reply = await events.command(f"filter {wanted}")
            if not reply.ok:
                await events.command("filter delete all")
                return

    async def _sync(self) -> None:
        self._heartbeat_at = time.monotonic()
        core_uuid = await self._ask("global_getvar core_uuid", str.strip)
        if core_uuid and core_uuid != self.core_uuid:
            if self.core_uuid:
                log.info("FreeSWITCH was restarted", node=self.name)
                self.gateways.on_restart()
            self.core_uuid = core_uuid
        self.unaccounted.restart()
        self._tick_returned.clear()
        await self._tick()
        await self._poll_switch()
        if not await self._poll_list() and {"api sofia", "api json"} <= self.denied:
            raise PermissionDenied("this user may run none of our commands; see esl-allowed-api")
        await self._learn_calls()
        await self._poll_counts()
        if f"CUSTOM {TICK}" not in self.denied:
            try:
                async with asyncio.timeout(TICK_OVERDUE):
                    await self._tick_returned.wait()
            except TimeoutError:
                raise EventsStalled(
                    f"commands are answered, but our own event did not come back within {TICK_OVERDUE:g} s"
                ) from None

    def _arrived(self) -> None:
        self.connected = True
        self.problem = "none"
        self.reason = ""
        self.since_epoch = time.time()
        self.attempts["connected"] = self.attempts.get("connected", 0) + 1
        self._process_hangs = False
        self._marked.set()
        log.info(
            "connected",
            node=self.name,
            version=self.switch.version,
            gateways=len(self.gateways),
            denied=sorted(self.denied),
        )

    def _let_go(self, reason: EslError) -> None:
        """Close both connections and drop what was known of the switch's state."""
        for connection in (self._event_connection, self._command_connection):
            if connection is not None:
                connection.abort(reason)
        self._event_connection = self._command_connection = None
        self.connected = False
        self.gateways.on_lost(time.monotonic())
        self.calls.lose()
        self.switch = SwitchFacts()
        self.ticks = Ticks(f"{self.instance}-{secrets.token_hex(4)}")

    def _note(self, error: EslError) -> None:
        """Keep the reason of a failed attempt or a loss, and say it once while it stays the same."""
        problem = error.problem
        if self._process_hangs and isinstance(error, ConnectTimeout):
            problem = GreetingTimeout.problem
        else:
            self._process_hangs = isinstance(error, CommandTimeout | GreetingTimeout)
        self.attempts[problem] = self.attempts.get(problem, 0) + 1
        if problem != self.problem or str(error) != self.reason:
            self.since_epoch = time.time() if problem != self.problem else self.since_epoch
            log.warning("not connected", node=self.name, problem=problem, reason=str(error))
        self.problem = problem
        self.reason = str(error)

    # -- commands -----------------------------------------------------------------------------------------

    def _commands_or_raise(self) -> Connection:
        if self._command_connection is None:
            raise Disconnected(self.reason or "not connected")
        return self._command_connection

    async def _timed(self, command: str, call: Awaitable[_T]) -> _T:
        began = time.monotonic()
        try:
            return await call
        finally:
            name = command.split(" ", 1)[0]
            histogram = self.commands.get(name if name in COMMAND_NAMES else "other")
            if histogram is None:
                histogram = self.commands[name if name in COMMAND_NAMES else "other"] = Histogram(
                    families.COMMAND_DURATION
                )
            histogram.observe(time.monotonic() - began)

    async def _ask(self, command: str, parse: Callable[[str], _T]) -> _T | None:
        """A command's parsed reply; None if FreeSWITCH refuses it or says what nobody understands."""
        try:
            return parse(await self.api(command))
        except (PermissionDenied, CommandDenied):
            self.denied.add("api " + command.split(" ", 1)[0])
        except ReplyError as error:
            log.warning("unusable reply", node=self.name, command=command, reason=str(error))
        return None

    # -- polls --------------------------------------------------------------------------------------------

    async def _poll_for_ever(self) -> None:
        due = time.monotonic() + self.config.poll_interval
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._marked.wait()
            self._marked.clear()
            now = time.monotonic()
            self.gateways.advance(now, time.time())
            self.gateways.mark_pings(time.time() + self._skew())
            marked = self.gateways.take_marks(now)
            if now >= due:
                due = now + self.config.poll_interval
                await self._poll_switch()
                await self._poll_list()
            elif len(marked) > MAX_SINGLE_POLLS:
                await self._poll_list()
            else:
                for name in marked:
                    await self._poll_one(name)

    async def _poll_list(self) -> bool:
        """Ask for all gateways and all profiles; False if they cannot be read."""
        profiles = await self._ask("sofia status", parse_profiles)
        if profiles is not None:
            self.switch.on_profiles(profiles)
            self.gateways.on_profiles(profile.name for profile in profiles if profile.running)
        asked = time.monotonic()
        reply = await self._ask("sofia xmlstatus gateway", parse_gateways_xml)
        now = time.monotonic()
        if reply is None:
            self.gateways.on_lost(now)
            return False
        for problem in reply.problems:
            log.warning("a gateway could not be read", node=self.name, reason=problem)
        self.gateways.on_list(reply, asked, now, time.time(), self._skew())
        self.last_poll_epoch = time.time()
        return True

    async def _poll_one(self, name: str) -> None:
        """Ask for one gateway, in the text form where the list could not be read."""
        asked = time.monotonic()
        try:
            if self.gateways.malformed:
                status = parse_gateway_text(await self.api(f"sofia status gateway {name}"))
                found = [status]
            else:
                found = parse_gateways_xml(await self.api(f"sofia xmlstatus gateway {name}")).gateways
        except GatewayNotFound:
            self.gateways.on_not_found(name, time.monotonic())
            return
        except (ReplyError, PermissionDenied) as error:
            log.warning("a gateway could not be read", node=self.name, gateway=name, reason=str(error))
            return
        for status in found:
            self.gateways.on_one(status, asked, time.monotonic(), time.time(), self._skew())

    async def _poll_switch(self) -> None:
        status = await self._ask('json {"command":"status","data":""}', parse_status)
        if status is not None:
            self.switch.on_status(status)
        for direction in ("inbound", "outbound"):
            paused = await self._ask(f"fsctl pause_check {direction}", parse_pause)
            if paused is not None:
                self.switch.paused[direction] = paused
        if not self.switch.hostname:
            self.switch.hostname = await self._ask("hostname", str.strip) or ""

    async def _count_for_ever(self) -> None:
        while True:
            await asyncio.sleep(COUNTS_INTERVAL)
            await self._poll_counts()

    async def _poll_counts(self) -> None:
        """What FreeSWITCH answers from its database."""
        facts = self.switch
        before = self.calls.uuids()
        facts.channels = await self._ask("show channels count", parse_count)
        facts.calls = await self._ask("show calls count", parse_count)
        facts.registrations = await self._ask("show registrations count", parse_count)
        if facts.channels is not None and len(before) > facts.channels:
            await self._drop_stale(before)

    async def _drop_stale(self, before: set[str]) -> None:
        """More legs in the calls than channels: the ends of some were lost. Ask for those not listed."""
        reply = await self._ask("show channels as json", parse_channels)
        if reply is None or reply.malformed:
            return
        listed = {channel.uuid for channel in reply.channels}
        for uuid in list(before - listed)[:MAX_LEARNED]:
            if uuid in self.calls and await self._ask(f"uuid_exists {uuid}", parse_exists) is False:
                self.calls.lose([uuid])

    async def _learn_calls(self) -> None:
        """Enter the calls that were up before we came. The list outlives hang-ups and has no gateway."""
        reply = await self._ask("show channels as json", parse_channels)
        for channel in reply.channels[:MAX_LEARNED] if reply is not None else []:
            if legs.is_probe(channel.uuid) or channel.uuid in self.calls:
                continue
            if not await self._ask(f"uuid_exists {channel.uuid}", parse_exists):
                continue
            variable = "sip_gateway" if channel.direction == "inbound" else "sip_gateway_name"
            gateway = await self._ask(f"uuid_getvar {channel.uuid} {variable}", parse_variable) or ""
            self.calls.learn(
                legs.LegStart(channel.uuid, channel.direction, gateway, ""),
                answered=channel.callstate not in ("DOWN", "DIALING", "RINGING", "EARLY"),
            )

    # -- ticks --------------------------------------------------------------------------------------------

    async def _tick_for_ever(self) -> None:
        behind = 0
        while True:
            await asyncio.sleep(TICK_INTERVAL)
            await self._tick()
            behind = behind + 1 if self.backlog() > MAX_BACKLOG else 0
            if behind > 1:
                self.dropped["behind"] += 1
                raise FellBehind(
                    "events come faster than this exporter can read them; it lets go and starts anew"
                )
            now = time.monotonic()
            overdue = self.ticks.overdue(now)
            if overdue > TICK_OVERDUE and f"CUSTOM {TICK}" not in self.denied:
                raise EventsStalled(f"commands are answered, but no event has come back for {overdue:.0f} s")
            no_tick = f"CUSTOM {TICK}" in self.denied and "HEARTBEAT" not in self.denied
            silent = now - self._heartbeat_at
            if no_tick and silent > HEARTBEATS_MISSED * self._heartbeat_interval:
                raise EventsStalled(f"commands are answered, but no HEARTBEAT has come for {silent:.0f} s")

    async def _tick(self) -> None:
        connection = self._commands_or_raise()
        number, headers = self.ticks.send(time.monotonic(), time.time())
        reply = await self._timed("sendevent", connection.command("sendevent CUSTOM", headers=headers))
        if reply.ok:
            self.ticks.accepted(number, time.monotonic())

    def _skew(self) -> float:
        return self.ticks.clock_skew or 0.0

    # -- events -------------------------------------------------------------------------------------------

    def on_event(self, event: Event) -> None:
        """The reader's side: every event, at once. Must neither wait nor raise."""
        arrival = time.time()
        self.last_event_epoch = arrival
        name = event.name
        if name == "CUSTOM":
            name = event.subclass
        if name in self.events:
            self.events[name] += 1
        else:
            self.events["other"] += 1
        stamp = event.timestamp
        if stamp:
            self.event_lag.observe(self._lag.measure(arrival, stamp))
        try:
            handler = self._handlers.get(name)
            if handler is not None:
                handler(event)
            if self._leg_followers and (name.startswith("CHANNEL_") or name == MARK_SUBCLASS):
                follower = self._leg_followers.get(legs.leg_uuid(event))
                told = read_leg_event(event) if follower is not None else None
                if follower is not None and told is not None:
                    follower(told)
        except Exception:
            self.dropped["handler_error"] += 1
            log.exception("an event could not be handled", node=self.name, event_name=name)

    def _on_heartbeat(self, event: Event) -> None:
        now = time.monotonic()
        heartbeat = Heartbeat.from_event(event)
        if self._heartbeat_at and self.connected:
            self._heartbeat_interval = min(max(now - self._heartbeat_at, 1.0), 600.0)
        self._heartbeat_at = now
        self.switch.on_heartbeat(heartbeat)
        if heartbeat.sessions_since_startup is not None:
            ours = self.calls.creates + self.calls.refused_locally
            self.unaccounted.read(heartbeat.sessions_since_startup, ours)

    def _on_gateway_state(self, event: Event) -> None:
        self.gateways.on_state(event, time.monotonic(), time.time())
        self._marked.set()
        for gateway in self.gateways.named(event.get(b"Gateway") or ""):
            self._memory.keep(self.name, gateway.name, gateway.answer)

    def _on_gateway_add(self, event: Event) -> None:
        self.gateways.on_add(event, time.monotonic())
        self._marked.set()

    def _on_gateway_delete(self, event: Event) -> None:
        self.gateways.on_delete(event, time.monotonic())

    def _on_tick(self, event: Event) -> None:
        returned = self.ticks.returned
        self.ticks.on_event(event, time.monotonic())
        if self.ticks.returned > returned:
            self._tick_returned.set()

    def _on_job(self, event: Event) -> None:
        follower = self._job_followers.get(event.get(b"Job-UUID") or "")
        if follower is not None:
            follower(read_job_reply(event))

    # -- what the calls and the gateways ask of each other -------------------------------------------------

    def _attribute(self, start: legs.LegStart) -> str:
        name = start.gateway or (self.gateways.at_address(start.remote_ip) if start.remote_ip else "")
        return name if not name or self.gateways.named(name) else "other"

    def _on_unanswered(self, name: str) -> None:
        for gateway in self.gateways.named(name):
            gateway.unanswered_legs += 1

    def _on_new_gateway(self, gateway: GatewayWatch) -> None:
        name = gateway.name
        gateway.answer = self._memory.recall(self.name, name)
        config = self.config.gateways.get(name)
        known = config.provider if config is not None else None
        self.calls.start_tracking(name, provider(known) if known else None)
