"""The registration machine: the sequences of states and events that were recorded, and the counters."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from exporter.clock import Clock
from exporter.simulator import FarEnd, GatewayConfig, SimulatedSwitch
from tests.simulator.wire import Seen, Wire, recorded_events

TELNYX = GatewayConfig(
    "telnyx", from_domain="telnyx.lab", expire_seconds=600, retry_seconds=5, ping=10, timeout_seconds=60
)
STATE = "sofia::gateway_state"


@asynccontextmanager
async def watched(
    clock: Clock, *gateways: GatewayConfig, tick: float = 0.02
) -> AsyncIterator[tuple[SimulatedSwitch, Wire]]:
    async with SimulatedSwitch(gateways, clock=clock, tick=tick, heartbeat=600) as switch:
        wire = await Wire.open(switch.port)
        await wire.reply("event plain CUSTOM sofia::gateway_state sofia::gateway_add sofia::gateway_delete")
        yield switch, wire


def outline(events: list[Seen]) -> list[tuple[str, ...]]:
    """What the events say, without gateway and time."""
    return [
        (
            seen.subclass.removeprefix("sofia::gateway_"),
            seen.get("State"),
            seen.get("Ping-Status"),
            seen.get("Status"),
            seen.get("Phrase"),
        )
        for seen in events
    ]


async def test_a_provider_that_goes_and_comes_back_fires_what_was_recorded(clock: Clock) -> None:
    was = [seen for seen in recorded_events("ev-plain-gateway-down-up") if seen.get("Gateway") == "telnyx"]
    async with watched(clock, TELNYX) as (switch, wire):
        await switch.gateway_reaches("telnyx", "REGED")
        await switch.until(lambda: switch.gateway("telnyx").ping_count == 1)
        seen_before = len(wire.events())
        switch.provider("telnyx").refuses_port()
        await wire.until(lambda: len(wire.events()) >= seen_before + 10)
        switch.provider("telnyx").accepts()
        await switch.gateway_reaches("telnyx", "REGED")
        await wire.event(lambda seen: seen.get("State") == "REGED" and seen in wire.events()[seen_before:])
        now = wire.events()[seen_before:]
    # The recording has a refresh that failed while FAIL_WAIT stood; then both repeat the same cycle.
    assert outline(now[:2]) == outline(was[:2])
    cycle = outline(was[4:8])
    assert cycle[0][1] == "UNREGED"
    assert outline(now[2:6]) == cycle
    assert outline(now[-3:]) == outline(was[-3:])
    assert [seen.names for seen in now[:2]] == [seen.names for seen in was[:2]]
    assert [seen.names for seen in now[-3:]] == [seen.names for seen in was[-3:]]


async def test_a_rejected_registration_is_up_with_its_code_and_waits_longer_each_time(
    clock: Clock,
) -> None:
    async with watched(clock, TELNYX) as (switch, wire):
        await switch.gateway_reaches("telnyx", "REGED")
        switch.provider("telnyx").rejects(403, "Forbidden")
        switch.gateway("telnyx").ask_register()
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        await wire.event(lambda seen: seen.get("State") == "FAIL_WAIT")
        tail = outline(wire.events())[-3:]
        assert tail == [
            ("state", "TRYING", "UP", "", ""),
            ("state", "FAILED", "UP", "403", "Forbidden"),
            ("state", "FAIL_WAIT", "DOWN", "", ""),
        ]
        assert switch.gateway("telnyx").retry_seconds in (4, 5)
        await switch.gateway_reaches("telnyx", "UNREGED")
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        assert switch.gateway("telnyx").retry_seconds in (8, 9, 10)


async def test_a_repeated_challenge_is_904_and_its_retry_reports_cached_credentials(
    clock: Clock,
) -> None:
    async with watched(clock, TELNYX) as (switch, wire):
        await switch.gateway_reaches("telnyx", "REGED")
        switch.provider("telnyx").repeats_challenge()
        switch.gateway("telnyx").ask_register()
        await wire.event(lambda seen: seen.get("Status") == "904")
        await wire.event(lambda seen: seen.get("Status") == "100")
        cached = await wire.event(lambda seen: seen.get("Status") == "100")
        assert (cached.get("State"), cached.get("Ping-Status")) == ("TRYING", "DOWN")


@pytest.mark.parametrize(("limit", "expected"), [(60, ("FAILED", "408")), (8, ("TIMEOUT", ""))])
async def test_silence_is_408_or_a_timeout_without_a_code(
    clock: Clock, limit: int, expected: tuple[str, str]
) -> None:
    config = GatewayConfig("black", timeout_seconds=limit, retry_seconds=10)
    async with watched(clock, config, tick=0.01) as (switch, wire):
        switch.provider("black").falls_silent()
        switch.gateway("black").ask_register()
        seen = await wire.event(lambda seen: seen.get("State") in ("FAILED", "TIMEOUT"))
        assert (seen.get("State"), seen.get("Status")) == expected
        # Unlike a rejection, a timeout does not lengthen the wait.
        await switch.gateway_reaches("black", "FAIL_WAIT")
        assert switch.gateway("black").retry_seconds in (9, 10)


async def test_a_healthy_gateway_bounces_at_each_refresh(clock: Clock) -> None:
    config = GatewayConfig("telnyx", expire_seconds=10)
    async with watched(clock, config) as (switch, wire):
        await wire.until(lambda: [seen.get("State") for seen in wire.events()].count("REGED") >= 3)
        states = [seen.get("State") for seen in wire.events()]
        assert "REGISTER" in states
        assert set(states) <= {"TRYING", "REGISTER", "REGED"}
        assert switch.gateway("telnyx").up


async def test_an_unanswered_ping_of_a_registered_gateway_fails_it_at_once(clock: Clock) -> None:
    async with watched(clock, TELNYX, tick=0.01) as (switch, wire):
        await switch.until(lambda: switch.gateway("telnyx").ping_count == 1)
        switch.provider("telnyx").ignores_pings()
        await switch.until(lambda: switch.gateway("telnyx").pinging)
        assert (await wire.api("sofia status gateway telnyx")).count("UP (ping)") == 1
        assert "<pinging>1</pinging>" in await wire.api("sofia xmlstatus gateway telnyx")
        failed = await wire.event(lambda seen: seen.get("State") == "FAILED")
        assert (failed.get("Ping-Status"), failed.get("Status")) == ("DOWN", "408")
        switch.provider("telnyx").accepts()
        await switch.until(lambda: switch.gateway("telnyx").ping_count == 1)
        assert switch.gateway("telnyx").ping_milliseconds > 0


async def test_a_gateway_without_registration_flips_with_its_pings_only(clock: Clock) -> None:
    config = GatewayConfig("backup", register=False, ping=10)
    async with watched(clock, config) as (switch, wire):
        assert switch.gateway("backup").up
        await switch.until(lambda: switch.gateway("backup").ping_count == 1)
        switch.provider("backup").answers_pings(503, "Service Unavailable")
        await wire.event(lambda seen: seen.get("Ping-Status") == "DOWN")
        switch.provider("backup").answers_pings(404, "Not Found")  # alive, as FreeSWITCH sees it
        await wire.event(lambda seen: seen.get("Ping-Status") == "UP")
        assert outline(wire.events()) == [
            ("state", "NOREG", "DOWN", "503", "Service Unavailable"),
            ("state", "NOREG", "UP", "404", "Not Found"),
        ]


async def test_killing_and_rescanning_a_gateway_fires_what_was_recorded(clock: Clock) -> None:
    was = [seen for seen in recorded_events("ev-plain-gateway-add-delete") if seen.get("Gateway") == "telnyx"]
    async with watched(clock, TELNYX) as (switch, wire):
        await switch.gateway_reaches("telnyx", "REGED")
        await switch.until(lambda: wire.events()[-1:] != [] and wire.events()[-1].get("State") == "REGED")
        before = len(wire.events())
        await wire.api("sofia profile external killgw telnyx")
        assert await wire.api("sofia status gateway telnyx") == "Invalid Gateway!\n"
        await wire.event(lambda seen: seen.subclass == "sofia::gateway_delete")
        await wire.api("sofia profile external rescan")
        await switch.gateway_reaches("telnyx", "REGED")
        await wire.until(lambda: wire.events()[-1].get("State") == "REGED")
        now = wire.events()[before:]
    assert outline(now) == outline(was)
    assert [seen.names for seen in now] == [seen.names for seen in was]


async def test_a_profile_restart_takes_the_gateways_away_and_brings_new_ones(clock: Clock) -> None:
    backup = GatewayConfig("backup", register=False)
    async with watched(clock, backup, TELNYX) as (switch, wire):
        await switch.gateway_reaches("telnyx", "REGED")
        switch.gateway("backup").calls_out = 7
        await wire.reply("event plain PUBLISH UNPUBLISH CUSTOM sofia::profile_start")
        before = len(wire.events())
        await wire.api("sofia profile external restart")
        await switch.until(lambda: switch.sofia.find("telnyx") is None)
        assert await wire.api("sofia xmlstatus gateway") == (
            '<?xml version="1.0" encoding="ISO-8859-1"?>\n<gateways>\n</gateways>\n'
        )
        assert "external" not in await wire.api("sofia status")
        await switch.gateway_reaches("telnyx", "REGED")
        assert switch.gateway("backup").calls_out == 0
        names = [seen.subclass or seen.name for seen in wire.events()[before:]]
    assert names[:9] == [
        *("sofia::gateway_delete", STATE, "sofia::gateway_delete", "UNPUBLISH"),
        *("sofia::profile_start", "PUBLISH", "sofia::gateway_add", "sofia::gateway_add", STATE),
    ]


async def test_an_unregistered_gateway_goes_down_and_comes_back_on_register(clock: Clock) -> None:
    async with watched(clock, TELNYX) as (switch, wire):
        await switch.gateway_reaches("telnyx", "REGED")
        await wire.api("sofia profile external unregister telnyx")
        await wire.event(lambda seen: seen.get("State") == "DOWN")
        assert not switch.gateway("telnyx").up
        await wire.api("sofia profile external register telnyx")
        await switch.gateway_reaches("telnyx", "REGED")


async def test_counters_move_as_freeswitch_s_do(clock: Clock) -> None:
    async with watched(clock, TELNYX) as (switch, _wire):
        await switch.gateway_reaches("telnyx", "REGED")
        gateway = switch.gateway("telnyx")
        answered = switch.calls.outbound("telnyx", "+1", FarEnd(answer=0.0), caller="+2", seconds=0.02)
        assert not isinstance(answered, str)
        await answered.hung_up.wait()
        busy = FarEnd(refuse=0.0, status=486, phrase="Busy Here")
        refused = switch.calls.outbound("telnyx", "+1", busy, caller="+2", seconds=0)
        assert not isinstance(refused, str)
        await refused.hung_up.wait()
        assert (gateway.calls_out, gateway.failed_calls_out) == (2, 1)
        came = switch.calls.inbound("telnyx", caller="+2", called="+1", seconds=0.02)
        assert came is not None
        await came.hung_up.wait()
        stray = switch.calls.inbound("telnyx", caller="+2", called="+1", seconds=0.02, to_contact=False)
        assert stray is not None
        assert stray.get("sip_gateway") is None
        await stray.hung_up.wait()
        assert (gateway.calls_in, gateway.failed_calls_in) == (1, 0)
        switch.provider("telnyx").rejects()
        gateway.ask_register()
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        down = switch.calls.outbound("telnyx", "+1", FarEnd(answer=0.0), caller="+2", seconds=0)
        assert down == "GATEWAY_DOWN"
        assert (gateway.calls_out, gateway.failed_calls_out) == (2, 2)


async def test_two_profiles_may_have_a_gateway_of_one_name(clock: Clock) -> None:
    inner = GatewayConfig("telnyx", profile="internal", retry_seconds=5)
    async with watched(clock, TELNYX, inner) as (switch, wire):
        switch.provider("internal::telnyx").rejects(403, "Forbidden")
        switch.gateway("internal::telnyx").ask_register()
        await switch.gateway_reaches("internal::telnyx", "FAIL_WAIT")
        await switch.gateway_reaches("external::telnyx", "REGED")
        assert switch.gateway("telnyx") is switch.gateway("external::telnyx")
        assert "<state>FAIL_WAIT</state>" in await wire.api("sofia xmlstatus gateway internal::telnyx")
        assert "<state>REGED</state>" in await wire.api("sofia xmlstatus gateway external::telnyx")
        switch.remove_gateway("internal::telnyx")
        await switch.until(lambda: [gateway.profile for gateway in switch.listed_gateways()] == ["external"])
        await switch.restart()
        assert [gateway.profile for gateway in switch.listed_gateways()] == ["external"]
