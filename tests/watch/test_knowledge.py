"""What is known of one FreeSWITCH, where two of its parts need each other."""

from structlog.testing import capture_logs

from exporter.config import GatewayConfig, NodeConfig
from exporter.switch.gateway import GatewayList, GatewayStatus
from exporter.switch.gateway_event import GatewayEvent
from exporter.switch.leg import ChannelEvent
from exporter.switch.status import Heartbeat, SwitchFigures
from exporter.watch.gateway import Answer
from exporter.watch.gateway_table import FORGET_AFTER
from exporter.watch.knowledge import Knowledge
from exporter.watch.registration_memory import RegistrationMemory
from tests.watch.builders import HandClock, event, status
from tests.watch.recorder import Recorder

CONFIG = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig(provider="telnyx")})
FIRST, SECOND = "342cb733-85da-455e-aed9-8f459cee8e2d", "b4a7d0f1-0000-4000-8000-000000000000"


class Known:
    """What is known, with a clock and a memory."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.memory = RegistrationMemory(None, clock=self.clock)
        self.told = Recorder()
        self.known = Knowledge(CONFIG, "abcd", self.clock, self.memory, self.told)

    def lists_all(self, *gateways: GatewayStatus) -> None:
        self.known.gateways.on_list(GatewayList(list(gateways), 0, ()), self.clock.now, 0.0)

    def lists(self, **changes: object) -> None:
        self.known.gateways.on_list(GatewayList([status(**changes)], 0, ()), self.clock.now, 0.0)

    def beats(self, sessions: int) -> None:
        headers = {"Session_Since_Startup": sessions}
        self.known.on_heartbeat(Heartbeat.from_event(event("HEARTBEAT", **headers)))

    def leg(self, name: str, uuid: str, **headers: object) -> ChannelEvent:
        return ChannelEvent(event(name, Unique_ID=uuid, Call_Direction="outbound", **headers))


def test_a_restart_of_freeswitch_is_a_warning_and_its_counters_count_from_zero() -> None:
    side = Known()
    with capture_logs() as lines:
        side.known.on_connection(FIRST)
        side.lists(calls_out=500)
        side.known.forget()
        side.known.on_connection(None)
        side.known.on_connection(FIRST)
        assert lines == []
        side.known.on_connection(SECOND)
    assert [(line["log_level"], line["event"], line["node"]) for line in lines] == [
        ("warning", "FreeSWITCH was restarted", "fs1")
    ]
    side.lists(calls_out=3)
    (gateway,) = side.known.gateways.named("telnyx")
    assert gateway.calls["outbound"] == 3


def test_sessions_that_no_event_showed_are_counted_once_a_second_heartbeat_agrees() -> None:
    side = Known()
    side.known.on_connection(FIRST)
    for _ in range(3):
        side.beats(100)
    side.known.calls.on_create(side.leg("CHANNEL_CREATE", "u1"))
    side.known.calls.on_destroy(side.leg("CHANNEL_DESTROY", "u2", Channel_State="CS_NONE"))
    side.beats(105)
    assert side.known.unaccounted.total == 0
    side.beats(105)
    assert side.known.unaccounted.total == 3


def test_a_leg_belongs_to_a_known_gateway_to_none_or_to_other() -> None:
    side = Known()
    side.lists()
    for uuid, name in (("u1", "telnyx"), ("u2", "stranger"), ("u3", "")):
        side.known.calls.on_create(side.leg("CHANNEL_CREATE", uuid, variable_sip_gateway_name=name))
    inbound = event(
        "CHANNEL_CREATE", Unique_ID="u4", Call_Direction="inbound", variable_sip_received_ip="192.0.2.10"
    )
    side.known.calls.on_create(ChannelEvent(inbound))
    active = {key: stats.active for key, stats in side.known.calls.stats.items() if stats.active}
    assert active == {
        ("telnyx", "outbound"): 1,
        ("other", "outbound"): 1,
        ("", "outbound"): 1,
        ("telnyx", "inbound"): 1,
    }


def test_dials_that_ended_unanswered_are_not_those_that_were_refused() -> None:
    side = Known()
    for failed in (0, 0):
        side.lists(failed_calls_out=failed)
    side.known.calls.on_hangup(
        side.leg(
            "CHANNEL_HANGUP_COMPLETE", "u1", variable_sip_gateway_name="telnyx", Hangup_Cause="USER_BUSY"
        )
    )
    for failed in (3, 3):
        side.lists(failed_calls_out=failed)
    (gateway,) = side.known.gateways.named("telnyx")
    assert (gateway.unanswered_legs, gateway.refused.total) == (1, 2)


def test_answers_go_to_the_memory_and_come_from_it() -> None:
    side = Known()
    earlier = Answer(407, "Proxy Authentication Required", side.clock.epoch() - 60)
    side.memory._answers = {"fs1": {"telnyx": earlier}}
    side.known.recall()
    (gateway,) = side.known.gateways.named("telnyx")
    assert gateway.answer == earlier
    side.lists()
    assert side.memory.recall("fs1", "telnyx") is None, "a registration was seen, if only by a poll"
    side.known.gateways.on_event(GatewayEvent("telnyx", "FAILED", True, 403, "Forbidden"))
    kept = side.memory.recall("fs1", "telnyx")
    assert kept is not None
    assert kept.code == 403


def test_of_two_gateways_of_one_name_neither_answers_for_the_other() -> None:
    side = Known()
    internal = {"profile": "internal", "state": "FAIL_WAIT", "status": "DOWN"}
    answer = Answer(403, "Forbidden", side.clock.epoch())
    side.memory._answers = {"fs1": {"telnyx": answer}}
    side.known.recall()
    side.lists_all(status(state="FAIL_WAIT", status="DOWN"), status(**internal))
    external, other = side.known.gateways.named("telnyx")
    assert (external.problem, other.problem) == ("auth_rejected", "register_failed")
    side.clock.now += 5
    side.lists_all(status(), status(**internal))
    side.known.gateways.advance()
    side.clock.now += 5
    side.known.gateways.advance()
    assert side.memory.recall("fs1", "telnyx") is None
    side.known._on_answer(other)
    other.answer = answer
    side.known._on_answer(other)
    assert side.memory.recall("fs1", "telnyx") is None
    assert side.memory.recall("fs1", "internal::telnyx") == answer


def test_an_unanswered_leg_is_of_the_gateway_in_its_profile() -> None:
    side = Known()
    headers = {"variable_sip_gateway_name": "telnyx", "variable_sofia_profile_name": "external"}
    for failed in (0, 0, 0, 2, 2):
        if failed:
            for uuid in ("u1", "u2"):
                side.known.calls.on_hangup(side.leg("CHANNEL_HANGUP_COMPLETE", uuid, **headers))
        side.lists_all(status(failed_calls_out=failed), status(profile="internal", failed_calls_out=failed))
    refused = {gateway.profile: gateway.refused.total for gateway in side.known.gateways.named("telnyx")}
    assert refused == {"external": 0, "internal": 2}


def test_what_is_forgotten_leaves_no_answer_behind() -> None:
    side = Known()
    side.lists_all(status(), status(name="user7"))
    side.known.gateways.on_event(GatewayEvent("user7", "FAILED", True, 403, "Forbidden"))
    assert side.memory.recall("fs1", "user7") is not None
    side.lists_all(status())
    side.clock.now += FORGET_AFTER + 10
    side.known.gateways.advance()
    assert side.known.gateways.named("user7") == []
    assert side.memory._answers["fs1"] == {}
    assert not [key for key in side.known.calls.stats if key[0] == "user7"]


def test_names_that_strangers_choose_make_no_label() -> None:
    side = Known()
    for number in range(1000):
        name = f"{number}" + "x" * 8192
        headers = {"variable_sip_gateway_name": name, "Hangup_Cause": name, "variable_sip_term_status": name}
        headers["variable_sip_reply_host"] = "192.0.2.9"
        side.known.calls.on_create(side.leg("CHANNEL_CREATE", f"u{number}", **headers))
        side.known.calls.on_hangup(side.leg("CHANNEL_HANGUP_COMPLETE", f"u{number}", **headers))
    assert {gateway for gateway, _ in side.known.calls.stats} == {"", "telnyx", "other"}
    other = side.known.calls.stats["other", "outbound"]
    assert (list(other.hangups), list(other.sip_responses)) == ([("other", False)], ["other"])


def test_a_lost_node_leaves_counters_and_nothing_else() -> None:
    side = Known()
    side.lists()
    side.known.calls.on_create(side.leg("CHANNEL_CREATE", "u1", variable_sip_gateway_name="telnyx"))
    side.known.ticks.send(1.0, 1.0)
    side.known.forget()
    assert side.known.calls.live == 0
    assert side.known.calls.stats["telnyx", "outbound"].lost == 1
    assert side.known.switch.profiles == {}
    assert [gateway.state for gateway in side.known.gateways] == ["UNKNOWN"]


# -- changes -------------------------------------------------------------------------------------------------


def test_a_heartbeat_tells_a_limit_at_once() -> None:
    side = Known()
    for most in (1000, 1000, 2000):
        side.known.on_heartbeat(Heartbeat.from_event(event("HEARTBEAT", Max_Sessions=most)))
    assert side.told.what == [("limits", "max_sessions")]


def test_what_was_missed_before_a_loss_is_missed_anew_after_it() -> None:
    side = Known()

    def lists(*gateways: GatewayStatus) -> None:
        side.known.on_list(GatewayList(list(gateways), 0, ()), side.clock.now)

    lists(status(), status(name="backup"))
    side.clock.now += 10
    lists(status())
    side.known.forget()
    side.clock.now += 60
    lists(status())
    assert side.told.what == []
    side.clock.now += 10
    lists(status())
    assert side.told.what == [("gateway_deleted", "external::backup")]


def test_a_restart_is_not_told_with_a_time_before_the_loss() -> None:
    side = Known()
    side.known.on_connection(FIRST)
    side.known.on_switch_polled()
    side.clock.now += 10
    side.known.forget()
    lost = side.clock.epoch()
    side.clock.now += 60
    side.known.on_connection(SECOND)
    side.known.switch.figures = SwitchFigures(uptime_seconds=1e6)
    side.known.on_switch_polled()
    assert [(change.what, change.at) for change in side.told.changes] == [("restarted", lost)]


def test_a_rate_limit_seen_in_one_poll_of_many_holds_for_a_minute() -> None:
    """Each poll sees another second: in a flood that comes in waves the finding would come and go."""
    side = Known()

    def polled(rate: int) -> bool:
        side.known.switch.figures = SwitchFigures(sessions_per_second_last=rate, max_sessions_per_second=30)
        side.known.on_switch_polled()
        return side.known.condition.over_rate

    assert not polled(29)
    assert polled(30)
    side.clock.now += 59
    assert polled(29)
    side.clock.now += 2
    assert not polled(29)
    assert polled(31)
    side.known.forget()
    assert not side.known.condition.over_rate
