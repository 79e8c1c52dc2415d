"""The daemon's `state_dir`: one daemon at a time, and whatever is wrong with it, the switch is watched."""

import asyncio
import fcntl
import json
import os
import resource
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter import cli
from exporter.clock import Clock
from exporter.executors import Executor
from exporter.instance import FILE_NAME as INSTANCE
from exporter.probe.store import FILE_NAME as CALLS
from exporter.simulator import SimulatedSwitch
from exporter.state_dir import FILE_NAME, WAIT, StateDirError, StateLock, kept_instance_id
from tests.support.daemon import SECONDS, Daemon, daemon
from tests.support.runtime import Files, running, until
from tests.support.virtual_time import VirtualClock, virtual_time

NUMBER = "+15550000001"
STATE_OK = "freeswitch_exporter_state_ok"


def document(port: int) -> dict[str, Any]:
    """A config with a probe, and its state in the folder `state`."""
    return {
        "listen": ["127.0.0.1:0"],
        "state_dir": "state",
        "nodes": [{"name": "fs1", "port": port, "gateways": {"telnyx": {}}}],
        "probes": {"echo": {"gateway": "telnyx", "destination": NUMBER}},
        "guard": {"allow": [NUMBER]},
    }


def write(folder: Path, port: int) -> Path:
    path = folder / "exporter.yml"
    path.write_text(yaml.safe_dump(document(port)))
    (folder / "state").mkdir(exist_ok=True)
    return path


# -- one daemon at a time -----------------------------------------------------------------------------


@contextmanager
def held(folder: Path) -> Iterator[Callable[[], None]]:
    """The lock of a folder, held by another process; call it to have that process end."""
    opened = os.open(folder / FILE_NAME, os.O_CREAT | os.O_RDWR)
    os.write(opened, b"pid 4711 on elsewhere\n")
    fcntl.flock(opened, fcntl.LOCK_EX)  # per open file, so this process is another one
    closed = threading.Event()

    def end() -> None:
        if not closed.is_set():
            closed.set()
            os.close(opened)

    yield end
    end()


@contextmanager
def disk_of(clock: VirtualClock) -> Iterator[Executor]:
    """A disk whose work takes no virtual time."""
    disk = Executor("disk")
    clock.loop.wait_for_threads(lambda: bool(disk.waiting or disk._idle < disk._threads))
    yield disk
    disk.shutdown()


def test_a_second_daemon_waits_15_seconds_and_then_names_the_first(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with disk_of(clock) as disk, held(tmp_path):
            began = clock.monotonic()
            with pytest.raises(StateDirError, match=r"another exporter \(pid 4711 on elsewhere\) uses it"):
                await StateLock(tmp_path, clock, disk).take()
            assert clock.monotonic() - began == pytest.approx(WAIT, abs=1)

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_at_a_restart_the_second_goes_on_once_the_first_has_ended(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with disk_of(clock) as disk:
            lock = StateLock(tmp_path, clock, disk)
            with held(tmp_path) as end:
                clock.loop.call_later(9.0, end)
                began = clock.monotonic()
                await lock.take()
                assert clock.monotonic() - began == pytest.approx(9, abs=1)
            second = StateLock(tmp_path, clock, disk)
            with pytest.raises(StateDirError, match=f"pid {os.getpid()} on "):
                await second.take()
            lock.release()
            await second.take()
            second.release()

    with virtual_time() as clock:
        clock.run(scenario(clock))


async def test_two_daemons_as_processes(tmp_path: Path) -> None:
    """The second exits with 2 and the first's number; commands do not need the lock; a kill gives it back."""
    async with SimulatedSwitch(tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write(tmp_path, switch.port)
        async with daemon(config) as first:
            await first.logged("connected")
            second = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", SHORT_WAIT, "serve", "--config", str(config)),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            output, _ = await asyncio.wait_for(second.communicate(), SECONDS)
            assert (second.returncode, f"(pid {first.process.pid} on " in output.decode()) == (2, True), (
                output
            )
            command = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "exporter", "doctor", "--config", str(config), "--json"),
                stdout=asyncio.subprocess.DEVNULL,
            )
            assert await asyncio.wait_for(command.wait(), SECONDS) == 0
            first.process.kill()
            await first.process.wait()
        async with daemon(config) as third:
            await third.logged("connected")


SHORT_WAIT = "import sys; from exporter import cli, state_dir; state_dir.WAIT = 0.5; sys.exit(cli.main())"


# -- what may be wrong with it ---------------------------------------------------------------------------


def foreign(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE songs (title TEXT)")
    database.close()


def locked(path: Path) -> None:
    """By a process that never lets go: this one."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    LOCKING.append(database)


LOCKING: list[sqlite3.Connection] = []
FAULTS = {
    "a fifo": (os.mkfifo, "not a regular file"),
    "a folder": (os.mkdir, "directory"),
    "corrupt": (lambda path: path.write_bytes(b"no database at all, but long enough" * 99), "not a database"),
    "foreign": (foreign, "the database of another program"),
    "locked": (locked, "database is locked"),
}


async def refuses_calls(exporter: Daemon, why: str) -> None:
    """The switch is watched; a call is refused with the reason; one finding, one metric."""
    await exporter.logged("connected")
    assert await exporter.metric("freeswitch_up") == 1
    body = {"destinationNumber": NUMBER}
    async with exporter.client.post(exporter.base + "/api/calls/test-echo", json=body) as answer:
        assert answer.status == 503
        refused = await answer.json()
    assert refused["error"] == "state_dir"
    assert why in refused["message"]
    assert await exporter.metric(STATE_OK) == 0
    status, text = await exporter.get("/api/diagnosis")
    [found] = [
        finding
        for node in json.loads(text)["nodes"]
        for finding in node["findings"]
        if finding["fault"] == "state_dir"
    ]
    assert (status, found["status"], why in found["seen"]) == (200, "warn", True)
    assert found["remedy"]["advice"]


async def stops_in_time(exporter: Daemon) -> None:
    began = time.monotonic()
    exporter.process.send_signal(signal.SIGTERM)
    assert await asyncio.wait_for(exporter.process.wait(), SECONDS) == 0
    assert time.monotonic() - began < 10


@pytest.mark.parametrize(("fault", "why"), FAULTS.values(), ids=FAULTS.keys())
async def test_a_file_that_cannot_be_used_refuses_calls_and_nothing_else(
    tmp_path: Path, fault: Callable[[Path], object], why: str
) -> None:
    async with SimulatedSwitch(tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write(tmp_path, switch.port)
        fault(tmp_path / "state" / CALLS)
        try:
            async with daemon(config) as exporter:
                await refuses_calls(exporter, why)
                await stops_in_time(exporter)
        finally:
            while LOCKING:
                LOCKING.pop().close()
        assert not switch.legs


async def test_fifos_in_place_of_all_files_hold_up_nothing(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write(tmp_path, switch.port)
        for name in (CALLS, INSTANCE, FILE_NAME, "registrations.json"):
            os.mkfifo(tmp_path / "state" / name)
        async with daemon(config) as exporter:
            await refuses_calls(exporter, "not a regular file")
            await stops_in_time(exporter)


async def test_a_full_disk_refuses_calls_until_there_is_room(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write(tmp_path, switch.port)
        async with daemon(config) as exporter:
            assert await exporter.metric(STATE_OK) == 1
            pid = exporter.process.pid
            _, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, hard))  # no file may grow: every write fails
            await refuses_calls(exporter, "")
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (hard, hard))
            async with asyncio.timeout(SECONDS):
                while not await exporter.metric(STATE_OK):  # noqa: ASYNC110 - another process
                    await asyncio.sleep(0.1)
            body = {"destinationNumber": NUMBER}
            async with exporter.client.post(exporter.base + "/api/calls/test-echo", json=body) as answer:
                assert answer.status == 202
            await stops_in_time(exporter)


async def test_a_disk_that_hangs_refuses_calls_and_the_stop_is_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.probe.store.DISK_SECONDS", 0.5)
    monkeypatch.setattr("exporter.probe.probes.CHECK_EVERY", 0.2)
    go_on = threading.Event()
    async with SimulatedSwitch(tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with running(Files(tmp_path, document(switch.port))) as exporter:
            runtime = exporter.daemon
            await until(lambda: runtime.nodes[0].connected)
            hanging = asyncio.create_task(runtime.executors.disk.run(go_on.wait, 60))
            await until(lambda: bool(runtime._probes.state_problem))
            assert (await exporter.samples())[STATE_OK] == 0
            status, refused = await exporter.post("/api/calls/test-echo", {"destinationNumber": NUMBER})
            assert (status, refused["error"]) == (503, "state_dir")
            assert "no answer" in refused["message"]
            assert (await exporter.get("/"))[0] == 200
            assert runtime.nodes[0].connected
            began = time.monotonic()
        assert time.monotonic() - began < 10
        go_on.set()
        await hanging


async def test_a_disk_that_hangs_at_the_start_delays_it_and_no_more(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No lock and no kept instance id, and the daemon starts."""
    monkeypatch.setattr("exporter.state_dir.DISK_SECONDS", 0.1)
    go_on = threading.Event()
    disk = Executor("disk")
    hanging = asyncio.create_task(disk.run(go_on.wait, 60))
    await until(lambda: disk._threads == 1)
    lock = StateLock(tmp_path, Clock(), disk)
    await lock.take()
    assert len(await kept_instance_id(tmp_path, disk)) == 4
    assert not (tmp_path / FILE_NAME).exists()
    go_on.set()
    await hanging
    lock.release()
    disk.shutdown()


async def test_without_a_state_dir_there_is_nothing_to_be_wrong(tmp_path: Path) -> None:
    files = Files(tmp_path, {"listen": ["127.0.0.1:0"], "nodes": [{"name": "fs1", "port": 1}]})
    async with running(files) as exporter:
        assert STATE_OK not in await exporter.samples()


def test_a_file_where_the_folder_should_be_is_an_error_of_the_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = write(tmp_path, 1)
    (tmp_path / "state").rmdir()
    (tmp_path / "state").write_text("")
    assert cli.main(["serve", "--config", str(config)]) == 2
    assert "which is a file; write the path of a folder" in capsys.readouterr().err
