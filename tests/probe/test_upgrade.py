"""A `state_dir` written by 0.1.0: its budget, history and records are read as they are.

The daemon of 0.1.0 wrote tests/fixtures/state_dir_0_1 on 2026-11-26. It placed four calls on a simulated
switch: an echo (5 s of talk), a busy number, a tone (4.98 s), and one that rang when the daemon was killed.
"""

import shutil
from pathlib import Path

import pytest

from exporter.clock import Clock
from exporter.config.model import Config, GuardConfig
from exporter.executors import Executors
from exporter.probe.admission import Refused
from exporter.probe.runner import Runner
from exporter.probe.store import Spent, Store
from tests.probe.settings import settings
from tests.support.tools import ROOT

WRITTEN = ROOT / "tests/fixtures/state_dir_0_1"
SECONDS_LATER = 1_795_704_050.0  # 2026-11-26 14:40:50 UTC
ECHO, BUSY, TONE, RINGING = "+15550000001", "+15550000002", "+15550000024", "+15550000003"


class ThatDay(Clock):
    """Seconds after the fixture was written."""

    def epoch(self) -> float:
        return SECONDS_LATER


@pytest.fixture
def state_dir(tmp_path: Path) -> Path:
    return Path(shutil.copytree(WRITTEN, tmp_path / "state"))


async def test_todays_budget_and_the_interval_go_on(state_dir: Path) -> None:
    executors = Executors()
    store = await Store.open(state_dir, ThatDay(), executors.disk)
    # 5 s + 0 s + 4.98 s of talk, and the 7 s set aside for the call whose end nobody saw.
    assert store.spent._replace(seconds=round(store.spent.seconds, 2)) == Spent("2026-11-26", 4, 16.98)
    guard = GuardConfig(allow=("+1555000*",), min_interval=30.0, max_calls_per_day=5)
    with pytest.raises(Refused, match="called a moment ago"):
        await store.enter("70726f62-0000-4010-8abc-000000000001", RINGING, 7.0, guard)
    await store.enter("70726f62-0000-4010-8abc-000000000001", "+15550000009", 7.0, guard)
    with pytest.raises(Refused, match="5 probe calls are spent"):
        await store.enter("70726f62-0000-4010-8abc-000000000002", "+15550000010", 7.0, guard)
    await store.close()
    executors.shutdown()


async def test_records_and_last_runs_are_read(state_dir: Path) -> None:
    executors = Executors()
    runner = await Runner.open(state_dir, "beef", ThatDay(), executors.disk)
    probes = [settings(name="echo", destination=ECHO), settings(name="busy", destination=BUSY)]
    runner.configure(Config(probes={probe.name: probe for probe in probes}), {})
    await runner.recall()
    records = await runner.history(10)
    assert [(record.destination, record.result) for record in records] == [
        (TONE, "success"),
        (BUSY, "failed"),
        (ECHO, "success"),
    ]
    tone, busy, echo = records
    assert (busy.cause, busy.sip_code, busy.failed_phase) == ("USER_BUSY", 486, "originate")
    assert (echo.talk_seconds, echo.phases["ringing"], echo.hung_up_by) == (5.0, 1.0, "us")
    assert echo.media is not None
    assert (echo.media.packets_received, echo.media.mos) == (248, 4.5)
    assert tone.tone is not None
    assert tone.tone.returned
    assert await runner.find(echo.call_uuid) == echo
    assert [record.probe for record in runner.stats.last_runs()] == ["busy", "echo"]
    assert runner.stats.last_start("busy") == busy.started_at
    await runner.stop()
    executors.shutdown()
