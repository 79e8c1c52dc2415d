"""The exporter's own event: what is sent with `sendevent CUSTOM`, and how it reads when it comes back.

FreeSWITCH adds its own headers, the stamp among them, and delivers the event to every subscriber: also to
other exporters, which tell it from their own by the token. A daemon's tick names the scheduled probes that it
can run now (watch/tick.py). Anyone with the event socket's password can send such an event, so what does not
have its form is not read.
"""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple, Self

from exporter.esl import Event

TICK_SUBCLASS: Final = "exporter::tick"
MAX_NAMES: Final = 200
_MAX_TEXT: Final = 4096  # characters of all names together
_TOKEN: Final = re.compile(r"[0-9a-f]{4}-[0-9a-f]{8}")
_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{1,100}")


class TickEvent(NamedTuple):
    """A tick that came back.

    Attributes:
        token: of the connection that sent it: the instance id of its exporter, a dash, eight hex digits.
        number: of the tick, from 1.
        stamp: when FreeSWITCH made the event, epoch seconds by its own clock; 0.0 if it does not say.
        probes: names of the scheduled probes that its exporter can run now.
    """

    token: str
    number: int
    stamp: float
    probes: frozenset[str] = frozenset()

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None without token and number."""
        token, number = event.get(b"Exporter-Instance"), event.get_int(b"Exporter-Tick")
        if not token or not _TOKEN.fullmatch(token) or number is None:
            return None
        return cls(token, number, event.timestamp, _names(event.get(b"Exporter-Probes") or ""))


def tick_headers(token: str, number: int, probes: Iterable[str] = ()) -> dict[str, str]:
    """The headers of a tick, for `sendevent CUSTOM`.

    Args:
        token: of the connection.
        number: of the tick.
        probes: the scheduled probes to name; what does not fit is left out.
    """
    headers = {"Event-Subclass": TICK_SUBCLASS, "Exporter-Instance": token, "Exporter-Tick": str(number)}
    names = [name for name in probes if _NAME.fullmatch(name)][:MAX_NAMES]
    while len(text := ",".join(names)) > _MAX_TEXT:
        names.pop()
    return headers | {"Exporter-Probes": text} if names else headers


def _names(text: str) -> frozenset[str]:
    if len(text) > _MAX_TEXT:
        return frozenset()
    names = text.split(",")
    if len(names) > MAX_NAMES or not all(_NAME.fullmatch(name) for name in names):
        return frozenset()
    return frozenset(names)
