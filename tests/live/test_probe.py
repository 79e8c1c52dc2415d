"""Probe calls on a real FreeSWITCH: the lab's numbers, and daemons killed in the middle of a call."""

import asyncio
import re
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import pytest
import yaml

from exporter import names
from exporter.clock import Clock
from exporter.config.model import Config, Expect, GatewayConfig, GuardConfig, NodeConfig, ProbeConfig
from exporter.executors import Executors
from exporter.probe.admission import CallRequest
from exporter.probe.probes import Probes
from exporter.probe.record import CallRecord
from exporter.watch.node import Node
from tests.live.lab import Lab
from tests.probe.daemons import daemon
from tests.probe.lab import until

pytestmark = pytest.mark.live

NORMAL = "NORMAL_CLEARING"


class Row(NamedTuple):
    """A number of the lab (its last two digits), and the result of a call to it."""

    number: str
    result: str
    phase: str | None
    cause: str
    sip: int | None
    words: str


ECHO = [
    Row("01", "success", None, NORMAL, 200, "packets received"),
    Row("02", "failed", "originate", "USER_BUSY", 486, "SIP 486 Busy Here"),
    Row("03", "failed", "ringing", "NO_ANSWER", None, "nobody answered"),
    Row("04", "failed", "originate", "UNALLOCATED_NUMBER", 404, "SIP 404"),
    Row("05", "failed", "originate", "CALL_REJECTED", 403, "SIP 403 Forbidden"),
    Row("06", "failed", "originate", "NORMAL_TEMPORARY_FAILURE", 503, "SIP 503 Service Unavailable"),
    Row("07", "failed", "media", NORMAL, 200, "Answered, but silent: 0 packets received"),
    Row("08", "success", None, NORMAL, 200, "packets received"),
    Row("09", "failed", "hangup", NORMAL, 200, "The far end hung up 2.0 s after its answer"),
    Row("10", "success", None, NORMAL, 200, "packets received"),
    Row("11", "failed", "originate", "CALL_REJECTED", 603, "SIP 603 Decline"),
    Row("12", "failed", "originate", "NO_USER_RESPONSE", 480, "SIP 480"),
    Row("13", "failed", "originate", "NORMAL_TEMPORARY_FAILURE", 500, "SIP 500"),
    Row("14", "failed", "originate", "CALL_REJECTED", 402, "SIP 402 Payment Required"),
    Row("21", "failed", "originate", "CALL_REJECTED", 403, "User channel limit exceeded D1: "),
    Row("22", "failed", "originate", "UNALLOCATED_NUMBER", 404, "Account blocked D19: "),
    Row("23", "failed", "originate", "CALL_REJECTED", 403, "Caller Origination Number is Invalid D35: "),
    Row("24", "success", None, NORMAL, 200, "packets received"),
]
TONE = [
    Row("01", "success", None, NORMAL, 200, "packets received"),
    Row("07", "failed", "media", NORMAL, 200, "silent"),
    Row("08", "success", None, NORMAL, 200, "packets received"),
    Row("10", "failed", "media", NORMAL, 200, "plays the test tone itself"),
    Row("24", "success", None, NORMAL, 200, "packets received"),
]


class Live:
    """The watched switch of the lab, with probes that call its numbers."""

    def __init__(self, node: Node, probes: Probes, nodes: tuple[NodeConfig, ...]) -> None:
        self.node = node
        self.probes = probes
        self._nodes = nodes

    async def call(self, rows: list[Row], **changes: Any) -> dict[str, CallRecord]:
        """Call all numbers at once; their records by number."""
        probes = {row.number: probe(row.number, **changes) for row in rows}
        guard = GuardConfig(allow=("+155500000*",), min_interval=0.0, max_concurrent=len(rows))
        config = Config(nodes=self._nodes, probes=probes, guard=guard)
        self.probes.configure(config, {"lab": self.node})
        answers = await asyncio.gather(
            *(self.probes.runner.probe(CallRequest(probe=name)) for name in probes)
        )
        return {name: answer.record for name, answer in zip(probes, answers, strict=True)}


def probe(number: str, **changes: Any) -> ProbeConfig:
    fields: dict[str, Any] = {"gateway": "telnyx", "caller_id": "+19495431333"}
    fields |= {"ring_timeout": 4.0, "talk_time": 5.0} | changes
    return ProbeConfig(name=number, node="lab", destination=f"+155500000{number}", **fields)


@pytest.fixture
async def live(lab: Lab) -> AsyncIterator[Live]:
    gateways = {"telnyx": GatewayConfig(provider="telnyx")}
    nodes = (NodeConfig(name="lab", host=lab.host, port=lab.port, gateways=gateways),)
    executors = Executors()
    node = Node(nodes[0], "beef", clock=Clock(), look_up=partial(names.look_up, executors.names))
    probes = await Probes.open(None, "beef", Clock(), executors.disk)
    node.start()
    try:
        await until(lambda: node.connected)
        await probes.start(Config(nodes=nodes), {"lab": node})
        yield Live(node, probes, nodes)
        await no_channels(lab)
    finally:
        await probes.stop()
        await node.stop()


async def no_channels(lab: Lab, seconds: float = 5.0) -> None:
    """Wait until `show channels count` is 0; it lags the last hang-up by up to 2 s."""

    async def quiet() -> bool:
        return await lab.channels() == 0

    await lab.until("no channel is left", quiet, seconds)


def check(rows: list[Row], records: dict[str, CallRecord]) -> None:
    came_to = {
        row.number: (
            (record := records[row.number]).result,
            record.failed_phase,
            record.cause,
            record.sip_code,
            row.words if row.words in record.message else record.message,
        )
        for row in rows
    }
    assert came_to == {row.number: tuple(row[1:]) for row in rows}


async def test_every_number_of_the_lab(live: Live) -> None:
    records = await live.call(ECHO)
    check(ECHO, records)
    for number in ("01", "08", "10", "24"):
        media = records[number].media
        assert media is not None
        assert media.packets_received >= 230, number
        assert media.packets_sent >= 245, number
    assert records["08"].early_media
    assert records["08"].answer_seconds == pytest.approx(2.04, abs=0.3)
    code = records["21"].provider_code
    assert code is not None
    assert (code.code, code.class_) == ("D1", "capacity")
    assert records["03"].phases["ringing"] == pytest.approx(4.5, abs=1.0)


async def test_the_tone_returns_from_an_echo_and_from_an_own_number(live: Live) -> None:
    records = await live.call(TONE, application="tone")
    check(TONE, records)
    for number in ("01", "08", "24"):
        tone = records[number].tone
        assert tone is not None
        assert tone.returned
        assert tone.round_trip_seconds is not None
        assert tone.round_trip_seconds <= 0.1


async def test_a_rejection_may_be_expected(live: Live) -> None:
    record = (await live.call([ECHO[1]], expect=Expect(result="rejected", sip=486)))["02"]
    assert record.result == "success"


async def test_freeswitchs_own_refusals(live: Live) -> None:
    row = Row("01", "failed", "originate", "INVALID_GATEWAY", None, "FreeSWITCH itself refused the call")
    check([row], await live.call([row], gateway="nosuch"))
    row = row._replace(cause="GATEWAY_DOWN")
    check([row], await live.call([row], gateway="noreg"))


async def test_a_cancelled_call_is_hung_up(live: Live, lab: Lab) -> None:
    running = asyncio.create_task(live.call([ECHO[2]], ring_timeout=60.0))
    await until(lambda: any(run.record.status == "ringing" for run in live.probes.runner._runs.values()))
    running.cancel()
    await until(lambda: not live.probes.runner.under_way())
    await no_channels(lab)


def write(folder: Path, lab: Lab, number: str, ring_timeout: str) -> Path:
    """A config file with one probe of that number."""
    config = folder / "exporter.yml"
    config.write_text(
        yaml.safe_dump(
            {
                "listen": ["127.0.0.1:0"],
                "state_dir": str(folder / "state"),
                "nodes": [{"name": "lab", "host": lab.host, "port": lab.port, "gateways": {"telnyx": {}}}],
                "probes": {
                    "probe": {
                        "gateway": "telnyx",
                        "destination": f"+155500000{number}",
                        "ring_timeout": ring_timeout,
                        "talk_time": "4s",
                    }
                },
                "guard": {"allow": ["+155500000*"], "min_interval": "0s"},
            }
        )
    )
    return config


@pytest.mark.parametrize(
    ("number", "status"), [("03", "ringing"), ("01", "answered"), ("01", "initiated"), ("24", "answered")]
)
async def test_a_daemon_that_is_killed_leaves_no_call(
    lab: Lab, tmp_path: Path, number: str, status: str
) -> None:
    config = write(tmp_path, lab, number, "3s")
    async with daemon(config) as running:
        uuid = (await running.post(f"+155500000{number}"))[1]["callUuid"]
        while status not in ("initiated", _status(await running.get(f"/api/calls/{uuid}"))):  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await running.kill()
    assert await lab.cli(f"uuid_exists {uuid}") == "true"
    await no_channels(lab, 4 + 4 + 5 + 3)  # the call's own limits, and the lag of the list


async def test_the_next_life_ends_what_this_one_left_and_nothing_else(lab: Lab, tmp_path: Path) -> None:
    config = write(tmp_path, lab, "03", "60s")
    ordinary = str(uuid4())
    await lab.dial("01", talk=30, uuid=ordinary)
    async with daemon(config) as running:
        left = (await running.post("+15550000003"))[1]["callUuid"]
        while _status(await running.get(f"/api/calls/{left}")) != "ringing":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await running.kill()
    assert await lab.cli(f"uuid_exists {left}") == "true"
    async with daemon(config):

        async def ended() -> bool:
            return await lab.cli(f"uuid_exists {left}") == "false"

        await lab.until("the leftover is ended", ended, 10)
    assert await lab.cli(f"uuid_exists {ordinary}") == "true"


async def test_a_daemon_that_is_asked_to_stop_hangs_up_first(lab: Lab, tmp_path: Path) -> None:
    config = write(tmp_path, lab, "03", "60s")
    async with daemon(config) as running:
        placed = (await running.post("+15550000003"))[1]["callUuid"]
        while _status(await running.get(f"/api/calls/{placed}")) != "ringing":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        assert await running.terminate() == 0
    assert await lab.cli(f"uuid_exists {placed}") == "false"


def _status(answer: tuple[int, str]) -> str:
    match = re.search(r'"status":"(\w+)"', answer[1])
    return match[1] if match else ""
