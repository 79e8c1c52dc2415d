"""Which ended calls are kept, and what of them.

Strategy: thousands of legs may end in a second, so what was read for the counters anyway decides, and a call
that is well costs a few comparisons. What is decoded beyond that is bounded to DECODED_A_SECOND; a flood of
failures has enough examples then, and the rest is counted.

A call has failed if it ended unanswered by a cause that lowers the network effectiveness ratio, or with a
code of the provider's own (exporter.switch.provider.has_failed). It was silent if it should have received
audio and got none (tried.md 4), and bad by the limits of the alerts FreeswitchCallMosLow and
FreeswitchCallPacketLossHigh.
"""

from collections import deque
from collections.abc import Callable
from typing import Final

from exporter.clock import Clock
from exporter.config import HistoryConfig, NodeConfig, StoredNumbers
from exporter.history.masking import stored_number, stored_text
from exporter.history.model import CallResult, KeptCall, OtherLeg
from exporter.switch.evidence import Evidence, is_call, read_evidence
from exporter.switch.leg import ChannelEvent, LegEnd
from exporter.switch.provider import ProviderCode, has_failed

DECODED_A_SECOND: Final = 20
BAD_MOS: Final = 3.6  # up to here people complain
BAD_LOSS: Final = 0.05  # above; known of calls longer than exporter.switch.leg.MIN_LOSS_SECONDS only
_REMEMBERED: Final = 128  # legs kept last, so that the other leg of one of them finds it


def result(end: LegEnd, code: ProviderCode | None) -> CallResult | None:
    """Why a leg is kept; None if it is well, or ended as caller or callee wished."""
    if end.talk_seconds is None:
        return "failed" if has_failed(end.cause, code) else None
    media = end.media
    if media is None:
        return None
    if media.silent:
        return "silent"
    bad = (media.mos is not None and media.mos <= BAD_MOS) or (
        media.loss_ratio is not None and media.loss_ratio > BAD_LOSS
    )
    return "bad" if bad else None


class KeptCalls:
    """Picks the calls of one node that are kept.

    Args:
        node: whose calls; a reload may replace it.
        config: gives what is in force.
        put: takes each call; must not wait.
        clock: the time.

    Attributes:
        node: as above.
        not_kept: calls beyond DECODED_A_SECOND.
    """

    def __init__(
        self,
        node: NodeConfig,
        config: Callable[[], HistoryConfig],
        put: Callable[[KeptCall], None],
        clock: Clock,
    ) -> None:
        self.node = node
        self.not_kept = 0
        self._config = config
        self._put = put
        self._clock = clock
        self._decoded: deque[float] = deque(maxlen=DECODED_A_SECOND)  # when the latest of them were
        self._legs: dict[str, OtherLeg] = {}
        self._numbers: StoredNumbers | None = None  # how those of _legs are stored

    def on_call_ended(
        self, event: ChannelEvent, end: LegEnd, gateway: str, code: ProviderCode | None
    ) -> None:
        """A leg ended; see exporter.watch.observer."""
        why = result(end, code)
        if why is None or not is_call(event):
            return
        config = self._config()
        if not config.calls:
            return
        now = self._clock.monotonic()
        if len(self._decoded) == DECODED_A_SECOND and now - self._decoded[0] < 1:
            self.not_kept += 1
            return
        self._decoded.append(now)
        if config.numbers != self._numbers:
            self._numbers = config.numbers
            self._legs.clear()
        call = self._call(read_evidence(event), end, why, code, gateway, config.numbers)
        self._remember(call)
        self._put(call)

    def _call(
        self,
        seen: Evidence,
        end: LegEnd,
        why: CallResult,
        code: ProviderCode | None,
        gateway: str,
        numbers: StoredNumbers,
    ) -> KeptCall:
        at = self._clock.epoch()
        media = end.media
        return KeptCall(
            at=at,
            started=at - seen.seconds,
            node=self.node.name,
            result=why,
            gateway=gateway,
            direction=seen.direction,
            from_=stored_number(seen.from_number, numbers),
            to=stored_number(seen.to_number, numbers),
            call_uuid=end.uuid,
            sip_call_id=seen.sip_call_id,
            sip_status=seen.sip_status,
            sip_phrase=stored_text(seen.sip_phrase, numbers),
            q850=seen.q850,
            reason=stored_text(seen.reason, numbers),
            provider_code="" if code is None else code.shown,
            provider_meaning="" if code is None else code.meaning,
            cause=seen.cause,
            origin="local" if seen.local else "far_end",
            ended_by=seen.ended_by,
            post_dial_delay=seen.post_dial_delay,
            talk=end.talk_seconds,
            remote_sip=seen.remote_sip,
            remote_media=seen.remote_media,
            local_media=seen.local_media,
            codec=seen.codec,
            user_agent=stored_text(seen.user_agent, numbers),
            packets_in=None if media is None else media.packets_in,
            packets_out=None if media is None else media.packets_out,
            mos=None if media is None else media.mos,
            packet_loss=None if media is None else media.loss_ratio,
            other_leg=self._other_leg(seen, numbers),
        )

    def _other_leg(self, seen: Evidence, numbers: StoredNumbers) -> OtherLeg | None:
        """The other leg as it was kept itself, else what this one says of it."""
        other = seen.other
        if other is None:
            return None
        return self._legs.get(other.uuid) or OtherLeg(
            call_uuid=other.uuid,
            direction=other.direction,
            from_=stored_number(other.from_number, numbers),
            to=stored_number(other.to_number, numbers),
            cause=other.cause,
        )

    def _remember(self, call: KeptCall) -> None:
        self._legs[call.call_uuid] = OtherLeg(
            call_uuid=call.call_uuid,
            gateway=call.gateway,
            direction=call.direction,
            from_=call.from_,
            to=call.to,
            sip_call_id=call.sip_call_id,
            cause=call.cause,
        )
        if len(self._legs) > _REMEMBERED:
            del self._legs[next(iter(self._legs))]
