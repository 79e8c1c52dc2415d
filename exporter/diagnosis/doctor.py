"""One look at one node, by the command `doctor`: connect, watch, ask around, and take the snapshot.

A `Node` of the watch does the watching, the same that the daemon runs, on connections of the doctor's own;
so doctor and daemon see the same. It watches for LOOK seconds, and up to `seconds` in all while something
is undecided: a ping in flight, a REGISTER without an answer. Meanwhile the log is read, names are looked
up, and the calling application is asked, as is the running daemon for what was before. A synthetic call
comes last and has its own limits of time.

A doctor that watches (`--watch`) keeps its connections and looks again on them, so that it sees every call
and costs FreeSWITCH no more than the daemon does.

One thing is done to FreeSWITCH: a gateway whose registration failed before the doctor came shows the reason
only at its next attempt, which may be an hour away. Such a gateway is made to retry now (`sofia profile P
register G`), as the operator would do; never one that does not register, for there the command leaks a lock
(mod_sofia.c, `register` on its error path). Once for each, however often the doctor looks. A doctor for one
gateway sends no command that names another.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import replace
from functools import partial
from typing import Any, Final

import msgspec

from exporter import names
from exporter.clock import Clock
from exporter.config import Config, NodeConfig
from exporter.diagnosis.asked import NotAsked
from exporter.diagnosis.asked_past import AskedPast, ask
from exporter.diagnosis.asked_reload import ask_reload
from exporter.diagnosis.call_window import CallWindow
from exporter.diagnosis.check_backend import ask_backend
from exporter.diagnosis.check_provider import look_up, names_of
from exporter.diagnosis.snapshot import (
    BackendSeen,
    GatewaySeen,
    NameSeen,
    ReloadSeen,
    Snapshot,
    snapshot_of,
)
from exporter.esl.errors import EslError
from exporter.executors import Executors
from exporter.probe.admission import Refused
from exporter.probe.record import CallRecord
from exporter.watch.gateway import GatewayWatch
from exporter.watch.node import Node
from exporter.watch.providers import Providers
from exporter.watch.registration_memory import RegistrationMemory

SECONDS: Final = 13.0  # in all, without a call
LOOK: Final = 3.5  # seconds; an OPTIONS in flight is reportable after 3
MAX_RETRIED: Final = 5  # gateways that are made to register
_POLL_INTERVAL: Final = 1.0
_TICK: Final = 0.05
_UNDECIDED: Final = frozenset({"registering", "register_failed"})
_PLAIN: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-")


class DoctorRun:
    """One look at one node.

    Args:
        node_config: the node.
        config: for backend_url and state_dir.
        instance: four hex digits that tell this run's ticks from others'.
        clock: the time.
        executors: for host names and the disk.
        seconds: at most so long. look: at least so long, once connected.
        call: places a synthetic call through `node` and waits for its end; may raise Refused.
        first: of the nodes looked at; its snapshot has what concerns the exporter and no node.
        gateway: the only gateway that is asked about, made to register, and waited for; None: all.
        again: `look_again` follows, so a connection that fails is tried anew.
        on_stage: called with what is being done.

    Attributes:
        node: the watch, for `call`; runs until `close`.
        connected: done with a first snapshot as soon as the attempt to connect has ended.
    """

    def __init__(
        self,
        node_config: NodeConfig,
        config: Config,
        instance: str,
        *,
        clock: Clock,
        executors: Executors,
        seconds: float = SECONDS,
        look: float = LOOK,
        call: Callable[[Node], Awaitable[CallRecord]] | None = None,
        first: bool = True,
        gateway: str | None = None,
        again: bool = False,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> None:
        if not again:
            node_config = msgspec.structs.replace(node_config, poll_interval=_POLL_INTERVAL)
        self._memory = RegistrationMemory(config.state_dir, clock=clock, disk=executors.disk, writes=False)
        self._look_up = partial(names.look_up, executors.names)
        providers = Providers()
        providers.configure(config.provider_tables)
        self.node = Node(
            node_config,
            instance,
            self._memory,
            clock=clock,
            look_up=self._look_up,
            quiet=True,
            providers=providers,
            log_stream="warning",
            only=gateway,
        )
        self.connected: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._config = config
        self._clock = clock
        self._names = executors.names
        self._executor = executors.history
        self._seconds = seconds
        self._look = look
        self._call = call
        self._first = first
        self._gateway = gateway
        self._again = again
        self._on_stage = on_stage
        self._window = CallWindow(clock.monotonic())
        self._unseen: dict[str, str] = {}
        self._retried: set[str] = set()

    async def run(self) -> Snapshot:
        """Connect, look, and return the snapshot; takes up to `seconds`, and the time of the call."""
        deadline = self._clock.monotonic() + self._seconds
        self._on_stage("connecting")
        asked = _Asked(self._ask_backend(), self._ask_past(), self._ask_reload())
        await self._memory.load()
        if self._memory.unread:
            self._unseen["registrations"] = (
                f"What the providers answered before is not known ({self._memory.unread}): run the doctor as "
                "the exporter's user"
            )
        self.node.start()
        await self._until(lambda: self.node.tried, deadline)
        self.connected.set_result(_with_past(self._snapshot(), await asked.past))
        if not self.node.connected and not self._again:
            await self.node.stop()  # one attempt is enough; more would fill FreeSWITCH's log
        return await self._look_around(deadline, self._look, asked)

    async def look_again(self) -> Snapshot:
        """Look at what `run` has left open, and return the snapshot; takes up to `seconds`."""
        now = self._clock.monotonic()
        self._window.note(self.node, now)
        asked = _Asked(self._ask_backend(), self._ask_past(), self._ask_reload())
        return await self._look_around(now + self._seconds, 0.0, asked)

    async def close(self) -> None:
        """End the watch."""
        await self.node.stop()

    # -- inside -------------------------------------------------------------------------------------------

    def _snapshot(self) -> Snapshot:
        return snapshot_of(self.node, self._clock)

    async def _look_around(self, deadline: float, look: float, asked: "_Asked") -> Snapshot:
        names = await self._watch(deadline, look) if self.node.connected else {}
        record = await self._place()
        self._on_stage("asking the calling application")
        backend_seen = await asked.backend
        snapshot = _with_past(self._snapshot(), await asked.past)
        recent = self._window.calls(self.node, self._clock.monotonic()) if snapshot.connected else None
        return replace(
            snapshot,
            gateways=tuple(self._with_revival(gateway) for gateway in snapshot.gateways),
            recent=recent,
            names=names,
            backend=backend_seen,
            call=record,
            reload=await asked.reload,
            unseen=dict(self._unseen),
        )

    async def _watch(self, deadline: float, look: float) -> dict[str, NameSeen]:
        self._on_stage("watching events and the log")
        looking_up = asyncio.ensure_future(look_up(self._names_to_look_up(), self._names))
        enough = self._clock.monotonic() + look
        while self._clock.monotonic() < deadline and self.node.connected:
            await self._make_register()
            if self._clock.monotonic() >= enough and not self._anything_undecided():
                break
            await self._clock.sleep(_TICK)
        self._on_stage("looking up names")
        return await looking_up

    def _names_to_look_up(self) -> list[str]:
        return names_of(seen for seen in self._snapshot().gateways if self._concerns(seen.name))

    def _anything_undecided(self) -> bool:
        """A verdict or the answer of FreeSWITCH's database may come within seconds."""
        awaited = self.node.connections.optional_answers.undecided(self._clock.monotonic())
        return awaited or any(
            self._undecided(gateway) for gateway in self.node.gateways if self._concerns(gateway.name)
        )

    def _concerns(self, gateway: str) -> bool:
        return self._gateway in (None, gateway)

    def _undecided(self, gateway: GatewayWatch) -> bool:
        """Its verdict may change within seconds."""
        gateway.advance(self._clock.monotonic(), self._clock.epoch())
        registering = gateway.problem in _UNDECIDED or (
            gateway.state == "TRYING" and gateway.problem == "none"
        )
        pinged = gateway.pinging and gateway.problem == "none"
        gone = gateway.absent_since is not None and gateway.problem not in ("missing", "profile_down")
        return registering or pinged or gone

    async def _make_register(self) -> None:
        for gateway in self.node.gateways:
            name = gateway.name
            registers = gateway.state in ("FAILED", "FAIL_WAIT") and gateway.profile
            plain = _PLAIN.issuperset(name + gateway.profile)
            if not self._concerns(name) or name in self._retried:
                continue
            if gateway.problem != "register_failed" or not registers or not plain:
                continue
            if len(self._retried) >= MAX_RETRIED:
                return
            self._retried.add(name)
            self._on_stage(f"making gateway {name} register, to learn why it fails")
            with contextlib.suppress(EslError):  # the watch reports it
                await self.node.api(f"sofia profile {gateway.profile} register {name}")

    def _with_revival(self, gateway: GatewaySeen) -> GatewaySeen:
        revived = gateway.name in self._retried and gateway.usable
        return replace(gateway, revived=True) if revived else gateway

    async def _place(self) -> CallRecord | None:
        if self._call is None:
            return None
        if not self.node.connected:
            self._unseen["call"] = "FreeSWITCH is not connected"
            return None
        self._on_stage("placing the call")
        try:
            return await self._call(self.node)
        except Refused as refused:
            self._unseen["call"] = f"The call was refused: {refused.message} {refused.hint}"
            return None

    async def _until(self, condition: Callable[[], bool], deadline: float) -> None:
        while not condition() and self._clock.monotonic() < deadline:
            await self._clock.sleep(_TICK)

    async def _ask_past(self) -> AskedPast | None:
        self._unseen.pop("history", None)
        try:
            return await ask(self._config, self.node.name, self._clock.epoch(), self._executor)
        except NotAsked as error:
            self._unseen["history"] = str(error)
            return None

    async def _ask_reload(self) -> ReloadSeen | None:
        if not self._first:
            return None
        self._unseen.pop("reload", None)
        try:
            return await ask_reload(self._config, self._executor)
        except NotAsked as error:
            self._unseen["reload"] = f"The running exporter was not asked: {error}"
            return None

    async def _ask_backend(self) -> BackendSeen | None:
        url = self._config.backend_url
        return await ask_backend(url, self._names) if url else None


class _Asked:
    """What others are asked while the doctor looks; the questions begin at once."""

    def __init__(
        self,
        backend: Coroutine[Any, Any, BackendSeen | None],
        past: Coroutine[Any, Any, AskedPast | None],
        reload: Coroutine[Any, Any, ReloadSeen | None],
    ) -> None:
        self.backend = asyncio.ensure_future(backend)
        self.past = asyncio.ensure_future(past)
        self.reload = asyncio.ensure_future(reload)


def _with_past(snapshot: Snapshot, past: AskedPast | None) -> Snapshot:
    if past is None:
        return snapshot
    gateways = tuple(replace(one, past=past.gateway(one.name, one.profile)) for one in snapshot.gateways)
    return replace(snapshot, gateways=gateways, past=past.switch())
