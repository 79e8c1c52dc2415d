"""Strangers are counted by profile and address, are in no call family, and are let go of when too many."""

import pytest

from exporter.config import NodeConfig
from exporter.esl import Event
from exporter.simulator import SimulatedSwitch, User
from exporter.switch.registration_event import Registered
from exporter.switch.stranger_event import AuthFailure, Scan
from exporter.watch import database, poller, strangers
from exporter.watch.dispatcher import Dispatcher, wire
from exporter.watch.knowledge import Knowledge
from exporter.watch.observer import NodeObserver
from exporter.watch.registration_memory import RegistrationMemory
from exporter.watch.strangers import GUESSES, KNOWN_KEPT, MAX_PROFILES, RECENT, TOO_MANY, Strangers
from tests.switch.recordings import events
from tests.watch.builders import HandClock, event
from tests.watch.watching import watching

FAILURE = AuthFailure("internal", "REGISTER", "192.0.2.1")


class Side:
    """What is known of a switch with a profile `internal`, and its events."""

    def __init__(self) -> None:
        self.clock = HandClock()
        memory = RegistrationMemory(None, clock=self.clock)
        self.known = Knowledge(NodeConfig(name="fs1"), "abcd", self.clock, memory, NodeObserver())
        self.known.strangers.start_tracking("internal")
        self.dispatcher = Dispatcher("fs1", self.clock, self.known.dropped)
        wire(self.dispatcher, self.known)

    def take(self, *some: Event) -> "Side":
        for one in some:
            self.dispatcher.on_event(one)
        return self

    def beat(self, sessions: int) -> None:
        self.clock.now += 20
        self.take(event("HEARTBEAT", Session_Since_Startup=sessions))


RECORDED = {  # failures by method, scans, how often the address came
    "ev-json-register-failure-wrong-password": ({"REGISTER": 1, "INVITE": 0}, 0, 1),
    "ev-json-register-failure-unknown-user": ({"REGISTER": 1, "INVITE": 0}, 0, 1),
    "ev-json-attack-register-wrong-password": ({"REGISTER": 11, "INVITE": 0}, 0, 11),
    "ev-json-invite-auth-failure-wrong-password": ({"REGISTER": 0, "INVITE": 1}, 0, 1),
    "ev-json-invite-auth-failure-unknown-user": ({"REGISTER": 0, "INVITE": 1}, 0, 1),
    "ev-json-inbound-rejected-by-acl": ({"REGISTER": 0, "INVITE": 0}, 0, 0),
    "ev-json-scanner-invite-unanswered-challenge": ({"REGISTER": 0, "INVITE": 0}, 1, 1),
}


@pytest.mark.parametrize("capture", RECORDED)
def test_recorded_strangers_are_counted_and_are_no_calls(capture: str) -> None:
    failures, scans, times = RECORDED[capture]
    side = Side().take(*events(capture))
    assert side.known.strangers.failures == {("internal", method): n for method, n in failures.items()}
    assert side.known.strangers.scans == {"internal": scans}
    seen = side.known.strangers.seen(5)
    assert (seen.failures, seen.scans) == (sum(failures.values()), scans)
    address = "198.51.100.7" if "attack" in capture else "127.0.0.1"
    assert seen.addresses == (((address, times),) if times else ())
    for stats in side.known.calls.stats.values():
        assert (stats.started, stats.learned, stats.active, stats.hangups) == (0, 0, 0, {})
    legs = sum(one.name == "CHANNEL_HANGUP_COMPLETE" for one in events(capture))
    assert side.known.calls.strangers == legs


def test_a_profile_that_freeswitch_does_not_list_is_other() -> None:
    watched = Strangers(HandClock())
    watched.on_failure(FAILURE)
    watched.on_scanned("internal")
    assert watched.failures == {("other", "REGISTER"): 1}
    assert watched.scans == {"other": 1}


def test_profiles_are_bounded() -> None:
    watched = Strangers(HandClock())
    for number in range(2 * MAX_PROFILES):
        watched.start_tracking(f"p{number}")
    assert len(watched.scans) == MAX_PROFILES
    watched.on_failure(AuthFailure(f"p{MAX_PROFILES}", "INVITE", ""))
    assert watched.failures["other", "INVITE"] == 1


def test_what_is_recent_passes() -> None:
    clock = HandClock()
    watched = Strangers(clock)
    for _ in range(30):
        watched.on_failure(FAILURE)
        watched.on_scan(Scan("192.0.2.2"))
        watched.on_scanned("internal")
        clock.now += 60
        watched.advance()
    seen = watched.seen(5)
    assert RECENT <= seen.seconds <= RECENT + 60
    assert seen.failures == seen.scans == 10
    assert [address for address, _ in seen.addresses] == ["192.0.2.1", "192.0.2.2"]
    clock.now += 2 * RECENT
    seen = watched.seen(5)
    assert (seen.failures, seen.scans, seen.addresses) == (0, 0, ())


def registered(address: str) -> Registered:
    return Registered("1000@lab.local", "internal", "a", address, "")


def test_a_success_after_many_failures_is_a_guessed_password() -> None:
    clock = HandClock()
    watched = Strangers(clock)
    watched.start_tracking("internal")
    for _ in range(GUESSES - 1):
        watched.on_failure(FAILURE)
    watched.on_registered(registered("192.0.2.99"))
    watched.on_failure(FAILURE)
    assert watched.guessed == {"internal": 0}
    watched.on_registered(registered("192.0.2.1"))
    watched.on_registered(registered("192.0.2.1"))
    assert watched.guessed == {"internal": 2}
    assert (watched.seen(5).guessed, watched.seen(5).guessed_from) == (2, "192.0.2.1")
    for _ in range(12):
        clock.now += RECENT / 10
        watched.advance()
    assert (watched.seen(5).guessed, watched.seen(5).guessed_from) == (0, "")
    clock.now += 3600  # the failures are no more of the hour before
    watched.on_registered(registered("192.0.2.1"))
    assert watched.guessed == {"internal": 2}


def test_an_address_of_telephones_with_one_old_password_is_not_suspected() -> None:
    watched = Strangers(HandClock())
    watched.start_tracking("internal")
    watched.on_registered(registered("192.0.2.1"))
    for _ in range(100):
        watched.on_failure(FAILURE)
        watched.on_registered(registered("192.0.2.1"))
    assert watched.guessed == {"internal": 0}


def test_addresses_of_registered_telephones_are_known_from_the_first_look() -> None:
    watched = Strangers(HandClock())
    watched.start_tracking("internal")
    for _ in range(GUESSES):
        watched.on_failure(FAILURE)
    watched.on_listed(["192.0.2.1", "192.0.2.2"])  # the first may have guessed before the look
    for _ in range(GUESSES):
        watched.on_failure(FAILURE._replace(address="192.0.2.2"))
    watched.on_registered(registered("192.0.2.2"))
    assert watched.guessed == {"internal": 0}
    watched.on_registered(registered("192.0.2.1"))
    assert watched.guessed == {"internal": 1}


def test_a_list_does_not_displace_addresses_that_registered() -> None:
    watched = Strangers(HandClock())
    watched.start_tracking("internal")
    watched.on_registered(registered("192.0.2.1"))
    watched.on_listed(f"10.1.{number}" for number in range(2 * KNOWN_KEPT))
    for _ in range(GUESSES):
        watched.on_failure(FAILURE)
    watched.on_registered(registered("192.0.2.1"))
    assert watched.guessed == {"internal": 0}


def test_a_guess_is_noticed_among_hundreds_of_addresses_that_guess() -> None:
    clock = HandClock()
    watched = Strangers(clock)
    watched.start_tracking("internal")
    for number in range(600 * 3 * GUESSES):
        watched.on_failure(AuthFailure("internal", "REGISTER", f"10.1.{number % 600}"))
    watched.on_registered(registered("10.1.599"))
    assert watched.guessed == {"internal": 1}


def test_what_is_taken_for_the_history_is_taken_once() -> None:
    watched = Strangers(HandClock())
    for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1", ""):
        watched.on_failure(FAILURE._replace(address=address))
    watched.on_scan(Scan("192.0.2.3"))
    assert watched.take(2) == [("192.0.2.1", 2), ("192.0.2.2", 1)]
    assert watched.take(2) == []


def test_scans_are_no_guesses() -> None:
    watched = Strangers(HandClock())
    watched.start_tracking("internal")
    for _ in range(100):
        watched.on_scan(Scan("192.0.2.1"))
    watched.on_registered(registered("192.0.2.1"))
    assert watched.guessed == {"internal": 0}


def test_known_addresses_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strangers, "KNOWN_KEPT", 10)
    watched = Strangers(HandClock())
    watched.start_tracking("internal")
    for number in range(20):
        watched.on_registered(registered(f"192.0.2.{number}"))
    for address, guessed in (("192.0.2.0", 1), ("192.0.2.19", 1)):  # the first is forgotten, the last is not
        for _ in range(GUESSES):
            watched.on_failure(AuthFailure("internal", "REGISTER", address))
        watched.on_registered(registered(address))
        assert watched.guessed == {"internal": guessed}


def test_too_many_is_a_rate() -> None:
    clock = HandClock()
    watched = Strangers(clock)
    for events_a_second, too_many in ((TOO_MANY - 1, False), (TOO_MANY + 1, True), (TOO_MANY - 1, False)):
        for _ in range(int(2 * events_a_second)):
            watched.on_failure(FAILURE)
        clock.now += 2
        assert watched.too_many() is too_many
    assert not watched.too_many()


# -- sessions that no event explains ----------------------------------------------------------------------


def test_a_stranger_s_leg_explains_its_session() -> None:
    side = Side()
    for sessions in range(5):
        side.beat(sessions)
        side.take(*events("ev-json-invite-auth-failure-wrong-password"))
    # The same leg again is no other.
    assert side.known.calls.strangers == 1
    assert side.known.unaccounted.total == 2


def test_scans_under_way_are_no_lost_events() -> None:
    side = Side()
    template = event(
        "CHANNEL_HANGUP_COMPLETE",
        Call_Direction="inbound",
        Hangup_Cause="WRONG_CALL_STATE",
        Channel_Name="sofia/internal/x@h",
    ).text.decode()
    side.beat(0)
    side.beat(0)
    ended = begun = 0
    for scans in (0, 50, 100, 200, 200, 200, 0, 0, 0):  # begun in each interval, half of them end in it
        ending = begun - ended + scans // 2
        begun += scans
        for number in range(ended, ended + ending):
            side.take(Event(f"{template.rstrip()}\nUnique-ID: scan-{number}\n\n".encode()))
        ended += ending
        side.beat(begun)
        assert side.known.unaccounted.total == 0
    assert side.known.strangers.scans == {"internal": begun}
    side.beat(begun + 7)
    side.beat(begun + 7)
    assert side.known.unaccounted.total == 7  # real losses are seen again once it is over


# -- on a socket --------------------------------------------------------------------------------------------


async def test_strangers_of_a_switch_are_seen() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with watching(switch) as watch:
            failures = "freeswitch_sip_auth_failures_total"
            await watch.until_value(failures, 0, profile="internal", method="INVITE")
            for _ in range(3):
                switch.guess_password("203.0.113.5")
                switch.guess_password("2001:db8::5", "INVITE")
                switch.scan("203.0.113.6")
            await watch.until_value("freeswitch_sip_scans_total", 3, profile="internal")
            assert await watch.value(failures, profile="internal", method="REGISTER") == 3
            assert await watch.value(failures, profile="internal", method="INVITE") == 3
            assert await watch.value("freeswitch_calls_learned_total") == 0
            assert await watch.value("freeswitch_call_hangups_total") is None
            assert "203.0.113" not in await watch.page()


async def test_a_flood_is_let_go_of_and_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "TICK_INTERVAL", 0.1)
    monkeypatch.setattr(strangers, "TOO_MANY", 100.0)
    monkeypatch.setattr(strangers, "PAUSE", 0.5)
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with watching(switch) as watch:
            known = watch.node.known.strangers
            for _ in range(500):
                switch.guess_password("203.0.113.5")
            await watch.until(lambda _: known.let_go_at is not None)
            counted = sum(known.failures.values())
            assert counted == 500
            await watch.until(lambda _: known.let_go_at is None)
            switch.guess_password("203.0.113.5")
            await watch.until(lambda _: sum(known.failures.values()) == counted + 1)
            assert watch.node.connected
            assert watch.node.lifecycle.losses == {}


async def test_while_let_go_of_nothing_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "TICK_INTERVAL", 0.1)
    monkeypatch.setattr(strangers, "TOO_MANY", 100.0)
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        async with watching(switch) as watch:
            known = watch.node.known.strangers
            for _ in range(500):
                switch.guess_password("203.0.113.5")
            await watch.until(lambda _: known.let_go_at is not None)
            for _ in range(500):
                switch.guess_password("203.0.113.5")
            beats = watch.node.dispatcher.counts["HEARTBEAT"]
            switch.beat()  # comes after them
            await watch.until(lambda node: node.dispatcher.counts["HEARTBEAT"] > beats)
            assert sum(known.failures.values()) == 500
            seen = known.seen(1)
            assert seen.let_go_for is not None


async def test_an_account_without_these_events_loses_the_families_alone() -> None:
    allowed = User("pw", events="CHANNEL_CREATE HEARTBEAT CUSTOM sofia::gateway_state exporter::tick")
    async with (
        SimulatedSwitch(tick=0.05, users={"eve": allowed}) as switch,
        watching(switch, user="eve@lab.local", password="pw") as watch,
    ):
        assert watch.node.connected
        assert {"CUSTOM sofia::register_failure", "CUSTOM sofia::wrong_call_state"} <= watch.node.denied
        switch.guess_password("203.0.113.5")
        switch.beat()  # comes after it
        await watch.until(lambda node: node.dispatcher.counts["HEARTBEAT"] > 0)
        samples = await watch.samples()
        assert "freeswitch_calls_unaccounted_total" in samples
        for family in ("sip_auth_failures", "sip_successes_after_failures", "registrations_expired"):
            assert f"freeswitch_{family}_total" not in samples, "0 would say that nothing happened"


async def test_an_office_with_one_old_password_is_not_suspected_after_a_start(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(database, "COUNTS_INTERVAL", 0.1)
    async with SimulatedSwitch(tick=0.05) as switch:
        switch.register("1000", "192.0.2.1")
        async with watching(switch) as watch:
            count = "api show channels count"
            await watch.until(lambda _: switch.commands_seen.count(count) > 1)  # the first round is over
            failures, guessed = (
                f"freeswitch_sip_{what}_total" for what in ("auth_failures", "successes_after_failures")
            )
            for address in ("192.0.2.1", "192.0.2.2"):
                for _ in range(GUESSES):
                    switch.guess_password(address)
            await watch.until_value(failures, 2 * GUESSES)
            switch.register("1000", "192.0.2.1")
            switch.register("1001", "192.0.2.2")
            await watch.until_value(guessed, 1)
            assert watch.node.known.strangers.seen(1).guessed_from == "192.0.2.2"
            asked = [line for line in switch.commands_seen if line.endswith(" reg")]
            assert asked == ["api sofia status profile internal reg"]  # once, and only where there are some
