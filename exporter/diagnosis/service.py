"""The daemon's diagnoses: every node, for the page and for `GET /api/diagnosis`.

What a node knows is copied on request, at most once in FRESH seconds for all requests. What others must be
asked for (host names, the calling application) is asked for only then, and not more often than every
NAMES_EVERY and BACKEND_EVERY seconds; a request that does not wait gets the last answer. No command goes to
FreeSWITCH: for a registration that must be retried, there is the command `doctor`.

A task of its own notes the totals of calls, so that "recent" does not depend on who asks when.

Events come first: between nodes, and between slices of many gateways, the event loop runs.
"""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

from exporter.clock import Clock
from exporter.config import Config
from exporter.diagnosis.call_window import CallWindow
from exporter.diagnosis.check_backend import ask_backend
from exporter.diagnosis.check_provider import look_up, names_of
from exporter.diagnosis.conclusion import Diagnosis, diagnose
from exporter.diagnosis.snapshot import (
    BackendSeen,
    NameSeen,
    ReloadSeen,
    Snapshot,
    gateways_of,
    snapshot_of,
)
from exporter.executors import Executor
from exporter.history.history import History
from exporter.probe.probes import Probes
from exporter.probe.record import CallRecord
from exporter.watch.node import Node

FRESH: Final = 1.0  # seconds
NAMES_EVERY: Final = 60.0
BACKEND_EVERY: Final = 10.0
ON_DEMAND_COUNTS: Final = 900.0  # seconds for which a call on demand is evidence
_SLICE: Final = 100  # gateways copied at once: some milliseconds
_NOTE_EVERY: Final = 5.0
_UNSEEN: Final = {
    "call": "No probe has run recently",
}

_T = TypeVar("_T")


class _Kept(Generic[_T]):
    """An answer that is asked for again when it is needed and older than `every` seconds."""

    def __init__(self, every: float, clock: Clock) -> None:
        self._every = every
        self._clock = clock
        self._asked_at = float("-inf")
        self._about: object = None
        self._task: asyncio.Task[_T] | None = None
        self._value: _T | None = None

    @property
    def pending(self) -> "asyncio.Task[_T] | None":
        """The task that asks, while there is no answer yet."""
        return self._task if self._value is None else None

    def get(self, about: object, ask: Callable[[], Coroutine[Any, Any, _T]]) -> _T | None:
        """The latest answer about `about`; None if there is none yet."""
        if about != self._about:
            self.stop()
            self._about, self._value, self._asked_at = about, None, float("-inf")
        now = self._clock.monotonic()
        if self._task is None and now - self._asked_at >= self._every:
            self._asked_at = now
            self._task = asyncio.create_task(ask())
            self._task.add_done_callback(self._take)
        return self._value

    def stop(self) -> None:
        """Cancel the task that asks."""
        if self._task is not None:
            self._task.remove_done_callback(self._take)
            self._task.cancel()
            self._task = None

    def _take(self, task: asyncio.Task[_T]) -> None:
        self._task = None
        if not task.cancelled() and task.exception() is None:
            self._value = task.result()


class DiagnosisService:
    """The diagnoses of a daemon.

    Args:
        nodes: those in force, in the order of the config.
        config: the one in force.
        probes: for their last runs.
        history: for since when, how often, and what changed before.
        reload: the state of the exporter's configuration.
        clock: the time.
        names: the executor for host names.
    """

    def __init__(
        self,
        nodes: Callable[[], Sequence[Node]],
        config: Callable[[], Config],
        probes: Probes,
        history: History,
        reload: Callable[[], ReloadSeen],
        *,
        clock: Clock,
        names: Executor,
    ) -> None:
        self._nodes = nodes
        self._config = config
        self._probes = probes
        self._history = history
        self._reload = reload
        self._clock = clock
        self._executor = names
        self._windows: dict[Node, CallWindow] = {}
        self._names: _Kept[dict[str, NameSeen]] = _Kept(NAMES_EVERY, clock)
        self._backend: _Kept[BackendSeen] = _Kept(BACKEND_EVERY, clock)
        self._taken: tuple[float, list[Diagnosis]] = (float("-inf"), [])
        self._taking = asyncio.Lock()

    async def run(self) -> None:
        """Note the totals of calls until cancelled."""
        try:
            while True:
                now = self._clock.monotonic()
                nodes = self._nodes()
                for node in nodes:
                    self._window(node, now).note(node, now)
                    await asyncio.sleep(0)
                self._windows = {node: window for node, window in self._windows.items() if node in nodes}
                await self._clock.sleep(_NOTE_EVERY)
        finally:
            self._names.stop()
            self._backend.stop()

    async def diagnoses(self, *, wait: bool = False) -> list[Diagnosis]:
        """Every node, in the order of the config.

        Args:
            wait: for names and the calling application, if there is no answer about them yet; some seconds.
        """
        async with self._taking:
            if self._clock.monotonic() - self._taken[0] > FRESH:
                self._taken = (self._clock.monotonic(), await self._take())
        asked = [task for task in (self._names.pending, self._backend.pending) if task is not None]
        if wait and asked:
            await asyncio.wait(asked)
            async with self._taking:
                self._taken = (self._clock.monotonic(), await self._take())
        return self._taken[1]

    async def _take(self) -> list[Diagnosis]:
        snapshots = [await self._snapshot(node) for node in self._nodes()]
        hosts: list[str] = []
        for snapshot in snapshots:
            hosts += names_of(snapshot.gateways)
            await asyncio.sleep(0)
        hosts = list(dict.fromkeys(hosts))
        names = self._names.get(tuple(hosts), lambda: look_up(hosts, self._executor))
        backend, unseen = self._ask_backend()
        down = tuple(snapshot.node for snapshot in snapshots if not snapshot.connected)
        found = []
        for index, snapshot in enumerate(snapshots):
            complete = replace(
                snapshot,
                state_problem="" if index else self._probes.state_problem,
                reload=None if index else self._reload(),
                names=names,
                backend=backend,
                others_down=tuple(name for name in down if name != snapshot.node),
                unseen={**_UNSEEN, **unseen},
            )
            found.append(diagnose(complete))
            await asyncio.sleep(0)
        return found

    async def _snapshot(self, node: Node) -> Snapshot:
        await asyncio.sleep(0)
        gateways = []
        for gateway in gateways_of(node, self._clock):
            past = self._history.past(node.name, gateway.name, gateway.profile)
            gateways.append(replace(gateway, past=past))
            if len(gateways) % _SLICE == 0:
                await asyncio.sleep(0)
        snapshot = replace(snapshot_of(node, self._clock, gateways), past=self._history.node_past(node.name))
        if not snapshot.connected:
            return snapshot
        now = self._clock.monotonic()
        return replace(snapshot, recent=self._window(node, now).calls(node, now), call=self._last_call(node))

    def _ask_backend(self) -> tuple[BackendSeen | None, dict[str, str]]:
        url = self._config().backend_url
        if url is None:
            return None, {}
        backend = self._backend.get(url, lambda: ask_backend(url, self._executor))
        return backend, {} if backend is not None else {"backend": "The calling application is being asked"}

    def _window(self, node: Node, now: float) -> CallWindow:
        window = self._windows.get(node)
        if window is None:
            window = self._windows[node] = CallWindow(now)
        return window

    def _last_call(self, node: Node) -> CallRecord | None:
        """Of the last runs of this node's probes the worst that is still evidence, or the newest."""
        probes, now = self._config().probes, self._clock.epoch()
        runs = [
            record
            for record in self._probes.stats.last_runs()
            if record.node == node.name
            and record.probe in probes
            and (probes[record.probe].interval is not None or now - record.started_at < ON_DEMAND_COUNTS)
        ]
        for result in ("failed", "degraded"):
            for record in runs:
                if record.result == result:
                    return record
        return runs[0] if runs else None
