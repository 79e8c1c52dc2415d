"""Runs schedules for as long as told, each run with a seed of its own; ends with 1 at the first failure."""

import argparse
import asyncio
import secrets
import sys
import tempfile
import time
import traceback
from pathlib import Path

import structlog

from exporter.clock import Clock
from tests.chaos import checks
from tests.chaos.run import NotAsItMustBe, Report, run, run_in_virtual_time

SCHEDULES = 4  # with one daemon
LOG_LINES = 60  # of a run that failed


def main() -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0, help="begin no run after so long (60)")
    parser.add_argument("--seed", type=int, help="run this seed once")
    parser.add_argument("--schedules", type=int, default=SCHEDULES, help="with each daemon (4)")
    parser.add_argument("--real", action="store_true", help="in real time, not in virtual time")
    given = parser.parse_args()
    began, total, runs = time.monotonic(), Report(), 0
    first_memory = 0
    while True:
        seed = given.seed if given.seed is not None else secrets.randbelow(10**9)
        print(f"seed {seed}", flush=True)
        with tempfile.TemporaryDirectory(prefix="chaos-") as name, (Path(name) / "log").open("w") as log:
            structlog.configure(
                logger_factory=structlog.WriteLoggerFactory(log), cache_logger_on_first_use=False
            )
            try:
                if given.real:
                    report = asyncio.run(run(seed, given.schedules, Path(name), Clock()))
                else:
                    report = run_in_virtual_time(seed, given.schedules, Path(name))
            except NotAsItMustBe as error:
                log.flush()
                lines = (Path(name) / "log").read_text().splitlines()
                traceback.print_exc()
                print(*lines[-LOG_LINES:], error, sep="\n", file=sys.stderr)
                return 1
        total.add(report)
        runs += 1
        first_memory = first_memory or checks.resident()
        if given.seed is not None or time.monotonic() - began > given.seconds:
            break
    _print(total, runs, time.monotonic() - began, checks.resident() - first_memory)
    return 0


def _print(total: Report, runs: int, wall: float, growth: int) -> None:
    print(
        f"{runs} daemons, {total.schedules} schedules, {sum(total.faults.values())} faults in "
        f"{total.seconds:,.0f} s of the clock, {wall:,.0f} s of wall time\n"
        f"faults: {dict(total.faults.most_common())}\n"
        f"{total.connections:,} connections; {total.calls:,} legs, {total.probe_calls:,} of them of probes; "
        f"{total.events:,} events\n"
        f"HTTP answers: {dict(sorted(total.answers.items()))}, clients that left: {total.left:,}\n"
        f"resident memory since the end of the first run: {growth / 1e6:+.1f} MB"
    )


if __name__ == "__main__":
    raise SystemExit(main())
