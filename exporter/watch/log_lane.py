"""The connection on which a node's log is read: never above WARNING, and never in FreeSWITCH's way.

A busy switch logs thousands of lines a second, and a client of the log that stops reading ends in a frozen
event socket, for all clients (facts-more.md C). So the log has a connection of its own, asks for `log 4` at
most, is read as fast as it comes, and is closed when the exporter falls behind or its loop stands still
(`sever`). It is behind if at two looks, CHECK_EVERY apart, more than MAX_BACKLOG bytes are unread, or lines
that came since the look before are more than MAX_LATE seconds late: the kernel may hold far less than
MAX_BACKLOG, and the rest waits in FreeSWITCH, which has room for 100,000 lines. Late lines at one look are
what is left of a pause of the whole process. `fsctl loglevel` is never sent: as a question it switches
FreeSWITCH's logging off.

The lane opens after the node is connected and is lost with it; nothing else depends on it. After a loss or a
refusal it is opened again, FIRST_PAUSE seconds later, twice as long after each further failure, LAST_PAUSE at
most.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import structlog

from exporter.clock import Clock
from exporter.config import LogStream
from exporter.esl import Connection, Disconnected, EslError, FellBehind, PermissionDenied
from exporter.esl.errors import quoted
from exporter.watch.log_lines import LogLines

FIRST_PAUSE: Final = 1.0  # seconds
LAST_PAUSE: Final = 300.0
STABLE: Final = 60.0  # seconds after which a loss counts as the first
CHECK_EVERY: Final = 1.0
MAX_BACKLOG: Final = 1 << 20  # bytes: 3,000 lines
MAX_LATE: Final = 3.0  # seconds
COMMANDS: Final[Mapping[LogStream, str]] = {"warning": "log 4", "error": "log 3"}

log = structlog.get_logger(__name__)


class LogLane:
    """The log of one node, while `keep_open` runs.

    Args:
        node: its name, for the log.
        open_connection: opens a connection; is given what to call for each line.
        lines: where the lines go.
        clock: the time.
    """

    def __init__(
        self,
        node: str,
        open_connection: Callable[[Callable[[int, str], None]], Awaitable[Connection]],
        lines: LogLines,
        clock: Clock,
    ) -> None:
        self._node = node
        self._open_connection = open_connection
        self._lines = lines
        self._clock = clock
        self._connection: Connection | None = None
        self._changed = asyncio.Event()

    def read(self, stream: LogStream) -> None:
        """Read the log down to this level from now on."""
        if stream != self._lines.stream:
            self._lines.stream = stream
            self._changed.set()

    async def keep_open(self) -> None:
        """Have the log read, until cancelled; then the connection is closed."""
        failures = 0
        self._lines.on_not_asked("not opened yet")
        while True:
            self._changed.clear()
            if self._lines.stream == "off":
                self._lines.on_not_asked("log_stream is off")
                await self._changed.wait()
                continue
            began = self._clock.monotonic()
            try:
                await self._read_log()
            except EslError as error:
                failures = 0 if self._clock.monotonic() - began >= STABLE else failures
                self._on_loss(error)
                await self._unless_changed(min(LAST_PAUSE, FIRST_PAUSE * 2 ** min(failures, 10)))
                failures += 1
            else:
                failures = 0

    def sever(self) -> None:
        """Close the connection from another thread, while the event loop is stuck."""
        connection = self._connection
        if connection is not None:
            connection.sever()

    async def _read_log(self) -> None:
        """One connection; returns if another level is wanted.

        Raises:
            PermissionDenied: the account may not read the log.
            FellBehind: lines come faster than the exporter reads them.
            EslError: why the connection failed or ended.
        """
        command = COMMANDS[self._lines.stream]
        connection = await self._open_connection(self._lines.on_line)
        try:
            self._connection = connection
            reply = await connection.command(command)
            if reply.denied:
                raise PermissionDenied(f"FreeSWITCH answers `{command}` with {quoted(reply.text)}")
            if not reply.ok:
                raise Disconnected(f"FreeSWITCH answers `{command}` with {quoted(reply.text)}")
            self._lines.on_opened()
            await self._watch(connection)
        finally:
            self._connection = None
            if not self._lines.closed_because:
                self._lines.on_closed("the connection ended")
            connection.abort(Disconnected("the log is no longer read"))

    async def _watch(self, connection: Connection) -> None:
        behind = 0
        while not await self._unless_changed(CHECK_EVERY, connection.closed):
            if connection.closed.done():
                raise connection.closed.result()
            late = self._lines.take_late()
            if connection.backlog() > MAX_BACKLOG or (late is not None and late > MAX_LATE):
                behind += 1
            elif late is not None:
                behind = 0
            if behind > 1:
                raise FellBehind("FreeSWITCH's log comes faster than this exporter reads it")

    async def _unless_changed(self, seconds: float, *ends: "asyncio.Future[EslError]") -> bool:
        """Wait so long, or until one of `ends` is done, or another level is wanted; whether one is."""
        changed = asyncio.ensure_future(self._changed.wait())
        pause = asyncio.ensure_future(self._clock.sleep(seconds))
        awaited: set[asyncio.Future[Any]] = {changed, pause, *ends}
        try:
            await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)
            return changed.done()
        finally:
            changed.cancel()
            pause.cancel()

    def _on_loss(self, error: EslError) -> None:
        refused, behind = isinstance(error, PermissionDenied), isinstance(error, FellBehind)
        if not refused or not self._lines.refused:  # a refusal is told once
            line = "FreeSWITCH's log is not read"
            log.info(line, limit=(line, self._node), node=self._node, reason=str(error))
        self._lines.on_closed(str(error), refused=refused, behind=behind)
