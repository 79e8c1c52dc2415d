"""The tables of the history, by version (exporter/sqlite_file.py).

- Hours, days, samples and strangers have their time first in their key: what is written together stands
  together, old rows go as one piece, and one gateway's figures of a month are some 700 look-ups, not a scan.
  A column on its own would need an index as large as the table.
- Strangers are kept by the hour, node and address, STRANGERS_KEPT of each hour and node.
- `subjects` gives each gateway a number. That of a switch as a whole has gateway and profile empty.
- `totals` counts rows and bytes by trigger, so that nobody has to count 2 million rows at a start.
- Outages and calls are JSON (exporter/history/model.py); what questions filter by has columns.

Times are epoch seconds. WAL, synced at checkpoints: a process that is killed loses nothing that was
committed, a machine that loses power the last seconds. The file is locked as long as it is open: no second
process writes to it, and sqlite needs no shared memory, which fails badly on a full disk. Deleted rows are
overwritten: they have telephone numbers, and not every build of sqlite does that by itself.
"""

import sqlite3
from pathlib import Path
from typing import Final, NamedTuple

from exporter.sqlite_file import IN_MEMORY, Schema, open_database, open_file

BUSY_SECONDS: Final = 1.0
HOUR: Final = 3600
DAY: Final = 86_400
SAMPLE: Final = 300


class Table(NamedTuple):
    """A table whose rows grow old.

    Attributes:
        name, key: as in SQL.
        at: its column of time, by which an index has the oldest first.
        over: the column of the time when it was over; NULL while it lasts.
        row: bytes that a row takes beside those that `totals` counts, index entries included.
    """

    name: str
    key: str
    at: str
    over: str
    row: int


TABLES: Final = {
    "outage": Table("outages", "id", "began", "ended", 90),
    "change": Table("changes", "id", "at", "at", 60),
    "call": Table("calls", "id", "at", "at", 150),
    "hour": Table("hours", "(at, subject)", "at", "at", 40),
    "day": Table("days", "(at, subject)", "at", "at", 40),
    "sample": Table("samples", "(at, subject)", "at", "at", 32),
    "span": Table("spans", "id", "began", "ended", 90),
    "stranger": Table("strangers", "(at, node, address)", "at", "at", 24),
}
"""By kind, as in `totals`."""

_FIGURES: Final = """(
        at INTEGER NOT NULL,
        subject INTEGER NOT NULL,
        watched REAL NOT NULL,
        usable REAL NOT NULL,
        outages INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        PRIMARY KEY (at, subject)
    ) WITHOUT ROWID;"""


def _counted(kind: str, table: str, size: str) -> str:
    """The triggers that keep `totals`; `size`: of the row {}, in bytes."""
    add = f"UPDATE totals SET row_count = row_count + {{}}, bytes = bytes + {{}} WHERE kind = '{kind}'"  # noqa: S608
    old, new = size.format("OLD"), size.format("NEW")
    changed = f"""
    CREATE TRIGGER {table}_changed AFTER UPDATE ON {table} WHEN {old} <> {new} BEGIN
        {add.format(0, f"{new} - {old}")};
    END;"""
    return f"""
    INSERT INTO totals VALUES ('{kind}', 0, 0);
    CREATE TRIGGER {table}_added AFTER INSERT ON {table} BEGIN {add.format(1, new)}; END;
    CREATE TRIGGER {table}_gone AFTER DELETE ON {table} BEGIN {add.format(-1, f"-{old}")}; END;
    {changed if size != "0" else ""}"""  # noqa: S608


STEPS: Final = (
    f"""
    CREATE TABLE totals (
        kind TEXT PRIMARY KEY, row_count INTEGER NOT NULL, bytes INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE subjects (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        node TEXT NOT NULL,
        gateway TEXT NOT NULL,
        profile TEXT NOT NULL,
        seen REAL NOT NULL,
        UNIQUE (node, gateway, profile)
    );
    CREATE TABLE outages (
        id INTEGER PRIMARY KEY,
        subject INTEGER NOT NULL,
        began REAL NOT NULL,
        ended REAL,
        value BLOB NOT NULL
    );
    CREATE INDEX outages_by_subject ON outages (subject, began);
    CREATE INDEX outages_by_beginning ON outages (began);
    CREATE INDEX outages_open ON outages (began) WHERE ended IS NULL;
    CREATE TABLE changes (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        node TEXT NOT NULL,
        what TEXT NOT NULL,
        subject TEXT NOT NULL,
        before TEXT NOT NULL,
        after TEXT NOT NULL
    );
    CREATE INDEX changes_by_time ON changes (at);
    CREATE INDEX changes_by_node ON changes (node, at);
    CREATE TABLE calls (
        id INTEGER PRIMARY KEY,
        at REAL NOT NULL,
        node TEXT NOT NULL,
        result TEXT NOT NULL,
        gateway TEXT NOT NULL,
        direction TEXT NOT NULL,
        value BLOB NOT NULL
    );
    CREATE INDEX calls_by_time ON calls (at);
    CREATE INDEX calls_by_result ON calls (node, result, at);
    CREATE INDEX calls_by_gateway ON calls (node, gateway, at);
    CREATE TABLE hours {_FIGURES}
    CREATE TABLE days {_FIGURES}
    CREATE TABLE samples (
        at INTEGER NOT NULL,
        subject INTEGER NOT NULL,
        ping REAL,
        active INTEGER NOT NULL,
        calls INTEGER NOT NULL,
        failed INTEGER NOT NULL,
        PRIMARY KEY (at, subject)
    ) WITHOUT ROWID;
    CREATE TABLE spans (
        id INTEGER PRIMARY KEY,
        node TEXT NOT NULL,
        began REAL NOT NULL,
        ended REAL NOT NULL
    );
    CREATE INDEX spans_by_node ON spans (node, began);
    CREATE INDEX spans_by_beginning ON spans (began);
    {_counted("outage", "outages", "length({}.value)")}
    {_counted("change", "changes", "length({0}.subject || {0}.before || {0}.after)")}
    {_counted("call", "calls", "length({}.value)")}
    {_counted("hour", "hours", "0")}
    {_counted("day", "days", "0")}
    {_counted("sample", "samples", "0")}
    {_counted("span", "spans", "0")}
    """,
    f"""
    CREATE TABLE strangers (
        at INTEGER NOT NULL,
        node TEXT NOT NULL,
        address TEXT NOT NULL,
        times INTEGER NOT NULL,
        PRIMARY KEY (at, node, address)
    ) WITHOUT ROWID;
    {_counted("stranger", "strangers", "length({0}.node || {0}.address)")}
    """,
)
_SCHEMA: Final = Schema(
    STEPS,
    ("subjects", frozenset({"id", "node", "gateway", "profile", "seen"})),
    BUSY_SECONDS,
    ("locking_mode = EXCLUSIVE", "synchronous = NORMAL", "trusted_schema = OFF", "secure_delete = ON"),
    ("auto_vacuum = INCREMENTAL", "journal_mode = WAL", "journal_size_limit = 4000000"),
)


def open_history(path: Path | None) -> tuple[sqlite3.Connection, int]:
    """Open or make the file, in the present version, or a database in memory; also its inode number. Blocks.

    Raises:
        OSError, sqlite3.Error: it cannot be read or written.
        StoreError: it is something else.
    """
    database, inode = (open_database(IN_MEMORY, _SCHEMA), 0) if path is None else open_file(path, _SCHEMA)
    # Bytes of a damaged page are no reason to fail: what they say is checked where it is read.
    database.text_factory = lambda text: text.decode("utf-8", "replace")
    return database, inode
