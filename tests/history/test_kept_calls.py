"""Kept calls: each recorded call is kept as it was or not at all, a flood is bounded, numbers are masked."""

import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import GatewayConfig, HistoryConfig, NodeConfig, StoredNumbers
from exporter.esl import Event
from exporter.history.kept_calls import BAD_LOSS, BAD_MOS, DECODED_A_SECOND
from exporter.history.model import KeptCall, OtherLeg
from exporter.switch.leg import ChannelEvent, LegEnd, Media
from tests.history.ended import BRIDGED, NODE, REFUSED, Kept, answered, changed, ends, many, refused
from tests.history.kept import KEPT, NONE
from tests.support.tools import ROOT
from tests.switch.replies import anything, recorded

RECORDED = (
    "ev-json-evidence-*.txt",
    "ev-json-inbound-*.txt",
    "ev-json-bridge-*.txt",
    "ev-json-originate-no-rtp-ports.txt",
    "ev-json-scanner-*.txt",
    "ev-json-invite-auth-failure-*.txt",
    "ev-json-call-*.txt",
    "ev-plain-call-*.txt",
)


def only(kept: Kept) -> KeptCall:
    assert len(kept.calls) == 1
    return kept.calls[0]


# -- recorded calls -------------------------------------------------------------------------------------


def test_every_capture_of_a_call_has_its_row() -> None:
    names = {name.removesuffix(".txt") for pattern in RECORDED for name in recorded(pattern)}
    assert names == {*KEPT, *NONE}


@pytest.mark.parametrize("capture", [*KEPT, *NONE])
def test_a_recorded_call_is_kept_as_it_was(capture: str) -> None:
    assert tuple(Kept().end(*ends(capture)).calls) == KEPT.get(capture, ())


@pytest.mark.parametrize("capture", [*KEPT, *NONE])
def test_its_destroy_says_the_same_where_the_hang_up_was_lost(capture: str) -> None:
    destroyed = ends(capture, "CHANNEL_DESTROY")
    legs = {event.get(b"Unique-ID") for event in destroyed}
    expected = {call.call_uuid: call for call in KEPT.get(capture, ()) if call.call_uuid in legs}
    assert {call.call_uuid: call for call in Kept().end(*destroyed).calls} == expected


# -- which are kept -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("cause", "result"),
    [
        ("CALL_REJECTED", "failed"),
        ("GATEWAY_DOWN", "failed"),
        ("A_NEW_CAUSE", "failed"),
        ("USER_BUSY", None),
        ("NO_ANSWER", None),
        ("UNALLOCATED_NUMBER", None),
        ("ORIGINATOR_CANCEL", None),
    ],
)
def test_an_unanswered_call_failed_by_its_cause(cause: str, result: str | None) -> None:
    calls = Kept().end(refused(Hangup_Cause=cause)).calls
    assert [call.result for call in calls] == ([result] if result else [])


@pytest.mark.parametrize(
    ("seconds", "values", "result"),
    [
        (20, {}, None),
        (20, {"mos": "3.61"}, None),
        (20, {"mos": "3.60"}, "bad"),
        (2, {"mos": "3.60"}, "bad"),
        (20, {"jitter_loss_rate": "0.05"}, None),
        (20, {"jitter_loss_rate": "0.06"}, "bad"),
        (10, {"jitter_loss_rate": "0.50"}, None),  # not computed yet
        (20, {"packet_count": "0"}, "silent"),
        (20, {"packet_count": "0", "mos": "1.00"}, "silent"),
        (4, {"packet_count": "0"}, None),
        (20, {"packet_count": "0", "flow": "recvonly"}, None),
    ],
)
def test_an_answered_call_is_silent_bad_or_well(seconds: float, values: dict[str, str], result: str) -> None:
    rtp = {f"variable_rtp_audio_in_{key}": value for key, value in values.items() if key != "flow"}
    flow = values.get("flow", "sendrecv")
    calls = Kept().end(answered(seconds, variable_remote_audio_media_flow=flow, **rtp)).calls
    assert [call.result for call in calls] == ([result] if result else [])


@pytest.mark.parametrize(
    ("node", "gateway", "code"),
    [
        (NODE, "telnyx", "D19"),
        (NODE, "fake", None),
        (NodeConfig(name="fs1", gateways={"telnyx": GatewayConfig()}), "telnyx", None),
    ],
)
def test_a_call_that_the_provider_refused_for_a_reason_of_its_own_failed(
    node: NodeConfig, gateway: str, code: str | None
) -> None:
    # A billing block comes with the 404 of a number that does not exist.
    event = refused(
        Hangup_Cause="UNALLOCATED_NUMBER", variable_sip_gateway_name=gateway,
        variable_sip_term_status="404", variable_sip_invite_failure_phrase="Account blocked D19",
    )  # fmt: skip
    calls = Kept(node).end(event).calls
    assert [call.provider_code for call in calls] == ([code] if code else [])


def test_a_caller_who_gave_up_has_not_failed_by_the_phrase_of_the_other_leg() -> None:
    event = changed(
        ends(BRIDGED)[1], Hangup_Cause="ORIGINATOR_CANCEL", variable_sip_gateway="telnyx",
        variable_sip_term_status="487", variable_sip_invite_failure_phrase="Account blocked D19",
    )  # fmt: skip
    assert Kept().end(event).calls == []


def test_the_limits_are_those_of_the_alerts() -> None:
    rules = (ROOT / "alerts" / "calls.yml").read_text()
    assert f'freeswitch_call_mos_bucket{{gateway!="", le="{BAD_MOS}"}}' in rules
    assert f'freeswitch_call_packet_loss_ratio_bucket{{gateway!="", le="{BAD_LOSS}"}}' in rules


def test_a_bad_call_has_its_media() -> None:
    event = answered(20, variable_rtp_audio_in_mos="3.12", variable_rtp_audio_in_jitter_loss_rate="0.13")
    call = only(Kept().end(event))
    assert (call.result, call.talk, call.mos, call.packet_loss) == ("bad", 20.0, 3.12, 0.13)
    assert (call.packets_in, call.packets_out) == (698, 700)
    assert (call.remote_media, call.local_media, call.codec) == ("127.0.0.1:21504", "127.0.0.1:20688", "PCMU")
    assert (call.sip_status, call.sip_phrase, call.origin) == (None, "", "far_end")
    assert call.post_dial_delay == pytest.approx(0.039999)
    assert call.started == pytest.approx(call.at - 21.040006)


def test_nothing_is_decoded_of_a_call_that_is_well() -> None:
    class Untouched(Event):
        def get(self, header: bytes) -> str | None:
            raise AssertionError(header)

        get_int = get_float = after = get  # type: ignore[assignment]

    kept = Kept()
    leg = object.__new__(ChannelEvent)
    leg._event, leg.uuid = Untouched(b"{}"), "leg"
    media = Media(100, 100, 4.4, 0.02, 0.0, silent=False)
    for end in (
        LegEnd("leg", "NORMAL_CLEARING", 20.0, "", "", "", media),
        LegEnd("leg", "NORMAL_CLEARING", 20.0, "", "", "", None),
        LegEnd("leg", "USER_BUSY", None, "fake", "external", "486", None),
    ):
        kept.picker.on_call_ended(leg, end, "fake", None)
    assert kept.calls == []
    with pytest.raises(AssertionError, match="Caller-Channel-Created-Time"):
        kept.picker.on_call_ended(leg, LegEnd("leg", "CALL_REJECTED", None, "", "", "", None), "fake", None)


# -- bounds ---------------------------------------------------------------------------------------------


def test_a_flood_is_counted_and_not_kept() -> None:
    kept = Kept().end(*many(DECODED_A_SECOND + 7))
    assert len(kept.calls) == DECODED_A_SECOND
    assert kept.picker.not_kept == 7
    kept.clock.now += 0.999
    kept.end(*many(1))
    assert kept.picker.not_kept == 8
    kept.clock.now += 0.001
    kept.end(*many(DECODED_A_SECOND + 1))
    assert (len(kept.calls), kept.picker.not_kept) == (2 * DECODED_A_SECOND, 9)


@given(st.lists(st.floats(0, 0.3), max_size=150))
def test_there_are_never_more_in_a_second(pauses: list[float]) -> None:
    kept, times = Kept(), []
    event = refused()
    for pause in pauses:
        kept.clock.now += pause
        before = len(kept.calls)
        kept.end(event)
        times += [kept.clock.now] * (len(kept.calls) - before)
    assert len(times) + kept.picker.not_kept == len(pauses)
    for first, later in zip(times, times[DECODED_A_SECOND:], strict=False):
        assert later - first >= 1


def test_strangers_do_not_crowd_out_calls() -> None:
    strangers = ends("ev-json-inbound-rejected-by-acl") * 100
    kept = Kept().end(*strangers, refused())
    assert len(kept.calls) == 1
    assert kept.picker.not_kept == 0


def test_none_are_kept_and_counted_where_none_are_wanted() -> None:
    kept = Kept(config=HistoryConfig(calls=0)).end(*many(50))
    assert (kept.calls, kept.picker.not_kept) == ([], 0)


# -- numbers --------------------------------------------------------------------------------------------


def test_numbers_are_masked_by_default_and_the_call_id_is_not() -> None:
    event = refused(
        variable_sip_call_id="15550000001@192.0.2.1",
        variable_sip_invite_failure_phrase="Number +15550000001 not allowed D35",
        variable_sip_reason='Q.850;cause=21;text="15550000001"',
    )
    call = only(Kept(config=HistoryConfig()).end(event))
    assert (call.from_, call.to) == ("+1555123xxxx", "+1555000xxxx")
    assert call.sip_phrase == "Number +1555000xxxx not allowed D35"
    assert call.reason == 'Q.850;cause=21;text="1555000xxxx"'
    assert call.sip_call_id == "15550000001@192.0.2.1"


def test_numbers_are_left_out() -> None:
    event = refused(variable_sip_invite_failure_phrase="Number +15550000001 not allowed")
    call = only(Kept(config=HistoryConfig(numbers="none")).end(event))
    assert (call.from_, call.to, call.sip_phrase) == ("", "", "Number +xxxxxxxxxxx not allowed")


def test_the_numbers_of_the_other_leg_are_masked_too() -> None:
    first, second = Kept(config=HistoryConfig()).end(*ends(BRIDGED)).calls
    assert first.other_leg is not None
    assert (first.other_leg.from_, first.other_leg.to) == ("xxxx", "xxx")
    assert second.other_leg is not None
    assert (second.other_leg.from_, second.other_leg.to) == ("xxxx", "+1555000xxxx")
    (alone,) = Kept(config=HistoryConfig()).end(ends(BRIDGED)[1]).calls
    assert alone.other_leg == OtherLeg(
        call_uuid=first.call_uuid, direction="outbound", to="+1555000xxxx", cause="CALL_REJECTED"
    )


def test_a_reload_to_masked_numbers_holds_for_the_other_leg_as_well() -> None:
    first, second = ends(BRIDGED)
    kept = Kept().end(first)
    kept.config = HistoryConfig(numbers="masked")
    kept.end(second)
    other = kept.calls[1].other_leg
    assert other is not None
    assert other.to == "+1555000xxxx"


# -- the other leg --------------------------------------------------------------------------------------


def test_the_other_leg_is_what_was_kept_of_it() -> None:
    first, second = Kept().end(*ends(BRIDGED)).calls
    assert second.other_leg == OtherLeg(
        call_uuid=first.call_uuid,
        gateway="fake",
        direction="outbound",
        from_=first.from_,
        to=first.to,
        sip_call_id=first.sip_call_id,
        cause="CALL_REJECTED",
    )


def test_legs_kept_long_ago_are_forgotten() -> None:
    first, second = ends(BRIDGED)
    kept = Kept().end(first)
    for event in many(128):
        kept.clock.now += 1
        kept.end(event)
    kept.clock.now += 1
    other = kept.end(second).calls[-1].other_leg
    assert other is not None
    assert (other.gateway, other.sip_call_id) == ("", "")


# -- the provider's code --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("phrase", "code", "meaning"),
    [
        ("User channel limit exceeded D1", "D1", "account-wide limit of concurrent outbound calls reached"),
        ("Something new D99", "D99", "a code of the provider that the exporter does not know"),
        ("Forbidden", "", ""),
        ("", "", ""),
    ],
)
def test_the_code_of_the_gateways_provider(phrase: str, code: str, meaning: str) -> None:
    event = refused(variable_sip_gateway_name="telnyx", variable_sip_invite_failure_phrase=phrase)
    call = only(Kept().end(event))
    assert (call.provider_code, call.provider_meaning) == (code, meaning)


@pytest.mark.parametrize(
    ("header", "code", "meaning"),
    [
        ("32001 Trunk CPS limit exceeded", "32001", "trunk's calls-per-second limit reached"),
        ("32999 Something new", "32999", "a code of the provider that the exporter does not know"),
        ("Account suspended", "", ""),
    ],
)
def test_the_code_in_a_header_of_the_gateways_provider(header: str, code: str, meaning: str) -> None:
    node = NodeConfig(name="fs1", gateways={"fake": GatewayConfig(provider="twilio")})
    changes: dict[str, object] = {"variable_sip_rh_X-Twilio-Error": header}
    call = only(Kept(node=node).end(refused(**changes)))
    assert (call.provider_code, call.provider_meaning) == (code, meaning)


def test_what_freeswitch_failed_itself_has_no_code_and_is_local() -> None:
    changes: dict[str, object] = {"variable_sip_rh_X-Twilio-Error": "32001", "variable_sip_reply_host": None}
    node = NodeConfig(name="fs1", gateways={"fake": GatewayConfig(provider="twilio")})
    call = only(Kept(node=node).end(refused(**changes)))
    assert (call.provider_code, call.origin) == ("", "local")


def test_a_reload_changes_whose_codes_are_read() -> None:
    kept = Kept(node=NodeConfig(name="fs1"))
    event = refused(variable_sip_invite_failure_phrase="User channel limit exceeded D1")
    kept.end(event)
    kept.picker.node = NodeConfig(name="fs1", gateways={"fake": GatewayConfig(provider="telnyx")})
    kept.end(event)
    assert [call.provider_code for call in kept.calls] == ["", "D1"]


# -- hostile text ---------------------------------------------------------------------------------------

TEXTS = tuple(
    key.decode()
    for key in (
        b"Hangup-Cause",
        b"Caller-Orig-Caller-ID-Number",
        b"variable_sip_req_uri",
        b"variable_sip_call_id",
        b"variable_sip_invite_failure_phrase",
        b"variable_sip_reason",
        b"variable_sip_reply_host",
        b"variable_advertised_media_ip",
        b"variable_sip_user_agent",
        b"variable_rtp_use_codec_name",
        b"Other-Leg-Unique-ID",
        b"Other-Leg-Orig-Caller-ID-Number",
        b"variable_originated_legs",
        b"variable_originate_causes",
    )
)


@given(st.dictionaries(st.sampled_from(TEXTS), anything | st.lists(anything, max_size=3)))
def test_any_text_is_kept_as_one_short_printable_line(values: dict[str, str]) -> None:
    event = ends(REFUSED)[0]
    headers = {**json.loads(event.text), **values}
    hostile = Event(json.dumps(headers, separators=(",", ":")).encode())
    for config in (HistoryConfig(), HistoryConfig(numbers="full"), HistoryConfig(numbers="none")):
        for call in Kept(config=config).end(hostile).calls:
            texts = [call.cause, call.from_, call.to, call.sip_call_id, call.sip_phrase, call.reason]
            texts += [call.remote_sip, call.local_media, call.user_agent, call.codec, call.provider_code]
            other = call.other_leg
            if other is not None:
                texts += [other.call_uuid, other.from_, other.to, other.cause]
            for text in texts:
                assert text.isprintable()
                assert len(text) <= 300
                text.encode()


@pytest.mark.parametrize("numbers", ["masked", "none"])
@pytest.mark.parametrize(
    "header",
    [
        "Caller-Orig-Caller-ID-Number",
        "variable_sip_req_uri",
        "variable_sip_invite_failure_phrase",
        "variable_sip_reason",
        "variable_sip_user_agent",
        "Other-Leg-Orig-Caller-ID-Number",
        "Other-Leg-Destination-Number",
    ],
)
def test_no_text_of_the_far_end_keeps_a_whole_number(header: str, numbers: StoredNumbers) -> None:
    values = {"Other-Leg-Unique-ID": "1f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0", header: "to +15551239876 (home)"}
    event = json.loads(ends(REFUSED)[0].text) | {"variable_sip_hangup_disposition": "recv_refuse"} | values
    kept = Kept(config=HistoryConfig(numbers=numbers))
    call = only(kept.end(Event(json.dumps(event, separators=(",", ":")).encode())))
    written = msgspec.json.encode(call).decode()
    assert "9876" not in written
    assert ("1555123" in written) == (numbers == "masked")


def test_a_status_that_is_none_is_left_out() -> None:
    for status in ("99", "1000", "-403", "x", "9" * 30):
        call = only(Kept().end(refused(variable_sip_term_status=status)))
        assert (call.sip_status, call.sip_phrase) == (None, "")


def test_an_event_without_variables_still_makes_a_call() -> None:
    event = ends(REFUSED)[0]
    bare = {key: value for key, value in json.loads(event.text).items() if not key.startswith("variable_")}
    call = only(Kept().end(Event(json.dumps(bare, separators=(",", ":")).encode())))
    assert (call.to, call.origin, call.ended_by, call.sip_call_id) == ("+15550000001", "local", "", "")
