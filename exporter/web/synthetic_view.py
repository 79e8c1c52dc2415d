"""The latest synthetic calls in words. Pure functions."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from exporter.diagnosis.finding import Status, shown
from exporter.history.times import time_of_day
from exporter.probe.record import CallRecord

_RESULTS: Final[dict[str | None, Status]] = {"success": "pass", "degraded": "warn", "failed": "fail"}


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a call; `begin` and `length` are per mille of the bar."""

    name: str
    seconds: float
    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class CallCard:
    """One synthetic call."""

    key: str
    when: str
    name: str
    gateway: str
    status: Status
    result: str
    message: str
    phases: tuple[Phase, ...]
    quality: str


def call_card(record: CallRecord, now: float) -> CallCard:
    """One call; `now` is in epoch seconds."""
    media = record.media
    quality = []
    if media is not None:
        quality.append(f"{media.packets_received} packets")
        if media.mos is not None:
            quality.append(f"MOS {media.mos:.1f}")
        if media.packet_loss_ratio is not None:
            quality.append(f"{media.packet_loss_ratio:.1%} lost")
    if record.tone is not None and record.tone.round_trip_seconds is not None:
        quality.append(f"round trip {record.tone.round_trip_seconds * 1000:.0f} ms")
    if record.result == "failed" and record.sip_call_id:
        quality.append(f"SIP Call-ID {shown(record.sip_call_id)}")
    return CallCard(
        key=record.call_uuid,
        when=time_of_day(record.started_at, now),
        name=shown(record.probe) or "on demand",
        gateway=shown(record.gateway),
        status=_RESULTS.get(record.result, "not_checked"),
        result=record.result or record.status,
        message=shown(record.message, 200),
        phases=_phases(record.phases),
        quality=", ".join(quality),
    )


def _phases(phases: Mapping[str, float]) -> tuple[Phase, ...]:
    total = sum(phases.values()) or 1.0
    bars = []
    begin = 0.0
    for name, seconds in phases.items():
        bars.append(Phase(name, seconds, round(begin / total * 1000), round(seconds / total * 1000)))
        begin += seconds
    return tuple(bars)
