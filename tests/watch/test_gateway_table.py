"""All gateways of a node: the list decides which there are, events and single polls change one at most."""

import pytest
from structlog.testing import capture_logs

from exporter.config import GatewayConfig
from exporter.switch.gateway import GatewayList, GatewayStatus
from exporter.switch.gateway_event import GatewayAdded, GatewayDeleted, GatewayEvent, ProfileStarted
from exporter.watch.gateway import GatewayWatch
from exporter.watch.gateway_table import FORGET_AFTER, MAX_GATEWAYS, POLL_SPACING, GatewayTable, proxy_host
from tests.watch.builders import HandClock, status

ONE = status()
OTHER = status(profile="internal", state="FAIL_WAIT", status="DOWN")


class Table:
    """A table, its clock, and what it called back."""

    def __init__(self, **expected: GatewayConfig) -> None:
        self.clock = HandClock()
        self.new: list[str] = []
        self.gone: list[str] = []
        self.answers: list[tuple[str, int]] = []
        self.may_go = True
        self.table = GatewayTable(
            "fs1",
            expected,
            self.clock,
            on_new=lambda gateway: self.new.append(gateway.name),
            on_gone=self._on_gone,
            on_answer=self._on_answer,
        )

    def _on_gone(self, name: str) -> bool:
        self.gone.append(name)
        return self.may_go

    def _on_answer(self, gateway: GatewayWatch) -> None:
        self.answers.append((gateway.name, gateway.answer.code if gateway.answer else 0))

    def after(self, seconds: float) -> "Table":
        self.clock.now += seconds
        self.table.advance()
        return self

    def listed(self, *statuses: GatewayStatus, malformed: int = 0, asked_before: float = 0.0) -> "Table":
        asked = self.clock.now - asked_before
        self.table.on_list(GatewayList(list(statuses), malformed, ()), asked, 0.0)
        return self

    def polled(self, one: GatewayStatus) -> "Table":
        self.table.on_one(one, self.clock.now, 0.0)
        return self

    def event(self, state: str, *, up: bool = False, code: int = 0, name: str = "telnyx") -> "Table":
        self.table.on_event(GatewayEvent(name, state, up, code, ""))
        return self

    def wanted(self) -> tuple[bool, list[str]]:
        """What is to be polled, a second after the last poll."""
        self.clock.now += POLL_SPACING
        return self.table.take_wanted()

    def states(self) -> dict[tuple[str, str], str]:
        return {(gateway.name, gateway.profile): gateway.state for gateway in self.table}


def test_the_expected_are_known_before_anything_is_listed() -> None:
    table = Table(telnyx=GatewayConfig(), backup=GatewayConfig(profile="external"))
    assert table.states() == {("telnyx", ""): "UNKNOWN", ("backup", "external"): "UNKNOWN"}
    table.listed(ONE)
    assert table.states() == {("telnyx", "external"): "REGED", ("backup", "external"): "UNKNOWN"}
    assert table.new == ["telnyx", "backup"]


def test_a_gateway_that_moves_to_another_profile_stays_itself() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE)
    before = table.table.named("telnyx")
    table.after(10).listed(status(profile="internal"))
    assert table.table.named("telnyx") == before
    assert table.states() == {("telnyx", "internal"): "REGED"}


# -- one name in two profiles -------------------------------------------------------------------------------


def test_one_name_in_two_profiles_is_two_gateways_that_no_event_tells_apart() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE, OTHER)
    assert table.states() == {("telnyx", "external"): "REGED", ("telnyx", "internal"): "FAIL_WAIT"}
    table.after(5).event("FAILED", code=403)
    assert table.states() == {("telnyx", "external"): "REGED", ("telnyx", "internal"): "FAIL_WAIT"}
    assert table.wanted()[0], "the list is polled: asked by its name FreeSWITCH answers for one of the two"


def test_a_poll_of_one_profile_does_not_change_the_other() -> None:
    table = Table().listed(ONE, OTHER).after(5).polled(status(profile="internal", calls_out=7))
    external, internal = table.table.named("telnyx")
    assert (external.profile, internal.profile) == ("external", "internal")
    assert external.status == ONE
    assert internal.status is not None
    assert internal.status.calls_out == 7


def test_a_poll_that_answers_for_an_unknown_profile_moves_no_gateway() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE).after(5).polled(OTHER)
    assert table.states() == {("telnyx", "external"): "REGED"}
    assert table.wanted() == (True, [])
    table.listed(ONE, OTHER)
    assert len(table.table) == 2


def test_a_poll_by_name_that_finds_nothing_decides_nothing() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE, OTHER).after(5)
    table.table.on_not_found()
    assert table.after(4).states() == {("telnyx", "external"): "REGED", ("telnyx", "internal"): "FAIL_WAIT"}
    assert table.wanted()[0]


def test_forgetting_one_keeps_the_call_counters_of_the_other() -> None:
    table = Table().listed(ONE, OTHER).after(5).listed(ONE).after(FORGET_AFTER + 10)
    assert table.states() == {("telnyx", "external"): "REGED"}
    assert table.gone == []
    table.listed().after(FORGET_AFTER + 10)
    assert table.gone == ["telnyx"]
    assert len(table.table) == 0


# -- absence ------------------------------------------------------------------------------------------------


def test_a_gateway_that_the_list_has_no_more_is_missing_after_three_seconds() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE).after(10).listed()
    (gateway,) = table.table.named("telnyx")
    table.after(2.9)
    assert gateway.problem == "none"
    table.after(0.2)
    assert gateway.problem == "missing"


def test_a_profile_that_does_not_run_is_the_reason() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE)
    table.table.on_profiles(["internal"])
    table.after(10).listed().after(4)
    (gateway,) = table.table.named("telnyx")
    assert gateway.problem == "profile_down"


def test_a_deletion_counts_for_the_profile_it_names() -> None:
    table = Table().listed(ONE, OTHER).after(5)
    table.table.on_deleted(GatewayDeleted("telnyx", "internal"))
    external, internal = table.table.named("telnyx")
    assert external.absent_since is None
    assert internal.absent_since is not None
    assert table.wanted()[0]


def test_a_list_with_unreadable_entries_makes_no_gateway_missing() -> None:
    table = Table(telnyx=GatewayConfig(), other=GatewayConfig()).listed(ONE, status(name="other"))
    table.after(10).listed(ONE, malformed=1).after(4)
    (other,) = table.table.named("other")
    assert other.problem == "none"
    assert table.wanted() == (False, ["other"])


def test_one_that_may_not_go_stays() -> None:
    table = Table().listed(ONE).listed()
    table.may_go = False
    table.after(FORGET_AFTER + 10)
    assert len(table.table) == 1
    table.may_go = True
    table.after(1)
    assert len(table.table) == 0


def test_gateways_are_bounded() -> None:
    table = Table().listed(*(status(name=f"g{number}") for number in range(MAX_GATEWAYS + 3)))
    assert len(table.table) == MAX_GATEWAYS
    assert table.table.over_limit == 3


# -- what is to be polled -----------------------------------------------------------------------------------


def test_an_event_of_an_unknown_gateway_wants_the_list_and_makes_none() -> None:
    for happened in ("state", "add", "profile"):
        table = Table()
        match happened:
            case "state":
                table.event("REGED", name="stranger")
            case "add":
                table.table.on_added(GatewayAdded("stranger", "external"))
            case "profile":
                table.table.on_profile_started(ProfileStarted("external"))
        assert len(table.table) == 0
        assert table.table.poll_wanted.is_set()
        assert table.wanted() == (True, [])
        assert table.wanted() == (False, [])


def test_a_gateway_is_polled_at_most_once_a_second_whatever_happens() -> None:
    table = Table().listed(ONE)
    polls = 0
    for _ in range(80):
        table.clock.now += 0.125
        table.event("FAILED", code=403).event("REGED", up=True)
        polls += len(table.table.take_wanted()[1])
    assert polls == 10


def test_the_list_is_polled_at_most_once_a_second() -> None:
    table = Table()
    polls = 0
    for number in range(80):
        table.clock.now += 0.125
        table.event("REGED", name=f"stranger{number}")
        polls += table.table.take_wanted()[0]
    assert polls == 10


def test_a_mark_set_while_a_list_is_under_way_survives_it() -> None:
    table = Table().listed(ONE).after(5).event("FAILED", up=True, code=403).after(0.5)
    table.listed(ONE, asked_before=0.7)
    assert table.wanted() == (False, ["telnyx"])
    table.event("REGED", up=True).after(0.5).listed(ONE, asked_before=0.2)
    assert table.wanted() == (False, []), "this list was asked for after the event"


def test_an_options_in_flight_or_due_is_asked_for() -> None:
    pinged = {"ping_interval": 10, "ping_seconds": 0.02}
    table = Table()
    due = int(table.clock.epoch()) + 10
    table.listed(status(**pinged, ping_next=due))
    for seconds, marked in ((9.0, []), (1.6, ["telnyx"])):
        table.clock.now += seconds
        table.table.mark_pings(table.clock.epoch())
        assert table.table.take_wanted() == (False, marked)
    table.after(1).polled(status(**pinged, ping_next=due, pinging=True)).after(1)
    table.table.mark_pings(due - 100.0)
    assert table.table.take_wanted() == (False, ["telnyx"])


def test_nothing_is_wanted_of_a_lost_node() -> None:
    table = (
        Table(telnyx=GatewayConfig()).listed(ONE).event("FAILED", code=403).event("REGED", name="stranger")
    )
    table.table.on_lost()
    assert table.wanted() == (False, [])
    assert table.states() == {("telnyx", "external"): "UNKNOWN"}


# -- answers to REGISTER, and the log ------------------------------------------------------------------------


def test_an_answer_is_passed_on_and_taken_back_also_by_a_poll() -> None:
    table = Table().listed(ONE).after(1).event("FAILED", up=True, code=403).after(1).event("FAIL_WAIT")
    assert table.answers == [("telnyx", 403)]
    table.after(60).listed(ONE).after(1)
    assert table.answers == [("telnyx", 403), ("telnyx", 0)]


def test_a_lost_node_is_no_change_of_its_gateways_in_the_log() -> None:
    table = Table().listed(ONE)
    with capture_logs() as lines:
        table.table.on_lost()
        table.after(60).listed(ONE)
        assert lines == []
        table.after(1).event("FAILED", up=True, code=403).after(1).event("FAIL_WAIT")
    (line,) = lines
    assert (line["previous"], line["problem"], line["reason"]) == ("none", "auth_rejected", "403")
    assert (line["log_level"], line["gateway"], line["node"]) == ("error", "telnyx", "fs1")


@pytest.mark.parametrize(
    ("proxy", "host"),
    [
        ("sip:192.0.2.1:5060;transport=udp", "192.0.2.1"),
        ("sips:user@sip.example.com", "sip.example.com"),
        ("sip:[2001:db8::1]:5060", "2001:db8::1"),
        ("192.0.2.1", "192.0.2.1"),
    ],
)
def test_the_host_of_a_proxy(proxy: str, host: str) -> None:
    assert proxy_host(proxy) == host


def test_an_address_belongs_to_a_gateway_if_to_one_only() -> None:
    table = Table().listed(ONE, status(name="other", proxy="sip:192.0.2.20"))
    assert table.table.at_address("192.0.2.10") == "telnyx"
    assert table.table.at_address("192.0.2.30") == ""
    table.listed(ONE, status(name="other", proxy="sip:192.0.2.10"))
    assert table.table.at_address("192.0.2.10") == ""
