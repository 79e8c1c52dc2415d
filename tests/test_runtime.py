"""The daemon as a process: it starts, serves, reloads and stops, and reports why it cannot start."""

import asyncio
import json
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.simulator import SimulatedSwitch
from tests.support.daemon import SECONDS, daemon


def write(folder: Path, *ports: int, **more: Any) -> Path:
    path = folder / "exporter.yml"
    nodes = [{"name": f"fs{n}", "port": port} for n, port in enumerate(ports, 1)]
    path.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], "nodes": nodes, **more}))
    return path


async def run_to_the_end(*arguments: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await asyncio.wait_for(process.communicate(), SECONDS)
    assert process.returncode is not None
    return process.returncode, output.decode()


async def test_it_serves_before_its_switch_runs_and_connects_once_it_does(tmp_path: Path) -> None:
    switch = SimulatedSwitch(tick=0.05)
    await switch.start()
    await switch.refuse_connections()
    async with daemon(write(tmp_path, switch.port)) as running:
        await running.logged("not connected")
        status, text = await running.get("/api/calls/health")
        assert status == 503
        assert json.loads(text)["connected"] is False
        assert (await running.get("/-/ready"))[0] == 200, "it has tried"
        await switch.accept_connections()
        await running.logged("connected")
        assert (await running.get("/api/calls/health"))[0] == 200
        assert await running.metric("freeswitch_up") == 1
    await switch.stop()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_it_with_exit_code_0(tmp_path: Path, number: signal.Signals) -> None:
    async with SimulatedSwitch(tick=0.05) as switch, daemon(write(tmp_path, switch.port)) as running:
        await running.logged("connected")
        running.process.send_signal(number)
        assert await asyncio.wait_for(running.process.wait(), SECONDS) == 0
        await switch.until(lambda: not switch.clients)


async def test_a_reload_keeps_what_it_does_not_change(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05) as first, SimulatedSwitch(tick=0.05) as second:
        config = write(tmp_path, first.port)
        async with daemon(config) as running:
            await running.logged("connected")
            loaded = await running.metric("freeswitch_exporter_config_last_reload_success_timestamp_seconds")
            write(tmp_path, first.port, second.port)
            running.process.send_signal(signal.SIGHUP)
            await running.logged("config reloaded")
            await second.until(lambda: len(second.clients) >= 2)
            assert (
                await running.metric('freeswitch_connection_attempts_total{node="fs1",outcome="connected"}')
                == 1
            )
            assert (
                await running.metric("freeswitch_exporter_config_last_reload_success_timestamp_seconds")
                > loaded
            )
            write(tmp_path, second.port)
            async with running.client.post(running.base + "/-/reload") as response:
                assert response.status == 200
            await first.until(lambda: not first.clients)


async def test_a_bad_file_keeps_the_old_config(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        config = write(tmp_path, switch.port)
        async with daemon(config) as running:
            await running.logged("connected")
            config.write_text("nodes: [{name: fs1, prot: 8021}]")
            running.process.send_signal(signal.SIGHUP)
            refused = await running.logged("reload refused, the old config stays in force")
            assert "prot" in str(refused["problems"])
            assert await running.metric("freeswitch_exporter_config_last_reload_successful") == 0
            assert await running.metric("freeswitch_up") == 1
            write(tmp_path, switch.port)
            running.process.send_signal(signal.SIGHUP)
            await running.logged("config reloaded")
            assert await running.metric("freeswitch_exporter_config_last_reload_successful") == 1


async def test_the_password_is_in_no_line_of_the_log(tmp_path: Path) -> None:
    secret = "s3cr3t-Event-Socket"
    async with SimulatedSwitch(tick=0.05) as switch:
        config = tmp_path / "exporter.yml"
        node = {"port": switch.port, "password": secret}
        config.write_text(
            yaml.safe_dump({"listen": ["127.0.0.1:0"], "log": {"level": "debug"}, "nodes": [node]})
        )
        async with daemon(config) as running:
            await running.logged("not connected")
            switch.change_password(secret)
            await running.logged("connected")
            assert secret not in json.dumps(running.lines)
            assert secret not in (await running.get("/"))[1]
            assert secret not in (await running.get("/metrics"))[1]


async def test_an_address_in_use_is_a_clear_error(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, output = await run_to_the_end("serve", "--listen", f"127.0.0.1:{port}")
    assert code == 2
    assert str(port) in output
    assert "Traceback" not in output


async def test_a_state_dir_that_cannot_be_used_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = write(tmp_path, 1, state_dir=str(tmp_path / "file" / "state"))
    code, output = await run_to_the_end("serve", "--config", str(config))
    assert code == 2
    assert "state_dir" in output
    assert "Traceback" not in output
