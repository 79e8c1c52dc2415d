"""The audio of a call: packets in and out, loss, jitter, and FreeSWITCH's figures of them.

Strategy: no RTP is sent. A leg records when it was sending; a `Path` says what the far end and the network
do with it; `measured` computes the counters of the RTP engine from both. The formulas are FreeSWITCH's
(switch_rtp.c): MOS and quality look at flaws only, and read 4.50 and 100 when no packet came at all.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import random

PACKET_SECONDS: Final = 0.02
LOSS_WINDOW_SECONDS: Final = 8.0  # tried.md 3: before that jitter_loss_rate still reads 0.00


@dataclass(frozen=True, slots=True)
class Path:
    """What comes back on a leg.

    Attributes:
        echoes: the far end sends back what it hears.
        speaks: the far end sends audio of its own all the time.
        tone: that audio is the probe's 1004 Hz.
        hears: the far end receives FreeSWITCH's packets.
        heard: FreeSWITCH receives the far end's packets.
        loss: share of the packets towards FreeSWITCH that are lost, 0 to 1.
        jitter: seconds of deviation between packets towards FreeSWITCH.
        round_trip: seconds until an echo is back.
        startup: packets an echo or far end loses until it is going.
    """

    echoes: bool = False
    speaks: bool = False
    tone: bool = False
    hears: bool = True
    heard: bool = True
    loss: float = 0.0
    jitter: float = 0.015
    round_trip: float = 0.0
    startup: int = 2

    def returns_audio(self) -> bool:
        """What FreeSWITCH sends comes back."""
        return self.echoes and self.hears and self.heard


SILENT: Final = Path()
SPEAKING: Final = Path(speaks=True)


@dataclass(frozen=True, slots=True)
class MediaReport:
    """The RTP counters of one leg."""

    in_packets: int
    in_media_packets: int
    in_raw_bytes: int
    in_media_bytes: int
    in_skipped: int
    in_flushed: int
    out_packets: int
    out_raw_bytes: int
    flaws: int
    jitter_min_variance: float
    jitter_max_variance: float
    loss_rate: float
    mean_interval: float
    quality: float
    mos: float


def measured(
    path: Path,
    *,
    connected: float,
    early: float,
    early_ignored: bool,
    sent: float,
    mute: float,
    packet_bytes: int,
    rng: "random.Random",
) -> MediaReport:
    """The counters of a call up to now.

    Args:
        path: what comes back.
        connected: seconds between the answer and the end.
        early: seconds of early media before the answer.
        early_ignored: no application read the early media, so it was flushed at the answer.
        sent: seconds during which FreeSWITCH sent audio.
        mute: seconds at the end during which the far end's audio did not arrive.
        packet_bytes: bytes of one packet with its RTP header.
        rng: what losses and jitter are drawn from.
    """
    out_packets = round(sent / PACKET_SECONDS)
    returned = 0
    if path.heard:
        if path.speaks:
            returned = max(0, round(connected / PACKET_SECONDS) - path.startup)
        elif path.echoes and path.hears:
            late = round(path.round_trip / PACKET_SECONDS)
            returned = max(0, out_packets - path.startup - late)
    returned = max(0, returned - round(mute / PACKET_SECONDS))
    lost = sum(rng.random() < path.loss for _ in range(returned)) if path.loss else 0
    media_packets = returned - lost
    early_packets = max(0, round(early / PACKET_SECONDS) - 1) if path.heard else 0
    flushed = early_packets if early_ignored else 0
    if not early_ignored:
        media_packets += early_packets
    packets = media_packets + flushed
    flaws = lost if lost <= media_packets else 0
    quality = 100.0 * (media_packets - flaws) / media_packets if media_packets and flaws else 100.0
    healthy = path.jitter * 1000
    worst = healthy * rng.uniform(0.9, 1.3)
    jittered = media_packets > 10
    return MediaReport(
        in_packets=packets,
        in_media_packets=media_packets,
        in_raw_bytes=packets * packet_bytes,
        in_media_bytes=media_packets * packet_bytes,
        in_skipped=max(0, round((connected + early) / PACKET_SECONDS) - media_packets),
        in_flushed=flushed,
        out_packets=out_packets,
        out_raw_bytes=out_packets * packet_bytes,
        flaws=flaws,
        jitter_min_variance=rng.uniform(0.01, 0.4) if jittered else 0.0,
        jitter_max_variance=worst * worst if jittered else 0.0,
        loss_rate=min(1.0, path.loss * rng.uniform(0.95, 1.2)) if connected >= LOSS_WINDOW_SECONDS else 0.0,
        mean_interval=20.0 / (1 - path.loss) if jittered and path.loss < 1 else 0.0,
        quality=quality,
        mos=mean_opinion_score(quality),
    )


def mean_opinion_score(quality: float) -> float:
    """switch_rtp.c's MOS from the percentage of packets without flaw."""
    score = 1 + 0.035 * quality + 0.000007 * quality * (quality - 60) * (100 - quality)
    return max(1.0, min(4.5, score))
