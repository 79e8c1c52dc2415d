"""What probes show, and when their series begin and end."""

import asyncio
import time
from asyncio.subprocess import PIPE, STDOUT
from pathlib import Path

from msgspec.structs import replace

from exporter.clock import Clock
from exporter.config.model import Config, GuardConfig
from exporter.metrics.exposition import Page, render
from exporter.metrics.families import FAMILIES, PROBE_RESULTS, REFUSALS
from exporter.probe.collector import ProbeStats, Series
from exporter.probe.record import CallRecord, MediaRecord
from exporter.probe.store import Spent
from tests.probe.lab import opened, until
from tests.probe.settings import ECHO, settings
from tests.support.tools import program

OWN = 'node="fs1",probe="lab-echo",gateway="telnyx"'
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


def config(*names: str, **changes: object) -> Config:
    return Config(probes={name: settings(name=name, **changes) for name in names})


async def page(tally: ProbeStats, *, openmetrics: bool = False) -> str:
    made = Page(FAMILIES.values(), openmetrics=openmetrics)
    return b"".join(await render(made, tally.sources(["fs1"]), Clock())).decode()


async def samples(tally: ProbeStats) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in (await page(tally)).splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def test_counters_stand_at_zero_before_the_first_run() -> None:
    tally = ProbeStats()
    tally.configure(config("lab-echo", interval=300.0))
    shown = await samples(tally)
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
    tally = ProbeStats()
    tally.configure(config("lab-echo"))
    tally.ran(replace(RECORD, own=False))
    tally.ran(replace(RECORD, result="aborted", failed_phase=None))
    shown = await samples(tally)
    assert shown[f'freeswitch_probe_runs_total{{{OWN},result="failed"}}'] == 1
    assert shown[f'freeswitch_probe_runs_total{{{OWN},result="aborted"}}'] == 1
    assert shown[f"freeswitch_probe_duration_seconds_count{{{OWN}}}"] == 2
    assert f"freeswitch_probe_success{{{OWN}}}" not in shown


async def test_calls_of_no_probe_have_no_name() -> None:
    tally = ProbeStats()
    tally.ran(replace(RECORD, probe="", own=False))
    shown = await samples(tally)
    assert shown['freeswitch_probe_runs_total{node="fs1",probe="",gateway="telnyx",result="failed"}'] == 1


async def test_a_cause_from_outside_is_no_label() -> None:
    tally = ProbeStats()
    tally.ran(replace(RECORD, cause='<script>"'))
    failures = [name for name in await samples(tally) if "failures" in name]
    assert failures == [f'freeswitch_probe_failures_total{{{OWN},phase="media",cause="other"}}']


async def test_series_end_with_their_probe() -> None:
    tally = ProbeStats()
    tally.configure(config("lab-echo", "other", interval=60.0))
    tally.not_run(Series("fs1", "", "telnyx"), "refused")
    tally.configure(config("other"))
    shown = await samples(tally)
    assert not [name for name in shown if "lab-echo" in name]
    assert not [name for name in shown if "interval" in name]
    assert [name for name in shown if 'probe=""' in name]


async def test_an_earlier_lifes_last_run_is_shown_until_there_is_another() -> None:
    tally = ProbeStats()
    tally.configure(config("lab-echo"))
    tally.recall(RECORD)
    tally.recall(replace(RECORD, started_at=1.0, result="success"))  # older still
    tally.recall(replace(RECORD, probe="gone"))
    shown = await samples(tally)
    assert shown[f"freeswitch_probe_success{{{OWN}}}"] == 0
    assert shown[f"freeswitch_probe_last_run_timestamp_seconds{{{OWN}}}"] == 1_800_000_007
    assert shown[f'freeswitch_probe_runs_total{{{OWN},result="failed"}}'] == 0
    assert tally.last_start("lab-echo") == RECORD.started_at
    assert [record.call_uuid for record in tally.last_runs()] == [RECORD.call_uuid]
    tally.ran(replace(RECORD, result="success", failed_phase=None))
    assert (await samples(tally))[f"freeswitch_probe_success{{{OWN}}}"] == 1


async def test_the_budget_never_goes_below_nothing() -> None:
    tally = ProbeStats()
    tally.configure(Config(guard=GuardConfig(max_calls_per_day=2, max_minutes_per_day=1)))
    tally.spent = lambda: Spent("2027-01-15", 5, 90.0)
    shown = await samples(tally)
    assert shown["freeswitch_probe_budget_calls_remaining"] == 0
    assert shown["freeswitch_probe_budget_seconds_remaining"] == 0


async def test_promtool_has_nothing_to_say() -> None:
    tally = ProbeStats()
    tally.configure(config("lab-echo"))
    tally.ran(RECORD)
    text = (await page(tally)).encode()
    checked = await asyncio.create_subprocess_exec(
        *(program("promtool"), "check", "metrics"), stdin=PIPE, stdout=PIPE, stderr=STDOUT
    )
    said, _ = await checked.communicate(text)
    assert (checked.returncode, said) == (0, b"")
    assert 'call_uuid="70726f62' in await page(tally, openmetrics=True)


async def test_a_schedule_fills_the_page(tmp_path: Path) -> None:
    """Interval, run, result, and what is left of it for the next life."""
    probe = settings(destination="+15550000002", interval=0.2)
    async with opened(probe, state_dir=tmp_path) as lab:
        failed = f'freeswitch_probe_runs_total{{{OWN},result="failed"}}'
        runs = lab.probes.tally._runs[Series("fs1", "lab-echo", "telnyx")]
        await until(lambda: runs.results["failed"] >= 2, 15.0)
    async with opened(settings(destination="+15550000002"), state_dir=tmp_path) as lab:
        shown = await lab.metrics()
        assert shown[failed] == 0
        assert shown[f"freeswitch_probe_success{{{OWN}}}"] == 0
        assert time.time() - shown[f"freeswitch_probe_last_run_timestamp_seconds{{{OWN}}}"] < 60
        assert shown["freeswitch_probe_budget_calls_remaining"] <= 398
