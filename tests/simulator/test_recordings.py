"""The simulator held to the recordings: same events, same headers in the same order, same encoding.

Each recorded call is made again: the originate line of the recording is given to the simulator, then the same
hang-up. Then the two lists of events are compared header name by header name. What may differ is
named in `ELSEWHERE` and nowhere else.
"""

import json
import re
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import pytest

from exporter.clock import Clock
from exporter.simulator import GatewayConfig, SimulatedSwitch
from exporter.simulator.events import Event
from tests.simulator.wire import CAPTURES, Frame, Seen, Wire, recorded, recorded_events

TELNYX = GatewayConfig("telnyx", from_domain="telnyx.lab", expire_seconds=60, retry_seconds=5, ping=10)
NOREG = GatewayConfig("noreg", from_domain="telnyx.lab", expire_seconds=60)
BACKUP = GatewayConfig(
    "backup", username="backupuser", realm="127.0.0.1", proxy="127.0.0.1:5071", register=False, ping=10
)
LAB = [BACKUP, NOREG, TELNYX]  # FreeSWITCH reads them in this order and lists them in the opposite one

# What a recording has besides its call: the recording client's polls, the switch's own business.
ELSEWHERE = {
    *("API", "HEARTBEAT", "RE_SCHEDULE", "RECV_INFO", "CUSTOM", "PRIVATE_COMMAND"),
    *("ADD_SCHEDULE", "DEL_SCHEDULE"),  # of sched_hangup: not simulated
}


@pytest.fixture
async def lab(clock: Clock) -> AsyncIterator[SimulatedSwitch]:
    switch = SimulatedSwitch(LAB, clock=clock, tick=0.02, speed=20)
    switch.provider("noreg").rejects()
    async with switch:
        await switch.gateway_reaches("telnyx", "REGED")
        yield switch


@dataclass(frozen=True)
class Call:
    """A recorded call: its capture, and whether it ended without a kill of the client."""

    capture: str
    ends_by_itself: bool = False


CALLS = [
    Call("ev-plain-call-success"),
    Call("ev-plain-call-busy", ends_by_itself=True),
    Call("ev-plain-call-noanswer", ends_by_itself=True),
    Call("ev-plain-call-404", ends_by_itself=True),
    Call("ev-plain-call-403", ends_by_itself=True),
    Call("ev-plain-call-403-D1-channel-limit", ends_by_itself=True),
    Call("ev-plain-call-402", ends_by_itself=True),
    Call("ev-plain-call-480", ends_by_itself=True),
    Call("ev-plain-call-500", ends_by_itself=True),
    Call("ev-plain-call-503", ends_by_itself=True),
    Call("ev-plain-call-603", ends_by_itself=True),
    Call("ev-plain-call-noaudio"),
    Call("ev-plain-call-noaudio-we-send-audio"),
    Call("ev-plain-call-earlymedia"),
    Call("ev-plain-call-earlymedia-ignored"),
    Call("ev-plain-call-tone"),
    Call("ev-plain-call-echo-with-audio"),
    Call("ev-plain-call-nonexist-gw", ends_by_itself=True),
    Call("ev-plain-call-unregistered-gw-noreg", ends_by_itself=True),
    Call("ev-plain-call-script", ends_by_itself=True),
    Call("ev-plain-call-far-end-hangs-up", ends_by_itself=True),
]


def outline(events: list[Seen]) -> list[tuple[str, list[str]]]:
    return [(seen.name, seen.names) for seen in events if seen.name not in ELSEWHERE]


def originate_of(events: list[Seen]) -> str:
    return next(seen.get("Job-Command-Arg") for seen in events if seen.name == "BACKGROUND_JOB")


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.capture)
async def test_a_call_fires_what_was_recorded(lab: SimulatedSwitch, call: Call) -> None:
    was = recorded_events(call.capture)
    wire = await Wire.open(lab.port)
    await wire.reply("event plain ALL")
    line = originate_of(was)
    await wire.reply(f"bgapi originate {line}\nJob-UUID: 11111111-2222-3333-4444-555555555555")
    last = "CS_DESTROY"
    if not call.ends_by_itself:
        await wire.event(lambda seen: seen.name == "CHANNEL_EXECUTE")
        uuid = (await wire.event(lambda seen: seen.name == "CHANNEL_CREATE")).get("Unique-ID")
        answered = await wire.event(lambda seen: seen.name == "CHANNEL_ANSWER")
        assert await wire.api(f"uuid_kill {uuid}") == "+OK\n"
        assert answered.get("Answer-State") == "answered"
    await wire.event(lambda seen: seen.get("Channel-State") == last)
    await wire.event(lambda seen: seen.name == "BACKGROUND_JOB")
    now = wire.events()

    assert [name for name, _ in outline(now)] == [name for name, _ in outline(was)]
    for (name, played), (_, expected) in zip(outline(now), outline(was), strict=True):
        assert played == expected, name
    for played_event, recorded_event in zip(of_the_call(now), of_the_call(was), strict=True):
        assert fixed(played_event) == fixed(recorded_event)


def of_the_call(events: list[Seen]) -> list[Seen]:
    return [seen for seen in events if seen.name not in ELSEWHERE]


# Headers whose value is decided by what happens, not by when or by chance: those must agree too.
SAME = {
    *("Channel-State", "Channel-Call-State", "Channel-State-Number", "Channel-Name", "Call-Direction"),
    *(
        "Answer-State",
        "Hangup-Cause",
        "Original-Channel-Call-State",
        "Channel-Call-State-Number",
        "Direction",
    ),
    *(
        "Channel-HIT-Dialplan",
        "Caller-Caller-ID-Name",
        "Caller-Caller-ID-Number",
        "Caller-Destination-Number",
    ),
    *(
        "Caller-Callee-ID-Name",
        "Caller-Callee-ID-Number",
        "Caller-Network-Addr",
        "Caller-ANI",
        "Caller-Source",
    ),
    *("Event-Calling-File", "Event-Calling-Function", "Event-Calling-Line-Number", "Event-Info"),
    *("FreeSWITCH-Hostname", "FreeSWITCH-Switchname", "FreeSWITCH-IPv4", "FreeSWITCH-IPv6"),
    *("Application", "Application-Data", "Application-Response", "Job-Command", "Job-Command-Arg"),
    *("Playback-File-Type", "Playback-File-Path", "Playback-Status"),
    *(
        f"variable_{name}"
        for name in (
            "direction is_outbound sip_gateway_name sip_invite_domain sip_profile_name channel_name "
            "sip_destination_url origination_caller_id_number ignore_early_media originate_early_media "
            "sip_outgoing_contact_uri sip_req_uri sip_to_host sip_from_host sofia_profile_name "
            "sofia_profile_url sip_user_agent sip_allow sip_recover_contact sip_from_display sip_from_uri "
            "sip_to_uri sip_contact_uri rtp_use_codec_string read_codec write_codec "
            "rtp_last_audio_codec_string endpoint_disposition pre_transfer_caller_id_name "
            "pre_transfer_caller_id_number channel_cid_flipped current_application last_app last_arg "
            "hangup_cause hangup_cause_q850 digits_dialed caller_id sip_hangup_disposition "
            "sip_invite_failure_status sip_invite_failure_phrase sip_reason sip_term_status "
            "proto_specific_hangup_cause sip_term_cause rtp_audio_in_mos rtp_audio_in_quality_percentage "
            "bridge_epoch sip_reply_port remote_audio_media_flow probe_note"
        ).split()
    ),
}


def fixed(seen: Seen) -> dict[str, str]:
    """The headers of an event that both sides must agree on, still encoded."""
    return {name: value for name, value in seen.pairs if name in SAME}


async def test_an_inbound_call_fires_what_was_recorded(lab: SimulatedSwitch) -> None:
    was = recorded_events("ev-plain-call-inbound")
    wire = await Wire.open(lab.port)
    await wire.reply("event plain ALL")
    lab.calls.inbound("telnyx", caller="+15557654321", called="telnyxuser", seconds=3.1, answer_after=0)
    await wire.event(lambda seen: seen.get("Channel-State") == "CS_DESTROY")
    now = wire.events()
    assert [name for name, _ in outline(now)] == [name for name, _ in outline(was)]
    for (name, played), (_, expected) in zip(outline(now), outline(was), strict=True):
        assert played == expected, name
    for played_event, recorded_event in zip(of_the_call(now), of_the_call(was), strict=True):
        assert fixed(played_event) == fixed(recorded_event)


async def test_a_call_routed_back_to_the_switch_has_both_recorded_legs(lab: SimulatedSwitch) -> None:
    was = recorded_events("ev-plain-call-loops-back-to-own-did")
    wire = await Wire.open(lab.port)
    await wire.reply("event plain ALL")
    await wire.reply(f"bgapi originate {originate_of(was)}")

    def legs(events: list[Seen]) -> dict[str, list[tuple[str, list[str]]]]:
        found: dict[str, list[tuple[str, list[str]]]] = {}
        for seen in of_the_call(events):
            if way := seen.get("Call-Direction"):
                found.setdefault(way, []).append((seen.name, seen.names))
        return found

    expected = legs(was)
    await wire.until(
        lambda: all(len(legs(wire.events()).get(way, [])) >= len(expected[way]) for way in expected)
    )
    now = legs(wire.events())
    for way, events in expected.items():
        # In the recording the far end says the number it reached; nothing else may differ.
        assert now[way][: len(events)] == events


# The recorded telephone had to authenticate; the simulator's telephones need not.
AUTHENTICATED = {
    f"variable_{name}"
    for name in (
        "sip_authorized Event-Name Core-UUID FreeSWITCH-Hostname FreeSWITCH-Switchname FreeSWITCH-IPv4 "
        "FreeSWITCH-IPv6 Event-Date-Local Event-Date-GMT Event-Date-Timestamp Event-Calling-File "
        "Event-Calling-Function Event-Calling-Line-Number Event-Sequence sip_number_alias sip_auth_username "
        "sip_auth_realm number_alias requested_user_name requested_domain_name user_context user_name "
        "domain_name sip_from_user_stripped"
    ).split()
}


# Another make of telephone, at another port, and bridged at another time.
ANOTHER = {"variable_sip_user_agent", "variable_sip_contact_uri", "variable_bridge_epoch"}


@pytest.mark.parametrize(
    ("capture", "number"),
    [
        ("ev-plain-bridge-callee-hangs-up", "+15550000009"),
        ("ev-plain-bridge-busy", "+15550000002"),
        ("ev-plain-bridge-gateway-down", "+15550000001"),
    ],
)
async def test_a_bridge_fires_what_was_recorded_on_each_leg(
    lab: SimulatedSwitch, capture: str, number: str
) -> None:
    wire = await Wire.open(lab.port)
    await wire.reply("event plain ALL")
    if capture.endswith("down"):
        lab.gateway("telnyx").up = False
    leg = lab.calls.bridged("telnyx", number, lab.far_ends[number], caller="1000", seconds=2)
    assert leg is not None
    await wire.event(
        lambda seen: seen.get("Unique-ID") == leg.uuid and seen.get("Channel-State") == "CS_DESTROY"
    )
    was, now = of_the_call(recorded_events(capture)), of_the_call(wire.events())
    for way in ("inbound", "outbound"):
        original_events, played = (
            [seen for seen in events if seen.get("Call-Direction") == way] for events in (was, now)
        )
        assert [seen.name for seen in played] == [seen.name for seen in original_events]
        for event, original in zip(played, original_events, strict=True):
            assert event.names == [name for name in original.names if name not in AUTHENTICATED], (
                original.name
            )
            for name in fixed(event).keys() - ANOTHER:
                assert (name, event.get(name)) == (name, original.get(name))


async def test_events_of_clients_are_as_recorded(lab: SimulatedSwitch) -> None:
    wire = await Wire.open(lab.port)
    await wire.reply("event plain ALL")
    for command in (
        "sendevent CUSTOM\nEvent-Subclass: exporter::tick\nExporter-Instance: abcd-1234\nExporter-Tick: 7",
        "sendevent CUSTOM\nExporter-Instance: a b\nEvent-Subclass: exporter::tick\nContent-Length: 5",
        "sendevent NOSUCH\nA: b",
    ):
        body = "hello" if "Content-Length" in command else ""
        wire.send(f"{command}\n\n{body}")
    await wire.event(lambda seen: bool(seen.get("A")))
    now = [seen for seen in wire.events() if seen.get("Event-UUID")]
    for event, original in zip(now, recorded_events("ev-plain-sendevent"), strict=True):
        assert event.names == original.names
        assert event.body == original.body
        for name in ("Event-Name", "Event-Subclass", "Command", "Event-Calling-Line-Number"):
            assert event.get(name) == original.get(name)


async def test_a_dial_to_an_unregistered_telephone_fires_what_was_recorded(lab: SimulatedSwitch) -> None:
    capture = "ev-json-originate-user-unregistered"
    was = [json.loads(frame.body) for frame in recorded(capture) if frame.body.startswith(b"{")]
    lab.register("1000")
    lab.expire("1000")
    wire = await Wire.open(lab.port)
    await wire.reply("event json ALL")
    arguments = was[1]["API-Command-Argument"]
    assert await wire.api(f"originate {arguments}") == "-ERR USER_NOT_REGISTERED\n"

    def seen() -> list[dict[str, str]]:
        bodies = (json.loads(frame.body) for frame in wire.frames if frame.kind == "text/event-json")
        return [body for body in bodies if body["Event-Name"] != "RE_SCHEDULE"]

    await wire.until(lambda: len(seen()) >= len(was))
    stays = ("Event-Name", "Event-Calling-Function", "API-Command", "API-Command-Argument")
    assert [{name: event.get(name) for name in stays} for event in seen()] == [
        {name: event.get(name) for name in stays} for event in was
    ]
    assert [list(event) for event in seen()] == [list(event) for event in was]


@pytest.mark.parametrize("capture", [path.stem for path in sorted(CAPTURES.glob("ev-plain-*.txt"))])
def test_every_recorded_plain_event_is_written_back_to_the_byte(capture: str) -> None:
    for frame in recorded(capture):
        if frame.kind != "text/event-plain":
            continue
        head, _, body = frame.body.decode().partition("\n\n")
        seen = Seen([tuple(line.split(": ", 1)) for line in head.split("\n")], body)  # type: ignore[misc]
        pairs = [(name, seen_value(value)) for name, value in seen.pairs if name != "Content-Length"]
        assert Event("", "", pairs, body).frame("plain") == frame.raw


def seen_value(value: str) -> str | list[str]:
    from urllib.parse import unquote

    text = unquote(value, errors="surrogateescape")
    return text.removeprefix("ARRAY::").split("|:") if text.startswith("ARRAY::") else text


@pytest.mark.parametrize("capture", [path.stem for path in sorted(CAPTURES.glob("ev-json-*.txt"))])
def test_every_recorded_json_event_is_written_back_to_the_byte(capture: str) -> None:
    for frame in recorded(capture):
        if frame.kind != "text/event-json":
            continue
        pairs: list[tuple[str, str | list[str]]] = json.loads(frame.body, object_pairs_hook=list)
        body = str(dict(pairs).get("_body", ""))
        pairs = [pair for pair in pairs if pair[0] not in ("_body", "Content-Length")]
        assert Event("", "", pairs, body).frame("json") == frame.raw


def kind(seen: Seen) -> tuple[str, str]:
    return seen.name, seen.subclass


async def test_the_switch_s_own_events_have_the_recorded_headers(lab: SimulatedSwitch) -> None:
    captures = [path.stem for path in CAPTURES.glob("ev-plain-*.txt")]
    known: dict[tuple[str, str], list[list[str]]] = {}
    for seen in (seen for capture in captures for seen in recorded_events(capture)):
        known.setdefault(kind(seen), []).append(seen.names)
    wire = await Wire.open(lab.port)
    await wire.reply("event plain ALL")
    lab.beat()
    await wire.reply("bgapi status")
    await wire.api("sofia profile external restart")
    await lab.until(lambda: lab.sofia.find("telnyx") is None)
    await lab.gateway_reaches("telnyx", "REGED")
    await wire.api(
        "originate {ignore_early_media=true}sofia/gateway/telnyx/+15550000010 "
        "'m:^:tone_detect:k 1004 r^sleep:500^hangup' inline"
    )
    await wire.event(lambda seen: seen.name == "MEDIA_BUG_STOP")
    await wire.api("fsctl shutdown")
    await wire.until(lambda: wire.closed)
    of_the_switch = [seen for seen in wire.events() if not seen.get("Unique-ID")]
    assert {kind(seen) for seen in of_the_switch} >= {
        *(
            (name, "")
            for name in ("HEARTBEAT", "RE_SCHEDULE", "API", "BACKGROUND_JOB", "RELOADXML", "SHUTDOWN")
        ),
        *((name, "") for name in ("PUBLISH", "UNPUBLISH", "DETECTED_TONE")),
        *(("CUSTOM", f"sofia::{name}") for name in ("gateway_add", "gateway_delete", "gateway_state")),
        ("CUSTOM", "sofia::profile_start"),
    }
    for seen in of_the_switch:
        if seen.name == "API" and "API-Command-Argument" not in seen.names:
            continue  # no command without arguments was recorded
        if seen.name == "BACKGROUND_JOB" and "Job-Command-Arg" not in seen.names:
            continue
        assert seen.names in known[kind(seen)], kind(seen)
    stopped = next(seen for seen in wire.events() if seen.name == "MEDIA_BUG_STOP")
    assert stopped.names[13:16] == known["MEDIA_BUG_STOP", ""][0][13:16]


# -- what an operator changes --------------------------------------------------------------------------------

OF_THE_MOMENT = {
    *("Core-UUID", "Event-Sequence", "Event-Date-Local", "Event-Date-GMT", "Event-Date-Timestamp"),
    *("network-address-previous-v4", "network-address-change-v4"),
}
CHANGES = {"RELOADXML", "MODULE_LOAD", "MODULE_UNLOAD", "TRAP", "SHUTDOWN"}


def changes(frames: list[Frame]) -> list[list[tuple[str, str]]]:
    """The JSON events of changes, headers in their order, without what differs each time."""
    bodies = [json.loads(frame.body, object_pairs_hook=list) for frame in frames if "json" in frame.kind]
    return [
        [(name, value) for name, value in pairs if name not in OF_THE_MOMENT]
        for pairs in bodies
        if dict(pairs)["Event-Name"] in CHANGES
    ]


async def test_changes_fire_what_was_recorded(lab: SimulatedSwitch) -> None:
    known = [
        headers
        for capture in (
            "ev-json-reloadxml",
            "ev-json-module-unload-load",
            "ev-json-module-unload-load-codec",
            "ev-json-trap-network-outage-and-back",
            "ev-json-shutdown-restart",
        )
        for headers in changes(recorded(capture))
    ]
    wire = await Wire.open(lab.port)
    await wire.reply("event json RELOADXML MODULE_LOAD MODULE_UNLOAD TRAP SHUTDOWN")
    await wire.api("reloadxml")
    for module in ("mod_expr", "mod_spandsp"):
        lab.unload_module(module)
        lab.load_module(module)
    lab.change_address("192.0.2.99")
    lab.shut_down()
    await wire.until(lambda: wire.closed)
    fired = changes(wire.frames)
    assert [dict(headers)["Event-Name"] for headers in fired[:4]] == [
        *("RELOADXML", "MODULE_UNLOAD", "RELOADXML", "MODULE_LOAD")
    ]
    assert {dict(headers)["Event-Name"] for headers in fired} == CHANGES
    for headers in fired:
        assert headers in known, headers


STRANGERS: dict[str, Callable[[SimulatedSwitch], object]] = {
    "ev-json-register-failure-wrong-password": lambda lab: lab.guess_password("127.0.0.1"),
    "ev-json-invite-auth-failure-wrong-password": lambda lab: lab.guess_password("127.0.0.1", "INVITE"),
    "ev-json-scanner-invite-unanswered-challenge": lambda lab: lab.scan("127.0.0.1"),
}


@pytest.mark.parametrize("capture", STRANGERS)
async def test_strangers_leave_what_was_recorded(lab: SimulatedSwitch, capture: str) -> None:
    wanted = (
        "sofia::register_failure",
        "sofia::wrong_call_state",
        "CHANNEL_HANGUP_COMPLETE",
        "CHANNEL_DESTROY",
    )
    bodies = [json.loads(frame.body, object_pairs_hook=list) for frame in recorded(capture) if frame.body]
    was = [
        [name for name, _ in pairs]
        for pairs in bodies
        if dict(pairs).get("Event-Subclass", dict(pairs)["Event-Name"]) in wanted
    ]
    wire = await Wire.open(lab.port)
    await wire.reply(f"event plain {' '.join(wanted[2:])} CUSTOM {' '.join(wanted[:2])}")
    STRANGERS[capture](lab)
    await wire.until(lambda: len(wire.events()) >= len(was))
    assert [seen.names for seen in wire.events()] == was


def fall_silent(lab: SimulatedSwitch) -> None:
    lab.ignore_options("1000")
    lab.expire("1000")


TELEPHONES: dict[str, Callable[[SimulatedSwitch], object]] = {
    "ev-json-register-new": lambda _lab: None,
    "ev-json-unregister": lambda lab: lab.unregister("1000"),
    "ev-json-register-expire": lambda lab: lab.expire("1000"),
    "ev-json-sip-user-state-unreachable": fall_silent,
}


@pytest.mark.parametrize("capture", TELEPHONES)
async def test_telephones_come_and_go_as_recorded(lab: SimulatedSwitch, capture: str) -> None:
    wanted = ("sofia::register", "sofia::unregister", "sofia::expire", "sofia::sip_user_state")
    known: dict[str, list[str]] = {}
    for name in TELEPHONES:
        for frame in recorded(name):
            pairs = json.loads(frame.body, object_pairs_hook=list) if frame.body else []
            known.setdefault(dict(pairs).get("Event-Subclass", ""), [name for name, _ in pairs])
    bodies = [json.loads(frame.body) for frame in recorded(capture) if frame.body]
    was = {body["Event-Subclass"] for body in bodies if body.get("Event-Subclass") in wanted}
    wire = await Wire.open(lab.port)
    await wire.reply(f"event plain CUSTOM {' '.join(wanted)}")
    lab.register("1000", "127.0.0.1")
    TELEPHONES[capture](lab)
    await wire.until(lambda: {seen.subclass for seen in wire.events()} >= was)
    for seen in wire.events():
        assert seen.names == known[seen.subclass], seen.subclass


@pytest.mark.parametrize(
    ("capture", "users"),
    [("api-sofia-status-profile-internal-2users", 2), ("api-sofia-status-profile-internal-user-2users", 2)],
)
async def test_the_profile_s_table_is_shown_as_recorded(
    lab: SimulatedSwitch, capture: str, users: int
) -> None:
    (was,) = [frame.body.decode() for frame in recorded(capture)]
    for user in range(1000, 1000 + users):
        lab.register(str(user), "127.0.0.1")
    wire = await Wire.open(lab.port)
    asked = "sofia status profile internal" + (" user 1000@lab.local" if "user-" in capture else "")
    now = await wire.api(asked)
    moment = r"(?m)^(Call-ID: .*|Contact: .*|Status: .*|Port: .*|RTP-IP.*|SIP-IP.*|(BIND-)?URL.*)$"
    assert re.sub(moment, "", now) == re.sub(moment, "", was)


@pytest.mark.parametrize("verb", ["stop", "start"])
async def test_a_profile_reads_the_xml_before_it_stops_or_starts(lab: SimulatedSwitch, verb: str) -> None:
    wanted = ("RELOADXML", "sofia::profile_start", "sofia::gateway_delete", "sofia::gateway_add", "UNPUBLISH")
    recorded_json = [json.loads(frame.body) for frame in recorded(f"ev-json-profile-{verb}") if frame.body]
    was = [event.get("Event-Subclass") or event["Event-Name"] for event in recorded_json]
    if verb == "start":
        lab.stop_profile("external")
    wire = await Wire.open(lab.port)
    await wire.reply(f"event plain RELOADXML UNPUBLISH CUSTOM {' '.join(wanted[1:4])}")
    await wire.api(f"sofia profile external {verb}")
    expected = [name for name in was if name in wanted]
    await wire.until(lambda: len(wire.events()) >= len(expected))
    assert [seen.subclass or seen.name for seen in wire.events()] == expected
