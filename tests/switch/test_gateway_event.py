"""Events of gateways and profiles: as recorded, and with names and texts that nobody should send."""

import pytest
from hypothesis import given

from exporter.switch import events as kinds
from exporter.switch.gateway_event import GatewayAdded, GatewayDeleted, GatewayEvent, ProfileStarted
from tests.switch.recordings import custom, events
from tests.switch.replies import anything


def test_a_recorded_outage_reads_as_it_was() -> None:
    states = [
        GatewayEvent.from_event(event)
        for event in events("ev-plain-gateway-down-up")
        if event.subclass == kinds.GATEWAY_STATE.name
    ]
    assert states[3:5] == [
        GatewayEvent("telnyx", "FAIL_WAIT", ping_up=False, code=0, phrase=""),
        GatewayEvent("backup", "NOREG", ping_up=False, code=503, phrase="Service Unavailable"),
    ]
    assert states[-3:] == [
        GatewayEvent("telnyx", "REGISTER", ping_up=False, code=200, phrase="OK"),
        GatewayEvent("telnyx", "REGED", ping_up=True, code=0, phrase=""),
        GatewayEvent("backup", "NOREG", ping_up=True, code=200, phrase="OK"),
    ]


def test_gateways_come_and_go_with_their_profile() -> None:
    seen = [
        kind.read(event)
        for event in events("ev-plain-profile-restart")
        for kind in (kinds.GATEWAY_ADD, kinds.GATEWAY_DELETE, kinds.PROFILE_START)
        if event.subclass == kind.name
    ]
    assert ProfileStarted("external") in seen
    assert {value for value in seen if isinstance(value, GatewayDeleted)} >= {
        GatewayDeleted("telnyx", "external"),
        GatewayDeleted("backup", "external"),
    }
    assert {value for value in seen if isinstance(value, GatewayAdded)} >= {
        GatewayAdded("telnyx", "external"),
        GatewayAdded("backup", "external"),
    }


@pytest.mark.parametrize("name", ["", "a b", "a\nb", "$(reboot)", "x" * 129, "a;b", "ä"])
def test_a_name_that_freeswitch_would_skip_makes_the_event_unusable(name: str) -> None:
    assert (
        GatewayEvent.from_event(custom(kinds.GATEWAY_STATE.name, {"Gateway": name, "State": "REGED"})) is None
    )
    for kind in (kinds.GATEWAY_ADD, kinds.GATEWAY_DELETE):
        assert kind.read(custom(kind.name, {"Gateway": name, "profile-name": "external"})) is None


@pytest.mark.parametrize(
    ("said", "code"), [("403", 403), ("904", 904), ("99", 0), ("1000", 0), ("-403", 0), ("x", 0), ("", 0)]
)
def test_a_status_is_a_sip_status_or_none(said: str, code: int) -> None:
    event = custom(kinds.GATEWAY_STATE.name, {"Gateway": "telnyx", "State": "FAILED", "Status": said})
    read = GatewayEvent.from_event(event)
    assert read is not None
    assert read.code == code


@given(anything, anything)
def test_any_text_is_cut_and_printable(state: str, phrase: str) -> None:
    headers = {"Gateway": "telnyx", "State": state, "Phrase": phrase * 5, "Status": "403"}
    read = GatewayEvent.from_event(custom(kinds.GATEWAY_STATE.name, headers))
    assert read is not None
    assert len(read.phrase) <= 203
    assert read.phrase.isprintable()
    assert len(read.state) <= 32
