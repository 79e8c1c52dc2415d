"""The one line of a kept call: what happened, in the words of who caused it."""

import pytest

from exporter.web.kept_call_view import kept_card
from tests.support.made_up_past import kept_call

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({}, "403 Outbound call limit reached D1, D1: Outbound channel limit reached"),
        (
            {"sip_status": 503, "sip_phrase": "", "provider_code": "", "provider_meaning": ""},
            "503 Service Unavailable",
        ),
        (
            {
                "sip_status": 408,
                "sip_phrase": "",
                "provider_code": "",
                "provider_meaning": "",
                "origin": "local",
            },
            "FreeSWITCH's own 408 Request Timeout",
        ),
        (
            {
                "sip_status": None,
                "provider_code": "",
                "provider_meaning": "",
                "cause": "NO_ROUTE_DESTINATION",
            },
            "NO_ROUTE_DESTINATION",
        ),
        ({"result": "silent", "talk": 34.2}, "answered, no audio received, 34 s"),
        ({"result": "bad", "mos": 4.31, "packet_loss": 0.08}, "MOS 4.3, 8% of packets lost"),
        ({"result": "bad", "mos": 2.1}, "MOS 2.1"),
    ],
)
def test_what_happened(changes: dict[str, object], outcome: str) -> None:
    assert kept_card(kept_call(NOW, **changes), NOW).outcome == outcome


@pytest.mark.parametrize(
    ("numbers", "text"),
    [
        (("+1949543xxxx", "+1555000xxxx"), "+1949543xxxx to +1555000xxxx"),
        (("", "+1555000xxxx"), "+1555000xxxx"),
        (("", ""), "numbers not stored"),
    ],
)
def test_who_called_whom(numbers: tuple[str, str], text: str) -> None:
    card = kept_card(kept_call(NOW, from_=numbers[0], to=numbers[1]), NOW)
    assert card.numbers == text


def test_the_ticket_is_of_this_call() -> None:
    card = kept_card(kept_call(NOW), NOW)
    assert "+1949543xxxx" in card.ticket
    assert "Call 1: not connected" in card.ticket
