"""Whose failure a call was: recorded legs, and what reads almost like a failure of FreeSWITCH's own."""

import json

import pytest

from exporter.esl import Event
from exporter.switch.leg import ChannelEvent
from tests.switch.recordings import events

NOTHING_SENT = "ev-json-originate-no-rtp-ports"
REFUSED_PORT = "ev-json-evidence-503-local-refused-port"
INBOUND = "ev-json-inbound-no-rtp-ports"


def ended(capture: str, index: int = 0) -> Event:
    """The HANGUP_COMPLETE of a leg in a capture."""
    return [event for event in events(capture) if event.name == "CHANNEL_HANGUP_COMPLETE"][index]


def found(event: Event) -> str:
    return ChannelEvent(event).end().local_failure


def changed(capture: str, **variables: str | None) -> str:
    """What is found in a recorded leg with other values; None: without the header."""
    headers = json.loads(ended(capture).text)
    for key, value in variables.items():
        header = key.replace("_", "-") if key[0].isupper() else f"variable_{key}"
        headers.pop(header, None)
        if value is not None:
            headers[header] = value
    return found(Event(json.dumps(headers, separators=(",", ":")).encode()))


@pytest.mark.parametrize(
    ("capture", "index", "reason"),
    [
        ("ev-json-evidence-408-no-answer-to-invite", 1, "no_answer_to_invite"),
        ("ev-json-evidence-408-no-answer-to-invite", 0, ""),  # answered
        (REFUSED_PORT, 0, "refused_port"),
        (NOTHING_SENT, 0, "no_rtp_ports"),
        (INBOUND, 0, "no_rtp_ports"),
        ("ev-json-evidence-403-without-reason", 0, ""),
        ("ev-plain-call-503", 0, ""),  # the provider's own 503
        ("ev-plain-call-busy", 0, ""),
        ("ev-json-evidence-cancelled", 0, ""),  # nobody waited for the answer
        ("ev-json-evidence-own-call-id-unanswered", 0, ""),
        ("ev-json-evidence-bridged-403", 0, ""),
        ("ev-json-evidence-bridged-403", 1, ""),  # the inbound leg, with the other's cause
        ("ev-json-inbound-bridge-busy", 0, ""),
        ("ev-json-inbound-no-such-extension", 0, ""),
        ("ev-json-bridge-gateway-down", 0, ""),
    ],
)
def test_recorded_legs(capture: str, index: int, reason: str) -> None:
    assert found(ended(capture, index)) == reason


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"sip_invite_failure_phrase": "DNS Error"}, "dns"),
        ({"sip_invite_failure_phrase": "DNS Error", "sip_term_status": "408"}, "no_answer_to_invite"),
        ({"sip_term_status": "500"}, "other"),
        ({"sip_reply_host": "192.0.2.10"}, ""),
        ({"sip_reply_host": "192.0.2.10", "sip_invite_failure_phrase": "DNS Error"}, ""),
    ],
)
def test_a_status_is_freeswitchs_own_only_if_nothing_came(variables: dict[str, str], reason: str) -> None:
    assert changed(REFUSED_PORT, **variables) == reason


@pytest.mark.parametrize(
    ("variables", "reason"),
    [
        ({"local_media_port": "20002"}, "other"),  # it had a port, and the INVITE failed all the same
        ({"Hangup_Cause": "ORIGINATOR_CANCEL"}, ""),
        ({"Channel_Name": "loopback/9196-a"}, ""),
        ({"sip_hangup_disposition": "send_cancel"}, ""),
        ({"sip_call_id": "abc"}, ""),
    ],
)
def test_no_rtp_port_needs_a_sip_leg_that_sent_nothing(variables: dict[str, str], reason: str) -> None:
    assert changed(NOTHING_SENT, **variables) == reason


@pytest.mark.parametrize(
    "variables",
    [
        {"local_media_port": "20002"},
        {"last_app": "hangup"},  # `hangup DESTINATION_OUT_OF_ORDER` in the dialplan
        {"last_app": "respond"},
        {"last_app": "bridge"},
        {"last_app": None},
        {"originate_disposition": "DESTINATION_OUT_OF_ORDER"},
        {"sip_hangup_disposition": "recv_cancel"},
        {"Hangup_Cause": "NORMAL_TEMPORARY_FAILURE"},
    ],
)
def test_an_inbound_leg_that_was_refused_on_purpose_is_none(variables: dict[str, str | None]) -> None:
    assert changed(INBOUND, **variables) == ""
