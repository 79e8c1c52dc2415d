"""The life of a node: good days and every bad one, against a switch on a real socket."""

import asyncio
import gc
import socket
from pathlib import Path

import pytest

from exporter.clock import Clock
from exporter.config import GatewayConfig
from exporter.esl import Connection
from exporter.executors import Executor
from exporter.simulator import FarEnd, Leg, SimulatedSwitch, User
from exporter.switch.events import EVENTS_UNREADABLE, TICK
from exporter.watch import commands, connections, event_flow, gateway, lifecycle, poller, verdict
from exporter.watch.registration_memory import RegistrationMemory
from tests.watch.watching import watching

GAUGES = ("freeswitch_gateway_state", "freeswitch_calls_active", "freeswitch_current_sessions")


@pytest.fixture(autouse=True)
def _brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same life with shorter times: what is seconds in service is tenths here."""
    monkeypatch.setattr(poller, "TICK_INTERVAL", 0.1)
    monkeypatch.setattr(poller, "TICK_OVERDUE", 0.6)
    monkeypatch.setattr(event_flow, "TICK_OVERDUE", 0.6)
    monkeypatch.setattr(commands, "VITAL_DEADLINE", 1.0)
    monkeypatch.setattr(poller, "SPACING", 0.1)
    monkeypatch.setattr(connections, "CONNECT_TIMEOUT", 1.0)
    monkeypatch.setattr(lifecycle, "FIRST_RETRY", 0.1)
    monkeypatch.setattr(lifecycle, "LAST_RETRY", 0.3)


async def call(switch: SimulatedSwitch, number: str) -> None:
    """One call through telnyx, to its end."""
    leg = dial(switch, number, switch.far_ends[number], seconds=1)
    await leg.hung_up.wait()


def dial(switch: SimulatedSwitch, number: str, far_end: FarEnd, seconds: float) -> Leg:
    """A call through telnyx, which FreeSWITCH does not refuse."""
    leg = switch.calls.outbound("telnyx", number, far_end, caller="+15551230000", seconds=seconds)
    assert isinstance(leg, Leg), leg
    return leg


async def registered(switch: SimulatedSwitch) -> SimulatedSwitch:
    await switch.gateway_reaches("telnyx", "REGED")
    return switch


async def test_a_healthy_switch_is_watched_in_all_its_parts() -> None:
    async with SimulatedSwitch(tick=0.05, heartbeat=0.3) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            assert await watch.value("freeswitch_up") == 1
            assert await watch.word("freeswitch_connection_problem", "problem") == "none"
            assert await watch.word("freeswitch_gateway_state", "state", gateway="telnyx") == "REGED"
            assert await watch.word("freeswitch_gateway_problem", "problem", gateway="telnyx") == "none"
            assert await watch.value("freeswitch_gateway_usable", gateway="telnyx") == 1
            assert await watch.value("freeswitch_max_sessions") == 1000
            assert await watch.value("freeswitch_max_sps") == 30
            assert await watch.value("freeswitch_sofia_profile_up", profile="external") == 1
            assert await watch.value("freeswitch_paused", direction="outbound") == 0
            assert await watch.value("freeswitch_time_synced") == 1
            await watch.until_value("freeswitch_current_channels", 0)
            await watch.until(lambda node: node.dispatcher.counts["HEARTBEAT"] >= 2)
            assert (await watch.value("freeswitch_events_total", event="HEARTBEAT") or 0) >= 2
            assert (await watch.value("freeswitch_event_round_trip_seconds") or 9) < 1


async def test_calls_are_counted_as_they_come_and_go() -> None:
    async with SimulatedSwitch(tick=0.05, speed=10) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            for number in ("+15550000002", "+15550000004", "+15550000021"):
                await call(switch, number)
            talking = dial(switch, "+15550000099", FarEnd(ring=0.1, answer=0.3), seconds=60)
            await watch.until_value("freeswitch_calls_answered_total", 1, gateway="telnyx")
            assert await watch.value("freeswitch_calls_active", gateway="telnyx", direction="outbound") == 1
            hangups = (await watch.samples())["freeswitch_call_hangups_total"]
            assert {dict(key)["cause"]: value for key, value in hangups.items()} == {
                "USER_BUSY": 1,
                "UNALLOCATED_NUMBER": 1,
                "CALL_REJECTED": 1,
            }
            assert await watch.value("freeswitch_call_provider_rejections_total", code="D1") == 1
            assert await watch.value("freeswitch_call_provider_rejections_total", code="D19") == 0
            switch.kill(talking, "NORMAL_CLEARING")
            await watch.until_value("freeswitch_calls_active", 0, gateway="telnyx", direction="outbound")
            assert await watch.value("freeswitch_calls_started_total", gateway="telnyx") == 4


async def test_calls_that_were_up_before_are_learned_and_leave_nothing_behind() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await registered(switch)
        leg = dial(switch, "+15550000099", FarEnd(ring=0.01, answer=0.02), seconds=600)
        await switch.until(lambda: bool(leg.times["answered"]))
        async with watching(switch) as watch:
            await watch.until_value("freeswitch_calls_learned_total", 1, gateway="telnyx")
            assert await watch.value("freeswitch_calls_active", gateway="telnyx") == 1
            assert await watch.value("freeswitch_calls_started_total", gateway="telnyx") == 0
            switch.drop_connections()
            await watch.until_value("freeswitch_calls_lost_total", 1, gateway="telnyx")
            await watch.until_value("freeswitch_calls_learned_total", 2, gateway="telnyx")
            switch.kill(leg, "NORMAL_CLEARING")
            await watch.until_value("freeswitch_calls_active", 0, gateway="telnyx")


async def test_a_switch_that_dies_and_restarts_with_new_counters() -> None:
    async with SimulatedSwitch(tick=0.05, speed=10) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            await call(switch, "+15550000002")
            await watch.until_value("freeswitch_gateway_failed_calls_total", 1, gateway="telnyx")
            before = watch.node.core_uuid
            switch.kill_process()
            await switch.refuse_connections()
            await watch.until_problem("refused")
            samples = await watch.samples()
            assert samples["freeswitch_up"][()] == 0
            assert not set(GAUGES) & set(samples)
            assert await watch.value("freeswitch_call_hangups_total", gateway="telnyx") == 1
            await switch.accept_connections()
            await switch.restart()
            await watch.until(lambda node: node.connected)
            assert watch.node.core_uuid != before
            await switch.gateway_reaches("telnyx", "REGED")
            await call(switch, "+15550000002")
            await watch.until_value("freeswitch_gateway_failed_calls_total", 2, gateway="telnyx")
            assert await watch.value("freeswitch_call_hangups_total", gateway="telnyx") == 2


@pytest.mark.parametrize(
    ("fault", "problem"),
    [
        ("refuse_connections", "refused"),
        ("speak_ssh", "protocol_error"),
        ("deny_by_acl", "acl_denied"),
        ("hang_commands", "hung"),
        ("stall_events", "events_stalled"),
        ("send_garbage", "protocol_error"),
        ("send_oversized", "protocol_error"),
        ("drop_connections", "shutdown"),
        ("shut_down", "shutdown"),
    ],
)
async def test_each_fault_has_its_own_word_and_ends(fault: str, problem: str) -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            result = getattr(switch, fault)()
            if asyncio.iscoroutine(result):
                await result
            await watch.until(lambda node: problem in node.attempts, seconds=20)
            samples = await watch.samples()
            if not watch.node.connected:
                assert not set(GAUGES) & set(samples)
            assert samples["freeswitch_connection_attempts_total"][(("outcome", problem),)] >= 1
            switch.recover()
            if fault == "refuse_connections":
                await switch.accept_connections()
            if fault != "shut_down":
                await watch.until(lambda node: node.connected)
                assert await watch.word("freeswitch_connection_problem", "problem") == "none"


async def test_events_of_a_freeswitch_that_is_too_old_are_named_as_such() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await registered(switch)
        switch.indent_events()
        async with watching(switch, connected=False) as watch:
            await watch.until_problem("protocol_error")
            assert watch.node.reason.startswith(EVENTS_UNREADABLE)
            assert "1.8 is the oldest" in watch.node.reason
            assert "events_stalled" not in watch.node.attempts
            switch.recover()
            await watch.until(lambda node: node.connected)
            switch.stall_events()
            await watch.until(lambda node: "events_stalled" in node.attempts)


async def test_a_process_that_hangs_is_not_taken_for_a_dead_network() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            switch.hang()
            await watch.until_problem("hung")
            # Its kernel still accepts, then no more: what times out now is the same hanging process.
            await switch.filter_port()
            attempts = watch.node.attempts["hung"]
            await watch.until(lambda node: node.attempts["hung"] > attempts, seconds=30)
            assert watch.node.problem == "hung"
            assert "timeout" not in watch.node.attempts


async def test_a_filtered_port_is_a_timeout() -> None:
    async with SimulatedSwitch() as switch:
        await switch.filter_port()
        async with watching(switch, connected=False) as watch:
            await watch.until_problem("timeout")


async def test_a_host_that_does_not_resolve_is_dns() -> None:
    async with SimulatedSwitch() as switch, watching(switch, host="nosuch.invalid", connected=False) as watch:
        await watch.until_problem("dns")
        assert "nosuch.invalid" in watch.node.reason


async def test_the_password_is_changed_and_changed_back() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            switch.change_password("other")
            await watch.until_problem("auth_rejected")
            assert "ClueCon" not in watch.node.reason
            switch.change_password("ClueCon")
            await watch.until(lambda node: node.connected)


async def test_a_user_who_may_little_costs_only_what_is_denied() -> None:
    user = User(
        "secret",
        api="sofia json",
        events="HEARTBEAT CHANNEL_CREATE CHANNEL_HANGUP_COMPLETE CUSTOM sofia::gateway_state",
    )
    async with SimulatedSwitch(tick=0.05, users={"watch": user}, heartbeat=0.2) as switch:
        await registered(switch)
        async with watching(switch, user="watch@lab.local", password="secret") as watch:
            assert "CHANNEL_ANSWER" in watch.node.denied
            assert f"CUSTOM {TICK.name}" in watch.node.denied
            await watch.until(lambda node: "api show" in node.denied)
            assert await watch.word("freeswitch_gateway_state", "state", gateway="telnyx") == "REGED"
            assert await watch.value("freeswitch_current_channels") is None
            assert await watch.value("freeswitch_event_round_trip_seconds") is None


@pytest.fixture
def _short_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gateway counts as missing after a moment."""
    for module in (gateway, verdict):
        monkeypatch.setattr(module, "ABSENT_GRACE", 0.5)


@pytest.mark.usefixtures("_short_absence")
async def test_a_gateway_is_deleted_and_added_again() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            watched = await watch.value("freeswitch_gateway_watched_seconds_total", gateway="telnyx")
            switch.gateway("telnyx").kill()
            await watch.until_gateway("missing")
            assert await watch.word("freeswitch_gateway_state", "state", gateway="telnyx") == "MISSING"
            assert await watch.value("freeswitch_gateway_up", gateway="telnyx") == 0
            switch.rescan("external")
            await watch.until_gateway("none")
            now = await watch.value("freeswitch_gateway_watched_seconds_total", gateway="telnyx")
            assert watched is not None
            assert now is not None
            assert now > watched


async def test_a_gateway_that_flaps_faster_than_any_scrape_loses_nothing() -> None:
    async with SimulatedSwitch(tick=0.02) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            provider = switch.provider("telnyx")
            for _ in range(3):
                provider.rejects(403, "Forbidden")
                switch.gateway("telnyx").ask_register()
                await switch.gateway_reaches("telnyx", "FAIL_WAIT")
                provider.accepts()
                switch.gateway("telnyx").ask_register()
                await switch.gateway_reaches("telnyx", "REGED")
            await watch.until_gateway("none")
            changes = "freeswitch_gateway_state_changes_total"
            assert await watch.value(changes, gateway="telnyx", state="FAIL_WAIT") == 3
            assert await watch.value(changes, gateway="telnyx", state="REGED") == 3
            answers = "freeswitch_gateway_registration_responses_total"
            assert await watch.value(answers, gateway="telnyx", code="403") == 3


async def test_rejected_silent_and_unmonitored_gateways_are_distinguished() -> None:
    async with SimulatedSwitch(tick=0.02) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            provider = switch.provider("telnyx")
            provider.rejects(403, "Forbidden")
            switch.gateway("telnyx").ask_register()
            await watch.until_gateway("auth_rejected")
            provider.refuses_port()
            switch.gateway("telnyx").ask_register()
            await watch.until_gateway("unreachable")
            provider.rejects(500, "Server Internal Error")
            switch.gateway("telnyx").ask_register()
            await watch.until_gateway("rejected")


@pytest.mark.usefixtures("_short_absence")
async def test_a_profile_that_stops_takes_its_gateways_and_says_so() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            switch.stop_profile("external")
            await watch.until_gateway("profile_down")
            assert await watch.value("freeswitch_sofia_profile_up", profile="external") == 0
            switch.start_profile("external")
            await watch.until_gateway("none")


async def test_gateways_that_cannot_be_read_are_unknown_not_missing() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            switch.sofia_loaded = False
            await watch.until_gateway("unknown")
            assert await watch.value("freeswitch_up") == 1


async def test_a_fault_of_one_switch_leaves_the_other_node_alone() -> None:
    async with SimulatedSwitch(tick=0.05) as well, SimulatedSwitch(tick=0.05) as ill:
        await registered(well)
        async with watching(well) as watch_well, watching(ill) as watch_ill:
            attempts = dict(watch_well.node.attempts)
            ill.send_garbage()
            ill.hang()
            await watch_ill.until(lambda node: not node.connected)
            assert watch_well.node.connected
            assert watch_well.node.attempts == attempts


async def test_it_watches_over_ipv6_and_by_name() -> None:
    for host in ("::1", "localhost"):
        switch = SimulatedSwitch(tick=0.05)
        await switch.start(host="::1" if host == "::1" else "127.0.0.1")
        try:
            async with watching(switch, host=host) as watch:
                assert watch.node.connected
        finally:
            await switch.stop()


async def test_polls_are_few_whatever_the_events() -> None:
    async with SimulatedSwitch(tick=0.02) as switch:
        await registered(switch)
        async with watching(switch, poll_interval=60) as watch:
            switch.commands_seen.clear()
            provider = switch.provider("telnyx")
            started = asyncio.get_running_loop().time()
            while asyncio.get_running_loop().time() - started < 1.5:
                provider.rejects()
                switch.gateway("telnyx").ask_register()
                await switch.gateway_reaches("telnyx", "FAIL_WAIT")
                provider.accepts()
                switch.gateway("telnyx").ask_register()
                await switch.gateway_reaches("telnyx", "REGED")
            polls = [command for command in switch.commands_seen if "xmlstatus" in command]
            assert 1 <= len(polls) <= 3
            changes = await watch.value("freeswitch_gateway_state_changes_total", state="REGED")
            assert changes is not None
            assert changes >= 3


async def test_events_that_were_lost_are_noticed() -> None:
    async with SimulatedSwitch(tick=0.05, heartbeat=0.2, speed=10) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            await watch.until(lambda node: node.dispatcher.counts["HEARTBEAT"] >= 3)
            switch.lose_events({"CHANNEL_CREATE", "CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"})
            for _ in range(3):
                await call(switch, "+15550000002")
            await watch.until_value("freeswitch_calls_unaccounted_total", 3)


async def test_dials_refused_while_a_gateway_is_down_are_counted() -> None:
    async with SimulatedSwitch(tick=0.02, speed=10) as switch:
        await registered(switch)
        async with watching(switch) as watch:
            switch.provider("telnyx").rejects()
            switch.gateway("telnyx").ask_register()
            await switch.gateway_reaches("telnyx", "FAIL_WAIT")
            for _ in range(4):
                switch.calls.outbound("telnyx", "+15550000001", FarEnd(), caller="+15551230000", seconds=1)
            await watch.until_value("freeswitch_gateway_refused_calls_total", 4, gateway="telnyx")
            assert await watch.value("freeswitch_calls_refused_locally_total") == 4
            assert await watch.value("freeswitch_calls_started_total", gateway="telnyx") == 0


async def test_series_of_a_gateway_take_the_profile_when_it_is_known() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.refuse_connections()
        async with watching(switch, connected=False) as watch:
            await watch.until_problem("refused")
            series = (await watch.samples())["freeswitch_gateway_seconds_total"]
            assert {dict(key)["profile"] for key in series} == {""}
            await switch.accept_connections()
            await watch.until(lambda node: node.connected)
            series = (await watch.samples())["freeswitch_gateway_seconds_total"]
            assert {dict(key)["profile"] for key in series} == {"external"}


async def test_the_connection_ends_when_events_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(poller, "MAX_BACKLOG", -1)
    async with SimulatedSwitch(tick=0.05) as switch, watching(switch) as watch:
        await watch.until(lambda node: node.dropped["behind"] >= 1)
        assert "anew" in watch.node.reason or watch.node.connected


async def test_a_registration_answer_is_remembered_over_a_restart(tmp_path: Path) -> None:
    disk = Executor("disk")

    async def loaded() -> RegistrationMemory:
        memory = RegistrationMemory(tmp_path, clock=Clock(), disk=disk)
        await memory.load()
        return memory

    async with SimulatedSwitch(tick=0.05) as switch:
        switch.provider("telnyx").rejects(403, "Forbidden")
        memory = await loaded()
        async with watching(switch, memory=memory) as watch:
            await watch.until_gateway("auth_rejected")
        await memory.close()
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        async with watching(switch, memory=await loaded()) as watch:
            assert watch.node.gateways.named("telnyx")[0].problem == "auth_rejected"
        async with watching(switch) as watch:
            assert watch.node.gateways.named("telnyx")[0].problem in ("register_failed", "auth_rejected")


async def test_a_port_without_a_listener_is_tried_again_within_a_second() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        switch = SimulatedSwitch()
        switch.port = unused.getsockname()[1]
    async with watching(switch, connected=False, gateways={"a": GatewayConfig()}) as watch:
        await watch.until(lambda node: node.attempts.get("refused", 0) >= 3, seconds=5)


async def test_nothing_keeps_the_connections_that_ended() -> None:
    async with SimulatedSwitch() as switch:
        await registered(switch)
        async with watching(switch) as watch:
            switch.send_garbage()
            await watch.until(lambda node: node.attempts.get("connected") == 2)
            await asyncio.sleep(0)
            gc.collect()
            kept = [thing for thing in gc.get_objects() if isinstance(thing, Connection)]
            assert not [connection for connection in kept if connection.closed.done()]
