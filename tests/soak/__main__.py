"""Runs the week and the events, prints their figures; ends with 1 if something does not hold."""

import argparse
import asyncio
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from tests.soak import events, week

Part = Callable[[argparse.Namespace, Path], object]


def _week(given: argparse.Namespace, folder: Path) -> object:
    return week.soak_in_virtual_time(given.days, folder)


def _events(given: argparse.Namespace, folder: Path) -> object:
    return asyncio.run(events.soak(given.millions, folder))


PARTS: dict[str, Part] = {"week": _week, "events": _events}


def main() -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS], metavar="PART", help="week, events; both")
    parser.add_argument("--days", type=float, default=7.0, help="of the week (7)")
    parser.add_argument("--millions", type=int, default=5, help="of events (5)")
    given = parser.parse_args()
    for name in given.parts or PARTS:
        began, spent = time.monotonic(), time.process_time()
        with tempfile.TemporaryDirectory(prefix="soak-") as folder, (Path(folder) / "log").open("w") as log:
            structlog.configure(logger_factory=structlog.WriteLoggerFactory(log))
            print(name, PARTS[name](given, Path(folder)))
        wall, spent = time.monotonic() - began, time.process_time() - spent
        print(f"{name}: {wall:,.0f} s of wall time, {spent:,.0f} s of this process's CPU", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
