"""What may be spent, when the end of a call is not seen, when the clock is set, and by several processes."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from exporter.probe.admission import CallRequest
from exporter.simulator import FAR_ENDS
from tests.probe.daemons import daemon, write_config
from tests.probe.lab import ONE, Lab, opened, probe_legs, refusal, until
from tests.probe.settings import ECHO, settings

MINUTE = settings(talk_time=60.0, ring_timeout=20.0)  # up to 62 s of talk


def answered(lab: Lab) -> bool:
    return any(lab.switch.legs[uuid].times["answered"] for uuid in probe_legs(lab.switch))


async def place_answered(lab: Lab, number: str) -> str:
    """Have a number called that answers and echoes; `answered`, or why it was refused."""
    lab.switch.far_ends[number] = FAR_ENDS[ECHO]
    lab.configure(MINUTE, max_minutes_per_day=3, max_concurrent=20)
    placing = lab.runner.place(CallRequest(destination=number))
    try:
        await placing
    except Exception as refused:  # noqa: BLE001 - the reason is compared
        return str(getattr(refused, "reason", refused))
    await until(lambda: answered(lab))
    return "answered"


async def test_calls_whose_connection_was_cut_cost_what_was_reserved() -> None:
    """Nine calls of up to 62 s want to be answered on three minutes: two fit, and each costs its 62 s."""
    async with opened(speed=5.0, max_minutes_per_day=3, max_concurrent=20) as lab:
        outcomes = []
        for number in range(50, 59):
            outcomes.append(await place_answered(lab, f"+155500000{number}"))
            if outcomes[-1] != "answered":
                continue
            lab.switch.drop_connections()
            await until(lambda: not lab.runner.under_way() and lab.node.connected)
            await until(lambda: not probe_legs(lab.switch))
        assert outcomes == ["answered"] * 2 + ["budget"] * 7
        figures = await lab.metrics()
        assert figures["freeswitch_probe_budget_seconds_remaining"] == 180 - 2 * 62


async def test_a_call_whose_end_is_not_reported_costs_what_was_reserved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with opened(speed=5.0, max_minutes_per_day=3) as lab:
        lab.switch.leave_ends_unsent()
        assert await place_answered(lab, ECHO) == "answered"
        monkeypatch.setattr("exporter.probe.call._LAST_WAIT", -1000.0)  # as if its time had passed
        await until(lambda: not lab.runner.under_way())
        assert lab.runner._last[ECHO].message.startswith("FreeSWITCH did not report the end")
        figures = await lab.metrics()
        assert figures["freeswitch_probe_budget_seconds_remaining"] == 180 - 62


async def test_a_call_to_a_number_still_up_after_a_cut_is_not_placed_twice() -> None:
    async with opened(settings(talk_time=60.0), speed=1.0) as lab:
        first = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: answered(lab))
        await lab.switch.refuse_connections()
        await first
        await lab.switch.accept_connections()
        await until(lambda: lab.node.connected)
        refused = await refusal(lab.runner.probe(ONE))
        assert refused.reason == "concurrency"
        assert len(lab.originates()) == 1


async def test_a_call_on_a_node_that_a_reload_stops_is_hung_up_and_costs_what_it_talked() -> None:
    async with opened(settings(talk_time=60.0), speed=1.0, max_minutes_per_day=3) as lab:
        waiting = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: answered(lab))
        began = asyncio.get_running_loop().time()
        await lab.probes.end_calls([lab.node])
        assert asyncio.get_running_loop().time() - began < 2
        assert probe_legs(lab.switch) == []
        record = (await waiting).record
        assert (record.result, record.cause) == ("aborted", "MANAGER_REQUEST")
        assert "reload" in record.message
        left = (await lab.metrics())["freeswitch_probe_budget_seconds_remaining"]
        assert left > 180 - 10


async def test_a_call_on_a_node_that_is_replaced_while_it_answers_nothing_costs_what_was_reserved() -> None:
    async with opened(settings(talk_time=60.0), speed=1.0, max_minutes_per_day=3) as lab:
        waiting = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: answered(lab))
        lab.switch.hang_commands()
        await lab.probes.end_calls([lab.node], 0.3)
        await lab.node.stop()
        assert (await waiting).record.result == "aborted"
        figures = await lab.metrics()
        assert figures["freeswitch_probe_budget_seconds_remaining"] == 180 - 62


async def test_only_calls_of_the_nodes_that_stop_are_ended() -> None:
    async with opened(settings(), speed=5.0) as lab:
        waiting = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: answered(lab))
        await lab.probes.end_calls([])
        assert (await waiting).record.result == "success"


# -- several processes ------------------------------------------------------------------------------


async def test_two_exporters_on_one_state_dir_place_one_call_per_number(tmp_path: Path) -> None:
    guard: dict[str, Any] = {"min_interval": 60.0, "max_concurrent": 2}
    async with (
        opened(settings(), state_dir=tmp_path, speed=5.0, **guard) as lab,
        opened(settings(), state_dir=tmp_path, instance="cafe", speed=5.0, **guard) as other,
    ):
        waiting = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(lab.originates()))
        refused = await refusal(other.runner.probe(ONE))
        assert (refused.reason, refused.status) == ("concurrency", 429)
        first = (await waiting).record
        served = await other.runner.probe(ONE)
        assert (served.cached, served.record) == (True, first)
        placed = await other.runner.place(CallRequest(destination=ECHO))
        assert (placed.cached, placed.record.call_uuid) == (True, first.call_uuid)
        other.configure(settings(name="other"))
        assert (await refusal(other.runner.probe(CallRequest(probe="other")))).reason == "rate"
        assert other.originates() == []


async def test_max_concurrent_is_for_all_processes_and_the_schedule_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.probe.runner.WAIT_AT_MOST", 0.1)
    busy = settings(name="busy", destination="+15550000002")
    async with (
        opened(settings(), state_dir=tmp_path, speed=5.0, max_concurrent=1) as lab,
        opened(busy, state_dir=tmp_path, instance="cafe", speed=5.0, max_concurrent=1) as other,
    ):
        waiting = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(lab.originates()))
        scheduled = asyncio.create_task(other.runner.scheduled("busy"))
        assert (await refusal(other.runner.probe(CallRequest(probe="busy")))).reason == "concurrency"
        assert other.originates() == []
        await waiting
        async with asyncio.timeout(5):
            await scheduled
        assert len(other.originates()) == 1
        refused = (await other.metrics())['freeswitch_probe_refused_total{reason="concurrency"}']
        assert refused == 1, "waiting is no refusal"


async def test_a_schedule_that_waits_for_another_process_asks_the_disk_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.probe.runner.WAIT_AT_MOST", 0.2)
    busy = settings(name="busy", destination="+15550000002")
    async with (
        opened(settings(), state_dir=tmp_path, speed=5.0, max_concurrent=1) as lab,
        opened(busy, state_dir=tmp_path, instance="cafe", speed=5.0, max_concurrent=1) as other,
    ):
        waiting = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(lab.originates()))
        tries = 0
        enter = other.runner._store.enter

        async def counted(*call: Any) -> None:
            nonlocal tries
            tries += 1
            await enter(*call)

        monkeypatch.setattr(other.runner._store, "enter", counted)
        began = asyncio.get_running_loop().time()
        scheduled = asyncio.create_task(other.runner.scheduled("busy"))
        await waiting
        await scheduled
        assert 1 < tries <= 3 + (asyncio.get_running_loop().time() - began) / 0.2


async def test_a_command_beside_a_daemon_keeps_its_limits(tmp_path: Path) -> None:
    """Real processes: the daemon calls, and `freeswitch-exporter probe` finds the number taken."""
    async with opened(speed=1.0) as lab:
        config = write_config(
            tmp_path, lab.switch.port, {"probe": {"destination": ECHO, "talk_time": "60s"}}, max_concurrent=5
        )
        async with daemon(config) as running:
            assert (await running.post(ECHO))[0] == 202
            await until(lambda: answered(lab))
            command = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "exporter", "probe", "probe"),
                *("--config", str(config), "--json"),
                stdout=asyncio.subprocess.PIPE,
            )
            output, _ = await command.communicate()
            assert (command.returncode, b'"concurrency"' in output) == (2, True), output
            assert len(lab.originates()) == 1
