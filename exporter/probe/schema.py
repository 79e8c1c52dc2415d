"""The sqlite file of probe calls: its tables, by version (exporter/sqlite_file.py).

0.1.0 wrote version 1 and refuses every other.
"""

import sqlite3
from pathlib import Path
from typing import Final

from exporter.probe.budget_time import BudgetTime
from exporter.sqlite_file import IN_MEMORY, Schema, open_database, open_file

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
_COLUMNS: Final = frozenset({"uuid", "day", "started", "destination", "reserved", "spent", "record"})


def open_calls(path: Path | None) -> tuple[sqlite3.Connection, int]:
    """Open or make the file, in the present version, or a database in memory; also its inode number. Blocks.

    Raises:
        OSError, sqlite3.Error: it cannot be read or written.
        StoreError: it is something else.
    """
    schema = Schema(STEPS, ("calls", _COLUMNS), BUSY_SECONDS, ("synchronous = FULL", "secure_delete = ON"))
    return (open_database(IN_MEMORY, schema), 0) if path is None else open_file(path, schema)


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
