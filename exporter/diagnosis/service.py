"""The daemon's rounds: every node diagnosed again and again, for the page and for `GET /api/diagnosis`.

What a node knows is copied when somebody asks, at most once in FRESH seconds however many ask. What has to
be asked of others (host names, the calling application) is asked only while somebody looks at the result, and
at most every so many seconds; whoever cannot wait gets the last answer. Nothing is said to FreeSWITCH: for
its log, and for a registration that must be tried again, there is the command `doctor`.

The totals of calls are noted by a clock of their own, so that "recent" means the same whoever asks when.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import replace
from typing import Any, Final, Generic, TypeVar

from exporter.config import Config
from exporter.diagnosis.backend import ask_backend
from exporter.diagnosis.gateway_checks import names_of
from exporter.diagnosis.names import look_up
from exporter.diagnosis.portrait import gateways_of, snapshot_of
from exporter.diagnosis.recent import Recent
from exporter.diagnosis.report import Diagnosis, diagnose
from exporter.diagnosis.snapshot import BackendSeen, NameSeen, Snapshot
from exporter.probe.probes import Probes
from exporter.probe.record import CallRecord
from exporter.watch.node import Node

FRESH: Final = 1.0  # seconds
NAMES_EVERY: Final = 60.0
BACKEND_EVERY: Final = 10.0
CALL_COUNTS: Final = 900.0  # seconds for which a call on demand says something about now
_SLICE: Final = 100  # gateways copied in one go, some milliseconds
_NOTE_EVERY: Final = 5.0
_UNSEEN: Final = {
    "log": "the daemon does not read it; run `freeswitch-exporter doctor`",
    "call": "no probe has run lately",
}

_T = TypeVar("_T")


class _Kept(Generic[_T]):
    """An answer that is asked for anew when it is old and somebody wants it."""

    def __init__(self, every: float) -> None:
        self._every = every
        self._asked_at = -every
        self._about: object = None
        self._task: asyncio.Task[_T] | None = None
        self._value: _T | None = None

    @property
    def pending(self) -> "asyncio.Task[_T] | None":
        """The asking under way while there is no answer yet."""
        return self._task if self._value is None else None

    def get(self, about: object, ask: Callable[[], Coroutine[Any, Any, _T]]) -> _T | None:
        """The latest answer about `about`; None if there is none yet."""
        if about != self._about:
            self.stop()
            self._about, self._value, self._asked_at = about, None, -self._every
        if self._task is None and time.monotonic() - self._asked_at >= self._every:
            self._asked_at = time.monotonic()
            self._task = asyncio.create_task(ask())
            self._task.add_done_callback(self._take)
        return self._value

    def stop(self) -> None:
        """Wait for nothing any more."""
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
        nodes, config: those in force.
        probes: for their last runs.
    """

    def __init__(
        self, nodes: Callable[[], Sequence[Node]], config: Callable[[], Config], probes: Probes
    ) -> None:
        self._nodes = nodes
        self._config = config
        self._probes = probes
        self._recent: dict[Node, Recent] = {}
        self._names: _Kept[dict[str, NameSeen]] = _Kept(NAMES_EVERY)
        self._backend: _Kept[BackendSeen] = _Kept(BACKEND_EVERY)
        self._taken: tuple[float, list[Diagnosis]] = (float("-inf"), [])
        self._taking = asyncio.Lock()

    async def run(self) -> None:
        """Note the totals of calls until cancelled."""
        try:
            while True:
                now = time.monotonic()
                for node in self._nodes():
                    self._recent_of(node, now).note(node, now)
                self._recent = {node: kept for node, kept in self._recent.items() if node in self._nodes()}
                await asyncio.sleep(_NOTE_EVERY)
        finally:
            self._names.stop()
            self._backend.stop()

    async def diagnoses(self, *, wait: bool = False) -> list[Diagnosis]:
        """Every node, in the order of the config.

        Args:
            wait: for names and the calling application, if they have not been asked yet; some seconds.
        """
        async with self._taking:
            if time.monotonic() - self._taken[0] > FRESH:
                self._taken = (time.monotonic(), await self._take())
        asked = [task for task in (self._names.pending, self._backend.pending) if task is not None]
        if wait and asked:
            await asyncio.wait(asked)
            async with self._taking:
                self._taken = (time.monotonic(), await self._take())
        return self._taken[1]

    async def _take(self) -> list[Diagnosis]:
        snapshots = [await self._snapshot(node) for node in self._nodes()]
        hosts = names_of([gateway for snapshot in snapshots for gateway in snapshot.gateways])
        names = self._names.get(tuple(hosts), lambda: look_up(hosts))
        backend, unseen = self._ask_backend()
        down = tuple(snapshot.node for snapshot in snapshots if not snapshot.connected)
        found = []
        for index, snapshot in enumerate(snapshots):
            whole = replace(
                snapshot,
                state_problem="" if index else self._probes.state_problem,
                names=names,
                backend=backend,
                others_down=tuple(name for name in down if name != snapshot.node),
                unseen={**_UNSEEN, **unseen},
            )
            found.append(diagnose(whole))
            await asyncio.sleep(0)
        return found

    async def _snapshot(self, node: Node) -> Snapshot:
        gateways = []
        for gateway in gateways_of(node):
            gateways.append(gateway)
            if len(gateways) % _SLICE == 0:
                await asyncio.sleep(0)  # events come first
        snapshot = snapshot_of(node, gateways)
        if not snapshot.connected:
            return snapshot
        now = time.monotonic()
        return replace(
            snapshot, recent=self._recent_of(node, now).calls(node, now), call=self._last_call(node)
        )

    def _ask_backend(self) -> tuple[BackendSeen | None, dict[str, str]]:
        url = self._config().backend_url
        if url is None:
            return None, {}
        backend = self._backend.get(url, lambda: ask_backend(url))
        return backend, {} if backend is not None else {"backend": "it is being asked"}

    def _recent_of(self, node: Node, now: float) -> Recent:
        recent = self._recent.get(node)
        if recent is None:
            recent = self._recent[node] = Recent(now)
        return recent

    def _last_call(self, node: Node) -> CallRecord | None:
        """Of the last runs of this node's probes the worst that says something about now, or the newest."""
        probes = self._config().probes
        told = [
            record
            for record in self._probes.stats.last_runs()
            if record.node == node.name
            and record.probe in probes
            and (probes[record.probe].interval is not None or time.time() - record.started_at < CALL_COUNTS)
        ]
        for result in ("failed", "degraded"):
            for record in told:
                if record.result == result:
                    return record
        return told[0] if told else None
