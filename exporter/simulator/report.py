"""The variables that FreeSWITCH writes when a leg has ended, before CHANNEL_HANGUP_COMPLETE.

Stamps and epochs of every step, durations between them, and the RTP statistics.
"""

from dataclasses import dataclass

from exporter.simulator.clock import local_date
from exporter.simulator.events import Header
from exporter.simulator.media import MediaReport


@dataclass(frozen=True, slots=True)
class Times:
    """Microseconds since the epoch of a leg's steps; 0 for one that did not happen."""

    created: int
    progress: int
    progress_media: int
    answered: int
    bridged: int
    ended: int


def reported(
    times: Times, *, cause: str, q850: int, last_app: str, last_arg: str, caller_id: str
) -> list[Header]:
    """The report FreeSWITCH writes in CS_REPORTING, before CHANNEL_HANGUP_COMPLETE."""
    stamps: list[Header] = [("start_stamp", local_date(times.created))]
    stamps.append(("profile_start_stamp", local_date(times.created)))
    for name, moment in (
        ("answer_stamp", times.answered),
        ("bridge_stamp", times.bridged),
        ("progress_stamp", times.progress),
        ("progress_media_stamp", times.progress_media),
        ("end_stamp", times.ended),
    ):
        if moment:
            stamps.append((name, local_date(moment)))
    return [
        ("hangup_cause", cause),
        ("hangup_cause_q850", str(q850)),
        ("digits_dialed", "none"),
        *stamps,
        *_epochs(times),
        *([("last_app", last_app)] if last_app else []),
        *([("last_arg", last_arg)] if last_arg else []),
        ("caller_id", caller_id),
        *_durations(times),
    ]


def _epochs(times: Times) -> list[Header]:
    def pair(name: str, moment: int) -> list[Header]:
        return [(f"{name}_epoch", str(moment // 1_000_000)), (f"{name}_uepoch", str(moment))]

    return [
        *pair("start", times.created),
        *pair("profile_start", times.created),
        *pair("answer", times.answered),
        *pair("bridge", times.bridged),
        *pair("last_hold", 0),
        ("hold_accum_seconds", "0"),
        ("hold_accum_usec", "0"),
        ("hold_accum_ms", "0"),
        *pair("resurrect", 0),
        *pair("progress", times.progress),
        *pair("progress_media", times.progress_media),
        *pair("end", times.ended),
    ]


def _durations(times: Times) -> list[Header]:
    """Seconds are differences of whole seconds, so ±1 s; milliseconds and microseconds are exact."""
    spans = (
        ("duration", times.created, times.ended),
        ("bill", times.answered, times.ended),
        ("progress", times.created, times.progress),
        ("answer", times.created, times.answered),
        ("wait", times.created, times.bridged),
        ("progress_media", times.created, times.progress_media),
        ("flow_bill", times.answered and times.created, times.ended),
    )
    pairs: list[Header] = []
    for infix, divisor in (("sec", 1_000_000), ("msec", 1_000), ("usec", 1)):
        for name, begin, end in spans:
            length = 0
            if begin and end:
                length = (
                    end // divisor - begin // divisor
                    if divisor == 1_000_000
                    else round((end - begin) / divisor)
                )
            if name == "duration":
                name = {"sec": "duration", "msec": "mduration", "usec": "uduration"}[infix]
                pairs.append((name, str(length)))
            else:
                pairs.append((name + infix, str(length)))
    return pairs


def media_report(report: MediaReport) -> list[Header]:
    """The RTP statistics of a leg whose RTP ever started (facts.md 4.4)."""
    in_, out = "rtp_audio_in_", "rtp_audio_out_"
    return [
        (in_ + "raw_bytes", str(report.in_raw_bytes)),
        (in_ + "media_bytes", str(report.in_media_bytes)),
        (in_ + "packet_count", str(report.in_packets)),
        (in_ + "media_packet_count", str(report.in_media_packets)),
        (in_ + "skip_packet_count", str(report.in_skipped)),
        (in_ + "jitter_packet_count", "0"),
        (in_ + "dtmf_packet_count", "0"),
        (in_ + "cng_packet_count", "0"),
        (in_ + "flush_packet_count", str(report.in_flushed)),
        (in_ + "largest_jb_size", "0"),
        (in_ + "jitter_min_variance", f"{report.jitter_min_variance:.2f}"),
        (in_ + "jitter_max_variance", f"{report.jitter_max_variance:.2f}"),
        (in_ + "jitter_loss_rate", f"{report.loss_rate:.2f}"),
        (in_ + "jitter_burst_rate", "0.00"),
        (in_ + "mean_interval", f"{report.mean_interval:.2f}"),
        (in_ + "flaw_total", str(report.flaws)),
        (in_ + "quality_percentage", f"{report.quality:.2f}"),
        (in_ + "mos", f"{report.mos:.2f}"),
        (out + "raw_bytes", str(report.out_raw_bytes)),
        (out + "media_bytes", str(report.out_raw_bytes)),
        (out + "packet_count", str(report.out_packets)),
        (out + "media_packet_count", str(report.out_packets)),
        (out + "skip_packet_count", "0"),
        (out + "dtmf_packet_count", "0"),
        (out + "cng_packet_count", "0"),
        ("rtp_audio_rtcp_packet_count", "0"),
        ("rtp_audio_rtcp_octet_count", "0"),
    ]
