"""The log: one pipeline for our lines and the libraries', safe to feed with text from strangers.

Every line passes the same steps: drop what repeats too often, mask secrets, escape control characters, cut
long values, render for people (a terminal) or for collectors (JSON). Whatever is written comes from a thread
of its own with a bounded queue, because a log pipe that nobody reads must not hold up the event loop: a
stalled reader of events can freeze FreeSWITCH itself.

    log = structlog.get_logger() log.warning("gateway list unreadable", limit=("gateway list unreadable",
    node.name), node=node.name, reason=text)

`limit` names the line for the rate limit and is not printed: at most `BURST` lines per name in `INTERVAL`
seconds, then silence; the next line that gets through says how many were `suppressed`. It is made of fixed
words and configured names, never of text from the network. Such text belongs in a value, and no value ever
becomes a key.
"""

import atexit
import contextlib
import functools
import logging
import os
import queue
import re
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import TextIO

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from exporter.config.model import LogConfig
from exporter.config.secret import MASK, Secret

BURST = 5
INTERVAL = 60.0
MAX_VALUE = 500  # characters of one value
MAX_TRACEBACK = 8000
_MAX_LOOKED_AT = 20_000  # so far secrets are searched: past what is shown, lest a cut one show its beginning
_MAX_LIMITS = 1000  # names the rate limit remembers
_MAX_QUEUED = 1000  # lines waiting to be written
# Shorter secrets are masked only where they are the whole value: masking every "a" would leave no log.
_MIN_MASKED_WITHIN = 4


def configure(config: LogConfig, secrets: Iterable[Secret] = (), stream: TextIO | None = None) -> "Writer":
    """Send the log of this process, the libraries' included, to `stream` (default: standard error).

    `stream` is one of the operating system's, with a file number. May be called again, as after a reload.
    """
    stream = stream or sys.stderr
    writer = _writer(stream.fileno())
    console = config.format == "console" or (config.format == "auto" and stream.isatty())
    renderer: Processor
    if console:
        renderer = structlog.dev.ConsoleRenderer(
            colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    else:
        renderer = structlog.processors.JSONRenderer()
    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(config.level),
        logger_factory=lambda *_: writer,
        processors=[
            structlog.processors.add_log_level,
            RateLimit(),
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            Cleaner(secrets),
            writer.note_dropped,
            renderer,
        ],
    )
    logging.basicConfig(handlers=[_Bridge()], level=config.level.upper(), force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.CRITICAL)  # a scrape is no news
    return writer


class Writer:
    """Writes lines to an open file from a thread of its own; what finds no room is dropped and counted."""

    def __init__(self, fileno: int) -> None:
        self._fileno = fileno
        self._lines: queue.Queue[str | threading.Event] = queue.Queue(_MAX_QUEUED)
        self._dropped = 0
        threading.Thread(target=self._write, name="log", daemon=True).start()
        atexit.register(self.flush)

    def msg(self, line: str) -> None:
        """Queue one line, without ever waiting."""
        try:
            self._lines.put_nowait(line)
        except queue.Full:
            self._dropped += 1

    # The names by which structlog calls it.
    debug = info = warning = error = critical = msg

    def note_dropped(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Processor: tell of lines lost to a full queue, once it has room again."""
        if self._dropped and not self._lines.full():
            event["lines_dropped"], self._dropped = self._dropped, 0
        return event

    def flush(self, timeout: float = 1.0) -> None:
        """Wait until all that was queued is written, at most `timeout` seconds."""
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
            # A closed pipe or a full disk is no reason to stop watching. Python's own buffer is passed by:
            # its lock, held by a thread that hangs in a write, would abort the process as it exits.
            with contextlib.suppress(OSError):
                while rest:
                    rest = rest[os.write(self._fileno, rest) :]


@functools.cache
def _writer(fileno: int) -> Writer:
    return Writer(fileno)


class RateLimit:
    """Processor: lets at most `BURST` lines of one `limit` through in `INTERVAL` seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._windows: OrderedDict[Hashable, tuple[float, int]] = OrderedDict()  # name -> (start, lines)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        name = event.pop("limit", None)
        if name is None:
            return event
        now = self._clock()
        start, lines = self._windows.get(name, (now, 0))
        if now - start >= INTERVAL:
            if lines > BURST:
                event["suppressed"] = lines - BURST
            start, lines = now, 0
        self._windows[name] = (start, lines + 1)
        self._windows.move_to_end(name)
        if len(self._windows) > _MAX_LIMITS:
            self._windows.popitem(last=False)
        if lines >= BURST:
            raise structlog.DropEvent
        return event


class Cleaner:
    """Processor: makes every value short, printable and free of known secrets, whoever it came from."""

    def __init__(self, secrets: Iterable[Secret] = ()) -> None:
        values = sorted({secret.reveal() for secret in secrets if secret.reveal()}, key=len, reverse=True)
        within = "|".join(re.escape(value) for value in values if len(value) >= _MIN_MASKED_WITHIN)
        self._within = re.compile(within) if within else None
        self._whole = frozenset(values)

    def __call__(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        first = {key: event.pop(key) for key in ("timestamp", "level", "event") if key in event}
        trace = event.pop("exception", None)
        cleaned: EventDict = {key: self._clean(value) for key, value in {**first, **event}.items()}
        if trace is not None:
            lines = self._masked(str(trace))[-MAX_TRACEBACK:].split("\n")
            cleaned["exception"] = "\n".join(escape(line) for line in lines)
        return cleaned

    def _clean(self, value: object) -> object:
        if value is None or isinstance(value, bool | int | float):
            return value
        text = escape(self._masked(str(value)[:_MAX_LOOKED_AT]))
        return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}..."

    def _masked(self, text: str) -> str:
        if text in self._whole:
            return MASK
        return self._within.sub(MASK, text) if self._within else text


def escape(text: str) -> str:
    """`text` with all that is not printable (controls, line ends, direction marks) as backslash escapes."""
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text
    )


class _Bridge(logging.Handler):
    """Sends the standard library's log records (asyncio, aiohttp) down the same pipeline."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(max(record.levelno // 10 * 10, logging.DEBUG), logging.ERROR)
        structlog.get_logger().log(
            level,
            record.getMessage(),
            logger=record.name,
            exc_info=record.exc_info,
            limit=(record.name, record.lineno),
        )
