"""The samples that `GET /probe` answers with: one call, in the names that users of blackbox_exporter know.

These families are about one request and belong to no node's page, so they stand here and not among those of
/metrics.
"""

from typing import Final

from exporter.metrics.exposition import Family, Page, labels
from exporter.probe.record import CallRecord
from exporter.probe.runner import Answer
from exporter.switch.cause import known_cause


def _gauge(name: str, meaning: str, *names: str) -> Family:
    return Family(name, "gauge", meaning, names)


SUCCESS: Final = _gauge(
    "probe_success", "1 if the call got through and was heard, or was rejected as expected."
)
DURATION: Final = _gauge("probe_duration_seconds", "How long the call took, from originate to hang-up.")
TIMEOUT: Final = _gauge("probe_timeout_seconds", "How long the asker was ready to wait.")
PHASE: Final = _gauge("probe_phase_seconds", "How long each phase of the call took.", "phase")
FAILED: Final = _gauge("probe_failed_phase_info", "The phase in which the call failed.", "phase")
SIP_STATUS: Final = _gauge(
    "probe_sip_status_code", "Final SIP status of the far end; absent if it gave none."
)
CAUSE: Final = _gauge("probe_hangup_cause_info", "FreeSWITCH's hang-up cause.", "cause")
MOS: Final = _gauge("probe_mos", "Quality estimate, 1 to 4.5; absent if no packet came.")
JITTER: Final = _gauge("probe_jitter_seconds", "Worst running deviation of packet arrival.")
LOSS: Final = _gauge("probe_packet_loss_ratio", "Share of packets lost on the way to us.")
ROUND_TRIP: Final = _gauge("probe_round_trip_seconds", "Round trip of the tone, in steps of 20 ms.")
PACKETS: Final = _gauge("probe_packets_received", "Media packets received.")
LAST_RUN: Final = _gauge("probe_last_run_timestamp_seconds", "When the call that is shown here began.")
CACHED: Final = _gauge("probe_cached", "1 if this is the result of an earlier request's call.")
FAMILIES: Final = (
    SUCCESS,
    DURATION,
    TIMEOUT,
    PHASE,
    FAILED,
    SIP_STATUS,
    CAUSE,
    MOS,
    JITTER,
    LOSS,
    ROUND_TRIP,
    PACKETS,
    LAST_RUN,
    CACHED,
)
_PHASE_OF: Final = {"ringing": "ringing", "answered": "media"}


def samples(answer: Answer, timeout: float, waited: float, *, openmetrics: bool) -> bytes:
    """The page.

    Args:
        timeout: seconds the asker was ready to wait.
        waited: seconds it did wait, shown for a call that is not over.
    """
    record = answer.record
    page = Page(FAMILIES, openmetrics=openmetrics)
    over = record.result is not None
    page.add(SUCCESS, "", record.result in ("success", "degraded"))
    page.add(DURATION, "", record.duration_seconds if record.duration_seconds is not None else waited)
    page.add(TIMEOUT, "", timeout)
    page.add(LAST_RUN, "", record.started_at)
    page.add(CACHED, "", answer.cached)
    for phase, seconds in record.phases.items():
        page.add(PHASE, labels(phase=phase), seconds)
    failed = record.failed_phase if over else _PHASE_OF.get(record.status, "originate")
    if failed is not None:
        page.add(FAILED, labels(phase=failed), 1)
    if over and record.cause:
        page.add(CAUSE, labels(cause=known_cause(record.cause)), 1)
    _add_media(page, record)
    return b"".join(page.chunks())


def _add_media(page: Page, record: CallRecord) -> None:
    media, tone = record.media, record.tone
    for family, value in (
        (SIP_STATUS, record.sip_code),
        (PACKETS, media.packets_received if media else None),
        (MOS, media.mos if media else None),
        (JITTER, media.jitter_seconds if media else None),
        (LOSS, media.packet_loss_ratio if media else None),
        (ROUND_TRIP, tone.round_trip_seconds if tone else None),
    ):
        if value is not None:
            page.add(family, "", value)
