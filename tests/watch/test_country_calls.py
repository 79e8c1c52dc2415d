"""Outbound calls by country: outcomes of recorded calls, talk time and cost while calls run, bounds."""

from pathlib import Path

import pytest

from exporter.config import DestinationsConfig
from exporter.config.rates import Rate, RateTable
from exporter.esl import Event, Protocol
from exporter.switch.destination import load_numbering_plans
from exporter.switch.leg import ChannelEvent, LegStart
from exporter.watch.calls import CallTable
from exporter.watch.country_calls import CountryCalls, CountryStats, Meter
from exporter.watch.destinations import Destinations
from tests.watch.builders import EPOCH, HandClock, event

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
US = ("telnyx", "US")
PK = ("telnyx", "PK")
RATES = RateTable({"92": Rate(0.6), "923": Rate(1.2, 60), "1": Rate(0.06, 6)}, 3)
HANDLERS = {
    "CHANNEL_CREATE": CallTable.on_create,
    "CHANNEL_ANSWER": CallTable.on_answer,
    "CHANNEL_HANGUP_COMPLETE": CallTable.on_hangup,
    "CHANNEL_DESTROY": CallTable.on_destroy,
}

load_numbering_plans()


class Counted:
    """Calls of a node with the gateways telnyx and surprise, of which the configuration lists telnyx."""

    def __init__(self, rates: RateTable | None = None, **changes: object) -> None:
        self.clock = HandClock()
        self.destinations = Destinations()
        self.config = DestinationsConfig(currency="USD", **changes)  # type: ignore[arg-type]
        self.destinations.configure(self.config, rates)
        self.countries = CountryCalls({"telnyx"}, self.destinations, self.clock)
        self.calls = CallTable(
            lambda start: start.gateway,
            lambda _gateway, _profile: None,
            lambda _event, _end, _gateway, _code: None,
            self.countries,
        )

    def play(self, capture: str) -> "Counted":
        frames = Protocol().receive((CAPTURES / f"{capture}.txt").read_bytes())
        for one in (Event(frame.body) for frame in frames if "event" in frame.content_type):
            if one.name in HANDLERS:
                HANDLERS[one.name](self.calls, ChannelEvent(one))
        return self

    def leg(self, name: str, number: str, **more: object) -> None:
        headers: dict[str, object] = {
            "Unique_ID": f"leg-{number}",
            "Call_Direction": "outbound",
            "variable_sip_gateway_name": "telnyx",
            "variable_sip_req_uri": f"{number}@192.0.2.1:5060",
        } | more
        made = event(name, **{key: value for key, value in headers.items() if value is not None})
        HANDLERS[name](self.calls, ChannelEvent(made))

    def start(self, number: str, **more: object) -> None:
        self.leg("CHANNEL_CREATE", number, **more)

    def answer(self, number: str, **more: object) -> None:
        self.start(number, **more)
        self.leg("CHANNEL_ANSWER", number, **more)

    def end(self, number: str, talked: float | None, cause: str = "NORMAL_CLEARING", **more: object) -> None:
        times = {} if talked is None else {"Caller_Channel_Answered_Time": 10_000_000}
        if talked is not None:
            times["Caller_Channel_Hangup_Time"] = 10_000_000 + int(talked * 1e6)
        self.leg("CHANNEL_HANGUP_COMPLETE", number, Hangup_Cause=cause, **times, **more)

    def fail(self, number: str, cause: str, **more: object) -> None:
        self.start(number, **more)
        self.end(number, None, cause, **more)

    def talk(self, key: tuple[str, str] = PK) -> float:
        return self.countries.stats[key].talk.read(self.clock.now)

    def cost(self, key: tuple[str, str] = PK, currency: str = "USD") -> float:
        return self.countries.stats[key].costs[currency].read(self.clock.now)

    def outcomes(self) -> dict[tuple[str, str], dict[str, int]]:
        return {key: stats.outcomes for key, stats in self.countries.stats.items()}


RECORDED = {
    "ev-plain-call-success": "answered",
    "ev-json-call-success": "answered",
    "ev-plain-call-busy": "busy",
    "ev-plain-call-603": "rejected",
    "ev-plain-call-404": "rejected",
    "ev-plain-call-403-D1-channel-limit": "rejected",
    "ev-plain-call-noanswer": "no_answer",
    "ev-plain-call-480": "no_answer",
    "ev-plain-call-503": "failed",
    "ev-plain-call-500": "failed",
    "ev-plain-call-402": "rejected",
}


@pytest.mark.parametrize("capture", RECORDED)
def test_a_recorded_call_counts_once_under_its_country_and_outcome(capture: str) -> None:
    assert Counted().play(capture).outcomes() == {US: {RECORDED[capture]: 1}}


def test_of_a_bridged_call_the_outbound_leg_counts() -> None:
    assert list(Counted().play("ev-json-evidence-bridged-403").outcomes().values()) == [{"rejected": 1}]


def test_the_number_is_the_one_dialled_not_the_one_of_the_dialplan() -> None:
    counted = Counted()
    counted.fail("+923001234567", "USER_BUSY", Caller_Destination_Number="5000")
    counted.fail("5002", "USER_BUSY", variable_sip_req_uri="%2B92-300.123(4569)@192.0.2.1")
    counted.fail("5003", "USER_BUSY", variable_sip_req_uri="sip:+923001234570@192.0.2.1")
    counted.fail("5001", "USER_BUSY", variable_sip_req_uri="+923001234568;npdi=yes@192.0.2.1")
    assert counted.outcomes() == {PK: {"busy": 4}}


def test_gateways_that_the_configuration_does_not_list_are_other() -> None:
    counted = Counted()
    counted.fail("+923001234567", "USER_BUSY", variable_sip_gateway_name="surprise")
    counted.fail("+923001234568", "USER_BUSY", variable_sip_gateway_name=None)
    assert counted.outcomes() == {("other", "PK"): {"busy": 2}}


def test_calls_to_users_and_inside_freeswitch_have_no_country() -> None:
    counted = Counted()
    for inside in ({"variable_dialed_user": "1000"}, {"variable_sip_req_uri": None}):
        counted.answer("1000", variable_sip_gateway_name=None, **inside)
        counted.end("1000", 3, variable_sip_gateway_name=None, **inside)
        counted.fail("1001", "NO_ANSWER", variable_sip_gateway_name=None, **inside)
    assert counted.outcomes() == {}


def test_inbound_legs_and_probe_calls_have_no_country() -> None:
    counted = Counted()
    counted.answer("+923001234567", Call_Direction="inbound")
    counted.end("+923001234567", 3, Call_Direction="inbound")
    counted.answer("+923001234567", Unique_ID="70726f62-1")
    counted.end("+923001234567", 3, Unique_ID="70726f62-1")
    assert counted.outcomes() == {}


def test_talk_time_grows_while_the_call_runs_and_becomes_what_freeswitch_measured() -> None:
    counted = Counted()
    counted.answer("+923001234567")
    counted.clock.now += 30
    assert counted.talk() == 30
    counted.answer("+923001234568")
    counted.clock.now += 10
    assert counted.talk() == 50
    counted.end("+923001234567", 41.5)
    counted.clock.now += 10
    assert counted.talk() == 41.5 + 20
    counted.end("+923001234568", 20)
    counted.clock.now += 100
    assert counted.talk() == 61.5
    assert counted.outcomes() == {PK: {"answered": 2}}


def test_talk_time_never_falls() -> None:
    """The exporter heard of the end later than it was."""
    counted = Counted()
    counted.answer("+923001234567")
    counted.clock.now += 30
    assert counted.talk() == 30
    counted.end("+923001234567", 29)
    assert counted.talk() == 30
    counted.answer("+923001234568")
    counted.clock.now += 3
    assert counted.talk() == 32


def test_a_call_that_was_up_before_counts_from_then_on() -> None:
    counted = Counted()
    uuid = "leg-+923001234567"
    counted.calls.learn(LegStart(uuid, "outbound", "telnyx", "", "+923001234567"), answered=True)
    counted.calls.learn(LegStart("to-a-user", "outbound", "", "", "1000"), answered=True)
    listed = "sip:+92-300-1234567;npdi=yes"  # as FreeSWITCH lists what it was given
    counted.calls.learn(LegStart("listed", "outbound", "telnyx", "", listed), answered=True)
    counted.calls.learn(LegStart("inbound", "inbound", "telnyx", "", "+923001234567"), answered=True)
    counted.clock.now += 5
    assert counted.talk() == 10
    counted.calls.lose(["listed"])
    counted.end("+923001234567", 3600)
    assert counted.talk() == 10
    assert counted.outcomes() == {PK: {"answered": 1}}


def test_a_call_whose_end_was_not_seen_counts_until_it_was_given_up() -> None:
    counted = Counted(RATES)
    counted.answer("+923001234567")
    counted.clock.now += 5
    counted.calls.lose()
    counted.clock.now += 100
    assert (counted.talk(), counted.outcomes()) == (5, {PK: {}})
    assert counted.cost() == pytest.approx(5 * 1.2 / 60)


def test_cost_grows_while_the_call_runs_and_started_increments_are_charged_at_its_end() -> None:
    counted = Counted(RATES)
    counted.answer("+923001234567")  # 1.2 a minute, by whole minutes
    counted.clock.now += 90
    assert counted.cost() == pytest.approx(1.8)
    counted.end("+923001234567", 90)
    assert counted.cost() == pytest.approx(2.4)
    counted.answer("+92211234567")  # the longest prefix wins
    counted.clock.now += 10
    counted.end("+92211234567", 10)
    assert counted.cost() == pytest.approx(2.5)


def test_a_number_without_a_rate_has_talk_time_and_no_cost() -> None:
    counted = Counted(RATES)
    counted.answer("+442071234567")
    counted.clock.now += 10
    assert counted.talk(("telnyx", "GB")) == 10
    assert counted.countries.stats["telnyx", "GB"].costs == {}


def test_a_new_table_and_currency_are_for_calls_from_now_on() -> None:
    counted = Counted(RATES)
    counted.answer("+923001234567")
    counted.destinations.configure(
        DestinationsConfig(currency="EUR", region="PK"), RateTable({"92": Rate(6.0)}, 2)
    )
    counted.answer("03001234568")
    counted.clock.now += 60
    assert counted.cost() == pytest.approx(1.2)
    assert counted.cost(currency="EUR") == pytest.approx(6.0)


def test_switched_off_nothing_more_is_counted_and_calls_end_well() -> None:
    counted = Counted(RATES)
    counted.answer("+923001234567")
    counted.destinations.configure(DestinationsConfig(countries=False), None)
    counted.end("+923001234567", 10)
    counted.answer("+923001234568")
    counted.end("+923001234568", 10)
    counted.fail("+923001234569", "USER_BUSY")
    assert counted.outcomes() == {PK: {"answered": 1}}


def test_answered_calls_to_expensive_numbers_are_counted_at_the_answer() -> None:
    counted = Counted()
    counted.answer("+19002345678")
    counted.answer("+8816123456789", variable_sip_gateway_name="surprise")
    counted.fail("+19002345679", "USER_BUSY")
    counted.answer("+12025550123")
    assert counted.countries.expensive == {
        ("telnyx", "premium_rate"): 1,
        ("other", "international_network"): 1,
    }


def failing(counted: Counted) -> tuple[float, str, int]:
    stats: CountryStats = counted.countries.stats[PK]
    return stats.failing_since, stats.failed_with, stats.failures


def test_failures_are_known_since_the_first_that_no_other_outcome_followed() -> None:
    counted = Counted()
    counted.clock.now = 200.0
    counted.fail("+923001234560", "NORMAL_TEMPORARY_FAILURE", variable_sip_term_status=503)
    assert failing(counted) == (EPOCH + 200, "503", 1)
    counted.clock.now = 300.0
    counted.fail("+923001234561", "GATEWAY_DOWN")
    assert failing(counted) == (EPOCH + 200, "GATEWAY_DOWN", 2)
    counted.fail("+923001234562", "USER_BUSY")
    assert failing(counted) == (0.0, "GATEWAY_DOWN", 2)
    counted.fail("+923001234563", "$(cause)", variable_sip_term_status="$(code)")
    assert failing(counted) == (EPOCH + 300, "other", 3)
    counted.answer("+923001234564")
    counted.end("+923001234564", 1)
    assert failing(counted)[0] == 0.0


def test_numbers_of_every_kind_fill_no_more_than_the_countries_of_the_world() -> None:
    counted = Counted()
    for code in range(1, 1000):
        counted.fail(f"+{code}23456789", "USER_BUSY", variable_sip_gateway_name=f"g{code}")
        counted.fail(f"+{code}23456789", "USER_BUSY", Unique_ID=f"second-{code}")
    assert 200 < len(counted.countries.stats) <= 2 * 252


def test_many_calls_leave_nothing_behind_in_a_meter() -> None:
    meter, now = Meter(), 1e6
    for turn in range(1000):
        meter.start(0.1, now + turn / 7)
    for turn in range(1000):
        meter.stop(0.1, now + turn / 7, 1.0)
    assert meter.read(now + 1e9) == 1000.0
