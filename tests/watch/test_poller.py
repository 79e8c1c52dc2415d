"""What is asked of FreeSWITCH and when, against a script and in virtual time: minutes take no time."""

import asyncio
import contextlib
import re
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import pytest

from exporter.config import GatewayConfig, NodeConfig
from exporter.esl import EventsStalled, EventsUnreadable, FellBehind, PermissionDenied
from exporter.switch.gateway_event import GatewayEvent
from exporter.watch import poller as poller_module
from exporter.watch.event_flow import TICK_OVERDUE
from exporter.watch.gateway_table import MAX_GATEWAYS
from exporter.watch.knowledge import Knowledge
from exporter.watch.observer import NodeObserver
from exporter.watch.poller import GATEWAYS_AT_ONCE, TICK_INTERVAL, Poller
from exporter.watch.registration_memory import RegistrationMemory
from exporter.watch.subscriptions import TICK_SUBSCRIPTION
from tests.support.virtual_time import VirtualClock, virtual_time
from tests.watch.scripted import CORE_UUID, LIST, Scripted


class Side:
    """A poller, what it asks, and what it has learned."""

    def __init__(self, clock: VirtualClock, poll_interval: float = 10.0) -> None:
        config = NodeConfig(name="fs1", poll_interval=poll_interval, gateways={"telnyx": GatewayConfig()})
        self.clock = clock
        self.known = Knowledge(config, "abcd", clock, RegistrationMemory(None, clock=clock), NodeObserver())
        self.switch = Scripted(clock, self.known.on_tick)
        self.poller = Poller(config, clock, self.known, self.switch)

    def times(self, command: str) -> list[float]:
        """When a command was sent, seconds since the first one."""
        return [round(at - self.switch.asked[0].at, 3) for at, said in self.switch.asked if said == command]

    @asynccontextmanager
    async def doing(self, work: Callable[[], Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
        task = asyncio.create_task(work())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


@pytest.fixture
def side() -> Iterator[Side]:
    with virtual_time() as clock:
        yield Side(clock)


def run(side: Side, scenario: Coroutine[Any, Any, None]) -> None:
    side.clock.run(scenario)


# -- sync ---------------------------------------------------------------------------------------------------


def test_a_sync_asks_everything_once_and_knows_it(side: Side) -> None:
    side.switch.answers["fsctl pause_check outbound"] = "true"

    async def scenario() -> None:
        await side.poller.sync()

    run(side, scenario())
    assert side.switch.commands()[:2] == ["global_getvar core_uuid", "sendevent CUSTOM"]
    assert len(set(side.switch.commands())) == len(side.switch.commands())
    known = side.known
    assert known.core_uuid == CORE_UUID
    assert known.switch.hostname == "lab"
    assert known.switch.figures.max_sessions == 1000
    assert known.switch.paused == {"inbound": False, "outbound": True}
    assert set(known.switch.profiles) == {"external", "internal"}
    assert [gateway.problem for gateway in known.gateways.named("telnyx")] == ["none"]
    assert known.last_poll_epoch == side.clock.epoch()
    assert known.ticks.round_trip == 0


def test_the_folder_is_kept_where_a_later_connection_does_not_say_it(side: Side) -> None:
    async def scenario() -> None:
        await side.poller.ask_settings()
        side.switch.answers["global_getvar conf_dir"] = ""
        await side.poller.ask_settings()

    run(side, scenario())
    assert side.switch.commands().count("global_getvar conf_dir") == 2
    assert side.known.conf_dir == "/usr/local/freeswitch/conf"


@pytest.mark.parametrize(
    ("answer", "domain"),
    [("example.com", "example.com"), ("-ERR no reply\n", "freeswitch.local"), ("-ERR\n", "")],
)
def test_the_domain_of_users_dialled_without_one(side: Side, answer: str, domain: str) -> None:
    side.switch.answers["global_getvar domain"] = answer
    run(side, side.poller.ask_settings())
    assert side.known.switch.domain == domain


def test_a_tick_that_does_not_come_back_ends_the_sync(side: Side) -> None:
    side.switch.tick = None

    async def scenario() -> None:
        began = side.clock.monotonic()
        with pytest.raises(EventsStalled):
            await side.poller.sync()
        assert side.clock.monotonic() - began == pytest.approx(TICK_OVERDUE)

    run(side, scenario())


def test_events_that_come_and_cannot_be_read_are_not_no_events(side: Side) -> None:
    side.switch.tick = lambda _tick: side.known.on_unreadable()

    async def scenario() -> None:
        with pytest.raises(EventsUnreadable, match=r"FreeSWITCH 1\.11.* 1\.8 is the oldest") as found:
            await side.poller.sync()
        assert found.value.problem == "protocol_error"
        side.switch.tick = None
        with pytest.raises(EventsStalled):
            await side.poller.sync()

    run(side, scenario())


def test_it_looks_only_when_there_may_be_something(side: Side) -> None:
    """A quiet switch costs the exporter no look a second; its polls come as often as before."""
    side.switch.answers["sofia xmlstatus gateway"] = LIST.replace("<pingfreq>10", "<pingfreq>0")
    gateways, looks = side.known.gateways, 0
    advance = gateways.advance

    def counted() -> None:
        nonlocal looks
        looks += 1
        advance()

    async def scenario() -> None:
        await side.poller.sync()
        await side.clock.sleep(5)
        gateways.advance = counted  # type: ignore[method-assign]
        async with side.doing(side.poller.poll):
            await side.clock.sleep(601)

    run(side, scenario())
    assert side.switch.commands().count("sofia xmlstatus gateway") == 1 + 60
    assert looks <= 600 / 9 + 600 / 10 + 5


def test_a_list_of_many_gateways_leaves_events_their_turn(side: Side) -> None:
    block = re.search(r"  <gateway>\n.*?  </gateway>\n", LIST, re.DOTALL)
    assert block is not None
    name = re.search(r"<name>.*</name>", block[0])
    assert name is not None
    many = "".join(block[0].replace(name[0], f"<name>g{number}</name>") for number in range(25_000))
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    async def scenario() -> None:
        await side.poller.sync()
        side.switch.answers["sofia xmlstatus gateway"] = LIST.replace(block[0], many + block[0])
        async with side.doing(count):
            before = turns
            await side.poller._poll_gateways()
            assert turns - before >= 25_000 / GATEWAYS_AT_ONCE
        assert len(side.known.gateways) == MAX_GATEWAYS
        assert side.known.gateways.over_limit == 25_000 - MAX_GATEWAYS + LIST.count("<gateway>")

    run(side, scenario())


def test_an_account_that_may_not_have_the_tick_does_not_wait_for_it(side: Side) -> None:
    side.switch.tick = None
    side.switch.denied.add(TICK_SUBSCRIPTION)

    async def scenario() -> None:
        await side.poller.sync()

    run(side, scenario())


def test_an_account_that_may_run_nothing_is_denied(side: Side) -> None:
    side.switch.denied_commands = ("sofia", "json", "global_getvar", "fsctl", "hostname", "show")

    async def scenario() -> None:
        with pytest.raises(PermissionDenied):
            await side.poller.sync()

    run(side, scenario())


def test_a_denied_command_costs_its_families_and_no_more(side: Side) -> None:
    side.switch.denied_commands = ("json",)

    async def scenario() -> None:
        await side.poller.sync()

    run(side, scenario())
    assert side.switch.denied == {"api json"}
    assert side.known.switch.figures.max_sessions is None
    assert [gateway.problem for gateway in side.known.gateways.named("telnyx")] == ["none"]


def test_gateways_that_cannot_be_read_are_unknown(side: Side) -> None:
    async def scenario() -> None:
        await side.poller.sync()
        side.switch.answers["sofia xmlstatus gateway"] = "-ERR sofia Command not found!\n"
        async with side.doing(side.poller.poll):
            await side.clock.sleep(12)

    run(side, scenario())
    assert [gateway.problem for gateway in side.known.gateways.named("telnyx")] == ["unknown"]
    assert side.known.last_poll_epoch < side.clock.epoch() - 10


# -- polls --------------------------------------------------------------------------------------------------


def test_everything_is_polled_at_its_interval_and_nothing_else(side: Side) -> None:
    async def scenario() -> None:
        await side.poller.sync()
        side.switch.asked.clear()
        async with side.doing(side.poller.poll):
            await side.clock.sleep(65)

    side.switch.answers["sofia xmlstatus gateway"] = LIST.replace("<pingfreq>10", "<pingfreq>0")
    run(side, scenario())
    # The first command is a status, a second before the first list.
    assert side.times('json {"command":"status","data":""}') == [0, 9, 18, 27, 36, 45, 54]
    assert side.times("fsctl pause_check inbound") == [0, 9, 18, 27, 36, 45, 54]
    assert side.times("sofia xmlstatus gateway") == [1, 11, 21, 31, 41, 51]
    assert {command.partition(" ")[0] for command in side.switch.commands()} == {"json", "fsctl", "sofia"}
    assert side.switch.commands("sofia xmlstatus gateway ") == []


def test_an_event_has_its_gateway_polled_and_a_storm_of_them_once_a_second(side: Side) -> None:
    side.switch.answers["sofia xmlstatus gateway"] = LIST.replace("<pingfreq>10", "<pingfreq>0")
    side.switch.answers["sofia xmlstatus gateway telnyx"] = one_of(LIST, "telnyx")

    async def scenario() -> None:
        await side.poller.sync()
        await side.clock.sleep(2)
        side.switch.asked.clear()
        async with side.doing(side.poller.poll):
            await side.clock.sleep(0.1)
            for _ in range(800):
                side.known.gateways.on_event(GatewayEvent("telnyx", "FAILED", True, 403, "Forbidden"))
                await side.clock.sleep(0.01)

    run(side, scenario())
    assert 8 <= len(side.switch.commands("sofia xmlstatus gateway telnyx")) <= 9
    assert side.switch.asked[0].command == "sofia xmlstatus gateway telnyx"


def test_a_ping_in_flight_is_asked_about_until_it_is_decided(side: Side) -> None:
    """A pause of 3 s would make it overdue, whatever became of it."""
    side.switch.answers["sofia xmlstatus gateway"] = LIST.replace("<pinging>0", "<pinging>1")
    side.switch.answers["sofia xmlstatus gateway telnyx"] = one_of(LIST, "telnyx").replace(
        "<pinging>0", "<pinging>1"
    )

    async def scenario() -> None:
        await side.poller.sync()
        async with side.doing(side.poller.poll):
            await side.clock.sleep(120)

    run(side, scenario())
    polls = [at for at, command in side.switch.asked if command.startswith("sofia xmlstatus gateway")]
    assert max(later - earlier for earlier, later in pairwise(polls)) < 1.5
    assert len(polls) <= 2 + 120 / poller_module.SPACING + 12


def test_many_marked_gateways_are_polled_by_the_list(side: Side) -> None:
    names = [f"g{number}" for number in range(4)]
    some = "".join(one_of(LIST, "telnyx").replace("telnyx", name, 1) for name in names)
    side.switch.answers["sofia xmlstatus gateway"] = f"<gateways>\n{some}</gateways>\n"

    async def scenario() -> None:
        await side.poller.sync()
        await side.clock.sleep(2)
        side.switch.asked.clear()
        async with side.doing(side.poller.poll):
            for name in names:
                side.known.gateways.on_event(GatewayEvent(name, "FAILED", True, 403, ""))
            await side.clock.sleep(0.5)

    run(side, scenario())
    assert side.switch.commands("sofia xmlstatus") == ["sofia xmlstatus gateway"]


def test_gateways_that_come_and_go_all_the_time_cost_two_commands_a_second(side: Side) -> None:
    """Each new name asks for profiles and list, which are two commands."""

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
    assert min(per_minute[minute] for minute in range(9)) > 90


def test_a_gateway_that_is_not_found_by_name_is_looked_for_in_the_list(side: Side) -> None:
    side.switch.answers["sofia xmlstatus gateway"] = LIST.replace("<pingfreq>10", "<pingfreq>0")
    side.switch.answers["sofia xmlstatus gateway telnyx"] = "Invalid Gateway!\n"

    async def scenario() -> None:
        await side.poller.sync()
        await side.clock.sleep(2)
        side.switch.asked.clear()
        async with side.doing(side.poller.poll):
            side.known.gateways.on_event(GatewayEvent("telnyx", "REGED", True, 0, ""))
            await side.clock.sleep(4)

    run(side, scenario())
    assert side.switch.commands("sofia xmlstatus") == [
        "sofia xmlstatus gateway telnyx",
        "sofia xmlstatus gateway",
    ]
    assert [gateway.problem for gateway in side.known.gateways.named("telnyx")] == ["none"]


# -- ticks --------------------------------------------------------------------------------------------------


def test_ticks_are_sent_and_lost_ones_are_a_stall(side: Side) -> None:
    async def scenario() -> None:
        await side.poller.sync()
        side.switch.asked.clear()
        async with side.doing(side.poller.watch_events):
            await side.clock.sleep(61)
        assert side.times("sendevent CUSTOM") == [TICK_INTERVAL * number for number in range(30)]
        side.switch.tick = None
        began = side.clock.monotonic()
        with pytest.raises(EventsStalled):
            await side.poller.watch_events()
        assert TICK_OVERDUE < side.clock.monotonic() - began <= TICK_OVERDUE + 2 * TICK_INTERVAL

    run(side, scenario())


def test_an_account_without_the_tick_stays_connected_for_an_hour(side: Side) -> None:
    side.switch.denied.add(TICK_SUBSCRIPTION)
    side.switch.tick = None

    async def scenario() -> None:
        await side.poller.sync()
        async with side.doing(side.poller.watch_events):
            await side.clock.sleep(19.5)
            for _ in range(180):
                side.known.flow.on_heartbeat(side.clock.monotonic())
                await side.clock.sleep(20)
        assert len(side.known.ticks._out) <= 16
        with pytest.raises(EventsStalled):
            await side.poller.watch_events()

    run(side, scenario())


def test_events_that_pile_up_end_the_connection_at_the_second_look(side: Side) -> None:
    async def scenario() -> None:
        await side.poller.sync()
        began = side.clock.monotonic()
        side.switch.unread = poller_module.MAX_BACKLOG + 1
        with pytest.raises(FellBehind):
            await side.poller.watch_events()
        assert side.clock.monotonic() - began == pytest.approx(2 * TICK_INTERVAL)
        assert side.known.dropped["behind"] == 1

    run(side, scenario())


def one_of(text: str, name: str) -> str:
    """The lines of one gateway in a list of all."""
    begin = text.rindex("<gateway>", 0, text.index(f"<name>{name}</name>"))
    return text[begin : text.index("</gateway>", begin)] + "</gateway>\n"
