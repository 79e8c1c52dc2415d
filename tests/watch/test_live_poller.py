"""A node that listens to running calls of a simulated switch, in virtual time."""

from collections.abc import Callable
from functools import partial
from typing import Final

import pytest

from exporter.config import LiveQualityConfig
from exporter.simulator import FarEnd, Leg, SimulatedSwitch, User
from exporter.simulator.media import SPEAKING, Path
from exporter.watch.live_poller import OFF, SLOW, YIELD
from exporter.watch.node import Node
from tests.support.virtual_time import VirtualClock
from tests.watch.test_lanes import connecting, is_well
from tests.watch.test_lanes import run as run_scenario
from tests.watch.watching import Watch

ON: Final = LiveQualityConfig()
SILENT: Final = "freeswitch_live_calls_silent"
SAMPLED: Final = "freeswitch_live_calls_sampled"
LOSS: Final = "freeswitch_live_call_packet_loss_ratio"
OK: Final = "freeswitch_optional_answers_ok"
OUT: Final = {"gateway": "telnyx", "direction": "outbound"}


# What is sent takes no time at all, however large: else a loaded machine would count as a slow FreeSWITCH.
run = partial(run_scenario, short_cut=True)


def talk(switch: SimulatedSwitch, count: int, path: Path = SPEAKING) -> list[Leg]:
    """So many calls through telnyx that are answered at once and last for hours."""
    legs = []
    for number in range(count):
        leg = switch.calls.outbound(
            "telnyx",
            f"+1555{number:07}",
            FarEnd(answer=0.02, path=path),
            caller="+15551230000",
            seconds=9e4,
        )
        assert isinstance(leg, Leg)
        legs.append(leg)
    return legs


def asked(switch: SimulatedSwitch, command: str = "api uuid_dump") -> int:
    return sum(seen.startswith(command) for seen in switch.commands_seen)


def silent(count: int) -> Callable[[Node], bool]:
    return lambda node: node.calls.stats["telnyx", "outbound"].live_silent == count


async def figures(watch: Watch) -> tuple[float | None, float | None]:
    return await watch.value(SAMPLED, **OUT), await watch.value(SILENT, **OUT)


def test_calls_whose_audio_dies_are_silent_within_twenty_seconds() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock, live_quality=ON) as watch:
            talk(switch, 8)
            await clock.sleep(30)
            assert await figures(watch) == (8, 0)
            switch.mute_calls()
            talk(switch, 2)
            died = clock.monotonic()
            await watch.until(silent(8), 20)
            assert clock.monotonic() - died >= 10
            await clock.sleep(10)
            assert await figures(watch) == (10, 8)
            assert await watch.value(SILENT, gateway="telnyx", direction="inbound") == 0
            assert await watch.value(OK, command="media_stats") == 1
            await is_well(watch)

    run(scenario)


def test_the_loss_of_running_calls() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock, live_quality=ON) as watch:
            talk(switch, 20, Path(speaks=True, loss=0.1))
            await clock.sleep(60)
            windows = await watch.value(LOSS + "_count", **OUT) or 0
            assert windows >= 150
            lost = await watch.value(LOSS + "_sum", **OUT) or 0
            assert 0.08 < lost / windows < 0.12

    run(scenario)


def test_calls_that_were_up_before_are_looked_at_too() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        talk(switch, 5)
        await clock.sleep(5)
        switch.mute_calls()
        async with connecting(switch, clock, live_quality=ON) as watch:
            await watch.until(silent(5), 25)

    run(scenario)


def test_no_call_is_looked_at_and_no_connection_opened_if_the_config_says_so() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock, live_quality=LiveQualityConfig(calls=0)) as watch:
            talk(switch, 5)
            await clock.sleep(60)
            without = len(switch.clients)
            assert await figures(watch) == (None, None)
            assert not asked(switch)
        async with connecting(switch, clock, live_quality=ON):
            await clock.sleep(60)
            assert len(switch.clients) == without + 1

    run(scenario)


def test_no_more_calls_are_looked_at_than_the_config_says() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock, live_quality=LiveQualityConfig(every=10.0, calls=7)) as watch:
            talk(switch, 30)
            await clock.sleep(100.5)
            assert (await figures(watch))[0] in (5, 6, 7)
            assert 9 * 7 <= asked(switch) <= 11 * 7

    run(scenario)


def test_a_reloaded_config_holds_within_seconds_however_long_the_pause_was() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock, live_quality=LiveQualityConfig(every=300.0)) as watch:
            talk(switch, 2)
            await clock.sleep(610)
            assert await figures(watch) == (2, 0)
            settings = LiveQualityConfig(every=5.0)
            watch.node._live._settings = lambda: settings
            before = asked(switch)
            await clock.sleep(31)
            assert asked(switch) - before >= 2 * 5
            settings = LiveQualityConfig(every=300.0)
            await clock.sleep(10)
            settings = LiveQualityConfig(calls=0)
            await clock.sleep(OFF + 0.5)
            assert await figures(watch) == (None, None)

    run(scenario)


def test_slow_answers_make_it_yield() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock, live_quality=ON) as watch:
            talk(switch, 40)
            await clock.sleep(30)
            switch.delay_replies(SLOW / 5, "api uuid_dump")  # ten legs take twice as long as they may
            before = asked(switch)
            await clock.sleep(2 * YIELD + 10)
            assert asked(switch) - before <= 40 + 3 * 10  # the round under way, then ten legs each time
            assert await watch.value(OK, command="media_stats") == 1
            switch.recover()
            await clock.sleep(YIELD + 30)
            assert await watch.value(SAMPLED, **OUT) == 40
            await is_well(watch)

    run(scenario)


def test_late_answers_make_the_gauges_absent_and_cost_nothing_else() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock, live_quality=ON) as watch:
            talk(switch, 4)
            await clock.sleep(30)
            switch.delay_replies(60.0, "api uuid_dump")
            await clock.sleep(15)
            assert await figures(watch) == (None, None)
            assert await watch.value(OK, command="media_stats") == 0
            await is_well(watch)
            switch.recover()
            await clock.sleep(400)  # the late answers, the lane's pauses, and two looks
            assert await figures(watch) == (4, 0)
            assert await watch.value(OK, command="media_stats") == 1

    run(scenario)


@pytest.mark.parametrize(
    ("granted", "denied"),
    [
        ("", "uuid_set_media_stats"),
        ("uuid_dump", "uuid_set_media_stats"),
        ("uuid_set_media_stats", "uuid_dump"),
    ],
)
def test_an_account_without_the_right_loses_the_families_and_not_the_node(granted: str, denied: str) -> None:
    user = User("secret", api=f"sofia json show uuid_getvar {granted}".strip())

    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock, user="watcher@lab", password="secret", live_quality=ON) as watch:
            talk(switch, 3)
            await clock.sleep(60)
            assert await figures(watch) == (None, None)
            assert await watch.value(OK, command="media_stats") is None
            assert watch.node.attempts == {"connected": 1}
            assert f"api {denied}" in watch.node.denied
            assert asked(switch, f"api {denied}") == 3  # once

    run(scenario, users={"watcher": user})
