"""The wire: authentication, replies, subscriptions, and the rules of mod_event_socket (facts.md 1)."""

from collections.abc import AsyncIterator

import pytest

from exporter.clock import Clock
from exporter.simulator import SimulatedSwitch, User
from tests.simulator.wire import CAPTURES, Wire

LIMITED = User(
    "secret",
    api="status,sofia",
    events="HEARTBEAT BACKGROUND_JOB CUSTOM sofia::gateway_state",
    log="false",
)


@pytest.fixture
async def switch(clock: Clock) -> AsyncIterator[SimulatedSwitch]:
    async with SimulatedSwitch(clock=clock, tick=0.05, heartbeat=60, users={"watch": LIMITED}) as switch:
        yield switch


def bytes_of(capture: str) -> bytes:
    return (CAPTURES / f"{capture}.txt").read_bytes()


@pytest.mark.parametrize(
    ("sent", "capture"),
    [
        (["auth ClueCon", "exit"], "auth-ok"),
        (["auth wrong"], "auth-fail"),
        (["userauth watch@lab.local:wrong"], "userauth-fail"),
    ],
)
async def test_a_conversation_reads_as_recorded(
    switch: SimulatedSwitch, sent: list[str], capture: str
) -> None:
    wire = await Wire.open(switch.port, password=None)
    for line in sent:
        wire.send(line + "\n\n")
    await wire.until(lambda: wire.closed)
    assert wire.received == bytes_of(capture)


async def test_a_command_before_authentication_is_unknown_and_auth_may_still_follow(
    switch: SimulatedSwitch,
) -> None:
    wire = await Wire.open(switch.port, password=None)
    assert await wire.reply("api status") == "-ERR command not found"
    assert wire.received == bytes_of("auth-command-before-auth").rstrip(b"\n") + b"\n\n"
    assert await wire.reply("auth ClueCon") == "+OK accepted"


async def test_the_miscellaneous_commands_reply_as_recorded(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    before = len(wire.received)
    for line in ("event plain HEARTBEAT", "noevents", "nixevent HEARTBEAT", "filter Event-Name HEARTBEAT"):
        await wire.reply(line)
    wire.send("exit\n\n")
    await wire.until(lambda: wire.closed)
    assert wire.received[before:] == bytes_of("cmd-misc")


async def test_an_acl_refusal_reads_as_recorded(switch: SimulatedSwitch) -> None:
    switch.deny_by_acl()
    wire = await Wire.open(switch.port, password=None)
    await wire.until(lambda: wire.closed)
    assert wire.received == bytes_of("rude-rejection")


async def test_a_reply_to_api_without_a_command_is_a_command_reply(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    assert await wire.reply("api") == "-ERR command not found"
    assert await wire.reply("apistatus") == "-ERR command not found"


async def test_custom_takes_the_names_behind_it_as_subclasses(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    assert await wire.reply("event plain CUSTOM exporter::tick HEARTBEAT") == (
        "+OK event listener enabled plain"
    )
    switch.beat()
    await wire.reply("sendevent CUSTOM\nEvent-Subclass: exporter::tick\nTick: 1")
    await wire.event(lambda seen: seen.subclass == "exporter::tick")
    assert [seen.name for seen in wire.events()] == ["CUSTOM"]
    assert await wire.reply("event plain HEARTBEAT") == "+OK event listener enabled plain"
    switch.beat()
    await wire.event(lambda seen: seen.name == "HEARTBEAT")


async def test_unknown_names_are_ignored_unless_none_is_known(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    assert await wire.reply("event plain NOSUCH") == "-ERR no keywords supplied"
    assert await wire.reply("event plain NOSUCH HEARTBEAT") == "+OK event listener enabled plain"


async def test_sendevent_reaches_every_subscriber_with_the_headers_given(switch: SimulatedSwitch) -> None:
    sender, listener = await Wire.open(switch.port), await Wire.open(switch.port)
    await listener.reply("event plain CUSTOM exporter::tick")
    reply = await sender.reply("sendevent CUSTOM\nEvent-Subclass: exporter::tick\nInstance: a b\nNumber: 7")
    assert reply.startswith("+OK ")
    seen = await listener.event(lambda seen: seen.subclass == "exporter::tick")
    assert (seen.name, seen.get("Instance"), seen.get("Number")) == ("CUSTOM", "a b", "7")
    assert seen.get("Event-UUID") == reply.removeprefix("+OK ")
    assert abs(int(seen.get("Event-Date-Timestamp")) / 1e6 - switch.clock.now()) < 1
    assert await sender.reply("sendevent NOSUCH") != ""


async def test_a_job_keeps_the_uuid_its_client_chose_and_all_subscribers_see_it(
    switch: SimulatedSwitch,
) -> None:
    sender, listener = await Wire.open(switch.port), await Wire.open(switch.port)
    await listener.reply("event plain BACKGROUND_JOB")
    assert await sender.reply("bgapi version short\nJob-UUID: mine") == "+OK Job-UUID: mine"
    seen = await listener.event(lambda seen: seen.name == "BACKGROUND_JOB")
    assert (seen.get("Job-UUID"), seen.get("Job-Command"), seen.get("Job-Command-Arg")) == (
        "mine",
        "version",
        "short",
    )
    assert seen.body == "1.11.2-release\n"


async def test_an_api_command_holds_back_that_client_s_events_only(switch: SimulatedSwitch) -> None:
    busy, free = await Wire.open(switch.port), await Wire.open(switch.port)
    for wire in (busy, free):
        await wire.reply("event plain HEARTBEAT")
    busy.send("api msleep 400\n\n")
    await switch.until(lambda: "api msleep 400" in switch.commands_seen)
    switch.beat()
    await free.event(lambda seen: seen.name == "HEARTBEAT")
    assert busy.events() == []
    await busy.event(lambda seen: seen.name == "HEARTBEAT")
    assert [frame.kind for frame in busy.frames[-2:]] == ["api/response", "text/event-plain"]


async def test_half_a_command_holds_back_events(switch: SimulatedSwitch) -> None:
    half, complete = await Wire.open(switch.port), await Wire.open(switch.port)
    for wire in (half, complete):
        await wire.reply("event plain HEARTBEAT")
    half.send("api stat")
    await switch.until(lambda: any(client.mid_command for client in switch.clients))
    switch.beat()
    await complete.event(lambda seen: seen.name == "HEARTBEAT")
    assert half.events() == []
    half.send("us\n\n")
    await half.event(lambda seen: seen.name == "HEARTBEAT")


async def test_filters_drop_what_lacks_their_header(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    await wire.reply("event plain ALL")
    await wire.reply("filter Number 7")
    for number in ("6", "7"):
        await wire.reply(f"sendevent CUSTOM\nEvent-Subclass: a::b\nNumber: {number}")
    switch.beat()
    await wire.event(lambda seen: seen.get("Number") == "7")
    assert len(wire.events()) == 1
    assert await wire.reply("filter delete all") == "+OK filter deleted. [all]=[]"
    switch.beat()
    await wire.event(lambda seen: seen.name == "HEARTBEAT")


async def test_a_limited_user_gets_its_limits_and_is_held_to_them(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port, password=None)
    await wire.frame("auth/request")
    assert await wire.reply("userauth watch@lab.local:secret") == "+OK accepted"
    assert wire.frames[-1].header("Allowed-API") == "status,sofia"
    assert (await wire.api("status")).startswith("UP ")
    denied = "-ERR permission denied"
    assert await wire.reply("api version") == denied
    assert await wire.reply("bgapi originate x") == denied
    assert await wire.reply("log info") == denied
    assert await wire.reply("event plain HEARTBEAT CHANNEL_CREATE") == denied
    assert await wire.reply("event plain CUSTOM exporter::tick") == denied
    assert await wire.reply("event plain HEARTBEAT CUSTOM sofia::gateway_state") == (
        "+OK event listener enabled plain"
    )
    assert (await wire.reply("sendevent CUSTOM\nEvent-Subclass: x")).startswith("+OK")  # never checked


async def test_long_allow_lists_lose_the_blank_line_of_the_reply(clock: Clock) -> None:
    chatty = User("secret", api=",".join(["version", *(f"command{n}" for n in range(60))]))
    async with SimulatedSwitch(clock=clock, users={"watch": chatty}) as switch:
        wire = await Wire.open(switch.port, password=None)
        await wire.frame("auth/request")
        wire.send("userauth watch@lab.local:secret\n\n")
        await wire.until(lambda: b"Allowed-API" in wire.received)
        assert not wire.received.endswith(b"\n\n")
        # So the next frame continues it (tried.md 1).
        wire.send("api version short\n\n")
        await wire.until(lambda: b"1.11.2-release" in wire.received)
        assert b"command4" in wire.received
        assert wire.frames[-1].header("Reply-Text") == "+OK accepted"


async def test_log_lines_come_with_their_place_in_the_source(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    assert await wire.reply("log warning") == "+OK log level warning [4]"
    switch.log("info", "x.c", "f", 1, "not seen")
    switch.log(
        "err", "sofia_reg.c", "handler", 2551, "telnyx Failed Registration with status Forbidden [403]"
    )
    frame = await wire.frame("log/data")
    assert frame.header("Log-Level") == "3"
    assert frame.header("Log-File") == "sofia_reg.c"
    assert frame.body.endswith(
        b"[ERR] sofia_reg.c:2551 telnyx Failed Registration with status Forbidden [403]\n"
    )
    assert await wire.reply("nolog") == "+OK no longer logging"


async def test_json_and_plain_listeners_get_the_same_event(switch: SimulatedSwitch) -> None:
    plain, as_json = await Wire.open(switch.port), await Wire.open(switch.port)
    await plain.reply("event plain HEARTBEAT")
    await as_json.reply("event json HEARTBEAT")
    switch.beat()
    frame = await as_json.frame("text/event-json")
    assert frame.body.startswith(b'{"Event-Name":"HEARTBEAT","Core-UUID":"')
    seen = await plain.event(lambda seen: seen.name == "HEARTBEAT")
    assert f'"Event-Sequence":"{seen.get("Event-Sequence")}"'.encode() in frame.body


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("event xml ALL", "-ERR xml events are not simulated"),
        ("nixevent NOSUCH", "-ERR no keywords supplied"),
        ("noevents", "-ERR not currently listening for events"),
        ("filter", "-ERR invalid syntax"),
        ("filter delete Number", "+OK filter deleted. [Number]=[]"),
        ("log 7", "+OK log level 7 [7]"),
        ("log nosuch", "-ERR invalid log level nosuch"),
        ("nolog", "-ERR not loging"),
        ("linger", "-ERR not controlling a session"),
        ("nosuch", "-ERR command not found"),
    ],
)
async def test_what_clients_seldom_send_has_its_reply_too(
    switch: SimulatedSwitch, command: str, reply: str
) -> None:
    assert await (await Wire.open(switch.port)).reply(command) == reply


@pytest.mark.parametrize(
    ("wanted", "numbers"),
    [("7", ["7"]), ("/^[67]$/", ["6", "7"]), ("-6", [])],  # negatives alone drop everything
)
async def test_what_a_filter_lets_pass(switch: SimulatedSwitch, wanted: str, numbers: list[str]) -> None:
    wire = await Wire.open(switch.port)
    await wire.reply("event plain CUSTOM a::b")
    await wire.reply(f"filter Number {wanted}")
    for number in ("5", "6", "7"):
        await wire.reply(f"sendevent CUSTOM\nEvent-Subclass: a::b\nNumber: {number}")
    await wire.reply("filter delete Number")
    await wire.reply("sendevent CUSTOM\nEvent-Subclass: a::b\nNumber: 8")
    await wire.event(lambda seen: seen.get("Number") == "8")
    assert [seen.get("Number") for seen in wire.events()] == [*numbers, "8"]


async def test_nixevent_takes_away_a_name_or_one_subclass(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    await wire.reply("event plain HEARTBEAT CUSTOM a::b c::d")
    await wire.reply("nixevent CUSTOM a::b")
    for subclass in ("a::b", "c::d"):
        await wire.reply(f"sendevent CUSTOM\nEvent-Subclass: {subclass}")
    await wire.event(lambda seen: seen.subclass == "c::d")
    assert [seen.subclass for seen in wire.events()] == ["c::d"]
    await wire.reply("event plain ALL")
    await wire.reply("nixevent HEARTBEAT")
    switch.beat()
    await wire.event(lambda seen: seen.name == "RE_SCHEDULE")
    assert "HEARTBEAT" not in [seen.name for seen in wire.events()]


async def test_a_user_may_also_write_the_password_before_the_domain(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port, password=None)
    await wire.frame("auth/request")
    assert await wire.reply("userauth watch:secret@lab.local") == "+OK accepted"
    other = await Wire.open(switch.port, password=None)
    await other.frame("auth/request")
    assert await other.reply("userauth nonsense") == "-ERR invalid"


async def test_exit_is_possible_before_authentication(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port, password=None)
    wire.send("exit\n\n")
    await wire.until(lambda: wire.closed)
    assert b"+OK bye" in wire.received


async def test_a_body_is_part_of_its_command_and_of_its_event(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    await wire.reply("event plain CUSTOM a::b")
    wire.send("sendevent CUSTOM\nEvent-Subclass: a::b\nContent-Length: 5\n\nhel")
    await switch.until(lambda: any(client.mid_command for client in switch.clients))
    wire.send("lo")
    seen = await wire.event(lambda seen: seen.subclass == "a::b")
    assert seen.body == "hello"
