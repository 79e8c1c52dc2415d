"""A daemon whose disk is full or hangs watches on, and neither reload nor stop waits for it."""

import asyncio
import resource
import signal
import sys
import time
from datetime import datetime
from pathlib import Path

import yaml

from exporter.simulator import SimulatedSwitch
from exporter.state_dir import DISK_SECONDS
from tests.support.daemon import Daemon, daemon

STARTS_WITHIN = STOPS_WITHIN = 10.0  # seconds
CANNOT_KEEP = "cannot keep registration answers"
# A write to the file of registrations never returns, as on a network file system whose server is gone.
HANGING = """
import sys, threading
from exporter import cli, runtime
from exporter.watch import registration_memory
registration_memory._replace = lambda *_: threading.Event().wait()
runtime.READ_SECONDS = 2.0
sys.exit(cli.main())
"""
# The first look at state_dir never returns, and so no other work of the disk's thread begins.
HANGING_AT_THE_START = """
import sys, threading
from exporter import cli, state_dir
state_dir.StateLock._lock = lambda *_: threading.Event().wait()
sys.exit(cli.main())
"""


def write(folder: Path, port: int) -> Path:
    path = folder / "exporter.yml"
    document = {"listen": ["127.0.0.1:0"], "state_dir": "state", "nodes": [{"name": "fs1", "port": port}]}
    path.write_text(yaml.safe_dump(document))
    return path


async def registrations_fail(switch: SimulatedSwitch) -> None:
    """So that there is something to write."""
    switch.provider("telnyx").rejects(403, "Forbidden")
    switch.gateway("telnyx").ask_register()
    await switch.gateway_reaches("telnyx", "FAIL_WAIT")


async def stopped(running: Daemon) -> float:
    """Seconds until it has stopped."""
    began = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(running.process.wait(), 2 * STOPS_WITHIN) == 0
    return time.monotonic() - began


async def test_a_full_disk_costs_one_warning(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05) as switch, daemon(write(tmp_path, switch.port)) as running:
        await running.logged("connected")
        resource.prlimit(running.process.pid, resource.RLIMIT_FSIZE, (0, 0))  # no file may grow
        await registrations_fail(switch)
        line = await running.logged(CANNOT_KEEP)
        assert line["reason"]
        await asyncio.sleep(1.5)  # another write is due by then
        assert [line["event"] for line in running.lines].count(CANNOT_KEEP) == 1
        assert (await running.get("/api/calls/health"))[0] == 200
        assert await stopped(running) < STOPS_WITHIN


async def test_a_disk_that_hangs_holds_up_neither_the_watch_nor_a_reload_nor_the_stop(tmp_path: Path) -> None:
    async with (
        SimulatedSwitch(tick=0.05) as switch,
        daemon(write(tmp_path, switch.port), program=(sys.executable, "-c", HANGING)) as running,
    ):
        await running.logged("connected")
        await registrations_fail(switch)
        await running.logged(CANNOT_KEEP)
        running.process.send_signal(signal.SIGHUP)
        refused = await running.logged("reload refused, the old config stays in force")
        assert "the disk does not answer" in refused["problems"][0]
        gateway = 'node="fs1",gateway="telnyx",profile="external"'
        assert await running.metric(f'freeswitch_gateway_problem{{{gateway},problem="auth_rejected"}}') == 1
        assert await stopped(running) < STOPS_WITHIN


async def test_a_disk_that_hangs_at_the_start_holds_up_neither_start_nor_stop(tmp_path: Path) -> None:
    async with (
        SimulatedSwitch(tick=0.05) as switch,
        daemon(write(tmp_path, switch.port), program=(sys.executable, "-c", HANGING_AT_THE_START)) as running,
    ):
        await running.logged("connected")
        first, serving = (
            await running.logged("the state_dir cannot be locked"),
            await running.logged("serving"),
        )
        passed = datetime.fromisoformat(serving["timestamp"]) - datetime.fromisoformat(first["timestamp"])
        assert passed.total_seconds() + DISK_SECONDS < STARTS_WITHIN
        assert await stopped(running) < STOPS_WITHIN
