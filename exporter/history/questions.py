"""What is asked of the history's database. Each question goes by an index (tests/history/test_questions.py).

A list is newest first, and where `limit` ends it, it goes on with those of the same time as the last: so the
next page, which begins `before` that time, leaves none out. Values in a form of another release are left out.
"""

import math
import sqlite3
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from exporter.history.entries import Subject, joined, touch
from exporter.history.model import Figures, GatewaySteps, KeptCall, Outage, Sample, Span, Step, Stranger
from exporter.history.schema import DAY, HOUR, SAMPLE
from exporter.watch.changes import Change

MAX_TIES: Final = 1_000
ALL: Final = 1_000_000
STEPS: Final = {"1h": ("hours", HOUR), "1d": ("days", DAY)}

_T = TypeVar("_T")
Condition = tuple[str, object]
"""SQL with one placeholder, and its value; None: it is not asked for."""
_outage = msgspec.json.Decoder(Outage)
_call = msgspec.json.Decoder(KeptCall)
_FIGURES: Final = "at, watched, usable, outages, calls, failed"


class _Row(NamedTuple):
    subject: int
    at: float
    watched: float
    usable: float
    outages: int
    calls: int
    failed: int


class _SampleRow(NamedTuple):
    subject: int
    at: float
    ping: float | None
    active: int
    calls: int
    failed: int


def find_outages(
    db: sqlite3.Connection, conditions: Iterable[Condition], subject: Iterable[Condition], limit: int
) -> list[Outage]:
    """Outages by their beginning, newest first.

    Args:
        db: the database.
        conditions: of the outage.
        subject: of node, gateway and profile.
        limit: how many, and those that began with the last.
    """
    subjects = _subjects(db, subject)
    meant, wanted = _where(subject)
    asked, values = _where(conditions)
    if wanted:
        asked, values = f"{asked} AND subject IN (SELECT id FROM subjects WHERE {meant})", (*values, *wanted)  # noqa: S608
    query = f"SELECT began, subject, value FROM outages WHERE {asked} ORDER BY began DESC LIMIT ?"  # noqa: S608
    found = []
    for _, number, value in _page(db.execute(query, (*values, limit + MAX_TIES)), limit):
        outage = _decoded(_outage, value)
        if outage is not None and number in subjects:
            found.append(msgspec.structs.replace(outage, **subjects[number]._asdict()))
    return found


def find_changes(db: sqlite3.Connection, conditions: Iterable[Condition], limit: int) -> list[Change]:
    """Changes, newest first."""
    asked, values = _where(conditions)
    query = (
        f"SELECT at, node, what, subject, before, after FROM changes WHERE {asked} ORDER BY at DESC LIMIT ?"  # noqa: S608
    )
    return _checked(_page(db.execute(query, (*values, limit + MAX_TIES)), limit), Change)


def find_calls(db: sqlite3.Connection, conditions: Iterable[Condition], limit: int) -> list[KeptCall]:
    """Kept calls, newest first."""
    asked, values = _where(conditions)
    query = f"SELECT at, value FROM calls WHERE {asked} ORDER BY at DESC LIMIT ?"  # noqa: S608
    rows = _page(db.execute(query, (*values, limit + MAX_TIES)), limit)
    return [call for _, value in rows if (call := _decoded(_call, value)) is not None]


def find_strangers(
    db: sqlite3.Connection, since: float, until: float, node: str | None, limit: int
) -> list[Stranger]:
    """The most frequent addresses in the hours that overlap the time."""
    asked, values = _where((("at >= ?", since // HOUR * HOUR), ("at < ?", until), ("node = ?", node)))
    query = (
        f"SELECT node, address, sum(times), min(at), max(at) FROM strangers WHERE {asked} "  # noqa: S608
        "GROUP BY node, address ORDER BY sum(times) DESC, node, address LIMIT ?"
    )
    rows = _checked(db.execute(query, (*values, limit)), tuple[str, str, int, float, float])
    return [Stranger(*row) for row in rows]


def find_subjects(db: sqlite3.Connection, subject: tuple[Condition, ...]) -> list[Subject]:
    """The gateways of which anything is kept, by their names."""
    return sorted(one for one in _subjects(db, subject).values() if one.gateway)


def find_steps(
    db: sqlite3.Connection, step: str, since: float, until: float, subject: tuple[Condition, ...]
) -> list[GatewaySteps]:
    """Figures of the steps that overlap the time."""
    table, width = STEPS[step]
    subjects = _subjects(db, subject)
    first = int(since // width * width)
    if len(subjects) > 1:
        query = f"SELECT subject, {_FIGURES} FROM {table} WHERE at >= ? AND at < ?"  # noqa: S608
        rows: Iterable[tuple[Any, ...]] = db.execute(query, (first, until))
    else:
        rows = (row for number in subjects for row in _one(db, table, width, number, first, until, _FIGURES))
    found: dict[int, list[Step]] = {number: [] for number in subjects}
    for number, at, watched, usable, outages, calls, failed in _checked(rows, _Row):
        if number in found:
            figures = Figures(watched=watched, usable=usable, outages=outages, calls=calls, failed=failed)
            found[number].append(Step(at, figures))
    return [
        GatewaySteps(node=node, gateway=gateway, profile=profile, steps=tuple(found[number]))
        for number, (node, gateway, profile) in sorted(subjects.items(), key=lambda item: item[1])
        if found[number]
    ]


def find_first_hours(db: sqlite3.Connection, node: str) -> dict[Subject, float]:
    """The oldest hour of each gateway of a node."""
    subjects = _subjects(db, gateway(node, None, None))
    oldest = _checked(db.execute("SELECT subject, min(at) FROM days GROUP BY subject"), tuple[int, float])
    found = {}
    for number, day in oldest:
        if number in subjects:
            hours = _one(db, "hours", HOUR, number, int(day), day + DAY, "at")
            found[subjects[number]] = min((at for _, at in hours), default=day)
    return found


def find_samples(db: sqlite3.Connection, subject: Subject, since: float) -> list[Sample]:
    """Samples of a gateway that begin then or later, oldest first."""
    first = int(-(-since // SAMPLE) * SAMPLE)
    found = []
    for number in _subjects(db, gateway(*subject)):
        rows = _one(db, "samples", SAMPLE, number, first, math.inf, "at, ping, active, calls, failed")
        found += [Sample(*row[1:]) for row in _checked(rows, _SampleRow)]
    return found


def find_spans(db: sqlite3.Connection, node: str, since: float, until: float) -> list[Span]:
    """When a node was watched, oldest first; spans that overlap, because the clock was set, are joined."""
    query = "SELECT began, ended FROM spans WHERE node = ? AND began < ? AND ended > ? ORDER BY began"
    found: list[Span] = []
    for began, ended in _checked(db.execute(query, (node, until, since)), tuple[float, float]):
        span = Span(began, ended)
        if found and touch(found[-1], span):
            found[-1] = joined(found[-1], span)
        else:
            found.append(span)
    return found


def first_watched(db: sqlite3.Connection) -> float | None:
    """The beginning of the oldest span."""
    return _checked(db.execute("SELECT min(began) FROM spans"), tuple[float | None])[0][0]


def gateway(node: str | None, name: str | None, profile: str | None) -> tuple[Condition, ...]:
    """Conditions of a subject."""
    return ("node = ?", node), ("gateway = ?", name), ("profile = ?", profile)


def _subjects(db: sqlite3.Connection, conditions: Iterable[Condition]) -> dict[int, Subject]:
    """The gateways that are meant, by number."""
    asked, values = _where(conditions)
    query = f"SELECT id, node, gateway, profile FROM subjects WHERE {asked}"  # noqa: S608
    return {
        number: Subject(*names)
        for number, *names in _checked(db.execute(query, values), tuple[int, str, str, str])
    }


def _one(
    db: sqlite3.Connection, table: str, width: int, subject: int, first: int, until: float, columns: str
) -> Iterable[tuple[Any, ...]]:
    """Rows of one gateway, oldest first, number and columns: each time is looked up by the table's key."""
    return db.execute(
        f"WITH RECURSIVE times(at) AS (SELECT max(?, (SELECT min(at) FROM {table})) UNION ALL "  # noqa: S608
        f"SELECT at + {width} FROM times WHERE at + {width} <= (SELECT max(at) FROM {table}) "
        f"AND at + {width} < ?) "
        f"SELECT subject, {columns} FROM times CROSS JOIN {table} USING (at) WHERE subject = ? AND at < ?",
        (first, until, subject, until),
    )


def _where(conditions: Iterable[Condition]) -> tuple[str, tuple[object, ...]]:
    """The conditions that are asked for, and their values."""
    asked = [(sql, value) for sql, value in conditions if value is not None]
    return " AND ".join(sql for sql, _ in asked) or "true", tuple(value for _, value in asked)


def _page(rows: Iterable[tuple[Any, ...]], limit: int) -> Iterator[tuple[Any, ...]]:
    """The first rows, and those that have the same first column as the last of them."""
    last = None
    for count, row in enumerate(rows):
        if count >= limit and row[0] != last:
            return
        last = row[0]
        yield row


def _checked(rows: Iterable[tuple[Any, ...]], kind: type[_T]) -> list[_T]:
    """The rows.

    Raises:
        msgspec.ValidationError: they are no rows of this kind: the file is damaged.
    """
    return msgspec.convert(list(rows), list[kind])  # type: ignore[valid-type]


def _decoded(decoder: msgspec.json.Decoder[_T], value: bytes) -> _T | None:
    try:
        return decoder.decode(value)
    except (msgspec.DecodeError, TypeError):
        return None
