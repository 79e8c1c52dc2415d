"""What FreeSWITCH logs while we look: `log warning` on a connection of its own, closed afterwards.

Lines are counted per source file and level; the latest few of each level are kept, and among them those about
a gateway of ours are marked. A busy switch may log thousands of lines a second, so counting is all that
happens in the reader, and the number of different files is bounded like everything else.
"""

import re
import time
from collections import deque
from collections.abc import Iterable
from typing import Final

from exporter.config import NodeConfig
from exporter.diagnosis.snapshot import LogLine, LogSeen
from exporter.esl import Connection, Disconnected, EslError, LookUp
from exporter.esl.errors import masked, quoted

_ERROR: Final = 3  # and below: CRIT, ALERT, and the console's own
_WARNING: Final = 4
_MAX_FILES: Final = 50
_KEPT: Final = 50
_SEARCHED: Final = 400  # characters of a line
# 2026-01-31 12:00:00.000000 98.50% [WARNING] sofia_reg.c:2551 text
_SOURCE: Final = re.compile(r"\[[A-Z]{2,10}\] ([\w.-]{1,60}):\d+ ", re.ASCII)


class LogTail:
    """The log of one node, from `open` to `close`."""

    def __init__(self) -> None:
        self._errors: dict[str, int] = {}
        self._warnings: dict[str, int] = {}
        self._lines = {True: deque[str](maxlen=_KEPT), False: deque[str](maxlen=_KEPT)}
        self._connection: Connection | None = None
        self._began = time.monotonic()

    async def open(self, config: NodeConfig, look_up: LookUp) -> str | None:
        """Begin to watch; None, or the reason why that cannot be."""
        try:
            self._connection = connection = await Connection.open(
                config.host,
                config.port,
                password=config.password.reveal(),
                user=config.user,
                look_up=look_up,
                on_log=self.on_line,
            )
            reply = await connection.command("log warning")
        except EslError as error:
            self.close()
            return str(error)
        if not reply.ok:
            self.close()
            return f"FreeSWITCH answered `log warning` with {quoted(reply.text)}"
        self._began = time.monotonic()
        return None

    def close(self) -> None:
        """End the connection."""
        if self._connection is not None:
            self._connection.abort(Disconnected("the log has been watched"))
            self._connection = None

    def on_line(self, level: int, line: str) -> None:
        """One line; level as FreeSWITCH numbers them (3 is ERROR, 4 WARNING)."""
        if level > _WARNING:
            return
        error = level <= _ERROR
        counts = self._errors if error else self._warnings
        found = _SOURCE.search(line[:_SEARCHED])
        file = found[1] if found else "other"
        if file not in counts and len(counts) >= _MAX_FILES:
            file = "other"
        counts[file] = counts.get(file, 0) + 1
        self._lines[error].append(masked(line)[:_SEARCHED])

    def seen(self, gateways: Iterable[str]) -> LogSeen:
        """What was logged so far; lines are marked with the gateway that they name."""
        names = sorted(gateways, key=len, reverse=True)
        pattern = (
            re.compile(r"(?<![\w.-])(" + "|".join(map(re.escape, names)) + r")(?![\w-])") if names else None
        )
        lines = []
        for error, kept in self._lines.items():
            for text in map(_text, kept):
                found = pattern.search(text) if pattern is not None else None
                lines.append(LogLine(found[1] if found else "", error, text))
        return LogSeen(time.monotonic() - self._began, dict(self._errors), dict(self._warnings), tuple(lines))


def _text(line: str) -> str:
    """The line without its date."""
    found = re.search(r"\[[A-Z]{2,10}\] ", line)
    return quoted(line[found.start() :] if found else line)
