"""From a request to a call, or to a refusal that names what to ask for instead."""

from typing import Any

import pytest

from exporter.config.model import Config, GatewayConfig, GuardConfig, NodeConfig
from exporter.probe.refusal import Refused
from exporter.probe.request import Asked, Plan, resolve
from tests.probe.settings import settings

ONE = settings()
OTHER = settings(name="other", gateway="backup", destination="+15550000002", caller_id=None)
NODE = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig(provider="telnyx")})
SECOND = NodeConfig(name="fs2", gateways={"telnyx": GatewayConfig()})


def config(*probes: Any, nodes: tuple[NodeConfig, ...] = (NODE,), **guard: Any) -> Config:
    fields: dict[str, Any] = {"allow": ("+1555000*",)} | guard
    return Config(nodes=nodes, probes={probe.name: probe for probe in probes}, guard=GuardConfig(**fields))


def plan(asked: Asked, given: Config, known: tuple[str, ...] = ()) -> Plan:
    return resolve(asked, given, lambda _, gateway: gateway in known)


def refusal(asked: Asked, given: Config) -> Refused:
    with pytest.raises(Refused) as caught:
        plan(asked, given)
    return caught.value


def test_a_probe_by_name() -> None:
    assert plan(Asked(probe="lab-echo"), config(ONE)) == Plan(ONE, own=True, ring=5.0, provider="telnyx")


def test_a_probe_to_another_number_is_not_its_own_run() -> None:
    made = plan(Asked(probe="lab-echo", destination="+15550000003"), config(ONE))
    assert (made.settings.name, made.settings.destination, made.own) == ("lab-echo", "+15550000003", False)


def test_a_number_alone_goes_the_only_way_there_is() -> None:
    made = plan(Asked(destination="+15550000003"), config(ONE))
    assert (made.settings.name, made.settings.gateway, made.settings.caller_id) == (
        "",
        "telnyx",
        ONE.caller_id,
    )
    assert not made.own
    assert (
        plan(Asked(destination="+15550000001", gateway="backup"), config(ONE, OTHER)).settings.caller_id
        is None
    )
    bare = plan(Asked(destination="+15550000003"), config())
    assert (bare.settings.gateway, bare.settings.caller_id, bare.provider) == ("telnyx", None, "telnyx")


def test_of_several_probes_one_to_that_number_is_taken_else_an_echo_that_goes_the_only_way() -> None:
    tone = settings(name="tone", application="tone", destination="+15550000024", talk_time=3.0)
    made = plan(Asked(destination="+15550000024"), config(tone, ONE, OTHER))
    assert (made.settings.name, made.settings.application) == ("", "tone")
    assert plan(Asked(destination="+15550000009"), config(tone, ONE)).settings.application == "echo"
    assert refusal(Asked(destination="+15550000009"), config(tone, ONE, OTHER)).reason == "bad_request"


def test_a_gateway_that_only_freeswitch_knows_will_do() -> None:
    made = plan(Asked(destination="+15550000003", gateway="extra"), config(), ("extra",))
    assert made.settings.gateway == "extra"
    assert plan(Asked(probe="other"), config(OTHER)).settings.gateway == "backup"


@pytest.mark.parametrize(
    ("asked", "reason", "named"),
    [
        (Asked(), "bad_request", "lab-echo, other"),
        (Asked(probe="nosuch"), "unknown_probe", "lab-echo, other"),
        (Asked(destination="+15550000001", node="nosuch"), "unknown_node", "fs1"),
        (Asked(destination="+15550000001", gateway="nosuch"), "unknown_gateway", "telnyx"),
        (Asked(destination="+19005551234", probe="lab-echo"), "not_allowed", "guard.allow"),
        (Asked(destination="abc", probe="lab-echo"), "invalid_number", "+15550000001"),
    ],
)
def test_refusals_name_what_there_is(asked: Asked, reason: str, named: str) -> None:
    refused = refusal(asked, config(ONE, OTHER))
    assert refused.reason == reason
    assert named in refused.hint


def test_two_nodes_must_be_told_apart() -> None:
    assert refusal(Asked(destination="+15550000001"), config(nodes=(NODE, SECOND))).reason == "bad_request"
    made = plan(Asked(destination="+15550000001", node="fs2"), config(nodes=(NODE, SECOND)))
    assert made.settings.node == "fs2"


def test_an_empty_allow_list_is_said_before_anything_else() -> None:
    assert refusal(Asked(probe="nosuch"), config(allow=())).reason == "disabled"


@pytest.mark.parametrize(("timeout", "ring"), [(None, 5.0), (120.0, 5.0), (11.0, 4.0), (10.0, 3.0)])
def test_who_asks_in_a_hurry_lets_it_ring_shorter(timeout: float | None, ring: float) -> None:
    assert plan(Asked(probe="lab-echo", timeout=timeout), config(ONE)).ring == ring


def test_no_time_to_ring_names_the_time_needed() -> None:
    refused = refusal(Asked(probe="lab-echo", timeout=9.5), config(ONE))
    assert refused.reason == "bad_request"
    assert "scrape_timeout: 10.5s" in refused.hint
    tone = settings(application="tone")
    assert "scrape_timeout: 19.5s" in refusal(Asked(probe="lab-echo", timeout=9.5), config(tone)).hint
