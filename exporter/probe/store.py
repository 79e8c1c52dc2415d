"""The budget of the day and the history of calls: one sqlite file in `state_dir`, or memory without one.

A call is entered before it is placed, with the most it can cost; when it is over, with what it did cost. So
an exporter that is killed during a call, and starts again and again, has spent what it may have spent: the
next process reads it. Entering is one transaction with the check of the budget and of `min_interval`, so that
several processes on one `state_dir` (the daemon, `freeswitch-exporter probe`) share one budget.

sqlite waits for the disk, so it runs in the disk executor. A disk that does not answer within DISK_SECONDS is
a refusal: what cannot be entered is not called.

A day is 00:00 to 24:00 UTC by this machine's clock.
"""

import asyncio
import math
import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

import structlog

from exporter.clock import Clock
from exporter.config.model import GuardConfig
from exporter.executors import Executor, QueueFull
from exporter.probe.admission import Refused
from exporter.probe.record import CallRecord, decode, encode

FILE_NAME: Final = "probes.sqlite"
SCHEMA: Final = 1
KEPT_ON_DISK: Final = 20_000
KEPT_IN_MEMORY: Final = 1_000
DISK_SECONDS: Final = 10.0
CLOSE_SECONDS: Final = 2.0  # at a shutdown, which must not wait for a disk that hangs
_BUSY_SECONDS: Final = 5.0
_DAY: Final = 86_400

_TABLES: Final = f"""
CREATE TABLE calls (
    uuid TEXT PRIMARY KEY,
    day TEXT NOT NULL,
    started REAL NOT NULL,
    destination TEXT NOT NULL,
    reserved REAL NOT NULL,
    spent REAL,
    record BLOB
) WITHOUT ROWID;
CREATE INDEX calls_by_day ON calls (day);
CREATE INDEX calls_by_destination ON calls (destination, started);
CREATE INDEX calls_by_start ON calls (started);
PRAGMA user_version = {SCHEMA};
"""

_T = TypeVar("_T")
log = structlog.get_logger(__name__)


class StoreError(Exception):
    """The file cannot be used; the message says which, why, and what to do."""


class Spent(NamedTuple):
    """What a day has cost.

    Attributes:
        day: YYYY-MM-DD, UTC.
        calls: how many were entered.
        seconds: of talk; for calls under way and calls whose end was not recorded, the most they can cost.
    """

    day: str
    calls: int
    seconds: float


def day_of(epoch: float) -> str:
    """The UTC day of an epoch time, as YYYY-MM-DD."""
    return datetime.fromtimestamp(epoch, UTC).date().isoformat()


class Store:
    """The calls of this process and earlier ones. Made by `open`."""

    def __init__(self, path: Path | None, clock: Clock, disk: Executor) -> None:
        self._path = path
        self._clock = clock
        self._disk = disk
        self._kept = KEPT_ON_DISK if path else KEPT_IN_MEMORY
        self._spent = Spent("", 0, 0.0)
        self._pruned = ""
        self._database: sqlite3.Connection | None = None

    @classmethod
    async def open(cls, state_dir: Path | None, clock: Clock, disk: Executor) -> Self:
        """Open or make the file.

        Args:
            state_dir: the folder of the file; None keeps everything in memory.
            clock: the time; its wall clock decides which day it is.
            disk: has one thread, so that sqlite's calls keep their order.

        Raises:
            StoreError: it cannot be read or written, or is something else.
        """
        self = cls(state_dir / FILE_NAME if state_dir else None, clock, disk)
        try:
            async with asyncio.timeout(DISK_SECONDS):
                self._database = await disk.run(self._open)
        except (OSError, sqlite3.Error, StoreError, QueueFull) as error:  # OSError: TimeoutError is one
            why = str(error) or f"no answer within {DISK_SECONDS:g} s"
            raise StoreError(
                f"{self._path} cannot be used: {why}; give the exporter's user write access to its folder, "
                "or move the file away (today's budget then starts anew)"
            ) from None
        return self

    async def close(self) -> None:
        """Close the file; every call entered before is in it. A second time it does nothing."""
        database = self._database
        if database is not None:
            try:
                await self._run(sqlite3.Connection.close, CLOSE_SECONDS)
            except Refused as refused:
                log.warning("the record of probe calls was not closed", reason=refused.message)
            self._database = None

    @property
    def spent(self) -> Spent:
        """What today has cost, as of the last entry of this process."""
        today = day_of(self._clock.epoch())
        return self._spent if self._spent.day == today else Spent(today, 0, 0.0)

    async def enter(self, uuid: str, destination: str, seconds: float, guard: GuardConfig) -> None:
        """Enter a call that is about to be placed and may cost up to `seconds` of talk.

        Raises:
            Refused: `rate` or `budget`; `state_dir` if it cannot be written down.
        """
        await self._run(lambda db: self._enter(db, uuid, destination, seconds, guard))

    async def settle(self, record: CallRecord) -> None:
        """Enter what a call that is over did cost, and keep its record.

        Raises:
            Refused: `state_dir`, it cannot be written down; the call then costs what was set aside for it.
        """
        await self._run(lambda db: self._settle(db, record))

    async def find(self, uuid: str) -> CallRecord | None:
        """The record of a call that is over.

        Raises:
            Refused: `state_dir`, it cannot be read.
        """
        query = "SELECT record FROM calls WHERE uuid = ? AND record IS NOT NULL"
        found = await self._run(lambda db: _records(db, query, uuid))
        return found[0] if found else None

    async def recent(self, count: int) -> list[CallRecord]:
        """The latest records, newest first; those that another release wrote in another form are left out.

        Raises:
            Refused: `state_dir`, they cannot be read.
        """
        query = "SELECT record FROM calls WHERE record IS NOT NULL ORDER BY started DESC LIMIT ?"
        return await self._run(lambda db: _records(db, query, count))

    async def _run(self, work: Callable[[sqlite3.Connection], _T], seconds: float = DISK_SECONDS) -> _T:
        database = self._database
        try:
            if database is None:
                raise sqlite3.ProgrammingError("closed")
            async with asyncio.timeout(seconds):
                return await self._disk.run(work, database)
        except (sqlite3.Error, QueueFull, TimeoutError) as error:
            why = str(error) or f"the disk gave no answer within {seconds:g} s"
            raise Refused(
                "state_dir",
                f"The record of probe calls cannot be written or read ({why}), so no call is placed.",
                f"Make room for {self._path or 'it'}, and let the exporter's user write there.",
            ) from None

    # -- in the executor's thread -------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self._path is None:
            target = ":memory:"
        else:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))  # it has telephone numbers
            target = str(self._path)
        database = sqlite3.connect(target, timeout=_BUSY_SECONDS, isolation_level=None)
        try:
            database.execute("PRAGMA synchronous = FULL")
            database.execute("BEGIN IMMEDIATE")
            version = database.execute("PRAGMA user_version").fetchone()[0]
            if version == 0:
                for statement in _TABLES.split(";"):
                    database.execute(statement)
            elif version != SCHEMA:
                raise StoreError(f"it has version {version}, of another release")
            database.execute("COMMIT")
        except BaseException:
            database.close()
            raise
        self._count(database, self._clock.epoch())
        return database

    def _enter(
        self, db: sqlite3.Connection, uuid: str, destination: str, seconds: float, guard: GuardConfig
    ) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            now = self._clock.epoch()
            self._prune(db, now)
            _check_interval(db, destination, now, guard)
            self._check_budget(db, now, seconds, guard)
            db.execute(
                "INSERT INTO calls (uuid, day, started, destination, reserved) VALUES (?, ?, ?, ?, ?)",
                (uuid, day_of(now), now, destination, seconds),
            )
            db.execute("COMMIT")
        finally:
            if db.in_transaction:
                db.execute("ROLLBACK")
        self._count(db, now)

    def _settle(self, db: sqlite3.Connection, record: CallRecord) -> None:
        row = (record.talk_seconds, encode(record), record.call_uuid)
        db.execute("UPDATE calls SET spent = ?, record = ? WHERE uuid = ?", row)
        self._count(db, self._clock.epoch())

    def _count(self, db: sqlite3.Connection, now: float) -> Spent:
        day = day_of(now)
        query = "SELECT count(*), coalesce(sum(coalesce(spent, reserved)), 0) FROM calls WHERE day = ?"
        calls, seconds = db.execute(query, (day,)).fetchone()
        self._spent = Spent(day, calls, seconds)
        return self._spent

    def _check_budget(self, db: sqlite3.Connection, now: float, seconds: float, guard: GuardConfig) -> None:
        spent = self._count(db, now)
        until_midnight = _DAY - now % _DAY
        if spent.calls >= guard.max_calls_per_day:
            raise Refused(
                "budget",
                f"Today's {guard.max_calls_per_day} probe calls are spent.",
                "Wait for 00:00 UTC, or raise guard.max_calls_per_day.",
                until_midnight,
            )
        if spent.seconds + seconds > guard.max_minutes_per_day * 60:
            left = guard.max_minutes_per_day - spent.seconds / 60
            raise Refused(
                "budget",
                f"Of today's {guard.max_minutes_per_day} minutes of probe calls {left:.1f} are left, "
                f"and this call may take {seconds / 60:.1f}.",
                "Wait for 00:00 UTC, or raise guard.max_minutes_per_day.",
                until_midnight,
            )

    def _prune(self, db: sqlite3.Connection, now: float) -> None:
        """Once a day, delete all but the newest; never a call of today, for it counts."""
        today = day_of(now)
        if self._pruned == today:
            return
        self._pruned = today
        db.execute(
            "DELETE FROM calls WHERE day <> ? AND started < (SELECT coalesce(min(started), 0) FROM "
            "(SELECT started FROM calls ORDER BY started DESC LIMIT ?))",
            (today, self._kept),
        )


def _records(db: sqlite3.Connection, query: str, value: object) -> list[CallRecord]:
    found = (decode(text) for (text,) in db.execute(query, (value,)))
    return [record for record in found if record is not None]


def _check_interval(db: sqlite3.Connection, destination: str, now: float, guard: GuardConfig) -> None:
    query = "SELECT max(started) FROM calls WHERE destination = ? AND started <= ?"
    last = db.execute(query, (destination, now)).fetchone()[0]
    if last is not None and now - last < guard.min_interval:
        wait = guard.min_interval - (now - last)
        raise too_soon(destination, wait)


def too_soon(destination: str, wait: float) -> Refused:
    """The refusal of a call that comes inside `min_interval`, with no result to serve in its place."""
    return Refused(
        "rate",
        f"{destination} was called a moment ago, and there is no result of this probe to serve.",
        f"Ask again in {math.ceil(wait)} s, or lower guard.min_interval.",
        wait,
    )
