"""A real FreeSWITCH in trouble: its database is locked, the exporter stands still, two exporters watch it."""

import asyncio
import os
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
import yaml

from exporter.config import GatewayConfig
from tests.live.lab import Lab, LabFailed
from tests.live.test_daemon import Samples, scrape, until
from tests.probe.daemons import Daemon, daemon
from tests.watch.watching import watching

pytestmark = pytest.mark.live

GATEWAYS = {"telnyx": GatewayConfig(provider="telnyx")}
LOCKED: Final = 75.0  # seconds: longer than the pause between two questions of the database
STOPPED: Final = 30.0
INTERVAL: Final = 10.0
LEG: Final = 'node="fs1",gateway="telnyx",direction="outbound"'
STANDBY: Final = 'node="fs1",probe="echo",gateway="telnyx"'


@asynccontextmanager
async def locked_database(lab: Lab) -> AsyncIterator[None]:
    """Hold an exclusive lock on FreeSWITCH's core database, as a backup that reads the file would.

    Raises:
        LabFailed: the database is not on this machine.
    """
    path = Path(await lab.cli("global_getvar db_dir")) / "core.db"
    if not path.exists():
        raise LabFailed(f"{path} does not exist: the switch must keep its core database on this machine")
    database = sqlite3.connect(path, isolation_level=None, timeout=5)
    try:
        database.execute("BEGIN EXCLUSIVE")
        yield
        database.execute("ROLLBACK")
    finally:
        database.close()


async def test_a_locked_database_costs_only_its_own_figures(lab: Lab) -> None:
    async with locked_database(lab):
        began = time.monotonic()
        async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=4.0) as watch:
            assert time.monotonic() - began < 3, "connected although the database does not answer"
            while time.monotonic() - began < LOCKED:
                assert watch.node.connected, watch.node.reason
                assert watch.node.gateways.named("telnyx")[0].problem == "none"
                await asyncio.sleep(0.2)
            answered = await watch.value("freeswitch_optional_answers_ok", command="show_channels")
            assert answered == 0, "a zero after 30 s is no answer"
            assert await watch.value("freeswitch_current_channels") is None
            assert "freeswitch_registrations" not in await watch.samples()
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=4.0) as watch:
        await watch.until_value("freeswitch_current_channels", 0, seconds=20)
        assert await watch.value("freeswitch_optional_answers_ok", command="show_channels") == 1


def total(found: Samples, name: str) -> float:
    """The sum of a family over the labels of the leg's gateway and direction."""
    return sum(value for labels, value in found.get(name, {}).items() if labels.startswith(LEG))


async def test_an_exporter_that_stands_still_does_not_hold_the_switch_back(lab: Lab, tmp_path: Path) -> None:
    path = tmp_path / "exporter.yml"
    node = {"name": "fs1", "host": lab.host, "port": lab.port, "gateways": {"telnyx": {}}}
    path.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], "nodes": [node]}))
    async with daemon(path) as running:
        await lab.dial("01", talk=1)
        await until(running, "freeswitch_calls_answered_total", LEG, 1, seconds=10)
        os.kill(running.process.pid, signal.SIGSTOP)
        stopped, slowest = time.monotonic(), 0.0
        while time.monotonic() - stopped < STOPPED:
            asked = time.monotonic()
            await lab.dial("02")
            await lab.channels()
            slowest = max(slowest, time.monotonic() - asked)
            await asyncio.sleep(0.5)
        os.kill(running.process.pid, signal.SIGCONT)
        assert slowest < 3, "FreeSWITCH went on answering"
        found = await until(running, "freeswitch_up", 'node="fs1"', 1, seconds=40)
        dropped = 'node="fs1",reason="loop_stalled"'
        assert found["freeswitch_events_dropped_total"][dropped] == 1
        before = total(found, "freeswitch_call_hangups_total")
        await lab.dial("02")
        deadline = time.monotonic() + 15
        while total(found := await scrape(running), "freeswitch_call_hangups_total") <= before:
            assert time.monotonic() < deadline, "calls are counted again"
            await asyncio.sleep(0.2)
        begun = total(found, "freeswitch_calls_started_total") + total(
            found, "freeswitch_calls_learned_total"
        )
        ended = total(found, "freeswitch_call_hangups_total") + total(found, "freeswitch_calls_lost_total")
        assert begun == ended + total(found, "freeswitch_calls_active")


def paired(folder: Path, lab: Lab) -> Path:
    """The config of one of two exporters that have the same scheduled probe."""
    folder.mkdir()
    path = folder / "exporter.yml"
    probe = {"gateway": "telnyx", "destination": "+15550000002", "interval": f"{INTERVAL:g}s"}
    path.write_text(
        yaml.safe_dump(
            {
                "listen": ["127.0.0.1:0"],
                "state_dir": str(folder / "state"),
                "nodes": [{"name": "fs1", "host": lab.host, "port": lab.port, "gateways": {"telnyx": {}}}],
                "probes": {"echo": probe | {"expect": {"result": "rejected", "sip": 486}}},
                "guard": {"allow": ["+15550000002"], "min_interval": "0s"},
            }
        )
    )
    return path


async def standby(running: Daemon) -> float | None:
    """The value of `freeswitch_probe_standby`."""
    return (await scrape(running)).get("freeswitch_probe_standby", {}).get(STANDBY)


async def runs(running: Daemon) -> float:
    """How many probe calls it has placed."""
    return (
        (await scrape(running)).get("freeswitch_probe_runs_total", {}).get(f'{STANDBY},result="success"', 0)
    )


async def test_of_two_exporters_one_places_the_scheduled_calls(lab: Lab, tmp_path: Path) -> None:
    async with daemon(paired(tmp_path / "one", lab)) as one, daemon(paired(tmp_path / "two", lab)) as two:
        deadline = time.monotonic() + 15
        while {await standby(one), await standby(two)} != {0.0, 1.0}:
            assert time.monotonic() < deadline, "one places the calls, one stands by"
            await asyncio.sleep(0.2)
        active, other = (one, two) if await standby(one) == 0 else (two, one)
        sessions, placed, waited = await lab.sessions(), await runs(active), await runs(other)
        await asyncio.sleep(3.5 * INTERVAL)
        assert await runs(other) == waited, "the one that stands by places none"
        grown = await runs(active) - placed
        assert 3 <= grown <= 4
        assert await lab.sessions() - sessions == pytest.approx(grown, abs=1), "no call was placed twice"
        await active.kill()
        killed = time.monotonic()
        while await standby(other) != 0:
            assert time.monotonic() - killed < 15, "it takes over"
            await asyncio.sleep(0.2)
        deadline = time.monotonic() + INTERVAL + 15
        while await runs(other) == waited:
            assert time.monotonic() < deadline, "it places calls"
            await asyncio.sleep(0.2)


async def test_an_account_without_the_tick_stays_connected(lab: Lab) -> None:
    """The account `watcher@lab.local` may have every event but the exporter's own."""
    async with watching(
        lab, host=lab.host, user="watcher@lab.local", password="watch", gateways=GATEWAYS, connected=False
    ) as watch:
        try:
            await watch.until(lambda node: node.connected, 10)
        except AssertionError as error:
            raise LabFailed("the lab has no account watcher@lab.local (docs/live-tests.md)") from error
        assert "CUSTOM exporter::tick" in watch.node.denied
        began = time.monotonic()
        while time.monotonic() - began < 50:  # two HEARTBEATs and a half
            assert watch.node.connected, watch.node.reason
            await asyncio.sleep(0.2)
        assert watch.node.attempts == {"connected": 1}
        assert watch.node.gateways.named("telnyx")[0].problem == "none"
