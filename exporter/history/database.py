"""The sqlite file of the history, open or about to be: everything here runs in the executor's thread.

Before each piece of work the file is looked at: one that was moved away or replaced is left alone, and the
one at its path is opened (or made). A damaged file is moved aside, a new one takes its place, and the work is
done again. A file of another program or a later release is not touched: the history is then in memory.
"""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from exporter.clock import Clock
from exporter.history.schema import open_history
from exporter.sqlite_file import Foreign, StoreError, is_damaged

ASIDE: Final = ".corrupt"
ASIDE_EVERY: Final = 3600.0  # seconds: a disk that damages each new file must not be written over and over
_WAL: Final = "-wal"

_T = TypeVar("_T")


class Database:
    """The connection.

    Args:
        path: the file; None for memory.
        clock: the time.

    Attributes:
        foreign: why the file at the path is not used, and memory in its place; else empty.
        damage: what was wrong with the file that has been moved aside last; the reader empties it.
    """

    def __init__(self, path: Path | None, clock: Clock) -> None:
        self.foreign = ""
        self.damage = ""
        self._path = path
        self._clock = clock
        self._connection: sqlite3.Connection | None = None
        self._inode = 0
        self._put_aside: float | None = None

    def run(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        """The result of the work, which is done once more if it finds that the file is damaged.

        Raises:
            OSError, sqlite3.Error, StoreError: it cannot be read or written.
        """
        try:
            return self._attempt(work)
        except (sqlite3.DatabaseError, msgspec.ValidationError) as error:
            if not (is_damaged(error) or isinstance(error, msgspec.ValidationError)) or self._path is None:
                raise
            self._set_aside(self._path, str(error))
        return self._attempt(work)

    def close(self) -> None:
        """Close the file; the next piece of work opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _attempt(self, work: Callable[[sqlite3.Connection], _T]) -> _T:
        connection = self._opened()
        try:
            return work(connection)
        finally:
            if connection.in_transaction:
                try:
                    connection.execute("ROLLBACK")
                except sqlite3.Error:
                    self.close()

    def _opened(self) -> sqlite3.Connection:
        if self._connection is not None and self._path is not None:
            with suppress(FileNotFoundError):
                if self._path.stat().st_ino == self._inode:
                    return self._connection
            self.close()
        if self._connection is None:
            try:
                self._connection, self._inode = open_history(self._path)
            except Foreign as error:
                self.foreign = str(error)
                self._path = None
                self._connection, self._inode = open_history(None)
        return self._connection

    def _set_aside(self, path: Path, damage: str) -> None:
        now = self._clock.monotonic()
        if self._put_aside is not None and now - self._put_aside < ASIDE_EVERY:
            raise StoreError(f"{damage}; so was the file before it, within the hour")
        with suppress(sqlite3.Error):  # it may find the damage once more, and is closed all the same
            self.close()
        aside = path.with_name(path.name + ASIDE)
        aside.with_name(aside.name + _WAL).unlink(missing_ok=True)  # of an earlier one
        path.replace(aside)
        with suppress(FileNotFoundError):
            path.with_name(path.name + _WAL).replace(aside.with_name(aside.name + _WAL))
        self._put_aside = now
        self.damage = damage
