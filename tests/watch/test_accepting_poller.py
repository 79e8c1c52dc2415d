"""How soon it is known that FreeSWITCH refuses calls, and what that costs: in virtual time."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise

import pytest

from exporter.switch.gateway_event import GatewayEvent
from exporter.watch.accepting import refusal_reason
from exporter.watch.accepting_poller import EVERY, QUICK
from exporter.watch.poller import SPACING
from tests.support.virtual_time import virtual_time
from tests.switch.replies import reply
from tests.watch.scripted import LIST, Scripted
from tests.watch.test_poller import Side, run

STATUS = 'json {"command":"status","data":""}'
WITHIN = 10.0  # seconds


@pytest.fixture
def side() -> Iterator[Side]:
    with virtual_time() as clock:
        made = Side(clock)
        made.switch.answers["sofia xmlstatus gateway"] = LIST.replace("<pingfreq>10", "<pingfreq>0")
        yield made


def status(**changes: object) -> str:
    """The recorded status with other values: `limit`, `active`, `ready`."""
    text = json.loads(reply("api-json-status.txt"))
    count = text["response"]["sessions"]["count"]
    count.update({name: value for name, value in changes.items() if name in count})
    if changes.get("ready") is False:
        text["response"]["systemStatus"] = "not ready"
    return json.dumps(text)


def pause(switch: Scripted) -> None:
    switch.answers["fsctl pause_check inbound"] = "true"


def shut_down_asap(switch: Scripted) -> None:
    switch.answers[STATUS] = status(ready=False)
    switch.answers["fsctl pause_check inbound"] = switch.answers["fsctl pause_check outbound"] = "true"
    switch.answers["fsctl shutdown_check"] = "true"


def fill_up(switch: Scripted) -> None:
    switch.answers[STATUS] = status(active=1000, limit=1000)


BREAKS = [("paused", pause), ("shutting_down", shut_down_asap), ("session_limit", fill_up)]


@pytest.mark.parametrize("poll_interval", [10.0, 300.0])
@pytest.mark.parametrize("busy", [False, True], ids=["quiet", "events all the time"])
@pytest.mark.parametrize(("reason", "breaks"), BREAKS)
def test_a_refusal_is_known_within_ten_seconds_of_its_beginning_and_its_end(
    reason: str, breaks: Callable[[Scripted], None], busy: bool, poll_interval: float
) -> None:
    with virtual_time() as clock:
        side = Side(clock, poll_interval)

        def told() -> str | None:
            return refusal_reason(side.known.condition, "inbound")

        async def until(expected: str) -> float:
            began = clock.monotonic()
            while told() != expected:
                assert clock.monotonic() - began < 2 * WITHIN
                await clock.sleep(0.05)
            return clock.monotonic() - began

        async def storm() -> None:
            number = 0
            while True:
                number += 1
                side.known.gateways.on_event(GatewayEvent(f"g{number}", "FAILED", True, 403, ""))
                await clock.sleep(0.2)

        async def silence() -> None:
            await clock.sleep(1000)

        async def scenario() -> None:
            await side.poller.sync()
            assert told() == "none"
            async with side.doing(side.poller.poll), side.doing(storm if busy else silence):
                await clock.sleep(EVERY + 0.1)  # just after a poll, the worst moment
                well = dict(side.switch.answers)
                breaks(side.switch)
                assert await until(reason) <= WITHIN
                await clock.sleep(30)
                side.switch.answers.update(well)
                assert await until("none") <= WITHIN

        clock.run(scenario())


def test_a_limit_that_is_near_is_looked_at_every_two_seconds(side: Side) -> None:
    async def scenario() -> None:
        side.switch.answers[STATUS] = status(active=900, limit=1000)
        await side.poller.sync()
        async with side.doing(side.poller.poll):
            await side.clock.sleep(60)

    run(side, scenario())
    looks = side.times(STATUS)
    assert max(later - earlier for earlier, later in pairwise(looks)) <= QUICK + SPACING
    assert len(side.switch.commands("fsctl")) == 2 * (1 + 60 // EVERY)


def test_a_pause_of_one_direction_repeats_that_question_only(side: Side) -> None:
    async def scenario() -> None:
        side.switch.answers["fsctl pause_check outbound"] = "true"
        await side.poller.sync()
        async with side.doing(side.poller.poll):
            await side.clock.sleep(60)

    run(side, scenario())
    assert len(side.times("fsctl pause_check outbound")) >= 60 / (QUICK + SPACING)
    assert len(side.times("fsctl pause_check inbound")) == 1 + 60 // EVERY
    assert len(side.times(STATUS)) == 1 + 60 // EVERY
    assert not side.times("fsctl shutdown_check")


def test_a_switch_that_refuses_and_flaps_costs_two_commands_a_second(side: Side) -> None:
    shut_down_asap(side.switch)

    async def scenario() -> None:
        await side.poller.sync()
        side.switch.asked.clear()
        async with side.doing(side.poller.poll), side.doing(side.poller.watch_events):
            for number in range(3000):
                side.known.gateways.on_event(GatewayEvent(f"g{number}", "FAILED", True, 403, ""))
                await side.clock.sleep(0.2)

    run(side, scenario())
    began = side.switch.asked[0].at
    per_minute = Counter(int(at - began) // 60 for at, _ in side.switch.asked)
    assert max(per_minute.values()) <= 120
    lists = side.times("sofia xmlstatus gateway")
    assert max(later - earlier for earlier, later in pairwise(lists)) < 3 * SPACING + 1.5  # and none starves


def test_without_the_right_to_ask_there_is_no_answer(side: Side) -> None:
    async def scenario() -> None:
        side.switch.denied_commands = ("fsctl",)
        await side.poller.sync()
        async with side.doing(side.poller.poll):
            await side.clock.sleep(30)
        assert refusal_reason(side.known.condition, "inbound") is None

    run(side, scenario())
    assert side.switch.denied == {"api fsctl"}
