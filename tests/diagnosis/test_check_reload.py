"""Check 16: a refused reload is a warning of the first node, in the daemon and in the doctor that asks it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.diagnosis.asked import NotAsked
from exporter.diagnosis.asked_reload import ask_reload
from exporter.diagnosis.snapshot import ReloadSeen
from exporter.executors import Executors
from exporter.simulator import SimulatedSwitch
from tests.diagnosis.snapshots import one, snapshot
from tests.diagnosis.test_asked_past import config, page
from tests.diagnosis.test_command import doctor
from tests.support.daemon import daemon

AT = 1000.0


def written(path: Path, **settings: Any) -> Path:
    path.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], **settings}))
    return path


def test_a_refused_reload_is_a_warning_with_its_remedy() -> None:
    finding = one(snapshot(taken_at=AT, reload=ReloadSeen(True, AT - 7200)), "reload")
    assert (finding.status, finding.fault) == ("warn", "reload_refused")
    assert "the configuration loaded 2 h ago is still in force" in finding.summary
    assert finding.remedy.commands[0] == "freeswitch-exporter check-config"


def test_a_configuration_that_was_taken_is_no_problem() -> None:
    finding = one(snapshot(taken_at=AT, reload=ReloadSeen(False, AT - 60)), "reload")
    assert (finding.status, finding.summary) == ("pass", "The configuration in force was loaded 1 min ago")


def test_where_it_is_not_known_the_reason_is_shown() -> None:
    assert one(snapshot(reload=None), "reload").seen == "Shown with the first node"
    asked = snapshot(reload=None, unseen={"reload": "The running exporter was not asked"})
    assert one(asked, "reload").seen == "The running exporter was not asked"


@pytest.mark.parametrize(
    "body",
    [
        b"<html>another service</html>",
        b"freeswitch_exporter_config_last_reload_successful 1.0\n",
        (
            b"freeswitch_exporter_config_last_reload_successful x\n"
            b"freeswitch_exporter_config_last_reload_success_timestamp_seconds 1\n"
        ),
        b"\xff\xfe",
    ],
)
async def test_another_service_says_nothing_about_a_reload(body: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        page(body)(writer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        asked = config(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        with pytest.raises(NotAsked, match="does not answer as an exporter does"):
            await ask_reload(asked, Executors().history)


async def test_daemon_and_doctor_report_it_until_a_reload_succeeds(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        nodes = [{"name": "fs1", "port": switch.port}, {"name": "fs2", "port": switch.port}]
        good = written(tmp_path / "good.yml", nodes=nodes)
        served = written(tmp_path / "served.yml", nodes=nodes)
        async with daemon(served) as running:

            async def reports() -> list[list[tuple[str, str]]]:
                listen = running.base.removeprefix("http://")
                async with running.client.get(running.base + "/api/diagnosis") as response:
                    of_the_daemon = await response.text()
                _, of_the_doctor, _ = await doctor("--config", str(good), "--json", EXPORTER_LISTEN=listen)
                return [found(text) for text in (of_the_daemon, of_the_doctor)]

            async def both_report(*expected: tuple[str, str]) -> None:
                """Wait for it: the daemon's answer may be a second old."""
                async with asyncio.timeout(60):
                    while await reports() != [list(expected)] * 2:  # noqa: ASYNC110 - another process
                        await asyncio.sleep(0.1)

            async def reload() -> int:
                async with running.client.post(running.base + "/-/reload") as response:
                    return response.status

            await both_report(("pass", ""), ("not_checked", ""))
            served.write_text("nodes: [{name: fs1, prot: 8021}]")
            assert await reload() == 500
            await both_report(("warn", "reload_refused"), ("not_checked", ""))
            async with running.client.get(running.base + "/") as response:
                assert "The exporter refused its last reload" in await response.text()
            written(served, nodes=nodes)
            assert await reload() == 200
            await both_report(("pass", ""), ("not_checked", ""))


def found(report: str) -> list[tuple[str, str]]:
    """Status and fault of the reload, node by node."""
    return [
        (finding["status"], finding["fault"])
        for node in json.loads(report)["nodes"]
        for finding in node["findings"]
        if finding["check"] == "reload"
    ]
