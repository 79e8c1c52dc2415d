"""What is deleted: rows older than `keep`, calls beyond their quota, the oldest rows beyond a bound.

Rows go in slices, each a transaction of its own, so that a question never waits long. Where the whole takes
too many bytes, the kind that takes the most room loses its oldest tenth first: a flood of calls costs calls,
not the availability of a year.
"""

import math
import sqlite3
from typing import Final, NamedTuple

from exporter.history.schema import DAY, HOUR, TABLES

MAX_BYTES: Final = 280_000_000  # of a file: 300 MB with its write-ahead log, and what one batch adds
MAX_BYTES_IN_MEMORY: Final = 32_000_000
MAX_ROWS: Final = {"outage": 50_000, "change": 50_000, "span": 50_000}
SAMPLES_KEPT: Final = 2.0 * DAY
SLICE: Final = 10_000  # rows
_VACUUM: Final = 2_000  # pages
_QUARTER: Final = 4
_TENTH: Final = 10


class Bounds(NamedTuple):
    """How much is kept.

    Attributes:
        keep: seconds.
        calls: of each node.
        bytes_: of the whole.
    """

    keep: float
    calls: int
    bytes_: int


def quota(result: str, calls: int) -> int:
    """How many of a node's calls with this result are kept: silent and bad a quarter each, failed half."""
    quarter = calls // _QUARTER
    return calls - 2 * quarter if result == "failed" else quarter


def limit_calls(db: sqlite3.Connection, node: str, result: str, calls: int) -> int:
    """Delete the oldest calls beyond the quota, within a transaction; how many went."""
    return db.execute(
        "DELETE FROM calls WHERE id IN (SELECT id FROM calls WHERE node = ? AND result = ? "
        "ORDER BY at DESC, id DESC LIMIT ? OFFSET ?)",
        (node, result, SLICE, quota(result, calls)),
    ).rowcount


def prune_full(db: sqlite3.Connection, bounds: Bounds) -> bool:
    """Delete a slice of what is too much, by number or by size; whether there is more to do."""
    sizes = {
        kind: (rows, size + rows * TABLES[kind].row)
        for kind, rows, size in db.execute("SELECT kind, row_count, bytes FROM totals")
    }
    for kind, most in MAX_ROWS.items():
        if kind in sizes and (excess := sizes[kind][0] - most) > 0:
            return _delete(db, kind, math.inf, min(excess, SLICE)) > 0
    if _bytes(db) <= bounds.bytes_:
        return False
    fattest = sorted(sizes, key=lambda kind: -sizes[kind][1])
    return any(_delete(db, kind, math.inf, min(SLICE, sizes[kind][0] // _TENTH + 1)) for kind in fattest)


def prune_old(db: sqlite3.Connection, bounds: Bounds, now: float) -> bool:
    """Delete a slice of what is too old, or beyond a quota; whether there is more to do.

    Args:
        db: the database.
        bounds: how much is kept.
        now: the epoch.
    """
    cut = now - bounds.keep
    cuts = dict.fromkeys(TABLES, cut) | {
        "hour": cut // HOUR * HOUR,
        "stranger": cut // HOUR * HOUR,
        "day": cut // DAY * DAY,
        "sample": max(cut, now - SAMPLES_KEPT),
    }
    if any(_delete(db, kind, before, SLICE) for kind, before in cuts.items()):
        return True
    for node, result in db.execute("SELECT DISTINCT node, result FROM calls").fetchall():
        if limit_calls(db, node, result, bounds.calls):
            return True
    # Its figures are as old as itself, so that nothing needs the number any more.
    db.execute(
        "DELETE FROM subjects WHERE seen < ? AND NOT EXISTS "
        "(SELECT 1 FROM outages WHERE outages.subject = subjects.id)",
        (cut // DAY * DAY - DAY,),
    )
    return _shrink(db)


def _delete(db: sqlite3.Connection, kind: str, before: float, limit: int) -> int:
    """Delete the oldest rows that were over by `before`, `limit` of them at most; how many went."""
    table = TABLES[kind]
    return db.execute(
        f"DELETE FROM {table.name} WHERE {table.key} IN (SELECT {table.key.strip('()')} FROM {table.name} "  # noqa: S608
        f"WHERE {table.at} < ? AND {table.over} < ? ORDER BY {table.at} LIMIT ?)",
        (before, before, limit),
    ).rowcount


def _bytes(db: sqlite3.Connection) -> int:
    """What the rows take, in whole pages."""
    pages, free, size = (
        db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count", "page_size")
    )
    return int((pages - free) * size)


def _shrink(db: sqlite3.Connection) -> bool:
    """Give free pages back to the disk, a slice of them, where they are many; whether there is more to do."""
    pages, free = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
    if free < max(_VACUUM, pages // _QUARTER):
        return False
    # Not `execute`: the pragma frees a page with each step, and `execute` makes one.
    db.executescript(f"PRAGMA incremental_vacuum({_VACUUM})")
    return True
