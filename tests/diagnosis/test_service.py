"""The daemon's rounds: fresh, shared by all who ask, waiting for nobody who did not ask them to."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import msgspec
import pytest

from exporter.config import Config, GatewayConfig, NodeConfig, ProbeConfig
from exporter.diagnosis import check_calls
from exporter.diagnosis.check_calls import CallWindow
from exporter.diagnosis.service import DiagnosisService
from exporter.probe.probes import Probes
from exporter.probe.record import CallRecord
from exporter.simulator import FarEnd, SimulatedSwitch, refuses
from exporter.watch.node import Node


@asynccontextmanager
async def watching(
    config: Config | None = None,
) -> AsyncIterator[tuple[SimulatedSwitch, Node, DiagnosisService]]:
    async with SimulatedSwitch(tick=0.05, speed=10) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        node_config = NodeConfig(
            name="fs1", port=switch.port, gateways={"telnyx": GatewayConfig(provider="telnyx")}
        )
        node = Node(node_config, "ab12")
        whole = msgspec.structs.replace(config or Config(), nodes=(node_config,))
        walking = DiagnosisService(lambda: [node], lambda: whole, await Probes.open(None, "ab12"))
        running = asyncio.ensure_future(walking.run())
        node.start()
        try:
            await switch.until(lambda: node.connected)
            yield switch, node, walking
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await node.stop()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for signals nothing
            await asyncio.sleep(0.01)


async def test_all_who_ask_at_once_get_one_answer_and_later_ones_a_new_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(service, "FRESH", 0.2)
    async with watching() as (_, _, walking):
        first, second = await asyncio.gather(walking.diagnoses(), walking.diagnoses())
        assert first is second
        await asyncio.sleep(0.25)
        assert await walking.diagnoses() is not first


async def test_nothing_is_said_to_freeswitch() -> None:
    async with watching() as (switch, _, walking):
        heard = [
            command for command in switch.commands_seen if command.startswith(("log", "api sofia profile"))
        ]
        for _ in range(3):
            assert (await walking.diagnoses())[0].conclusion.status == "pass"
        assert heard == []


async def test_the_log_and_the_call_say_why_they_were_not_looked_at() -> None:
    async with watching() as (_, _, walking):
        findings = {finding.check: finding for finding in (await walking.diagnoses())[0].findings}
    assert "freeswitch-exporter doctor" in findings["log"].seen
    assert findings["call"].status == "not_checked"


async def test_the_application_is_asked_beside_and_only_who_waits_waits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = 0

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.sleep(0.2)
        body = b'{"connected": true, "message": "ok"}'
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
        )
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with watching(Config(backend_url=url)) as (_, _, walking):

        async def backend(*, wait: bool) -> str:
            findings = (await walking.diagnoses(wait=wait))[0].findings
            return next(finding.status for finding in findings if finding.check == "backend")

        began = time.monotonic()
        assert await backend(wait=False) == "not_checked"
        assert time.monotonic() - began < 0.2
        assert await backend(wait=True) == "pass"
        monkeypatch.setattr(service, "FRESH", 0.0)
        assert await backend(wait=False) == "pass"
        assert asked == 1
    server.close()


PROBE = ProbeConfig(name="echo", node="fs1", gateway="telnyx", destination="+15550000001")


def ran(result: str, started_at: float, probe: str = "echo") -> CallRecord:
    return CallRecord(
        call_uuid="70726f62-0000-4000-8000-000000000000",
        probe=probe,
        node="fs1",
        gateway="telnyx",
        destination="+15550000001",
        application="echo",
        own=True,
        started_at=started_at,
        ended_at=started_at + 1,
        status="ended",
        result=result,  # type: ignore[arg-type]
        cause="USER_BUSY",
    )


@pytest.mark.parametrize(
    ("probe", "result", "age", "status"),
    [
        (PROBE, "failed", 10.0, "fail"),
        (PROBE, "failed", 3600.0, "not_checked"),
        (msgspec.structs.replace(PROBE, interval=7200.0), "failed", 3600.0, "fail"),
        (PROBE, "success", 10.0, "pass"),
    ],
)
async def test_the_last_run_of_a_probe_counts_while_it_says_something_about_now(
    probe: ProbeConfig, result: str, age: float, status: str
) -> None:
    config = Config(probes={"echo": probe})
    async with watching(config) as (_, node, _):
        probes = await Probes.open(None, "ab12")
        whole = msgspec.structs.replace(config, nodes=(node.config,))
        probes.tally.configure(whole)
        probes.tally.recall(ran(result, time.time() - age))
        walking = DiagnosisService(lambda: [node], lambda: whole, probes)
        findings = (await walking.diagnoses())[0].findings
        assert next(finding.status for finding in findings if finding.check == "call") == status
        await probes.stop()


async def test_recent_means_the_window_and_not_since_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    async with watching() as (switch, node, _):
        window = CallWindow(0.0)

        def place(far_end: FarEnd) -> None:
            switch.calls.outbound("telnyx", "+15550000099", far_end, caller="+15550000098", seconds=1)

        place(refuses(403, "User channel limit exceeded D1"))
        await until(lambda: bool(node.calls.stats["telnyx", "outbound"].hangups))
        (calls,) = window.calls(node, 10.0).calls
        assert (dict(calls.codes), dict(calls.causes), calls.answered) == ({"D1": 1}, {"CALL_REJECTED": 1}, 0)
        for now in (check_calls.NOTE_EVERY, 2 * check_calls.NOTE_EVERY, 3 * check_calls.NOTE_EVERY):
            window.note(node, now)
        later = window.calls(node, 3 * check_calls.NOTE_EVERY + 10)
        assert later.calls == ()
        assert later.seconds == 2 * check_calls.NOTE_EVERY + 10
        place(FarEnd(answer=0.1))
        await until(lambda: len(node.calls.stats["telnyx", "outbound"].hangups) == 2)
        (calls,) = window.calls(node, 3 * check_calls.NOTE_EVERY + 20).calls
        assert (calls.answered, dict(calls.codes)) == (1, {})
