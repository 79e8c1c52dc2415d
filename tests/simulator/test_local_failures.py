"""Calls that FreeSWITCH itself fails: the simulator held to what was recorded, header name by header name."""

import json
from collections.abc import AsyncIterator

import pytest

from exporter.clock import Clock
from exporter.simulator import GatewayConfig, SimulatedSwitch
from tests.simulator.wire import Seen, Wire
from tests.switch.recordings import events

BACKUP = GatewayConfig(
    "backup", username="backupuser", realm="127.0.0.1", proxy="127.0.0.1:5071", register=False, ping=10
)
NUMBER = "+15550000007"
Story = list[tuple[str, list[str]]]


@pytest.fixture
async def lab(clock: Clock) -> AsyncIterator[SimulatedSwitch]:
    async with SimulatedSwitch([BACKUP], clock=clock, tick=0.02, speed=1000) as switch:
        await switch.gateway_reaches("backup", "NOREG")
        yield switch


def recorded(capture: str, leg: int) -> Story:
    """The events of one leg of a capture, with the names of their headers."""
    found: dict[str, Story] = {}
    for event in events(capture):
        pairs = json.loads(event.text, object_pairs_hook=list)
        uuid = dict(pairs).get("Unique-ID", "")
        if uuid and event.name.startswith("CHANNEL_"):
            found.setdefault(uuid, []).append((event.name, [name for name, _ in pairs]))
    return list(found.values())[leg]


def played(wire: Wire) -> list[Seen]:
    return [seen for seen in wire.events() if seen.name.startswith("CHANNEL_")]


def common(names: list[str]) -> list[str]:
    """Without what the recorded gateway, which has no from-domain, does not set."""
    return [name for name in names if name != "variable_sip_invite_domain"]


async def test_an_originate_without_an_rtp_port(lab: SimulatedSwitch) -> None:
    wire = await Wire.open(lab.port)
    await wire.reply("event plain ALL")
    lab.use_up_rtp_ports()
    reply = await wire.api(f"originate sofia/gateway/backup/{NUMBER} &park")
    await wire.event(lambda seen: seen.get("Channel-State") == "CS_DESTROY")
    assert reply == "-ERR DESTINATION_OUT_OF_ORDER\n"
    was = recorded("ev-json-originate-no-rtp-ports", 2)
    assert [(seen.name, common(seen.names)) for seen in played(wire)] == was


async def test_an_inbound_call_without_an_rtp_port(lab: SimulatedSwitch) -> None:
    wire = await Wire.open(lab.port)
    await wire.reply("event plain ALL")
    lab.use_up_rtp_ports()
    lab.calls.inbound("backup", caller="+15557654321", called="9196", seconds=3.1, answer_after=0)
    await wire.event(lambda seen: seen.get("Channel-State") == "CS_DESTROY")
    names = [name for name, _ in recorded("ev-json-inbound-no-rtp-ports", 0)]
    assert [seen.name for seen in played(wire)] == names
    end = next(seen for seen in played(wire) if seen.name == "CHANNEL_HANGUP_COMPLETE")
    assert end.get("variable_sip_hangup_disposition") == "send_refuse"
    assert "variable_local_media_port" not in end.names


@pytest.mark.parametrize(
    ("breaks", "capture"),
    [
        ("refuses_port", "ev-json-evidence-503-local-refused-port"),
        ("falls_silent", "ev-json-evidence-408-no-answer-to-invite"),
    ],
)
async def test_an_invite_to_which_nothing_came(lab: SimulatedSwitch, breaks: str, capture: str) -> None:
    wire = await Wire.open(lab.port)
    await wire.reply("event plain CHANNEL_HANGUP_COMPLETE")
    getattr(lab.provider("backup"), breaks)()
    await wire.reply(f"bgapi originate {{originate_timeout=40}}sofia/gateway/backup/{NUMBER} &park")
    end = await wire.event(lambda seen: seen.name == "CHANNEL_HANGUP_COMPLETE")
    was = next(names for name, names in recorded(capture, -1) if name == "CHANNEL_HANGUP_COMPLETE")
    assert of_sip(common(end.names)) == of_sip(was)


def of_sip(names: list[str]) -> list[str]:
    return [name for name in names if name.startswith("variable_sip_")]


async def test_a_bridge_whose_second_leg_finds_no_port(lab: SimulatedSwitch) -> None:
    wire = await Wire.open(lab.port)
    await wire.reply("event plain CHANNEL_HANGUP_COMPLETE")
    lab.use_up_rtp_ports()
    lab.calls.bridged("backup", NUMBER, lab.far_ends["+15550000001"], caller="1000", seconds=2)
    await wire.until(lambda: len(wire.events()) == 2)
    assert {seen.get("Hangup-Cause") for seen in wire.events()} == {"DESTINATION_OUT_OF_ORDER"}
