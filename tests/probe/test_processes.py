"""Calls and budget when the daemon dies: real processes, killed with SIGKILL."""

import asyncio
from pathlib import Path

from exporter.probe.originate import new_call_id
from exporter.simulator import SimulatedSwitch
from tests.probe.daemons import daemon, write_config
from tests.probe.lab import probe_legs, until
from tests.probe.test_sweep import dial_on

RINGS_FOR_EVER = "+15550000003"
ECHO = "+15550000001"
NO_ANSWER_AT_ALL = "+15550000036"


def state_of(switch: SimulatedSwitch, number: str) -> str:
    """How far the call to that number is; empty before there is one."""
    for uuid in probe_legs(switch):
        leg = switch.legs[uuid]
        if leg.number == number:
            return "answered" if leg.times["answered"] else "ringing" if leg.times["progress"] else "dialling"
    return ""


async def test_no_call_outlives_a_daemon_that_is_killed(tmp_path: Path) -> None:
    """One call that is answered, one that rings, and one of which FreeSWITCH has reported nothing yet."""
    probes = {
        name: {"destination": number, "ring_timeout": "20s", "talk_time": "20s"}
        for name, number in (("a", ECHO), ("b", RINGS_FOR_EVER), ("c", NO_ANSWER_AT_ALL))
    }
    async with SimulatedSwitch(tick=0.02, speed=16.0) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write_config(tmp_path, switch.port, probes, max_concurrent=3)
        async with daemon(config) as running:
            numbers = (NO_ANSWER_AT_ALL, RINGS_FOR_EVER, ECHO)
            asking = [asyncio.create_task(running.post(number)) for number in numbers]
            moments = ["dialling", "ringing", "answered"]
            await until(lambda: [state_of(switch, number) for number in numbers] == moments)
            await running.kill()
            for task in asking:
                task.cancel()
            await until(lambda: len(switch.clients) == 0)
            cap = (21 + 20 + 5) / switch.speed
            await until(lambda: probe_legs(switch) == [], cap + 1)
        # Nobody was left to end them.
        assert not [line for line in switch.commands_seen if "uuid_kill" in line]
        assert sum(" originate " in line for line in switch.commands_seen) == 3


async def test_the_next_process_ends_what_this_one_left_and_nothing_else(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02, speed=1.0) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        slow = {"destination": RINGS_FOR_EVER, "ring_timeout": "60s"}
        config = write_config(tmp_path, switch.port, {"probe": slow})
        async with daemon(config) as first:
            await first.post(RINGS_FOR_EVER)
            await until(lambda: any(leg.times["progress"] for leg in switch.legs.values()))
            await first.kill()
        left = probe_legs(switch)
        assert len(left) == 1
        others = {
            dial_on(switch, new_call_id("0000", 600)),
            dial_on(switch, "8a3641a0-c707-42e7-9fb2-21ad4ef527ab"),
        }
        async with daemon(config):
            await until(lambda: set(switch.legs) == others)
        kills = {line for line in switch.commands_seen if "uuid_kill" in line}
        assert kills == {f"api uuid_kill {left[0]} MANAGER_REQUEST"}


async def test_a_daemon_that_is_asked_to_stop_hangs_up_first(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02, speed=1.0) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write_config(tmp_path, switch.port, {"probe": {"destination": ECHO, "talk_time": "60s"}})
        async with daemon(config) as running:
            await running.post(ECHO)
            await until(lambda: any(leg.times["answered"] for leg in switch.legs.values()))
            began = asyncio.get_running_loop().time()
            assert await running.terminate() == 0
            assert asyncio.get_running_loop().time() - began < 6
            assert probe_legs(switch) == []


async def test_processes_after_each_other_spend_one_budget(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02, speed=1.0) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write_config(
            tmp_path, switch.port, {"probe": {"destination": ECHO}}, max_calls_per_day=2, max_concurrent=10
        )
        answers = []
        for number in range(3):
            async with daemon(config) as running:
                answers.append((await running.post(f"+155500000{number + 10}"))[0])
                await running.kill()
        assert answers == [202, 202, 429]
        assert sum(" originate " in line for line in switch.commands_seen) == 2
