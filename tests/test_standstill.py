"""A daemon that was stopped (SIGSTOP) and continues lets FreeSWITCH go before it reads what piled up.

A process of its own is stopped for longer than the watchdog allows while the switch sends megabytes of
events. The limits of the watchdog and of the pauses between attempts are shortened, so that twenty trials
take a minute.
"""

import asyncio
import sys
from pathlib import Path

import pytest
import yaml

from exporter.simulator import SimulatedSwitch
from tests.support.daemon import daemon
from tests.support.runtime import until
from tests.support.standstill import HASTY, STUCK, connected, stopped

TRIALS = 10  # of each kind
EVENTS = 6_000  # about 4 MB
STALLED = 'freeswitch_events_dropped_total{node="fs1",reason="loop_stalled"}'
FLOODED = 'freeswitch_events_total{node="fs1",event="CHANNEL_PROGRESS"}'


def flood(switch: SimulatedSwitch) -> None:
    for number in range(EVENTS):
        switch.core.fire("CHANNEL_PROGRESS", [("Unique-ID", f"00000000-0000-4000-8000-{number:012}")])


@pytest.mark.parametrize("busy", [False, True], ids=["idle", "in the middle of events"])
async def test_the_first_thing_after_a_standstill_is_to_let_freeswitch_go(tmp_path: Path, busy: bool) -> None:
    config = tmp_path / "exporter.yml"
    async with SimulatedSwitch(tick=0.05) as switch:
        node = {"name": "fs1", "port": switch.port}
        config.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], "nodes": [node]}))
        async with daemon(config, program=(sys.executable, "-c", HASTY)) as running:
            for trial in range(TRIALS):
                await connected(running)
                stalled, read = await running.metric(STALLED), await running.metric(FLOODED)
                clients = set(switch.clients)
                if busy:
                    flood(switch)
                    await asyncio.sleep(0.05)
                async with stopped(running):
                    flood(switch)
                    await asyncio.sleep(2 * STUCK)
                await until(lambda gone=clients: not gone & switch.clients)  # type: ignore[misc]
                await connected(running)
                assert await running.metric(STALLED) == stalled + 1, f"trial {trial}"
                if not busy:
                    assert await running.metric(FLOODED) == read, f"trial {trial}: read before it let go"
