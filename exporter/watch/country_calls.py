"""What is counted of outbound calls by the country of the number dialled.

Strategy: a number is looked at when its leg is answered or ends unanswered, never for each event. Talk time
and cost of running calls are in the counters at any time, so that fraud is seen while it runs: a `Meter`
keeps the sums from which the present value follows, whatever the number of calls.

The tables are bounded by the gateways of the configuration (any other is `other`) times the countries of the
world. Left out are legs that leave by no gateway to a user of the directory or inside this FreeSWITCH.

A call that was up before the exporter came counts from then on. One whose end was not seen counts until it
was given up. A started increment of a rate is charged when the call ends.
"""

from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from exporter.clock import Clock
from exporter.switch.cause import OF_THE_CALL, OUTCOMES, known_cause, unanswered_outcome
from exporter.switch.destination import Reading
from exporter.switch.leg import ChannelEvent, LegEnd, LegStart, plain_number, user_part
from exporter.switch.sip import known_code
from exporter.watch.destinations import Destinations

if TYPE_CHECKING:
    from exporter.config.rates import Rate

OTHER: Final = "other"
_PER_SECOND: Final = 1 / 60


class Meter:
    """A counter of which running calls raise the value, each by its own rate a second. It never falls."""

    __slots__ = ("_ended", "_offset", "_rates", "_running", "_shown")

    def __init__(self) -> None:
        self._ended = 0.0
        self._running = 0
        self._rates = 0.0  # of the running calls, together
        self._offset = 0.0  # of each of them its rate times its start
        self._shown = 0.0

    def start(self, rate: float, now: float) -> None:
        """A call begins to raise it."""
        self._running += 1
        self._rates += rate
        self._offset += rate * now

    def stop(self, rate: float, since: float, value: float) -> None:
        """A call that began at `since` raises it no more: it was worth `value`."""
        self._running -= 1
        self._rates -= rate
        self._offset -= rate * since
        if not self._running:  # what is left is rounding
            self._rates = self._offset = 0.0
        self._ended += value

    def add(self, value: float) -> None:
        """A call that never raised it was worth `value`."""
        self._ended += value

    def read(self, now: float) -> float:
        """Its value; where a call was worth less at its end than while it ran, it stands still for a time."""
        self._shown = max(self._shown, self._ended + self._rates * now - self._offset)
        return self._shown


class CountryStats:
    """Of one gateway and country.

    Attributes:
        outcomes: calls by how they ended, the words of OUTCOMES.
        failures: those of them that neither caller nor callee brought about.
        talk: seconds of talk.
        costs: by currency.
        failing_since: when the first of the failures came that no other outcome has followed, epoch seconds;
            0.0 if the last call did not fail.
        failed_with: the SIP status of the last failure, a label value; else its cause.
    """

    __slots__ = ("costs", "failed_with", "failing_since", "failures", "outcomes", "talk")

    def __init__(self) -> None:
        self.outcomes: dict[str, int] = {}
        self.failures = 0
        self.talk = Meter()
        self.costs: dict[str, Meter] = {}
        self.failing_since = 0.0
        self.failed_with = ""


class Talk:
    """A call that talks.

    Attributes:
        since: when it was answered or learned, monotonic seconds.
        complete: it was seen from its answer on.
    """

    __slots__ = ("complete", "cost", "rate", "since", "stats")

    def __init__(self, stats: CountryStats, since: float, *, complete: bool) -> None:
        self.stats = stats
        self.since = since
        self.complete = complete
        self.rate: Rate | None = None
        self.cost: Meter | None = None


class CountryCalls:
    """The outbound calls of one node by country.

    Args:
        gateways: the names in the configuration; calls through any other count as `other`.
        destinations: countries and prices.
        clock: the time.

    Attributes:
        stats: by gateway (a label value) and country.
        expensive: answered calls by gateway and kind of number.
    """

    def __init__(self, gateways: Collection[str], destinations: Destinations, clock: Clock) -> None:
        self._gateways = gateways
        self.destinations = destinations
        self._clock = clock
        self.stats: dict[tuple[str, str], CountryStats] = {}
        self.expensive: dict[tuple[str, str], int] = {}

    def answered(self, event: ChannelEvent, gateway: str) -> Talk | None:
        """A leg was answered."""
        if not self.destinations.counted or (not gateway and event.in_house):
            return None
        return self._begin(event.dialled(), gateway)

    def learned(self, start: LegStart, gateway: str) -> Talk | None:
        """A leg was talking before the exporter came. Of those without a gateway it is not known to whom."""
        return (
            self._begin(plain_number(user_part(start.number)), gateway, complete=False) if gateway else None
        )

    def ended(self, event: ChannelEvent, end: LegEnd, gateway: str, talk: Talk | None) -> None:
        """A leg ended, of which `talk` was the talk."""
        if end.talk_seconds is None or talk is None:
            if not self.destinations.counted or (not gateway and event.in_house):
                return
            reading = self.destinations.find(event.dialled())
            if reading is None:
                return
            stats = self._stats(gateway, reading)
        else:
            stats = talk.stats
            self._stop(talk, end.talk_seconds)
        _count(stats, end, self._clock.epoch())

    def lost(self, talk: Talk) -> None:
        """The end of a call that talks was not seen, or will not be."""
        self._stop(talk, None)

    def _begin(self, number: str, gateway: str, *, complete: bool = True) -> Talk | None:
        reading = self.destinations.find(number)
        if reading is None:
            return None
        now = self._clock.monotonic()
        stats = self._stats(gateway, reading)
        talk = Talk(stats, now, complete=complete)
        stats.talk.start(1.0, now)
        rate = self.destinations.rate(reading, number)
        if rate is not None:
            talk.rate = rate
            talk.cost = stats.costs.setdefault(self.destinations.currency, Meter())
            talk.cost.start(rate.per_minute * _PER_SECOND, now)
        if reading.kind:
            key = (self._label(gateway), reading.kind)
            self.expensive[key] = self.expensive.get(key, 0) + 1
        return talk

    def _stop(self, talk: Talk, seconds: float | None) -> None:
        seen = max(self._clock.monotonic() - talk.since, 0.0)
        complete = talk.complete and seconds is not None
        talked = seen if seconds is None else seconds if complete else min(seconds, seen)
        talk.stats.talk.stop(1.0, talk.since, talked)
        if talk.cost is not None and talk.rate is not None:
            per_second = talk.rate.per_minute * _PER_SECOND
            talk.cost.stop(
                per_second, talk.since, talk.rate.cost(talked) if complete else talked * per_second
            )

    def _stats(self, gateway: str, reading: Reading) -> CountryStats:
        key = (self._label(gateway), reading.country)
        stats = self.stats.get(key)
        if stats is None:
            stats = self.stats[key] = CountryStats()
        return stats

    def _label(self, gateway: str) -> str:
        return gateway if gateway in self._gateways else OTHER


def _count(stats: CountryStats, end: LegEnd, now: float) -> None:
    answered = end.talk_seconds is not None
    outcome = OUTCOMES[0] if answered else unanswered_outcome(end.cause)
    stats.outcomes[outcome] = stats.outcomes.get(outcome, 0) + 1
    if answered or end.cause in OF_THE_CALL:
        stats.failing_since = 0.0
        return
    stats.failures += 1
    stats.failing_since = stats.failing_since or now
    stats.failed_with = known_code(end.sip_code) if end.sip_code else known_cause(end.cause)
