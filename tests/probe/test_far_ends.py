"""Every far end there is, over real sockets: what each call comes to, and the metrics before and after."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from exporter.config.model import Expect, GatewayConfig, NodeConfig, Thresholds
from exporter.probe.admission import CallRequest
from exporter.probe.record import CallRecord
from tests.probe.lab import Lab

NORMAL = "NORMAL_CLEARING"
NOTHING: Mapping[str, Any] = MappingProxyType({})


class Row(NamedTuple):
    """A far end, what a call to it comes to, and how the probe differs from the usual one."""

    number: str
    result: str
    phase: str | None
    cause: str
    sip: int | None
    words: str
    changes: Mapping[str, Any] = NOTHING


TONE = {"application": "tone"}
ROWS = [
    Row("01", "success", None, NORMAL, 200, "packets received"),
    Row("02", "failed", "originate", "USER_BUSY", 486, "SIP 486 Busy Here"),
    Row("03", "failed", "ringing", "NO_ANSWER", None, "nobody answered"),
    Row("04", "failed", "originate", "UNALLOCATED_NUMBER", 404, "SIP 404 Not Found"),
    Row("05", "failed", "originate", "CALL_REJECTED", 403, "SIP 403 Forbidden"),
    Row("06", "failed", "originate", "NORMAL_TEMPORARY_FAILURE", 503, "SIP 503 Service Unavailable"),
    Row("07", "failed", "media", NORMAL, 200, "Answered, but silent: 0 packets received"),
    Row("08", "success", None, NORMAL, 200, "packets received"),
    Row("09", "failed", "hangup", NORMAL, 200, "The far end hung up 2.0 s after its answer"),
    Row("10", "success", None, NORMAL, 200, "packets received"),
    Row("11", "failed", "originate", "CALL_REJECTED", 603, "SIP 603 Decline"),
    Row("12", "failed", "originate", "NO_USER_RESPONSE", 480, "SIP 480"),
    Row("13", "failed", "originate", "NORMAL_TEMPORARY_FAILURE", 500, "SIP 500"),
    Row("14", "failed", "originate", "CALL_REJECTED", 402, "SIP 402 Payment Required"),
    Row("21", "failed", "originate", "CALL_REJECTED", 403, "User channel limit exceeded D1"),
    Row("22", "failed", "originate", "UNALLOCATED_NUMBER", 404, "Account blocked D19"),
    Row("23", "failed", "originate", "CALL_REJECTED", 403, "Caller Origination Number is Invalid D35"),
    Row("24", "success", None, NORMAL, 200, "packets received"),
    Row("31", "failed", "media", NORMAL, 200, "silent"),
    Row("32", "failed", "media", NORMAL, 200, "silent"),
    Row("33", "degraded", None, NORMAL, 200, "packet loss", {"thresholds": Thresholds(packet_loss=0.05)}),
    Row("34", "degraded", None, NORMAL, 200, "jitter", {"thresholds": Thresholds(jitter=0.06)}),
    Row("36", "failed", "originate", "NO_ANSWER", None, "nothing in answer to the INVITE"),
    Row("01", "success", None, NORMAL, 200, "packets received", TONE),
    Row("07", "failed", "media", NORMAL, 200, "silent", TONE),
    Row("08", "success", None, NORMAL, 200, "packets received", TONE),
    Row("10", "failed", "media", NORMAL, 200, "plays the test tone itself", TONE),
    Row("24", "success", None, NORMAL, 200, "packets received", TONE),
    Row("31", "failed", "media", NORMAL, 200, "silent", TONE),
    Row(
        "35",
        "degraded",
        None,
        NORMAL,
        200,
        "round trip 0.2",
        TONE | {"thresholds": Thresholds(round_trip=0.1)},
    ),
    Row(
        "02", "success", None, "USER_BUSY", 486, "as expected", {"expect": Expect(result="rejected", sip=486)}
    ),
    Row("01", "failed", "answer", NORMAL, 200, "was answered", {"expect": Expect(result="rejected")}),
]
OWN = 'node="fs1",probe="lab-echo",gateway="telnyx"'


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}-{row.result}-{'-'.join(row.changes)}")
async def test_far_end(lab: Lab, row: Row) -> None:
    lab.configure()
    before = await lab.metrics()
    assert not any(name.startswith("freeswitch_probe_success") for name in before)

    record = (await lab.call(row.number, **row.changes)).record

    told = (record.result, record.failed_phase, record.cause, record.sip_code)
    assert told == (row.result, row.phase, row.cause, row.sip), record
    assert row.words in record.message, record
    _check_metrics(await lab.metrics(), record)
    assert len(lab.originates()) == 1
    assert not [uuid for uuid in lab.switch.legs if uuid.startswith("70726f62")]


def _check_metrics(after: dict[str, float], record: CallRecord) -> None:
    got_through = record.result in ("success", "degraded")
    assert after[f"freeswitch_probe_success{{{OWN}}}"] == got_through
    assert after[f"freeswitch_probe_degraded{{{OWN}}}"] == (record.result == "degraded")
    for result in ("success", "degraded", "failed", "refused", "aborted"):
        sample = f'freeswitch_probe_runs_total{{{OWN},result="{result}"}}'
        assert after[sample] == (result == record.result)
    failures = {name: value for name, value in after.items() if "failures_total" in name}
    if record.failed_phase is None:
        assert failures == {}
    else:
        labels = f'{OWN},phase="{record.failed_phase}",cause="{record.cause}"'
        assert failures == {f"freeswitch_probe_failures_total{{{labels}}}": 1}
    assert after.get(f"freeswitch_probe_sip_status_code{{{OWN}}}") == record.sip_code
    for phase, seconds in record.phases.items():
        assert after[f'freeswitch_probe_phase_seconds{{{OWN},phase="{phase}"}}'] == seconds
    assert after[f"freeswitch_probe_duration_seconds_count{{{OWN}}}"] == 1
    mos = after.get(f"freeswitch_probe_mos{{{OWN}}}")
    assert (mos is not None) == (record.media is not None and record.media.packets_received > 0)


async def test_phases_and_media_of_a_healthy_call(lab: Lab) -> None:
    record = (await lab.call("01")).record
    assert set(record.phases) == {"originate", "ringing", "answer", "media", "hangup"}
    assert record.post_dial_delay_seconds == pytest.approx(0.04, abs=0.5)
    assert record.phases["ringing"] == pytest.approx(1.0, abs=0.5)
    assert record.talk_seconds == pytest.approx(5.0, abs=0.8)
    assert record.hung_up_by == "us"
    assert record.media is not None
    assert record.media.mos == 4.5


async def test_early_media_is_not_an_answer(lab: Lab) -> None:
    record = (await lab.call("08")).record
    assert record.early_media
    assert record.answer_seconds is not None
    assert record.post_dial_delay_seconds is not None
    assert record.answer_seconds > record.post_dial_delay_seconds + 1


async def test_a_providers_code_in_a_header_is_explained(lab: Lab) -> None:
    node = NodeConfig(name="fs1", port=lab.switch.port, gateways={"telnyx": GatewayConfig(provider="twilio")})
    lab.configure()
    lab.probes.configure(replace(lab.config, nodes=(node,)), {"fs1": lab.node})
    record = (await lab.runner.probe(CallRequest(destination="+15550000025", gateway="telnyx"))).record
    assert record.provider_code is not None
    assert (record.provider_code.code, record.provider_code.class_) == ("32203", "fraud")
    assert record.message.startswith("SIP 603 Decline: called number is blocked: ")
    assert record.sip_call_id == record.call_uuid


async def test_a_providers_code_is_explained(lab: Lab) -> None:
    node = NodeConfig(name="fs1", port=lab.switch.port, gateways={"telnyx": GatewayConfig(provider="telnyx")})
    lab.configure()
    config = replace(lab.config, nodes=(node,))
    lab.probes.configure(config, {"fs1": lab.node})
    record = (await lab.runner.probe(CallRequest(destination="+15550000021", gateway="telnyx"))).record
    assert record.provider_code is not None
    assert (record.provider_code.code, record.provider_code.class_) == ("D1", "capacity")
    assert record.remedy == record.provider_code.remedy


@pytest.mark.parametrize(
    ("changes", "cause"),
    [({"gateway": "nosuch"}, "INVALID_GATEWAY"), ({}, "GATEWAY_DOWN"), ({}, "DESTINATION_OUT_OF_ORDER")],
)
async def test_freeswitch_refuses_by_itself(lab: Lab, changes: dict[str, Any], cause: str) -> None:
    if cause == "GATEWAY_DOWN":
        lab.switch.provider("telnyx").rejects(403, "Forbidden")
        lab.switch.gateway("telnyx").ask_register()
        await lab.switch.gateway_reaches("telnyx", "FAIL_WAIT")
    if cause == "DESTINATION_OUT_OF_ORDER":
        lab.switch.pause("outbound")
    record = (await lab.call("01", **changes)).record
    assert (record.result, record.failed_phase, record.cause) == ("failed", "originate", cause)
    assert "FreeSWITCH itself refused the call" in record.message
