"""A daemon at the limits of its descriptors and its memory: it names the limit, goes on, and recovers.

The limits of a running process are lowered from outside (prlimit), as systemd's LimitNOFILE or a container's
memory limit would have them.
"""

import asyncio
import contextlib
import json
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from exporter.simulator import SimulatedSwitch
from tests.support.daemon import Daemon, daemon
from tests.support.runtime import until

NONE_LEFT = "no file descriptor left: HTTP connections wait until others end; raise LimitNOFILE"


def write(folder: Path, port: int) -> Path:
    path = folder / "exporter.yml"
    path.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], "nodes": [{"name": "fs1", "port": port}]}))
    return path


@contextmanager
def limited(running: Daemon, limit: int, value: int) -> Iterator[None]:
    pid = running.process.pid
    before = resource.prlimit(pid, limit)
    resource.prlimit(pid, limit, (value, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, limit, before)


def highest_descriptor(running: Daemon) -> int:
    return max(int(fd.name) for fd in Path(f"/proc/{running.process.pid}/fd").iterdir())


def memory(running: Daemon) -> int:
    """The size of its address space, bytes: what RLIMIT_AS limits."""
    status = Path(f"/proc/{running.process.pid}/status").read_text()
    [line] = [line for line in status.splitlines() if line.startswith("VmSize:")]
    return int(line.split()[1]) * 1024


async def reason(running: Daemon) -> str:
    """Why its node is not connected; empty while it is."""
    status, text = await running.get("/api/calls/health")
    return "" if status == 200 else json.loads(text)["message"]


async def connected(running: Daemon) -> None:
    async with asyncio.timeout(40):
        while await reason(running):  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.05)


async def test_without_a_descriptor_it_says_so_keeps_its_switch_and_recovers(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05) as switch, daemon(write(tmp_path, switch.port)) as running:
        await connected(running)
        clients = set(switch.clients)
        port = int(running.base.rpartition(":")[2])
        with limited(running, resource.RLIMIT_NOFILE, highest_descriptor(running) + 10):
            with contextlib.ExitStack() as crowd:
                for _ in range(60):
                    crowd.enter_context(socket.create_connection(("127.0.0.1", port)))
                await running.logged(NONE_LEFT)
                await asyncio.sleep(2.5)  # it tries again every second
            assert [line["event"] for line in running.lines].count(NONE_LEFT) == 1
            async with asyncio.timeout(10):
                assert (await running.get("/metrics"))[0] == 200, "it recovers by itself"
        assert clients <= switch.clients, "FreeSWITCH's connections were there first, and stay"
        assert not [line for line in running.lines if "exception" in line]


async def test_a_switch_is_not_blamed_while_no_descriptor_is_left(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05) as switch, daemon(write(tmp_path, switch.port)) as running:
        await connected(running)
        await reason(running)  # this client's connection stays open
        with limited(running, resource.RLIMIT_NOFILE, 3):  # those that are open stay so
            switch.drop_connections()
            async with asyncio.timeout(10):
                while "file descriptor" not in (said := await reason(running)):  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert "LimitNOFILE" in said
            assert await running.metric('freeswitch_connection_problem{node="fs1",problem="exporter_limit"}')
        await connected(running)


async def test_without_memory_it_says_so_and_recovers(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05) as switch, daemon(write(tmp_path, switch.port)) as running:
        await connected(running)
        with limited(running, resource.RLIMIT_AS, memory(running) + (4 << 20)):
            switch.core.fire("HEARTBEAT", [("X-Filler", "x" * (15 << 20))])
            line = await running.logged("not connected")
            assert line["problem"] == "exporter_limit"
            assert "MemoryMax" in line["reason"]
            await until(lambda: running.process.returncode is None)
        await connected(running)
