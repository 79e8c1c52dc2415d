"""What probes show on /metrics and for `GET /probe`, and when their series begin and end."""

import asyncio
import time
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

import pytest
from msgspec.structs import replace

from exporter.clock import Clock
from exporter.config.model import Config, GuardConfig
from exporter.metrics.exposition import Page, render
from exporter.metrics.families import FAMILIES, PROBE_RESULTS, REFUSALS
from exporter.probe.collector import ProbeStats, answer_page
from exporter.probe.observation import State
from exporter.probe.record import Answer, ToneRecord
from exporter.probe.store import Spent
from tests.probe.lab import opened
from tests.probe.settings import RECORD, settings
from tests.support.tools import program

OWN = 'node="fs1",probe="lab-echo",gateway="telnyx"'


def config(*names: str, **changes: object) -> Config:
    return Config(probes={name: settings(name=name, **changes) for name in names})


def made() -> ProbeStats:
    return ProbeStats(lambda: Spent("2027-01-15", 0, 0.0), lambda: None)


async def page(stats: ProbeStats, *, openmetrics: bool = False) -> str:
    empty = Page(FAMILIES.values(), openmetrics=openmetrics)
    return b"".join(await render(empty, stats.sources(["fs1"]), Clock())).decode()


async def samples(stats: ProbeStats) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in (await page(stats)).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def test_counters_are_zero_before_the_first_run() -> None:
    stats = made()
    stats.configure(config("lab-echo", interval=300.0))
    shown = await samples(stats)
    for result in PROBE_RESULTS:
        assert shown[f'freeswitch_probe_runs_total{{{OWN},result="{result}"}}'] == 0
    for reason in REFUSALS:
        assert shown[f'freeswitch_probe_refused_total{{reason="{reason}"}}'] == 0
    assert shown[f"freeswitch_probe_interval_seconds{{{OWN}}}"] == 300
    assert (
        shown["freeswitch_probe_budget_calls_limit"]
        == shown["freeswitch_probe_budget_calls_remaining"]
        == 400
    )
    unknown = ("success", "degraded", "mos", "last_run", "phase_seconds", "duration_seconds", "failures")
    assert not [
        name for name in shown if name.startswith(tuple(f"freeswitch_probe_{word}" for word in unknown))
    ]


async def test_a_call_elsewhere_or_aborted_counts_but_is_no_last_run() -> None:
    stats = made()
    stats.configure(config("lab-echo"))
    stats.ran(replace(RECORD, own=False))
    stats.ran(replace(RECORD, result="aborted", failed_phase=None))
    shown = await samples(stats)
    assert shown[f'freeswitch_probe_runs_total{{{OWN},result="failed"}}'] == 1
    assert shown[f'freeswitch_probe_runs_total{{{OWN},result="aborted"}}'] == 1
    assert shown[f"freeswitch_probe_duration_seconds_count{{{OWN}}}"] == 2
    assert f"freeswitch_probe_success{{{OWN}}}" not in shown


async def test_calls_of_no_probe_have_no_name() -> None:
    stats = made()
    stats.ran(replace(RECORD, probe="", own=False))
    shown = await samples(stats)
    assert shown['freeswitch_probe_runs_total{node="fs1",probe="",gateway="telnyx",result="failed"}'] == 1


async def test_a_cause_from_outside_is_no_label() -> None:
    stats = made()
    stats.ran(replace(RECORD, cause='<script>"'))
    failures = [name for name in await samples(stats) if "failures" in name]
    assert failures == [f'freeswitch_probe_failures_total{{{OWN},phase="media",cause="other"}}']


async def test_series_end_with_their_probe() -> None:
    stats = made()
    stats.configure(config("lab-echo", "other", interval=60.0))
    stats.not_run(settings(name=""), "refused")
    stats.configure(config("other"))
    shown = await samples(stats)
    assert not [name for name in shown if "lab-echo" in name]
    assert not [name for name in shown if "interval" in name]
    assert [name for name in shown if 'probe=""' in name]


async def test_the_last_run_of_an_earlier_process_is_shown_until_there_is_another() -> None:
    stats = made()
    stats.configure(config("lab-echo"))
    stats.recall(RECORD)
    stats.recall(replace(RECORD, started_at=1.0, result="success"))  # older still
    stats.recall(replace(RECORD, probe="gone"))
    shown = await samples(stats)
    assert shown[f"freeswitch_probe_success{{{OWN}}}"] == 0
    assert shown[f"freeswitch_probe_last_run_timestamp_seconds{{{OWN}}}"] == 1_800_000_007
    assert shown[f'freeswitch_probe_runs_total{{{OWN},result="failed"}}'] == 0
    assert stats.last_start("lab-echo") == RECORD.started_at
    assert [record.call_uuid for record in stats.last_runs()] == [RECORD.call_uuid]
    stats.ran(replace(RECORD, result="success", failed_phase=None))
    assert (await samples(stats))[f"freeswitch_probe_success{{{OWN}}}"] == 1


async def test_the_budget_never_goes_below_nothing() -> None:
    stats = ProbeStats(lambda: Spent("2027-01-15", 5, 90.0), lambda: None)
    stats.configure(Config(guard=GuardConfig(max_calls_per_day=2, max_minutes_per_day=1)))
    shown = await samples(stats)
    assert shown["freeswitch_probe_budget_calls_remaining"] == 0
    assert shown["freeswitch_probe_budget_seconds_remaining"] == 0


async def test_promtool_finds_no_fault() -> None:
    stats = made()
    stats.configure(config("lab-echo"))
    stats.ran(RECORD)
    text = (await page(stats)).encode()
    checked = await asyncio.create_subprocess_exec(
        *(program("promtool"), "check", "metrics"), stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await checked.communicate(text)
    assert (checked.returncode, said) == (0, b"")
    assert 'call_uuid="70726f62' in await page(stats, openmetrics=True)


async def test_a_schedule_fills_the_page(tmp_path: Path) -> None:
    """Interval, run, result, and what the next process shows of them."""
    probe = settings(destination="+15550000002", interval=0.2)
    async with opened(probe, state_dir=tmp_path) as lab:
        failed = f'freeswitch_probe_runs_total{{{OWN},result="failed"}}'
        async with asyncio.timeout(15):
            while (await lab.metrics())[failed] < 2:  # noqa: ASYNC110 - nothing tells when a metric changes
                await asyncio.sleep(0.05)
    async with opened(settings(destination="+15550000002"), state_dir=tmp_path) as lab:
        shown = await lab.metrics()
        assert shown[failed] == 0
        assert shown[f"freeswitch_probe_success{{{OWN}}}"] == 0
        assert time.time() - shown[f"freeswitch_probe_last_run_timestamp_seconds{{{OWN}}}"] < 60
        assert shown["freeswitch_probe_budget_calls_remaining"] <= 398


# -- GET /probe -------------------------------------------------------------------------------------


def answered(answer: Answer) -> dict[str, float]:
    text = answer_page(answer, timeout=29.5, waited=29.6, openmetrics=False).decode()
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


@pytest.mark.parametrize(
    ("status", "phase"),
    [("initiated", "originate"), ("dialing", "originate"), ("ringing", "ringing"), ("answered", "media")],
)
def test_a_call_that_outlasts_its_client_has_failed_where_it_is(status: State, phase: str) -> None:
    record = replace(RECORD, status=status, result=None, failed_phase=None, duration_seconds=None, media=None)
    shown = answered(Answer(record))
    assert shown["probe_success"] == 0
    assert shown["probe_duration_seconds"] == 29.6
    assert [name for name in shown if "failed" in name] == [f'probe_failed_phase_info{{phase="{phase}"}}']
    assert not [name for name in shown if "cause" in name]


def test_an_aborted_call_failed_in_no_phase() -> None:
    shown = answered(Answer(replace(RECORD, result="aborted", failed_phase=None, cause="")))
    assert shown["probe_success"] == 0
    assert not [name for name in shown if "failed" in name or "cause" in name]


def test_a_degraded_call_got_through() -> None:
    tone = ToneRecord(returned=True, before_ours=False, round_trip_seconds=0.24)
    shown = answered(Answer(replace(RECORD, result="degraded", failed_phase=None, tone=tone), cached=True))
    assert (shown["probe_success"], shown["probe_cached"]) == (1, 1)
    assert shown["probe_round_trip_seconds"] == 0.24
