"""How a batch of entries is written, in one transaction: all of it is in the file, or none.

An entry that sqlite does not accept (a number past 64 bits, a time that is none) is left out and counted:
it would be refused for ever, and everything behind it would wait.
"""

import math
import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple, cast

import msgspec

from exporter.history.entries import (
    Entry,
    PutHour,
    PutSample,
    PutSpan,
    PutStrangers,
    Rename,
    Subject,
    joined,
    touch,
)
from exporter.history.model import STRANGERS_KEPT, Figures, KeptCall, Outage, Span
from exporter.history.pruning import limit_calls
from exporter.history.schema import DAY, HOUR, SAMPLE
from exporter.watch.changes import Change

_UNACCEPTABLE: Final = (
    ValueError,
    TypeError,
    OverflowError,
    msgspec.MsgspecError,
    sqlite3.IntegrityError,
    sqlite3.InterfaceError,
    sqlite3.ProgrammingError,
    sqlite3.DataError,
)
_ADD: Final = (
    "watched = watched + excluded.watched, usable = usable + excluded.usable, "
    "outages = outages + excluded.outages, calls = calls + excluded.calls, failed = failed + excluded.failed"
)
_FIGURES: Final = {"hours": HOUR, "days": DAY}


class Written(NamedTuple):
    """What a batch did.

    Attributes:
        refused: entries that sqlite does not accept.
        rows: of each kind that there are now.
    """

    refused: int
    rows: Mapping[str, int]


def write(db: sqlite3.Connection, entries: Iterable[Entry], calls: int, now: float) -> Written:
    """Write a batch.

    Args:
        db: the database.
        entries: in their order.
        calls: how many calls of a node are kept.
        now: the epoch, of this batch.
    """
    batch = _Batch(db, now)
    db.execute("BEGIN IMMEDIATE")
    for entry in entries:
        try:
            batch.put(entry)
        except _UNACCEPTABLE:
            batch.refused += 1
    for node, result in batch.touched:
        limit_calls(db, node, result, calls)
    rows = read_rows(db)
    db.execute("COMMIT")
    return Written(batch.refused, rows)


def read_rows(db: sqlite3.Connection) -> Mapping[str, int]:
    """How many rows there are of each kind."""
    return dict(db.execute("SELECT kind, row_count FROM totals"))


class _Batch:
    """One transaction.

    Attributes:
        refused: entries that sqlite does not accept.
        touched: nodes and results of the calls put.
    """

    def __init__(self, db: sqlite3.Connection, now: float) -> None:
        self.refused = 0
        self.touched: set[tuple[str, str]] = set()
        self._db = db
        self._now = now
        self._ids: dict[Subject, int] = {}

    def put(self, entry: Entry) -> None:
        match entry:
            case Outage():
                self._put_outage(entry)
            case KeptCall():
                self._put_call(entry)
            case PutHour():
                for table, step in _FIGURES.items():
                    self._put_figures(table, int(entry.at // step * step), entry.subject, entry.figures)
            case PutSample(subject, sample):
                row = (sample.ping, sample.active, sample.calls, sample.failed)
                self._db.execute(
                    "INSERT OR REPLACE INTO samples VALUES (?, ?, ?, ?, ?, ?)",
                    (int(sample.at // SAMPLE * SAMPLE), self._subject(subject), *row),
                )
            case PutSpan():
                self._put_span(entry.node, entry.span)
            case PutStrangers():
                self._put_strangers(entry)
            case Rename():
                self._rename(entry.old, entry.new)
            case Change():
                self._db.execute(
                    "INSERT INTO changes (at, node, what, subject, before, after) VALUES (?, ?, ?, ?, ?, ?)",
                    entry,
                )

    def _put_outage(self, outage: Outage) -> None:
        subject = self._subject(Subject(outage.node, outage.gateway, outage.profile))
        value = msgspec.json.encode(msgspec.structs.replace(outage, node="", gateway="", profile=""))
        self._db.execute(
            "INSERT INTO outages (id, subject, began, ended, value) VALUES (?, ?, ?, ?, ?) ON CONFLICT (id) "
            "DO UPDATE SET subject = excluded.subject, began = excluded.began, ended = excluded.ended, "
            "value = excluded.value",
            (outage.id, subject, outage.began, outage.ended, value),
        )

    def _put_call(self, call: KeptCall) -> None:
        row = (call.at, call.node, call.result, call.gateway, call.direction, msgspec.json.encode(call))
        self._db.execute(
            "INSERT INTO calls (at, node, result, gateway, direction, value) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        self.touched.add((call.node, call.result))

    def _put_figures(self, table: str, at: int, subject: Subject, figures: Figures) -> None:
        values = cast(tuple[float, ...], msgspec.structs.astuple(figures))
        if not all(map(math.isfinite, values)):
            raise ValueError("no number")
        if any(values):
            self._db.execute(
                f"INSERT INTO {table} VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET {_ADD}",  # noqa: S608
                (at, self._subject(subject), *values),
            )

    def _put_span(self, node: str, span: Span) -> None:
        query = "SELECT id, began, ended FROM spans WHERE node = ? ORDER BY began DESC LIMIT 1"
        last = self._db.execute(query, (node,)).fetchone()
        if last is not None and touch(found := Span(*last[1:]), span):
            both = joined(found, span)
            self._db.execute(
                "UPDATE spans SET began = ?, ended = ? WHERE id = ?", (both.began, both.ended, last[0])
            )
        else:
            self._db.execute(
                "INSERT INTO spans (node, began, ended) VALUES (?, ?, ?)", (node, span.began, span.ended)
            )

    def _put_strangers(self, entry: PutStrangers) -> None:
        hour = int(entry.at // HOUR * HOUR)
        self._db.executemany(
            "INSERT INTO strangers VALUES (?, ?, ?, ?) "
            "ON CONFLICT DO UPDATE SET times = times + excluded.times",
            [(hour, entry.node, address, times) for address, times in entry.came],
        )
        self._db.execute(
            "DELETE FROM strangers WHERE at = ? AND node = ? AND address IN (SELECT address FROM strangers "
            "WHERE at = ? AND node = ? ORDER BY times DESC, address LIMIT -1 OFFSET ?)",
            (hour, entry.node, hour, entry.node, STRANGERS_KEPT),
        )

    def _subject(self, subject: Subject) -> int:
        """Its number; it is given one if it has none."""
        number = self._ids.get(subject)
        if number is None:
            number = self._find(subject)
            if number is None:
                query = "INSERT INTO subjects (node, gateway, profile, seen) VALUES (?, ?, ?, ?)"
                number = cast(int, self._db.execute(query, (*subject, self._now)).lastrowid)
            else:
                query = "UPDATE subjects SET seen = ? WHERE id = ? AND seen < ?"
                self._db.execute(query, (self._now, number, self._now - HOUR))
            self._ids[subject] = number
        return number

    def _find(self, subject: Subject) -> int | None:
        query = "SELECT id FROM subjects WHERE node = ? AND gateway = ? AND profile = ?"
        row = self._db.execute(query, subject).fetchone()
        return None if row is None else cast(int, row[0])

    def _rename(self, old: Subject, new: Subject) -> None:
        number, other = self._find(old), self._find(new)
        if number is None or number == other:
            return
        self._ids.clear()
        if other is None:
            query = "UPDATE subjects SET node = ?, gateway = ?, profile = ? WHERE id = ?"
            self._db.execute(query, (*new, number))
            return
        self._db.execute("UPDATE outages SET subject = ? WHERE subject = ?", (other, number))
        for table, step, columns, clash in (
            ("hours", HOUR, "watched, usable, outages, calls, failed", f"UPDATE SET {_ADD}"),
            ("days", DAY, "watched, usable, outages, calls, failed", f"UPDATE SET {_ADD}"),
            ("samples", SAMPLE, "ping, active, calls, failed", "NOTHING"),
        ):
            # Each time is looked up: the key of these tables begins with it.
            times = (
                f"WITH RECURSIVE times(at) AS (SELECT min(at) FROM {table} UNION ALL SELECT at + {step} "  # noqa: S608
                f"FROM times WHERE at < (SELECT max(at) FROM {table})) "
            )
            self._db.execute(
                f"{times}INSERT INTO {table} (at, subject, {columns}) SELECT at, ?, {columns} "  # noqa: S608
                f"FROM times CROSS JOIN {table} USING (at) WHERE subject = ? ON CONFLICT DO {clash}",
                (other, number),
            )
            self._db.execute(
                f"{times}DELETE FROM {table} WHERE at IN (SELECT at FROM times) AND subject = ?",  # noqa: S608
                (number,),
            )
        self._db.execute("DELETE FROM subjects WHERE id = ?", (number,))
