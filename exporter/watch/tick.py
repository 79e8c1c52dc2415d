"""The exporter's own numbered event, sent on one connection and received on the other.

It is the only proof that FreeSWITCH delivers events at all: event sequence numbers have gaps by nature, and a
quiet switch sends nothing for 20 seconds. The time it takes is measured, and its stamp gives the difference
between FreeSWITCH's clock and the exporter's. A token tells these ticks from those of other exporters and of
this one's earlier connections.

A tick counts as missing only once the command that sent it was answered: a switch that answers no command
hangs, which is another problem.

Of several exporters on one switch each sees the ticks of the others. A daemon's tick names the scheduled
probes that it can run now. Of those that name a probe, the one with the lowest token runs it, and the token
begins with the instance id; the others stand by. Ticks that name nothing, such as those of the commands
`doctor` and `probe`, count for nothing. An exporter that has not been heard for SILENT seconds is gone.
"""

import asyncio
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from exporter.switch.tick import TickEvent, tick_headers

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

SILENT: Final = 7.0  # seconds: three ticks and one more for the way
LISTENING: Final = 3.0  # seconds after the first tick of a connection: by then all others have sent one
_KEPT: Final = 16  # ticks that are out; older ones are forgotten
_MAX_OTHERS: Final = 16  # exporters on one switch


@dataclass(slots=True)
class _Out:
    """A tick that has not returned: when it was sent (both clocks), and when that command was answered."""

    sent: float
    sent_epoch: float
    accepted: float | None = None


class Reading(NamedTuple):
    """A tick that came back: when it was sent and when it came (monotonic seconds), and what clocks showed.

    Attributes:
        epoch: the exporter's wall clock when it was sent.
        stamp: FreeSWITCH's clock at some moment in between.
    """

    sent: float
    came: float
    epoch: float
    stamp: float


class _Heard(NamedTuple):
    """The last tick of another exporter: when it came (monotonic seconds), and the probes that it named."""

    at: float
    probes: frozenset[str]


class Ticks:
    """Sent and returned ticks of the present connection.

    Args:
        instance: four hex digits that distinguish this exporter from others.

    Attributes:
        round_trip: seconds of the last tick that returned; None before the first.
        clock_skew: FreeSWITCH's clock less the exporter's, seconds; None before the first.
        returned: how many have returned. came_back: set once one has.
        runnable: gives the names of the scheduled probes that this exporter can run now, for its ticks.
    """

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self._token = ""
        self.came_back = asyncio.Event()
        self.runnable: Callable[[], Collection[str]] = tuple
        self.restart()

    def restart(self) -> None:
        """A new connection: forget all ticks, and take a new token."""
        self._earlier = self._token
        self._token = f"{self._instance}-{secrets.token_hex(4)}"
        self._number = 0
        self._out: dict[int, _Out] = {}
        self.round_trip: float | None = None
        self.clock_skew: float | None = None
        self.returned = 0
        self.came_back.clear()
        self._others: dict[str, _Heard] = {}
        self._heard_since: float | None = None

    def send(self, now: float, epoch: float) -> tuple[int, dict[str, str]]:
        """The number of the next tick, and its headers for `sendevent CUSTOM`."""
        self._number += 1
        self._out[self._number] = _Out(now, epoch)
        if len(self._out) > _KEPT:
            del self._out[next(iter(self._out))]
        return self._number, tick_headers(self._token, self._number, self.runnable())

    def accepted(self, number: int, now: float) -> None:
        """The command that sent it was answered."""
        tick = self._out.get(number)
        if tick is not None:
            tick.accepted = now

    def on_event(self, event: TickEvent, now: float) -> Reading | None:
        """A tick, of this connection or another's, came back; what it shows of the clocks, if it is own."""
        if event.token != self._token:
            self._on_other(event, now)
            return None
        if self._heard_since is None:
            self._heard_since = now
        tick = self._out.get(event.number)
        if tick is None:
            return None
        # Earlier ones were lost or overtaken: this one proves that events flow.
        self._out = {number: out for number, out in self._out.items() if number > event.number}
        self.round_trip = now - tick.sent
        if event.stamp:
            self.clock_skew = event.stamp - tick.sent_epoch
        self.returned += 1
        self.came_back.set()
        return Reading(tick.sent, now, tick.sent_epoch, event.stamp) if event.stamp else None

    def overdue(self, now: float) -> float:
        """Seconds since FreeSWITCH accepted the oldest tick that is out; 0.0 if none is."""
        accepted = [tick.accepted for tick in self._out.values() if tick.accepted is not None]
        return now - min(accepted) if accepted else 0.0

    # -- other exporters on the same switch -----------------------------------------------------------------

    def _on_other(self, event: TickEvent, now: float) -> None:
        self._others = {token: heard for token, heard in self._others.items() if now - heard.at <= SILENT}
        if event.token == self._earlier:
            return
        if not event.probes:
            self._others.pop(event.token, None)
        elif event.token in self._others or len(self._others) < _MAX_OTHERS:
            self._others[event.token] = _Heard(now, event.probes)

    def listens(self, now: float) -> bool:
        """Whether the connection is so young that another exporter may not have been heard yet."""
        return self._heard_since is not None and now - self._heard_since < LISTENING

    def stands_by(self, probe: str, now: float) -> bool:
        """Whether another exporter runs the schedule of the probe of that name."""
        naming = [
            token
            for token, heard in self._others.items()
            if probe in heard.probes and now - heard.at <= SILENT
        ]
        return bool(naming) and (min(naming) < self._token or probe not in self.runnable())
