"""What probes show: runs counted, the last run of each, what may still be spent, what was refused.

A series begins with its probe's configuration, counters at 0, so that a first failure is an increase. The
gauges of a last run describe runs of the probe's own call; a call to another number, or one that was aborted
and so says nothing about the trunk, is only counted. They stay while the node is lost: they are about then,
not about now.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from exporter.config.model import Config, GuardConfig
from exporter.metrics import families
from exporter.metrics.exposition import Exemplar, Histogram, Page, Source, Unit, labels
from exporter.probe.record import CallRecord
from exporter.probe.store import Spent
from exporter.switch.cause import known_cause


class Series(NamedTuple):
    """The labels of a probe's families."""

    node: str
    probe: str
    gateway: str

    def __str__(self) -> str:
        return labels(node=self.node, probe=self.probe, gateway=self.gateway)


class _Runs:
    """What is counted of one series."""

    def __init__(self) -> None:
        self.interval: float | None = None
        self.results = dict.fromkeys(families.PROBE_RESULTS, 0)
        self.failures: dict[tuple[str, str], int] = {}
        self.duration = Histogram(families.PROBE_DURATION)
        self.last: CallRecord | None = None


class ProbeStats:
    """The figures of all probes of all nodes."""

    def __init__(self) -> None:
        self._runs: dict[Series, _Runs] = {}
        self._refused = dict.fromkeys(families.REFUSALS, 0)
        self._guard = GuardConfig()
        self.spent: Callable[[], Spent] = lambda: Spent("", 0, 0.0)

    def configure(self, config: Config) -> None:
        """Begin the series of every probe, end those of probes that are gone."""
        self._guard = config.guard
        configured = {Series(p.node, p.name, p.gateway): p.interval for p in config.probes.values()}
        for series in list(self._runs):
            if series.probe and series.probe not in config.probes:
                del self._runs[series]
        for series, interval in configured.items():
            self._of(series).interval = interval

    def recall(self, record: CallRecord) -> None:
        """Show a run of an earlier life as the last one, unless there has been one since."""
        runs = self._runs.get(Series(record.node, record.probe, record.gateway))
        if runs is not None and runs.last is None and _tells(record):
            runs.last = record

    def ran(self, record: CallRecord) -> None:
        """Count a call that is over."""
        series = Series(record.node, record.probe, record.gateway)
        runs = self._of(series)
        runs.results[record.result or "aborted"] += 1
        if record.result == "failed":
            failure = (record.failed_phase or "originate", known_cause(record.cause))
            runs.failures[failure] = runs.failures.get(failure, 0) + 1
        if record.duration_seconds is not None:
            exemplar = Exemplar(record.call_uuid, record.ended_at or record.started_at)
            runs.duration.observe(record.duration_seconds, exemplar)
        if _tells(record):
            runs.last = record

    def not_run(self, series: Series, result: str) -> None:
        """Count a run that came to nothing before a call was placed: `refused` or `aborted`."""
        self._of(series).results[result] += 1

    def refused(self, reason: str) -> None:
        """Count a request that was refused; a reason that is no refusal of the guard's is not counted."""
        if reason in self._refused:
            self._refused[reason] += 1

    def last_start(self, probe: str) -> float | None:
        """Epoch seconds at which the probe's last known run began."""
        starts = [
            runs.last.started_at for series, runs in self._runs.items() if series.probe == probe and runs.last
        ]
        return max(starts, default=None)

    def last_runs(self) -> list[CallRecord]:
        """The last run of every probe, newest first."""
        last = [runs.last for runs in self._runs.values() if runs.last is not None]
        return sorted(last, key=lambda record: record.started_at, reverse=True)

    def sources(self, nodes: Iterable[str]) -> Iterator[Source]:
        """Where the samples of these nodes' probes, and of the guard, are to be had."""
        for node in nodes:
            yield _NodeSource(self, node)
        yield _GuardSource(self)

    def _of(self, series: Series) -> _Runs:
        runs = self._runs.get(series)
        if runs is None:
            runs = self._runs[series] = _Runs()
        return runs

    # -- writing
    # ----------------------------------------------------------------------------------------------

    def units_of(self, node: str) -> Iterator[Unit]:
        """One writer for each probe of the node."""
        for series, runs in list(self._runs.items()):
            if series.node == node:
                yield _RunsUnit(series, runs)

    def write_guard(self, page: Page) -> None:
        """Budget and refusals."""
        guard, spent = self._guard, self.spent()
        seconds = guard.max_minutes_per_day * 60
        page.add(families.PROBE_BUDGET_CALLS, "", max(guard.max_calls_per_day - spent.calls, 0))
        page.add(families.PROBE_BUDGET_SECONDS, "", max(seconds - spent.seconds, 0))
        page.add(families.PROBE_BUDGET_CALLS_LIMIT, "", guard.max_calls_per_day)
        page.add(families.PROBE_BUDGET_SECONDS_LIMIT, "", seconds)
        for reason, count in self._refused.items():
            page.add(families.PROBE_REFUSED, labels(reason=reason), count)


def _tells(record: CallRecord) -> bool:
    """Whether the record is a last run to show."""
    return record.own and record.result in ("success", "degraded", "failed")


class _NodeSource:
    def __init__(self, tally: ProbeStats, node: str) -> None:
        self._tally = tally
        self.node: str | None = node

    def units(self) -> Iterable[Unit]:
        return self._tally.units_of(self.node or "")


class _GuardSource:
    node: str | None = None

    def __init__(self, tally: ProbeStats) -> None:
        self._tally = tally

    def units(self) -> Iterable[Unit]:
        return (self._tally.write_guard,)


class _RunsUnit:
    """Writes all samples of one series."""

    def __init__(self, series: Series, runs: _Runs) -> None:
        self._own = str(series)
        self._runs = runs

    def __call__(self, page: Page) -> None:
        own, runs = self._own, self._runs
        for result, count in runs.results.items():
            page.add(families.PROBE_RUNS, f'{own},result="{result}"', count)
        for (phase, cause), count in runs.failures.items():
            page.add(families.PROBE_FAILURES, f'{own},phase="{phase}",cause="{cause}"', count)
        if sum(runs.duration.counts):
            page.histogram(families.PROBE_DURATION, own, runs.duration)
        if runs.interval is not None:
            page.add(families.PROBE_INTERVAL, own, runs.interval)
        if runs.last is not None:
            _write_last(page, own, runs.last)


def _write_last(page: Page, own: str, last: CallRecord) -> None:
    media, tone = last.media, last.tone
    page.add(families.PROBE_SUCCESS, own, last.result in ("success", "degraded"))
    page.add(families.PROBE_DEGRADED, own, last.result == "degraded")
    page.add(families.PROBE_LAST_RUN, own, last.ended_at or last.started_at)
    for phase, seconds in last.phases.items():
        page.add(families.PROBE_PHASE, f'{own},phase="{phase}"', seconds)
    for family, value in (
        (families.PROBE_SIP_STATUS, last.sip_code),
        (families.PROBE_PACKETS, media.packets_received if media else None),
        (families.PROBE_MOS, media.mos if media else None),
        (families.PROBE_JITTER, media.jitter_seconds if media else None),
        (families.PROBE_PACKET_LOSS, media.packet_loss_ratio if media else None),
        (families.PROBE_ROUND_TRIP, tone.round_trip_seconds if tone else None),
    ):
        if value is not None:
            page.add(family, own, value)
