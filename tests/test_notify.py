"""The reports to systemd: ready once the daemon serves, alive while its loop runs, stopping when it stops.

The manager's side is a real unix datagram socket, as systemd's is; the daemon is a real process.
"""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from urllib.request import urlopen

import pytest

from exporter.clock import Clock
from exporter.notify import Notifier
from exporter.watch.loop_watchdog import LoopWatchdog

DEADLINE = 30.0


class Manager:
    """The side of systemd: a datagram socket, and what came in on it, with the time."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(DEADLINE)

    def close(self) -> None:
        self._socket.close()

    def next(self) -> tuple[str, float]:
        """Wait for the next report; the state, and when it came (monotonic seconds)."""
        return self._socket.recv(100).decode(), time.monotonic()

    def waiting(self) -> list[str]:
        """All reports that came in and were not read yet."""
        states = []
        self._socket.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            while True:
                states.append(self._socket.recv(100).decode())
        self._socket.settimeout(DEADLINE)
        return states


@pytest.fixture
def address(tmp_path: Path) -> str:
    return str(tmp_path / "notify")


@pytest.fixture
def manager(address: str) -> Iterator[Manager]:
    with contextlib.closing(Manager(address)) as manager:
        yield manager


# -- the notifier by itself ---------------------------------------------------------------------------------


def test_states_are_reported_in_systemds_words(manager: Manager, address: str) -> None:
    notifier = Notifier(Clock(), {"NOTIFY_SOCKET": address})
    notifier.ready()
    notifier.stopping()
    assert manager.waiting() == ["READY=1", "STOPPING=1"]


def test_a_socket_without_a_file_is_reached() -> None:
    name = f"freeswitch-exporter-test-{os.getpid()}"
    with contextlib.closing(Manager(f"\0{name}")) as manager:
        Notifier(Clock(), {"NOTIFY_SOCKET": f"@{name}"}).ready()
        assert manager.waiting() == ["READY=1"]


def test_without_a_manager_nothing_is_sent_and_nothing_fails(manager: Manager, address: str) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": ""}, {"NOTIFY_SOCKET": f"{address}-gone"}):
        notifier = Notifier(Clock(), environ)
        notifier.ready()
        notifier.alive()
        notifier.stopping()
    assert manager.waiting() == []


def test_a_manager_that_does_not_read_blocks_nothing(manager: Manager, address: str) -> None:
    notifier = Notifier(Clock(), {"NOTIFY_SOCKET": address})
    for _ in range(10_000):  # far more than a socket's buffer holds
        notifier.ready()
    assert 0 < len(manager.waiting()) < 10_000


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"WATCHDOG_USEC": ""},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "1000000", "WATCHDOG_PID": "1"},
    ],
)
def test_no_report_where_the_manager_does_not_watch_this_process(
    manager: Manager, address: str, environ: Mapping[str, str]
) -> None:
    notifier = Notifier(Clock(), {"NOTIFY_SOCKET": address, **environ})
    notifier.alive()
    assert manager.waiting() == []


def test_there_is_one_report_per_half_of_the_limit(manager: Manager, address: str) -> None:
    environ = {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier(Clock(), environ)
    for _ in range(100):
        notifier.alive()
    assert manager.waiting() == ["WATCHDOG=1"]


async def test_a_stuck_loop_reports_nothing(manager: Manager, address: str) -> None:
    notifier = Notifier(Clock(), {"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "100000"})
    guard = asyncio.create_task(LoopWatchdog(lambda since: None, notifier.alive, clock=Clock()).run())
    state, _ = await asyncio.to_thread(manager.next)
    assert state == "WATCHDOG=1"
    manager.waiting()
    time.sleep(1.0)  # noqa: ASYNC251 this is what a stuck loop does
    assert manager.waiting() == []
    assert (await asyncio.to_thread(manager.next))[0] == "WATCHDOG=1"
    guard.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await guard


# -- a daemon under it --------------------------------------------------------------------------------------


@contextlib.contextmanager
def daemon(listen: str, **environ: str) -> Iterator[subprocess.Popen[str]]:
    """`serve`, with a FreeSWITCH that is not there; its log is its standard error."""
    process = subprocess.Popen(
        [sys.executable, "-m", "exporter", "serve", "--listen", listen, "--log-format", "json"],
        env={**os.environ, "FREESWITCH_PORT": "1", **environ},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=DEADLINE)


def served(process: subprocess.Popen[str]) -> str:
    """The address on which it serves, by its log."""
    assert process.stderr is not None
    for line in process.stderr:
        entry = json.loads(line)
        if entry["event"] == "serving":
            address: str = entry["addresses"][0]
            return address
    raise AssertionError("it ended without serving")


def test_a_daemon_reports_ready_alive_and_stopping(manager: Manager, address: str) -> None:
    with daemon("127.0.0.1:0", NOTIFY_SOCKET=address, WATCHDOG_USEC="2000000") as process:
        state, ready_at = manager.next()
        # The watchdog is fed from the first pulse on, which may come before READY.
        while state == "WATCHDOG=1":
            state, ready_at = manager.next()
        assert state == "READY=1"
        with urlopen(f"http://{served(process)}/-/healthy", timeout=DEADLINE) as answer:
            assert answer.status == 200

        fed = [manager.next() for _ in range(3)]
        assert [state for state, _ in fed] == ["WATCHDOG=1"] * 3
        times = [when for _, when in fed]
        assert times[0] - ready_at < 2.0
        for earlier, later in pairwise(times):
            assert 0.8 < later - earlier < 2.0, "about every half of the limit of two seconds, never past it"

        process.send_signal(signal.SIGTERM)
        states = [manager.next()[0]]
        while states[-1] == "WATCHDOG=1":
            states.append(manager.next()[0])
        assert states[-1] == "STOPPING=1"
        assert process.wait(DEADLINE) == 0


def test_a_daemon_that_cannot_listen_never_reports_ready(manager: Manager, address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with daemon(f"127.0.0.1:{port}", NOTIFY_SOCKET=address) as process:
            assert process.wait(DEADLINE) == 2
    assert "READY=1" not in manager.waiting()
