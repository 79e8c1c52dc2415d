"""What was spent today and what came of it: one sqlite file in `state_dir`, or memory without one.

A call is entered before it is placed, with the most it can cost; when it is over, with what it did cost. So
an exporter that is killed in the middle, and starts again and again, has spent what it may have spent: the
next life reads it. Entering is one transaction with the check of the budget and of `min_interval`, so that
several processes on one `state_dir` (the daemon, `freeswitch-exporter probe`) share one budget.

sqlite waits for the disk, so it runs on a thread of its own; the event loop waits for the answer like any
other request. What cannot be entered is not called.

A day is 00:00 to 24:00 UTC by this machine's clock.
"""

import asyncio
import math
import os
import sqlite3
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final, NamedTuple, Self, TypeVar

from exporter.config.model import GuardConfig
from exporter.probe.refusal import Refused

FILE_NAME: Final = "probes.sqlite"
SCHEMA: Final = 1
KEPT_ON_DISK: Final = 20_000
KEPT_IN_MEMORY: Final = 1_000
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


class StoreError(Exception):
    """The file cannot be used; the message says which, why, and what to do."""


class Spent(NamedTuple):
    """What a day has cost.

    Attributes:
        day: YYYY-MM-DD, UTC.
        seconds: of talk; for calls under way and calls whose end nobody saw, the most they can cost.
    """

    day: str
    calls: int
    seconds: float


def day_of(now: float) -> str:
    """The UTC day of an epoch time."""
    return time.strftime("%Y-%m-%d", time.gmtime(now))


class Store:
    """The calls of this and earlier lives. Made by `open`."""

    def __init__(self, path: Path | None, clock: Callable[[], float]) -> None:
        self._path = path
        self._clock = clock
        self._kept = KEPT_ON_DISK if path else KEPT_IN_MEMORY
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="probe-store")
        self._spent = Spent("", 0, 0.0)
        self._pruned = ""
        self._database: sqlite3.Connection | None = None

    @classmethod
    async def open(cls, state_dir: Path | None, clock: Callable[[], float] = time.time) -> Self:
        """Open or make the file; `clock` gives epoch seconds.

        Raises:
            StoreError: it cannot be written, or is something else.
        """
        self = cls(state_dir / FILE_NAME if state_dir else None, clock)
        try:
            loop = asyncio.get_running_loop()
            self._database = await loop.run_in_executor(self._thread, self._open)
        except (OSError, sqlite3.Error, StoreError) as error:
            self._thread.shutdown(wait=False)
            raise StoreError(
                f"{self._path} cannot be used: {error}; give the exporter's user write access to its folder, "
                "or move the file away (today's budget then starts anew)"
            ) from None
        return self

    async def close(self) -> None:
        """Close the file; every call entered before is in it. A second time it does nothing."""
        database, self._database = self._database, None
        if database is not None:
            await asyncio.get_running_loop().run_in_executor(self._thread, database.close)
            self._thread.shutdown()

    @property
    def spent(self) -> Spent:
        """What today has cost, as of the last entry of this process."""
        today = day_of(self._clock())
        return self._spent if self._spent.day == today else Spent(today, 0, 0.0)

    async def enter(self, uuid: str, destination: str, seconds: float, guard: GuardConfig) -> None:
        """Enter a call that is about to be placed and may cost up to `seconds` of talk.

        Raises:
            Refused: `rate` or `budget`; `state_dir` if it cannot be written down.
        """
        await self._asked(lambda db: self._enter(db, uuid, destination, seconds, guard))

    async def settle(self, uuid: str, seconds: float, record: bytes) -> None:
        """Enter what a call has cost, and its record.

        Raises:
            Refused: `state_dir` if it cannot be written down; the call then counts with the most it can cost.
        """
        await self._asked(lambda db: self._settle(db, uuid, seconds, record))

    async def find(self, uuid: str) -> bytes | None:
        """The record of a call; None if there is none."""
        rows = await self._asked(
            lambda db: db.execute("SELECT record FROM calls WHERE uuid = ?", (uuid,)).fetchall()
        )
        return rows[0][0] if rows else None

    async def recent(self, count: int) -> list[bytes]:
        """The latest records, newest first."""
        query = "SELECT record FROM calls WHERE record IS NOT NULL ORDER BY started DESC LIMIT ?"
        rows = await self._asked(lambda db: db.execute(query, (count,)).fetchall())
        return [row[0] for row in rows]

    # -- on the thread
    # ----------------------------------------------------------------------------------------

    async def _asked(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        database = self._database
        try:
            if database is None:
                raise sqlite3.ProgrammingError("closed")
            return await asyncio.get_running_loop().run_in_executor(self._thread, work, database)
        except sqlite3.Error as error:
            raise Refused(
                "state_dir",
                f"The record of probe calls cannot be written or read ({error}), so none is placed.",
                f"Make room for {self._path or 'it'}, and let the exporter's user write there.",
            ) from None

    def _open(self) -> sqlite3.Connection:
        if self._path is None:
            target = ":memory:"
        else:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            # Telephone numbers are nobody else's business.
            os.close(os.open(self._path, os.O_CREAT | os.O_RDWR, 0o600))
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
        self._count(database, self._clock())
        return database

    def _enter(
        self, db: sqlite3.Connection, uuid: str, destination: str, seconds: float, guard: GuardConfig
    ) -> None:
        db.execute("BEGIN IMMEDIATE")
        try:
            now = self._clock()
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

    def _settle(self, db: sqlite3.Connection, uuid: str, seconds: float, record: bytes) -> None:
        db.execute("UPDATE calls SET spent = ?, record = ? WHERE uuid = ?", (seconds, record, uuid))
        self._count(db, self._clock())

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
        """Once a day, forget what is beyond the newest; never a call of today, for it counts."""
        today = day_of(now)
        if self._pruned == today:
            return
        self._pruned = today
        db.execute(
            "DELETE FROM calls WHERE day <> ? AND started < (SELECT coalesce(min(started), 0) FROM "
            "(SELECT started FROM calls ORDER BY started DESC LIMIT ?))",
            (today, self._kept),
        )


def _check_interval(db: sqlite3.Connection, destination: str, now: float, guard: GuardConfig) -> None:
    query = "SELECT max(started) FROM calls WHERE destination = ? AND started <= ?"
    last = db.execute(query, (destination, now)).fetchone()[0]
    if last is not None and now - last < guard.min_interval:
        wait = guard.min_interval - (now - last)
        raise too_soon(destination, wait)


def too_soon(destination: str, wait: float) -> Refused:
    """The refusal of a call that comes inside `min_interval`, with nothing to serve in its place."""
    return Refused(
        "rate",
        f"{destination} was called a moment ago, and there is no result of this probe to serve.",
        f"Ask again in {math.ceil(wait)} s, or lower guard.min_interval.",
        wait,
    )
