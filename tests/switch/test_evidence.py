"""Evidence: what a recorded end of a leg says, above all where a header says something else than it seems to.

What is kept of each recorded call is in tests/history/kept.py.
"""

import json

import pytest

from exporter.esl import Event
from exporter.switch.evidence import Evidence, OtherEvidence, is_call, read_evidence
from exporter.switch.leg import ChannelEvent, plain_number
from tests.switch.recordings import events


def ended(capture: str, index: int = 0) -> Event:
    """The HANGUP_COMPLETE of a leg in a capture."""
    return [event for event in events(capture) if event.name == "CHANNEL_HANGUP_COMPLETE"][index]


def evidence(capture: str, index: int = 0) -> Evidence:
    return read_evidence(ChannelEvent(ended(capture, index)))


def changed(event: Event, **values: str | list[str] | None) -> Evidence:
    """The evidence in a JSON event with other values; None: without them."""
    headers = json.loads(event.text)
    for key, value in values.items():
        header = key if key.startswith("variable_") else key.replace("_", "-")
        headers.pop(header, None)
        if value is not None:
            headers[header] = value
    return read_evidence(ChannelEvent(Event(json.dumps(headers, separators=(",", ":")).encode())))


REFUSED = "ev-json-evidence-403-without-reason"


@pytest.mark.parametrize(
    ("capture", "index", "from_number", "to_number"),
    [
        ("ev-json-evidence-answered-we-bye", 0, "+15551230000", "+15550000001"),  # Caller-ID: +15550000099
        ("ev-plain-call-backup-gw", 0, "+15551230000", "+15550000001"),  # From: backupuser
        ("ev-json-evidence-302", 0, "+15551230000", "+15550000001"),  # and not where it was redirected
        ("ev-json-originate-no-rtp-ports", 0, "0000000000", "+15550000007"),  # no sip_req_uri
        ("ev-json-evidence-inbound-with-x-headers", 0, "+15557654321", "+15559990000"),
        ("ev-plain-call-inbound", 0, "+15557654321", "telnyxuser"),  # the far end dialled gw+telnyx
        ("ev-json-evidence-bridged-answered-b-ends", 1, "1000", "777"),
    ],
)
def test_who_called_whom(capture: str, index: int, from_number: str, to_number: str) -> None:
    seen = evidence(capture, index)
    assert (seen.from_number, seen.to_number) == (from_number, to_number)


def test_the_number_dialled_is_not_where_the_dialplan_sent_the_leg() -> None:
    assert changed(ended(REFUSED), Caller_Destination_Number="9196").to_number == "+15550000001"
    uri = "+15550000001;npdi;rn=+1@192.0.2.1:5060"
    assert changed(ended(REFUSED), variable_sip_req_uri=uri).to_number == "+15550000001"


@pytest.mark.parametrize(
    ("header", "dialled", "user"),
    [
        ("variable_sip_req_uri", "anna%3Ageheim@127.0.0.1:9;transport=udp", "anna"),
        ("variable_sip_req_uri", "anna:geheim@127.0.0.1:5070", "anna"),
        ("variable_sip_req_uri", "%2B15550000001%3ageheim@h", "+15550000001"),
        ("variable_sip_req_uri", "sip:+15550000001@h", "+15550000001"),
        ("variable_sip_req_uri", "[2001:db8::1]:5060", "[2001:db8::1]:5060"),
        ("Caller_Destination_Number", "anna:geheim", "anna"),
        ("Caller_Destination_Number", "sip:anna:geheim", "sip:anna"),
    ],
)
def test_a_password_that_was_dialled_is_not_kept(header: str, dialled: str, user: str) -> None:
    without = {} if header == "variable_sip_req_uri" else {"variable_sip_req_uri": None}
    seen = changed(ended(REFUSED), **without, **{header: dialled})
    assert seen.to_number == user
    assert "geheim" not in repr(seen)


@pytest.mark.parametrize("header", ["variable_last_arg", "variable_current_application_data"])
@pytest.mark.parametrize(
    ("dialled", "number", "kept"),
    [
        ("sofia/external/sip:anna:geheim@h", "geheim", ""),
        ("{a=b}sofia/gateway/telnyx/anna:geheim|user/1000", "geheim", ""),
        ("sofia/external/anna%3A1234@h", "1234", ""),
        ("sofia/external/sip:1000@h", "1000", "1000"),
        ("sofia/external/sip:1000:1234@h,user/1234", "1234", "1234"),
        ("1000", "+15550000001", "+15550000001"),
    ],
)
def test_a_number_of_the_other_leg_that_is_its_password_is_not_kept(
    header: str, dialled: str, number: str, kept: str
) -> None:
    legs = f"11111111-2222-4333-8444-555555555555;Outbound Call;{number}"
    other = changed(ended(REFUSED), variable_originated_legs=legs, **{header: dialled}).other
    assert other is not None
    assert other.to_number == kept


@pytest.mark.parametrize(
    ("user", "number"),
    [
        ("%2B1-555-000-0001", "+15550000001"),  # a far end reads them as the same
        ("sip:+15550000001", "+15550000001"),
        ("tel:(555) 000.0001", "5550000001"),
        ("9#+15550000001", "9#+15550000001"),
        ("al-ice", "al-ice"),
        ("%00%2B", "%00%2B"),
        ("+" * 10_000, "+" * 10_000),
    ],
)
def test_a_number_is_read_without_escapes_and_separators(user: str, number: str) -> None:
    assert plain_number(user) == number


def test_the_did_is_in_the_to_header_where_the_provider_dials_the_contact() -> None:
    event = ended("ev-json-evidence-inbound-with-x-headers")
    seen = changed(event, variable_sip_req_user="gw+telnyx", Caller_Destination_Number="telnyxuser")
    assert seen.to_number == "+15559990000"


@pytest.mark.parametrize(
    ("capture", "index"),
    [
        (REFUSED, 0),
        ("ev-json-evidence-bridged-403", 0),
        ("ev-json-evidence-bridged-answered-b-ends", 0),
    ],
)
def test_the_caller_is_the_number_that_the_invite_had_and_not_the_extension_behind_it(
    capture: str, index: int
) -> None:
    # As on a switch with `effective_caller_id_number`: only Caller-Caller-ID-Number has it.
    event = ended(capture, index)
    assert changed(event, Caller_Caller_ID_Number="+15559876543").from_number == "+15559876543"


def test_the_caller_of_a_leg_that_ran_a_dialplan_itself() -> None:
    # FreeSWITCH swaps caller and callee then.
    answered = ended("ev-json-evidence-answered-we-bye")
    seen = changed(answered, Caller_Orig_Caller_ID_Number="1000", variable_sip_from_user="gatewayuser")
    assert seen.from_number == "+15551230000"


@pytest.mark.parametrize(
    ("role", "number"), [("originatee", "+15559876543"), ("originator", "1000"), (None, "1000")]
)
def test_the_caller_of_the_other_leg(role: str | None, number: str) -> None:
    # An originator that was called itself has its caller and callee swapped.
    other = changed(
        ended(REFUSED), Other_Type=role, Other_Leg_Unique_ID="other", Other_Leg_Direction="outbound",
        Other_Leg_Caller_ID_Number="+15559876543", Other_Leg_Orig_Caller_ID_Number="1000",
    ).other  # fmt: skip
    assert other is not None
    assert other.from_number == number


def test_the_caller_of_a_release_without_orig_headers() -> None:
    event = ended("ev-json-evidence-inbound-with-x-headers")
    without = {"Caller_Orig_Caller_ID_Number": None}
    assert changed(event, **without).from_number == "+15557654321"  # sip_from_user
    assert changed(event, **without, variable_sip_from_user=None).from_number == "+15557654321"


@pytest.mark.parametrize(
    ("capture", "index", "local", "ended_by", "remote_sip"),
    [
        (REFUSED, 0, False, "far_end", "127.0.0.1:5072"),
        ("ev-json-evidence-408-no-answer-to-invite", 1, True, "freeswitch", ""),  # reads recv_refuse
        ("ev-json-evidence-503-local-refused-port", 0, True, "freeswitch", ""),  # reads recv_refuse
        ("ev-json-evidence-cancelled", 0, True, "freeswitch", ""),
        ("ev-plain-call-noanswer", 0, False, "freeswitch", "127.0.0.1:5070"),
        ("ev-json-originate-no-rtp-ports", 0, True, "", ""),
        ("ev-json-evidence-answered-we-bye", 0, False, "freeswitch", "127.0.0.1:5072"),
        ("ev-json-evidence-bridged-answered-b-ends", 0, False, "far_end", "127.0.0.1:5072"),
        ("ev-json-evidence-bridged-answered-b-ends", 1, False, "freeswitch", "127.0.0.1:46030"),
        ("ev-json-evidence-inbound-with-x-headers", 0, False, "far_end", "127.0.0.1:33858"),
        ("ev-json-inbound-no-rtp-ports", 0, True, "freeswitch", "127.0.0.1:33521"),
    ],
)
def test_whose_doing_the_end_was(
    capture: str, index: int, local: bool, ended_by: str, remote_sip: str
) -> None:
    seen = evidence(capture, index)
    assert (seen.local, seen.ended_by, seen.remote_sip) == (local, ended_by, remote_sip)


@pytest.mark.parametrize(
    ("capture", "index", "status", "phrase"),
    [
        ("ev-plain-call-403-D1-channel-limit", 0, 403, "User channel limit exceeded D1"),
        ("ev-json-evidence-302", 0, 486, "Busy Here"),
        ("ev-json-evidence-cancelled", 0, None, ""),  # 487/CANCEL is FreeSWITCH's
        ("ev-json-evidence-bridged-403", 1, None, ""),  # 403 is the other leg's
        ("ev-json-evidence-inbound-with-x-headers", 0, None, ""),  # 200 is the answer to the BYE
        ("ev-json-evidence-bridged-answered-b-ends", 0, None, ""),  # so it is of an outbound leg
    ],
)
def test_the_answer_to_the_invite(capture: str, index: int, status: int | None, phrase: str) -> None:
    seen = evidence(capture, index)
    assert (seen.sip_status, seen.sip_phrase) == (status, phrase)


def test_a_caller_who_gave_up_did_not_answer_an_invite() -> None:
    seen = changed(ended("ev-json-evidence-bridged-403", 1), variable_sip_term_status="487")
    assert (seen.sip_status, seen.sip_phrase) == (None, "")


@pytest.mark.parametrize(
    ("capture", "index", "reason"),
    [
        (REFUSED, 0, ""),
        ("ev-json-evidence-480-two-reasons", 0, 'SIP;cause=480;text="sip reason"'),
        ("ev-json-evidence-bridged-answered-b-ends", 0, 'Q.850;cause=31;text="prov ended"'),
        ("ev-json-evidence-bridged-answered-b-ends", 1, ""),  # the other leg's
        ("ev-json-evidence-bridged-403", 1, ""),  # the other leg's
    ],
)
def test_the_reason_is_that_of_the_legs_own_far_end(capture: str, index: int, reason: str) -> None:
    assert evidence(capture, index).reason == reason


def test_the_number_of_the_cause() -> None:
    assert evidence(REFUSED).q850 == 21
    gone = changed(ended(REFUSED), Hangup_Cause="GATEWAY_DOWN", variable_hangup_cause_q850="16")
    assert (gone.cause, gone.q850) == ("GATEWAY_DOWN", None)


def test_a_call_id_of_ones_own_is_known_without_an_answer() -> None:
    assert evidence("ev-json-evidence-own-call-id-unanswered").sip_call_id == "probe-abc-1"
    assert evidence("ev-json-evidence-cancelled").sip_call_id == ""


def test_the_delay_to_ringing_or_else_to_the_answer() -> None:
    assert evidence("ev-plain-call-noanswer").post_dial_delay == pytest.approx(0.040005)
    assert evidence("ev-json-evidence-183-then-486").post_dial_delay == pytest.approx(0.020008)
    assert evidence("ev-plain-call-noaudio").post_dial_delay == pytest.approx(0.01999)
    assert evidence(REFUSED).post_dial_delay is None


def test_addresses_media_and_agent() -> None:
    seen = evidence("ev-json-evidence-answered-we-bye")
    assert (seen.remote_media, seen.local_media) == ("127.0.0.1:40200", "127.0.0.1:20210")
    assert (seen.codec, seen.user_agent) == ("PCMU", "FakeProv/1.2")
    six = changed(ended(REFUSED), variable_sip_reply_host="2001:db8::1")
    assert six.remote_sip == "[2001:db8::1]:5072"
    bracketed = changed(ended(REFUSED), variable_sip_reply_host="[2001:db8::1]", variable_sip_reply_port=None)
    assert bracketed.remote_sip == "[2001:db8::1]"


OUTBOUND, INBOUND = "9784e49b-3b00-4e1a-9cb8-fc22138e1c5e", "9336682d-c4a3-43eb-b0e2-7599e2660e8d"


@pytest.mark.parametrize(
    ("capture", "index", "other"),
    [
        (REFUSED, 0, None),
        (
            "ev-json-evidence-bridged-answered-b-ends",
            0,
            OtherEvidence(INBOUND, "inbound", "1000", "777", ""),
        ),
        (
            "ev-json-evidence-bridged-answered-b-ends",
            1,
            OtherEvidence(OUTBOUND, "outbound", "1000", "+15550000001", "NORMAL_UNSPECIFIED"),
        ),
        (
            "ev-json-inbound-bridge-busy",  # never bridged
            1,
            OtherEvidence(
                "2de61661-3697-45b5-a2a9-8365278edaa7", "outbound", "", "+15550000002", "USER_BUSY"
            ),
        ),
    ],
)
def test_the_other_leg(capture: str, index: int, other: OtherEvidence | None) -> None:
    assert evidence(capture, index).other == other


def test_the_other_leg_by_the_list_of_those_originated() -> None:
    event = ended("ev-json-inbound-bridge-busy", 1)
    listed = changed(
        event,
        variable_originate_signal_bond=None,
        variable_originated_legs="abc;Anna;Lee;+1555",
        variable_originate_causes="abc;USER_BUSY",
    )
    assert listed.other == OtherEvidence("abc", "outbound", "", "+1555", "USER_BUSY")


def test_the_other_leg_where_several_were_tried() -> None:
    event = ended("ev-json-inbound-bridge-busy", 1)
    listed = changed(
        event,
        variable_originated_legs=["abc;Anna;+1555", "def;Anna;+1556"],
        variable_originate_causes=["abc;USER_BUSY", "def;CALL_REJECTED"],
        variable_originate_signal_bond="def",
        variable_last_bridge_hangup_cause="CALL_REJECTED",
    )
    assert listed.other == OtherEvidence("def", "outbound", "", "", "CALL_REJECTED")


@pytest.mark.parametrize(
    "capture",
    [
        "ev-json-inbound-rejected-by-acl",
        "ev-json-scanner-invite-unanswered-challenge",
        "ev-json-invite-auth-failure-wrong-password",
    ],
)
def test_what_a_stranger_leaves_behind_is_no_call(capture: str) -> None:
    assert not is_call(ChannelEvent(ended(capture)))


def test_a_dial_that_never_became_a_leg_is_no_call() -> None:
    (destroyed,) = [event for event in events("ev-plain-call-nonexist-gw") if event.name == "CHANNEL_DESTROY"]
    assert not is_call(ChannelEvent(destroyed))
    assert is_call(ChannelEvent(ended(REFUSED)))
