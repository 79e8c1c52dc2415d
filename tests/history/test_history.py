"""The history of a whole daemon: what it keeps over reloads and restarts, and with a disk that hangs."""

import asyncio
import math
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from exporter.clock import Clock
from exporter.config import HistoryConfig, NodeConfig
from exporter.executors import Executor
from exporter.history.history import History
from exporter.history.model import Outage
from exporter.history.store import FILE_NAME
from exporter.simulator import SimulatedSwitch
from exporter.watch.node import Node
from tests.support.runtime import Files, Running, running
from tests.support.virtual_time import VirtualClock, virtual_time

GATEWAY = '{node="fs1",gateway="telnyx",profile="external"}'
OUTAGES, LASTS, CHANGE = (
    f"freeswitch_gateway_{name}{GATEWAY}"
    for name in ("outages_total", "outage", "outage_change_timestamp_seconds")
)
Drill = Callable[[SimulatedSwitch, VirtualClock], Coroutine[Any, Any, None]]


def run(drill: Drill) -> None:
    """A drill in virtual time with a switch whose gateway telnyx is registered."""
    with virtual_time() as clock:

        async def whole() -> None:
            async with SimulatedSwitch(clock=clock) as switch:
                await switch.gateway_reaches("telnyx", "REGED", 30)
                await drill(switch, clock)

        clock.run(whole())


def files_for(folder: Path, switch: SimulatedSwitch, **more: Any) -> Files:
    node = {"name": "fs1", "port": switch.port, "poll_interval": "2s", "gateways": {"telnyx": {}}}
    return Files(folder, {"listen": ["127.0.0.1:0"], "state_dir": "state", "nodes": [node], **more})


async def until_value(daemon: Running, clock: VirtualClock, name: str, value: float | None) -> None:
    """Wait for a sample to have a value; None: to be absent."""
    end = clock.monotonic() + 600
    while (await daemon.samples()).get(name) != value:
        assert clock.monotonic() < end, f"{name} never was {value}"
        await clock.sleep(0.5)


async def kept(daemon: Running) -> list[Outage]:
    """The outages of the store, oldest first."""
    await daemon.daemon.history.refresh()
    found = await daemon.daemon.history.store.outages(since=0, until=math.inf)
    return found[::-1]


async def changes(daemon: Running) -> list[tuple[str, str]]:
    """The exporter's own changes, oldest first."""
    await daemon.daemon.history.refresh()
    found = await daemon.daemon.history.store.changes(since=0, until=math.inf)
    return [(change.what, change.subject) for change in reversed(found) if not change.node]


def test_an_outage_from_the_event_to_the_page_and_the_store(tmp_path: Path) -> None:
    async def drill(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with running(files_for(tmp_path, switch), clock=clock) as daemon:
            await until_value(daemon, clock, LASTS, 0)
            first = await daemon.samples()
            assert first[OUTAGES] == 0
            assert first["freeswitch_exporter_history_ok"] == 1
            switch.gateway("telnyx").ask_unregister()
            await until_value(daemon, clock, LASTS, 1)
            down = (await daemon.samples())[CHANGE]
            await clock.sleep(30)
            switch.gateway("telnyx").ask_register()
            await until_value(daemon, clock, LASTS, 0)
            last = await daemon.samples()
            [row] = await kept(daemon)
            assert (row.began, row.ended) == (down, last[CHANGE])
            assert last[OUTAGES] == 1
            [figures] = await daemon.daemon.history.store.steps("1h", since=0, until=math.inf)
            watched = f"freeswitch_gateway_watched_seconds_total{GATEWAY}"
            usable = f"freeswitch_gateway_usable_seconds_total{GATEWAY}"
            last = await daemon.samples()
            assert sum(step.figures.watched for step in figures.steps) == pytest.approx(last[watched], abs=1)
            assert sum(step.figures.usable for step in figures.steps) == pytest.approx(last[usable], abs=1)
            assert sum(step.figures.outages for step in figures.steps) == 1
            assert last['freeswitch_exporter_history_rows{kind="outage"}'] == 1
            assert last['freeswitch_exporter_history_rows{kind="hour"}'] >= 1

    run(drill)


@pytest.mark.parametrize("well", [True, False])
def test_an_outage_over_a_restart_of_the_exporter(tmp_path: Path, well: bool) -> None:
    async def drill(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        files = files_for(tmp_path, switch)
        async with running(files, clock=clock) as daemon:
            await until_value(daemon, clock, LASTS, 0)
            switch.gateway("telnyx").ask_unregister()
            await until_value(daemon, clock, LASTS, 1)
            down = (await daemon.samples())[CHANGE]
            await clock.sleep(30)
        if well:
            switch.gateway("telnyx").ask_register()
        await clock.sleep(100)
        async with running(files, clock=clock) as daemon:
            await until_value(daemon, clock, LASTS, 0 if well else 1)
            samples = await daemon.samples()
            assert samples[OUTAGES] == 0
            await clock.sleep(10)
            [row] = await kept(daemon)
            assert row.began == down
            assert row.ended_unwatched is well
            past = daemon.daemon.history.past("fs1", "telnyx", "external")
            if well:
                assert past.last == row
                assert past.well_since == row.ended == samples[CHANGE]
            else:
                assert past.outage is not None
                assert past.outage.began == samples[CHANGE] == down
            assert past.day == 1
            assert [what for what, _ in await changes(daemon)] == [
                "exporter_started",
                "exporter_stopped",
                "exporter_started",
            ]

    run(drill)


def test_a_gateway_without_outages_is_up_since_it_is_known(tmp_path: Path) -> None:
    """Since the end of the first hour in which it was watched: in that, it may have been watched late."""

    async def drill(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        full_hour = (clock.epoch() // 3600 + 1) * 3600
        clock.step = full_hour - 300 - clock.epoch()
        files = files_for(tmp_path, switch)
        for since in (full_hour - 290, full_hour):
            async with running(files, clock=clock) as daemon:
                await until_value(daemon, clock, LASTS, 0)
                await clock.sleep(5)
                well_since = daemon.daemon.history.past("fs1", "telnyx", "external").well_since
                assert well_since == pytest.approx(since, abs=10)
                assert (await daemon.samples())[CHANGE] == well_since
            await clock.sleep(3600)

    run(drill)


def test_a_reload_is_a_change_with_its_keys_and_a_node_removed_ends_its_outages(tmp_path: Path) -> None:
    async def drill(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        files = files_for(tmp_path, switch)
        files.document["nodes"].append({"name": "fs2", "port": switch.port, "poll_interval": "2s"})
        async with running(files, clock=clock) as daemon:
            await until_value(daemon, clock, LASTS, 0)
            switch.gateway("telnyx").ask_unregister()
            await until_value(daemon, clock, LASTS, 1)
            await clock.sleep(5)
            assert await daemon.post("/-/reload") == (200, {"message": "The configuration was reloaded."})
            del files.document["nodes"][0]
            files.document["history"] = {"keep": "30d"}
            files.write()
            gone = clock.epoch()
            await daemon.post("/-/reload")
            await clock.sleep(20)
            first, second = sorted(await kept(daemon), key=lambda row: row.node)
            assert (first.node, first.ended_unwatched) == ("fs1", True)
            assert first.ended == pytest.approx(gone, abs=1)
            assert (second.node, second.ended) == ("fs2", None)
            assert (await changes(daemon))[1:] == [("exporter_reloaded", "history.keep, nodes.fs1")]
            assert OUTAGES not in await daemon.samples()
            assert daemon.daemon.history.past("fs1", "telnyx", "external").outage is None
            assert daemon.daemon.history.node_past("fs2").well_since is not None

    run(drill)


def test_a_node_that_the_config_lost_while_the_exporter_was_off(tmp_path: Path) -> None:
    async def drill(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        files = files_for(tmp_path, switch)
        async with running(files, clock=clock) as daemon:
            await until_value(daemon, clock, LASTS, 0)
            switch.gateway("telnyx").ask_unregister()
            await until_value(daemon, clock, LASTS, 1)
            await clock.sleep(5)
            looked = clock.epoch()
        files.document["nodes"][0]["name"] = "renamed"
        await clock.sleep(100)
        async with running(files, clock=clock) as daemon:
            await clock.sleep(10)
            first, second = await kept(daemon)
            assert (first.node, first.ended_unwatched) == ("fs1", True)
            assert first.ended == pytest.approx(looked, abs=1)
            assert (second.node, second.ended) == ("renamed", None)

    run(drill)


def test_a_failed_probe_is_evidence(tmp_path: Path) -> None:
    async def drill(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        probe = {
            "node": "fs1",
            "gateway": "telnyx",
            "destination": "+15550000021",
            "caller_id": "+15551230000",
        }
        guard = {"allow": ["+1555000*"], "min_interval": "1s"}
        files = files_for(tmp_path, switch, probes={"echo": probe}, guard=guard)
        files.token = "secret"
        async with running(files, clock=clock) as daemon:
            await until_value(daemon, clock, LASTS, 0)
            switch.provider("telnyx").rejects(403, "Forbidden")
            switch.gateway("telnyx").ask_register()
            await until_value(daemon, clock, LASTS, 1)
            status, _ = await daemon.post("/api/calls/test-echo", {"destinationNumber": "+15550000021"})
            assert status in (200, 202, 502)
            await clock.sleep(30)
            [row] = await kept(daemon)
            assert (row.probes_failed, row.calls_failed) == (1, 0)

    run(drill)


def test_without_a_state_dir_it_is_in_memory(tmp_path: Path) -> None:
    async def drill(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        files = files_for(tmp_path, switch)
        del files.document["state_dir"]
        async with running(files, clock=clock) as daemon:
            await until_value(daemon, clock, LASTS, 0)
            switch.gateway("telnyx").ask_unregister()
            await until_value(daemon, clock, LASTS, 1)
            assert len(await kept(daemon)) == 1
            assert not daemon.daemon.history.store.persistent

    run(drill)
    assert not list(tmp_path.rglob(f"{FILE_NAME}*"))


def test_a_disk_that_hangs_holds_up_neither_the_history_in_memory_nor_the_stop(tmp_path: Path) -> None:
    """The executor's thread is stuck from the start on: everything is decided all the same."""
    stuck, executor = threading.Event(), Executor("history")
    (tmp_path / "state").mkdir()

    async def look_up(*_: object) -> Any:
        raise OSError("not used")

    async def drill(clock: VirtualClock) -> None:
        async with SimulatedSwitch(clock=clock) as switch:
            blocked = asyncio.ensure_future(executor.run(stuck.wait))
            await switch.gateway_reaches("telnyx", "REGED", 30)
            history = History(HistoryConfig(), tmp_path / "state", clock, executor)
            config = NodeConfig(name="fs1", host="127.0.0.1", port=switch.port, poll_interval=2.0)
            node = Node(config, "abcd", observer=history.observer("fs1"), clock=clock, look_up=look_up)
            history.start()
            history.attach(node)
            node.start()
            await clock.sleep(10)
            switch.gateway("telnyx").ask_unregister()
            await clock.sleep(60)
            assert history.past("fs1", "telnyx", "external").outage is not None
            await node.stop()
            began = clock.monotonic()
            await history.stop()
            assert clock.monotonic() - began < 3
            clock.loop.wait_for_threads(lambda: bool(executor.waiting or executor._threads > executor._idle))
            stuck.set()
            await blocked
            await clock.sleep(1)

    try:
        with virtual_time() as clock:
            clock.run(drill(clock))
    finally:
        stuck.set()
        executor.shutdown()


async def test_what_is_asked_of_nodes_that_are_not_known() -> None:
    executor = Executor("history")
    history = History(HistoryConfig(), None, Clock(), executor)
    assert history.past("no", "telnyx", "").outage is None
    assert history.node_past("no").last is None
    history.on_probe("no", "telnyx", failed=True)
    executor.shutdown()
