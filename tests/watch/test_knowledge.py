"""What is known of one FreeSWITCH, where two of its parts need each other."""

from structlog.testing import capture_logs

from exporter.config import GatewayConfig, NodeConfig
from exporter.switch.gateway import GatewayList
from exporter.switch.gateway_event import GatewayEvent
from exporter.switch.leg import ChannelEvent
from exporter.switch.status import Heartbeat
from exporter.watch.gateway import Answer
from exporter.watch.knowledge import Knowledge
from exporter.watch.registration_memory import RegistrationMemory
from tests.watch.builders import HandClock, event, status

CONFIG = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig(provider="telnyx")})
FIRST, SECOND = "342cb733-85da-455e-aed9-8f459cee8e2d", "b4a7d0f1-0000-4000-8000-000000000000"


class Known:
    """What is known, with a clock and a memory."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.memory = RegistrationMemory(None, clock=self.clock)
        self.known = Knowledge(CONFIG, "abcd", self.clock, self.memory)

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
