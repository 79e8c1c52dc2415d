"""Many requests, few calls; and calls that do not end as planned."""

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from exporter.config.model import GatewayConfig, NodeConfig
from exporter.probe.admission import CallRequest, Refused
from exporter.probe.record import Answer, CallRecord
from exporter.probe.store import FILE_NAME
from exporter.simulator import FarEnd, User
from exporter.simulator import Path as AudioPath
from tests.probe.lab import Lab, opened, until
from tests.probe.settings import ECHO, settings

ONE = CallRequest(probe="lab-echo")
BUSY = "+15550000002"


async def refusal(work: Any) -> Refused:
    with pytest.raises(Refused) as caught:
        await work
    return caught.value


def probe_legs(lab: Lab) -> list[str]:
    return [uuid for uuid in lab.switch.legs if uuid.startswith("70726f62")]


async def test_a_thousand_askers_get_one_call(lab: Lab) -> None:
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
    await until(lambda: bool(probe_legs(lab)))
    refused = await refusal(lab.runner.probe(CallRequest(probe="other")))
    assert (refused.reason, refused.status) == ("concurrency", 429)
    assert refused.retry_after is not None
    assert (await running).record.result == "success"


async def test_max_concurrent_is_for_all_and_the_schedule_waits() -> None:
    busy = settings(name="busy", destination=BUSY)
    async with opened(settings(), busy, max_concurrent=1) as lab:
        running = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(probe_legs(lab)))
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


async def test_a_switch_that_takes_no_calls_is_told_at_once(
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


# -- calls that end otherwise ----------------------------------------------------------


async def ringing(lab: Lab) -> asyncio.Task[Answer]:
    """A call to a number that rings for ever, while it rings."""
    lab.configure(settings(destination="+15550000003", ring_timeout=60.0))
    task = asyncio.create_task(lab.runner.probe(ONE))
    await until(lambda: "ringing" in {run.record.status for run in lab.runner._runs.values()})
    return task


async def the_record(lab: Lab) -> CallRecord:
    """The last call's record, once it is over."""
    await until(lambda: not lab.runner.under_way())
    return next(iter(lab.runner._last.values()))


async def test_a_call_nobody_waits_for_any_more_is_ended() -> None:
    async with opened(speed=1.0) as lab:
        task = await ringing(lab)
        task.cancel()
        record = await the_record(lab)
        assert (record.result, record.cause) == ("aborted", "MANAGER_REQUEST")
        assert "Nobody waited" in record.message
        await until(lambda: not probe_legs(lab))


async def test_when_time_is_up_the_asker_goes_and_the_call_stays_for_the_other() -> None:
    async with opened(settings(), speed=1.0) as lab:
        patient = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(probe_legs(lab)))
        run = next(iter(lab.runner._runs.values()))
        hasty = await lab.runner._wait(run, 0.05, None)
        assert hasty.record.result is None
        assert hasty.record.call_uuid in lab.runner.under_way()
        patient.cancel()
        assert (await the_record(lab)).result == "aborted"


async def test_a_call_that_was_placed_without_waiting_goes_on() -> None:
    async with opened(settings(), speed=20.0) as lab:
        await lab.runner.place(CallRequest(destination=ECHO))
        waiting = asyncio.create_task(lab.runner.probe(CallRequest(destination=ECHO)))
        await asyncio.sleep(0)
        waiting.cancel()
        assert (await the_record(lab)).result == "success"


async def test_a_kill_that_finds_no_channel_yet_is_repeated() -> None:
    async with opened(settings(), speed=1.0) as lab:
        task = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(probe_legs(lab)))
        kill = f"uuid_kill {probe_legs(lab)[0]} MANAGER_REQUEST"
        lab.switch.scripted_replies[kill] = "-ERR No such channel!\n"
        task.cancel()
        await until(lambda: f"api {kill}" in lab.switch.commands_seen)
        assert lab.runner.under_way()
        del lab.switch.scripted_replies[kill]
        record = await the_record(lab)
        assert (record.result, record.cause) == ("aborted", "MANAGER_REQUEST")
        assert probe_legs(lab) == []


async def test_a_call_cancelled_before_it_is_sent_is_not_sent() -> None:
    async with opened(settings()) as lab:
        task = asyncio.create_task(lab.runner.probe(ONE))
        await asyncio.sleep(0)
        task.cancel()
        assert (await the_record(lab)).result == "aborted"
        assert lab.originates() == []


async def test_a_lost_connection_says_nothing_about_the_trunk() -> None:
    async with opened(speed=1.0) as lab:
        task = await ringing(lab)
        lab.switch.drop_connections()
        record = (await task).record
        assert (record.result, record.failed_phase) == ("aborted", None)
        assert "connection to FreeSWITCH was lost" in record.message
        # Connected again, the call that nobody follows any more is found and ended.
        await until(lambda: not probe_legs(lab))


async def test_an_originate_that_is_not_answered_counts_as_placed() -> None:
    async with opened(settings(), speed=1.0) as lab:
        lab.switch.delay_replies(0.5)
        task = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(lab.originates()))
        lab.switch.drop_connections()
        record = (await task).record
        assert (record.result, len(lab.originates())) == ("aborted", 1)
        assert "connection to FreeSWITCH was lost" in record.message
        lab.switch.recover()
        await until(lambda: lab.node.connected and not probe_legs(lab))


async def test_somebody_else_ends_the_call() -> None:
    async with opened(speed=1.0) as lab:
        task = await ringing(lab)
        await lab.node.api(f"uuid_kill {probe_legs(lab)[0]} MANAGER_REQUEST")
        record = (await task).record
        assert record.result == "aborted"
        assert "Somebody else" in record.message


async def test_freeswitch_that_does_not_tell_the_end(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.probe.call._LATE", -10.0)  # the cap is in real seconds, the call is not
    monkeypatch.setattr("exporter.probe.call._LAST_WAIT", 0.6)
    lab.configure(settings(talk_time=1.0))
    lab.switch.leave_ends_unsent()
    record = (await lab.runner.probe(ONE)).record
    assert record.result == "aborted"
    assert "did not report" in record.message


async def test_an_end_of_which_only_one_half_is_told(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.probe.call._OTHER_HALF", 0.3)
    lab.switch.lose_events({"BACKGROUND_JOB"})
    record = (await lab.call("02")).record
    assert (record.result, record.cause) == ("failed", "USER_BUSY")
    lab.switch.lose_events({"CHANNEL_HANGUP_COMPLETE", "CHANNEL_DESTROY"})
    record = (await lab.call("02")).record
    assert (record.result, record.cause) == ("failed", "USER_BUSY")


async def test_a_user_who_may_not_place_calls() -> None:
    reads = "sofia show status json fsctl global_getvar hostname uuid_exists uuid_getvar"
    async with opened(settings(), user=User("ClueCon", api=reads)) as lab:
        record = (await lab.runner.probe(ONE)).record
        assert record.result == "aborted"
        assert "esl-allowed-api" in record.remedy
        assert lab.switch.legs == {}


async def test_a_user_who_may_not_end_calls() -> None:
    reads = "sofia show status json fsctl global_getvar hostname uuid_exists uuid_getvar originate"
    async with opened(user=User("ClueCon", api=reads), speed=5.0) as lab:
        lab.configure(settings(destination="+15550000003", ring_timeout=3.0))
        task = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(probe_legs(lab)))
        task.cancel()
        record = await the_record(lab)  # FreeSWITCH ends it by itself
        assert (record.result, record.cause) == ("failed", "NO_ANSWER")


async def test_a_bug_is_told_and_the_number_is_free_again(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
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
        await until(lambda: bool(probe_legs(lab)))
        database = sqlite3.connect(tmp_path / FILE_NAME)
        database.execute("DROP TABLE calls")
        database.close()
        assert (await running).record.result == "success"
        assert (await refusal(lab.runner.probe(ONE))).reason == "state_dir"


async def test_a_node_that_is_not_watched_is_not_called() -> None:
    async with opened(settings()) as lab:
        lab.probes.configure(lab.config, {})
        assert (await refusal(lab.runner.probe(ONE))).reason == "not_connected"
        assert (await refusal(lab.runner.scheduled("lab-echo"))).reason == "not_connected"


async def test_another_life_on_the_same_state_dir_keeps_its_distance(tmp_path: Path) -> None:
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
        assert probe_legs(lab) == []
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


async def test_watchers_see_the_phases_as_they_come() -> None:
    async with opened(settings(), speed=5.0) as lab:
        seen: list[str] = []

        def watch(record: CallRecord) -> None:
            if record.status not in seen:
                seen.append(record.status)

        await lab.runner.probe(ONE, watch)
        assert seen == ["dialing", "ringing", "answered", "ended"]


async def test_a_far_end_that_answers_late_is_within_a_ring_limit_in_full() -> None:
    async with opened(speed=10.0) as lab:
        lab.switch.far_ends[ECHO] = FarEnd(ring=0.1, answer=4.9, path=AudioPath(echoes=True))
        record = (await lab.call("01", ring_timeout=5.0)).record
        assert record.result == "success", record
