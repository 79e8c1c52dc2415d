"""A probe's settings and the record of a call, as tests need them: the lab's numbers, short times."""

from typing import Any

from exporter.config.model import ProbeConfig
from exporter.probe.record import CallRecord, MediaRecord

ECHO = "+15550000001"


def settings(**changes: Any) -> ProbeConfig:
    """A probe of the lab's echoing number, with the changes."""
    fields: dict[str, Any] = {
        "name": "lab-echo",
        "node": "fs1",
        "gateway": "telnyx",
        "destination": ECHO,
        "caller_id": "+19495431333",
        "ring_timeout": 5.0,
        "talk_time": 5.0,
        "variables": {"call_direction": "outbound"},
    }
    return ProbeConfig(**(fields | changes))


RECORD = CallRecord(
    call_uuid="70726f62-beef-4010-8abc-0123456789ab",
    probe="lab-echo",
    node="fs1",
    gateway="telnyx",
    destination=ECHO,
    application="echo",
    own=True,
    started_at=1_800_000_000.0,
    status="ended",
    result="failed",
    failed_phase="media",
    cause="NORMAL_CLEARING",
    ended_at=1_800_000_007.0,
    duration_seconds=7.0,
    media=MediaRecord(packets_received=0, packets_sent=250, packets_expected=250),
)
