"""`python -m benchmarks` runs everything; with names of parts (events, scrape, history, fleet) those only."""

import statistics
import subprocess
import sys

from benchmarks import fleet, history
from benchmarks.contender import CONTENDERS
from benchmarks.scrape import measure
from benchmarks.stream import Stream, as_json, recorded

COUNTS = {"exporter": 60_000, "genesis": 3_000, "greenswitch": 10_000}
ROUNDS = 5


def events() -> None:
    """Events per CPU-second; the contenders take turns."""
    bodies = recorded()
    print(
        f"Call events, recorded from FreeSWITCH: {len(bodies)} kinds, "
        f"{statistics.mean(map(len, bodies)):.0f} bytes plain, "
        f"{statistics.mean(len(as_json(body)) for body in bodies):.0f} bytes JSON on average"
    )
    rates: dict[str, list[float]] = {name: [] for name in CONTENDERS}
    for _ in range(ROUNDS):
        for name in CONTENDERS:
            stream = Stream(COUNTS[name])
            spent = subprocess.run(
                [sys.executable, "-m", "benchmarks.contender", name, str(stream.port), str(stream.count)],
                check=True,
                capture_output=True,
                text=True,
            ).stdout
            rates[name].append(stream.count / float(spent.splitlines()[-1]))  # after what it logs
    for name, rate in rates.items():
        ratio = statistics.median(a / b for a, b in zip(rate, rates["genesis"], strict=True))
        print(
            f"  {name:12} {statistics.median(rate):9,.0f} events per CPU-second "
            f"[{min(rate):,.0f}..{max(rate):,.0f}]  {ratio:5.1f} x Genesis"
        )


def scrape() -> None:
    """Time of a scrape and memory of the daemon."""
    figures = measure()
    print(
        f"Scrape as Prometheus does, three gateways, no calls: median {figures.median * 1e3:.2f} ms, "
        f"99 % {figures.p99 * 1e3:.2f} ms, {figures.size:,} bytes gzipped\n"
        f"Memory: {figures.resident / 1e6:.1f} MB resident; ready {figures.ready:.2f} s after start"
    )


def past() -> None:
    """Size and times of the history."""
    figures = history.measure()
    rows = ", ".join(f"{count:,} {kind}s" for kind, count in figures.rows.items())
    print(f"History of {history.LARGE.days} days, {len(history.subjects(history.LARGE)):,} gateways: {rows}")
    print(f"  file {figures.size / 1e6:,.0f} MB")
    for name in ("start", "page", "batch"):
        fastest, median, slowest = (seconds * 1e3 for seconds in getattr(figures, name))
        print(f"  {name:20} {median:6.1f} ms [{fastest:.1f}..{slowest:.1f}]")
    for name, seconds in figures.parts.items():
        print(f"    {name:18} {seconds * 1e3:6.1f} ms")


def growth() -> None:
    """What one exporter needs, by the size of what it watches: the table of docs/growing.md."""
    print(
        "| switches | gateways of each | calls a second | events a second | CPU | memory | lines | scrape |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for size in fleet.SIZES:
        found = fleet.measure(size)
        print(
            f"| {size.nodes} | {size.gateways} | {size.calls:g} | {found.events:,.0f} "
            f"| {found.cpu:.1%} of a core | {found.resident / 1e6:.0f} MB | {found.lines:,} "
            f"| {found.median * 1e3:.0f} ms, at most {found.slowest * 1e3:.0f} |"
        )


PARTS = {"events": events, "scrape": scrape, "history": past, "fleet": growth}

if __name__ == "__main__":
    for part in sys.argv[1:] or PARTS:
        PARTS[part]()
