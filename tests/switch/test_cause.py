"""The table of causes against the recorded calls and the originate replies."""

import re

import pytest
from hypothesis import given

from exporter.esl.event import Event
from exporter.esl.protocol import Protocol
from exporter.switch.cause import CAUSES, explain, known_cause
from exporter.switch.sip import SIP_CODES
from tests.switch.replies import CAPTURES, anything, recorded, reply


def test_the_table_is_freeswitchs() -> None:
    numbers = list(CAUSES.values())
    assert len(CAUSES) == 82 + 1  # and UNKNOWN
    assert sum(1 <= number <= 127 for number in numbers) == 49
    assert sum(number > 142 for number in numbers) == 31
    assert len({number for number in numbers if number}) == 81
    assert (CAUSES["NORMAL_CLEARING"], CAUSES["USER_BUSY"], CAUSES["GATEWAY_DOWN"]) == (16, 17, 809)
    assert (CAUSES["NONE"], CAUSES["UNKNOWN"], CAUSES["SUCCESS"], CAUSES["REJECT_ALL"]) == (0, 0, 142, 825)


def test_every_cause_is_explained() -> None:
    for name in CAUSES:
        cause = explain(name)
        assert (cause.name, cause.number) == (name, CAUSES[name])
        for sentence in (cause.meaning, cause.remedy):
            assert re.fullmatch(r"[A-Z`][^<>&\n]{4,250}\.", sentence), sentence


def test_a_refusal_by_freeswitch_is_not_blamed_on_the_trunk() -> None:
    cause = explain("DESTINATION_OUT_OF_ORDER")
    assert "FreeSWITCH itself" in cause.meaning
    assert "pause_check" in cause.remedy


def test_a_sip_status_leads_to_one_cause() -> None:
    codes = [code for name in CAUSES for code in explain(name).sip]
    assert len(codes) == len(set(codes)) == 44
    assert set(codes) <= set(SIP_CODES)


def test_names_as_labels() -> None:
    assert known_cause("USER_BUSY") == "USER_BUSY"
    assert known_cause("UNKNOWN") == "UNKNOWN"
    for name in (None, "", "user_busy", "USER_BUSY ", "MADE_UP"):
        assert known_cause(name) == "other"
    assert explain("MADE_UP").name == "other"


@given(anything)
def test_any_name_is_a_known_label(name: str) -> None:
    assert known_cause(name) in {*CAUSES, "other"}


@pytest.mark.parametrize("name", recorded("originate-*.txt"))
def test_recorded_originate_replies(name: str) -> None:
    if refusal := re.fullmatch(r"-ERR (\w+)\n", reply(name)):
        assert known_cause(refusal[1]) == refusal[1]
    else:
        assert reply(name).startswith(("+OK ", "-USAGE: "))


@pytest.mark.parametrize("name", recorded("ev-*-call-*.txt"))
def test_recorded_hangups(name: str) -> None:
    frames = Protocol().receive((CAPTURES / name).read_bytes())
    for event in (Event(frame.body) for frame in frames if frame.content_type.startswith("text/event")):
        cause = event.get(b"Hangup-Cause")
        if event.name != "CHANNEL_HANGUP_COMPLETE" or cause is None:
            continue
        assert known_cause(cause) == cause
        status = event.get_int(b"variable_sip_term_status")
        if status:
            assert status in explain(cause).sip
