"""Where the history is kept: one sqlite file in `state_dir`, or memory for 24 hours. Skeleton."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final, Literal, NamedTuple

from exporter.clock import Clock
from exporter.config import HistoryConfig
from exporter.executors import Executor
from exporter.history.model import (
    CallResult,
    Direction,
    Figures,
    GatewaySteps,
    KeptCall,
    Outage,
    Sample,
    Span,
)
from exporter.watch.changes import Change

FILE_NAME: Final = "history.sqlite"
KINDS: Final = ("outage", "change", "call", "hour")
"""The words of `freeswitch_exporter_history_rows`."""


class StoreUnavailable(Exception):
    """The history cannot be read; the message says why."""


class Subject(NamedTuple):
    """Whose figures: a gateway."""

    node: str
    gateway: str
    profile: str


class PutHour(NamedTuple):
    """Add figures to the hour that begins at the epoch `at`, and to its day (UTC)."""

    subject: Subject
    at: float
    figures: Figures


class PutSample(NamedTuple):
    """Keep a sample; one of the same subject and time is replaced."""

    subject: Subject
    sample: Sample


class PutSpan(NamedTuple):
    """A node was watched; a span that touches or overlaps the node's last one extends it."""

    node: str
    span: Span


class Rename(NamedTuple):
    """A gateway known without its profile got one: what is kept under the old subject moves to the new."""

    old: Subject
    new: Subject


Entry = Outage | Change | KeptCall | PutHour | PutSample | PutSpan | Rename
"""What can be written. An outage replaces the one of the same id."""


class Store:
    """The history.

    Args:
        path: the file; None keeps 24 hours in memory.
        config: how long and how much is kept; `configure` replaces it.
        clock: the time.
        executor: for sqlite; has one thread.

    Attributes:
        persistent: it outlives the process.
        problem: why it cannot be read or written; empty while it can.
        rows: how many there are of each of KINDS, as of the last look.
        dropped: entries that were given up because too many waited.
    """

    def __init__(self, path: Path | None, config: HistoryConfig, clock: Clock, executor: Executor) -> None:
        self.persistent = path is not None
        self.problem = ""
        self.rows: Mapping[str, int] = dict.fromkeys(KINDS, 0)
        self.dropped = 0

    def configure(self, config: HistoryConfig) -> None:
        """Put another config in force."""

    async def open(self) -> None:
        """Open or make the file. Where that fails, `problem` says why, and `flush` tries again."""

    async def close(self) -> None:
        """Write what waits, and close. Takes 2 s at most."""

    def put(self, entry: Entry) -> None:
        """Have an entry written with the next `flush`; never waits, never raises."""

    async def flush(self) -> None:
        """Write what waits, in one transaction; raises nothing, `problem` says what is wrong."""

    # Questions: each sees what was flushed before. They raise StoreUnavailable.

    async def outages(
        self,
        *,
        since: float,
        until: float,
        node: str | None = None,
        gateway: str | None = None,
        profile: str | None = None,
        before: float | None = None,
        limit: int = 100,
    ) -> list[Outage]:
        """Outages that overlap the time, newest first by their beginning; `before`: begun earlier than that."""
        raise NotImplementedError

    async def open_outages(self) -> list[Outage]:
        """Those without an end, oldest first."""
        raise NotImplementedError

    async def changes(
        self,
        *,
        since: float,
        until: float,
        node: str | None = None,
        before: float | None = None,
        limit: int = 100,
    ) -> list[Change]:
        """Changes, newest first; with `node`, those of the exporter itself too."""
        raise NotImplementedError

    async def calls(
        self,
        *,
        since: float,
        until: float,
        result: CallResult | None = None,
        node: str | None = None,
        gateway: str | None = None,
        direction: Direction | None = None,
        before: float | None = None,
        limit: int = 50,
    ) -> list[KeptCall]:
        """Kept calls, newest first."""
        raise NotImplementedError

    async def steps(
        self,
        step: Literal["1h", "1d"],
        *,
        since: float,
        until: float,
        node: str | None = None,
        gateway: str | None = None,
        profile: str | None = None,
    ) -> list[GatewaySteps]:
        """Figures by the hour or day, of every gateway that has any, by node, gateway and profile."""
        raise NotImplementedError

    async def samples(self, subject: Subject, since: float) -> list[Sample]:
        """The samples of a gateway, oldest first."""
        raise NotImplementedError

    async def spans(self, node: str, *, since: float, until: float) -> list[Span]:
        """When a node was watched, oldest first."""
        raise NotImplementedError

    async def watched_since(self) -> float | None:
        """The beginning of the oldest span kept; None if there is none."""
        raise NotImplementedError
