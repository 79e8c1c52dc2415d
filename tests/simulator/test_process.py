"""The simulator as a process of its own, and the demo's scene."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from exporter.simulator.demo import demo_switch
from tests.simulator.wire import Wire


class Process:
    """A simulator that runs in a process of its own."""

    def __init__(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.port = port
        self._reader = reader
        self._writer = writer

    async def pull(self, *words: Any) -> Any:
        """One line to the control port; its answer."""
        self._writer.write(json.dumps(words).encode() + b"\n")
        async with asyncio.timeout(5):
            return json.loads(await self._reader.readline())


@asynccontextmanager
async def process(*options: str) -> AsyncIterator[Process]:
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter.simulator", "--with-parent", *options),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdout is not None
    assert child.stdin is not None
    async with asyncio.timeout(20):
        ports = json.loads(await child.stdout.readline())
    reader, writer = await asyncio.open_connection("127.0.0.1", ports["control"])
    try:
        yield Process(ports["port"], reader, writer)
    finally:
        writer.close()
        child.stdin.close()
        async with asyncio.timeout(10):
            assert await child.wait() == 0


async def test_a_process_obeys_its_control_port_and_ends_with_its_parent() -> None:
    async with process("--tick", "0.02") as simulator:
        wire = await Wire.open(simulator.port)
        assert (await wire.api("status")).startswith("UP ")
        assert await simulator.pull("limit_sessions", 0) == {"ok": None}
        assert await wire.api("originate sofia/gateway/telnyx/+15550000002 &park") == (
            "-ERR DESTINATION_OUT_OF_ORDER\n"
        )
        assert await simulator.pull("provider", "telnyx", "rejects", 401, "Unauthorized") == {"ok": None}
        assert await simulator.pull("gateway", "telnyx", "ask_register") == {"ok": None}
        state = (await simulator.pull("state"))["ok"]
        assert state["gateways"].keys() == {"telnyx"}
        assert state["commands"][0] == "api status"
        assert "error" in await simulator.pull("stop")
        assert "error" in await simulator.pull("provider", "nosuch", "rejects")
        assert await simulator.pull("restart") == {"ok": None}
        await wire.until(lambda: wire.closed)
        assert "0 session(s) since" in await (await Wire.open(simulator.port)).api("status")


async def test_the_demo_has_four_kinds_of_gateway_and_calls_within_seconds() -> None:
    async with demo_switch(rate=12) as switch:
        wire = await Wire.open(switch.port)
        await wire.reply("event plain CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE")
        await switch.gateway_reaches("telnyx", "REGED")
        await switch.gateway_reaches("rejected", "FAIL_WAIT")
        await switch.gateway_reaches("flapping", "FAIL_WAIT")
        assert (switch.gateway("unmonitored").state, switch.gateway("unmonitored").config.ping) == (
            "NOREG",
            0,
        )

        def causes() -> set[str]:
            return {seen.get("Hangup-Cause") for seen in wire.events()} - {""}

        await wire.until(lambda: len(causes()) >= 3, 15)
        await wire.until(lambda: any(seen.name == "CHANNEL_ANSWER" for seen in wire.events()), 15)
        gateways = {seen.get("variable_sip_gateway_name") for seen in wire.events()}
        assert "telnyx" in gateways


async def test_a_seed_tells_the_same_story_again() -> None:
    async def story() -> list[str]:
        async with demo_switch(rate=30, seed=3) as switch:
            await switch.until(lambda: len(switch.legs) >= 5, 10)
            return [leg.number for leg in list(switch.legs.values())[:3]]

    assert await story() == await story()
