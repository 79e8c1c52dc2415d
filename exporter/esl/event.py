"""One event: its text is kept as received, and a header is looked up when a caller asks for it.

Strategy: a channel event has 80 to 230 headers of which a dozen matter, so none is parsed in advance. A
look-up searches for the header's name with the characters around it, which no value can contain: in JSON a
quote inside a value is escaped and no value is followed by a colon, in plain text a newline inside a value
is percent-encoded. Only a body (BACKGROUND_JOB) is free text, and look-ups stop before it.

Both encodings are read, told apart by the first byte. The exporter subscribes to JSON: with selective
look-up it costs the same, and it is exact, while plain text is not (a literal `%41` arrives as `A`,
switch_utils.c: switch_url_encode). Where FreeSWITCH sends a header twice, the first counts. A list of values
(a JSON array, `ARRAY::` in plain) counts as absent. Bytes that are not UTF-8 become U+FFFD.
"""

import json
import math
from typing import Final
from urllib.parse import unquote_to_bytes

_JSON: Final = json.JSONDecoder(strict=False)  # a bare control character is invalid JSON, but readable
_ARRAY: Final = "ARRAY::"
_MAX_DIGITS: Final = 20  # of a 64-bit number with its sign
_BACKSLASH: Final = ord("\\")


class _Keys(dict[bytes, bytes]):
    """What precedes a header's value, by the header's name; made when first used."""

    def __init__(self, before: bytes, after: bytes) -> None:
        super().__init__()
        self._before = before
        self._after = after

    def __missing__(self, header: bytes) -> bytes:
        key = self[header] = self._before + header + self._after
        return key


_NAME_FIRST: Final = b'{"Event-Name":"'
# Looked up, so that the hot path does not decode the same few names again and again.
_NAMES: Final = {
    name.encode(): name
    for name in (
        "HEARTBEAT",
        "CHANNEL_CREATE",
        "CHANNEL_PROGRESS",
        "CHANNEL_PROGRESS_MEDIA",
        "CHANNEL_ANSWER",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_DESTROY",
        "BACKGROUND_JOB",
    )
}
_JSON_KEYS: Final = _Keys(b'"', b'":"')
_LATE_KEYS: Final = _Keys(b',"', b'":"')
_PLAIN_KEYS: Final = _Keys(b"\n", b": ")


class Event:
    """An event as received.

    Args:
        text: the body of a `text/event-json` or `text/event-plain` frame.
    """

    __slots__ = ("_end", "_json", "_timestamp", "text")

    def __init__(self, text: bytes) -> None:
        self.text = text
        self._json = text.startswith(b"{")
        self._end: int | None = None
        self._timestamp: float | None = None

    @property
    def name(self) -> str:
        """`Event-Name`, or the empty string."""
        text = self.text
        if text.startswith(_NAME_FIRST):  # as every event but CUSTOM begins
            end = text.find(b'"', len(_NAME_FIRST))
            name = _NAMES.get(text[len(_NAME_FIRST) : end])
            if name is not None:
                return name
        return self.get(b"Event-Name") or ""

    @property
    def subclass(self) -> str:
        """`Event-Subclass` of a CUSTOM event, else the empty string."""
        return self.get(b"Event-Subclass") or ""

    @property
    def timestamp(self) -> float:
        """When FreeSWITCH made the event, seconds since the epoch by its own clock; 0.0 if absent.

        That clock advances in steps of 20 ms by default (switch_time.c).
        """
        if self._timestamp is None:
            self._timestamp = (self.get_int(b"Event-Date-Timestamp") or 0) / 1e6
        return self._timestamp

    def get(self, header: bytes) -> str | None:
        """The header's value, decoded; None if it is absent. Header names are case sensitive."""
        raw = self._raw(header)
        if raw is None:
            return None
        if self._json:
            return raw.decode("utf-8", "replace") if b"\\" not in raw else self._unescaped(header)
        value = (unquote_to_bytes(raw) if b"%" in raw else raw).decode("utf-8", "replace")
        return None if value.startswith(_ARRAY) else value

    def get_late(self, header: bytes) -> str | None:
        """As `get`, in a third of the time for a header that stands late in a long event.

        Where FreeSWITCH sends it twice, the last counts.
        """
        text = self.text
        if self._json:
            key = _LATE_KEYS[header]
            start = text.rfind(key)
            if start < 0:
                return None  # the first header of all is never late
            start += len(key)
            end = text.find(b'"', start)
            raw = text[start:end]
            if end < 0:
                return None
            return raw.decode("utf-8", "replace") if b"\\" not in raw else self.get(header)
        start = text.rfind(_PLAIN_KEYS[header], 0, self._plain_end())
        return Event(text[start + 1 :]).get(header) if start >= 0 else None

    def get_int(self, header: bytes) -> int | None:
        """The header as a whole number of at most 64 bits' digits; None if absent or not one."""
        raw = self._raw(header)
        if raw is None or len(raw) > _MAX_DIGITS:
            return None
        if raw.isdigit():
            return int(raw)
        return -int(raw[1:]) if raw.startswith(b"-") and raw[1:].isdigit() else None

    def get_float(self, header: bytes) -> float | None:
        """The header as a finite number; None if absent or not one."""
        value = self.get(header)
        if value is None or "_" in value:  # Python's own notation, not FreeSWITCH's
            return None
        try:
            number = float(value)
        except ValueError:
            return None
        return number if math.isfinite(number) else None

    def after(self, header: bytes) -> "Event | None":
        """The event from its last header of that name on, None if there is none.

        Look-ups in it are cheap: FreeSWITCH writes some groups of headers (`variable_rtp_audio_*`) together
        at the end of a long event.
        """
        if self._json:
            start = self.text.rfind(b',"' + header + b'":"')
        else:
            start = self.text.rfind(b"\n" + header + b": ", 0, self._plain_end())
        if start < 0:
            return None
        part = Event(self.text[start if self._json else start + 1 :])
        part._json = self._json
        return part

    @property
    def body(self) -> str:
        """The event's body (a job's reply, for example); the empty string if it has none."""
        if self._json:
            return self.get(b"_body") or ""
        return self.text[self._plain_end() + 2 :].decode("utf-8", "replace")

    def _raw(self, header: bytes) -> bytes | None:
        """The header's value, still encoded; of a JSON value with a quote in it, the beginning."""
        text = self.text
        if self._json:
            key = _JSON_KEYS[header]
            start = text.find(key)
            if start > 0 and text[start - 1] == _BACKSLASH:
                start = _unforged(text, key)
            if start < 0:
                return None
            start += len(key)
            end = text.find(b'"', start)
            return text[start:end] if end >= 0 else None
        key = _PLAIN_KEYS[header]
        headers_end = self._plain_end()
        if text.startswith(key[1:]):  # the first header has no newline before it
            start = len(key) - 1
        else:
            start = text.find(key, 0, headers_end)
            if start < 0:
                return None
            start += len(key)
        end = text.find(b"\n", start, headers_end)
        return text[start : end if end >= 0 else headers_end]

    def _unescaped(self, header: bytes) -> str | None:
        """The header's value where JSON had to escape something in it."""
        key = _JSON_KEYS[header]
        start = _unforged(self.text, key) + len(key) - 1
        try:
            value = _JSON.raw_decode(self.text[start:].decode("utf-8", "replace"))[0]
        except ValueError:  # cut short, or escapes that are not JSON's
            return None
        return str(value).encode("utf-8", "replace").decode()  # half a surrogate pair could not be printed

    def _plain_end(self) -> int:
        """Where the headers end and the body, if there is one, begins after an empty line."""
        if self._end is None:
            end = self.text.find(b"\n\n")
            self._end = end if end >= 0 else len(self.text)
        return self._end


def _unforged(text: bytes, key: bytes) -> int:
    """Where the header is, -1 if nowhere. Inside a value or a longer name, an escaped quote precedes it."""
    start = text.find(key)
    while start > 0 and text[start - 1] == _BACKSLASH:
        start = text.find(key, start + 1)
    return start
