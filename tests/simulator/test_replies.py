"""Replies to commands: the same text as recorded, figures aside, from a switch configured like the lab's."""

import re
from collections.abc import AsyncIterator

import pytest

from exporter.clock import Clock
from exporter.simulator import GatewayConfig, SimulatedSwitch
from tests.simulator.test_recordings import LAB
from tests.simulator.wire import CAPTURES, Wire, recorded, shape


@pytest.fixture
async def lab(clock: Clock) -> AsyncIterator[SimulatedSwitch]:
    switch = SimulatedSwitch(LAB, clock=clock, tick=0.05, hostname="vm", switchname="lab")
    switch.provider("noreg").rejects()
    async with switch:
        await switch.gateway_reaches("telnyx", "REGED")
        await switch.gateway_reaches("noreg", "FAIL_WAIT")
        yield switch


@pytest.fixture
async def wire(lab: SimulatedSwitch) -> Wire:
    return await Wire.open(lab.port)


SAME_SHAPE = {
    "status": "api-status",
    'json {"command":"status","data":""}': "api-json-status",
    "version": "api-version",
    "version short": "api-version-short",
    "hostname": "api-hostname",
    "switchname": "api-switchname",
    "uptime s": "api-uptime",
    "uptime us": "api-uptime-us",
    "strepoch": "api-strepoch",
    "fsctl max_sessions": "api-fsctl-max_sessions",
    "fsctl last_sps": "api-fsctl-last_sps",
    "fsctl pause_check": "api-fsctl-pause_check",
    "fsctl pause_check outbound": "api-fsctl-pause_check-outbound",
    "fsctl ready_check": "api-fsctl-ready_check",
    "show channels count": "api-show-channels-count",
    "show channels count as json": "api-show-channels-count-json",
    "show channels as json": "api-show-channels-json-empty",
    "show channels": "api-show-channels-text-empty",
    "show calls count": "api-show-calls-count",
    "show calls count as json": "api-show-calls-count-json",
    "show registrations as json": "api-show-registrations-json",
    "sofia status": "api-sofia-status",
    "sofia status gateway telnyx": "api-sofia-status-gateway-telnyx",
    "sofia status gateway external::telnyx": "api-sofia-status-gateway-telnyx",
    "sofia status gateway": "api-sofia-status-gateway",
    "sofia status gateway nonexist": "api-sofia-status-gateway-nonexist",
    "sofia status profile external": "api-sofia-status-profile-external",
    "sofia status profile nonexist": "api-sofia-status-profile-nonexist",
    "sofia xmlstatus": "api-sofia-xmlstatus",
    "sofia xmlstatus gateway telnyx": "api-sofia-xmlstatus-gateway-telnyx",
    "sofia xmlstatus gateway": "api-sofia-xmlstatus-gateway",
    "sofia xmlstatus gateway nonexist": "api-sofia-xmlstatus-gateway-nonexist",
    "sofia profile external gwlist up": "api-sofia-gwlist-up",
    "sofia profile external gwlist down": "api-sofia-gwlist-down",
    "sofia profile external register telnyx": "api-profile-register-telnyx",
    "sofia profile external unregister telnyx": "api-profile-unregister-telnyx",
    "sofia profile external rescan": "api-profile-rescan",
    "sofia profile external restart": "api-profile-restart",
    "sofia profile external killgw telnyx": "api-killgw-telnyx",
    "sofia profile external killgw nonexist": "api-killgw-nonexist",
    "uuid_kill 00000000-0000-0000-0000-000000000000": "api-uuid_kill-gone",
    "nosuchcommand": "api-nosuchcommand",
    "originate": "originate-usage",
    "originate sofia/gateway/nonexist/1 &park": "originate-invalid-gateway",
    "originate sofia/nonexist/1@127.0.0.1 &park": "originate-unknown-profile",
    "originate nosuch/1 &park": "originate-bad-endpoint",
    "originate sofia/gateway/noreg/1 &park": "originate-gateway-down",
    "originate user/nobody &park": "originate-subscriber-absent",
    "originate sofia/gateway/telnyx/+15559999999 &park": "originate-sip-gw-unknown-number",
}


def spaced(text: str) -> str:
    """Numbers are padded to a width: the blanks before one go with it."""
    return re.sub(r" +#", " #", shape(text))


@pytest.mark.parametrize("command", SAME_SHAPE)
async def test_a_reply_reads_as_recorded(wire: Wire, command: str) -> None:
    was = recorded(SAME_SHAPE[command])[0].body.decode()
    assert spaced(await wire.api(command)) == spaced(was)


async def test_a_reply_is_framed_as_recorded(wire: Wire) -> None:
    await wire.api("nosuchcommand")
    assert wire.frames[-1].raw == (CAPTURES / "api-nosuchcommand.txt").read_bytes()


GATEWAY_STATES = {
    "REGED-UP": "telnyx",
    "NOREG-UP": "backup",
    "FAIL_WAIT-403": "noreg",
}


@pytest.mark.parametrize("form", ["status", "xmlstatus"])
@pytest.mark.parametrize("state", GATEWAY_STATES)
async def test_a_gateway_reads_as_recorded_in_each_state(
    lab: SimulatedSwitch, wire: Wire, state: str, form: str
) -> None:
    was = recorded(f"gw-{state}-{form}")[0].body.decode()
    await lab.until(lambda: lab.gateway("noreg").retry_seconds != 0)
    name = GATEWAY_STATES[state]
    assert spaced(await wire.api(f"sofia {form} gateway {name}")) == spaced(was)


async def test_a_live_channel_is_shown_as_recorded(lab: SimulatedSwitch, wire: Wire) -> None:
    await wire.reply(
        "bgapi originate {origination_uuid=e9bb7beb-7d5b-48b4-8d8e-669656c3cb21,"
        "origination_caller_id_number=+15551230000,origination_caller_id_name=Probe}"
        "sofia/gateway/telnyx/+15550000001 &park"
    )
    await lab.until(lambda: any(leg.call_state == "RINGING" for leg in lab.legs.values()))
    for command, capture in (
        ("show channels as json", "api-show-channels-json-1call"),
        ("show calls as json", "api-show-calls-json-1call"),
        ("show channels", "api-show-channels-text-1call"),
        ("show channels count", "api-show-channels-count-1call"),
        ("show calls count", "api-show-calls-count-1call"),
    ):
        assert shape(await wire.api(command)) == shape(recorded(capture)[0].body.decode()), command
    found = await wire.api("show channels like e9bb7beb as json")
    assert '"row_count":1' in found
    assert await wire.api("show channels like 70726f62-0001 as json") == '{"row_count": 0}\n'
    uuid = "e9bb7beb-7d5b-48b4-8d8e-669656c3cb21"
    assert await wire.api(f"uuid_exists {uuid}") == "true"
    assert await wire.api(f"uuid_getvar {uuid} sip_gateway_name") == "telnyx"
    assert await wire.api(f"uuid_getvar {uuid} nosuch") == "_undef_"
    assert (
        await wire.api(f"uuid_set_media_stats {uuid}")
        == recorded("api-uuid_set_media_stats")[0].body.decode()
    )
    dump = await wire.api(f"uuid_dump {uuid} json")
    assert dump.startswith('{"Event-Name":"CHANNEL_DATA","Core-UUID":')
    assert await wire.api(f"uuid_kill {uuid} MANAGER_REQUEST") == "+OK\n"
    await lab.until(lambda: not lab.legs)
    assert await wire.api(f"uuid_exists {uuid}") == "false"


async def test_a_raw_ampersand_in_a_username_breaks_that_gateway_s_xml_only(clock: Clock) -> None:
    gateways = [
        GatewayConfig("odd", username="a&b", register=False),
        GatewayConfig("telnyx", register=False),
    ]
    async with SimulatedSwitch(gateways, clock=clock) as switch:
        wire = await Wire.open(switch.port)
        text = await wire.api("sofia xmlstatus gateway")
    assert "<username>a&b</username>" in text
    assert "<from>&lt;sip:a&amp;b@" in text


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("fsctl sps 12", "+OK sessions per second: 12\n"),
        ("fsctl max_sessions 7", "+OK max sessions: 7\n"),
        ("fsctl min_idle_cpu", "+OK min idle cpu: DISABLED\n"),
        ("fsctl shutdown_check", "false"),
        ("fsctl", "-USAGE: [...]\n"),
        ("fsctl nosuch", "-USAGE: [...]\n"),
        ("json {}", '{"status":"error","message":"Invalid request or non-existent method"}\n'),
        (
            'json {"command":"status"}',
            '{"status":"error","message":"Invalid request or non-existent method"}\n',
        ),
        ("json nonsense", '{"status":"error","message":"Invalid request or non-existent method"}\n'),
        ("global_getvar nosuch", "-ERR no reply\n"),
        ("strepoch nonsense", "0"),
        ("show nosuch count", "-USAGE: [...]\n"),
        ("show nosuch", "-USAGE: [...]\n"),
        ("show registrations count", "\n4 total.\n"),
        ("uuid_getvar", "-USAGE: <uuid> <var>\n"),
        ("uuid_getvar nosuch x", "-ERR No such channel!\n"),
        ("uuid_dump nosuch", "-ERR No such channel!\n"),
        ("uuid_set_media_stats nosuch", "-ERR No such channel nosuch!\n"),
        ("uuid_set_media_stats", "-USAGE: <uuid>\n"),
        ("reloadxml", "+OK [Success]\n"),
        ("sofia nosuch", "Invalid Syntax!\n"),
        ("sofia profile nosuch rescan", "Invalid Profile [nosuch]"),
        ("sofia profile nosuch start", "Reload XML [Success]\nFailure starting nosuch\n"),
        ("sofia profile external nosuch", "Unknown Command [nosuch]\n"),
        ("sofia profile external register backup", "Invalid gateway!\n"),
    ],
)
async def test_a_reply_to_the_unusual(lab: SimulatedSwitch, wire: Wire, command: str, reply: str) -> None:
    lab.registrations = 4
    assert await wire.api(command) == reply


async def test_a_profile_can_be_stopped_and_started(lab: SimulatedSwitch, wire: Wire) -> None:
    assert await wire.api("sofia profile external stop") == "stopping: external"
    assert await wire.api("sofia status gateway telnyx") == "Invalid Gateway!\n"
    assert "external" not in await wire.api("sofia xmlstatus")
    assert await wire.api("sofia profile external stop") == "Invalid Profile [external]"
    assert await wire.api("sofia profile external start") == (
        "Reload XML [Success]\nexternal started successfully\n"
    )
    await lab.gateway_reaches("telnyx", "REGED")


async def test_pausing_shows_in_every_place(wire: Wire) -> None:
    assert await wire.api("fsctl pause inbound") == "+OK\n"
    assert await wire.api("fsctl pause_check inbound") == "true"
    assert await wire.api("fsctl pause_check") == "false"
    assert await wire.api("fsctl ready_check") == "true"  # switch_core_ready: only if both are refused
    assert await wire.api("fsctl pause") == "+OK\n"
    assert await wire.api("fsctl ready_check") == "false"
    assert "is not ready" in await wire.api("status")
    assert await wire.api("fsctl resume") == "+OK\n"
    assert await wire.api("fsctl ready_check") == "true"


async def test_a_requested_shutdown_shows_and_only_asap_refuses_calls(
    lab: SimulatedSwitch, wire: Wire
) -> None:
    for how, paused, ready in (("elegant", "false", "true"), ("asap", "true", "false")):
        lab.request_shutdown(how)
        assert await wire.api("fsctl shutdown_check") == "true"
        assert await wire.api("fsctl pause_check inbound") == paused
        assert await wire.api("fsctl ready_check") == ready
    lab.cancel_shutdown()
    assert await wire.api("fsctl shutdown_check") == "false"
    assert await wire.api("fsctl ready_check") == "true"


async def test_without_mod_sofia_its_command_is_unknown(lab: SimulatedSwitch, wire: Wire) -> None:
    lab.sofia_loaded = False
    assert await wire.api("sofia status") == "-ERR sofia Command not found!\n"


async def test_a_removed_gateway_stays_away(lab: SimulatedSwitch, wire: Wire) -> None:
    lab.remove_gateway("noreg")
    await lab.until(lambda: "noreg" not in {gateway.name for gateway in lab.listed_gateways()})
    assert await wire.api("sofia profile external rescan") == "Reload XML [Success]\n+OK scan complete\n"
    assert "noreg" not in await wire.api("sofia status")
    with pytest.raises(KeyError):
        lab.gateway("noreg")
