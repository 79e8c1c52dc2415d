"""The client's side of the wire: bytes cut into commands.

A command is a line, header lines, a blank line, and a body where a Content-Length promises one. Line ends may
be \\n or \\r\\n.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a client.

    Attributes:
        line: its first line.
        headers: the lines after it.
        body: what Content-Length announced.
    """

    line: str
    headers: list[tuple[str, str]]
    body: str

    @property
    def word(self) -> str:
        """The first word of the line, in lower case."""
        return self.line.partition(" ")[0].lower()

    @property
    def rest(self) -> str:
        """The line without its first word."""
        return self.line.partition(" ")[2]

    def header(self, name: str) -> str:
        """The value of a header in any case of letters, "" for none."""
        return next((value for key, value in self.headers if key.lower() == name), "")


class CommandBuffer:
    """Collects bytes and hands out complete commands."""

    def __init__(self) -> None:
        self._data = b""

    @property
    def holds_part(self) -> bool:
        """Part of a command has arrived."""
        return bool(self._data)

    def feed(self, data: bytes) -> None:
        """Bytes have arrived."""
        self._data += data

    def next_command(self) -> Command | None:
        """The first complete command, None if there is none yet."""
        if not self._data:
            return None
        self._data = self._data.lstrip(b"\r\n")
        end = re.search(rb"\r?\n\r?\n", self._data)
        if end is None:
            return None
        head = self._data[: end.start()].decode("utf-8", "surrogateescape")
        line, *rest = head.replace("\r", "").split("\n")
        headers = [(name, value.strip()) for name, colon, value in (r.partition(":") for r in rest) if colon]
        length = next((int(v) for n, v in headers if n.lower() == "content-length" and v.isdigit()), 0)
        stop = end.end() + length
        if len(self._data) < stop:
            return None
        body = self._data[end.end() : stop].decode("utf-8", "surrogateescape")
        self._data = self._data[stop:]
        return Command(line, headers, body)
