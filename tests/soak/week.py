"""Days of one daemon and one simulated switch, in virtual time, and what must hold every ten minutes.

Four gateways, of which one loses its provider every hour for some minutes; five calls a minute; a probe call
every hour; a reload every day; all ticks, polls and HEARTBEATs in between. Nothing is cut here, so everything
is exact: the daemon's counters equal what the switch itself counted, and the seconds per state sum to the
time that passed.
"""

import asyncio
import copy
import gc
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from exporter.simulator import SimulatedSwitch
from exporter.simulator.events import Event
from exporter.simulator.gateways import GatewayConfig
from exporter.simulator.leg import Leg
from exporter.simulator.traffic import Traffic
from exporter.switch.leg import is_probe
from exporter.watch import loop_watchdog
from exporter.watch.loop_watchdog import LoopWatchdog
from tests.chaos.checks import Samples, check_counters, legs_of, series
from tests.support.runtime import Files, Running, running
from tests.support.virtual_time import VirtualClock, virtual_time

MINUTE: Final = 60.0
HOUR: Final = 3600.0
DAY: Final = 24 * HOUR
CHECK: Final = 10 * MINUTE
CALLS_PER_SECOND: Final = 5 / MINUTE
NAMES: Final = ("telnyx", "backup", "third", "fourth")
GATEWAYS: Final = [
    GatewayConfig(name, proxy=f"192.0.2.{number}:5060", ping=ping, expire_seconds=expires, retry_seconds=30)
    for number, (name, ping, expires) in enumerate(
        [("telnyx", 20, 600), ("backup", 30, 3600), ("third", 60, 3600), ("fourth", 0, 300)], start=10
    )
]
MAX_GROWTH: Final = 3000  # blocks of Python's allocator a day, of about 400,000; the first day fills tables
_FILTERED: Final = {"CHANNEL_DESTROY": ("Channel-State", "CS_NONE"), "API": ("API-Command", "originate")}
# Sums of so many floats as a week has polls differ in the last digits.
ROUNDING: Final = 0.01


@dataclass(slots=True)
class Figures:
    """What days brought.

    Attributes:
        days: that passed.
        checks: pages on which everything agreed.
        events: that the switch sent.
        legs: that it made, without those of probes.
        flaps: of a gateway.
        reloads: of the daemon.
        probes: calls of probes.
        blocks: memory blocks of the process at each reload.
    """

    days: float = 0.0
    checks: int = 0
    events: int = 0
    legs: int = 0
    flaps: int = 0
    reloads: int = 0
    probes: int = 0
    blocks: list[int] = field(default_factory=list)


class Soak:
    """The days.

    Args:
        switch: with its traffic.
        daemon: that watches it.
        clock: virtual.
    """

    def __init__(self, switch: SimulatedSwitch, daemon: Running, clock: VirtualClock) -> None:
        self.figures = Figures()
        self._switch = switch
        self._daemon = daemon
        self._clock = clock
        self._sent: Counter[str] = Counter()
        self._started_at = 0.0
        self._tell_legs()

    def _tell_legs(self) -> None:
        """Have the switch count what it does: legs and events."""
        add, publish = self._switch.sessions.add, self._switch.core.publish

        def added(leg: Leg) -> None:
            self.figures.legs += not is_probe(leg.uuid)
            self.figures.probes += is_probe(leg.uuid)
            add(leg)

        def published(event: Event) -> None:
            # What the daemon's filters let pass of these two (watch/subscriptions.py).
            header, value = _FILTERED.get(event.name, ("Event-Name", event.name))
            if event.get(header) == value:
                self._sent[event.subclass or event.name] += 1
            publish(event)

        self._switch.sessions.add = added  # type: ignore[method-assign]
        self._switch.core.publish = published  # type: ignore[method-assign]

    async def run(self, days: float, reload_each: float) -> None:
        """Let days pass, with a reload after each so many seconds.

        Raises:
            AssertionError: something does not agree.
        """
        flapping = asyncio.create_task(self._flap())
        self._first = await self._samples()
        self._first_seconds = self._state_seconds(self._first)
        self._started_at = self._clock.monotonic()
        self._sent_before = self._events_shown(self._first)
        self._sent.clear()
        end = self._started_at + days * DAY
        next_reload = self._started_at + reload_each
        try:
            while self._clock.monotonic() < end:
                await self._clock.sleep(CHECK)
                self._check(await self._samples())
                self.figures.checks += 1
                if self._clock.monotonic() >= next_reload:
                    next_reload += reload_each
                    await self._reload()
        finally:
            flapping.cancel()
        self.figures.days = (self._clock.monotonic() - self._started_at) / DAY
        self.figures.events = sum(self._sent.values())

    async def _flap(self) -> None:
        """One gateway loses its provider every hour, in turn, each time in another way."""
        while True:
            for number, name in enumerate(NAMES):
                await self._clock.sleep(HOUR - 5 * MINUTE)
                provider = self._switch.provider(name)
                ways = (provider.refuses_port, provider.falls_silent, provider.rejects)
                ways[(self.figures.flaps + number) % len(ways)]()
                self.figures.flaps += 1
                await self._clock.sleep(5 * MINUTE)
                provider.accepts()

    async def _reload(self) -> None:
        """Reload a changed config, and look at the memory."""
        document = self._daemon.files.document
        document["probes"]["echo"]["talk_time"] = f"{5 + self.figures.reloads % 2}s"
        self._daemon.files.write()
        status, answer = await self._daemon.post("/-/reload")
        assert status == 200, answer
        self.figures.reloads += 1
        gc.collect()
        self.figures.blocks.append(sys.getallocatedblocks())
        if len(self.figures.blocks) > 2:
            growth = self.figures.blocks[-1] - self.figures.blocks[1]
            assert growth < MAX_GROWTH * (len(self.figures.blocks) - 2), self.figures.blocks

    async def _samples(self) -> Samples:
        return await self._daemon.samples()

    # -- what must hold

    def _check(self, samples: Samples) -> None:
        check_counters(samples)
        assert samples['freeswitch_up{node="fs1"}'] == 1
        attempts = series(samples, "freeswitch_connection_attempts_total")
        assert {labels[1]: value for labels, value in attempts.items() if value} == {"connected": 1}
        self._check_time(samples)
        self._check_calls(samples)
        self._check_events(samples)
        assert not any(series(samples, "freeswitch_events_dropped_total").values())
        assert sum(series(samples, "freeswitch_calls_unaccounted_total").values()) == 0

    def _check_time(self, samples: Samples) -> None:
        passed = self._clock.monotonic() - self._started_at
        for gateway, seconds in self._state_seconds(samples).items():
            assert abs(seconds - self._first_seconds[gateway] - passed) < ROUNDING, (gateway, seconds, passed)
        watched = series(samples, "freeswitch_gateway_watched_seconds_total")
        usable = series(samples, "freeswitch_gateway_usable_seconds_total")
        assert all(usable[gateway] <= watched[gateway] for gateway in watched)

    def _check_calls(self, samples: Samples) -> None:
        def total(name: str) -> float:
            now, then = series(samples, name), series(self._first, name)
            return sum(now.values()) - sum(then.values())

        assert total("freeswitch_calls_started_total") == self.figures.legs
        assert total("freeswitch_calls_learned_total") == total("freeswitch_calls_lost_total") == 0
        assert sum(series(samples, "freeswitch_calls_active").values()) == legs_of(self._switch)
        for name in NAMES:
            gateway = self._switch.gateway(name)
            counted = series(samples, "freeswitch_gateway_calls_total")
            # FreeSWITCH's own counters are polled: what began since the last poll is not in yet.
            shown = counted["fs1", name, "external", "outbound"], counted["fs1", name, "external", "inbound"]
            assert 0 <= gateway.calls_out - shown[0] <= 3, (name, gateway.calls_out, shown)
            assert 0 <= gateway.calls_in - shown[1] <= 3, (name, gateway.calls_in, shown)

    def _check_events(self, samples: Samples) -> None:
        shown = self._events_shown(samples)
        for name, count in shown.items():
            if name in self._sent:
                assert count - self._sent_before.get(name, 0) == self._sent[name], name

    @staticmethod
    def _events_shown(samples: Samples) -> dict[str, float]:
        shown = series(samples, "freeswitch_events_total")
        return {labels[1]: value for labels, value in shown.items()}

    @staticmethod
    def _state_seconds(samples: Samples) -> dict[str, float]:
        seconds: dict[str, float] = {}
        for labels, value in series(samples, "freeswitch_gateway_seconds_total").items():
            seconds[labels[1]] = seconds.get(labels[1], 0.0) + value
        return seconds


def document(port: int) -> dict[str, Any]:
    """The daemon's config."""
    return {
        "listen": ["127.0.0.1:0"],
        "nodes": [{"name": "fs1", "port": port, "gateways": {name: {} for name in NAMES}}],
        "probes": {
            "echo": {
                "gateway": "telnyx",
                "destination": "+15550000001",
                "talk_time": "5s",
                "interval": "1h",
            }
        },
        "guard": {"allow": ["+15550000001"], "max_calls_per_day": 30, "max_minutes_per_day": 60},
    }


async def soak(days: float, folder: Path, clock: VirtualClock, reload_each: float) -> Figures:
    """Let so many days pass.

    Raises:
        AssertionError: something does not agree.
    """
    async with SimulatedSwitch(GATEWAYS, clock=clock, seed=7, heartbeat=20.0) as switch:
        for name in NAMES:
            await switch.gateway_reaches(name, "REGED")
        async with running(Files(folder, copy.deepcopy(document(switch.port))), clock=clock) as daemon:
            while not daemon.daemon.nodes[0].connected:
                await clock.sleep(0.1)
            await clock.sleep(15.0)  # until a poll has come after the sync
            soaking = Soak(switch, daemon, clock)
            traffic = Traffic(switch, CALLS_PER_SECOND, gateways=NAMES)
            traffic.start()
            try:
                await soaking.run(days, reload_each)
            finally:
                traffic.stop()
            return soaking.figures


def soak_in_virtual_time(days: float, folder: Path, reload_each: float = DAY) -> Figures:
    """As `soak`."""
    gc.collect()
    gc.freeze()  # what is there already need not be looked through all the time
    with (
        virtual_time(short_cut=True) as clock,
        # The watchdog's thread compares the loop's pulse with real time, and a pulse each minute is enough.
        patch.object(LoopWatchdog, "check", lambda _: None),
        patch.object(loop_watchdog, "PULSE", MINUTE),
    ):
        return clock.run(soak(days, folder, clock, reload_each))
