"""An event of which dozens of headers are wanted: all are read at once.

Strategy: a look-up in the unparsed text (exporter.esl.event) costs little, and forty of them cost three times
what parsing the whole text does. The answers must be the same, so the parsed headers are used only where they
can be: every value a text and no header twice, but for Hangup-Cause, which each HANGUP_COMPLETE has twice.
Anything else (plain text, bytes that are not UTF-8, control characters, a nested value) is looked up.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from exporter.esl import Event

_TWICE: Final = "Hangup-Cause"
_TWICE_KEY: Final = b'"Hangup-Cause":"'
_MAX_DIGITS: Final = 20


def read_whole(event: Event) -> Event:
    """The event with its headers parsed, or the event itself where that would not answer the same."""
    text = event.text
    try:
        headers = msgspec.json.decode(text)
    except (ValueError, RecursionError):
        return event
    if not isinstance(headers, dict):
        return event
    texts = list(map(type, headers.values())).count(str)
    if texts + max(text.count(_TWICE_KEY) - 1, 0) != text.count(b'":"'):
        return event
    headers[_TWICE] = event.get(_TWICE.encode())
    return _WholeEvent(text, headers)


class _WholeEvent(Event):
    """An event that looks headers up in a table."""

    __slots__ = ("_headers",)

    def __init__(self, text: bytes, headers: Mapping[str, object]) -> None:
        super().__init__(text)
        self._headers = headers

    def get(self, header: bytes) -> str | None:
        value = self._headers.get(header.decode())
        return value if isinstance(value, str) else None

    def get_int(self, header: bytes) -> int | None:
        value = self.get(header)
        if value is None or len(value) > _MAX_DIGITS or not value.isascii():
            return None
        if value.isdigit():
            return int(value)
        return -int(value[1:]) if value.startswith("-") and value[1:].isdigit() else None
