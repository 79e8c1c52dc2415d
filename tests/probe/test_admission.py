"""From a request to a plan, or to a refusal that names what to ask for instead or what to change."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.model import Config, GatewayConfig, GuardConfig, NodeConfig
from exporter.probe.admission import REASONS, CallPlan, CallRequest, Refused, check, resolve
from exporter.probe.originate import limits
from exporter.switch.provider import provider
from tests.probe.settings import settings
from tests.probe.test_originate import HOSTILE

# -- the guard --------------------------------------------------------------------------------------

LAB = GuardConfig(allow=("+1555000*", "+19495431333"))


def reason(number: str, config: GuardConfig = LAB) -> str:
    try:
        check(number, config)
    except Refused as refused:
        complete = refused.message and refused.hint and refused.status == REASONS[refused.reason].status
        return refused.reason if complete else "incomplete"
    return "passes"


def test_nothing_is_callable_by_default() -> None:
    assert reason("+15550000001", GuardConfig()) == "disabled"


@pytest.mark.parametrize("number", [*HOSTILE, "+1555000", "+123456", "+9991234567", "+1555000000112345"])
def test_what_is_no_number(number: str) -> None:
    assert reason(number, GuardConfig(allow=("+*",))) == "invalid_number"


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        ("+15550000001", "passes"),  # a test range: possible, though not valid
        ("+19495431333", "passes"),
        ("+19495431334", "not_allowed"),
        ("+15551000001", "not_allowed"),
        ("+923244902616", "not_allowed"),
    ],
)
def test_the_allow_list(number: str, outcome: str) -> None:
    assert reason(number) == outcome


PAID_BY_CALLER = {
    "premium rate": "+19002345678",
    "shared cost": "+4918012345",
    "UAN": "+445512345678",
    "personal number": "+447012345678",
}


@pytest.mark.parametrize("number", PAID_BY_CALLER.values(), ids=PAID_BY_CALLER.keys())
def test_numbers_whose_owner_is_paid_must_be_listed_exactly(number: str) -> None:
    assert reason(number, GuardConfig(allow=(number[:5] + "*",))) == "premium"
    assert reason(number, GuardConfig(allow=(number,))) == "passes"


def expensive_with_digits_appended() -> list[str]:
    """Of each region and kind an example, with digits appended as far as lengths of its country allow it."""
    import phonenumbers

    kinds = ("PREMIUM_RATE", "SHARED_COST", "UAN", "PERSONAL_NUMBER")
    found = []
    for region in phonenumbers.SUPPORTED_REGIONS:
        for kind in kinds:
            value = getattr(phonenumbers.PhoneNumberType, kind)
            example = phonenumbers.example_number_for_type(region, value)
            if example is None:
                continue
            number = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.E164)
            longer = [number + "1" * count for count in range(1, 6)]
            # One that exists is another number, of another kind: of an ordinary one nobody is paid.
            found += [
                text
                for text in longer
                if reason(text, GuardConfig(allow=(text,))) == "passes"
                and not phonenumbers.is_valid_number(phonenumbers.parse(text))
            ]
    return found


def test_digits_after_an_expensive_number_change_nothing() -> None:
    numbers = expensive_with_digits_appended()
    assert len(numbers) > 50
    passed = [number for number in numbers if reason(number, GuardConfig(allow=("+*",))) != "premium"]
    assert passed == []


@pytest.mark.parametrize(
    "number", ["+870773111632", "+881612345678", "+88213300655", "+883510012345", "+883510001234567"]
)
def test_satellites_and_networks_of_no_country_must_be_listed_exactly(number: str) -> None:
    assert reason(number, GuardConfig(allow=(number[:7] + "*",))) == "premium"
    assert reason(number, GuardConfig(allow=("+*",))) == "premium"
    assert reason(number, GuardConfig(allow=(number,))) == "passes"


def test_a_number_of_a_kind_nobody_knows_is_ordinary() -> None:
    assert reason("+12125550100", GuardConfig(allow=("+1*",))) == "passes"


@given(st.text(max_size=30))
def test_any_text_is_judged_without_a_fault(number: str) -> None:
    assert reason(number, GuardConfig(allow=("+*",))) in ("passes", "invalid_number", "premium")
    if reason(number, GuardConfig(allow=("+*",))) == "passes":
        assert number.isascii()
        assert number[1:].isdigit()


# -- request and plan -------------------------------------------------------------------------------

ONE = settings()
OTHER = settings(name="other", gateway="backup", destination="+15550000002", caller_id=None)
NODE = NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig(provider="telnyx")})
SECOND = NodeConfig(name="fs2", gateways={"telnyx": GatewayConfig()})


def config(*probes: Any, nodes: tuple[NodeConfig, ...] = (NODE,), **guard: Any) -> Config:
    fields: dict[str, Any] = {"allow": ("+1555000*",)} | guard
    return Config(nodes=nodes, probes={probe.name: probe for probe in probes}, guard=GuardConfig(**fields))


def plan(request: CallRequest, given: Config, known: tuple[str, ...] = ()) -> CallPlan:
    return resolve(request, given, lambda _, gateway: gateway in known)


def refusal(request: CallRequest, given: Config) -> Refused:
    with pytest.raises(Refused) as caught:
        plan(request, given)
    return caught.value


def test_a_probe_by_name() -> None:
    assert plan(CallRequest(probe="lab-echo"), config(ONE)) == CallPlan(
        ONE, own=True, limits=limits(ONE, 5.0), provider=provider("telnyx")
    )


def test_a_probe_to_another_number_is_not_its_own_run() -> None:
    made = plan(CallRequest(probe="lab-echo", destination="+15550000003"), config(ONE))
    assert (made.settings.name, made.settings.destination, made.own) == ("lab-echo", "+15550000003", False)


def test_a_number_alone_goes_the_only_way_there_is() -> None:
    made = plan(CallRequest(destination="+15550000003"), config(ONE))
    assert (made.settings.name, made.settings.gateway, made.settings.caller_id) == (
        "",
        "telnyx",
        ONE.caller_id,
    )
    assert not made.own
    assert (
        plan(CallRequest(destination="+15550000001", gateway="backup"), config(ONE, OTHER)).settings.caller_id
        is None
    )
    bare = plan(CallRequest(destination="+15550000003"), config())
    assert (bare.settings.gateway, bare.settings.caller_id, bare.provider) == (
        "telnyx",
        None,
        provider("telnyx"),
    )


def test_of_several_probes_one_to_that_number_is_taken_else_an_echo_that_goes_the_only_way() -> None:
    tone = settings(name="tone", application="tone", destination="+15550000024", talk_time=3.0)
    made = plan(CallRequest(destination="+15550000024"), config(tone, ONE, OTHER))
    assert (made.settings.name, made.settings.application) == ("", "tone")
    assert plan(CallRequest(destination="+15550000009"), config(tone, ONE)).settings.application == "echo"
    assert refusal(CallRequest(destination="+15550000009"), config(tone, ONE, OTHER)).reason == "bad_request"


def test_a_gateway_that_only_freeswitch_knows_will_do() -> None:
    made = plan(CallRequest(destination="+15550000003", gateway="extra"), config(), ("extra",))
    assert made.settings.gateway == "extra"
    assert plan(CallRequest(probe="other"), config(OTHER)).settings.gateway == "backup"


@pytest.mark.parametrize(
    ("asked", "reason", "named"),
    [
        (CallRequest(), "bad_request", "lab-echo, other"),
        (CallRequest(probe="nosuch"), "unknown_probe", "lab-echo, other"),
        (CallRequest(destination="+15550000001", node="nosuch"), "unknown_node", "fs1"),
        (CallRequest(destination="+15550000001", gateway="nosuch"), "unknown_gateway", "telnyx"),
        (CallRequest(destination="+19005551234", probe="lab-echo"), "not_allowed", "guard.allow"),
        (CallRequest(destination="abc", probe="lab-echo"), "invalid_number", "+15550000001"),
    ],
)
def test_refusals_name_what_there_is(asked: CallRequest, reason: str, named: str) -> None:
    refused = refusal(asked, config(ONE, OTHER))
    assert refused.reason == reason
    assert named in refused.hint


def test_two_nodes_must_be_told_apart() -> None:
    assert (
        refusal(CallRequest(destination="+15550000001"), config(nodes=(NODE, SECOND))).reason == "bad_request"
    )
    made = plan(CallRequest(destination="+15550000001", node="fs2"), config(nodes=(NODE, SECOND)))
    assert made.settings.node == "fs2"


def test_an_empty_allow_list_is_said_before_anything_else() -> None:
    assert refusal(CallRequest(probe="nosuch"), config(allow=())).reason == "disabled"


@pytest.mark.parametrize(("timeout", "ring"), [(None, 5.0), (120.0, 5.0), (11.0, 4.0), (10.0, 3.0)])
def test_a_short_timeout_makes_the_ringing_shorter(timeout: float | None, ring: float) -> None:
    made = plan(CallRequest(probe="lab-echo", timeout=timeout), config(ONE))
    assert made.limits == limits(ONE, ring)


def test_no_time_to_ring_names_the_time_needed() -> None:
    refused = refusal(CallRequest(probe="lab-echo", timeout=9.5), config(ONE))
    assert refused.reason == "bad_request"
    assert "scrape_timeout: 10.5s" in refused.hint
    tone = settings(application="tone")
    assert "scrape_timeout: 19.5s" in refusal(CallRequest(probe="lab-echo", timeout=9.5), config(tone)).hint
