"""The log: one pipeline for the exporter's lines and the libraries', safe for text from strangers.

Every line passes the same steps: drop what repeats too often, mask secrets, escape control characters, cut
long values, render for people (a terminal) or for collectors (JSON). Values keep their types: in JSON a
number is a number, a list a list. A thread of its own with a bounded queue writes the lines, because a log
pipe that is not read must not hold up the event loop: a stalled reader of events can freeze FreeSWITCH.

    log = structlog.get_logger(__name__)
    log.warning("gateway list unreadable", node=node.name, reason=text)

The logger's name becomes the key `logger`. The event is made of fixed words: at most `BURST` lines of one
event, logger and level about one subject (`SUBJECTS`) are written in `INTERVAL` seconds; the next line after
that says how many were `suppressed`. Where lines differ in something else that matters, `limit` names what is
counted in place of that, and is not printed:

    log.warning("config", limit=("config", warning), warning=warning)

A caller that limits its lines itself passes `limit=UNLIMITED`.

`limit` is made of fixed words and configured names, never of text from the network. Such text belongs in a
value, and no value ever becomes a key.
"""

import atexit
import contextlib
import functools
import logging
import math
import os
import queue
import re
import sys
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from itertools import islice
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

UNLIMITED = "unlimited"  # the `limit` of lines that their caller limits
MASK = "<secret>"  # what is written in place of a secret
BURST = 5
INTERVAL = 60.0
# Keys whose values are configured names: lines about another one have a limit of their own.
SUBJECTS = ("node", "gateway", "profile", "probe")
MAX_VALUE = 500  # characters of one value
MAX_ITEMS = 50  # of one list or mapping
MAX_DEPTH = 3  # lists and mappings inside each other; what is deeper is text
MAX_TRACEBACK = 8000
UNNAMED = "exporter"  # the logger of lines whose logger has no name
# So far secrets are searched: past what is shown, lest a cut one show its beginning, however many are masked.
_MAX_LOOKED_AT = 100_000
_MAX_LIMITS = 1000  # names the rate limit remembers
_MAX_QUEUED = 1000  # lines waiting to be written
# Shorter secrets are masked only where they are the complete value: masking every "a" would leave no log.
_MIN_MASKED_WITHIN = 4


def configure(
    level: str,
    form: str,
    secrets: Iterable[str],
    monotonic: Callable[[], float],
    stream: TextIO | None = None,
) -> "Writer":
    """Send the log of this process, the libraries' included, to a stream. May be called again.

    What has been counted of repeated lines goes on, so that repeated calls let no more through.

    Args:
        level: the lowest that is written: debug, info, warning or error.
        form: json, console, or auto: console on a terminal, else json.
        secrets: what is masked.
        monotonic: seconds that never go back, for the limit of repeated lines.
        stream: one of the operating system's, with a file number; by default standard error.
    """
    stream = stream or sys.stderr
    writer = _writer(stream.fileno())
    console = form == "console" or (form == "auto" and stream.isatty())
    renderer: Processor
    if console:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *names: _Named(writer, *names),
        processors=[
            structlog.processors.add_log_level,
            _add_name,
            _rate_limit() or RateLimit(monotonic),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Cleaner(secrets),
            writer.note_dropped,
            renderer,
        ],
    )
    logging.basicConfig(handlers=[_Bridge()], level=level.upper(), force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL)  # one line per scrape is of no use
    return writer


class Writer:
    """Writes lines to an open file from a thread of its own; a line that finds the queue full is dropped."""

    def __init__(self, fileno: int) -> None:
        self._fileno = fileno
        self._lines: queue.Queue[str | threading.Event] = queue.Queue(_MAX_QUEUED)
        self._dropped = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()
        atexit.register(self.flush)

    def msg(self, line: str) -> None:
        """Queue one line; never wait."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    def note_dropped(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Processor: report lines lost to a full queue, once it has room again."""
        if self._dropped and not self._lines.full():
            event["lines_dropped"], self._dropped = self._dropped, 0
        return event

    def flush(self, timeout: float = 1.0) -> None:
        """Wait until all queued lines are written, at most `timeout` seconds."""
        written = threading.Event()
        with contextlib.suppress(queue.Full):
            self._lines.put(written, timeout=timeout)
            written.wait(timeout)

    def _write(self) -> None:
        while True:
            line = self._lines.get()
            if isinstance(line, threading.Event):
                line.set()
                continue
            rest = memoryview((line + "\n").encode(errors="backslashreplace"))
            # A closed pipe or a full disk does not stop the exporter. Python's own buffer is not used: its
            # lock, held by a thread that hangs in a write, would abort the process as it exits.
            with contextlib.suppress(OSError):
                while rest:
                    rest = rest[os.write(self._fileno, rest) :]


@functools.cache
def _writer(fileno: int) -> Writer:
    return Writer(fileno)


class _Named:
    """What structlog calls with a finished line: the writer, by the name of a logger."""

    def __init__(self, writer: Writer, name: str = UNNAMED) -> None:
        self.name = name
        self.debug = self.info = self.warning = self.error = self.critical = writer.msg


def _add_name(logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Processor: the key `logger`."""
    event["logger"] = logger.name
    return event


class RateLimit:
    """Processor: lets at most `BURST` lines of one kind through in `INTERVAL` seconds.

    Args:
        monotonic: seconds that never go back.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._windows: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()  # kind -> (start, lines)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The event, or DropEvent."""
        kind: Hashable = event.pop("limit", None) or _kind(event)
        if kind == UNLIMITED:
            return event
        now = self._monotonic()
        start, lines = self._windows.get(kind, (now, 0))
        if now - start >= INTERVAL:
            if lines > BURST:
                event["suppressed"] = lines - BURST
            start, lines = now, 0
        self._windows[kind] = (start, lines + 1)
        self._windows.move_to_end(kind)
        if len(self._windows) > _MAX_LIMITS:
            self._windows.popitem(last=False)
        if lines >= BURST:
            raise structlog.DropEvent
        return event


def _rate_limit() -> RateLimit | None:
    """The one in use."""
    used = structlog.get_config()["processors"]
    return next((processor for processor in used if isinstance(processor, RateLimit)), None)


def _kind(event: EventDict) -> Hashable:
    """What lines are counted together by: logger, level, event and subject."""
    return tuple(str(event.get(key, "")) for key in ("logger", "level", "event", *SUBJECTS))


class Cleaner:
    """Processor: makes every value bounded, printable and free of known secrets, whoever it came from.

    Args:
        secrets: what is masked.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        values = sorted({secret for secret in secrets if secret}, key=len, reverse=True)
        within = "|".join(re.escape(value) for value in values if len(value) >= _MIN_MASKED_WITHIN)
        self._within = re.compile(within) if within else None
        self._complete = frozenset(values)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """The event with clean values, in the order in which they are printed."""
        first = {key: event.pop(key) for key in ("timestamp", "level", "event", "logger") if key in event}
        trace = event.pop("exception", None)
        cleaned: EventDict = {key: self._clean(value) for key, value in {**first, **event}.items()}
        if trace is not None:
            lines = self._masked(str(trace))[-MAX_TRACEBACK:].split("\n")
            cleaned["exception"] = "\n".join(escape(line) for line in lines)
        return cleaned

    def _clean(self, value: object, depth: int = 0) -> object:
        """`value` with its type, as far as JSON has it; anything else as text."""
        if value is None or isinstance(value, bool | int):
            return value
        if isinstance(value, float) and math.isfinite(value):
            return value
        if depth < MAX_DEPTH and isinstance(value, Mapping):
            pairs = {
                self._text(key): self._clean(item, depth + 1)
                for key, item in islice(value.items(), MAX_ITEMS)
            }
            return pairs if len(value) <= MAX_ITEMS else {**pairs, "...": len(value) - MAX_ITEMS}
        if depth < MAX_DEPTH and isinstance(value, list | tuple | set | frozenset):
            items = [self._clean(item, depth + 1) for item in islice(value, MAX_ITEMS)]
            return items if len(value) <= MAX_ITEMS else [*items, f"... {len(value) - MAX_ITEMS} more"]
        return self._text(value)

    def _text(self, value: object) -> str:
        text = escape(self._masked(str(value)[:_MAX_LOOKED_AT]))
        return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}..."

    def _masked(self, text: str) -> str:
        if text in self._complete:
            return MASK
        return self._within.sub(MASK, text) if self._within else text


def escape(text: str) -> str:
    """`text` with unprintable characters (controls, line ends, direction marks) as backslash escapes."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


class _Bridge(logging.Handler):
    """Sends the standard library's log records (asyncio, aiohttp) down the same pipeline."""

    def emit(self, record: logging.LogRecord) -> None:
        """Log the record; its text is not of fixed words, so its place in the source is what is limited."""
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.ERROR)
        structlog.get_logger(record.name).log(
            level, record.getMessage(), exc_info=record.exc_info, limit=(record.name, record.lineno)
        )
