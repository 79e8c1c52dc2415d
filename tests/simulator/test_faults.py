"""Every fault does what its name says, as a client sees it, and ends with `recover`."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from exporter.clock import Clock
from exporter.simulator import FarEnd, SimulatedSwitch
from tests.simulator.wire import Wire, recorded


@pytest.fixture
async def switch(clock: Clock) -> AsyncIterator[SimulatedSwitch]:
    async with SimulatedSwitch(clock=clock, tick=0.02, heartbeat=600) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        yield switch


async def listening(switch: SimulatedSwitch) -> Wire:
    wire = await Wire.open(switch.port)
    await wire.reply("event plain HEARTBEAT SHUTDOWN CHANNEL_CREATE CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY")
    return wire


async def test_a_port_that_refuses_and_accepts_again(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    await switch.refuse_connections()
    await wire.until(lambda: wire.closed)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", switch.port)
    await switch.accept_connections()
    assert (await (await Wire.open(switch.port)).api("status")).startswith("UP ")


async def test_a_filtered_port_lets_a_connect_hang(switch: SimulatedSwitch) -> None:
    await switch.filter_port()
    loop = asyncio.get_running_loop()
    with socket.socket() as connecting:
        connecting.setblocking(False)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await loop.sock_connect(connecting, ("127.0.0.1", switch.port))
    await switch.accept_connections()
    assert (await (await Wire.open(switch.port)).api("status")).startswith("UP ")


@pytest.mark.parametrize(("fault", "banner"), [("speak_ssh", b"SSH-2.0-"), ("speak_http", b"HTTP/1.1 400")])
async def test_another_service_on_the_port(switch: SimulatedSwitch, fault: str, banner: bytes) -> None:
    getattr(switch, fault)()
    wire = await Wire.open(switch.port, password=None)
    await wire.until(lambda: wire.received.startswith(banner))
    switch.recover()
    await wire.until(lambda: wire.closed)
    assert (await (await Wire.open(switch.port)).api("status")).startswith("UP ")


async def test_a_changed_password_resets_clients_and_refuses_the_old_one(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    switch.change_password("new")
    await wire.until(lambda: wire.closed)
    old = await Wire.open(switch.port)
    await old.until(lambda: old.closed)
    assert b"-ERR invalid" in old.received
    assert (await (await Wire.open(switch.port, "new")).api("status")).startswith("UP ")


async def test_an_acl_refuses_newcomers(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    switch.deny_by_acl(drop=False)
    refused = await Wire.open(switch.port, password=None)
    await refused.until(lambda: refused.closed)
    assert refused.frames[0].kind == "text/rude-rejection"
    assert (await wire.api("status")).startswith("UP ")


async def test_a_hung_switch_accepts_and_sends_nothing_until_it_recovers(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    switch.hang()
    late = await Wire.open(switch.port, password=None)
    wire.send("api status\n\n")
    switch.beat()
    with pytest.raises(TimeoutError):
        await wire.frame("api/response", 0.2)
    assert late.received == b""
    assert wire.events() == []
    switch.recover()
    await wire.frame("api/response")
    await wire.event(lambda seen: seen.name == "HEARTBEAT")
    await late.frame("auth/request")


async def test_hung_commands_leave_other_clients_their_events(switch: SimulatedSwitch) -> None:
    asking, listening_ = await Wire.open(switch.port), await listening(switch)
    switch.hang_commands()
    asking.send("api status\n\n")
    switch.beat()
    await listening_.event(lambda seen: seen.name == "HEARTBEAT")
    with pytest.raises(TimeoutError):
        await asking.frame("api/response", 0.2)
    switch.recover()
    await asking.frame("api/response")


async def test_stalled_events_leave_commands_answered(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    switch.stall_events()
    switch.beat()
    assert (await wire.api("status")).startswith("UP ")
    assert wire.events() == []
    switch.recover()
    await wire.event(lambda seen: seen.name == "HEARTBEAT")


async def test_delayed_replies_come_late_and_in_order(switch: SimulatedSwitch, clock: Clock) -> None:
    wire = await Wire.open(switch.port)
    switch.delay_replies(0.15)
    began = clock.monotonic()
    wire.send("api version short\n\napi hostname\n\n")
    await wire.until(lambda: len([f for f in wire.frames if f.kind == "api/response"]) == 2)
    assert clock.monotonic() - began == pytest.approx(0.3)
    assert [f.body for f in wire.frames if f.kind == "api/response"] == [b"1.11.2-release\n", b"vm"]


async def test_a_delay_may_be_of_some_commands_only(switch: SimulatedSwitch, clock: Clock) -> None:
    wire = await Wire.open(switch.port)
    switch.delay_replies(2.0, "api show")
    switch.delay_replies(0.5, "api show calls")
    for command, delay in (("version", 0.0), ("show channels count", 2.0), ("show calls count", 0.5)):
        began = clock.monotonic()
        await wire.api(command)
        assert clock.monotonic() - began == pytest.approx(delay, abs=0.01)
    switch.recover()
    began = clock.monotonic()
    await wire.api("show channels count")
    assert clock.monotonic() - began < 0.1


async def test_lost_events_are_lost_for_good(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    switch.lose_events(["HEARTBEAT"])
    switch.beat()
    switch.recover()
    switch.beat()
    await wire.event(lambda seen: seen.name == "HEARTBEAT")
    await wire.api("status")
    assert len(wire.events()) == 1


async def test_a_leg_may_end_without_an_event(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    switch.leave_ends_unsent()
    for _ in range(2):
        leg = switch.calls.outbound("telnyx", "+1", FarEnd(answer=0), caller="+2", seconds=0.02)
        assert not isinstance(leg, str)
        await leg.hung_up.wait()
    await wire.api("status")
    names = [seen.name for seen in wire.events()]
    assert names.count("CHANNEL_CREATE") == 2
    assert names.count("CHANNEL_HANGUP_COMPLETE") == names.count("CHANNEL_DESTROY") == 1


async def test_connections_can_break_in_the_middle_of_a_frame(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    switch.drop_connections()
    await wire.until(lambda: wire.closed)
    assert wire.received.endswith(b"Event-Name: HEARTB")
    assert (await (await Wire.open(switch.port)).api("status")).startswith("UP ")


async def test_garbage_and_oversized_frames_reach_every_client(switch: SimulatedSwitch) -> None:
    wire, other = await listening(switch), await listening(switch)
    switch.send_oversized()
    await wire.until(lambda: b"Content-Length: 1000000000000\n" in wire.received)
    await other.until(lambda: b"Content-Length: 1000000000000\n" in other.received)
    fresh = await listening(switch)
    switch.send_garbage()
    await fresh.until(lambda: b"\x00\xff\xfe garbage" in fresh.received)


async def test_shutdown_ends_calls_and_clients_as_recorded_and_then_refuses(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    leg = switch.calls.inbound("telnyx", caller="+2", called="+1", seconds=60)
    assert leg is not None
    assert await wire.api("fsctl shutdown") == "+OK"
    await wire.until(lambda: wire.closed)
    assert leg.cause == "SYSTEM_SHUTDOWN"
    assert wire.events()[-1].name in ("CHANNEL_DESTROY", "SHUTDOWN")
    assert wire.frames[-1].raw == recorded("api-fsctl-shutdown")[-1].raw
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", switch.port)


async def test_a_restart_is_another_process(switch: SimulatedSwitch) -> None:
    wire = await listening(switch)
    before = switch.identity.core_uuid
    leg = switch.calls.inbound("telnyx", caller="+2", called="+1", seconds=60)
    assert leg is not None
    await wire.event(lambda seen: seen.name == "CHANNEL_CREATE")
    await switch.restart()
    await wire.until(lambda: wire.closed)
    assert "CHANNEL_DESTROY" not in [seen.name for seen in wire.events()]
    fresh = await Wire.open(switch.port)
    assert await fresh.api("global_getvar core_uuid") == switch.identity.core_uuid != before
    assert await fresh.api("show channels count") == "\n0 total.\n"
    assert "0 session(s) since startup" in await fresh.api("status")
    gateway = await switch.gateway_reaches("telnyx", "REGED")
    assert (gateway.calls_in, gateway.calls_out) == (0, 0)


async def test_a_skewed_clock_shows_in_every_stamp(switch: SimulatedSwitch, clock: Clock) -> None:
    wire = await listening(switch)
    switch.skew_clock(-120)
    switch.beat()
    beat = await wire.event(lambda seen: seen.name == "HEARTBEAT")
    assert abs(int(beat.get("Event-Date-Timestamp")) / 1e6 + 120 - clock.epoch()) < 1
    assert abs(int(await wire.api("strepoch")) + 120 - clock.epoch()) < 2


async def test_a_scripted_reply_replaces_the_real_one(switch: SimulatedSwitch) -> None:
    wire = await Wire.open(switch.port)
    switch.scripted_replies["status"] = "-ERR no reply\n"
    assert await wire.api("status") == "-ERR no reply\n"
