"""One look at one node, by the doctor: connect, watch a while, ask around, and take the snapshot.

A `Node` of the watch does the looking, the same that the daemon runs, on connections of the doctor's own; so
doctor and daemon cannot disagree about what they see. It watches for LOOK seconds, and longer, up to
`seconds` in all, while something is still being decided: a ping in flight, a REGISTER without an answer.
Beside it the log is read on a third connection, names are looked up, and the calling application is asked. A
synthetic call, if one is wanted, comes last and has its own limits of time.

One thing is done to FreeSWITCH: a gateway whose registration failed before we came shows why only at its next
try, which may be an hour away. Such a gateway is made to try now (`sofia profile P register G`), as the
operator would have to; never one that does not register, for there the command leaks a lock (facts.md 2.3).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Final

import msgspec

from exporter.clock import Clock
from exporter.config import Config, NodeConfig
from exporter.diagnosis.backend import ask_backend
from exporter.diagnosis.gateway_checks import names_of
from exporter.diagnosis.logtail import LogTail
from exporter.diagnosis.names import look_up
from exporter.diagnosis.portrait import snapshot_of
from exporter.diagnosis.recent import Recent
from exporter.diagnosis.snapshot import BackendSeen, GatewaySeen, NameSeen, Snapshot
from exporter.esl import EslError, LookUp
from exporter.executors import Executors
from exporter.probe.admission import Refused
from exporter.probe.record import CallRecord
from exporter.switch.reply import ReplyError, accepted
from exporter.watch.gateway import GatewayWatch
from exporter.watch.node import Node
from exporter.watch.registration_memory import RegistrationMemory

SECONDS: Final = 13.0  # in all, without a call
LOOK: Final = 3.5  # an OPTIONS in flight is worth a word after 3 s
MAX_ASKED: Final = 5  # gateways that are made to register
_POLL_INTERVAL: Final = 1.0
_TICK: Final = 0.05
_STILL_OPEN: Final = frozenset({"registering", "register_failed"})
_SEPARATE: Final = frozenset("0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_.-")


class DoctorRun:
    """The examination of one node.

    Args:
        node_config: whom to look at.
        config: the rest: backend_url, state_dir.
        instance: four hex digits that tell our ticks from others'.
        seconds: at most so long. look: at least so long, once connected.
        call: places a synthetic call through `node` and waits for its end; may raise Refused.
        on_stage: called with a word on what is being done.

    Attributes:
        node: the watch, for whoever places a call through it; running until `close`.
        connected: done with a first snapshot as soon as the attempt to connect has ended.
    """

    def __init__(
        self,
        node_config: NodeConfig,
        config: Config,
        instance: str,
        *,
        look_up: LookUp,
        seconds: float = SECONDS,
        look: float = LOOK,
        call: Callable[[Node], Awaitable[CallRecord]] | None = None,
        on_stage: Callable[[str], None] = lambda _: None,
    ) -> None:
        hasty = msgspec.structs.replace(node_config, poll_interval=_POLL_INTERVAL)
        clock = Clock()
        self._memory = RegistrationMemory(config.state_dir, clock=clock, disk=Executors().disk, writes=False)
        self.node = Node(hasty, instance, self._memory, clock=clock, look_up=look_up, quiet=True)
        self.connected: asyncio.Future[Snapshot] = asyncio.get_running_loop().create_future()
        self._config = config
        self._seconds = seconds
        self._look = look
        self._call = call
        self._on_stage = on_stage
        self._log = LogTail()
        self._look_up = look_up
        self._recent = Recent(time.monotonic())
        self._unseen: dict[str, str] = {}
        self._asked: set[str] = set()
        self._conf_dir = ""

    async def run(self) -> Snapshot:
        """Look, and return the snapshot; takes up to `seconds`, and the call."""
        deadline = time.monotonic() + self._seconds
        self._on_stage("connecting")
        backend = asyncio.ensure_future(self._ask_backend())
        await self._memory.load()
        self.node.start()
        await self._until(lambda: self.node.tried, deadline)
        self.connected.set_result(snapshot_of(self.node))
        if not self.node.connected:
            await self.node.stop()  # one attempt tells; more would only be noise in FreeSWITCH's log
        names = await self._watch(deadline) if self.node.connected else {}
        record = await self._place()
        self._on_stage("asking the calling application")
        told = await backend
        now = time.monotonic()
        snapshot = snapshot_of(self.node)
        watched = snapshot.connected and "log" not in self._unseen
        snapshot = replace(
            snapshot,
            gateways=tuple(self._with_revival(gateway) for gateway in snapshot.gateways),
            recent=self._recent.calls(self.node, now) if snapshot.connected else None,
            names=names,
            log=self._log.seen(gateway.name for gateway in snapshot.gateways) if watched else None,
            backend=told,
            conf_dir=self._conf_dir,
            call=record,
            unseen=self._unseen,
        )
        self._log.close()
        return snapshot

    async def close(self) -> None:
        """End the watch."""
        self._log.close()
        await self.node.stop()

    # -- inside -------------------------------------------------------------------------------------------

    async def _watch(self, deadline: float) -> dict[str, NameSeen]:
        self._on_stage("watching events and the log")
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + deadline - time.monotonic()):
                refusal = await self._log.open(self.node.config, self._look_up)
        except TimeoutError:
            refusal = "FreeSWITCH did not let us see it in time"
        if refusal is not None:
            self._unseen["log"] = refusal
        self._conf_dir = await self._ask_folder()
        looking_up = asyncio.ensure_future(look_up(names_of(snapshot_of(self.node).gateways)))
        enough = time.monotonic() + self._look
        while time.monotonic() < deadline and self.node.connected:
            await self._make_register()
            if time.monotonic() >= enough and not any(map(self._open, self.node.gateways)):
                break
            await asyncio.sleep(_TICK)
        self._on_stage("looking up names")
        return await looking_up

    async def _ask_folder(self) -> str:
        """Where FreeSWITCH's configuration is, for the remedies; the empty string if it does not say."""
        try:
            return accepted(await self.node.api("global_getvar conf_dir"))
        except (EslError, ReplyError):
            return ""

    def _open(self, gateway: GatewayWatch) -> bool:
        """Its verdict may be another in a few seconds."""
        gateway.advance(time.monotonic(), time.time())
        undecided = gateway.problem in _STILL_OPEN or (
            gateway.state == "TRYING" and gateway.problem == "none"
        )
        pinged = gateway.pinging and gateway.problem == "none"
        gone = gateway.absent_since is not None and gateway.problem not in ("missing", "profile_down")
        return undecided or pinged or gone

    async def _make_register(self) -> None:
        for gateway in self.node.gateways:
            name = gateway.name
            registers = gateway.state in ("FAILED", "FAIL_WAIT") and gateway.profile
            plain = _SEPARATE.issuperset(name + gateway.profile)
            if gateway.problem != "register_failed" or not registers or not plain or name in self._asked:
                continue
            if len(self._asked) >= MAX_ASKED:
                return
            self._asked.add(name)
            self._on_stage(f"making gateway {name} register, to hear why it fails")
            try:
                await self.node.api(f"sofia profile {gateway.profile} register {name}")
            except EslError:
                return  # the watch will tell

    def _with_revival(self, gateway: GatewaySeen) -> GatewaySeen:
        revived = gateway.name in self._asked and gateway.usable
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
            self._unseen["call"] = f"it was refused: {refused.message} {refused.hint}"
            return None

    async def _until(self, condition: Callable[[], bool], deadline: float) -> None:
        while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - the watch signals nothing
            await asyncio.sleep(_TICK)

    async def _ask_backend(self) -> BackendSeen | None:
        url = self._config.backend_url
        return await ask_backend(url) if url else None
