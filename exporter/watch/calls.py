"""The calls of calls: which legs are up, and what is counted of those that were, per gateway and direction.

Strategy: a leg stands in the calls from its first event (or from the list of channels read when we
connect) to its last, under the gateway and direction it had when it was entered; what happens to it is
counted there and nowhere else. So at any time, per gateway and direction:

    started + learned = hang-ups + lost + active

Events may be missing, doubled or out of order, and the books still balance: a leg that is told of without a
CREATE was up before us (learned), a second CREATE or HANGUP_COMPLETE of a leg changes nothing, a DESTROY of
a leg that never had a CREATE is a dial that FreeSWITCH refused itself.

Legs of synthetic calls are kept out of everything but `unanswered`, which is compared with FreeSWITCH's own
counters, and these include them.
"""

import re
from collections.abc import Callable, Iterable
from typing import Final

from exporter.esl import Event
from exporter.metrics import families
from exporter.metrics.exposition import Exemplar, Histogram
from exporter.switch import leg as legs
from exporter.switch.cause import known_cause
from exporter.switch.provider import Provider
from exporter.switch.sip import known_code

MAX_LEGS: Final = 100_000
_ENDED_KEPT: Final = 4096  # a leg is not taken for a new one by a list or an event that is late
_UUID: Final = re.compile(r"[0-9a-f-]{36}", re.ASCII)


class CallStats:
    """What is counted of the legs of one gateway in one direction."""

    __slots__ = (
        "active",
        "answer",
        "answered",
        "duration",
        "hangups",
        "jitter",
        "learned",
        "lost",
        "mos",
        "packet_loss",
        "post_dial_delay",
        "provider",
        "rejections",
        "sip_responses",
        "started",
        "without_media",
    )

    def __init__(self, provider: Provider | None = None) -> None:
        self.provider = provider
        self.started = self.answered = self.learned = self.lost = self.active = self.without_media = 0
        self.hangups: dict[tuple[str, bool], tuple[int, Exemplar | None]] = {}
        self.sip_responses: dict[str, int] = {}
        self.rejections: dict[tuple[str, str], int] = {}
        self.post_dial_delay = Histogram(families.CALL_POST_DIAL_DELAY)
        self.answer = Histogram(families.CALL_ANSWER)
        self.duration = Histogram(families.CALL_DURATION)
        self.mos = Histogram(families.CALL_MOS)
        self.jitter = Histogram(families.CALL_JITTER)
        self.packet_loss = Histogram(families.CALL_PACKET_LOSS)


class _Leg:
    __slots__ = ("answered", "progressed", "stats")

    def __init__(self, stats: CallStats) -> None:
        self.stats = stats
        self.answered = False
        self.progressed = False


class CallTable:
    """Live legs and their books.

    Args:
        attribute: tells the gateway label of a leg: a gateway of the switch, `other`, or the empty string.
        on_unanswered: called with the gateway of every outbound leg that ended unanswered, probes included.
    """

    def __init__(
        self,
        attribute: Callable[[legs.LegStart], str],
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
        for direction in ("inbound", "outbound"):
            stats = self.stats.get((gateway, direction))
            if stats is None:
                stats = self.stats[gateway, direction] = CallStats()
            if direction == "outbound":  # the codes come with refusals of INVITEs that we sent
                stats.provider = provider

    def stop_tracking(self, gateway: str) -> bool:
        """Stop counting for a gateway that is gone; False while legs of it are up."""
        keys = [(gateway, direction) for direction in ("inbound", "outbound")]
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

    # -- events ---------------------------------------------------------------------------------------

    def on_create(self, event: Event) -> None:
        """CHANNEL_CREATE."""
        self.creates += 1
        start = legs.leg_start(event)
        if legs.is_probe(start.uuid) or start.uuid in self._legs:
            return
        leg = self._enter(start)
        if leg is not None:
            leg.stats.started += 1

    def on_progress(self, event: Event) -> None:
        """CHANNEL_PROGRESS (ringing) or CHANNEL_PROGRESS_MEDIA (early media)."""
        uuid = legs.leg_uuid(event)
        leg = self._find(uuid, event)
        if leg is not None and not leg.progressed:
            leg.progressed = True
            delay = legs.post_dial_delay(event)
            if delay is not None:
                leg.stats.post_dial_delay.observe(delay, _exemplar(uuid, event))

    def on_answer(self, event: Event) -> None:
        """CHANNEL_ANSWER."""
        uuid = legs.leg_uuid(event)
        leg = self._find(uuid, event)
        if leg is None or leg.answered:
            return
        leg.answered = True
        leg.stats.answered += 1
        delay = legs.answer_delay(event)
        if delay is None:
            return
        exemplar = _exemplar(uuid, event)
        leg.stats.answer.observe(delay, exemplar)
        if not leg.progressed:
            leg.progressed = True
            leg.stats.post_dial_delay.observe(delay, exemplar)

    def on_hangup(self, event: Event) -> None:
        """CHANNEL_HANGUP_COMPLETE."""
        end = legs.leg_end(event)
        uuid = end.uuid
        if end.talk_seconds is None and event.get(b"Call-Direction") == "outbound":
            gateway = event.get(b"variable_sip_gateway_name")
            if gateway:
                self._on_unanswered(gateway)
        if legs.is_probe(uuid):
            return
        leg = self._find(uuid, event)
        if leg is not None:
            self._leave(leg, end, event)

    def on_destroy(self, event: Event) -> None:
        """CHANNEL_DESTROY: the last word on a leg, and the only one on dials refused before any INVITE."""
        uuid = legs.leg_uuid(event)
        leg = self._legs.get(uuid)
        if leg is not None:  # its HANGUP_COMPLETE was lost; DESTROY repeats all of it
            self._leave(leg, legs.leg_end(event), event)
        elif event.get(b"Channel-State") == "CS_NONE":
            self.refused_locally += 1

    # -- coming and going of the switch ----------------------------------------------------------------

    def learn(self, start: legs.LegStart, *, answered: bool) -> None:
        """A leg of the list of channels, up before we came."""
        if not start.uuid or legs.is_probe(start.uuid) or start.uuid in self._legs:
            return
        if start.uuid in self._ended:  # it ended while the list was under way
            return
        leg = self._enter(start)
        if leg is not None:
            leg.stats.learned += 1
            leg.answered = leg.progressed = answered

    def lose(self, uuids: Iterable[str] | None = None) -> None:
        """Legs whose end nobody will tell us: all of them, or those named."""
        for uuid in list(self._legs if uuids is None else uuids):
            leg = self._legs.pop(uuid, None)
            if leg is not None:
                leg.stats.active -= 1
                leg.stats.lost += 1

    def uuids(self) -> set[str]:
        """The legs up now."""
        return set(self._legs)

    # -- inside ---------------------------------------------------------------------------------------

    def _enter(self, start: legs.LegStart) -> _Leg | None:
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

    def _find(self, uuid: str, event: Event) -> _Leg | None:
        """The leg of an event; one never heard of was up before us."""
        leg = self._legs.get(uuid)
        if leg is None and uuid and not legs.is_probe(uuid):
            if uuid in self._ended:
                return None
            leg = self._enter(legs.leg_start(event))
            if leg is not None:
                leg.stats.learned += 1
        return leg

    def _leave(self, leg: _Leg, end: legs.LegEnd, event: Event) -> None:
        uuid = end.uuid
        del self._legs[uuid]
        self._ended[uuid] = None
        if len(self._ended) > _ENDED_KEPT:
            del self._ended[next(iter(self._ended))]
        stats = leg.stats
        stats.active -= 1
        answered = end.talk_seconds is not None
        cause = known_cause(end.cause)
        exemplar = _exemplar(uuid, event)
        key = (cause, answered)
        count, earlier = stats.hangups.get(key, (0, None))
        stats.hangups[key] = (count + 1, exemplar or earlier)
        if end.sip_code:
            code = known_code(end.sip_code)
            stats.sip_responses[code] = stats.sip_responses.get(code, 0) + 1
            if stats.provider is not None:
                found = stats.provider.find(end.phrase)
                if found is not None:
                    kind = (found.code, found.class_)
                    stats.rejections[kind] = stats.rejections.get(kind, 0) + 1
        if end.talk_seconds is not None:
            stats.duration.observe(end.talk_seconds, exemplar)
            if end.media is not None:
                self._hear(stats, end.media, exemplar)

    @staticmethod
    def _hear(stats: CallStats, media: legs.Media, exemplar: Exemplar | None) -> None:
        if media.mos is not None:
            stats.mos.observe(media.mos, exemplar)
        if media.jitter_seconds is not None:
            stats.jitter.observe(media.jitter_seconds, exemplar)
        if media.loss_ratio is not None:
            stats.packet_loss.observe(media.loss_ratio, exemplar)
        if media.silent:
            stats.without_media += 1


def _exemplar(uuid: str, event: Event) -> Exemplar | None:
    return Exemplar(uuid, event.timestamp) if _UUID.fullmatch(uuid) is not None else None
