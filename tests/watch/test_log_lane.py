"""The connection of the log: its own, never in the way of the rest, and let go of when it comes too fast."""

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Any

import pytest

from exporter.esl import Connection
from exporter.simulator import SimulatedSwitch, User
from exporter.watch import log_lane
from exporter.watch.log_lane import LAST_PAUSE
from exporter.watch.node import Node
from tests.support.virtual_time import VirtualClock, virtual_time
from tests.watch.recorder import Recorder
from tests.watch.watching import watching

LINES = "freeswitch_log_lines_total"
ANSWERED = "freeswitch_optional_answers_ok"
Scenario = Callable[[SimulatedSwitch, VirtualClock], Coroutine[Any, Any, None]]


def run(scenario: Scenario, **settings: Any) -> None:
    with virtual_time() as clock:

        async def whole() -> None:
            async with SimulatedSwitch(clock=clock, **settings) as switch:
                await scenario(switch, clock)

        clock.run(whole())


def is_read(node: Node) -> bool:
    return node.known.log.closed_because == ""


def asked(switch: SimulatedSwitch) -> list[str]:
    return [command for command in switch.commands_seen if "log" in command]


@pytest.mark.parametrize(
    ("stream", "command", "counted"),
    [
        ("warning", "log 4", {"crit": 1.0, "err": 1.0, "warning": 1.0}),
        ("error", "log 3", {"crit": 1.0, "err": 1.0}),
    ],
)
def test_the_log_is_read_down_to_the_level_wanted(
    stream: Any, command: str, counted: dict[str, float]
) -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream=stream) as watch:
            await watch.until(is_read)
            for level in ("crit", "err", "warning", "notice", "info", "debug"):
                switch.log(level, "mod_x.c", "x", 1, "text")
            await watch.until_value(LINES, 1, level="err")
            lines = (await watch.samples())[LINES]
            assert {dict(labels)["level"]: value for labels, value in lines.items()} == counted
            assert asked(switch) == [command]

    run(scenario)


def test_off_opens_no_connection() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="off") as watch:
            await clock.sleep(100)
            assert asked(switch) == []
            assert await watch.value(LINES) is None

    run(scenario)


def test_another_level_is_taken_over_at_once() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="warning") as watch:
            await watch.until(is_read)
            clients = len(switch.clients)
            watch.node.read_log("error")
            await switch.until(lambda: asked(switch) == ["log 4", "log 3"])
            await watch.until(is_read)
            watch.node.read_log("off")
            await switch.until(lambda: len(switch.clients) == clients - 1)
            watch.node.read_log("warning")
            await switch.until(lambda: asked(switch) == ["log 4", "log 3", "log 4"])

    run(scenario)


def test_another_level_may_be_wanted_while_the_connection_is_opened() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="off") as watch:
            clients = len(switch.clients)
            opening = watch.node.connections.open_log

            async def slow(on_log: Callable[[int, str], None]) -> Connection:
                connection = await opening(on_log)
                watch.node.read_log("off")
                return connection

            watch.node._log_lane._open_connection = slow
            watch.node.read_log("warning")
            await switch.until(lambda: asked(switch) == ["log 4"])
            await switch.until(lambda: len(switch.clients) == clients)
            await clock.sleep(10)
            assert watch.node.attempts == {"connected": 1}
            assert asked(switch) == ["log 4"]

    run(scenario)


def test_an_account_that_may_not_read_the_log_loses_only_its_families() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(
            switch, clock=clock, log_stream="warning", user="exporter@lab.local", password="own"
        ) as watch:
            await watch.until(lambda node: node.known.log.refused)
            assert await watch.value(ANSWERED, command="log") is None
            clients = len(switch.clients)
            await clock.sleep(2 * LAST_PAUSE)
            assert watch.node.attempts == {"connected": 1}
            assert "permission denied" in watch.node.known.log.closed_because
            assert await watch.value(LINES) is None
            assert await watch.value("freeswitch_log_events_total") is None
            assert len(switch.clients) == clients
            assert len(asked(switch)) < 12

    run(scenario, users={"exporter": User(password="own", log="false")})


def test_a_lost_connection_is_opened_again_and_the_node_stays() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="warning") as watch:
            await watch.until(is_read)
            for times in (1, 2, 3):
                [client] = [one for one in switch.clients if one.subscription.log_level >= 0]
                client.close()
                await watch.until(lambda node: not is_read(node))
                await watch.until(is_read, 60)
                assert len(asked(switch)) == times + 1
            assert watch.node.attempts == {"connected": 1}

    run(scenario)


def test_it_is_closed_when_the_exporter_falls_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    """The unread bytes are made up: nothing keeps this loop from reading."""

    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="warning") as watch:
            await watch.until(is_read)
            monkeypatch.setattr(log_lane, "MAX_BACKLOG", -1)
            await watch.until(lambda node: node.known.log.behind)
            assert await watch.value(ANSWERED, command="log") == 0
            assert "faster than" in watch.node.known.log.closed_because
            monkeypatch.setattr(log_lane, "MAX_BACKLOG", 1 << 20)
            await watch.until(is_read, 60)
            assert not watch.node.known.log.behind
            assert await watch.value(ANSWERED, command="log") == 1
            watch.node.read_log("off")
            await watch.until_gone(ANSWERED, command="log")
            assert watch.node.attempts == {"connected": 1}

    run(scenario)


def test_it_is_closed_when_lines_come_late_though_the_kernel_holds_few() -> None:
    """FreeSWITCH's queue is made up: what comes was written at the time the connection was opened."""

    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="off") as watch:
            opening = watch.node.connections.open_log

            async def late(on_log: Callable[[int, str], None]) -> Connection:
                on_log_late = on_log
                if not asked(switch):
                    began = datetime.fromtimestamp(clock.epoch(), UTC).strftime("%Y-%m-%d %H:%M:%S.%f")

                    def on_log_late(level: int, line: str) -> None:
                        on_log(level, began + line[len(began) :])

                return await opening(on_log_late)

            watch.node._log_lane._open_connection = late
            watch.node.read_log("warning")
            await watch.until(is_read)
            for _ in range(20):
                switch.log("warning", "mod_x.c", "x", 1, "text")
                await clock.sleep(0.5)
                if watch.node.known.log.behind:
                    break
            else:
                pytest.fail("it was not closed")
            await watch.until(is_read, 60)
            for _ in range(20):
                switch.log("warning", "mod_x.c", "x", 1, "text")
                await clock.sleep(0.5)
                assert is_read(watch.node)
            assert watch.node.attempts == {"connected": 1}

    run(scenario)


def test_one_late_line_is_what_a_pause_leaves_and_closes_nothing() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="warning") as watch:
            await watch.until(is_read)
            for late in (0, 10, 0, 10, 0):
                written = datetime.fromtimestamp(clock.epoch() - late, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
                watch.node.known.log.on_line(4, f"{written} [WARNING] a.c:1 x")
                await clock.sleep(5)
                assert is_read(watch.node)
            assert asked(switch) == ["log 4"]

    run(scenario)


def test_it_is_closed_with_the_others_when_the_loop_stands_still() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="warning") as watch:
            await watch.until(is_read)
            watch.node.sever(clock.monotonic())
            await switch.until(lambda: not switch.clients)

    run(scenario)


def test_it_ends_with_the_node() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="warning") as watch:
            await watch.until(is_read)
        await switch.until(lambda: not switch.clients)
        assert watch.node.known.log.closed_because

    run(scenario)


def test_what_freeswitch_logs_of_its_own_failures_is_a_change() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        seen = Recorder()
        async with watching(switch, clock=clock, log_stream="warning", observer=seen) as watch:
            await watch.until(is_read)
            for _ in range(5):
                switch.log("err", "switch_core_sqldb.c", "x", 1322, "SQL ERR: [x] database is locked")
            await watch.until_value("freeswitch_log_events_total", 5, what="sql_error")
            assert [subject for what, subject in seen.what if what == "logged"] == ["SQL errors"]

    run(scenario)


def test_a_line_without_an_rtp_port_stops_the_promise_to_accept_calls() -> None:
    async def scenario(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        async with watching(switch, clock=clock, log_stream="warning") as watch:
            await watch.until(is_read)
            switch.log("crit", "switch_core_media.c", "x", 8191, "No audio RTP ports available!")
            await watch.until_value("freeswitch_accepting_calls", 0, direction="inbound")
            assert await watch.word("freeswitch_refusal_reason", "reason", direction="inbound") == (
                "no_rtp_ports"
            )

    run(scenario)
