"""The sqlite file of probe calls: its tables, by version, and how a file of an earlier version is migrated.

STEPS[n] turns version n into n + 1; a new file goes through all of them. 0.1.0 wrote version 1 and refuses
every other. A file that is not the exporter's own is refused and left as it is.
"""

import os
import sqlite3
import stat
from pathlib import Path
from typing import Final

from exporter.probe.budget_time import BudgetTime

BUSY_SECONDS: Final = 5.0

STEPS: Final = (
    """
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
    """,
    # `entered` and `over_by` are budget time; `over_by` 0: the call is known to be over.
    """
    ALTER TABLE calls ADD COLUMN entered REAL NOT NULL DEFAULT 0;
    ALTER TABLE calls ADD COLUMN over_by REAL NOT NULL DEFAULT 0;
    UPDATE calls SET entered = started;
    DROP INDEX calls_by_destination;
    DROP INDEX calls_by_start;
    CREATE INDEX calls_by_destination ON calls (destination, entered);
    CREATE INDEX calls_by_entry ON calls (entered);
    CREATE INDEX calls_by_end ON calls (over_by);
    CREATE TABLE budget_time (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        epoch REAL NOT NULL,
        wall REAL NOT NULL,
        monotonic REAL NOT NULL,
        boot TEXT NOT NULL
    );
    """,
)
SCHEMA: Final = len(STEPS)
_COLUMNS: Final = {"uuid", "day", "started", "destination", "reserved", "spent", "record"}


class StoreError(Exception):
    """The file cannot be used; the message says why."""


def open_file(path: Path) -> tuple[sqlite3.Connection, int]:
    """Open or make the file, in the present version; also its inode number. Blocks.

    Raises:
        OSError, sqlite3.Error: it cannot be read or written.
        StoreError: it is something else.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # It has telephone numbers. O_NONBLOCK: to open a FIFO must not wait for its other end.
    opened = os.open(path, os.O_CREAT | os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        found = os.fstat(opened)
    finally:
        os.close(opened)
    if not stat.S_ISREG(found.st_mode):
        raise StoreError("it is not a regular file")
    return open_database(str(path)), found.st_ino


def open_database(target: str) -> sqlite3.Connection:
    """Open a database, in the present version. Blocks.

    Raises:
        StoreError: it is not the exporter's, or of a later release. Else sqlite3.Error.
    """
    database = sqlite3.connect(target, timeout=BUSY_SECONDS, isolation_level=None)
    try:
        database.execute("PRAGMA synchronous = FULL")
        database.execute("BEGIN IMMEDIATE")
        _migrate(database)
        database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def _migrate(database: sqlite3.Connection) -> None:
    version = database.execute("PRAGMA user_version").fetchone()[0]
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not 0 <= version <= SCHEMA:
        raise StoreError(f"it has version {version}, of another release")
    columns = {row[1] for row in database.execute("PRAGMA table_info(calls)")}
    if tables and not (version and columns >= _COLUMNS):
        raise StoreError("it is the database of another program")
    for step in STEPS[version:]:
        for statement in step.split(";"):
            database.execute(statement)
    if version != SCHEMA:
        database.execute(f"PRAGMA user_version = {SCHEMA}")


def read_time(database: sqlite3.Connection, wall: float, monotonic: float, boot: str) -> BudgetTime:
    """Budget time now. Where no reading is kept, it is the wall clock, and no earlier than any call."""
    row = database.execute("SELECT epoch, wall, monotonic, boot FROM budget_time").fetchone()
    if row is not None:
        return BudgetTime(*row).at(wall, monotonic, boot)
    latest = database.execute("SELECT coalesce(max(entered), 0) FROM calls").fetchone()[0]
    return BudgetTime(max(wall, latest), wall, monotonic, boot)


def keep_time(database: sqlite3.Connection, time: BudgetTime) -> None:
    """Keep a reading."""
    database.execute(
        "INSERT OR REPLACE INTO budget_time (one, epoch, wall, monotonic, boot) VALUES (1, ?, ?, ?, ?)", time
    )
