"""Our own numbered event, sent on one connection and seen on the other.

It is the only thing that proves that FreeSWITCH delivers events at all: event sequence numbers have gaps by
nature, and a quiet switch sends nothing for 20 seconds. Its way back is timed, and its stamp tells how far
FreeSWITCH's clock is from ours. Ticks of other exporters, and of our own earlier connections, are told apart
by a token.

A tick counts as missing only once the command that sent it was answered: a switch that answers no command is
hung, which is another finding.
"""

from typing import Final

from exporter.esl import Event

SUBCLASS: Final = "exporter::tick"
INTERVAL: Final = 2.0
OVERDUE: Final = 5.0
_KEPT: Final = 16


class Ticks:
    """Sent and returned ticks.

    Attributes:
        round_trip: seconds of the last tick that returned; None before the first.
        clock_skew: FreeSWITCH's clock less ours, seconds; None before the first.
    """

    def __init__(self, token: str) -> None:
        self._token = token
        self._number = 0
        self._sent: dict[int, tuple[float, float]] = {}
        self._accepted: dict[int, float] = {}
        self.round_trip: float | None = None
        self.clock_skew: float | None = None
        self.returned = 0

    def send(self, now: float, epoch: float) -> tuple[int, dict[str, str]]:
        """The number of the next tick, and its headers for `sendevent CUSTOM`."""
        self._number += 1
        self._sent[self._number] = (now, epoch)
        if len(self._sent) > _KEPT:
            self._sent.pop(next(iter(self._sent)))
        return self._number, {
            "Event-Subclass": SUBCLASS,
            "Exporter-Instance": self._token,
            "Exporter-Tick": str(self._number),
        }

    def accepted(self, number: int, now: float) -> None:
        """The command that sent it was answered."""
        if number in self._sent:
            self._accepted[number] = now

    def on_event(self, event: Event, now: float) -> None:
        """A tick, ours or another's, came back."""
        if event.get(b"Exporter-Instance") != self._token:
            return
        number = event.get_int(b"Exporter-Tick") or 0
        sent = self._sent.pop(number, None)
        if sent is None:
            return
        self.returned += 1
        # An earlier tick that is still out was lost or overtaken: this one proves that events flow.
        for earlier in [n for n in self._sent if n < number]:
            del self._sent[earlier]
        self._accepted = {n: at for n, at in self._accepted.items() if n > number}
        self.round_trip = now - sent[0]
        if event.timestamp:
            self.clock_skew = event.timestamp - sent[1]

    def overdue(self, now: float) -> float:
        """Seconds the oldest tick that FreeSWITCH accepted has been out; 0.0 if none is."""
        return now - min(self._accepted.values()) if self._accepted else 0.0
