"""What is counted of the legs of one gateway in one direction."""

from typing import NamedTuple

from exporter.metrics import families
from exporter.metrics.exposition import Exemplar, Histogram
from exporter.switch.cause import known_cause
from exporter.switch.leg import LegEnd, Media
from exporter.switch.provider import Provider, ProviderCode, has_failed
from exporter.switch.sip import known_code


class Ended(NamedTuple):
    """Legs that ended one way: how many, and the latest of them."""

    legs: int
    exemplar: Exemplar | None


class CallStats:
    """Counters and histograms; started + learned = hang-ups + lost + active at any time.

    Args:
        gateway: the label under which they are counted; empty for legs that used none.
        provider: whose codes the reason phrases of rejections end with; None if unknown.

    Attributes:
        failed: unanswered legs of those that ended (exporter.switch.provider.has_failed).
        hangups: by cause (a label value) and whether the leg was answered.
        sip_responses: by SIP status (a label value).
        rejections: by the provider's code and its class.
        local_failures: legs that FreeSWITCH failed itself, by the words of local_failure.LOCAL_FAILURES.
        live_sampled, live_silent: running legs whose audio was judged last, and those that were silent.
        live_packet_loss: of the windows of running legs that were looked at (live_audio.py).
    """

    __slots__ = (
        "active",
        "answer",
        "answered",
        "duration",
        "failed",
        "gateway",
        "hangups",
        "jitter",
        "learned",
        "live_packet_loss",
        "live_sampled",
        "live_silent",
        "local_failures",
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

    def __init__(self, gateway: str, provider: Provider | None = None) -> None:
        self.gateway = gateway
        self.provider = provider
        self.started = self.answered = self.learned = self.lost = self.active = self.without_media = 0
        self.failed = self.live_sampled = self.live_silent = 0
        self.hangups: dict[tuple[str, bool], Ended] = {}
        self.sip_responses: dict[str, int] = {}
        self.rejections: dict[tuple[str, str], int] = {}
        self.local_failures: dict[str, int] = {}
        self.post_dial_delay = Histogram(families.CALL_POST_DIAL_DELAY)
        self.answer = Histogram(families.CALL_ANSWER)
        self.duration = Histogram(families.CALL_DURATION)
        self.mos = Histogram(families.CALL_MOS)
        self.jitter = Histogram(families.CALL_JITTER)
        self.packet_loss = Histogram(families.CALL_PACKET_LOSS)
        self.live_packet_loss = Histogram(families.LIVE_CALL_PACKET_LOSS)

    def count_end(self, end: LegEnd, exemplar: Exemplar | None) -> ProviderCode | None:
        """Count a leg that was active and ended; the provider's code in its rejection, if there is one."""
        self.active -= 1
        talk = end.talk_seconds
        key = (known_cause(end.cause), talk is not None)
        legs, earlier = self.hangups.get(key, (0, None))
        self.hangups[key] = Ended(legs + 1, exemplar or earlier)
        if end.local_failure:
            self.local_failures[end.local_failure] = self.local_failures.get(end.local_failure, 0) + 1
        code = self._count_rejection(end) if end.sip_code else None
        if talk is None:
            self.failed += has_failed(end.cause, code)
        else:
            self.duration.observe(talk, exemplar)
            if end.media is not None:
                self._count_media(end.media, exemplar)
        return code

    def _count_rejection(self, end: LegEnd) -> ProviderCode | None:
        """Count the final SIP answer, and the provider's code in it, if there is one."""
        code = known_code(end.sip_code)
        self.sip_responses[code] = self.sip_responses.get(code, 0) + 1
        found = self.provider.find(end.phrase) if self.provider is not None else None
        if found is not None:
            kind = (found.code, found.class_)
            self.rejections[kind] = self.rejections.get(kind, 0) + 1
        return found

    def _count_media(self, media: Media, exemplar: Exemplar | None) -> None:
        if media.mos is not None:
            self.mos.observe(media.mos, exemplar)
        if media.jitter_seconds is not None:
            self.jitter.observe(media.jitter_seconds, exemplar)
        if media.loss_ratio is not None:
            self.packet_loss.observe(media.loss_ratio, exemplar)
        if media.silent:
            self.without_media += 1
