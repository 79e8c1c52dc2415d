"""Calls that do not end as planned: cancelled, killed by others, lost, not reported; and their limits."""

import asyncio

import pytest

from exporter.probe.admission import CallRequest
from exporter.probe.record import CallRecord
from exporter.simulator import FarEnd, User
from exporter.simulator import Path as AudioPath
from tests.probe.lab import ONE, Lab, opened, probe_legs, ringing, the_record, until
from tests.probe.settings import ECHO, settings


async def test_a_call_nobody_waits_for_any_more_is_ended() -> None:
    async with opened(speed=1.0) as lab:
        task = await ringing(lab)
        task.cancel()
        record = await the_record(lab)
        assert (record.result, record.cause) == ("aborted", "MANAGER_REQUEST")
        assert "The last request" in record.message
        await until(lambda: not probe_legs(lab.switch))


async def test_a_client_whose_time_is_up_leaves_the_call_to_the_other() -> None:
    async with opened(settings(), speed=1.0) as lab:
        patient = asyncio.create_task(lab.runner.probe(ONE))
        await until(lambda: bool(probe_legs(lab.switch)))
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
        await until(lambda: bool(probe_legs(lab.switch)))
        kill = f"uuid_kill {probe_legs(lab.switch)[0]} MANAGER_REQUEST"
        lab.switch.scripted_replies[kill] = "-ERR No such channel!\n"
        task.cancel()
        await until(lambda: f"api {kill}" in lab.switch.commands_seen)
        assert lab.runner.under_way()
        del lab.switch.scripted_replies[kill]
        record = await the_record(lab)
        assert (record.result, record.cause) == ("aborted", "MANAGER_REQUEST")
        assert probe_legs(lab.switch) == []


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
        await until(lambda: not probe_legs(lab.switch))


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
        await until(lambda: lab.node.connected and not probe_legs(lab.switch))


async def test_somebody_else_ends_the_call() -> None:
    async with opened(speed=1.0) as lab:
        task = await ringing(lab)
        await lab.node.api(f"uuid_kill {probe_legs(lab.switch)[0]} MANAGER_REQUEST")
        record = (await task).record
        assert record.result == "aborted"
        assert "Somebody else" in record.message


async def test_freeswitch_does_not_report_the_end(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.probe.call._LATE", -10.0)  # the cap is in real seconds, the call is not
    monkeypatch.setattr("exporter.probe.call._LAST_WAIT", 0.6)
    lab.configure(settings(talk_time=1.0))
    lab.switch.leave_ends_unsent()
    record = (await lab.runner.probe(ONE)).record
    assert record.result == "aborted"
    assert "did not report" in record.message


async def test_an_end_of_which_only_one_half_is_reported(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
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
        await until(lambda: bool(probe_legs(lab.switch)))
        task.cancel()
        record = await the_record(lab)  # FreeSWITCH ends it by itself
        assert (record.result, record.cause) == ("failed", "NO_ANSWER")


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
