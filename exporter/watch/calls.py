"""The calls that are up, and the counters of those that were, per gateway and direction.

Strategy: a leg is tracked from its first event (or from the list of channels read at connect) to its last,
under the gateway and direction it was entered with, and is counted there and nowhere else. So at any time,
per gateway and direction:

    started + learned = hang-ups + lost + active

Events may be missing, doubled or out of order, and this still holds: a leg without a CREATE was up before
(learned); a second CREATE, HANGUP_COMPLETE or DESTROY of a leg changes nothing, also after its end; a DESTROY
of a leg that never had a CREATE is a dial that FreeSWITCH refused itself. To know them again, the latest
_ENDED_KEPT legs that ended are remembered.

A UUID may be used again: `originate {origination_uuid=U}sofia/gateway/a/1|sofia/gateway/b/1` uses one for all
its targets, and so may a client that dials once more. A CREATE, or a dial refused, that FreeSWITCH numbered
after the end of the leg before is another one.

A leg whose end was lost stays until `lose` is told that FreeSWITCH does not have it any more.

The leg of an INVITE that was never authenticated (no CREATE, and an end that says so) is a stranger's, and no
call: it is counted in `strangers` alone.

Legs of synthetic calls are left out of everything but `unanswered`, which is compared with FreeSWITCH's own
counters, and these include them.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final, NamedTuple, TypeVar

from exporter.metrics.exposition import Exemplar
from exporter.switch.leg import ChannelEvent, LegEnd, LegStart, is_probe
from exporter.switch.local_failure import NO_RTP_PORTS
from exporter.switch.provider import Provider, ProviderCode
from exporter.watch.call_stats import CallStats
from exporter.watch.country_calls import CountryCalls, Talk

MAX_LEGS: Final = 100_000
DIRECTIONS: Final = ("inbound", "outbound")
_ENDED_KEPT: Final = 4096  # so that a late list or event does not bring a leg back
_LAST: Final = 1 << 63  # a number that no event has
_UUID: Final = re.compile(r"[0-9a-f-]{36}", re.ASCII)
_T = TypeVar("_T")


class _Leg:
    __slots__ = ("answered", "created", "outbound", "progressed", "stats", "talk")

    def __init__(self, stats: CallStats, *, outbound: bool) -> None:
        self.outbound = outbound
        self.talk: Talk | None = None
        self.stats = stats
        self.created = False
        self.answered = False
        self.progressed = False


class _Ended(NamedTuple):
    """A leg that ended: whether its CREATE was seen, and the number of its last event."""

    created: bool
    sequence: int


class CallTable:
    """Live legs and the counters of all.

    Args:
        attribute: gives the gateway label of a leg: a gateway of the switch, `other`, or the empty string.
        on_unanswered: called with the gateway and its profile, for every outbound leg that ended unanswered,
            probes included.
        on_ended: called with the last event of a leg, what it says, the leg's gateway label, and the
            provider's code in its rejection or its BYE; probes left out.
        countries: counts outbound legs by the number dialled.
        on_stranger: called with the last event of a stranger's leg.
        on_no_rtp_port: called for every leg, probes included, that failed since FreeSWITCH had no RTP port.

    Attributes:
        stats: counters by gateway and direction.
        creates: legs whose CHANNEL_CREATE was seen, probes included.
        refused_locally: dials that FreeSWITCH refused before any INVITE.
        strangers: legs of INVITEs that were never authenticated.
        over_limit: legs not tracked because MAX_LEGS were up, or their UUID is not a word.
    """

    def __init__(
        self,
        attribute: Callable[[LegStart], str],
        on_unanswered: Callable[[str, str], None],
        on_ended: Callable[[ChannelEvent, LegEnd, str, ProviderCode | None], None],
        countries: CountryCalls,
        on_stranger: Callable[[ChannelEvent], None] = lambda _event: None,
        on_no_rtp_port: Callable[[], None] = lambda: None,
    ) -> None:
        self._attribute = attribute
        self._on_unanswered = on_unanswered
        self._countries = countries
        self._on_ended = on_ended
        self._on_no_rtp_port = on_no_rtp_port
        self._on_stranger = on_stranger
        self._legs: dict[str, _Leg] = {}
        self._ended: dict[str, _Ended] = {}  # in the order in which they ended, the latest _ENDED_KEPT
        self._probes: dict[str, None] = {}  # those created, the latest _ENDED_KEPT
        self.stats: dict[tuple[str, str], CallStats] = {}
        self.creates = 0
        self.refused_locally = 0
        self.strangers = 0
        self.over_limit = 0

    def start_tracking(self, gateway: str, provider: Provider | None) -> None:
        """Count for a gateway from now on, from 0, in both directions."""
        for direction in DIRECTIONS:
            stats = self.stats.get((gateway, direction))
            if stats is None:
                stats = self.stats[gateway, direction] = CallStats(gateway)
            if direction == "outbound":  # the codes come with rejections of FreeSWITCH's INVITEs
                stats.provider = provider

    def stop_tracking(self, gateway: str) -> bool:
        """Stop counting for a gateway that is gone; False while legs of it are up."""
        keys = [(gateway, direction) for direction in DIRECTIONS]
        if any(key in self.stats and self.stats[key].active for key in keys):
            return False
        for key in keys:
            self.stats.pop(key, None)
        return True

    @property
    def live(self) -> int:
        """Legs up now, probes left out."""
        return len(self._legs)

    def __contains__(self, uuid: object) -> bool:
        return uuid in self._legs

    def uuids(self) -> set[str]:
        """The legs up now."""
        return set(self._legs)

    def knows(self, uuid: str) -> bool:
        """There is, or was lately, a leg or a refused dial with that UUID."""
        return uuid in self._legs or uuid in self._ended

    def answered(self, uuid: str) -> CallStats | None:
        """The counters of a leg that is up and answered; None of any other."""
        leg = self._legs.get(uuid)
        return leg.stats if leg is not None and leg.answered else None

    # -- events ---------------------------------------------------------------------------------------

    def on_create(self, event: ChannelEvent) -> None:
        """CHANNEL_CREATE."""
        uuid = event.uuid
        leg = self._legs.get(uuid)
        if leg is not None:
            self.creates += not leg.created
            leg.created = True
        elif not uuid:
            self.creates += 1
            self.over_limit += 1
        elif is_probe(uuid):
            if uuid not in self._probes:
                self.creates += 1
                _remember(self._probes, uuid, None)
        elif self._has_ended(event):
            self.creates += not self._ended[uuid].created
            self._ended[uuid] = self._ended[uuid]._replace(created=True)
        else:
            self._ended.pop(uuid, None)
            self.creates += 1
            leg = self._enter(event.start())
            if leg is None:
                self.over_limit += 1
            else:
                leg.created = True
                leg.stats.started += 1

    def on_progress(self, event: ChannelEvent) -> None:
        """CHANNEL_PROGRESS (ringing) or CHANNEL_PROGRESS_MEDIA (early media)."""
        leg = self._find(event)
        if leg is not None and not leg.progressed:
            leg.progressed = True
            delay = event.post_dial_delay()
            if delay is not None:
                leg.stats.post_dial_delay.observe(delay, _exemplar(event))

    def on_answer(self, event: ChannelEvent) -> None:
        """CHANNEL_ANSWER."""
        leg = self._find(event)
        if leg is None or leg.answered:
            return
        leg.answered = True
        leg.stats.answered += 1
        if leg.outbound:
            leg.talk = self._countries.answered(event, leg.stats.gateway)
        delay = event.answer_delay()
        if delay is None:
            return
        exemplar = _exemplar(event)
        leg.stats.answer.observe(delay, exemplar)
        if not leg.progressed:
            leg.progressed = True
            leg.stats.post_dial_delay.observe(delay, exemplar)

    def on_hangup(self, event: ChannelEvent) -> None:
        """CHANNEL_HANGUP_COMPLETE."""
        uuid = event.uuid
        if uuid in self._ended:
            return
        if uuid not in self._legs and event.strangers:
            self.strangers += 1
            if uuid:
                _remember(self._ended, uuid, _Ended(True, event.sequence))
            self._on_stranger(event)
        else:
            self._end(event)

    def on_destroy(self, event: ChannelEvent) -> None:
        """CHANNEL_DESTROY: the last event of a leg, and the only one of dials refused before any INVITE."""
        uuid = event.uuid
        if not event.never_began:
            if uuid in self._legs:  # its HANGUP_COMPLETE was lost; DESTROY repeats all of it
                self._end(event)
        elif not self._has_ended(event):
            self.refused_locally += 1
            if uuid:
                _remember(self._ended, uuid, _Ended(True, event.sequence))

    # -- the switch comes and goes ----------------------------------------------------------------------

    def learn(self, start: LegStart, *, answered: bool) -> None:
        """A leg of the list of channels, up before the connection."""
        uuid = start.uuid
        # One that ended while the list was under way is not brought back.
        if not uuid or is_probe(uuid) or uuid in self._legs or uuid in self._ended:
            return
        leg = self._enter(start)
        if leg is None:
            self.over_limit += 1
        else:
            leg.stats.learned += 1
            leg.answered = leg.progressed = answered
            if answered and leg.outbound:
                leg.talk = self._countries.learned(start, leg.stats.gateway)

    def learn_answer(self, start: LegStart) -> None:
        """The list of channels has a leg as answered. Its ANSWER came before the connection, or was lost."""
        leg = self._legs.get(start.uuid)
        if leg is None or leg.answered:
            return
        leg.answered = leg.progressed = True
        if leg.outbound:
            leg.talk = self._countries.learned(start, leg.stats.gateway)

    def lose(self, uuids: Iterable[str] | None = None) -> None:
        """Legs whose end no event will report.

        Args:
            uuids: legs that FreeSWITCH does not have any more; None for all, which may still be up.
        """
        for uuid in list(self._legs if uuids is None else uuids):
            leg = self._legs.pop(uuid, None)
            if leg is not None:
                leg.stats.active -= 1
                leg.stats.lost += 1
                if leg.talk is not None:
                    self._countries.lost(leg.talk)
                if uuids is not None:
                    _remember(self._ended, uuid, _Ended(leg.created, _LAST))

    def on_restart(self) -> None:
        """FreeSWITCH was restarted, and numbers its events anew."""
        self._ended.clear()

    # -- inside ---------------------------------------------------------------------------------------

    def _enter(self, start: LegStart) -> _Leg | None:
        if len(self._legs) >= MAX_LEGS:
            return None
        gateway = self._attribute(start)
        key = (gateway, start.direction)
        stats = self.stats.get(key)
        if stats is None:
            stats = self.stats[key] = CallStats(gateway)
        leg = self._legs[start.uuid] = _Leg(stats, outbound=start.direction == "outbound")
        stats.active += 1
        return leg

    def _find(self, event: ChannelEvent) -> _Leg | None:
        """The leg of an event, entered if it was up before; None for probes and legs that have ended."""
        uuid = event.uuid
        leg = self._legs.get(uuid)
        if leg is None and uuid and not is_probe(uuid) and uuid not in self._ended:
            leg = self._enter(event.start())
            if leg is not None:
                leg.stats.learned += 1
        return leg

    def _end(self, event: ChannelEvent) -> None:
        """The end of a leg, seen for the first time."""
        uuid = event.uuid
        end = event.end()
        if end.gateway:
            self._on_unanswered(end.gateway, end.profile)
        if end.local_failure == NO_RTP_PORTS:
            self._on_no_rtp_port()
        leg = self._find(event)
        if leg is not None:
            del self._legs[uuid]
            code = leg.stats.count_end(event, end, _exemplar(event))
            if leg.outbound:
                self._countries.ended(event, end, leg.stats.gateway, leg.talk)
            self._on_ended(event, end, leg.stats.gateway, code)
        if uuid:
            _remember(self._ended, uuid, _Ended(leg.created if leg is not None else True, event.sequence))

    def _has_ended(self, event: ChannelEvent) -> bool:
        """The leg of an event has ended, and its UUID has not been used again."""
        ended = self._ended.get(event.uuid)
        return ended is not None and event.sequence <= ended.sequence


def _remember(table: dict[str, _T], uuid: str, value: _T) -> None:
    table[uuid] = value
    if len(table) > _ENDED_KEPT:
        del table[next(iter(table))]


def _exemplar(event: ChannelEvent) -> Exemplar | None:
    uuid = event.uuid
    return Exemplar(uuid, event.stamp) if _UUID.fullmatch(uuid) is not None else None
