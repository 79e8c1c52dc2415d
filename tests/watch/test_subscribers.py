"""Watched subscribers: events tell at once, FreeSWITCH's table corrects, and nothing grows without bound."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from exporter.config import NodeConfig
from exporter.simulator import SimulatedSwitch, User
from exporter.switch.registration import Registration
from exporter.switch.registration_event import Gone, Reachability, Registered
from exporter.watch import database
from exporter.watch.dispatcher import Dispatcher, wire
from exporter.watch.knowledge import Knowledge
from exporter.watch.observer import NodeObserver
from exporter.watch.registration_memory import RegistrationMemory
from exporter.watch.subscribers import MAX_PHONES, NO_OPTIONS, Subscriber, Subscribers
from tests.switch.recordings import events
from tests.watch.builders import EPOCH, HandClock
from tests.watch.watching import Watch, watching

ANNA = "anna@lab.local"
PHONE = Registration("a", "192.0.2.1", "phone/1.0")


def registered(call_id: str = "a", user: str = ANNA) -> Registered:
    return Registered(user, "internal", call_id, "192.0.2.1", "phone/1.0")


class Watched(Subscribers):
    """Of one subscriber, on a clock that the test moves."""

    def __init__(self) -> None:
        self.clock = HandClock()
        super().__init__(["anna@LAB.local"], self.clock)

    @property
    def anna(self) -> Subscriber:
        return self.watched[ANNA]

    def at(self, now: float) -> "Watched":
        self.clock.now = now
        return self


def test_before_anything_is_known_nothing_is_said() -> None:
    assert Watched().anna.registered is None


def test_a_subscriber_comes_and_goes_with_its_events() -> None:
    watched = Watched()
    watched.at(101).on_registered(registered())
    anna = watched.anna
    assert (anna.registered, anna.since, anna.address, anna.agent) == (
        True,
        EPOCH + 101,
        "192.0.2.1",
        "phone/1.0",
    )
    watched.at(102).on_registered(registered())  # a refresh
    assert anna.since == EPOCH + 101
    watched.at(103).on_gone(Gone(ANNA, "internal", "a", "unregistered"))
    assert (anna.registered, anna.since, anna.how) == (False, EPOCH + 103, "unregistered")
    watched.at(104).on_registered(registered())
    watched.at(105).on_gone(Gone(ANNA, "internal", "a", "expired"))
    assert (anna.registered, anna.how, anna.address) == (False, "expired", "192.0.2.1")


def test_it_is_registered_while_one_of_its_telephones_is() -> None:
    watched = Watched()
    watched.on_registered(registered("a"))
    watched.on_registered(registered("b"))
    watched.on_gone(Gone(ANNA, "internal", "a", "expired"))
    assert watched.anna.registered
    watched.on_gone(Gone(ANNA, "internal", "b", "expired"))
    assert not watched.anna.registered


def test_a_telephone_that_answered_no_options_went_for_that() -> None:
    watched = Watched()
    watched.on_registered(registered())
    watched.on_reachability(Reachability(ANNA, "a", reachable=False))
    assert (watched.anna.registered, watched.anna.reachable) == (True, False)
    watched.on_gone(Gone(ANNA, "internal", "a", "expired"))
    assert (watched.anna.registered, watched.anna.how) == (False, NO_OPTIONS)
    watched.on_registered(registered())
    assert watched.anna.reachable
    watched.on_gone(Gone(ANNA, "internal", "a", "expired"))
    assert watched.anna.how == "expired"


def test_a_telephone_that_registers_again_is_reachable_as_in_freeswitchs_table() -> None:
    watched = Watched()
    watched.on_registered(registered())
    watched.on_reachability(Reachability(ANNA, "a", reachable=False))
    watched.on_registered(registered())  # no sip_user_state follows
    assert watched.anna.reachable


def test_one_telephone_of_several_that_answers_is_enough() -> None:
    watched, seen = Watched(), []
    watched.on_registered(registered("a"))
    watched.on_registered(registered("b"))
    for phone, answers in (("a", False), ("gone", False), ("b", False), ("a", True)):
        watched.on_reachability(Reachability(ANNA, phone, answers))
        seen.append(watched.anna.reachable)
    assert seen == [True, True, False, True]
    watched.on_gone(Gone(ANNA, "internal", "a", "expired"))
    assert not watched.anna.reachable


def test_the_table_says_who_answers_no_options() -> None:
    watched = Watched()
    watched.at(101).on_listed(ANNA, [PHONE._replace(reachable=False)], 101)
    assert not watched.anna.reachable
    watched.at(161).on_listed(ANNA, [PHONE], 161)
    assert watched.anna.reachable


def test_a_change_that_was_not_watched_is_said_to_be_older() -> None:
    watched = Watched()
    watched.at(101).on_registered(registered())  # may be a refresh
    watched.known = True
    assert not watched.anna.seen
    watched.at(102).on_gone(Gone(ANNA, "internal", "a", "expired"))
    assert (watched.anna.seen, watched.anna.since) == (True, EPOCH + 102)
    watched.on_lost()
    watched.at(500).on_listed(ANNA, [PHONE], 500)
    assert (watched.anna.seen, watched.anna.since) == (False, EPOCH + 500)


def test_a_registration_that_ends_while_others_are_kept_is_in_doubt() -> None:
    watched = Watched()
    watched.at(101).on_registered(registered("a"))
    watched.on_gone(Gone(ANNA, "internal", "a", "unregistered"))
    assert not watched.doubtful
    watched.on_registered(registered("a"))
    watched.on_registered(registered("b"))  # the telephone started again: its first row is gone
    watched.on_gone(Gone(ANNA, "internal", "b", "unregistered"))
    assert watched.doubtful == {ANNA}
    assert watched.in_doubt.is_set()
    watched.at(102).on_listed(ANNA, [], 102)
    assert (watched.doubtful, watched.anna.registered) == (set(), False)


def test_the_table_corrects_what_no_event_told() -> None:
    watched = Watched()
    watched.at(101).on_listed(ANNA, [], 101)
    assert (watched.anna.registered, watched.anna.since) == (False, EPOCH + 101)
    watched.at(161).on_listed(ANNA, [PHONE], 161)
    assert (watched.anna.registered, watched.anna.since, watched.anna.address) == (
        True,
        EPOCH + 161,
        "192.0.2.1",
    )
    watched.on_gone(Gone(ANNA, "internal", "a", "unregistered"))
    watched.on_registered(registered("b"))
    watched.at(221).on_listed(ANNA, [], 221)
    assert (watched.anna.registered, watched.anna.how) == (False, "")


def test_an_answer_older_than_the_last_event_is_ignored() -> None:
    watched = Watched()
    watched.at(101).on_registered(registered())
    watched.at(102).on_listed(ANNA, [], 100.9)
    assert watched.anna.registered


def test_others_are_counted_and_not_kept() -> None:
    watched = Watched()
    watched.start_tracking("internal")
    for number in range(1000):
        watched.on_registered(registered(user=f"{number}@lab.local"))
        watched.on_gone(Gone(f"{number}@lab.local", "internal", "a", "expired"))
        watched.on_gone(Gone(f"{number}@lab.local", "internal", "a", "unregistered"))
        watched.on_gone(Gone(f"{number}@lab.local", f"p{number}", "a", "expired"))
    assert list(watched.watched) == [ANNA]
    assert watched.expired == {"internal": 1000, "other": 1000}


def test_the_telephones_of_one_subscriber_are_bounded() -> None:
    watched = Watched()
    for number in range(10 * MAX_PHONES):
        watched.on_registered(registered(str(number)))
    assert len(watched.anna.phones) == MAX_PHONES
    watched.on_listed(ANNA, [PHONE._replace(call_id=str(n)) for n in range(10 * MAX_PHONES)], 1e9)
    assert len(watched.anna.phones) == MAX_PHONES


@pytest.mark.parametrize(
    ("capture", "registered", "how", "expired"),
    [
        ("ev-json-register-new", True, "", 0),
        ("ev-json-unregister", False, "unregistered", 0),
        ("ev-json-sip-user-state-unreachable", False, NO_OPTIONS, 1),
        ("ev-json-register-expire", None, "", 3),
        ("ev-json-flush-inbound-reg", None, "", 1),
    ],
)
def test_recorded_telephones_are_followed(
    capture: str, registered: bool | None, how: str, expired: int
) -> None:
    clock = HandClock()
    config = NodeConfig(name="fs1", subscribers=("1000@lab.local",))
    known = Knowledge(config, "abcd", clock, RegistrationMemory(None, clock=clock), NodeObserver())
    known.subscribers.start_tracking("internal")
    dispatcher = Dispatcher("fs1", clock, known.dropped)
    wire(dispatcher, known)
    for one in events(capture):
        dispatcher.on_event(one)
    (user,) = known.subscribers.watched.values()
    assert (user.registered, user.how) == (registered, how)
    assert known.subscribers.expired == {"internal": expired}


# -- on a socket --------------------------------------------------------------------------------------------


@asynccontextmanager
async def lab(*names: str, **more: object) -> AsyncIterator[tuple[SimulatedSwitch, Watch]]:
    """A switch on which 1000 is registered, and a node that watches these subscribers."""
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        switch.register("1000")
        switch.users = more.pop("users", {})  # type: ignore[assignment]
        async with watching(switch, subscribers=names, **more) as watch:  # type: ignore[arg-type]
            yield switch, watch


async def test_subscribers_and_profiles_of_a_switch_are_seen() -> None:
    async with lab("1000@lab.local", "1001@lab.local") as (switch, watch):
        registered = "freeswitch_subscriber_registered"
        await watch.until_value(registered, 1, subscriber="1000@lab.local")
        await watch.until_value(registered, 0, subscriber="1001@lab.local")
        await watch.until_value("freeswitch_profile_registrations", 1, profile="internal")
        assert await watch.value("freeswitch_profile_registrations", profile="external") == 0
        switch.register("1001")
        await watch.until_value(registered, 1, subscriber="1001@lab.local")
        before = await watch.value(
            "freeswitch_subscriber_change_timestamp_seconds", subscriber="1000@lab.local"
        )
        switch.expire("1000")
        await watch.until_value(registered, 0, subscriber="1000@lab.local")
        after = await watch.value(
            "freeswitch_subscriber_change_timestamp_seconds", subscriber="1000@lab.local"
        )
        assert before is not None
        assert after is not None
        assert after > before
        await watch.until_value("freeswitch_registrations_expired_total", 1, profile="internal")


async def test_the_table_corrects_events_that_were_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "COUNTS_INTERVAL", 0.2)
    async with lab("1000@lab.local") as (switch, watch):
        await watch.until_value("freeswitch_subscriber_registered", 1)
        switch.lose_events(["sofia::unregister", "sofia::register"])
        switch.unregister("1000")
        await watch.until_value("freeswitch_subscriber_registered", 0)
        await watch.until_value("freeswitch_profile_registrations", 0, profile="internal")
        switch.register("1000")
        await watch.until_value("freeswitch_subscriber_registered", 1)


async def test_a_telephone_that_started_again_and_left_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "COUNTS_INTERVAL", 3600.0)
    monkeypatch.setattr(database, "DOUBT", 0.05)
    async with lab("1000@lab.local") as (switch, watch):
        await watch.until_value("freeswitch_subscriber_registered", 1)
        switch.register("1000", "203.0.113.9")  # with another Call-ID; there is one row
        switch.unregister("1000")
        await watch.until_value("freeswitch_subscriber_registered", 0)


async def test_without_a_profile_nobody_is_registered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "COUNTS_INTERVAL", 0.2)
    async with lab("1000@lab.local", poll_interval=0.3) as (switch, watch):
        await watch.until_value("freeswitch_subscriber_registered", 1)
        for profile in ("internal", "external"):
            switch.stop_profile(profile)
        await watch.until_value("freeswitch_subscriber_registered", 0)


async def test_what_is_known_goes_with_the_node_and_comes_back() -> None:
    async with lab("1000@lab.local") as (switch, watch):
        await watch.until_value("freeswitch_subscriber_registered", 1)
        since = await watch.value("freeswitch_subscriber_change_timestamp_seconds")
        await switch.refuse_connections()
        await watch.until(lambda node: not node.connected)
        for name in ("subscriber_registered", "profile_registrations"):
            await watch.until_gone(f"freeswitch_{name}")
        await switch.accept_connections()
        await watch.until_value("freeswitch_subscriber_registered", 1)
        assert await watch.value("freeswitch_subscriber_change_timestamp_seconds") == since


async def test_a_locked_table_costs_its_families_and_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        switch.delay_replies(600.0, "api sofia status profile")
        async with watching(switch, subscribers=("1000@lab.local",)) as watch:
            await watch.until_value("freeswitch_optional_answers_ok", 0, command="profile_status")
            assert await watch.value("freeswitch_profile_registrations") is None
            assert await watch.value("freeswitch_subscriber_registered") is None
            assert watch.node.connected
            switch.register("1000")  # events go on
            await watch.until(
                lambda node: node.known.subscribers.watched["1000@lab.local"].registered is True
            )


async def test_an_account_without_these_events_is_told_by_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database, "COUNTS_INTERVAL", 0.2)
    user = User("pw", events="CHANNEL_CREATE HEARTBEAT CUSTOM sofia::gateway_state exporter::tick")
    async with lab("1000@lab.local", users={"eve": user}, user="eve@lab.local", password="pw") as (
        switch,
        watch,
    ):
        assert "CUSTOM sofia::expire" in watch.node.denied
        await watch.until_value("freeswitch_subscriber_registered", 1)
        switch.expire("1000")
        await watch.until_value("freeswitch_subscriber_registered", 0)
