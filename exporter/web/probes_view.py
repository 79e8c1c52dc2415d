"""The probes in words: each with its last runs as bars, and its latest call in full. Pure functions."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.diagnosis.finding import Status, shown
from exporter.history.times import time_of_day
from exporter.probe.record import CallRecord
from exporter.web.past_words import listed

RUNS: Final = 20  # bars of one probe
ON_DEMAND: Final = "on demand"
_RESULTS: Final[dict[str | None, Status]] = {"success": "pass", "degraded": "warn", "failed": "fail"}
_WORDS: Final[dict[Status, str]] = {
    "pass": "succeeded",
    "warn": "degraded",
    "fail": "failed",
    "not_checked": "aborted or under way",
}


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of a call; `begin` and `length` are per mille of the bar."""

    name: str
    seconds: float
    begin: int
    length: int


@dataclass(frozen=True, slots=True)
class ProbeRow:
    """One probe, or all calls on demand.

    Attributes:
        runs: the status of each of the last runs, the oldest first. runs_text: the same in words.
        status, result: of the latest; `not_checked` and empty if there is none.
        when: the latest began. message, phases, quality: of it.
    """

    key: str
    name: str
    gateway: str
    runs: tuple[Status, ...]
    runs_text: str
    status: Status
    result: str
    when: str
    message: str
    phases: tuple[Phase, ...]
    quality: str


def probe_rows(probes: Mapping[str, str], calls: Iterable[CallRecord], now: float) -> tuple[ProbeRow, ...]:
    """One row for each probe, then one for calls on demand, if there were any.

    Args:
        probes: of the config: name to gateway.
        calls: the latest, newest first.
        now: epoch seconds.
    """
    by_probe: dict[str, list[CallRecord]] = {name: [] for name in probes}
    for record in calls:
        by_probe.setdefault(record.probe, []).append(record)
    on_demand = by_probe.pop("", [])
    rows = [_row(name, probes.get(name, ""), records, now) for name, records in by_probe.items()]
    return (*rows, *((_row("", "", on_demand, now),) if on_demand else ()))


def _row(name: str, gateway: str, records: Sequence[CallRecord], now: float) -> ProbeRow:
    runs = tuple(_status(record) for record in reversed(records[:RUNS]))
    latest = records[0] if records else None
    return ProbeRow(
        key=shown(name) or ON_DEMAND,
        name=shown(name) or ON_DEMAND,
        gateway=shown(latest.gateway if latest is not None else gateway),
        runs=runs,
        runs_text=_runs_text(runs),
        status=_status(latest) if latest is not None else "not_checked",
        result=(latest.result or latest.status) if latest is not None else "",
        when=time_of_day(latest.started_at, now) if latest is not None else "",
        message=shown(latest.message, 300) if latest is not None else "",
        phases=_phases(latest.phases) if latest is not None else (),
        quality=_quality(latest) if latest is not None else "",
    )


def _status(record: CallRecord) -> Status:
    return _RESULTS.get(record.result, "not_checked")


def _runs_text(runs: Sequence[Status]) -> str:
    """`last 20 runs: 18 succeeded, 2 failed`."""
    if len(runs) < 2:
        return f"one run: {_WORDS[runs[0]]}" if runs else "no run yet"
    counts = [(runs.count(status), word) for status, word in _WORDS.items()]
    return f"last {len(runs)} runs: {listed(f'{count} {word}' for count, word in counts if count)}"


def _quality(record: CallRecord) -> str:
    media = record.media
    quality = []
    if media is not None:
        quality.append(f"{media.packets_received} packets received")
        if media.mos is not None:
            quality.append(f"MOS {media.mos:.1f}")
        if media.packet_loss_ratio is not None:
            quality.append(f"{media.packet_loss_ratio * 100:.1f} % lost")
    quality = [part for part in quality if part not in record.message]  # which says some of it as a rule
    if record.tone is not None and record.tone.round_trip_seconds is not None:
        quality.append(f"round trip {record.tone.round_trip_seconds * 1000:.0f} ms")
    if record.result == "failed" and record.sip_call_id:
        quality.append(f"SIP Call-ID {shown(record.sip_call_id)}")
    return ", ".join(quality)


def _phases(phases: Mapping[str, float]) -> tuple[Phase, ...]:
    total = sum(phases.values()) or 1.0
    bars = []
    begin = 0.0
    for name, seconds in phases.items():
        bars.append(Phase(name, seconds, round(begin / total * 1000), round(seconds / total * 1000)))
        begin += seconds
    return tuple(bars)
