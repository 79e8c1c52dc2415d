"""One run: a daemon, a proxy and a simulated switch; schedules of faults; after each, what must hold.

All of it is in one event loop, in virtual time or in real time. A run is drawn from its seed: the schedules,
the calls, and what the users do. In virtual time the same seed takes the same course, but for the order in
which the kernel reports sockets.
"""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from exporter.clock import Clock
from exporter.simulator import SimulatedSwitch
from exporter.simulator.gateways import GatewayConfig
from exporter.simulator.leg import Leg
from exporter.simulator.traffic import Traffic
from exporter.switch.leg import is_probe
from exporter.watch.loop_watchdog import LoopWatchdog
from tests.chaos import checks
from tests.chaos.checks import Samples
from tests.chaos.faults import FAULTS, Rig, Step, schedule
from tests.chaos.proxy import Proxy
from tests.chaos.users import Users
from tests.support.runtime import Files, running
from tests.support.virtual_time import VirtualClock, virtual_time

POLL: Final = 2.0  # seconds, the daemon's poll_interval
POLLED: Final = POLL + 1.5  # within which a poll's answer is on the page
RECONNECTED: Final = 120.0  # the longest pause between attempts and an attempt
REGISTERED: Final = 120.0  # FreeSWITCH's own retry of a gateway that failed several times
FORGOTTEN: Final = 2 * 60.0 + 10.0  # two counts of the channels find a leg whose end was lost
ENDED: Final = 60.0  # requests, calls and their timers
CALLS_PER_DAY: Final = 60
MINUTES_PER_DAY: Final = 20
STEPS: Final = 12
GATEWAYS: Final = [
    GatewayConfig("telnyx", from_domain="telnyx.lab", ping=10, expire_seconds=60, retry_seconds=5),
    GatewayConfig("backup", proxy="127.0.0.1:5072", ping=5, expire_seconds=30, retry_seconds=3),
    GatewayConfig("plain", proxy="127.0.0.1:5073", register=False),
]


class NotAsItMustBe(AssertionError):
    """A check failed after a schedule; the message has the seed."""


@dataclass(slots=True)
class Report:
    """What runs did.

    Attributes:
        schedules: finished.
        seconds: of the clock, in which they ran.
        faults: by name.
        answers: HTTP answers by status.
        left: requests whose client went away.
        events: sent by the switch, without floods.
        connections: made by the daemon.
        calls: legs that the switch made.
        probe_calls: those of probes among them.
    """

    schedules: int = 0
    seconds: float = 0.0
    faults: Counter[str] = field(default_factory=Counter)
    answers: Counter[int] = field(default_factory=Counter)
    left: int = 0
    events: int = 0
    connections: int = 0
    calls: int = 0
    probe_calls: int = 0

    def add(self, other: "Report") -> None:
        """Add those of another run."""
        for name in ("schedules", "seconds", "left", "events", "connections", "calls", "probe_calls"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.faults.update(other.faults)
        self.answers.update(other.answers)


class Run:
    """A daemon under faults.

    Args:
        rig: what faults act on.
        users: of the daemon.
        clock: the time.
    """

    def __init__(self, rig: Rig, users: Users, clock: Clock) -> None:
        self.report = Report()
        self._rig = rig
        self._users = users
        self._clock = clock
        self._names = [config.name for config in GATEWAYS]
        self._probe_legs: list[Leg] = []
        self._tasks: Counter[str] = Counter()
        self._owners: Counter[str] = Counter()
        self._descriptors = 0
        add = rig.switch.sessions.add

        def added(leg: Leg) -> None:
            self.report.calls += 1
            if is_probe(leg.uuid):
                self._probe_legs.append(leg)
            add(leg)

        rig.switch.sessions.add = added  # type: ignore[method-assign]

    async def warm_up(self) -> None:
        """Have everything been used once, and note what is there then."""
        rig = self._rig
        await self._until(self._connected, RECONNECTED, "the daemon connects")
        rig.traffic.start()
        working = asyncio.create_task(self._users.work())
        await self._clock.sleep(20.0)
        await self._end(working)
        await self._settled()
        self._tasks = checks.tasks()
        self._owners = checks.owners()
        self._descriptors = checks.descriptors()

    async def one(self, steps: list[Step]) -> None:
        """One schedule and the checks after it.

        Raises:
            AssertionError: a check failed.
        """
        rig, began = self._rig, self._clock.monotonic()
        rig.traffic.rate = rig.rng.choice([0.5, 3.0])
        working = asyncio.create_task(self._users.work())
        for step in steps:
            await self._clock.sleep(step.pause)
            await FAULTS[step.fault](rig)
            self.report.faults[step.fault] += 1
            await self._clock.sleep(step.seconds)
            rig.recover()
        await self._end(working)
        await self._settled()
        await self._until(lambda _: checks.tasks() <= self._tasks, ENDED, "no task is left behind")
        await self._until(
            lambda _: checks.descriptors() <= self._descriptors, ENDED, "no descriptor is left behind"
        )
        await self._until(lambda _: checks.owners() <= self._owners, ENDED, "no object is left behind")
        self.report.schedules += 1
        self.report.seconds += self._clock.monotonic() - began

    async def _end(self, working: "asyncio.Task[None]") -> None:
        """The users send nothing more, faults end, the first config is in force."""
        working.cancel()
        self._rig.end_faults()
        await self._users.rest()
        await self._users.restore()
        self.report.answers.update(self._users.answers)
        self._users.answers.clear()
        self.report.left, self._users.left = self.report.left + self._users.left, 0

    async def _settled(self) -> None:
        """The state of the daemon is that of the switch."""
        rig = self._rig
        await self._until(self._connected, RECONNECTED, "the daemon connects")
        await self._until(self._same_states, POLLED, "gateway states are the switch's within one poll")
        await self._until(self._all_well, REGISTERED, "all gateways are registered and well")
        await self._until(self._same_states, POLLED, "gateway states are the switch's within one poll")
        rig.traffic.rate = 0.0
        await self._until(self._same_legs, FORGOTTEN, "the calls up are the switch's")
        await self._until(self._no_probe, ENDED, "all probe calls end")
        samples = await self._users.scrape()
        self._check_budget(samples)
        self.report.events, self.report.connections = rig.proxy.events, rig.proxy.connections

    # -- conditions

    @staticmethod
    def _connected(samples: Samples) -> bool:
        return samples.get('freeswitch_up{node="fs1"}') == 1

    def _same_states(self, samples: Samples) -> bool:
        shown = checks.states_shown(samples)
        return {name: shown.get(name) for name in self._names} == checks.states_of(
            self._rig.switch, self._names
        )

    def _all_well(self, samples: Samples) -> bool:
        """As it says; a gateway that was deleted a moment ago can be made anew only when it is gone."""
        self._rig.restore_gateways()
        problems = {
            labels[1]: labels[3]
            for labels, value in checks.series(samples, "freeswitch_gateway_problem").items()
            if value == 1
        }
        return [problems.get(name) for name in self._names] == ["none", "none", "unmonitored"]

    def _same_legs(self, samples: Samples) -> bool:
        return checks.active_shown(samples) == checks.legs_of(self._rig.switch)

    def _no_probe(self, _samples: Samples) -> bool:
        return not any(is_probe(uuid) for uuid in self._rig.switch.legs)

    async def _until(self, holds: Callable[[Samples], bool], seconds: float, what: str) -> None:
        """Scrape until it holds."""
        end = self._clock.monotonic() + seconds
        while not holds(samples := await self._users.scrape()):
            if self._clock.monotonic() > end:
                shown = checks.states_shown(samples), checks.active_shown(samples)
                real = checks.states_of(self._rig.switch, self._names), checks.legs_of(self._rig.switch)
                left = checks.tasks() - self._tasks, checks.owners() - self._owners
                raise NotAsItMustBe(f"not within {seconds:g} s: {what}; page {shown}, switch {real}, {left}")
            await self._clock.sleep(0.2)

    def _check_budget(self, samples: Samples) -> None:
        """The budget accounts for every call that the switch saw, and for no more than were asked for."""
        calls = CALLS_PER_DAY - samples["freeswitch_probe_budget_calls_remaining"]
        seconds = MINUTES_PER_DAY * 60 - samples["freeswitch_probe_budget_seconds_remaining"]
        dialled = len(self._probe_legs)
        asked = sum(
            value
            for labels, value in checks.series(samples, "freeswitch_probe_runs_total").items()
            if labels[-1] != "refused"
        )
        assert dialled <= calls <= CALLS_PER_DAY, (dialled, calls)
        assert calls <= asked, (calls, asked)
        talked = sum(
            (leg.times["ended"] - leg.times["answered"]) / 1e6
            for leg in self._probe_legs
            if leg.times["answered"] and leg.times["ended"]
        )
        assert talked <= seconds + 1e-6, (talked, seconds)
        assert seconds <= MINUTES_PER_DAY * 60, seconds
        self.report.probe_calls = dialled


def document(port: int, folder: Path) -> dict[str, Any]:
    """The daemon's config."""
    return {
        "listen": ["127.0.0.1:0"],
        "state_dir": str(folder / "state"),
        "nodes": [
            {
                "name": "fs1",
                "port": port,
                "poll_interval": f"{POLL:g}s",
                "gateways": {"telnyx": {"provider": "telnyx"}, "backup": {}, "plain": {"register": False}},
            }
        ],
        "probes": {
            "echo": {
                "node": "fs1",
                "gateway": "telnyx",
                "destination": "+15550000001",
                "talk_time": "2s",
                "interval": "60s",
            }
        },
        "guard": {
            "allow": ["+155500000*"],
            "min_interval": "0s",
            "max_calls_per_day": CALLS_PER_DAY,
            "max_minutes_per_day": MINUTES_PER_DAY,
        },
    }


@asynccontextmanager
async def rigged(seed: int, folder: Path, clock: Clock) -> AsyncIterator[Run]:
    """Switch, proxy and daemon; ready for a schedule."""
    rng = random.Random(seed)
    (folder / "state").mkdir()
    async with (
        SimulatedSwitch(GATEWAYS, clock=clock, seed=seed, max_sps=1000) as switch,
        Proxy(switch.port, clock, rng) as proxy,
    ):
        files = Files(folder, document(proxy.port, folder))
        async with running(files, clock=clock) as daemon:
            users = Users(daemon.base, files, clock, rng)
            traffic = Traffic(switch, 2.0, gateways=("telnyx", "backup", "plain"), talk=(1.0, 40.0))
            try:
                made = Run(Rig(switch, proxy, traffic, GATEWAYS, rng), users, clock)
                await made.warm_up()
                yield made
            finally:
                traffic.stop()
                await users.close()


async def run(seed: int, schedules: int, folder: Path, clock: Clock) -> Report:
    """So many schedules of one seed with one daemon.

    Raises:
        NotAsItMustBe: a check failed; the message has the seed, and how to do it again.
    """
    rng = random.Random(-seed - 1)
    done: list[Step] = []
    try:
        async with rigged(seed, folder, clock) as made:
            for _ in range(schedules):
                done = schedule(rng, STEPS)
                await made.one(done)
            return made.report
    except Exception as error:
        steps = "\n".join(f"  after {s.pause:.1f} s: {s.fault} for {s.seconds:.1f} s" for s in done)
        raise NotAsItMustBe(f"seed {seed}: {error!r}\nthe last schedule:\n{steps}") from error


def run_in_virtual_time(seed: int, schedules: int, folder: Path) -> Report:
    """As `run`, in seconds."""
    with ExitStack() as stack:
        clock: VirtualClock = stack.enter_context(virtual_time())
        # Its thread compares the loop's pulse with real time.
        stack.enter_context(patch.object(LoopWatchdog, "check", lambda _: None))
        return clock.run(run(seed, schedules, folder, clock))
