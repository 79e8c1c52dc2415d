"""Time of a scrape, and the daemon's memory, with three gateways and no calls."""

import http.client
import os
import re
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

# What Prometheus 2.42 sends.
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.75,application/openmetrics-text;version=0.0.1;"
    "q=0.65,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
    "Accept-Encoding": "gzip",
    "User-Agent": "Prometheus/2.42.0",
}


class Figures(NamedTuple):
    """Seconds of a scrape (median, 99th percentile), bytes on the wire, resident bytes, seconds to ready."""

    median: float
    p99: float
    size: int
    resident: int
    ready: float


def measure(scrapes: int = 500) -> Figures:
    """Start a switch and a daemon, scrape it, stop both."""
    with _process("-m", "exporter.simulator") as switch:
        port = _first_number(switch)
        began = time.monotonic()
        with _process(
            "-m", "exporter", "serve", "--listen", "127.0.0.1:0", "--log-format", "json",
            environ={"FREESWITCH_PORT": str(port), "FREESWITCH_HOST": "127.0.0.1"},
        ) as daemon:  # fmt: skip
            connection = http.client.HTTPConnection("127.0.0.1", _first_number(daemon, r"127\.0\.0\.1:(\d+)"))
            while _get(connection, "/-/ready")[0] != 200:
                time.sleep(0.01)
            ready = time.monotonic() - began
            times = []
            size = 0
            for _ in range(scrapes):
                start = time.perf_counter()
                _, body = _get(connection, "/metrics")
                times.append(time.perf_counter() - start)
                size = len(body)
            resident = _resident(daemon.pid)
    return Figures(statistics.median(times), statistics.quantiles(times, n=100)[98], size, resident, ready)


def _process(*arguments: str, environ: dict[str, str] | None = None) -> "subprocess.Popen[str]":
    return _Terminated(
        [sys.executable, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **(environ or {})},
    )


class _Terminated(subprocess.Popen[str]):
    """A process that ends with its `with` block."""

    def __exit__(self, *exc: object) -> None:
        self.terminate()
        super().__exit__(*exc)  # type: ignore[arg-type]


def _first_number(process: "subprocess.Popen[str]", pattern: str = r"(\d+)") -> int:
    assert process.stdout is not None
    for line in process.stdout:
        if match := re.search(pattern, line):
            return int(match[1])
    raise RuntimeError("the process ended before it listened")


def _get(connection: http.client.HTTPConnection, path: str) -> tuple[int, bytes]:
    connection.request("GET", path, headers=HEADERS)
    answer = connection.getresponse()
    return answer.status, answer.read()


def _resident(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no VmRSS")
