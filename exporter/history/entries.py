"""What can be written to the history, and what waits to be.

Entries wait in memory until the next batch. What can be added up or replaces what waits already takes no
room of its own: a disk that is full for a night costs one entry per gateway and hour. Beyond MAX_WAITING
entries, figures and calls are given up; outages, changes and the rest have room of their own.
"""

from collections.abc import Hashable, Iterable
from typing import Final, NamedTuple

from exporter.history.model import STRANGERS_KEPT, Figures, KeptCall, Outage, Sample, Span
from exporter.watch.changes import Change
from exporter.watch.top_addresses import Frequent

MAX_WAITING: Final = 20_000
ROOM: Final = 5_000  # more, for what is rare and matters most


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
    """Keep a sample; one of the same subject and five minutes (of the epoch) is replaced."""

    subject: Subject
    sample: Sample


class PutSpan(NamedTuple):
    """A node was watched; a span that touches or overlaps the node's last one extends it."""

    node: str
    span: Span


class PutStrangers(NamedTuple):
    """Add what strangers did in the hour that begins at the epoch `at`, by their addresses."""

    node: str
    at: float
    came: tuple[Frequent, ...]


class Rename(NamedTuple):
    """A gateway known without its profile got one: what is kept under the old subject moves to the new."""

    old: Subject
    new: Subject


Entry = Outage | Change | KeptCall | PutHour | PutSample | PutSpan | PutStrangers | Rename
"""What can be written. An outage replaces the one of the same id."""


class Waiting:
    """The entries that wait, in their order.

    Attributes:
        dropped: how many were given up.
    """

    def __init__(self) -> None:
        self.dropped = 0
        self._entries: dict[Hashable, Entry] = {}
        self._taken: list[Entry] = []
        self._count = 0

    def __bool__(self) -> bool:
        return bool(self._entries)

    def put(self, entry: Entry) -> None:
        """Add one; it is given up if there is no room."""
        key = _key(entry)
        earlier = self._entries.get(key)
        if isinstance(entry, PutHour):
            added = earlier.figures if isinstance(earlier, PutHour) else Figures()
            entry = entry._replace(figures=_sum(added, entry.figures))  # a copy: the caller's may change
        elif isinstance(entry, PutStrangers) and isinstance(earlier, PutStrangers):
            entry = entry._replace(came=_joined(earlier.came, entry.came))
        elif isinstance(entry, PutSpan) and isinstance(earlier, PutSpan):
            if touch(earlier.span, entry.span):
                entry = PutSpan(entry.node, joined(earlier.span, entry.span))
            else:
                self._entries[self._own()] = self._entries.pop(key)
                earlier = None
        elif key is None:
            key = self._own()
        if earlier is None and len(self._entries) + len(self._taken) >= _room(entry):
            self.dropped += 1
        else:
            self._entries[key] = entry

    def take(self) -> list[Entry]:
        """All that wait. They keep their room until `written` or `give_back`."""
        self._taken = list(self._entries.values())
        self._entries = {}
        return self._taken

    def written(self, refused: int) -> None:
        """What was taken is in the file, but for so many that sqlite does not accept."""
        self._taken = []
        self.dropped += refused

    def give_back(self) -> None:
        """What was taken could not be written, and waits again, before what came since."""
        newer, self._entries = self._entries, {}
        older, self._taken = self._taken, []
        self._put_all(older)
        self._put_all(newer.values())

    def _put_all(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.put(entry)

    def _own(self) -> int:
        """A key of an entry that nothing replaces."""
        self._count += 1
        return self._count


def touch(one: Span, other: Span) -> bool:
    """Whether they touch or overlap."""
    return one.began <= other.ended and other.began <= one.ended


def joined(one: Span, other: Span) -> Span:
    """The span of two that touch or overlap."""
    return Span(min(one.began, other.began), max(one.ended, other.ended))


def _key(entry: Entry) -> Hashable:
    """What a later entry with the same key is merged into; None: nothing is."""
    match entry:
        case Outage():
            return "outage", entry.id
        case PutHour():
            return "hour", entry.subject, entry.at
        case PutSample():
            return "sample", entry.subject, entry.sample.at
        case PutSpan():
            return "span", entry.node
        case PutStrangers():
            return "strangers", entry.node, entry.at
    return None


def _room(entry: Entry) -> int:
    return (
        MAX_WAITING
        if isinstance(entry, KeptCall | PutHour | PutSample | PutStrangers)
        else MAX_WAITING + ROOM
    )


def _joined(one: Iterable[Frequent], other: Iterable[Frequent]) -> tuple[Frequent, ...]:
    times: dict[str, int] = {}
    for address, count in (*one, *other):
        times[address] = times.get(address, 0) + count
    most = sorted(times.items(), key=lambda item: (-item[1], item[0]))[:STRANGERS_KEPT]
    return tuple(Frequent(*item) for item in most)


def _sum(one: Figures, other: Figures) -> Figures:
    return Figures(
        watched=one.watched + other.watched,
        usable=one.usable + other.usable,
        outages=one.outages + other.outages,
        calls=one.calls + other.calls,
        failed=one.failed + other.failed,
    )
