"""Questions that may be slow cost only their own answers: a node against a switch, in virtual time."""

import random
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from exporter.esl import EslError
from exporter.esl.protocol import MAX_BODY
from exporter.simulator import FarEnd, GatewayConfig, Leg, SimulatedSwitch, User
from exporter.watch import database
from exporter.watch.commands import RULES, Lane, rule_of
from exporter.watch.database import COUNTS_INTERVAL
from exporter.watch.lifecycle import State
from exporter.watch.optional_answers import LateAnswer
from exporter.watch.optional_lane import QUERY_LIMIT
from tests.support.virtual_time import VirtualClock, virtual_time
from tests.watch.watching import Watch, watching

SLOW = "freeswitch_optional_answers_ok"
Scenario = Callable[[SimulatedSwitch, VirtualClock], Coroutine[Any, Any, None]]


def run(scenario: Scenario, *, short_cut: bool = False, **settings: Any) -> None:
    """A scenario with a switch whose gateway telnyx is registered."""
    with virtual_time(short_cut=short_cut) as clock:

        async def whole() -> None:
            switch = SimulatedSwitch(clock=clock, max_sessions=10_000, max_sps=10_000, **settings)
            async with switch:
                await switch.gateway_reaches("telnyx", "REGED", seconds=60)
                await scenario(switch, clock)

        clock.run(whole())


async def calls_up(switch: SimulatedSwitch, count: int) -> list[Leg]:
    """So many calls through telnyx, answered, that last for hours."""
    legs = []
    for number in range(count):
        far_end = FarEnd(ring=0.01, answer=0.02)
        leg = switch.calls.outbound(
            "telnyx", f"+1555{number:07}", far_end, caller="+15551230000", seconds=9e4
        )
        assert isinstance(leg, Leg)
        legs.append(leg)
    await switch.until(lambda: all(leg.times["answered"] for leg in legs), 60)
    return legs


@asynccontextmanager
async def connecting(
    switch: SimulatedSwitch, clock: VirtualClock, within: float = 1.0, **kwargs: Any
) -> AsyncIterator[Watch]:
    """A node that must be connected within so many seconds."""
    async with watching(switch, clock=clock, connected=False, poll_interval=10.0, **kwargs) as watch:
        await watch.until(lambda node: node.connected, within)
        yield watch


async def is_well(watch: Watch) -> None:
    """The node has been connected all the time, and its gateways are known."""
    assert watch.node.attempts == {"connected": 1}
    assert watch.node.problem == "none"
    assert [gateway.problem for gateway in watch.node.gateways.named("telnyx")] == ["none"]
    assert await watch.word("freeswitch_gateway_state", "state", gateway="telnyx") == "REGED"


def balanced(watch: Watch) -> int:
    """Checks the call counters, and returns how many legs are active."""
    active = 0
    for stats in watch.node.calls.stats.values():
        ended = sum(count for count, _ in stats.hangups.values())
        assert stats.started + stats.learned == ended + stats.lost + stats.active
        active += stats.active
    assert active == watch.node.calls.live
    return active


# -- slow answers -------------------------------------------------------------------------------------------


def test_registrations_that_are_counted_after_7_s_from_the_start() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        switch.delay_replies(7.0, "api show registrations count")
        async with connecting(switch, clock) as watch:
            for _ in range(30):
                await clock.sleep(10)
                await is_well(watch)
                assert await watch.value("freeswitch_registrations") is None
                assert await watch.value(SLOW, command="show_registrations") == 0
            assert await watch.value("freeswitch_current_channels") == 0
            assert await watch.value("freeswitch_current_calls") == 0
            assert await watch.value(SLOW, command="show_calls") == 1
            took = await watch.value("freeswitch_command_duration_seconds_sum", command="show")
            asked = switch.commands_seen.count("api show registrations count")
            assert 4 <= asked <= 300 / COUNTS_INTERVAL
            assert took == pytest.approx(7 * asked, abs=8)
            (slow,) = watch.node.connections.optional_answers.slow(clock.monotonic())
            assert (slow.command, slow.answered) == ("show registrations count", True)
            assert slow.seconds == pytest.approx(7, abs=0.1)
            switch.recover()
            await clock.sleep(COUNTS_INTERVAL + 30)
            assert await watch.value("freeswitch_registrations") == 0
            assert await watch.value(SLOW, command="show_registrations") == 1
            assert watch.node.connections.optional_answers.slow(clock.monotonic()) == []

    run(scenario)


def test_calls_that_are_counted_slowly_while_connected() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock) as watch:
            await watch.until_value("freeswitch_current_calls", 0)
            switch.delay_replies(900.0, "api show calls count")
            await clock.sleep(COUNTS_INTERVAL + 5.5)
            assert await watch.value("freeswitch_current_calls") is None
            switch.commands_seen.clear()
            await clock.sleep(600)
            await is_well(watch)
            assert not [command for command in switch.commands_seen if "show" in command]
            (slow,) = watch.node.connections.optional_answers.slow(clock.monotonic())
            assert (slow.command, slow.answered) == ("show calls count", False)
            assert slow.seconds == pytest.approx(605, abs=2)
            assert {"show_calls", "show_channels"} <= {
                command for command, ok in watch.node.connections.optional_answers.ok.items() if not ok
            }
            assert await watch.value("freeswitch_current_channels") is None

    run(scenario)


def test_of_a_question_that_is_stuck_there_is_one_however_often_the_node_is_lost() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        switch.delay_replies(3600.0, "api show")
        began = clock.monotonic()
        async with connecting(switch, clock) as watch:
            while clock.monotonic() < began + 300:
                await clock.sleep(7)
                switch.drop_connections()
                await watch.until(lambda node: node.connected, 60)
            asked = [command for command in switch.commands_seen if command.startswith("api show")]
            assert 2 <= len(asked) <= (clock.monotonic() - began) / QUERY_LIMIT + 1

    run(scenario)


def test_the_loss_of_the_lane_costs_nothing_and_is_mended() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        switch.move_away(0.01)
        async with watching(switch, clock=clock, connected=False) as watch:
            await watch.until(lambda node: node.lifecycle.state is State.SYNCING)
            deciding = set(switch.clients)
            assert len(deciding) == 2
            await watch.until_value("freeswitch_registrations", 0)
            for _ in range(3):
                (lane,) = switch.clients - deciding
                lane.abort()
                await clock.sleep(0.5)
                assert switch.clients == deciding
                await clock.sleep(2 * COUNTS_INTERVAL)
                assert len(switch.clients) == 3
                await is_well(watch)
                assert await watch.value(SLOW, command="show_registrations") == 1

    run(scenario)


def test_a_lane_without_a_connection_has_answers_that_cannot_be_had() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        switch.move_away(0.01)
        async with watching(switch, clock=clock, connected=False) as watch:
            await watch.until(lambda node: node.lifecycle.state is State.SYNCING)
            switch.deny_by_acl(drop=False)
            await clock.sleep(2 * COUNTS_INTERVAL)
            await is_well(watch)
            for command in ("show_channels", "show_calls", "show_registrations"):
                assert await watch.value(SLOW, command=command) == 0
            (first, *_) = watch.node.connections.optional_answers.worthless()
            assert "ACL" in str(first.error)
            assert watch.node.connections.optional_answers.slow(clock.monotonic()) == []
            switch.recover()
            await clock.sleep(2 * COUNTS_INTERVAL)
            assert await watch.value("freeswitch_registrations") == 0

    run(scenario)


def test_after_a_hang_the_figures_come_back_once_the_lane_does() -> None:
    """A question was stuck when the node was lost, so the lane opens later than the node is connected."""

    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock) as watch:
            await watch.until_value("freeswitch_registrations", 0)
            switch.hang()
            asked = clock.monotonic()
            with pytest.raises(EslError):
                await watch.node.api("show channels like 70726f62 as json")
            await watch.until(lambda node: not node.connected, 20)
            await clock.sleep(5)
            switch.recover()
            await watch.until(lambda node: node.connected, 20)
            await clock.sleep(6)
            (answer,) = watch.node.connections.optional_answers.worthless()
            assert "may still be busy with 'show channels like" in str(answer.error)
            await watch.until_value("freeswitch_registrations", 0, COUNTS_INTERVAL)
            assert clock.monotonic() - asked < QUERY_LIMIT + 20
            await watch.until_value(SLOW, 1, command="show_channels")

    run(scenario)


def test_a_question_of_others_that_is_slow_costs_them_and_not_the_node() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock) as watch:
            await watch.until_value("freeswitch_registrations", 0)
            switch.delay_replies(20.0, "api show")
            began = clock.monotonic()
            with pytest.raises(LateAnswer, match="within 3 s"):
                await watch.node.api("show channels like 70726f62 as json", 3.0)
            assert clock.monotonic() - began == pytest.approx(3, abs=0.1)
            with pytest.raises(LateAnswer):
                await watch.node.api("show channels like 70726f62 as json")
            assert switch.commands_seen.count("api show channels like 70726f62 as json") == 1
            await clock.sleep(15)
            switch.recover()
            assert "row_count" in await watch.node.api("show channels like 70726f62 as json")
            await is_well(watch)

    run(scenario)


# -- calls that are up --------------------------------------------------------------------------------------


def test_300_calls_at_20_ms_a_command() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        await calls_up(switch, 300)
        switch.delay_replies(0.02)
        async with connecting(switch, clock) as watch:
            await watch.until(lambda node: node.calls.live == 300, 8)
            assert await watch.value("freeswitch_calls_learned_total", gateway="telnyx") == 300
            assert watch.node.calls.over_limit == 0
            await is_well(watch)

    run(scenario)


@pytest.mark.parametrize("round_trip", [0.01, 0.02])
def test_2000_calls_at_10_and_20_ms_round_trip(round_trip: float) -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        await calls_up(switch, 2000)
        switch.move_away(round_trip)
        async with connecting(switch, clock, within=25 * round_trip) as watch:
            await watch.until(lambda node: node.calls.live == 2000, 4)
            assert watch.node.calls.over_limit == 0
            assert balanced(watch) == 2000
            await is_well(watch)

    run(scenario)


def test_calls_beyond_the_limit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "MAX_LEARNED", 40)

    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        await calls_up(switch, 50)
        async with connecting(switch, clock) as watch:
            await watch.until(lambda node: node.calls.live == 40, 1)
            await clock.sleep(1)
            assert await watch.value("freeswitch_events_dropped_total", reason="call_limit") == 10

    run(scenario)


def test_a_list_of_channels_that_is_too_long_to_read() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        await calls_up(switch, 20)
        switch.scripted_replies["show channels as json"] = "x" * (MAX_BODY + 1)
        async with connecting(switch, clock) as watch:
            await clock.sleep(5 * COUNTS_INTERVAL)
            await is_well(watch)
            assert await watch.value("freeswitch_events_dropped_total", reason="call_limit") == 20
            assert await watch.value("freeswitch_current_channels") == 20
            assert await watch.value("freeswitch_registrations") == 0
            assert switch.commands_seen.count("api show channels as json") == 1

    run(scenario)


@pytest.mark.parametrize("seed", range(5))
def test_calls_that_begin_and_end_while_others_are_learned_are_counted_once(seed: int) -> None:
    chance = random.Random(seed)

    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        legs = await calls_up(switch, 200)
        before = len(legs)
        switch.move_away(chance.uniform(0, 0.03))
        switch.delay_replies(0.004, "api uuid_getvar")
        async with connecting(switch, clock) as watch:
            begun = 0
            for _ in range(120):
                await clock.sleep(chance.uniform(0, 0.02))
                if chance.random() < 0.3:
                    number = f"+1666{begun:07}"
                    far_end = FarEnd(ring=0.01, answer=0.02)
                    switch.calls.outbound("telnyx", number, far_end, caller="+15551230000", seconds=0.1)
                    begun += 1
                if legs and chance.random() < 0.8:
                    switch.kill(legs.pop(chance.randrange(len(legs))), "NORMAL_CLEARING")
                balanced(watch)
            await clock.sleep(10)
            stats = watch.node.calls.stats["telnyx", "outbound"]
            assert (stats.learned, stats.started) == (before, begun)
            assert balanced(watch) == len(legs) == len(switch.legs)

    run(scenario)


# -- what decides whether the node is connected -------------------------------------------------------------


def test_flapping_gateways_cost_two_vital_commands_a_second_at_most() -> None:
    names = [f"g{number}" for number in range(5)]

    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with connecting(switch, clock) as watch:
            switch.commands_seen.clear()
            seen: list[tuple[float, str]] = []
            began = clock.monotonic()
            while clock.monotonic() < began + 600:
                flapping = names[: 1 + int(clock.monotonic() - began) // 120]
                for name in flapping:  # each at a moment of its own
                    provider = switch.provider(name)
                    if switch.gateway(name).state == "REGED":
                        provider.rejects(403, "Forbidden")
                    else:
                        provider.accepts()
                    switch.gateway(name).ask_register()
                    await clock.sleep(0.5 / len(flapping))
                seen += [(clock.monotonic(), command) for command in switch.commands_seen]
                switch.commands_seen.clear()
            vital = [at for at, command in seen if _lane(command) is Lane.VITAL]
            per_minute = Counter(int(at - began) // 60 for at in vital)
            assert max(per_minute.values()) <= 120, per_minute
            assert per_minute[0] > 60, "one gateway that flaps is polled each second"
            polls = [at for at, command in seen if command == "api sofia xmlstatus gateway"]
            gaps = [later - earlier for earlier, later in pairwise(polls)]
            assert max(gaps) <= 15
            assert watch.node.attempts == {"connected": 1}

    gateways = [GatewayConfig("telnyx"), *(GatewayConfig(name) for name in names)]
    run(scenario, gateways=gateways, tick=0.05)


def _lane(command: str) -> Lane:
    return rule_of(command.removeprefix("api ")).lane


@pytest.mark.parametrize("phase", [0.1, 5.0, 10.0, 15.0, 19.9])
@pytest.mark.parametrize("interval", [20.0, 60.0])
def test_an_account_without_the_tick_stays_connected_at_any_phase(phase: float, interval: float) -> None:
    user = User("secret", api="sofia json show", events="HEARTBEAT CUSTOM sofia::gateway_state")

    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        await clock.sleep(phase)
        async with connecting(switch, clock, user="watch@lab.local", password="secret") as watch:
            await clock.sleep(1800)
            assert watch.node.attempts == {"connected": 1}
            assert len(watch.node.ticks._out) <= 16
            switch.lose_events({"HEARTBEAT"})
            await watch.until_problem("events_stalled", 4 * interval)

    run(scenario, users={"watch": user}, heartbeat=interval)


# -- the table ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "lane"),
    [
        ("show channels like 70726f62 as json", Lane.DATABASE),
        ("show calls count", Lane.DATABASE),
        ("uuid_getvar u1 sip_gateway_name", Lane.DATABASE),
        ("uuid_set_media_stats u1", Lane.LIVE),
        ("uuid_dump u1 json", Lane.LIVE),
        ("uuid_kill u1 MANAGER_REQUEST", Lane.VITAL),
        ("sofia status", Lane.VITAL),
        ("sofia profile external register telnyx", Lane.VITAL),
        ("uuid_getvariation", Lane.VITAL),
        ("unknown", Lane.VITAL),
    ],
)
def test_each_command_has_its_lane(command: str, lane: Lane) -> None:
    assert rule_of(command).lane is lane


def test_no_command_has_two_rules() -> None:
    assert len({rule.beginning for rule in RULES}) == len(RULES)
