"""The history of all nodes, for the daemon: it ticks, and hands to the store what is to be kept.

Strategy: everything is decided in memory, from what the nodes tell (node_history.py). Two tasks do the rest.
One ticks every second. The other writes: outages and changes after the tick, the rest every WRITE seconds.
Only that one waits for the store, and the store may hang as long as it likes.

What earlier processes kept is read in the background. Until then, or where it cannot be read, the history
begins with this process.

The daemon uses it in this order:

    history = History(config.history, state_dir, clock, executor)
    history.start()
    node = Node(..., observer=history.observer(name))
    history.configure(config)                # after a reload was put in force
    history.attach(node)                     # before node.start()
    history.reloaded(keys)
    await history.stop()                     # after the nodes
"""

import asyncio
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import structlog
from msgspec.structs import replace

from exporter import __version__
from exporter.clock import Clock
from exporter.config import Config, HistoryConfig
from exporter.executors import Executor
from exporter.history.collector import HistoryCollector, NodeHistoryCollector
from exporter.history.entries import Entry
from exporter.history.kept_calls import KeptCalls
from exporter.history.model import CHANGES_BEFORE, Outage
from exporter.history.node_history import NodeHistory
from exporter.history.past import UNKNOWN, Past
from exporter.history.recent_changes import MAX_CHANGES, RecentChanges
from exporter.history.schema import HOUR
from exporter.history.store import FILE_NAME, Store, StoreUnavailable
from exporter.metrics.exposition import Source
from exporter.watch.changes import Change
from exporter.watch.node import Node
from exporter.watch.observer import NodeObserver

TICK: Final = 1.0  # seconds
WRITE: Final = 15.0
RECALLED: Final = 2000  # outages of each node that are read at the start
_MAX_TEXT: Final = 200

log = structlog.get_logger(__name__)


class _Read(NamedTuple):
    """How many outages of earlier processes a node has."""

    over: int
    lasting: int


class History:
    """The history of all nodes.

    Args:
        config: how long and how much is kept.
        state_dir: where; None keeps it in memory.
        clock: the time.
        executor: for the store.
        kept_out: why it is in memory although the config has a `state_dir`.

    Attributes:
        store: what is kept, for questions.
    """

    def __init__(
        self,
        config: HistoryConfig,
        state_dir: Path | None,
        clock: Clock,
        executor: Executor,
        *,
        kept_out: str = "",
    ) -> None:
        path = state_dir / FILE_NAME if state_dir is not None else None
        self.store = Store(path, config, clock, executor, kept_out=kept_out)
        self._config = config
        self._clock = clock
        self._changes = RecentChanges()
        self._nodes: dict[str, NodeHistory] = {}
        self._unread: dict[str, None] = {}  # nodes whose past has not been read
        self._strangers_read = False
        self._urgent = False  # an outage or a change is to be written
        self._write_at = 0.0
        self._refreshed = -math.inf
        self._wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    # -- the daemon's ---------------------------------------------------------------------------------

    def start(self) -> None:
        """Begin to tick and to write; returns at once."""
        self._note("exporter_started", __version__)
        self._tasks = [
            asyncio.create_task(self._tick_on(), name="history"),
            asyncio.create_task(self._write_on(), name="history store"),
        ]

    async def stop(self) -> None:
        """Hand on what is not kept yet, and close the store. Takes about 2 s at most."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        for node in self._nodes.values():
            node.collect(now, epoch, samples=True)
        self._note("exporter_stopped", __version__)
        await self.store.close()

    def observer(self, name: str) -> NodeObserver:
        """For a node of that name, made and not yet started; it counts once the node is attached."""
        node = self._nodes.get(name)
        if node is None:
            node = self._nodes[name] = NodeHistory(name, self._clock, self._put, self._changes)
            self._unread[name] = None
        return node.observer()

    def attach(self, node: Node) -> None:
        """A node, made with an `observer` of its name, is watched from now on."""
        kept = KeptCalls(node.config, lambda: self._config, self._put, self._clock)
        self._nodes[node.name].attach(node, kept)

    def configure(self, config: Config) -> None:
        """Put another config in force: what lasted of nodes that it does not have is over."""
        self._config = config.history
        self.store.configure(config.history)
        names = {node.name for node in config.nodes}
        for name in self._nodes.keys() - names:
            self._nodes.pop(name).leave()
            self._unread.pop(name, None)

    def reloaded(self, keys: Iterable[str]) -> None:
        """The config was read again, and these of its keys have other values."""
        named = ", ".join(keys)
        if named:
            self._note("exporter_reloaded", named if len(named) <= _MAX_TEXT else f"{named[:_MAX_TEXT]}...")

    def on_probe(self, node: str, gateway: str, *, failed: bool) -> None:
        """A synthetic call through a gateway is over."""
        known = self._nodes.get(node)
        if known is not None:
            known.probe_ran(gateway, failed=failed)

    # -- what it can be asked -------------------------------------------------------------------------

    def past(self, node: str, gateway: str, profile: str) -> Past:
        """The recent past of a gateway, as of now."""
        known = self._nodes.get(node)
        return known.past(gateway, profile) if known is not None else UNKNOWN

    def node_past(self, node: str) -> Past:
        """The recent past of a switch, as of now."""
        known = self._nodes.get(node)
        return known.past() if known is not None else UNKNOWN

    def sources(self) -> Iterator[Source]:
        """The collectors of all nodes and of the history itself."""
        for node in self._nodes.values():
            yield NodeHistoryCollector(node, self._clock)
        yield HistoryCollector(self.store)

    async def refresh(self) -> None:
        """Have what is known by now written, so that questions to the store find it; once a second at most.

        Waits for the store: not for what must not wait.
        """
        now = self._clock.monotonic()
        if now - self._refreshed >= TICK:
            self._refreshed = now
            for node in list(self._nodes.values()):
                node.collect(self._clock.monotonic(), self._clock.epoch(), samples=True)
                await asyncio.sleep(0)  # events come first
        await self.store.flush()

    # -- time -----------------------------------------------------------------------------------------

    async def _tick_on(self) -> None:
        while True:
            await self._clock.sleep(TICK)
            try:
                self._tick()
            except Exception:
                log.exception("history failed", limit=("history", "tick"))

    def _tick(self) -> None:
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        for node in self._nodes.values():
            node.tick(now, epoch)
        if self._urgent or now >= self._write_at:
            self._write_at = now + WRITE
            self._wanted.set()

    # -- the store ------------------------------------------------------------------------------------

    def _put(self, entry: Entry) -> None:
        self.store.put(entry)
        self._urgent = self._urgent or isinstance(entry, Outage | Change)

    def _note(self, what: str, subject: str) -> None:
        """A change of the exporter itself."""
        change = Change(self._clock.epoch(), "", what, subject)
        self._changes.note(change, self._clock.monotonic(), change.at)
        self._put(change)

    async def _write_on(self) -> None:
        await self.store.open()
        while True:
            try:
                await self._read_past()
                await self._wanted.wait()
                self._wanted.clear()
                self._urgent = False
                await self.store.flush()
            except Exception:
                log.exception("history failed", limit=("history", "store"))
                await self._clock.sleep(WRITE)

    async def _read_past(self) -> None:
        """Read what earlier processes kept of the nodes; what cannot be read is tried again."""
        try:
            if not self._strangers_read:
                await self._end_of_strangers()
                self._strangers_read = True
            if not self._unread:
                return
            read = [await self._recall(name) for name in list(self._unread)]
            log.info(
                "history read",
                outages=sum(one.over for one in read),
                lasting=sum(one.lasting for one in read),
            )
        except StoreUnavailable:
            return  # the store has said why

    async def _recall(self, name: str) -> "_Read":
        epoch = self._clock.epoch()
        lasting = [outage for outage in await self.store.open_outages() if outage.node == name]
        past = await self.store.outages(node=name, since=0.0, until=math.inf, limit=RECALLED)
        changes = await self.store.changes(
            node=name, since=epoch - CHANGES_BEFORE, until=math.inf, limit=MAX_CHANGES
        )
        last_look = await self._last_look(lasting)
        over = [outage for outage in reversed(past) if outage.ended is not None]
        # In its first hour a gateway may have been watched late; and of outages before the oldest recalled
        # nothing is known.
        known_since = past[-1].began if len(past) >= RECALLED else -math.inf
        watched_since = {
            subject: max(hour + HOUR, known_since)
            for subject, hour in (await self.store.first_hours(name)).items()
            if hour + HOUR < epoch
        }
        node = self._nodes.get(name)
        if node is not None:
            own = [change for change in reversed(changes) if change.node]
            node.load([*over, *lasting], last_look, own, watched_since)
        self._unread.pop(name, None)
        return _Read(len(over), len(lasting))

    async def _end_of_strangers(self) -> None:
        """What lasted of nodes that the config has no longer is over."""
        for outage in await self.store.open_outages():
            if outage.node not in self._nodes:
                ended = max(await self._last_look([outage]), outage.began)
                self._put(replace(outage, ended=ended, ended_unwatched=True))

    async def _last_look(self, lasting: list[Outage]) -> float:
        """When the node of these outages was last watched; 0.0 if that is not known."""
        if not lasting:
            return 0.0
        spans = await self.store.spans(lasting[0].node, since=lasting[0].began, until=math.inf)
        return spans[-1].ended if spans else 0.0
