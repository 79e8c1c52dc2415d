"""The exporter's own event: what is sent with `sendevent CUSTOM`, and how it reads when it comes back.

FreeSWITCH adds its own headers, the stamp among them, and delivers the event to every subscriber: also to
other exporters, which tell it from their own by the token.
"""

from typing import Final, NamedTuple, Self

from exporter.esl import Event

TICK_SUBCLASS: Final = "exporter::tick"


class TickEvent(NamedTuple):
    """A tick that came back.

    Attributes:
        token: of the connection that sent it.
        number: of the tick, from 1.
        stamp: when FreeSWITCH made the event, epoch seconds by its own clock; 0.0 if it does not say.
    """

    token: str
    number: int
    stamp: float

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None without token and number."""
        token, number = event.get(b"Exporter-Instance"), event.get_int(b"Exporter-Tick")
        return cls(token, number, event.timestamp) if token and number is not None else None


def tick_headers(token: str, number: int) -> dict[str, str]:
    """The headers of a tick, for `sendevent CUSTOM`."""
    return {"Event-Subclass": TICK_SUBCLASS, "Exporter-Instance": token, "Exporter-Tick": str(number)}
