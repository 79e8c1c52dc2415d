"""All gateways of a node: the list decides which there are, events and single polls change one at most."""

import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from exporter.config import GatewayConfig
from exporter.switch.gateway import GatewayList, GatewayStatus
from exporter.switch.gateway_event import GatewayAdded, GatewayDeleted, GatewayEvent, ProfileStarted
from exporter.watch.gateway import GatewayWatch
from exporter.watch.gateway_table import FORGET_AFTER, MAX_GATEWAYS, POLL_SPACING, GatewayTable, proxy_host
from tests.switch.recordings import custom
from tests.watch.builders import HandClock, status
from tests.watch.recorder import Recorder

ONE = status()
OTHER = status(profile="internal", state="FAIL_WAIT", status="DOWN")


class Table:
    """A table, its clock, and what it called back."""

    def __init__(self, *, quiet: bool = False, **expected: GatewayConfig) -> None:
        self.clock = HandClock()
        self.told = Recorder()
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
            on_verdict=self.told.on_verdict,
            on_forgotten=self.told.on_forgotten,
            quiet=quiet,
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


def test_once_one_is_gone_the_events_are_those_of_the_other() -> None:
    table = Table().listed(ONE, OTHER).after(5).listed(ONE).after(5)
    table.event("FAILED", code=403)
    assert table.states() == {("telnyx", "external"): "FAILED", ("telnyx", "internal"): "UNKNOWN"}
    assert table.answers == [("telnyx", 403)]


@pytest.mark.parametrize("listed", [(ONE, OTHER), (ONE,)], ids=["gone before", "new"])
def test_once_another_profile_makes_one_no_event_tells_them_apart(listed: tuple[GatewayStatus, ...]) -> None:
    table = Table().listed(*listed).after(5).listed(ONE).after(5)
    table.table.on_added(GatewayAdded("telnyx", "internal"))
    assert table.wanted()[0], "asked by its name FreeSWITCH may answer for the other"
    table.event("FAILED", code=403)
    assert table.states()["telnyx", "external"] == "REGED"
    table.listed(ONE, asked_before=POLL_SPACING + 1).event("FAILED", code=403)
    assert table.answers == [], "that list was asked for before it was made"
    table.listed(ONE).event("FAILED", code=403)
    assert table.states()["telnyx", "external"] == "FAILED", "it was deleted before it was listed"


def test_forgetting_one_keeps_the_call_counters_of_the_other() -> None:
    table = Table().listed(ONE, OTHER).after(5).listed(ONE).after(FORGET_AFTER + 10)
    assert table.states() == {("telnyx", "external"): "REGED"}
    assert table.gone == []
    table.listed().after(FORGET_AFTER + 10)
    assert table.gone == ["telnyx"]
    assert len(table.table) == 0
    assert table.told.story == [("forgotten", "internal::telnyx"), ("forgotten", "external::telnyx")]


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


def test_a_deletion_is_absence_once_the_list_says_so() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE).after(5)
    table.table.on_deleted(GatewayDeleted("telnyx", "external"))
    (gateway,) = table.table.named("telnyx")
    assert table.after(10).states() == {("telnyx", "external"): "REGED"}
    assert table.wanted()[0]
    table.listed().after(4)
    assert gateway.problem == "missing"


def test_a_deletion_while_nothing_can_be_listed_makes_nothing_missing() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE).after(5)
    table.table.on_lost()
    table.table.on_deleted(GatewayDeleted("telnyx", "external"))
    (gateway,) = table.after(10).table.named("telnyx")
    assert (gateway.problem, gateway.readable) == ("unknown", False)


def test_a_deletion_ends_the_counters_of_the_profile_it_names() -> None:
    table = Table().listed(status(calls_out=5), status(calls_out=5, profile="internal")).after(5)
    table.table.on_deleted(GatewayDeleted("telnyx", "internal"))
    table.listed(status(calls_out=7), status(calls_out=7, profile="internal"))
    external, internal = table.table.named("telnyx")
    assert (external.calls["outbound"], internal.calls["outbound"]) == (2, 0)


def test_the_configuration_expects_a_name_in_the_profile_that_it_names() -> None:
    table = Table(telnyx=GatewayConfig(profile="external"), other=GatewayConfig())
    table.listed(ONE, OTHER, status(name="other"), status(name="other", profile="internal"))
    assert {(g.name, g.profile): g.expected for g in table.table} == {
        ("telnyx", "external"): True,
        ("telnyx", "internal"): False,
        ("other", "external"): True,
        ("other", "internal"): True,
    }


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


def many(count: int, first: int = 0) -> list[GatewayStatus]:
    return [status(name=f"user{number}") for number in range(first, first + count)]


def test_what_has_no_room_is_counted_once_while_it_is_listed() -> None:
    table = Table()
    for _ in range(5):
        table.after(10).listed(*many(MAX_GATEWAYS + 3))
    assert table.table.over_limit == 3
    table.after(10).listed(*many(MAX_GATEWAYS)).after(10).listed(*many(MAX_GATEWAYS + 1))
    assert table.table.over_limit == 4


def test_gateways_made_per_user_leave_room_for_those_that_are_listed() -> None:
    table = Table(telnyx=GatewayConfig())
    for batch in range(12):  # 1,200 gateways within two minutes, a hundred at a time
        table.after(10).listed(ONE, *many(100, first=100 * batch))
    assert len(table.table) == MAX_GATEWAYS
    assert all(table.table.named(one.name) for one in many(100, first=1100)), "those listed now are watched"
    assert not any(table.table.named(one.name) for one in many(201)), "those gone longest are not"
    assert table.table.over_limit == len(table.gone) == 201
    table.after(10).listed(status(name="real"), ONE)
    assert table.table.named("real")[0].problem == "none"


def test_expected_gateways_those_with_calls_and_those_gone_for_a_moment_keep_their_place() -> None:
    table = Table(telnyx=GatewayConfig()).listed(ONE, *many(MAX_GATEWAYS - 1)).after(10)
    table.listed(*many(MAX_GATEWAYS - 2)).after(2)
    table.listed(*many(MAX_GATEWAYS - 2), status(name="real"))
    assert not table.table.named("real"), "a profile that restarts makes its gateways vanish for a moment"
    table.may_go = False
    table.after(10).listed(*many(MAX_GATEWAYS - 2), status(name="real"))
    assert not table.table.named("real"), "calls are up through the one that is gone"
    table.may_go = True
    table.after(10).listed(*many(MAX_GATEWAYS - 2), status(name="real"))
    assert table.table.named("real")
    assert table.table.named("telnyx"), "it is gone, too, but expected"


def test_a_list_of_twice_as_many_gateways_takes_twice_as_long() -> None:
    def seconds(count: int) -> float:
        table, best = Table(quiet=True), float("inf")
        for turn in range(5):
            table.after(10)
            listed = GatewayList(many(count, first=turn % 2 * count), 0, ())
            began = time.thread_time()
            table.table.on_list(listed, table.clock.now, 0.0)
            best = min(best, time.thread_time() - began)
        return best

    assert min(seconds(8000) / seconds(4000) for _ in range(3)) < 2.6


@pytest.mark.parametrize("name", ["two words", "line\nend", "$(reboot)", "x" * 8192, "", "größe"])
def test_names_of_events_are_checked_as_those_of_polls(name: str) -> None:
    table = Table().listed(ONE).after(5)
    headers = {"Gateway": name, "profile-name": "external", "State": "REGED", "Ping-Status": "UP"}
    for kind in (GatewayEvent, GatewayAdded, GatewayDeleted):
        assert kind.from_event(custom("sofia::gateway", headers)) is None
    assert table.states() == {("telnyx", "external"): "REGED"}


# -- what is to be polled -----------------------------------------------------------------------------------


def test_it_tells_how_long_there_is_nothing_to_look_for() -> None:
    table = Table()
    due = int(table.clock.epoch()) + 20
    table.listed(
        status(ping_interval=30, ping_next=due),
        status(name="far", ping_interval=60, ping_next=due + 7),
        status(name="unpinged"),
    )
    quiet = table.table.quiet_for(table.clock.epoch())
    assert 19 < quiet <= 21
    table.after(quiet - 0.1).table.mark_pings(table.clock.epoch())
    assert table.table.take_wanted() == (False, [])
    assert table.table.quiet_for(table.clock.epoch()) == pytest.approx(0.1, abs=0.001)
    table.after(0.11).table.mark_pings(table.clock.epoch())
    assert table.table.quiet_for(table.clock.epoch()) == 0
    assert table.table.take_wanted() == (False, ["telnyx"])


@pytest.mark.parametrize(
    "happens",
    [
        lambda table: table.listed(status(pinging=True, ping_interval=30)),
        lambda table: table.listed(),
        lambda table: table.listed(status(state="TRYING", status="DOWN")).after(0.2),
        lambda table: table.listed(status(state="FAIL_WAIT", status="DOWN")),
        lambda table: table.event("REGED", name="stranger"),
        lambda table: table.event("REGED", up=True),
        lambda table: table.event("FAILED", code=403).wanted(),
    ],
    ids=["in flight", "absent", "trying", "contradicted", "list wanted", "marked", "answer latched"],
)
def test_there_is_something_to_look_for_while_time_may_decide(happens: Callable[[Table], object]) -> None:
    table = Table().listed(ONE)
    table.wanted()
    assert table.table.quiet_for(table.clock.epoch()) > 60
    happens(table)
    assert table.table.quiet_for(table.clock.epoch()) == 0


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
