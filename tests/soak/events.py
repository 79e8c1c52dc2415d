"""Millions of recorded events over real sockets into a real daemon, with restarts and cuts in between.

The switch is the simulator; beside its own events it writes the recorded call events of benchmarks/stream.py
to whoever has subscribed, RATE a second, each repetition of new calls. After each SHARE of the events it is
restarted, or every connection is cut in the middle of a frame. The daemon is a process of its own; its
resident memory is read after each million. It may grow by MAX_GROWTH a million after the first one.
"""

import asyncio
import itertools
import os
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import yaml

from benchmarks.stream import MARK, as_json, frames, recorded, renumbered
from exporter.simulator import SimulatedSwitch
from exporter.simulator.client import Client
from tests.chaos.checks import Samples, check_counters, series
from tests.support.daemon import Daemon, daemon

MILLION: Final = 1_000_000
SHARE: Final = 200_000  # events between two faults
MAX_GROWTH: Final = 1_000_000  # bytes a million events
SCRAPE_SECONDS: Final = 1.0
RATE: Final = 10_000  # events a second, unless the daemon is slower
SLOT: Final = 0.01  # seconds
LOOK_EACH: Final = 10  # slots between looks at what the daemon has yet to read
UNREAD: Final = 256 * 1024  # bytes; the daemon disconnects when it is 1 MiB behind
_RECONNECTED: Final = 60.0


@dataclass(slots=True)
class Figures:
    """What a run brought.

    Attributes:
        events: counted by the daemon.
        seconds: of the run.
        restarts, cuts: of the switch, of all connections.
        scrapes: of the page, each checked.
        resident: bytes of the daemon after each million events.
        descriptors: of the daemon, likewise.
        processor: seconds of CPU that the daemon took.
    """

    events: int = 0
    seconds: float = 0.0
    restarts: int = 0
    cuts: int = 0
    scrapes: int = 0
    resident: list[int] = field(default_factory=list)
    descriptors: list[int] = field(default_factory=list)
    processor: float = 0.0


class Feeder:
    """Writes the recorded events to whoever has subscribed.

    Args:
        switch: whose clients get them.
    """

    def __init__(self, switch: SimulatedSwitch) -> None:
        bodies = renumbered(recorded())
        self._switch = switch
        self._wire = frames([as_json(body) for body in bodies], "json")
        self._count = len(bodies)
        self._repetition = 0

    async def run(self) -> None:
        """Write until cancelled; nothing while the daemon has yet to read."""
        behind = False
        for slot in itertools.count():
            await asyncio.sleep(SLOT)
            clients = [client for client in self._switch.clients if client.subscription.names]
            if slot % LOOK_EACH == 0:
                behind = any(_unread(client) > UNREAD for client in clients)
            if behind:
                continue
            for _ in range(int(RATE * SLOT / self._count)):
                self._repetition += 1
                wire = self._wire.replace(MARK, b"%08x" % self._repetition)
                for client in clients:
                    client.write(wire)


class Watch:
    """The daemon from outside: its page, its memory."""

    def __init__(self, running: Daemon) -> None:
        self.figures = Figures()
        self._daemon = running
        self._proc = Path("/proc") / str(running.process.pid)

    async def look(self) -> Samples:
        """A fresh page; what it must fulfil is checked."""
        status, text = await self._daemon.get("/metrics")
        assert status == 200, text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        samples = {name: float(value) for name, value in lines}
        check_counters(samples)
        self.figures.scrapes += 1
        self.figures.events = int(sum(series(samples, "freeswitch_events_total").values()))
        if self.figures.events >= MILLION * (len(self.figures.resident) + 1):
            self._measure()
        return samples

    async def connected(self) -> None:
        """Wait until the daemon is connected."""
        async with asyncio.timeout(_RECONNECTED):
            while (await self.look()).get('freeswitch_up{node="fs1"}') != 1:  # noqa: ASYNC110 - another process
                await asyncio.sleep(SLOT)

    def _measure(self) -> None:
        found = re.search(r"^VmRSS:\s+(\d+)", (self._proc / "status").read_text(), re.MULTILINE)
        assert found
        self.figures.resident.append(int(found[1]) * 1024)
        self.figures.descriptors.append(len(list((self._proc / "fd").iterdir())))
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        self.figures.processor = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def soak(millions: int, folder: Path) -> Figures:
    """Feed a daemon so many million events.

    Raises:
        AssertionError: a page is wrong, or memory or descriptors grow.
    """
    began = time.monotonic()
    async with SimulatedSwitch(seed=5) as switch:
        config = folder / "exporter.yml"
        node = {"name": "fs1", "port": switch.port, "gateways": {"telnyx": {"provider": "telnyx"}}}
        config.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], "nodes": [node]}))
        async with daemon(config) as running:
            watch = Watch(running)
            await watch.connected()
            feeding = asyncio.create_task(Feeder(switch).run())
            try:
                await _faults(switch, watch, millions)
            finally:
                feeding.cancel()
            await watch.connected()
            figures = watch.figures
    figures.seconds = time.monotonic() - began
    check_growth(figures)
    return figures


async def _faults(switch: SimulatedSwitch, watch: Watch, millions: int) -> None:
    """Restart and cut by turns until the daemon has had its events."""
    due = SHARE
    while len(watch.figures.resident) < millions:
        await asyncio.sleep(SCRAPE_SECONDS)
        await watch.look()
        if watch.figures.events < due:
            continue
        due = watch.figures.events + SHARE
        if watch.figures.restarts > watch.figures.cuts:
            switch.drop_connections()
            watch.figures.cuts += 1
        else:
            await switch.restart()
            watch.figures.restarts += 1
        await watch.connected()


def check_growth(figures: Figures) -> None:
    """Memory and descriptors are flat after the first million.

    Raises:
        AssertionError: they are not.
    """
    first, *further = figures.resident
    if further:
        assert (further[-1] - first) / len(further) < MAX_GROWTH, figures
        assert figures.descriptors[-1] <= figures.descriptors[0] + 2, figures  # a scrape may be under way


def _unread(client: Client) -> int:
    """Bytes that the client has not read: in this process, and in the kernel's buffer on its side."""
    transport = client._transport
    if transport is None:
        return 0
    here, there = transport.get_extra_info("sockname")[1], transport.get_extra_info("peername")[1]
    # One line a socket: number, own address, the other's, state, bytes to send and to read, in hexadecimal.
    wanted = rb": \w+:%04X \w+:%04X \w+ \w+:(\w+)" % (there, here)
    found = re.search(wanted, Path("/proc/net/tcp").read_bytes())
    return transport.get_write_buffer_size() + (int(found[1], 16) if found else 0)
