"""Many requests, few calls: what a request gets, what is refused, what is stored."""

import asyncio
import sqlite3
import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from exporter.config.model import GatewayConfig, NodeConfig
from exporter.probe.admission import CallRequest
from exporter.probe.store import FILE_NAME
from tests.probe.lab import ONE, Lab, opened, probe_legs, refusal, ringing, until
from tests.probe.settings import ECHO, settings

BUSY = "+15550000002"


async def test_a_thousand_requests_get_one_call(lab: Lab) -> None:
    lab.configure(settings())
    answers = await asyncio.gather(*(lab.runner.probe(ONE) for _ in range(1000)))
    assert len({answer.record.call_uuid for answer in answers}) == 1
    assert {answer.record.result for answer in answers} == {"success"}
    assert len(lab.originates()) == 1


async def test_a_thousand_placings_get_one_call(lab: Lab) -> None:
    lab.configure(settings())
    asked = CallRequest(destination=ECHO)
    answers = await asyncio.gather(*(lab.runner.place(asked) for _ in range(1000)))
    assert len({answer.record.call_uuid for answer in answers}) == 1
    assert {answer.record.status for answer in answers} <= {"dialing", "ringing", "initiated", "answered"}
    assert len(lab.originates()) == 1


async def test_inside_min_interval_the_last_result_is_served() -> None:
    async with opened(settings(), min_interval=60.0) as lab:
        first = await lab.runner.probe(ONE)
        second = await lab.runner.probe(ONE)
        third = await lab.runner.place(CallRequest(destination=ECHO))
        assert (first.cached, second.cached, third.cached) == (False, True, True)
        assert first.record == second.record == third.record
        assert len(lab.originates()) == 1


async def test_another_probes_result_is_not_served() -> None:
    other = settings(name="other", talk_time=3.0)
    async with opened(settings(), other, min_interval=60.0) as lab:
        await lab.runner.probe(ONE)
        refused = await refusal(lab.runner.probe(CallRequest(probe="other")))
        assert (refused.reason, refused.status) == ("rate", 429)
        assert refused.retry_after == pytest.approx(60, abs=5)
        figures = await lab.metrics()
        assert figures['freeswitch_probe_refused_total{reason="rate"}'] == 1
        labels = 'node="fs1",probe="other",gateway="telnyx",result="refused"'
        assert figures[f"freeswitch_probe_runs_total{{{labels}}}"] == 1


async def test_a_number_being_called_for_another_probe_is_busy(lab: Lab) -> None:
    lab.configure(settings(), settings(name="other"))
    running = asyncio.create_task(lab.runner.probe(ONE))
    await until(lambda: bool(probe_legs(lab.switch)))
    refused = await refusal(lab.runner.probe(CallRequest(probe="other")))
    assert (refused.reason, refused.status) == ("concurrency", 429)
    assert refused.retry_after is not None
    assert (await running).record.result == "success"


async def test_max_concurrent_is_for_all_and_the_schedule_waits() -> None:
    busy = settings(name="busy", destination=BUSY)
    async with opened(settings(), busy, max_concurrent=1) as lab:
        running = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(probe_legs(lab.switch)))
        waiting = asyncio.create_task(lab.runner.scheduled("busy"))
        assert (await refusal(lab.runner.probe(CallRequest(probe="busy")))).reason == "concurrency"
        assert len(lab.originates()) == 1
        assert not waiting.done()
        await running
        async with asyncio.timeout(5):  # woken by the end, long before its patience is
            await waiting
        assert len(lab.originates()) == 2
        refused = (await lab.metrics())['freeswitch_probe_refused_total{reason="concurrency"}']
        assert refused == 1  # waiting is no refusal


async def test_the_budget_is_set_aside_before_the_call() -> None:
    async with opened(settings(destination=BUSY), max_calls_per_day=2) as lab:
        for _ in range(2):
            await lab.runner.probe(ONE)
        refused = await refusal(lab.runner.probe(ONE))
        assert (refused.reason, refused.status) == ("budget", 429)
        assert 0 < (refused.retry_after or 0) <= 86_400
        figures = await lab.metrics()
        assert figures["freeswitch_probe_budget_calls_remaining"] == 0
        assert figures["freeswitch_probe_budget_calls_limit"] == 2
        assert figures["freeswitch_probe_budget_seconds_remaining"] == 3600  # busy costs nothing
        assert len(lab.originates()) == 2


async def test_talk_is_paid_for_as_it_was(lab: Lab) -> None:
    await lab.call("01")
    figures = await lab.metrics()
    left = figures["freeswitch_probe_budget_seconds_remaining"]
    assert 3600 - left == pytest.approx(5.0, abs=0.8)


# -- placing ---------------------------------------------------------------------------


async def test_placing_does_not_wait_for_the_end() -> None:
    async with opened(settings(), speed=1.0) as lab:
        answer = await lab.runner.place(CallRequest(destination=ECHO))
        assert (answer.cached, answer.record.result) == (False, None)
        found = await lab.runner.find(answer.record.call_uuid)
        assert found is not None
        assert found.destination == ECHO
        await until(lambda: [run.record.status for run in lab.runner._runs.values()] == ["answered"])
        found = await lab.runner.find(answer.record.call_uuid)
        assert found is not None
        assert found.status == "answered"


async def test_a_busy_number_is_placed_and_a_gateway_that_is_down_is_not(lab: Lab) -> None:
    lab.configure(settings())
    busy = await lab.runner.place(CallRequest(destination=BUSY))
    assert busy.record.status != "initiated"
    await until(lambda: not lab.runner.under_way())
    record = await lab.runner.find(busy.record.call_uuid)
    assert record is not None
    assert (record.dialed, record.cause) == (True, "USER_BUSY")
    lab.switch.provider("telnyx").rejects(403, "Forbidden")
    lab.switch.gateway("telnyx").ask_register()
    await lab.switch.gateway_reaches("telnyx", "FAIL_WAIT")
    down = await lab.runner.place(CallRequest(destination=ECHO))
    assert (down.record.dialed, down.record.cause, down.record.result) == (False, "GATEWAY_DOWN", "failed")


async def test_a_switch_that_takes_no_calls_is_reported_at_once(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.probe.runner.PLACED_WITHIN", 30.0)
    lab.configure(settings())
    lab.switch.pause("outbound")
    async with asyncio.timeout(5):
        answer = await lab.runner.place(CallRequest(destination=ECHO))
    assert (answer.record.dialed, answer.record.cause) == (False, "DESTINATION_OUT_OF_ORDER")


async def test_no_answer_from_freeswitch_yet_is_no_failure() -> None:
    async with opened(settings(), speed=1.0) as lab:
        lab.switch.lose_events({"CHANNEL_CREATE", "CHANNEL_PROGRESS"})
        answer = await lab.runner.place(CallRequest(destination="+15550000036"))
        assert answer.record.result is None


# -- refusals that need a look at the switch ------------------------------------------


async def test_a_lost_node_is_not_called_through(lab: Lab) -> None:
    lab.configure(settings())
    await lab.switch.refuse_connections()
    await until(lambda: not lab.node.connected)
    refused = await refusal(lab.runner.probe(ONE))
    assert (refused.reason, refused.status) == ("not_connected", 503)
    figures = await lab.metrics()
    labels = 'node="fs1",probe="lab-echo",gateway="telnyx"'
    assert figures[f'freeswitch_probe_runs_total{{{labels},result="aborted"}}'] == 1
    assert f"freeswitch_probe_success{{{labels}}}" not in figures
    assert lab.originates() == []


async def test_a_gateway_name_that_could_break_the_line_is_refused(lab: Lab) -> None:
    lab.configure(settings())
    node = NodeConfig(name="fs1", port=lab.switch.port, gateways={"a@b:c": GatewayConfig()})
    lab.probes.configure(replace(lab.config, nodes=(node,)), {"fs1": lab.node})
    refused = await refusal(lab.runner.probe(CallRequest(destination=ECHO, gateway="a@b:c")))
    assert refused.reason == "bad_request"
    assert lab.originates() == []


async def test_a_bug_is_raised_and_the_number_is_free_again(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    lab.configure(settings())
    monkeypatch.setattr("exporter.probe.runner.judged", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        await lab.runner.probe(ONE)
    assert not lab.runner.under_way()
    monkeypatch.undo()
    assert (await lab.runner.probe(ONE)).record.result == "success"


async def test_a_result_that_cannot_be_written_down_is_still_an_answer(tmp_path: Path) -> None:
    async with opened(settings(), state_dir=tmp_path) as lab:
        running = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(probe_legs(lab.switch)))
        database = sqlite3.connect(tmp_path / FILE_NAME)
        database.execute("DROP TABLE calls")
        database.close()
        assert (await running).record.result == "success"
        assert (await refusal(lab.runner.probe(ONE))).reason == "state_dir"


async def test_a_history_that_cannot_be_read_does_not_stop_the_start(tmp_path: Path) -> None:
    async with opened(settings(), state_dir=tmp_path) as lab:
        database = sqlite3.connect(tmp_path / FILE_NAME)
        database.execute("DROP TABLE calls")
        database.close()
        await lab.runner.recall()
        assert (await refusal(lab.runner.history(1))).reason == "state_dir"


async def test_the_numbering_plans_are_loaded_in_the_executors_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = []
    monkeypatch.setattr(
        "exporter.probe.runner.load_numbering_plans", lambda: threads.append(threading.current_thread().name)
    )
    async with opened(settings()):
        assert threads == ["disk 1"]


async def test_a_node_that_is_not_watched_is_not_called() -> None:
    async with opened(settings()) as lab:
        lab.probes.configure(lab.config, {})
        assert (await refusal(lab.runner.probe(ONE))).reason == "not_connected"
        assert (await refusal(lab.runner.scheduled("lab-echo"))).reason == "not_connected"


async def test_the_next_process_on_a_state_dir_keeps_min_interval(tmp_path: Path) -> None:
    async with opened(settings(), state_dir=tmp_path, min_interval=60.0) as lab:
        first = (await lab.runner.probe(ONE)).record
        await lab.runner.place(CallRequest(destination=BUSY))
        await until(lambda: not lab.runner.under_way())
    async with opened(settings(), state_dir=tmp_path, min_interval=60.0) as lab:
        again = await lab.runner.probe(ONE)
        assert (again.cached, again.record) == (True, first)
        assert await lab.runner.find(first.call_uuid) == first
        assert [record.destination for record in await lab.runner.history(5)] == [BUSY, ECHO]
        assert lab.originates() == []


async def test_stopping_hangs_up_and_lets_no_new_call_in() -> None:
    async with opened(speed=1.0) as lab:
        task = await ringing(lab)
        await lab.probes.stop()
        record = (await task).record
        assert record.result == "aborted"
        assert "exporter was stopped" in record.message
        assert probe_legs(lab.switch) == []
        assert (await refusal(lab.runner.probe(ONE))).reason == "stopping"
        running = {task.get_name() for task in asyncio.all_tasks()}
        assert not [name for name in running if "probe" in name and "test" not in name]


async def test_stopped_nothing_is_scheduled_any_more() -> None:
    async with opened(settings(interval=3600.0)) as lab:
        assert lab.probes._schedule.due_in("lab-echo") is not None
        await lab.probes.stop()
        assert lab.probes._schedule.due_in("lab-echo") is None


async def test_stopping_waits_at_most_that_long() -> None:
    async with opened(speed=1.0) as lab:
        task = await ringing(lab)
        lab.switch.hang_commands()
        began = asyncio.get_running_loop().time()
        await lab.runner.stop(0.5)
        assert asyncio.get_running_loop().time() - began < 3
        assert task.done()
