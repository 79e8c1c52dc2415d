"""What probes show, twice: on /metrics all probes and the guard, and for `GET /probe` one call.

A series of /metrics begins with its probe's configuration, counters at 0, so that a first failure is an
increase. The gauges of a last run describe runs of the probe's own call. A call to another number, or one
that was aborted and so says nothing about the trunk, is only counted. The gauges stay while the node is lost:
they describe the time of the run.

The families of `GET /probe` describe one request and no node, so they are declared here and not among those
of /metrics. They have the names that users of blackbox_exporter know.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Final, NamedTuple

from exporter.config.model import Config, GuardConfig, ProbeConfig
from exporter.metrics import families
from exporter.metrics.exposition import Exemplar, Family, Histogram, Page, Source, Unit, labels
from exporter.probe.record import Answer, CallRecord
from exporter.probe.store import Spent
from exporter.switch.cause import known_cause

_GOT_THROUGH: Final = ("success", "degraded")


class _Series(NamedTuple):
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
    """The figures of all probes of all nodes.

    Args:
        spent: what today has cost so far.
        state_ok: whether calls can be recorded in `state_dir`; None without one.

    Attributes:
        stands_by: whether another exporter runs the schedule of the probe of that name.
        on_ran: called with each call that is over.
    """

    def __init__(self, spent: Callable[[], Spent], state_ok: Callable[[], bool | None]) -> None:
        self.stands_by: Callable[[str], bool] = lambda _: False
        self.on_ran: Callable[[CallRecord], None] = lambda _: None
        self._spent = spent
        self._state_ok = state_ok
        self._runs: dict[_Series, _Runs] = {}
        self._refused = dict.fromkeys(families.REFUSALS, 0)
        self._guard = GuardConfig()

    def configure(self, config: Config) -> None:
        """Begin the series of every probe, end those of probes that are gone."""
        self._guard = config.guard
        configured = {_Series(p.node, p.name, p.gateway): p.interval for p in config.probes.values()}
        for series in list(self._runs):
            if series.probe and series.probe not in config.probes:
                del self._runs[series]
        for series, interval in configured.items():
            self._of(series).interval = interval

    def recall(self, record: CallRecord) -> None:
        """Show a run of an earlier process as the last one, unless there has been one since."""
        runs = self._runs.get(_Series(record.node, record.probe, record.gateway))
        if runs is not None and runs.last is None and _shows(record):
            runs.last = record

    def ran(self, record: CallRecord) -> None:
        """Count a call that is over."""
        series = _Series(record.node, record.probe, record.gateway)
        runs = self._of(series)
        runs.results[record.result or "aborted"] += 1
        if record.result == "failed":
            failure = (record.failed_phase or "originate", known_cause(record.cause))
            runs.failures[failure] = runs.failures.get(failure, 0) + 1
        if record.duration_seconds is not None:
            exemplar = Exemplar(record.call_uuid, record.ended_at or record.started_at)
            runs.duration.observe(record.duration_seconds, exemplar)
        if _shows(record):
            runs.last = record
        self.on_ran(record)

    def not_run(self, settings: ProbeConfig, result: str) -> None:
        """Count a run that ended before a call was placed.

        Args:
            settings: of the call that was not placed.
            result: `refused` or `aborted`.
        """
        self._of(_Series(settings.node, settings.name, settings.gateway)).results[result] += 1

    def refused(self, reason: str) -> None:
        """Count a request that was refused, if the reason is one of `families.REFUSALS`."""
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
        """The collectors of these nodes' probes and of the guard."""
        for node in nodes:
            yield _NodeSource(self, node)
        yield _GuardSource(self)

    def _of(self, series: _Series) -> _Runs:
        runs = self._runs.get(series)
        if runs is None:
            runs = self._runs[series] = _Runs()
        return runs

    # -- writing ------------------------------------------------------------------------------------

    def units_of(self, node: str) -> Iterator[Unit]:
        """One writer for each probe of the node."""
        for series, runs in list(self._runs.items()):
            if series.node == node:
                yield _RunsUnit(series, runs, self.stands_by)

    def write_guard(self, page: Page) -> None:
        """Budget, refusals, and the state of the record."""
        guard, spent = self._guard, self._spent()
        seconds = guard.max_minutes_per_day * 60
        page.add(families.PROBE_BUDGET_CALLS, "", max(guard.max_calls_per_day - spent.calls, 0))
        page.add(families.PROBE_BUDGET_SECONDS, "", max(seconds - spent.seconds, 0))
        page.add(families.PROBE_BUDGET_CALLS_LIMIT, "", guard.max_calls_per_day)
        page.add(families.PROBE_BUDGET_SECONDS_LIMIT, "", seconds)
        state_ok = self._state_ok()
        if state_ok is not None:
            page.add(families.STATE_OK, "", state_ok)
        for reason, count in self._refused.items():
            page.add(families.PROBE_REFUSED, labels(reason=reason), count)


def _shows(record: CallRecord) -> bool:
    """Whether the record is a last run to show."""
    return record.own and record.result in ("success", "degraded", "failed")


class _NodeSource:
    def __init__(self, stats: ProbeStats, node: str) -> None:
        self._stats = stats
        self.node: str | None = node

    def units(self) -> Iterable[Unit]:
        return self._stats.units_of(self.node or "")


class _GuardSource:
    node: str | None = None

    def __init__(self, stats: ProbeStats) -> None:
        self._stats = stats

    def units(self) -> Iterable[Unit]:
        return (self._stats.write_guard,)


class _RunsUnit:
    """Writes all samples of one series."""

    def __init__(self, series: _Series, runs: _Runs, stands_by: Callable[[str], bool]) -> None:
        self._own = str(series)
        self._probe = series.probe
        self._runs = runs
        self._stands_by = stands_by

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
            page.add(families.PROBE_STANDBY, own, self._stands_by(self._probe))
        if runs.last is not None:
            _write_last(page, own, runs.last)


def _write_last(page: Page, own: str, last: CallRecord) -> None:
    page.add(families.PROBE_SUCCESS, own, last.result in _GOT_THROUGH)
    page.add(families.PROBE_DEGRADED, own, last.result == "degraded")
    page.add(families.PROBE_LAST_RUN, own, last.ended_at or last.started_at)
    for phase, seconds in last.phases.items():
        page.add(families.PROBE_PHASE, f'{own},phase="{phase}"', seconds)
    _write_figures(page, own, last, _LAST_FIGURES)


class _Figures(NamedTuple):
    """The families of what may be unknown of a call."""

    sip_status: Family
    packets: Family
    mos: Family
    jitter: Family
    loss: Family
    round_trip: Family


def _write_figures(page: Page, own: str, record: CallRecord, figures: _Figures) -> None:
    media, tone = record.media, record.tone
    for family, value in (
        (figures.sip_status, record.sip_code),
        (figures.packets, media.packets_received if media else None),
        (figures.mos, media.mos if media else None),
        (figures.jitter, media.jitter_seconds if media else None),
        (figures.loss, media.packet_loss_ratio if media else None),
        (figures.round_trip, tone.round_trip_seconds if tone else None),
    ):
        if value is not None:
            page.add(family, own, value)


_LAST_FIGURES: Final = _Figures(
    families.PROBE_SIP_STATUS,
    families.PROBE_PACKETS,
    families.PROBE_MOS,
    families.PROBE_JITTER,
    families.PROBE_PACKET_LOSS,
    families.PROBE_ROUND_TRIP,
)


# -- GET /probe -------------------------------------------------------------------------------------


def _gauge(name: str, meaning: str, *names: str) -> Family:
    return Family(name, "gauge", meaning, names)


SUCCESS: Final = _gauge(
    "probe_success", "1 if the call got through and was heard, or was rejected as expected."
)
DURATION: Final = _gauge("probe_duration_seconds", "How long the call took, from originate to hang-up.")
TIMEOUT: Final = _gauge("probe_timeout_seconds", "How long the client was ready to wait.")
PHASE: Final = _gauge("probe_phase_seconds", "How long each phase of the call took.", "phase")
FAILED_PHASE: Final = _gauge("probe_failed_phase_info", "The phase in which the call failed.", "phase")
SIP_STATUS: Final = _gauge(
    "probe_sip_status_code", "Final SIP status of the far end; absent if it gave none."
)
CAUSE: Final = _gauge("probe_hangup_cause_info", "FreeSWITCH's hang-up cause.", "cause")
MOS: Final = _gauge("probe_mos", "Quality estimate, 1 to 4.5; absent if no packet came.")
JITTER: Final = _gauge("probe_jitter_seconds", "Worst running deviation of packet arrival.")
LOSS: Final = _gauge("probe_packet_loss_ratio", "Share of packets lost on the way to FreeSWITCH.")
ROUND_TRIP: Final = _gauge("probe_round_trip_seconds", "Round trip of the tone, in steps of 20 ms.")
PACKETS: Final = _gauge("probe_packets_received", "Media packets received.")
LAST_RUN: Final = _gauge("probe_last_run_timestamp_seconds", "When the call that is shown here began.")
CACHED: Final = _gauge("probe_cached", "1 if this is the result of an earlier request's call.")
ANSWER_FAMILIES: Final = (
    SUCCESS,
    DURATION,
    TIMEOUT,
    PHASE,
    FAILED_PHASE,
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


_ANSWER_FIGURES: Final = _Figures(SIP_STATUS, PACKETS, MOS, JITTER, LOSS, ROUND_TRIP)


def answer_page(answer: Answer, timeout: float, waited: float, *, openmetrics: bool) -> bytes:
    """The page that answers `GET /probe`.

    Args:
        answer: the call.
        timeout: seconds the client was ready to wait.
        waited: seconds it did wait, shown for a call that is not over.
        openmetrics: write OpenMetrics; else the text format.
    """
    record = answer.record
    page = Page(ANSWER_FAMILIES, openmetrics=openmetrics)
    over = record.result is not None
    page.add(SUCCESS, "", record.result in _GOT_THROUGH)
    page.add(DURATION, "", record.duration_seconds if record.duration_seconds is not None else waited)
    page.add(TIMEOUT, "", timeout)
    page.add(LAST_RUN, "", record.started_at)
    page.add(CACHED, "", answer.cached)
    for phase, seconds in record.phases.items():
        page.add(PHASE, labels(phase=phase), seconds)
    failed = record.failed_phase if over else _PHASE_OF.get(record.status, "originate")
    if failed is not None:
        page.add(FAILED_PHASE, labels(phase=failed), 1)
    if over and record.cause:
        page.add(CAUSE, labels(cause=known_cause(record.cause)), 1)
    _write_figures(page, "", record, _ANSWER_FIGURES)
    return b"".join(page.chunks())
