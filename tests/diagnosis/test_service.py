"""The daemon's diagnoses: recent, shared by all who ask, and waiting only for who asks them to."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import msgspec
import pytest

from exporter.clock import Clock
from exporter.config import Config, GatewayConfig, HistoryConfig, NodeConfig, ProbeConfig
from exporter.diagnosis.call_window import NOTE_EVERY, CallWindow
from exporter.diagnosis.finding import Finding
from exporter.diagnosis.service import BACKEND_EVERY, FRESH, DiagnosisService
from exporter.diagnosis.snapshot import ReloadSeen
from exporter.executors import Executors
from exporter.history.history import History
from exporter.probe.probes import Probes
from exporter.probe.record import CallRecord
from exporter.simulator import FarEnd, SimulatedSwitch, refuses
from exporter.watch.node import Node
from tests.support.no_look_up import no_look_up


class SetForward(Clock):
    """The machine's clock, and the seconds by which a test has set it forward."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@asynccontextmanager
async def watching(
    config: Config | None = None, clock: Clock | None = None, probes: Probes | None = None
) -> AsyncIterator[tuple[SimulatedSwitch, Node, DiagnosisService]]:
    async with SimulatedSwitch(tick=0.05, speed=10) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        node_config = NodeConfig(
            name="fs1", port=switch.port, gateways={"telnyx": GatewayConfig(provider="telnyx")}
        )
        executors = Executors()
        history = History(HistoryConfig(), None, clock or Clock(), executors.history)
        history.start()
        observer = history.observer("fs1")
        node = Node(node_config, "ab12", clock=Clock(), look_up=no_look_up, observer=observer)
        history.attach(node)
        whole = msgspec.structs.replace(config or Config(), nodes=(node_config,))
        service = DiagnosisService(
            lambda: [node],
            lambda: whole,
            probes or await Probes.open(None, "ab12", Clock(), executors.disk),
            history,
            lambda: ReloadSeen(refused=False, loaded_at=0.0),
            clock=clock or Clock(),
            names=executors.names,
        )
        running = asyncio.ensure_future(service.run())
        node.start()
        try:
            await switch.until(lambda: node.connected)
            yield switch, node, service
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await node.stop()
            await history.stop()
            executors.shutdown()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110 - what is waited for signals nothing
            await asyncio.sleep(0.01)


async def test_all_who_ask_at_once_get_one_answer_and_later_ones_a_new_one() -> None:
    clock = SetForward()
    async with watching(clock=clock) as (_, _, service):
        first, second = await asyncio.gather(service.diagnoses(), service.diagnoses())
        assert first is second
        clock.ahead += FRESH
        assert await service.diagnoses() is not first


async def test_no_command_goes_to_freeswitch() -> None:
    clock = SetForward()
    async with watching(clock=clock) as (switch, _, service):
        for _ in range(3):
            clock.ahead += FRESH
            assert (await service.diagnoses())[0].conclusion.status == "pass"
        assert not [seen for seen in switch.commands_seen if seen.startswith(("log", "api sofia profile"))]


async def test_the_skipped_log_and_call_have_their_reasons() -> None:
    async with watching() as (_, _, service):
        findings = {finding.check: finding for finding in (await service.diagnoses())[0].findings}
    assert "log_stream is off" in findings["log"].seen
    assert findings["call"].status == "not_checked"


async def test_the_log_that_the_node_reads_is_checked() -> None:
    clock = SetForward()
    async with watching(clock=clock) as (switch, node, service):
        node.read_log("warning")
        await until(lambda: node.known.log.closed_because == "")
        switch.log("err", "mod_sofia.c", "sofia_outgoing_channel", 4830, "Invalid Gateway 'nosuch'")
        await until(lambda: node.known.log.events["invalid_gateway"] == 1)
        [finding] = [one for one in (await service.diagnoses())[0].findings if one.check == "log"]
    assert (finding.status, finding.fault) == ("warn", "logged_errors")
    assert "Invalid Gateway 'nosuch'" in finding.private


async def test_a_lasting_outage_has_its_past_and_the_change_before_it() -> None:
    async with watching() as (switch, _, service):
        switch.reload_xml()
        switch.provider("telnyx").rejects(403, "Forbidden")

        async def told() -> list[Finding]:
            findings = (await service.diagnoses())[0].findings
            return [finding for finding in findings if finding.check == "registration" and finding.lasting]

        async with asyncio.timeout(30):  # the registration is renewed, and an outage is one after 3 s
            while not (found := await told()):  # noqa: ASYNC110 - what is waited for signals nothing
                await asyncio.sleep(0.1)
        (finding,) = found
    assert finding.lasting is not None
    assert finding.lasting.times_today == finding.lasting.times_last_day == 1
    assert [change.what for change in finding.lasting.changes] == ["xml_reloaded", "exporter_started"]
    assert ", first time today; XML was reloaded " in finding.lasting.text


async def test_a_healthy_gateway_and_switch_are_up_since() -> None:
    async with watching() as (_, _, service):
        findings = {finding.check: finding for finding in (await service.diagnoses())[0].findings}
    assert "up for at least 0 s" in findings["registration"].seen
    assert findings["port"].seen == "connected for at least 0 s"


async def test_the_application_is_asked_in_the_background_and_only_who_waits_waits() -> None:
    asked = answered = 0
    may_answer = asyncio.Event()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked, answered
        asked += 1
        await reader.readuntil(b"\r\n\r\n")
        await may_answer.wait()
        body = b'{"connected": true, "message": "ok"}'
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s" % (len(body), body)
        )
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        answered += 1

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    clock = SetForward()
    async with watching(Config(backend_url=url), clock) as (_, _, service):

        async def backend(*, wait: bool) -> str:
            findings = (await service.diagnoses(wait=wait))[0].findings
            return next(finding.status for finding in findings if finding.check == "backend")

        assert await backend(wait=False) == "not_checked"
        waiting = asyncio.create_task(backend(wait=True))
        clock.ahead += FRESH
        assert await backend(wait=False) == "not_checked"
        assert not waiting.done()
        may_answer.set()
        assert await waiting == "pass"
        clock.ahead += FRESH
        assert await backend(wait=False) == "pass"
        assert asked == 1
        clock.ahead += BACKEND_EVERY
        await backend(wait=False)
        await until(lambda: asked == 2)
    server.close()
    await until(lambda: answered == 2)


async def test_other_tasks_run_between_nodes() -> None:
    """Many nodes must not hold up the events of one."""
    turns = 0

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    nodes = [
        Node(NodeConfig(name=f"fs{number}"), "ab12", clock=Clock(), look_up=no_look_up)
        for number in range(50)
    ]
    whole = Config(nodes=tuple(node.config for node in nodes))
    executors = Executors()
    probes = await Probes.open(None, "ab12", Clock(), executors.disk)
    history = History(HistoryConfig(), None, Clock(), executors.history)
    service = DiagnosisService(
        lambda: nodes,
        lambda: whole,
        probes,
        history,
        lambda: ReloadSeen(refused=False, loaded_at=0.0),
        clock=Clock(),
        names=executors.names,
    )
    counting = asyncio.create_task(count())
    assert len(await service.diagnoses()) == len(nodes)
    counting.cancel()
    await probes.stop()
    assert turns > 2 * len(nodes)


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
async def test_the_last_run_of_a_probe_counts_while_it_is_evidence(
    probe: ProbeConfig, result: str, age: float, status: str
) -> None:
    config = Config(probes={"echo": probe})
    probes = await Probes.open(None, "ab12", Clock(), Executors().disk)
    async with watching(config, probes=probes) as (_, node, service):
        probes.stats.configure(msgspec.structs.replace(config, nodes=(node.config,)))
        probes.stats.recall(ran(result, Clock().epoch() - age))
        findings = (await service.diagnoses())[0].findings
        assert next(finding.status for finding in findings if finding.check == "call") == status
    await probes.stop()


async def test_recent_means_the_window_and_not_since_the_start() -> None:
    async with watching() as (switch, node, _):
        window = CallWindow(0.0)

        def place(far_end: FarEnd) -> None:
            switch.calls.outbound("telnyx", "+15550000099", far_end, caller="+15550000098", seconds=1)

        place(refuses(403, "User channel limit exceeded D1"))
        await until(lambda: bool(node.calls.stats["telnyx", "outbound"].hangups))
        (calls,) = window.calls(node, 10.0).calls
        assert (dict(calls.codes), dict(calls.causes), calls.answered) == ({"D1": 1}, {"CALL_REJECTED": 1}, 0)
        for now in (NOTE_EVERY, 2 * NOTE_EVERY, 3 * NOTE_EVERY):
            window.note(node, now)
        later = window.calls(node, 3 * NOTE_EVERY + 10)
        assert later.calls == ()
        assert later.seconds == 2 * NOTE_EVERY + 10
        place(FarEnd(answer=0.1))
        await until(lambda: len(node.calls.stats["telnyx", "outbound"].hangups) == 2)
        (calls,) = window.calls(node, 3 * NOTE_EVERY + 20).calls
        assert (calls.answered, dict(calls.codes)) == (1, {})


async def test_dials_to_no_gateway_are_told_from_those_to_one_that_is_down() -> None:
    """Both leave a dropped session; FreeSWITCH counts those of a gateway, and its list has the count."""
    async with watching() as (switch, node, _):
        window = CallWindow(0.0)

        def dial(gateway: str) -> None:
            switch.calls.outbound(
                gateway, "+15550000099", FarEnd(answer=0.1), caller="+15550000098", seconds=1
            )

        await until(lambda: node.last_poll_epoch > 0)
        dial("telnix")
        await until(lambda: node.calls.refused_locally == 1)
        assert window.calls(node, 10.0).refused_unnamed == 1  # at once: no gateway is down
        switch.provider("telnyx").rejects(403, "Forbidden")
        switch.gateway("telnyx").ask_register()
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        for _ in range(3):
            dial("telnyx")
        dial("telnix")
        await until(lambda: node.calls.refused_locally == 5)
        node.gateways.want_list()  # its counts are in the list
        await until(lambda: node.known.refused_at_list == 5)
        assert window.calls(node, 20.0).refused_unnamed == 2
