"""Ticks that find nothing to do are left out, and nothing shows it."""

import random
from typing import TYPE_CHECKING

import pytest

from exporter.simulator import SimulatedSwitch, gateway_ticks, gateways
from exporter.simulator.gateways import Gateway, GatewayConfig
from exporter.simulator.providers import Answer
from tests.support.virtual_time import VirtualClock, virtual_time

if TYPE_CHECKING:
    from collections.abc import Callable

CONFIGS = [
    GatewayConfig("pinged", ping=20, expire_seconds=600, retry_seconds=30),
    GatewayConfig("counted", ping=25, ping_min=2, ping_max=4, expire_seconds=300, timeout_seconds=40),
    GatewayConfig("plain", expire_seconds=120, retry_seconds=7),
    GatewayConfig("noreg", register=False, ping=15),
    GatewayConfig("bare", register=False),
]
SECONDS = 7200


class Noted(SimulatedSwitch):
    """A switch that notes what its gateways report, and when; and a log of its doings."""

    def __init__(self, clock: VirtualClock, seed: int) -> None:
        super().__init__(CONFIGS, clock=clock, seed=seed, heartbeat=100_000.0)
        self.story: list[tuple[object, ...]] = []
        announce, began = self.sofia._fire_state, clock.monotonic()

        def noted(gateway: Gateway, answer: Answer | None) -> None:
            at = round(clock.monotonic() - began, 6)
            self.story.append((at, gateway.name, gateway.state, gateway.up, answer))
            announce(gateway, answer)

        self.sofia._fire_state = noted  # type: ignore[method-assign]

    def happens(self, rng: random.Random) -> None:
        """Something that an operator, a provider or a fault does."""
        name = rng.choice(CONFIGS).name
        provider, gateway = self.provider(name), self.sofia.find(name)
        ways: list[Callable[[], None]] = [
            provider.accepts,
            provider.accepts,
            provider.refuses_port,
            provider.falls_silent,
            provider.rejects,
            self.hang,
            self.recover,
            lambda: self.skew_clock(rng.uniform(-40, 40)),
            lambda: self.sofia.rescan("external"),
        ]
        if gateway is not None:
            ways += [gateway.ask_register, gateway.ask_unregister, gateway.kill]
        rng.choice(ways)()
        shown = [(g.name, g.state, g.up, g.retry_seconds, g.timeout_seconds) for g in self.sofia.listed()]
        self.story.append(tuple(shown))


async def lived(clock: VirtualClock, seed: int) -> list[tuple[object, ...]]:
    rng = random.Random(seed)
    async with Noted(clock, seed) as switch:
        until = clock.monotonic() + SECONDS
        while clock.monotonic() < until:
            await clock.sleep(round(rng.expovariate(1 / 60), 2) + 0.001)
            switch.happens(rng)
        return switch.story


@pytest.mark.parametrize("seed", range(8))
def test_what_gateways_do_is_the_same_as_if_all_ticks_came(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # No answer comes at the very moment of a tick: which of the two is first then, nobody says.
    monkeypatch.setattr(gateways, "TRANSACTION_TIMEOUT", 32.3)
    stories = []
    for most in (0, gateway_ticks.MOST_QUIET):
        monkeypatch.setattr(gateway_ticks, "MOST_QUIET", most)
        with virtual_time() as clock:
            stories.append(clock.run(lived(clock, seed)))
    assert len(stories[0]) > 100
    assert stories[0] == stories[1]


def test_quiet_gateways_are_seldom_checked() -> None:
    with virtual_time() as clock:

        async def scenario() -> int:
            quiet = [GatewayConfig("plain", expire_seconds=36_000), GatewayConfig("bare", register=False)]
            async with SimulatedSwitch(quiet, clock=clock) as switch:
                await switch.gateway_reaches("plain", "REGED")
                checks, check = 0, switch.sofia._ticks._check

                def counted() -> None:
                    nonlocal checks
                    checks += 1
                    check()

                switch.sofia._ticks._check = counted
                await clock.sleep(1000)
                return checks

        assert clock.run(scenario()) < 100
