"""FreeSWITCH's log as it comes: counted by level, read for what no event tells, its last lines kept.

Every line counts by its level. Of each second the first SAMPLED lines are read: what they tell is counted
(switch.log_event) and handed on, and the last KEPT of each kind are kept for the diagnosis. More than that is
a flood: an attack on a profile with log-auth-failures writes 400 lines a second and more, all alike, and a
line costs as much to read as an event.

How late lines come is known by their dates, up to what is constant: the local time of FreeSWITCH. So it is
late by what has come on top since the connection was opened. One line of each second is looked at.

For the diagnosis lines are counted by source file in two halves of RECENT seconds, so that "recently" means
between one half and all of it, whoever asks when.
"""

import re
from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, NamedTuple

from exporter.clock import Clock
from exporter.esl.errors import quoted
from exporter.switch.log_event import ERROR_EVENTS, LOG_EVENTS, LogEvent, log_event
from exporter.switch.log_line import (
    LOG_LEVELS,
    LogLine,
    log_level,
    parse_log_line,
    without_passwords,
    written_at,
)

if TYPE_CHECKING:
    from exporter.config import LogStream

SAMPLED: Final = 400  # lines of each second that are read
RECENT: Final = 600.0  # seconds
KEPT: Final = 50  # lines at ERR or above, and as many warnings
_WORD: Final = re.compile(r"[\w.-]+")
MAX_FILES: Final = 50  # source files with a count of their own; any other is `other`


class LogEntry(NamedTuple):
    """One line of FreeSWITCH's log. `gateway`: the watched one it names, or empty. `error`: ERR or above."""

    gateway: str
    error: bool
    text: str


@dataclass(frozen=True, slots=True)
class LogSeen:
    """What FreeSWITCH logged recently.

    Attributes:
        seconds: how far back that is.
        errors, warnings: source file to how many lines at ERR or above, and at WARNING.
        lines: the latest of both, passwords masked.
        events: what the lines told, and how often.
        unread: lines that came too fast, and are in no other figure here. fastest: most lines in a second.
        closed_because: why the log is not read now; empty while it is.
        refused: because the event socket user may not. behind: because it was read too slowly.
    """

    seconds: float
    errors: Mapping[str, int] = field(default_factory=dict)
    warnings: Mapping[str, int] = field(default_factory=dict)
    lines: tuple[LogEntry, ...] = ()
    events: Mapping[str, int] = field(default_factory=dict)
    unread: int = 0
    fastest: int = 0
    closed_because: str = ""
    refused: bool = False
    behind: bool = False


class LogLines:
    """The log of one node.

    Args:
        clock: the time.
        on_event: called with what a line tells.

    Attributes:
        stream: down to which level the log is asked for.
        lines: by the level's word. events: by the words of LOG_EVENTS. Both have what can come at `stream`,
            and nothing before the first connection that gave the log.
        read: whether the log is read; None where it is not asked for, not yet, or refused.
        closed_because, refused, behind: as in LogSeen.
    """

    def __init__(self, clock: Clock, on_event: Callable[[LogEvent], None]) -> None:
        self.stream: LogStream = "off"
        self.lines: dict[str, int] = {}
        self.events: dict[str, int] = {}
        self.read: bool | None = None
        self.on_not_asked("not opened yet")
        self._clock = clock
        self._on_event = on_event
        self._half = self._half_before = _Half(clock.monotonic())
        self._kept = {True: deque[_Kept](maxlen=KEPT), False: deque[_Kept](maxlen=KEPT)}
        self._second = 0.0
        self._of_second = 0
        self._late: float | None = None
        self._least = float("inf")

    def on_opened(self) -> None:
        """A connection gives the log."""
        self._late, self._least = None, float("inf")
        self.read = True
        self.closed_because, self.refused, self.behind = "", False, False
        errors_only = self.stream == "error"
        for level in LOG_LEVELS[:-1] if errors_only else LOG_LEVELS:
            self.lines.setdefault(level, 0)
        for what in ERROR_EVENTS if errors_only else LOG_EVENTS:
            self.events.setdefault(what, 0)

    def on_closed(self, reason: str, *, refused: bool = False, behind: bool = False) -> None:
        """There is no connection for the log, though it is wanted."""
        self.read = None if refused else False
        self.closed_because, self.refused, self.behind = reason, refused, behind

    def on_not_asked(self, reason: str) -> None:
        """There is none, and none is missed."""
        self.read = None
        self.closed_because, self.refused, self.behind = reason, False, False

    def on_line(self, number: int, text: str) -> None:
        """A line of the log: FreeSWITCH's level, and the text. Quick, for there may be very many."""
        now = self._clock.monotonic()
        if now - self._second >= 1.0:
            self._second, self._of_second = now, 0
            self._turn(now)
            self._note_late(text)
        self._of_second += 1
        half = self._half
        half.fastest = max(half.fastest, self._of_second)
        if self._of_second > SAMPLED:
            if level := log_level(number):
                self.lines[level] = self.lines.get(level, 0) + 1
                half.unread += 1
            return
        line = parse_log_line(number, text)
        if line is None:
            return
        self.lines[line.level] = self.lines.get(line.level, 0) + 1
        self._kept[line.error].append(_Kept(now, line.text))
        half.add(line)
        event = log_event(line)
        if event is not None:
            if event.what:
                self.events[event.what] = self.events.get(event.what, 0) + 1
                half.events[event.what] = half.events.get(event.what, 0) + 1
            self._on_event(event)

    def take_late(self) -> float | None:
        """Seconds by which the latest line was later than the first; None if none came since a look."""
        late, self._late = self._late, None
        return late

    def _note_late(self, text: str) -> None:
        written = written_at(text)
        if written is not None:
            took = self._clock.epoch() - written
            self._least = min(self._least, took)
            self._late = took - self._least

    def seen(self, gateways: Iterable[str]) -> LogSeen:
        """The recent counts and lines, each line with the gateway of `gateways` that it names."""
        now = self._clock.monotonic()
        self._turn(now)
        halves = [self._half_before, self._half]
        if halves[0] is halves[1]:
            del halves[0]
        began = halves[0].began
        names = frozenset(gateways)
        lines: list[LogEntry] = []
        for error, kept in self._kept.items():
            recent = (quoted(without_passwords(one.text)) for one in kept if one.at >= began)
            lines += [LogEntry(first_named(text, names), error, text) for text in recent]
        return LogSeen(
            now - began,
            _sums(half.files[True] for half in halves),
            _sums(half.files[False] for half in halves),
            tuple(lines),
            _sums(half.events for half in halves),
            sum(half.unread for half in halves),
            max(half.fastest for half in halves),
            self.closed_because,
            self.refused,
            self.behind,
        )

    def _turn(self, now: float) -> None:
        """Begin another half of the time that is recent, if this one is over."""
        length = RECENT / 2
        over = (now - self._half.began) // length
        if over:
            began = self._half.began + over * length
            self._half_before = self._half if over == 1 else _Half(began - length)
            self._half = _Half(began)


class _Kept(NamedTuple):
    at: float
    text: str


class _Half:
    """What came in one half of the time that is recent."""

    def __init__(self, began: float) -> None:
        self.began = began
        self.files: dict[bool, dict[str, int]] = {True: {}, False: {}}
        self.events: dict[str, int] = {}
        self.unread = 0
        self.fastest = 0

    def add(self, line: LogLine) -> None:
        files = self.files[line.error]
        file = line.file or "other"
        if file not in files and len(files) >= MAX_FILES:
            file = "other"
        files[file] = files.get(file, 0) + 1


def first_named(text: str, names: Container[str]) -> str:
    """The first of these names in a text, there the longest; empty if none is.

    A name is made of letters, digits and `_.-`, and ends with its word or before a dot, as of a text. Each
    word is cut at its dots, so that the time does not depend on the names, which FreeSWITCH's config chooses.
    """
    for found in _WORD.finditer(text):
        word = found[0]
        end = len(word)
        while end > 0:
            if word[:end] in names:
                return word[:end]
            end = word.rfind(".", 0, end)
    return ""


def _sums(counts: Iterable[Mapping[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for one in counts:
        for name, count in one.items():
            total[name] = total.get(name, 0) + count
    return total
