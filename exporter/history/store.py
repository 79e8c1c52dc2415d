"""Where the history is kept: one sqlite file in `state_dir`, or memory for 24 hours.

`put` takes entries in memory (entries.py), `flush` writes them, questions read. sqlite waits for the disk, so
all of it runs in the history's executor, one thread, in the order in which it was asked for (database.py).

A disk that gives no answer within DISK_SECONDS is not asked again until it has answered what it was asked;
meanwhile entries wait. So they do when the disk is full, or the file cannot be opened or written for another
reason: each `flush` tries again. A batch that was given to a disk that hangs is neither lost nor written
twice: how it ended is known when the disk answers. A write that fails does not forbid questions.

Deleting (pruning.py) follows a flush: for size and number at once, for age every PRUNE_EVERY seconds. After
the wall clock was set, it waits that long: a clock that is wrong for a moment must not cost the history.
"""

import asyncio
import math
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, Literal, TypeVar

import msgspec
import structlog

from exporter.clock import Clock
from exporter.config import HistoryConfig
from exporter.executors import Executor, QueueFull
from exporter.history import questions
from exporter.history.database import ASIDE, Database
from exporter.history.entries import (
    Entry,
    PutHour,
    PutSample,
    PutSpan,
    PutStrangers,
    Rename,
    Subject,
    Waiting,
)
from exporter.history.model import (
    CallResult,
    Direction,
    GatewaySteps,
    KeptCall,
    Outage,
    Sample,
    Span,
    Stranger,
)
from exporter.history.pruning import MAX_BYTES, MAX_BYTES_IN_MEMORY, Bounds, prune_full, prune_old
from exporter.history.schema import DAY
from exporter.history.writing import Written, read_rows, write
from exporter.sqlite_file import StoreError
from exporter.watch.changes import Change

__all__ = [
    "Entry",
    "PutHour",
    "PutSample",
    "PutSpan",
    "PutStrangers",
    "Rename",
    "Store",
    "StoreUnavailable",
    "Subject",
]

FILE_NAME: Final = "history.sqlite"
KINDS: Final = ("outage", "change", "call", "hour")
"""The words of `freeswitch_exporter_history_rows`."""
DISK_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0  # at a shutdown, which must not wait for a disk that hangs
KEEP_IN_MEMORY: Final = 1.0 * DAY
PRUNE_EVERY: Final = 3600.0
FIRST_PRUNE: Final = 60.0  # after the start
SLICES: Final = 10  # of pruning after one flush
STEP: Final = 60.0  # seconds by which the wall clock and the monotonic one differ when it was set

_T = TypeVar("_T")
log = structlog.get_logger(__name__)


class StoreUnavailable(Exception):
    """The history cannot be read; the message says why."""


class Store:
    """The history.

    Args:
        path: the file; None keeps 24 hours in memory.
        config: how long and how much is kept; `configure` replaces it.
        clock: the time.
        executor: for sqlite; has one thread.
        kept_out: why there is no path although there is a place for a file.

    Attributes:
        persistent: it outlives the process.
        problem: why it cannot be read or written, or is in memory although there is a file; empty while all
            is well.
        rows: how many there are of each of KINDS, as of the last look.
    """

    def __init__(
        self,
        path: Path | None,
        config: HistoryConfig,
        clock: Clock,
        executor: Executor,
        *,
        kept_out: str = "",
    ) -> None:
        self.persistent = path is not None
        self._in_memory = (
            f"{kept_out}; the history is in memory until the exporter starts again" if kept_out else ""
        )
        self.problem = self._in_memory
        self.rows: Mapping[str, int] = dict.fromkeys(KINDS, 0)
        self._path = path
        self._config = config
        self._clock = clock
        self._executor = executor
        self._database = Database(path, clock)
        self._waiting = Waiting()
        self._writing: asyncio.Task[Written] | None = None
        self._jobs: set[asyncio.Task[Any]] = set()
        self._said: set[str] = set()
        self._hangs = False
        self._closed = False
        now = clock.monotonic()
        self._prune_at = now + FIRST_PRUNE
        self._trusted_at = now
        self._offset = clock.epoch() - now

    @property
    def dropped(self) -> int:
        """Entries that were given up because too many waited, or because sqlite does not accept them."""
        return self._waiting.dropped

    def configure(self, config: HistoryConfig) -> None:
        """Put another config in force; what is now too old or too much goes with the next flushes."""
        self._config = config
        self._prune_at = self._clock.monotonic()

    async def open(self) -> None:
        """Open or make the file. Where that fails, `problem` says why, and `flush` tries again."""
        with suppress(StoreUnavailable):
            self.rows = _of_kinds(await self._run(read_rows))

    async def close(self) -> None:
        """Write what waits, and close. Takes CLOSE_SECONDS at most; a second time it does nothing."""
        if self._closed:
            return
        with suppress(TimeoutError, OSError, sqlite3.Error, QueueFull):
            async with asyncio.timeout(CLOSE_SECONDS):
                with suppress(StoreUnavailable):
                    await self._write()
                if not self._hangs:
                    await self._executor.run(self._database.close)
        self._closed = True

    def put(self, entry: Entry) -> None:
        """Have an entry written with the next `flush`; never waits, never raises."""
        self._waiting.put(entry)

    async def flush(self) -> None:
        """Write what waits, in one transaction; raises nothing, `problem` says what is wrong."""
        with suppress(StoreUnavailable):
            await self._write()
            await self._prune()

    # -- questions: each sees what was flushed before; they raise StoreUnavailable -----------------------

    async def outages(
        self,
        *,
        since: float,
        until: float,
        node: str | None = None,
        gateway: str | None = None,
        profile: str | None = None,
        before: float | None = None,
        limit: int = 100,
    ) -> list[Outage]:
        """Outages that overlap the time, newest first by their beginning; `before`: begun earlier than that.

        Those that began with the last one follow it, beyond `limit`: with `before`, none is left out. A
        gateway and a profile of None are any; empty, they are those of the switch itself.
        """
        overlap = (("began < ?", _first(until, before)), ("(ended IS NULL OR ended >= ?)", since))
        subject = questions.gateway(node, gateway, profile)
        return await self._run(lambda db: questions.find_outages(db, overlap, subject, limit))

    async def open_outages(self) -> list[Outage]:
        """Those without an end, oldest first."""
        lasts = (("ended IS NULL AND began < ?", math.inf),)
        found = await self._run(lambda db: questions.find_outages(db, lasts, (), questions.ALL))
        return found[::-1]

    async def changes(
        self,
        *,
        since: float,
        until: float,
        node: str | None = None,
        before: float | None = None,
        limit: int = 100,
    ) -> list[Change]:
        """Changes, newest first; with `node`, those of the exporter itself too. Pages as `outages`."""
        asked = (("at >= ?", since), ("at < ?", _first(until, before)), ("node IN (?, '')", node))
        return await self._run(lambda db: questions.find_changes(db, asked, limit))

    async def calls(
        self,
        *,
        since: float,
        until: float,
        result: CallResult | None = None,
        node: str | None = None,
        gateway: str | None = None,
        direction: Direction | None = None,
        before: float | None = None,
        limit: int = 50,
    ) -> list[KeptCall]:
        """Kept calls, newest first. Pages as `outages`."""
        asked = (
            ("at >= ?", since),
            ("at < ?", _first(until, before)),
            ("result = ?", result),
            ("node = ?", node),
            ("gateway = ?", gateway),
            ("direction = ?", direction),
        )
        return await self._run(lambda db: questions.find_calls(db, asked, limit))

    async def strangers(
        self, *, since: float, until: float, node: str | None = None, limit: int = 20
    ) -> list[Stranger]:
        """The addresses that strangers came from most often, in the hours that overlap the time."""
        return await self._run(lambda db: questions.find_strangers(db, since, until, node, limit))

    async def subjects(
        self, *, node: str | None = None, gateway: str | None = None, profile: str | None = None
    ) -> list[Subject]:
        """The gateways of which anything is kept, by their names: the order of `steps`."""
        subject = questions.gateway(node, gateway, profile)
        return await self._run(lambda db: questions.find_subjects(db, subject))

    async def steps(
        self,
        step: Literal["1h", "1d"],
        *,
        since: float,
        until: float,
        node: str | None = None,
        gateway: str | None = None,
        profile: str | None = None,
    ) -> list[GatewaySteps]:
        """Figures by the hour or day that overlap the time, of every gateway that has any, by its names."""
        subject = questions.gateway(node, gateway, profile)
        return await self._run(lambda db: questions.find_steps(db, step, since, until, subject))

    async def first_hours(self, node: str) -> Mapping[Subject, float]:
        """When the oldest hour kept of each gateway of a node begins."""
        return await self._run(lambda db: questions.find_first_hours(db, node))

    async def samples(self, subject: Subject, since: float) -> list[Sample]:
        """The samples of a gateway that begin then or later, oldest first."""
        return await self._run(lambda db: questions.find_samples(db, subject, since))

    async def spans(self, node: str, *, since: float, until: float) -> list[Span]:
        """When a node was watched, oldest first; those that overlap the time."""
        return await self._run(lambda db: questions.find_spans(db, node, since, until))

    async def watched_since(self) -> float | None:
        """The beginning of the oldest span kept, within `keep`; None if there is none."""
        began = await self._run(questions.first_watched)
        return None if began is None else max(began, self._clock.epoch() - self._bounds().keep)

    # -- work in the executor ------------------------------------------------------------------------------

    async def _write(self) -> None:
        """Write what waits.

        Raises:
            StoreUnavailable: that could not be done.
        """
        self._check_usable()
        if self._writing is not None:  # an earlier batch
            await self._outcome(self._writing)
        if self._writing is None and (self._waiting or self.problem != self._in_memory):
            entries, now = self._waiting.take(), self._clock.epoch()
            self._writing = self._start(lambda db: write(db, entries, self._config.calls, now))
            self._writing.add_done_callback(self._written)
        if self._writing is not None:
            await self._outcome(self._writing)

    def _written(self, task: asyncio.Task[Written]) -> None:
        """A batch has ended, perhaps long after the wait for it."""
        self._writing = None
        if task.cancelled() or task.exception() is not None:
            self._waiting.give_back()
            return
        done = task.result()
        self._waiting.written(done.refused)
        if done.refused:
            log.warning("the history does not accept some entries", file=str(self._path), count=done.refused)
        self.rows = _of_kinds(done.rows)
        if self.problem != self._in_memory:
            log.info("the history can be written again", file=str(self._path))
            self.problem = self._in_memory
            self._said.clear()

    async def _prune(self) -> None:
        now, epoch, bounds = self._clock.monotonic(), self._clock.epoch(), self._bounds()
        if abs(epoch - now - self._offset) > STEP:
            self._offset = epoch - now
            self._trusted_at = now + PRUNE_EVERY
        for _ in range(SLICES):
            if not await self._run(lambda db: prune_full(db, bounds)):
                break
        if now < max(self._prune_at, self._trusted_at):
            return
        for _ in range(SLICES):
            if not await self._run(lambda db: prune_old(db, bounds, epoch)):
                self._prune_at = now + PRUNE_EVERY
                break
        self.rows = _of_kinds(await self._run(read_rows))

    def _bounds(self) -> Bounds:
        if self.persistent:
            return Bounds(self._config.keep, self._config.calls, MAX_BYTES)
        return Bounds(min(self._config.keep, KEEP_IN_MEMORY), self._config.calls, MAX_BYTES_IN_MEMORY)

    async def _run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """The result of the work.

        Raises:
            StoreUnavailable: it could not be done.
        """
        self._check_usable()
        task = self._start(work)
        try:
            return await self._outcome(task)
        except asyncio.CancelledError:
            task.cancel()  # nobody wants the answer: it leaves the queue
            raise

    def _check_usable(self) -> None:
        if self._closed:
            raise StoreUnavailable("the history is closed")
        if self._hangs:
            raise StoreUnavailable(self.problem)

    def _start(self, work: Callable[[sqlite3.Connection], _T]) -> asyncio.Task[_T]:
        task: asyncio.Task[_T] = asyncio.create_task(self._executor.run(self._database.run, work))
        self._jobs.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        """A piece of work has ended, perhaps long after the wait for it."""
        self._jobs.discard(task)
        if task.cancelled() or isinstance(task.exception(), QueueFull):
            return
        self._hangs = False
        damage, self._database.damage = self._database.damage, ""
        if damage:
            log.warning(
                "the history was damaged; it has been moved aside, and a new one begins",
                file=str(self._path), aside=f"{self._path}{ASIDE}", reason=damage,
            )  # fmt: skip
        if self._database.foreign and self.persistent:
            self.persistent = False
            why = self._database.foreign
            self._in_memory = f"{why}; the history is in memory, and {FILE_NAME} is left as it is"
            self.problem = self._in_memory
            log.warning("the history is in memory", file=str(self._path), reason=why)

    async def _outcome(self, task: asyncio.Task[_T]) -> _T:
        """What a piece of work results in; waits DISK_SECONDS for it.

        Raises:
            StoreUnavailable: it could not be done, or is not done yet.
        """
        await asyncio.wait({task}, timeout=DISK_SECONDS)
        if not task.done():
            self._hangs = True
            raise self._failed(f"the disk gave no answer within {DISK_SECONDS:g} s")
        try:
            return task.result()
        except QueueFull as error:
            raise StoreUnavailable(str(error)) from None
        except (OSError, sqlite3.Error, StoreError, msgspec.ValidationError) as error:
            raise self._failed(str(error) or type(error).__name__) from None

    def _failed(self, why: str) -> StoreUnavailable:
        self.problem = why
        if why not in self._said:
            self._said.add(why)
            log.warning("the history cannot be read or written", file=str(self._path), reason=why)
        return StoreUnavailable(why)


def _first(until: float, before: float | None) -> float:
    return until if before is None else min(until, before)


def _of_kinds(rows: Mapping[str, int]) -> Mapping[str, int]:
    return {kind: rows.get(kind, 0) for kind in KINDS}
