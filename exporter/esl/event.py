"""One event: its text kept as received, its headers looked up when somebody asks.

Strategy: a channel event has 80 to 230 headers of which a dozen matter, so none is parsed in advance. A
look-up is one search for the header's exact frame, which no value can forge: in JSON a quote inside a
value is escaped, in plain text a newline inside a value is percent-encoded. Only a body (BACKGROUND_JOB)
is free text, and look-ups stop before it.

Both encodings are read, told apart by the first byte. JSON is what we subscribe to: with selective
look-up it costs the same, and it is exact, while plain text is not (a literal `%41` arrives as `A`).
Where FreeSWITCH sends a header twice, the first counts. List values (`ARRAY::` in plain) count as absent.
"""

import json
from typing import Final
from urllib.parse import unquote

_OPEN_BRACE: Final = ord("{")
_BACKSLASH: Final = ord("\\")
_JSON_KEYS: dict[bytes, bytes] = {}
_PLAIN_KEYS: dict[bytes, bytes] = {}


class Event:
    """An event as received.

    Args:
        text: the body of a `text/event-json` or `text/event-plain` frame.
    """

    __slots__ = ("_end", "_json", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._json = text[:1] == b"{"
        self._end: int | None = None

    @property
    def name(self) -> str:
        """`Event-Name`, or the empty string."""
        return self.get(b"Event-Name") or ""

    @property
    def subclass(self) -> str:
        """`Event-Subclass` of a CUSTOM event, else the empty string."""
        return self.get(b"Event-Subclass") or ""

    @property
    def timestamp(self) -> float:
        """When FreeSWITCH made the event, seconds since the epoch by its own clock; 0.0 if it does not say.

        That clock advances in steps of 20 ms by default (switch_time.c).
        """
        stamp = self.get_int(b"Event-Date-Timestamp")
        return stamp / 1e6 if stamp else 0.0

    def get(self, header: bytes) -> str | None:
        """The header's value, decoded; None if it is absent. Header names are case sensitive."""
        return self._get_json(header) if self._json else self._get_plain(header)

    def get_int(self, header: bytes) -> int | None:
        """The header as a whole number; None if absent or not one."""
        value = self.get(header)
        if value is None:
            return None
        try:
            return int(value)
        except ValueError:
            return None

    def get_float(self, header: bytes) -> float | None:
        """The header as a finite number; None if absent or not one."""
        value = self.get(header)
        if value is None:
            return None
        try:
            number = float(value)
        except ValueError:
            return None
        return number if abs(number) != float("inf") and number == number else None

    @property
    def body(self) -> str:
        """The event's body (a job's reply, for example); the empty string if it has none."""
        if self._json:
            return self._get_json(b"_body") or ""
        end = self._plain_end()
        return self.text[end + 2 :].decode("utf-8", "replace")

    def _get_json(self, header: bytes) -> str | None:
        key = _JSON_KEYS.get(header)
        if key is None:
            key = _JSON_KEYS[header] = b'"' + header + b'":"'
        text = self.text
        start = text.find(key)
        if start < 0:
            return None
        start += len(key)
        end = text.find(b'"', start)
        while end > 0 and text[end - 1] == _BACKSLASH and _escaped(text, start, end):
            end = text.find(b'"', end + 1)
        if end < 0:
            return None
        raw = text[start:end]
        if b"\\" in raw:
            try:
                return str(json.loads(b'"' + raw + b'"', strict=False))
            except ValueError:
                return raw.decode("utf-8", "replace")
        return raw.decode("utf-8", "replace")

    def _get_plain(self, header: bytes) -> str | None:
        key = _PLAIN_KEYS.get(header)
        if key is None:
            key = _PLAIN_KEYS[header] = b"\n" + header + b": "
        text = self.text
        if text.startswith(key[1:]):  # the first header has no newline before it
            start = len(key) - 1
        else:
            start = text.find(key)
            if start < 0 or (self._has_body() and start > self._plain_end()):
                return None
            start += len(key)
        end = text.find(b"\n", start)
        raw = text[start:end] if end >= 0 else text[start:]
        if b"%" in raw:
            return unquote(raw.decode("utf-8", "replace"), errors="replace")
        return raw.decode("utf-8", "replace")

    def _has_body(self) -> bool:
        return not self.text.startswith(b"Event-Name: CHANNEL_")

    def _plain_end(self) -> int:
        if self._end is None:
            end = self.text.find(b"\n\n")
            self._end = end if end >= 0 else len(self.text)
        return self._end


def _escaped(text: bytes, start: int, quote: int) -> bool:
    """True if an odd number of backslashes stands before the quote."""
    count = 0
    while quote - 1 - count >= start and text[quote - 1 - count] == _BACKSLASH:
        count += 1
    return count % 2 == 1
