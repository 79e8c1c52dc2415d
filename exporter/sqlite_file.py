"""How the exporter opens its sqlite files: safely, in the present version of their tables. All of it blocks.

What stands at the path may be anything: a FIFO, a device, a database of another program or of a later
release. Such a file is refused and left as it is. An own file of an earlier version is migrated: step n turns
version n into n + 1, and a new file goes through all steps.
"""

import os
import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

IN_MEMORY: Final = ":memory:"
_DAMAGED: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


class StoreError(Exception):
    """The file cannot be used; the message says why."""


class Foreign(StoreError):
    """It is the file of another program or of another release."""


class Schema(NamedTuple):
    """The tables of one file.

    Attributes:
        steps: of the migration, SQL.
        known_by: a table of version 1 and its columns: without it a file is another program's.
        busy: seconds to wait while another process holds the file.
        pragmas: settings of every connection, before anything is read; none of them changes the file.
        file_pragmas: settings that do change the file, once it is known to be the exporter's.
    """

    steps: tuple[str, ...]
    known_by: tuple[str, frozenset[str]]
    busy: float
    pragmas: tuple[str, ...] = ()
    file_pragmas: tuple[str, ...] = ()


def open_file(path: Path, schema: Schema) -> tuple[sqlite3.Connection, int]:
    """Open or make the file, in the present version; also its inode number.

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
    return open_database(str(path), schema), found.st_ino


def open_database(target: str, schema: Schema) -> sqlite3.Connection:
    """Open a database, in the present version.

    Raises:
        Foreign: it is not the exporter's, or of a later release. Else sqlite3.Error.
    """
    database = sqlite3.connect(target, timeout=schema.busy, isolation_level=None)
    try:
        for pragma in schema.pragmas:
            database.execute(f"PRAGMA {pragma}").fetchall()
        _version(database, schema)
        for pragma in schema.file_pragmas:
            database.execute(f"PRAGMA {pragma}").fetchall()
        database.execute("BEGIN IMMEDIATE")
        _migrate(database, schema)
        database.execute("COMMIT")
    except BaseException:
        database.close()
        raise
    return database


def is_damaged(error: Exception) -> bool:
    """Whether the error says that the file is no database, or a damaged one."""
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in _DAMAGED


def _version(database: sqlite3.Connection, schema: Schema) -> int:
    """The version of an own database; 0 of an empty one."""
    version: int = database.execute("PRAGMA user_version").fetchone()[0]
    tables = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if not 0 <= version <= len(schema.steps):
        raise Foreign(f"it has version {version}, of another release")
    name, columns = schema.known_by
    found = {row[1] for row in database.execute(f"PRAGMA table_info({name})")}
    if tables and not (version and found >= columns):
        raise Foreign("it is the database of another program")
    return version


def _migrate(database: sqlite3.Connection, schema: Schema) -> None:
    version = _version(database, schema)
    for step in schema.steps[version:]:
        for statement in _statements(step):
            database.execute(statement)
    if version != len(schema.steps):
        database.execute(f"PRAGMA user_version = {len(schema.steps)}")


def _statements(script: str) -> Iterator[str]:
    """The statements of a script; those of a trigger are one."""
    statement = ""
    for piece in script.split(";"):
        statement += f"{piece};"
        if sqlite3.complete_statement(statement):
            yield statement
            statement = ""
