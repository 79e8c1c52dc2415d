"""The calls that are up, and the counters of those that were, per gateway and direction.

Strategy: a leg is tracked from its first event (or from the list of channels read at connect) to its last,
under the gateway and direction it was entered with, and is counted there and nowhere else. So at any time,
per gateway and direction:

    started + learned = hang-ups + lost + active

Events may be missing, doubled or out of order, and this still holds: a leg without a CREATE was up before
(learned); a second CREATE or HANGUP_COMPLETE of a leg changes nothing, also after its end; a DESTROY of a leg
that never had a CREATE is a dial that FreeSWITCH refused itself.

Legs of synthetic calls are left out of everything but `unanswered`, which is compared with FreeSWITCH's own
counters, and these include them.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from exporter.metrics.exposition import Exemplar
from exporter.switch.leg import ChannelEvent, LegEnd, LegStart, is_probe
from exporter.switch.provider import Provider
from exporter.watch.call_stats import CallStats

MAX_LEGS: Final = 100_000
DIRECTIONS: Final = ("inbound", "outbound")
_ENDED_KEPT: Final = 4096  # so that a late list or event does not bring a leg back
_UUID: Final = re.compile(r"[0-9a-f-]{36}", re.ASCII)


class _Leg:
    __slots__ = ("answered", "progressed", "stats")

    def __init__(self, stats: CallStats) -> None:
        self.stats = stats
        self.answered = False
        self.progressed = False


class CallTable:
    """Live legs and the counters of all.

    Args:
        attribute: gives the gateway label of a leg: a gateway of the switch, `other`, or the empty string.
        on_unanswered: called with the gateway of every outbound leg that ended unanswered, probes included.

    Attributes:
        stats: counters by gateway and direction.
        creates: CHANNEL_CREATE events, probes included.
        refused_locally: dials that FreeSWITCH refused before any INVITE.
        over_limit: legs not tracked because MAX_LEGS were up.
    """

    def __init__(
        self,
        attribute: Callable[[LegStart], str],
        on_unanswered: Callable[[str], None],
    ) -> None:
        self._attribute = attribute
        self._on_unanswered = on_unanswered
        self._legs: dict[str, _Leg] = {}
        self._ended: dict[str, None] = {}  # in the order they ended, the latest _ENDED_KEPT
        self.stats: dict[tuple[str, str], CallStats] = {}
        self.creates = 0
        self.refused_locally = 0
        self.over_limit = 0

    def start_tracking(self, gateway: str, provider: Provider | None) -> None:
        """Count for a gateway from now on, from 0, in both directions."""
        for direction in DIRECTIONS:
            stats = self.stats.get((gateway, direction))
            if stats is None:
                stats = self.stats[gateway, direction] = CallStats()
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

    # -- events ---------------------------------------------------------------------------------------

    def on_create(self, event: ChannelEvent) -> None:
        """CHANNEL_CREATE."""
        self.creates += 1
        uuid = event.uuid
        if not uuid or is_probe(uuid) or uuid in self._legs or uuid in self._ended:
            return
        leg = self._enter(event.start())
        if leg is not None:
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
        end = event.end()
        if end.gateway:
            self._on_unanswered(end.gateway)
        leg = self._find(event)
        if leg is not None:
            self._leave(leg, end, event)

    def on_destroy(self, event: ChannelEvent) -> None:
        """CHANNEL_DESTROY: the last event of a leg, and the only one of dials refused before any INVITE."""
        leg = self._legs.get(event.uuid)
        if leg is not None:  # its HANGUP_COMPLETE was lost; DESTROY repeats all of it
            self._leave(leg, event.end(), event)
        elif event.never_began:
            self.refused_locally += 1

    # -- the switch comes and goes ----------------------------------------------------------------------

    def learn(self, start: LegStart, *, answered: bool) -> None:
        """A leg of the list of channels, up before the connection."""
        uuid = start.uuid
        # One that ended while the list was under way is not brought back.
        if not uuid or is_probe(uuid) or uuid in self._legs or uuid in self._ended:
            return
        leg = self._enter(start)
        if leg is not None:
            leg.stats.learned += 1
            leg.answered = leg.progressed = answered

    def lose(self, uuids: Iterable[str] | None = None) -> None:
        """Legs whose end no event will report: all of them, or those named."""
        for uuid in list(self._legs if uuids is None else uuids):
            leg = self._legs.pop(uuid, None)
            if leg is not None:
                leg.stats.active -= 1
                leg.stats.lost += 1

    # -- inside ---------------------------------------------------------------------------------------

    def _enter(self, start: LegStart) -> _Leg | None:
        if len(self._legs) >= MAX_LEGS:
            self.over_limit += 1
            return None
        key = (self._attribute(start), start.direction)
        stats = self.stats.get(key)
        if stats is None:
            stats = self.stats[key] = CallStats()
        leg = self._legs[start.uuid] = _Leg(stats)
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

    def _leave(self, leg: _Leg, end: LegEnd, event: ChannelEvent) -> None:
        uuid = event.uuid
        del self._legs[uuid]
        self._ended[uuid] = None
        if len(self._ended) > _ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        leg.stats.count_end(end, _exemplar(event))


def _exemplar(event: ChannelEvent) -> Exemplar | None:
    uuid = event.uuid
    return Exemplar(uuid, event.stamp) if _UUID.fullmatch(uuid) is not None else None
