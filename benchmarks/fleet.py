"""How far one exporter reaches: its CPU, memory and scrape by switches, gateways and calls per second.

    python -m benchmarks fleet

The switches are simulated, in a process of their own, so that only the exporter's CPU is counted: the growth
of `process_cpu_seconds_total` while it is scraped every 1.5 s, ten times as often as usual. Each size is a
fleet of its own; the last rows keep the fleet and raise the calls.
"""

import asyncio
import http.client
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.scrape import HEADERS
from exporter.clock import Clock
from exporter.simulator import GatewayConfig, SimulatedSwitch
from exporter.simulator.traffic import Traffic

SETTLE_SECONDS: Final = 15.0
SECONDS: Final = 30.0
SCRAPES: Final = 20
READY_SECONDS: Final = 60.0


class Size(NamedTuple):
    """A fleet: switches, gateways of each, and calls per second of all."""

    nodes: int
    gateways: int
    calls: float


SIZES: Final = (
    Size(1, 3, 1),
    Size(5, 20, 5),
    Size(20, 50, 20),
    Size(40, 50, 20),
    Size(5, 20, 20),
    Size(5, 20, 50),
    Size(5, 20, 100),
)


class Figures(NamedTuple):
    """Of one exporter: CPU seconds a second, resident bytes, lines of a page, seconds of a scrape, events."""

    cpu: float
    resident: int
    lines: int
    median: float
    slowest: float
    events: float


def measure(size: Size) -> Figures:
    """Run such a fleet and an exporter that watches it.

    Raises:
        RuntimeError: a process ended early, or not every switch was connected.
    """
    with tempfile.TemporaryDirectory() as folder, _switches(size) as switches:
        assert switches.stdout is not None
        ports: list[int] = json.loads(switches.stdout.readline())
        config = Path(folder, "config.yml")
        config.write_text(_config(ports, Path(folder, "state")))
        with _Process(
            [sys.executable, "-m", "exporter", "serve", "--config", config, "--log-format", "json"],
            stderr=subprocess.PIPE,
            text=True,
        ) as daemon:
            return _figures(size, daemon)


def _figures(size: Size, daemon: "_Process") -> Figures:
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if found := re.search(r"127\.0\.0\.1:(\d+)", line):
            break
    else:
        raise RuntimeError("the exporter ended before it listened")
    port = int(found[1])
    deadline = time.monotonic() + READY_SECONDS
    while len(re.findall(r"^freeswitch_up\S* 1", _page(port), re.MULTILINE)) < size.nodes:
        if time.monotonic() > deadline:
            raise RuntimeError("not every switch was connected")
        time.sleep(0.5)
    time.sleep(SETTLE_SECONDS)
    before, began = _page(port), time.monotonic()
    times = []
    for number in range(SCRAPES):
        time.sleep(max(0.0, began + (number + 1) * SECONDS / SCRAPES - time.monotonic()))
        start = time.perf_counter()
        after = _page(port)
        times.append(time.perf_counter() - start)
    passed = time.monotonic() - began
    return Figures(
        (_sum(after, "process_cpu_seconds_total") - _sum(before, "process_cpu_seconds_total")) / passed,
        int(_sum(after, "process_resident_memory_bytes")),
        after.count("\n"),
        statistics.median(times),
        max(times),
        (_sum(after, "freeswitch_events_total") - _sum(before, "freeswitch_events_total")) / passed,
    )


def _page(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", "/metrics", headers={"Accept": HEADERS["Accept"]})
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def _sum(page: str, family: str) -> float:
    """The sum of a family's samples."""
    found = re.findall(rf"^{family}(?:{{[^}}]*}})? (\S+)", page, re.MULTILINE)
    return sum(map(float, found))


def _config(ports: list[int], state: Path) -> str:
    nodes = "\n".join(f"  - {{name: fs{number}, port: {port}}}" for number, port in enumerate(ports, 1))
    return f'listen: ["127.0.0.1:0"]\nstate_dir: {state}\nnodes:\n{nodes}\n'


def _switches(size: Size) -> "_Process":
    arguments = [str(size.nodes), str(size.gateways), str(size.calls)]
    return _Process([sys.executable, "-m", "benchmarks.fleet", *arguments], stdout=subprocess.PIPE, text=True)


class _Process(subprocess.Popen[str]):
    """A process that ends with its `with` block."""

    def __exit__(self, *exc: object) -> None:
        self.terminate()
        super().__exit__(*exc)  # type: ignore[arg-type]


async def _serve(size: Size) -> None:
    """Run the switches until the process is ended; prints their ports."""
    async with AsyncExitStack() as stack:
        ports = []
        for number in range(size.nodes):
            names = [f"gateway{index}" for index in range(size.gateways)]
            gateways = [
                GatewayConfig(
                    name, username="demo", realm="example.com", proxy="192.0.2.10", expire_seconds=600
                )
                for name in names
            ]
            switch = SimulatedSwitch(gateways, clock=Clock(), seed=number, hostname=f"fs{number}")
            await stack.enter_async_context(switch)
            traffic = Traffic(switch, size.calls / size.nodes, gateways=tuple(names))
            traffic.start()
            stack.callback(traffic.stop)
            ports.append(switch.port)
        print(json.dumps(ports), flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    os.nice(5)  # the exporter goes first
    nodes, gateways, calls = sys.argv[1:]
    asyncio.run(_serve(Size(int(nodes), int(gateways), float(calls))))
