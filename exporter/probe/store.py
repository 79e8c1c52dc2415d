"""The budget of the day and the history of calls: one sqlite file in `state_dir`, or memory without one.

A call is entered before it is placed, with the most it can cost and the time by which it is over; when it is
over, with what it did cost. So an exporter that is killed during a call, and starts again and again, has
spent what it may have spent: the next process reads it. Entering is one transaction with the check of every
limit, so that they hold for all processes on one `state_dir` (the daemon, `freeswitch-exporter probe`):

    one call per destination    refused: concurrency
    min_interval                refused: rate
    budget of the day           refused: budget
    max_concurrent              refused: concurrency

A call whose end nobody saw counts as under way until its own cap has passed. Days and intervals go by budget
time (budget_time.py), which no step of the clock moves.

sqlite waits for the disk, so it runs in the disk executor. A store that cannot be read or written, for
whatever reason, refuses calls with that reason (`state_dir`) and holds up nothing else: until `check` finds
it usable again, no call is entered, and a disk that gave no answer within DISK_SECONDS is not asked.
"""

import math
import secrets
import sqlite3
from asyncio import timeout
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

import structlog

from exporter.clock import Clock
from exporter.config.model import GuardConfig
from exporter.executors import Executor, QueueFull
from exporter.probe.admission import Refused
from exporter.probe.budget_time import BudgetTime
from exporter.probe.originate import MAX_CAP, read_call_id
from exporter.probe.record import CallRecord, decode, encode
from exporter.probe.schema import keep_time, open_calls, read_time
from exporter.sqlite_file import StoreError

FILE_NAME: Final = "probes.sqlite"
KEPT_ON_DISK: Final = 20_000
KEPT_IN_MEMORY: Final = 1_000
DISK_SECONDS: Final = 10.0
BUSY_SECONDS: Final = 1.0  # at a start: for what else the disk's thread does
CLOSE_SECONDS: Final = 1.0  # at a shutdown, which must not wait for a disk that hangs
MARGIN: Final = 5.0  # seconds past a call's cap: FreeSWITCH's timers are late by up to 3 s
_BOOT: Final = Path("/proc/sys/kernel/random/boot_id")

_T = TypeVar("_T")
log = structlog.get_logger(__name__)


class Spent(NamedTuple):
    """What a day has cost.

    Attributes:
        day: YYYY-MM-DD, UTC.
        calls: how many were entered.
        seconds: of talk; for calls under way and calls whose end was not seen, the most they can cost.
    """

    day: str
    calls: int
    seconds: float


class Store:
    """The calls of this process and earlier ones. Made by `open`.

    Attributes:
        in_file: it outlives the process: there is a `state_dir`.
        problem: why it cannot be read or written; empty while it can.
    """

    def __init__(self, path: Path | None, clock: Clock, disk: Executor) -> None:
        self.in_file = path is not None
        self.problem = ""
        self._path = path
        self._clock = clock
        self._disk = disk
        self._kept = KEPT_ON_DISK if path else KEPT_IN_MEMORY
        self._boot = secrets.token_hex(8)  # of this process, where the boot cannot be known
        self._time = BudgetTime(clock.epoch(), clock.epoch(), clock.monotonic(), self._boot)
        self._spent = Spent("", 0, 0.0)
        self._pruned = ""
        self._database: sqlite3.Connection | None = None
        self._inode = 0
        self._closed = False
        self._silent = False

    @classmethod
    async def open(cls, state_dir: Path | None, clock: Clock, disk: Executor) -> Self:
        """Open or make the file. Where that fails, `problem` says why, and `check` tries again.

        Args:
            state_dir: the folder of the file; None keeps everything in memory.
            clock: the time.
            disk: has one thread, so that sqlite's calls keep their order.
        """
        self = cls(state_dir / FILE_NAME if state_dir else None, clock, disk)
        try:
            async with timeout(BUSY_SECONDS):
                await disk.run(int)  # anything: its thread hangs if this does not run
        except (TimeoutError, QueueFull):
            self._silent = True
            self._failed(f"the disk gave no answer within {BUSY_SECONDS:g} s")
            return self
        await self.check()
        return self

    async def check(self) -> None:
        """Find out whether the store can be read and written; `problem` says so afterwards."""
        self._silent = False
        with suppress(Refused):
            await self._run(self._check)
            if self.problem:
                log.info("probe calls can be recorded again", file=str(self._path))
            self.problem = ""

    async def close(self) -> None:
        """Close the file; every call entered before is in it. A second time it does nothing."""
        if not self._closed and self._database is not None:
            with suppress(Refused):
                await self._run(sqlite3.Connection.close, CLOSE_SECONDS)
        self._closed = True

    @property
    def spent(self) -> Spent:
        """What today has cost, as of the last entry of this process."""
        today = self._time.at(self._clock.epoch(), self._clock.monotonic(), self._boot).day
        return self._spent if self._spent.day == today else Spent(today, 0, 0.0)

    def allows(self, seconds: float, guard: GuardConfig) -> bool:
        """Whether a call of up to `seconds` of talk could be entered, as far as is known without a look."""
        spent = self.spent
        return (
            not self.problem
            and spent.calls < guard.max_calls_per_day
            and spent.seconds + seconds <= guard.max_minutes_per_day * 60
        )

    async def enter(self, uuid: str, destination: str, seconds: float, guard: GuardConfig) -> None:
        """Enter a call that is about to be placed and may cost up to `seconds` of talk.

        Raises:
            Refused: `concurrency`, `rate` or `budget`; `state_dir` if it cannot be written down.
        """
        if self.problem:
            raise self._refusal(self.problem)
        await self._run(lambda db: self._enter(db, uuid, destination, seconds, guard))

    async def settle(self, record: CallRecord, cost: float, *, over: bool = True) -> None:
        """Enter what a call did cost, and keep its record.

        Args:
            record: of the call.
            cost: seconds of talk.
            over: its end was seen; else it counts as under way until its cap has passed.

        Raises:
            Refused: `state_dir`, it cannot be written down; the call then costs what was set aside for it.
        """
        await self._run(lambda db: self._settle(db, record, cost, over))

    async def find(self, uuid: str) -> CallRecord | None:
        """The record of a call that is over.

        Raises:
            Refused: `state_dir`, it cannot be read.
        """
        query = "SELECT record FROM calls WHERE uuid = ? AND record IS NOT NULL"
        found = await self._run(lambda db: _records(db, query, uuid))
        return found[0] if found else None

    async def last_to(self, destination: str) -> CallRecord | None:
        """The record of the last call to that number; None if there is none, or it has no record yet.

        Raises:
            Refused: `state_dir`, it cannot be read.
        """
        query = "SELECT record FROM calls WHERE destination = ? ORDER BY entered DESC LIMIT 1"
        found = await self._run(lambda db: _records(db, query, destination))
        return found[0] if found else None

    async def recent(self, count: int) -> list[CallRecord]:
        """The latest records, newest first; those that another release wrote in another form are left out.

        Raises:
            Refused: `state_dir`, they cannot be read.
        """
        query = "SELECT record FROM calls WHERE record IS NOT NULL ORDER BY entered DESC LIMIT ?"
        return await self._run(lambda db: _records(db, query, count))

    async def _run(self, work: Callable[[sqlite3.Connection], _T], seconds: float | None = None) -> _T:
        """The result of `work`, in the executor's thread; waits DISK_SECONDS for it, or `seconds`.

        Raises:
            Refused: the work's own; `state_dir` if it cannot be done.
        """
        unusable = self._silent or (self.problem and self._database is None and work != self._check)
        if unusable or self._closed:
            raise self._refusal(self.problem or "it is closed")
        seconds = DISK_SECONDS if seconds is None else seconds
        try:
            async with timeout(seconds):
                result: _T = await self._disk.run(self._work, work)
        except TimeoutError:
            self._silent = True
            raise self._failed(f"the disk gave no answer within {seconds:g} s") from None
        except (OSError, sqlite3.Error, StoreError, QueueFull) as error:
            raise self._failed(str(error) or type(error).__name__) from None
        return result

    def _failed(self, why: str) -> Refused:
        if not self._closed and self.problem != why:
            self.problem = why
            log.warning("probe calls cannot be recorded, so none is placed", file=str(self._path), reason=why)
        return self._refusal(why)

    def _refusal(self, why: str) -> Refused:
        file = self._path or "the record"
        return Refused(
            "state_dir",
            f"The record of probe calls cannot be written or read ({why}), so no call is placed.",
            f"Make room for {file}, and let the exporter's user write there. If the file is damaged or of "
            "another program, stop the exporter and move it away: the budget of the day then starts anew.",
        )

    # -- in the executor's thread -------------------------------------------------------------------

    def _work(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        database = self._opened()
        if self._path is not None and self._path.stat().st_ino != self._inode:
            raise StoreError("the file was replaced while the exporter runs; restart the exporter")
        try:
            return work(database)
        finally:
            if work is not sqlite3.Connection.close and database.in_transaction:
                database.execute("ROLLBACK")

    def _opened(self) -> sqlite3.Connection:
        """The database; opened, if it is not open yet."""
        if self._database is None:
            database, inode = open_calls(self._path)
            with suppress(OSError):
                self._boot = _BOOT.read_text(encoding="ascii").strip()
            self._inode = inode
            self._database = database
        return self._database

    def _now(self, db: sqlite3.Connection) -> BudgetTime:
        """Budget time; within a transaction, so that no other process reads an earlier one afterwards."""
        self._time = read_time(db, self._clock.epoch(), self._clock.monotonic(), self._boot)
        return self._time

    def _check(self, db: sqlite3.Connection) -> None:
        db.execute("BEGIN IMMEDIATE")
        now = self._now(db)
        keep_time(db, now)
        self._count(db, now)
        db.execute("COMMIT")

    def _enter(
        self, db: sqlite3.Connection, uuid: str, destination: str, seconds: float, guard: GuardConfig
    ) -> None:
        db.execute("BEGIN IMMEDIATE")
        now = self._now(db)
        self._prune(db, now)
        _check_destination(db, destination, now, guard)
        self._check_budget(db, now, seconds, guard)
        _check_concurrent(db, now, guard)
        call_id = read_call_id(uuid)
        over_by = now.epoch + (call_id.cap if call_id is not None else MAX_CAP) + MARGIN
        db.execute(
            "INSERT INTO calls (uuid, day, started, destination, reserved, entered, over_by) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (uuid, now.day, self._clock.epoch(), destination, seconds, now.epoch, over_by),
        )
        keep_time(db, now)
        db.execute("COMMIT")
        self._count(db, now)

    def _settle(self, db: sqlite3.Connection, record: CallRecord, cost: float, over: bool) -> None:
        row = (cost, encode(record), over, record.call_uuid)
        db.execute(
            "UPDATE calls SET spent = min(?, reserved), record = ?, over_by = iif(?, 0, over_by) "
            "WHERE uuid = ?",
            row,
        )
        self._count(db, self._now(db))

    def _count(self, db: sqlite3.Connection, now: BudgetTime) -> Spent:
        query = "SELECT count(*), coalesce(sum(coalesce(spent, reserved)), 0) FROM calls WHERE day = ?"
        calls, seconds = db.execute(query, (now.day,)).fetchone()
        self._spent = Spent(now.day, calls, seconds)
        return self._spent

    def _check_budget(
        self, db: sqlite3.Connection, now: BudgetTime, seconds: float, guard: GuardConfig
    ) -> None:
        spent = self._count(db, now)
        if spent.calls >= guard.max_calls_per_day:
            raise Refused(
                "budget",
                f"Today's {guard.max_calls_per_day} probe calls are spent.",
                "Wait for 00:00 UTC, or raise guard.max_calls_per_day.",
                now.seconds_left,
            )
        if spent.seconds + seconds > guard.max_minutes_per_day * 60:
            left = max(guard.max_minutes_per_day - spent.seconds / 60, 0.0)
            raise Refused(
                "budget",
                f"Of today's {guard.max_minutes_per_day} minutes of probe calls {left:.1f} are left, "
                f"and this call may take {seconds / 60:.1f}.",
                "Wait for 00:00 UTC, or raise guard.max_minutes_per_day.",
                now.seconds_left,
            )

    def _prune(self, db: sqlite3.Connection, now: BudgetTime) -> None:
        """Once a day, delete all but the newest; never a call of today, for it counts."""
        if self._pruned == now.day:
            return
        self._pruned = now.day
        db.execute(
            "DELETE FROM calls WHERE day <> ? AND entered < (SELECT coalesce(min(entered), 0) FROM "
            "(SELECT entered FROM calls ORDER BY entered DESC LIMIT ?))",
            (now.day, self._kept),
        )


def _records(db: sqlite3.Connection, query: str, value: object) -> list[CallRecord]:
    found = (decode(text) for (text,) in db.execute(query, (value,)) if text is not None)
    return [record for record in found if record is not None]


def _check_destination(db: sqlite3.Connection, destination: str, now: BudgetTime, guard: GuardConfig) -> None:
    query = "SELECT max(over_by) FROM calls WHERE over_by > ? AND destination = ?"
    over_by = db.execute(query, (now.epoch, destination)).fetchone()[0]
    if over_by is not None:
        raise busy(f"{destination} is being called by another process.", over_by - now.epoch)
    query = "SELECT max(entered) FROM calls WHERE destination = ?"
    last = db.execute(query, (destination,)).fetchone()[0]
    if last is not None and now.epoch - last < guard.min_interval:
        raise too_soon(destination, guard.min_interval - (now.epoch - last))


def _check_concurrent(db: sqlite3.Connection, now: BudgetTime, guard: GuardConfig) -> None:
    query = "SELECT count(*), min(over_by) FROM calls WHERE over_by > ?"
    running, first = db.execute(query, (now.epoch,)).fetchone()
    if running >= guard.max_concurrent:
        raise busy(
            f"{running} probe calls are under way, in all processes on this state_dir: as many as "
            "guard.max_concurrent allows.",
            first - now.epoch,
        )


def too_soon(destination: str, wait: float) -> Refused:
    """The refusal of a call that comes inside `min_interval`, with no result to serve in its place."""
    return Refused(
        "rate",
        f"{destination} was called a moment ago, and there is no result of this probe to serve.",
        f"Ask again in {math.ceil(wait)} s, or lower guard.min_interval.",
        wait,
    )


def busy(message: str, wait: float) -> Refused:
    """The refusal of a call while others are under way, `wait` seconds at most."""
    return Refused("concurrency", message, "Ask again when it is over, or raise guard.max_concurrent.", wait)
