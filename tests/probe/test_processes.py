"""What becomes of calls and money when the daemon dies: real processes, killed with -9."""

import asyncio
from pathlib import Path

import pytest

from exporter.probe.callid import new_call_id
from exporter.simulator import SimulatedSwitch
from tests.probe.daemons import daemon, write_config
from tests.probe.lab import until
from tests.probe.test_sweep import dial_on

RINGS_FOR_EVER = "+15550000003"
ECHO = "+15550000001"
NO_ANSWER_AT_ALL = "+15550000036"


def probe_legs(switch: SimulatedSwitch) -> list[str]:
    return [uuid for uuid in switch.legs if uuid.startswith("70726f62")]


def states(switch: SimulatedSwitch) -> set[str]:
    return {leg.answer_state for uuid, leg in switch.legs.items() if uuid in probe_legs(switch)}


@pytest.mark.parametrize(
    ("number", "moment"),
    [
        (RINGS_FOR_EVER, "ringing"),
        (ECHO, "talking"),
        (NO_ANSWER_AT_ALL, "accepted"),
    ],
)
async def test_no_call_outlives_a_daemon_that_is_killed(tmp_path: Path, number: str, moment: str) -> None:
    async with SimulatedSwitch(tick=0.02, speed=8.0) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write_config(
            tmp_path, switch.port, {"probe": {"destination": number, "ring_timeout": "10s"}}
        )
        async with daemon(config) as running:
            asking = asyncio.create_task(running.post(number))
            if moment == "accepted":
                await until(lambda: any("originate" in line for line in switch.commands_seen))
            elif moment == "ringing":
                await until(lambda: any(leg.times["progress"] for leg in switch.legs.values()))
            else:
                await until(lambda: any(leg.times["answered"] for leg in switch.legs.values()))
            await running.kill()
            asking.cancel()
            await until(lambda: len(switch.clients) == 0)
            cap = (11 + 5 + 5) / switch.speed
            await until(lambda: probe_legs(switch) == [], cap + 1)
        assert not [
            line for line in switch.commands_seen if "uuid_kill" in line
        ]  # nobody was left to send one
        assert sum("originate" in line for line in switch.commands_seen) == 1


async def test_the_next_life_ends_what_this_one_left_and_nothing_else(tmp_path: Path) -> None:
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


async def test_ten_lives_spend_one_budget(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02, speed=1.0) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = write_config(
            tmp_path, switch.port, {"probe": {"destination": ECHO}}, max_calls_per_day=5, max_concurrent=10
        )
        answers = []
        for number in range(10):
            async with daemon(config) as running:
                answers.append((await running.post(f"+155500000{number + 10}"))[0])
                await running.kill()
        assert answers == [202] * 5 + [429] * 5
        assert sum("originate" in line for line in switch.commands_seen) == 5
