"""Plans applied by a running daemon: failures, several reloads at once, stops, and what stays protected."""

import asyncio
import contextlib
import signal
import ssl
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import trustme
from structlog.testing import capture_logs

from exporter import cli
from exporter.config import ConfigError
from exporter.simulator import FarEnd, SimulatedSwitch
from exporter.web.tls import LoadedTls
from tests.support.runtime import USER, USER_HASH, Files, Running, running, until

RELOADED = (200, {"message": "The configuration was reloaded."})
SUCCESSFUL = "freeswitch_exporter_config_last_reload_successful"
NOBODY = {"name": "fs1", "port": 1}


def files_for(folder: Path, **more: Any) -> Files:
    return Files(folder, {"listen": ["127.0.0.1:0"], "nodes": [NOBODY], **more})


def add_node(files: Files, name: str = "fs2") -> None:
    files.document["nodes"].append({"name": name, "port": 1})
    files.write()


@pytest.fixture
async def daemon(tmp_path: Path) -> AsyncIterator[Running]:
    """A daemon whose FreeSWITCH is not there."""
    async with running(files_for(tmp_path)) as started:
        await until(lambda: started.daemon.nodes[0].tried)
        yield started


# -- failures


async def test_a_failure_puts_the_old_config_in_force_again(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bug in what is configured: all of it is as before, and the next reload succeeds."""
    probes = daemon.daemon._probes
    real, seen = probes.configure, []

    def configure(config: Any, nodes: Any) -> None:
        seen.append((config, set(nodes)))
        if len(seen) == 1:
            raise RuntimeError("a bug")
        real(config, nodes)

    monkeypatch.setattr(probes, "configure", configure)
    before, nodes = daemon.daemon.config, list(daemon.daemon.nodes)
    add_node(daemon.files)
    status, answer = await daemon.post("/-/reload")
    assert (status, answer["error"]) == (500, "internal")
    assert daemon.daemon.config is before
    assert list(daemon.daemon.nodes) == nodes
    assert seen[1] == (before, {"fs1"}), "the probes have the old config and nodes again"
    assert daemon.logged[-1] is before
    assert (await daemon.samples())[SUCCESSFUL] == 0
    assert await daemon.post("/-/reload") == RELOADED
    assert [node.name for node in daemon.daemon.nodes] == ["fs1", "fs2"]
    assert (await daemon.samples())[SUCCESSFUL] == 1


async def test_a_node_that_fails_to_stop_does_not_keep_the_reload_from_finishing(
    daemon: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_node(daemon.files)
    assert await daemon.post("/-/reload") == RELOADED
    first, second = daemon.daemon.nodes
    real = first.stop

    async def stop() -> None:
        await real()
        raise RuntimeError("a bug")

    monkeypatch.setattr(first, "stop", stop)
    daemon.files.document["nodes"] = [{"name": "fs3", "port": 1}]
    daemon.files.write()
    with capture_logs() as logged:
        assert await daemon.post("/-/reload") == RELOADED
    assert [entry["what"] for entry in logged if entry["event"] == "stop failed"] == ["node fs1"]
    assert [node.name for node in daemon.daemon.nodes] == ["fs3"]
    assert second._task is not None
    assert second._task.done()


async def test_a_certificate_that_is_gone_refuses_the_reload(tmp_path: Path) -> None:
    """Valid when the config was checked, gone when the plan is applied: nothing changes."""
    for name in ("one", "two"):
        issued = trustme.CA().issue_cert("127.0.0.1")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        issued.cert_chain_pems[0].write_to_path(tmp_path / f"{name}.crt")
    files = files_for(tmp_path)
    files.web = {"tls_server_config": {"cert_file": "one.crt", "key_file": "one.key"}}
    async with running(files, scheme="https") as secured:
        server = secured.daemon._server

        def served() -> LoadedTls:
            assert server._tls is not None
            return server._tls._loaded

        files.web = {"tls_server_config": {"cert_file": "two.crt", "key_file": "two.key"}}
        add_node(files)
        read = secured.daemon._read_config

        def read_and_lose() -> Any:
            config = read()
            (tmp_path / "two.crt").unlink()
            return config

        before = secured.daemon.config
        secured.daemon._read_config = read_and_lose
        with pytest.raises(ConfigError, match=r"tls_server_config cannot read .*two\.crt"):
            await secured.daemon.reload()
        assert secured.daemon.config is before
        assert [node.name for node in secured.daemon.nodes] == ["fs1"]
        (tmp_path / "two.crt").write_bytes((tmp_path / "one.crt").read_bytes())
        (tmp_path / "two.key").write_bytes((tmp_path / "one.key").read_bytes())
        secured.daemon._read_config = read
        old = served()
        await secured.daemon.reload()
        assert served() is not old
        assert [node.name for node in secured.daemon.nodes] == ["fs1", "fs2"]
        with pytest.raises(ssl.SSLError):
            await asyncio.open_connection(
                *secured.daemon.addresses[0], ssl=ssl.create_default_context(), server_hostname="127.0.0.1"
            )


# -- reading, and several at once


async def test_the_config_is_read_off_the_event_loop(daemon: Running) -> None:
    read = daemon.daemon._read_config
    threads = []

    def noting_read() -> Any:
        threads.append(threading.current_thread().name)
        return read()

    daemon.daemon._read_config = noting_read
    add_node(daemon.files)
    answers = await asyncio.gather(*[daemon.post("/-/reload") for _ in range(10)])
    await daemon.plan()
    assert answers == [RELOADED] * 10
    assert threads == ["disk 1"] * 11
    assert [node.name for node in daemon.daemon.nodes] == ["fs1", "fs2"]


async def test_of_two_reloads_the_second_sees_what_the_first_has_left(daemon: Running) -> None:
    """The second file is written while the first is being applied; its node is started only once."""
    node = daemon.daemon.nodes[0]
    real = node.stop
    stopping, go_on = asyncio.Event(), asyncio.Event()

    async def slow_stop() -> None:
        stopping.set()
        await go_on.wait()
        await real()

    node.stop = slow_stop  # type: ignore[method-assign]
    daemon.files.document["nodes"] = [{"name": "fs2", "port": 1}]
    daemon.files.write()
    first = asyncio.create_task(daemon.post("/-/reload"))
    await stopping.wait()
    add_node(daemon.files, "fs3")
    read = daemon.daemon._read_config
    was_read = threading.Event()

    def noting_read() -> Any:
        was_read.set()
        return read()

    daemon.daemon._read_config = noting_read
    second = asyncio.create_task(daemon.post("/-/reload"))
    await until(was_read.is_set)
    await daemon.daemon.executors.disk.run(int)  # the disk's one thread has finished reading
    await asyncio.gather(*[asyncio.sleep(0) for _ in range(10)])
    [kept] = daemon.daemon.nodes
    assert kept.name == "fs2", "the second plan waits until the first is applied"
    go_on.set()
    assert list(await asyncio.gather(first, second)) == [RELOADED, RELOADED]
    assert [node.name for node in daemon.daemon.nodes] == ["fs2", "fs3"]
    assert daemon.daemon.nodes[0] is kept


async def test_a_reload_goes_on_when_its_client_goes_away(daemon: Running) -> None:
    """It leaves while the old node is being stopped; the whole plan is applied, and the next one works."""
    node = daemon.daemon.nodes[0]
    real = node.stop
    stopping, go_on = asyncio.Event(), asyncio.Event()

    async def slow_stop() -> None:
        stopping.set()
        await go_on.wait()
        await real()

    node.stop = slow_stop  # type: ignore[method-assign]
    daemon.files.document["nodes"] = [{"name": "fs2", "port": 1}]
    daemon.files.write()
    asking = asyncio.create_task(daemon.post("/-/reload"))
    await stopping.wait()
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    connections = daemon.daemon._server._runner.server
    assert connections is not None
    await until(lambda: not connections.connections)
    go_on.set()
    await until(lambda: node._task is not None and node._task.done())
    await until(lambda: not daemon.daemon._tasks)
    assert [watched.name for watched in daemon.daemon.nodes] == ["fs2"]
    assert daemon.daemon._process.reload_successful
    assert await daemon.post("/-/reload") == RELOADED


async def test_a_reload_that_restarts_a_node_hangs_up_its_probe_call_at_once(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        node = {"name": "fs1", "port": switch.port, "gateways": {"telnyx": {}}}
        probe = {"gateway": "telnyx", "destination": "+15550000001", "talk_time": "60s"}
        guard = {"allow": ["+1555000*"], "max_minutes_per_day": 3}
        files = files_for(tmp_path, nodes=[node], probes={"echo": probe}, guard=guard)
        async with running(files) as daemon:
            await until(lambda: daemon.daemon.nodes[0].connected)
            status, placed = await daemon.post("/api/calls/test-echo", {"destinationNumber": "+15550000001"})
            assert status == 202
            await until(lambda: any(leg.times["answered"] for leg in switch.legs.values()))
            node["poll_interval"] = "7s"
            files.write()
            assert await daemon.post("/-/reload") == RELOADED
            assert not switch.legs, "before the old node has been stopped"
            assert f"api uuid_kill {placed['callUuid']} MANAGER_REQUEST" in switch.commands_seen
            _, text = await daemon.get(f"/api/calls/{placed['callUuid']}")
            assert "A reload of the configuration" in text
            left = (await daemon.samples())["freeswitch_probe_budget_seconds_remaining"]
            assert left > 180 - 20


async def test_sighup_reloads_and_logs_the_plan(daemon: Running) -> None:
    add_node(daemon.files)
    with capture_logs() as logged:
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: len(daemon.daemon.nodes) == 2)
        daemon.files.document["listen"] = ["127.0.0.1:1"]
        daemon.files.write()
        signal.raise_signal(signal.SIGHUP)
        await until(lambda: any(entry["log_level"] == "error" for entry in logged))
    plans = [entry for entry in logged if entry["event"] == "reload plan"]
    assert plans[0]["start"] == ["node fs2: not running yet"]
    assert plans[0]["unchanged"] == 10
    assert plans[1]["refuse"] == [
        "http: listen: bound to 127.0.0.1:0, the config says 127.0.0.1:1; restart needed"
    ]
    [refused] = [entry for entry in logged if entry["log_level"] == "error"]
    assert refused["event"] == "reload refused, the old config stays in force"
    assert "restart needed" in refused["problems"][0]


# -- stop


async def test_a_stop_does_not_wait_for_a_disk_that_hangs(tmp_path: Path) -> None:
    hang = threading.Event()
    async with running(files_for(tmp_path)) as daemon:
        read = daemon.daemon._read_config

        def hanging_read() -> Any:
            hang.wait(20)
            return read()

        daemon.daemon._read_config = hanging_read
        signal.raise_signal(signal.SIGHUP)
        await asyncio.sleep(0.05)
        daemon.daemon.stop()
        address = daemon.daemon.addresses[0]
        async with asyncio.timeout(5):
            with contextlib.suppress(ConnectionRefusedError):
                while True:
                    _, writer = await asyncio.open_connection(*address)
                    writer.close()
                    await asyncio.sleep(0.01)
    hang.set()


async def test_a_reload_after_a_stop_changes_nothing(tmp_path: Path) -> None:
    async with running(files_for(tmp_path)) as daemon:
        before = daemon.daemon.config
        add_node(daemon.files)
        daemon.daemon.stop()
        with pytest.raises(ConfigError, match="the exporter is stopping"):
            await daemon.daemon.reload()
        assert daemon.daemon.config is before
        assert [node.name for node in daemon.daemon.nodes] == ["fs1"]


# -- calls of a node that a reload restarts


@pytest.mark.parametrize("change", ["restart", "stop"])
async def test_a_call_on_a_node_that_a_reload_restarts_or_stops_ends_with_it(
    tmp_path: Path, change: str
) -> None:
    async with SimulatedSwitch(tick=0.02) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        switch.far_ends["+15550000003"] = FarEnd(ring=0.01)
        files = files_for(tmp_path, guard={"allow": ["+1555000*"]})
        files.document["nodes"].append({"name": "fs2", "port": switch.port, "gateways": {"telnyx": {}}})
        async with running(files) as daemon:
            node = daemon.daemon.nodes[1]
            await until(lambda: node.connected)
            asked = {"destinationNumber": "+15550000003", "gateway": "telnyx", "node": "fs2"}
            status, call = await daemon.post("/api/calls/test-echo", asked)
            assert status == 202
            if change == "restart":
                files.document["nodes"][1]["poll_interval"] = "1s"
            else:
                del files.document["nodes"][1]
            files.write()
            assert await daemon.post("/-/reload") == RELOADED
            assert not node.connected
            runner = daemon.daemon._probes.runner
            await until(lambda: call["callUuid"] not in runner.under_way())
            record = await runner.find(call["callUuid"])
            assert record is not None
            assert record.result == "aborted"


# -- what stays protected


async def test_a_reload_does_not_make_the_token_unnecessary(tmp_path: Path) -> None:
    """Served on every interface with a token; files that would open it are refused, whatever they say."""
    files = files_for(tmp_path, listen=["0.0.0.0:0"])
    files.token = "t0ken"
    async with running(files) as daemon:
        assert not daemon.daemon.loopback_only
        before = daemon.daemon.config

        async def without_token() -> int:
            async with daemon._client.post(daemon.base + "/-/reload") as answer:
                return answer.status

        for document in ({"listen": ["0.0.0.0:0"]}, {"listen": ["127.0.0.1:0"]}):
            files.token = ""
            files.document = {"nodes": [NOBODY], **document}
            files.write()
            status, answer = await daemon.post("/-/reload")
            assert (status, answer["error"]) == (500, "bad_config")
            assert "others can reach 0.0.0.0:" in answer["message"]
            assert daemon.daemon.config is before
            assert await without_token() == 401


async def test_a_reload_does_not_make_the_password_unnecessary(tmp_path: Path) -> None:
    """The users are removed while others can reach the exporter; on loopback they can go."""
    files = files_for(tmp_path, listen=["0.0.0.0:0"])
    files.web = {"basic_auth_users": {USER[0]: USER_HASH}}
    async with running(files) as daemon, aiohttp.ClientSession() as stranger:

        async def status() -> int:
            async with stranger.get(daemon.base + "/metrics") as answer:
                return answer.status

        assert (await status(), (await daemon.get("/metrics"))[0]) == (401, 200)
        files.web = {}
        files.write()
        with pytest.raises(ConfigError, match="basic_auth_users: the config has no users, and others can"):
            await daemon.daemon.reload()
        assert await status() == 401


async def test_a_reload_changes_the_hosts_and_opens_no_call(tmp_path: Path) -> None:
    """Without a token, a name of the config is enough to read, and not to place a call or reload."""
    files = files_for(tmp_path, guard={"allow": ["+1555000*"]})
    async with running(files) as daemon, aiohttp.ClientSession(headers={"Host": "m.example.com"}) as proxy:

        async def ask(method: str, path: str) -> int:
            async with proxy.request(method, daemon.base + path, json={} if method == "POST" else None) as a:
                return a.status

        asked = [("GET", path) for path in ("/metrics", "/probe")]
        asked += [("POST", path) for path in ("/api/calls/test-echo", "/-/reload")]
        assert [await ask(*one) for one in asked] == [403, 403, 403, 403]
        files.document["hosts"] = ["m.example.com"]
        files.write()
        assert await daemon.post("/-/reload") == RELOADED
        assert [await ask(*one) for one in asked] == [200, 403, 403, 403]
        del files.document["hosts"]
        files.write()
        assert await daemon.post("/-/reload") == RELOADED
        assert [await ask(*one) for one in asked] == [403, 403, 403, 403]


async def test_on_loopback_the_token_can_go(tmp_path: Path) -> None:
    files = files_for(tmp_path)
    files.token = "t0ken"
    async with running(files) as daemon:
        assert daemon.daemon.loopback_only
        files.token = ""
        files.write()
        assert await daemon.post("/-/reload") == RELOADED
        assert daemon.daemon.config.token is None
        assert await daemon.post("/-/reload") == RELOADED


# -- check-config --against-running, with a whole daemon


def _lines(text: str) -> list[str]:
    """The lines, whatever the width of their columns."""
    return [" ".join(line.split()) for line in text.splitlines()]


async def test_check_config_against_a_running_daemon(
    daemon: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    before = daemon.daemon.config
    command = ["check-config", str(daemon.files.path), "--against-running", "--url", daemon.base]
    add_node(daemon.files)
    assert await asyncio.to_thread(cli.main, command) == 0
    # The daemon in this process may log to the same output meanwhile.
    printed = _lines(capsys.readouterr().out)
    assert f"# the exporter at {daemon.base} reads {daemon.files.path}; a reload would" in printed
    assert "start node fs2 not running yet" in printed
    daemon.files.document["state_dir"] = "state"
    daemon.files.write()
    assert await asyncio.to_thread(cli.main, command) == 2
    printed = _lines(capsys.readouterr().out)
    refusal = "refuse state_dir state_dir: no state_dir is open, the config says "
    assert any(line.startswith(refusal) for line in printed)
    assert daemon.daemon.config is before
