"""The ticket: read as the provider's support reads it, whatever the far end wrote."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.model import KeptCall, OtherLeg
from exporter.history.ticket import ticket
from tests.history.ended import BRIDGED, Kept, answered, ends, refused
from tests.switch.replies import anything

REJECTED = """\
Calls             1 (1 not connected)
Time              2026-11-18 11:08:19.980 UTC
Gateway           telnyx (FreeSWITCH fs1)

Call 1: not connected
  Began           2026-11-18 11:08:19.980 UTC
  Ended           2026-11-18 11:08:20.000 UTC
  SIP Call-ID     9eb6eb94-6176-1240-8da7-8a6376d62da8
  From            +19495431333
  To              +15550000021
  Direction       outbound (FreeSWITCH sent the INVITE)
  SIP response    403 User channel limit exceeded D1
  Provider's code D1: account-wide limit of concurrent outbound calls reached
  Reason header   Q.850;cause=21;text="CALL_REJECTED"
  Cause           CALL_REJECTED (Q.850 21)
  Ended by        the far end
  SIP address     127.0.0.1:5070 (far end)
  Media addresses 127.0.0.1:20408 (FreeSWITCH)
  FreeSWITCH UUID 45669d8d-7d58-4c16-ae9e-cf9e30eb64a4
"""

SILENT = """\
Calls             1 (1 answered, but FreeSWITCH received no audio)
Time              2026-11-18 11:07:58.960 UTC
Gateway           telnyx (FreeSWITCH fs1)
Numbers are without their last digits, as they were stored. To store complete ones from now on, set
`history: {numbers: full}` in the exporter's config.

Call 1: answered, but FreeSWITCH received no audio
  Began           2026-11-18 11:07:58.960 UTC
  Ended           2026-11-18 11:08:20.000 UTC
  SIP Call-ID     aab0ea35-6437-1240-87b2-c9f69500ccdf
  From            000000xxxx
  To              +1555000xxxx
  Direction       outbound (FreeSWITCH sent the INVITE)
  Cause           NORMAL_CLEARING (Q.850 16)
  Ended by        FreeSWITCH
  Post-dial delay 0.04 s
  Talk time       20.00 s
  SIP address     127.0.0.1:5070 (far end)
  Media addresses 127.0.0.1:21504 (far end), 127.0.0.1:20688 (FreeSWITCH)
  Codec           PCMU
  RTP packets     0 received, 700 sent by FreeSWITCH
  User agent      Telnyx SIP Proxy (lab)
  FreeSWITCH UUID 7ba96d1d-2dfe-4497-90b4-def64416d82d
"""


def lines(calls: list[KeptCall]) -> list[str]:
    return ticket(calls).splitlines()


def masked(kept: Kept) -> Kept:
    kept.config = msgspec.structs.replace(kept.config, numbers="masked")
    return kept


def test_a_rejected_call() -> None:
    assert ticket(Kept().end(*ends("ev-plain-call-403-D1-channel-limit")).calls) == REJECTED


def test_a_silent_call_with_masked_numbers() -> None:
    kept = masked(Kept()).end(answered(20, variable_rtp_audio_in_packet_count="0"))
    assert ticket(kept.calls) == SILENT


def test_a_bad_call_says_how_bad() -> None:
    event = answered(20, variable_rtp_audio_in_mos="3.1", variable_rtp_audio_in_jitter_loss_rate="0.13")
    shown = lines(Kept().end(event).calls)
    assert "Call 1: answered, with bad audio" in shown
    assert "  MOS             3.10 (of received audio)" in shown
    assert "  Packet loss     13 % (of received audio)" in shown
    assert "  RTP packets     698 received, 700 sent by FreeSWITCH" in shown


@pytest.mark.parametrize(
    ("capture", "what"),
    [
        (
            "ev-json-evidence-408-no-answer-to-invite",
            "Call 1: not connected: no answer to FreeSWITCH's INVITE came from the network",
        ),
        ("ev-json-originate-no-rtp-ports", "Call 1: not connected: FreeSWITCH sent no INVITE"),
        ("ev-json-inbound-no-such-extension", "Call 1: not connected: FreeSWITCH refused it"),
    ],
)
def test_it_does_not_blame_the_provider_for_what_freeswitch_did(capture: str, what: str) -> None:
    assert what in lines(Kept().end(*ends(capture)).calls)


def test_a_status_of_freeswitchs_own_is_none_of_the_providers() -> None:
    shown = lines(Kept().end(*ends("ev-json-evidence-503-local-refused-port")).calls)
    assert "  SIP response    none; 503 Service Unavailable is FreeSWITCH's own" in shown


def test_a_status_without_a_phrase_gets_the_usual_one() -> None:
    event = refused(variable_sip_invite_failure_phrase=None)
    assert "  SIP response    403 Forbidden" in lines(Kept().end(event).calls)
    strange = refused(variable_sip_invite_failure_phrase=None, variable_sip_term_status="499")
    assert "  SIP response    499" in lines(Kept().end(strange).calls)


def test_calls_of_several_gateways_are_told_apart() -> None:
    kept = Kept().end(*ends(BRIDGED))
    kept.clock.now += 1
    shown = lines(kept.end(answered(20, variable_rtp_audio_in_packet_count="0")).calls)
    assert shown[:4] == [
        "Calls             3 (2 not connected; 1 answered, but FreeSWITCH received no audio)",
        "Time              2026-11-18 11:07:58.960 UTC to 2026-11-18 11:08:20.000 UTC",
        "Gateway           fake (FreeSWITCH fs1); none (FreeSWITCH fs1); telnyx (FreeSWITCH fs1)",
        "",
    ]
    assert [line for line in shown if line.startswith("  Gateway")] == [
        "  Gateway         fake (FreeSWITCH fs1)",
        "  Gateway         none (FreeSWITCH fs1)",
        "  Gateway         telnyx (FreeSWITCH fs1)",
    ]
    assert [line for line in shown if line.startswith("Call ")] == [
        "Call 1: not connected",
        "Call 2: not connected: FreeSWITCH refused it",
        "Call 3: answered, but FreeSWITCH received no audio",
    ]
    other = shown.index("  Other leg       outbound, gateway fake, from 1000, to +15550000001, SIP Call-ID")
    assert shown[other + 1 : other + 3] == [
        "                  e0b932ec-6435-1240-87b2-c9f69500ccdf, CALL_REJECTED, FreeSWITCH UUID",
        "                  478c7e9c-4183-4240-9559-4a17e74670e8",
    ]


def test_an_identifier_is_whole_where_a_line_can_hold_it() -> None:
    call_id = "-".join(["abcdefgh"] * 8)
    first, second = ends(BRIDGED)
    other = Kept().end(refused(variable_sip_call_id=call_id, Unique_ID=first.get(b"Unique-ID")), second)
    assert sum(call_id in line for line in lines(other.calls)) == 2


def test_it_says_when_numbers_were_not_stored() -> None:
    kept = Kept()
    kept.config = msgspec.structs.replace(kept.config, numbers="none")
    assert "Numbers were not stored." in ticket(kept.end(refused()).calls)


def test_no_calls() -> None:
    assert ticket([]) == "No such call is kept.\n"


hostile = anything | st.text("=|` \t\r\n\x1b\x00\u202e\u2028x1+", max_size=300)
kept_calls = st.builds(
    KeptCall,
    at=st.floats(0, 4e9),
    started=st.none() | st.floats(0, 4e9),
    node=hostile,
    result=st.sampled_from(["failed", "silent", "bad"]),
    gateway=hostile,
    direction=st.sampled_from(["inbound", "outbound"]),
    from_=hostile,
    to=hostile,
    call_uuid=hostile,
    sip_call_id=hostile,
    sip_status=st.none() | st.integers(100, 999),
    sip_phrase=hostile,
    reason=hostile,
    cause=hostile,
    origin=st.sampled_from(["far_end", "local"]),
    remote_sip=hostile,
    remote_media=hostile,
    local_media=hostile,
    codec=hostile,
    user_agent=hostile,
    other_leg=st.none()
    | st.builds(OtherLeg, call_uuid=hostile, direction=st.just("inbound"), from_=hostile, cause=hostile),
)


@given(st.lists(kept_calls, max_size=3))
def test_no_text_of_the_far_end_makes_a_line_of_its_own(calls: list[KeptCall]) -> None:
    text = ticket(calls)
    text.encode()
    assert text.replace("\n", "").isprintable()
    blocks = text.split("\n\n")
    assert len(blocks) == 1 + len(calls)
    for block in blocks:
        for line in block.splitlines():
            assert 0 < len(line) < 100
    for number, block in enumerate(blocks[1:], 1):
        first, *facts = block.splitlines()
        assert first.startswith(f"Call {number}: ")
        assert all(fact.startswith("  ") for fact in facts)
