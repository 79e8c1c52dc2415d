"""What is asked of FreeSWITCH's database, against a script and in virtual time."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from exporter.config import DestinationsConfig, GatewayConfig, NodeConfig
from exporter.esl import ProtocolError
from exporter.switch.leg import LegStart
from exporter.switch.profile import Profile
from exporter.watch import database
from exporter.watch.database import COMPARE_EVERY, COUNTS_INTERVAL, LIST_LAG, MAX_LISTED, DatabasePoller
from exporter.watch.knowledge import Knowledge
from exporter.watch.observer import NodeObserver
from exporter.watch.registration_memory import RegistrationMemory
from tests.support.virtual_time import VirtualClock, virtual_time
from tests.watch.scripted import Scripted

UUID = "0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"
CHANNELS = (
    '{"row_count":3,"rows":['
    f'{{"uuid":"{UUID}","direction":"outbound","dest":"+923001234567","callstate":"ACTIVE"}},'
    '{"uuid":"gone","direction":"inbound","callstate":"ACTIVE"},'
    '{"uuid":"70726f62-0000-4000-8000-000000000000","direction":"outbound"}]}'
)
LEGS = {
    "show channels as json": CHANNELS,
    "uuid_getvar": "-ERR No such channel!\n",
    f"uuid_getvar {UUID} sip_gateway_name": "telnyx",
}


class Side:
    """A poller of the database, what it asks, and what it has learned."""

    def __init__(self, clock: VirtualClock) -> None:
        config = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig()})
        self.clock = clock
        self.known = Knowledge(config, "abcd", clock, RegistrationMemory(None, clock=clock), NodeObserver())
        self.switch = Scripted(clock, self.known.on_tick)
        self.poller = DatabasePoller(clock, self.known, self.switch)

    def run(self, scenario: Coroutine[Any, Any, None]) -> None:
        self.clock.run(scenario)

    def asked_in(self, seconds: float) -> None:
        """What the poller does in so many seconds after the start."""

        async def scenario() -> None:
            async with self.running():
                await self.clock.sleep(seconds)

        self.run(scenario())

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.poller.run())
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


def test_counts_are_asked_for_at_once_and_then_every_minute(side: Side) -> None:
    side.asked_in(2 * COUNTS_INTERVAL + 1)
    for command in ("show channels count", "show calls count", "show registrations count"):
        times = [at - side.switch.asked[0].at for at, said in side.switch.asked if said == command]
        assert times == [0, COUNTS_INTERVAL, 2 * COUNTS_INTERVAL]
    assert side.known.switch.channels == 0
    assert side.known.switch.calls == 0
    assert side.known.switch.registrations == 3
    assert side.switch.optional_answers.ok == {
        "show_channels": True,
        "show_calls": True,
        "show_registrations": True,
    }


def test_a_late_answer_costs_its_own_figure_and_no_other(side: Side) -> None:
    async def scenario() -> None:
        async with side.running():
            await side.clock.sleep(1)
            side.switch.late = ("show_calls",)
            await side.clock.sleep(COUNTS_INTERVAL)

    side.run(scenario())
    assert side.known.switch.calls is None
    assert side.known.switch.registrations == 3
    assert side.switch.optional_answers.ok["show_calls"] is False
    assert side.switch.optional_answers.ok["show_registrations"] is True


def test_a_denied_command_and_a_missing_database_are_no_late_answers(side: Side) -> None:
    side.switch.denied_commands = ("show",)
    side.asked_in(1)
    assert side.switch.denied == {"api show"}
    side.switch.denied_commands = ()
    side.switch.answers["show calls count"] = "-ERR SQL disabled, no data available!\n"
    side.asked_in(1)
    assert "show_calls" not in side.switch.optional_answers.ok
    assert side.known.switch.calls is None


def test_an_answer_that_cannot_be_read_is_worthless(side: Side) -> None:
    side.switch.answers["show calls count"] = "many\n"
    side.asked_in(1)
    assert side.switch.optional_answers.ok["show_calls"] is False
    (worthless,) = side.switch.optional_answers.worthless()
    assert worthless.command == "show calls count"


# -- calls that were up before ------------------------------------------------------------------------------


def test_calls_that_were_up_before_are_learned_if_they_still_are(side: Side) -> None:
    side.switch.answers |= LEGS
    side.asked_in(1)
    assert side.known.calls.uuids() == {UUID}
    assert side.known.calls.stats["telnyx", "outbound"].learned == 1
    assert side.known.calls.over_limit == 0
    assert not side.switch.commands("uuid_getvar 70726f62")


def test_a_call_that_was_up_before_talks_to_the_country_that_the_list_shows(side: Side) -> None:
    side.known.countries.destinations.configure(DestinationsConfig(), None)
    side.switch.answers |= LEGS
    side.asked_in(1)
    assert list(side.known.countries.stats) == [("telnyx", "PK")]


def test_they_are_learned_once(side: Side) -> None:
    side.switch.answers |= {**LEGS, "show channels count": "\n3 total.\n"}
    side.asked_in(3 * COUNTS_INTERVAL)
    assert side.switch.commands("show channels as json") == ["show channels as json"]


def test_a_call_that_was_answered_before_is_so_though_the_list_lags_behind(side: Side) -> None:
    """Its ANSWER went by before the subscription, and the list has not heard of it yet."""
    ringing = CHANNELS.replace("ACTIVE", "RINGING", 1)
    lists = iter([ringing, CHANNELS])
    side.switch.answers |= {**LEGS, "show channels as json": lambda _: next(lists)}
    side.asked_in(LIST_LAG + 1)
    assert side.known.calls.answered(UUID) is not None
    assert side.known.calls.stats["telnyx", "outbound"].learned == 1


def test_a_call_whose_answer_was_lost_is_answered_once_the_lists_are_compared(side: Side) -> None:
    side.switch.answers |= {**LEGS, "show channels count": "\n1 total.\n"}
    side.known.calls.learn(LegStart(UUID, "outbound", "telnyx", ""), answered=False)
    side.asked_in(COMPARE_EVERY * COUNTS_INTERVAL)
    assert side.known.calls.answered(UUID) is not None


def test_a_list_that_came_too_late_is_asked_for_again(side: Side) -> None:
    side.switch.answers |= LEGS
    side.switch.late = ("show_channels",)

    async def scenario() -> None:
        async with side.running():
            await side.clock.sleep(1)
            assert side.known.calls.live == 0
            side.switch.late = ()
            await side.clock.sleep(COUNTS_INTERVAL)

    side.run(scenario())
    assert side.known.calls.uuids() == {UUID}


@pytest.mark.parametrize(("limit", "learned"), [(3, 3), (10, 7)])
def test_legs_beyond_the_limit_and_those_without_a_usable_name_are_counted(
    side: Side, monkeypatch: pytest.MonkeyPatch, limit: int, learned: int
) -> None:
    monkeypatch.setattr(database, "MAX_LEARNED", limit)
    rows = [f'{{"uuid":"u{number}","direction":"outbound"}}' for number in range(7)]
    rows.append('{"uuid":"two words","direction":"outbound"}')
    side.switch.answers |= {
        "show channels as json": f'{{"row_count":8,"rows":[{",".join(rows)}]}}',
        "uuid_getvar": "telnyx",
    }
    side.asked_in(1)
    assert side.known.calls.live == learned
    assert side.known.calls.over_limit == 8 - learned


def test_a_list_that_does_not_fit_into_a_reply_is_counted_and_not_asked_for_again(side: Side) -> None:
    def too_large(_: str) -> str:
        raise ProtocolError("Content-Length 17000000 is larger than 16777216 bytes")

    side.switch.answers |= {
        "show channels as json": too_large,
        "show channels count": "\n20000 total.\n",
    }
    side.asked_in(3 * COUNTS_INTERVAL)
    assert side.known.calls.over_limit == 20000
    assert side.switch.commands("show channels as json") == ["show channels as json"]
    assert side.known.switch.channels == 20000


def test_an_account_that_may_not_ask_for_a_leg_learns_none_and_counts_them(side: Side) -> None:
    side.switch.answers |= LEGS
    side.switch.denied_commands = ("uuid_getvar",)
    side.asked_in(1)
    assert side.known.calls.live == 0
    assert side.known.calls.over_limit == 2
    assert side.switch.denied == {"api uuid_getvar"}


# -- calls whose end was lost -------------------------------------------------------------------------------


def test_legs_that_freeswitch_has_no_more_are_lost_at_the_next_count(side: Side) -> None:
    async def scenario() -> None:
        async with side.running():
            await side.clock.sleep(COUNTS_INTERVAL - 1)
            for uuid in ("u1", "u2"):
                side.known.calls.learn(LegStart(uuid, "outbound", "telnyx", ""), answered=True)
            side.switch.answers |= {
                "show channels count": "\n1 total.\n",
                "show channels as json": '{"row_count":1,"rows":[{"uuid":"u2"}]}',
                "uuid_exists u1": "false",
            }
            await side.clock.sleep(2)

    side.run(scenario())
    assert side.known.calls.uuids() == {"u2"}
    assert side.known.calls.stats["telnyx", "outbound"].lost == 1
    assert side.switch.commands("uuid_exists") == ["uuid_exists u1"]


def test_a_leg_whose_end_was_lost_is_found_though_another_channel_hides_it(side: Side) -> None:
    """A probe call is a channel that is not tracked, and a UUID of another form is in no list of legs."""
    odd = '{"row_count":2,"rows":[{"uuid":"70726f62-0000-4000-8000-000000000000"},{"uuid":"a b"}]}'
    side.switch.answers |= {
        "show channels count": "\n1 total.\n",
        "show channels as json": '{"row_count":0}',
        "uuid_exists": "false",
    }

    async def scenario() -> None:
        async with side.running():
            await side.clock.sleep(1)
            side.known.calls.learn(LegStart(UUID, "outbound", "telnyx", ""), answered=True)
            side.switch.answers["show channels as json"] = odd
            await side.clock.sleep(COMPARE_EVERY * COUNTS_INTERVAL)

    side.run(scenario())
    assert side.known.calls.live == 0
    assert side.known.calls.stats["telnyx", "outbound"].lost == 1


# -- addresses of telephones --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("count", "denied", "asked"),
    [
        (1, "", 1),
        (0, "", 0),
        (MAX_LISTED, "", 1),
        (MAX_LISTED + 1, "", 0),
        (1, "CUSTOM sofia::register", 0),
        (1, "CUSTOM sofia::register_failure", 0),
    ],
)
def test_registered_addresses_are_asked_for_once_where_a_guess_could_be_noticed(
    side: Side, count: int, denied: str, asked: int
) -> None:
    running = Profile(
        name="internal", url="", state="RUNNING", running=True, in_use=0, gateways=(), aliases=()
    )
    side.known.on_profiles([running], 0.0)
    side.switch.denied = {denied}
    side.switch.answers["sofia status profile internal"] = f"REGISTRATIONS    \t{count}\n"
    side.switch.answers["sofia status profile internal reg"] = "-ERR no reply\n"  # nor is it asked again
    side.asked_in(2 * COUNTS_INTERVAL + 1)
    assert len(side.switch.commands("sofia status profile internal reg")) == asked
    side.asked_in(1)  # a new connection
    assert len(side.switch.commands("sofia status profile internal reg")) == 2 * asked
