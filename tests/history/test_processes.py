"""The history of daemons as processes: killed in an outage, standing still, without the lock of state_dir."""

import asyncio
import contextlib
import json
import math
import sqlite3
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.clock import Clock
from exporter.config import HistoryConfig
from exporter.executors import Executor
from exporter.history.model import OUTAGE_AFTER, Outage
from exporter.history.store import FILE_NAME, Store
from exporter.simulator import SimulatedSwitch
from tests.alerts.rule_files import ALERTS
from tests.support.daemon import SECONDS, Daemon, daemon
from tests.support.standstill import HASTY, STUCK, connected, stopped

GATEWAY = '{node="fs1",gateway="telnyx",profile="external"}'
OUTAGES, LASTS, CHANGE, WATCHED = (
    f"freeswitch_gateway_{name}{GATEWAY}"
    for name in ("outages_total", "outage", "outage_change_timestamp_seconds", "watched_seconds_total")
)
(UNUSABLE,) = (alert.expression for alert in ALERTS if alert.name == "FreeswitchExporterHistoryUnusable")
ROWS = 'freeswitch_exporter_history_rows{kind="outage"}'


def write(folder: Path, port: int) -> Path:
    path = folder / "exporter.yml"
    node: dict[str, Any] = {"name": "fs1", "port": port, "poll_interval": "1s", "gateways": {"telnyx": {}}}
    document = {"listen": ["127.0.0.1:0"], "state_dir": "state", "nodes": [node]}
    path.write_text(yaml.safe_dump(document))
    return path


async def until(running: Daemon, name: str, value: float) -> None:
    """Wait for a sample to have a value."""

    async def has() -> bool:
        _, text = await running.get("/metrics")
        return any(
            line.startswith(f"{name} ") and float(line.split()[-1]) == value for line in text.splitlines()
        )

    await holds(has)


async def holds(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until it does."""
    async with asyncio.timeout(2 * SECONDS):
        while not await condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.05)


@asynccontextmanager
async def left(folder: Path) -> AsyncIterator[Store]:
    """What a daemon that has ended left."""
    executor = Executor("history")
    store = Store(folder / "state" / FILE_NAME, HistoryConfig(), Clock(), executor)
    await store.open()
    yield store
    await store.close()
    executor.shutdown()


async def rows(folder: Path) -> list[Outage]:
    """The outages of the file."""
    async with left(folder) as store:
        return await store.outages(since=0, until=math.inf)


async def test_a_history_of_a_later_release_raises_its_alert_and_all_else_goes_on(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    file = tmp_path / "state" / FILE_NAME
    with contextlib.closing(sqlite3.connect(file)) as later:
        later.execute("PRAGMA user_version = 999")
    before = file.read_bytes()
    async with SimulatedSwitch(tick=0.05) as switch, daemon(write(tmp_path, switch.port)) as running:
        await until(running, UNUSABLE.removesuffix(" == 0"), 0.0)
        switch.gateway("telnyx").ask_unregister()
        await until(running, LASTS, 1.0)
        (node,) = json.loads((await running.get("/api/diagnosis"))[1])["nodes"]
        (finding,) = [finding for finding in node["findings"] if finding["fault"] == "unregistered"]
        assert finding["timesToday"] == 1
    assert file.read_bytes() == before


@pytest.mark.parametrize("well", [True, False])
async def test_an_exporter_killed_in_the_middle_of_an_outage(tmp_path: Path, well: bool) -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        path = write(tmp_path, switch.port)
        async with daemon(path) as first:
            await until(first, LASTS, 0.0)
            switch.gateway("telnyx").ask_unregister()
            await until(first, ROWS, 1.0)
            down = await first.metric(CHANGE)
            first.process.kill()
            await first.process.wait()
        if well:
            switch.gateway("telnyx").ask_register()
            await switch.gateway_reaches("telnyx", "REGED", SECONDS)
        async with daemon(path) as second:
            await until(second, LASTS, 0.0 if well else 1.0)
            assert await second.metric(OUTAGES) == 0
            if not well:
                await until(second, CHANGE, down)  # the past is read beside the watch
                switch.gateway("telnyx").ask_register()
                await until(second, LASTS, 0.0)
            assert (await second.logged("history read"))["lasting"] == 1
            second.process.terminate()
            assert await asyncio.wait_for(second.process.wait(), SECONDS) == 0
        [row] = await rows(tmp_path)
        assert row.began == down
        assert row.ended is not None
        assert row.ended > row.began
        assert row.ended_unwatched is well
        assert 0 < row.seconds <= row.ended - row.began + 1


async def test_an_exporter_that_stands_still_does_not_watch(tmp_path: Path) -> None:
    """Its gateway recovers meanwhile; nothing of that time is up, down or watched."""
    async with SimulatedSwitch(tick=0.05) as switch:
        async with daemon(write(tmp_path, switch.port), program=(sys.executable, "-c", HASTY)) as running:
            await until(running, LASTS, 0.0)
            switch.gateway("telnyx").ask_unregister()
            await until(running, ROWS, 1.0)
            began, watched = time.monotonic(), await running.metric(WATCHED)
            async with stopped(running):
                stopped_at = time.monotonic()
                switch.gateway("telnyx").ask_register()
                await asyncio.sleep(OUTAGE_AFTER + STUCK)
                still = time.monotonic() - stopped_at
            await connected(running)
            await until(running, LASTS, 0.0)
            assert await running.metric(WATCHED) - watched <= time.monotonic() - began - still
            running.process.terminate()
            assert await asyncio.wait_for(running.process.wait(), SECONDS) == 0
        async with left(tmp_path) as store:
            [row] = await store.outages(since=0, until=math.inf)
            before, after = await store.spans("fs1", since=0, until=math.inf)
            [hours] = await store.steps("1d", since=0, until=time.time())
        assert row.layer == "gateway"
        assert row.ended is not None
        assert row.ended_unwatched
        assert row.seconds <= row.ended - row.began - still
        assert after.began - before.ended >= still
        assert sum(step.figures.watched for step in hours.steps) <= after.ended - before.began - still


async def test_without_the_lock_of_the_state_dir_its_file_is_not_touched(tmp_path: Path) -> None:
    (tmp_path / "state" / "daemon.lock").mkdir(parents=True)
    async with SimulatedSwitch(tick=0.05) as switch, daemon(write(tmp_path, switch.port)) as running:
        await running.logged("the state_dir cannot be locked")
        switch.gateway("telnyx").ask_unregister()
        await until(running, ROWS, 1.0)
        assert not (tmp_path / "state" / FILE_NAME).exists()
        assert await running.metric("freeswitch_exporter_history_ok") == 0
        _, page = await running.get("/history")
        assert "the state_dir cannot be locked" in page
        assert "With state_dir in the config" not in page
