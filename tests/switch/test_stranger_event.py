"""Events about strangers: as recorded, and with texts that nobody should send."""

import pytest
from hypothesis import given

from exporter.switch import events as kinds
from exporter.switch.leg import ChannelEvent
from exporter.switch.stranger_event import METHODS, AuthFailure, Scan, network_address
from tests.switch.recordings import custom, events
from tests.switch.replies import anything, recorded

FAILURES = {
    "ev-json-register-failure-wrong-password": [("internal", "REGISTER", "127.0.0.1")],
    "ev-json-register-failure-unknown-user": [("internal", "REGISTER", "127.0.0.1")],
    "ev-json-invite-auth-failure-wrong-password": [("internal", "INVITE", "127.0.0.1")],
    "ev-json-invite-auth-failure-unknown-user": [("internal", "INVITE", "127.0.0.1")],
    "ev-json-attack-register-wrong-password": [("internal", "REGISTER", "198.51.100.7")] * 11,
}
LEGS = {
    "ev-json-invite-auth-failure-wrong-password": None,
    "ev-json-invite-auth-failure-unknown-user": None,
    "ev-json-inbound-rejected-by-acl": None,
    "ev-json-scanner-invite-unanswered-challenge": "internal",
}
"""Captures of a stranger's leg: the profile whose challenge was not answered."""


@pytest.mark.parametrize("capture", FAILURES)
def test_recorded_failures_are_read(capture: str) -> None:
    failed = [event for event in events(capture) if event.subclass == kinds.REGISTER_FAILURE.name]
    assert [AuthFailure.from_event(event) for event in failed] == FAILURES[capture]


def test_a_recorded_scan_is_read() -> None:
    recording = events("ev-json-scanner-invite-unanswered-challenge")
    scans = [event for event in recording if event.subclass == kinds.WRONG_CALL_STATE.name]
    assert [Scan.from_event(event) for event in scans] == [("127.0.0.1",)]


@pytest.mark.parametrize("capture", LEGS)
def test_the_recorded_leg_of_a_stranger_is_known_by_its_end(capture: str) -> None:
    (end,) = [event for event in events(capture) if event.name == "CHANNEL_HANGUP_COMPLETE"]
    assert ChannelEvent(end).strangers
    assert ChannelEvent(end).scanned_profile == LEGS[capture]


def test_no_recorded_call_is_a_stranger_s() -> None:
    names = [path.removesuffix(".txt") for path in recorded("ev-*.txt")]
    ends = [
        (name, event)
        for name in names
        if name not in LEGS
        for event in events(name)
        if event.name in ("CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY")
    ]
    assert len(ends) > 80
    assert [name for name, event in ends if ChannelEvent(event).strangers] == []


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "fe80::1%eth0"])
def test_an_address_is_kept(address: str) -> None:
    assert network_address(address) == address


@given(anything, anything, anything)
def test_any_text_becomes_words_of_ours(profile: str, address: str, method: str) -> None:
    headers = {
        "profile-name": profile,
        "network-ip": address,
        "network_ip": address,
        "registration-type": method,
    }
    failure = AuthFailure.from_event(custom(kinds.REGISTER_FAILURE.name, headers))
    assert failure.method in METHODS
    scan = Scan.from_event(custom(kinds.WRONG_CALL_STATE.name, headers))
    assert len(failure.profile) <= 128  # a label only if FreeSWITCH lists such a profile
    for text in (failure.address, scan.address):
        assert text.isascii()
        assert text.isprintable()
        assert len(text) <= 64
