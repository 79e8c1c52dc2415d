"""The reload matrix: each key of the config, changed while the daemon is in one of five states.

One daemon per state watches two simulated switches. A probe call on the second one, scrapes, or a third node
that is connecting go on while the keys are changed one after the other: dry run, reload, and back. After each
reload the plan, what was kept, and the counters and calls of the untouched nodes are checked.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import pytest
import trustme

from exporter.reload_plan import TABLE
from exporter.simulator import FarEnd, SimulatedSwitch
from exporter.simulator.ending import far_end_hangs_up
from exporter.watch import connections as node_connections
from exporter.watch.node import Node
from tests.support.runtime import USER, USER_HASH, Files, Running, running, until

Change = Callable[[Files], None]


def put(path: str, value: object) -> Change:
    """Set the value at a dotted path of the config file."""

    def change(files: Files) -> None:
        inner: Any = files.document
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in way:
            inner = inner[part]
        inner[last] = value

    return change


def web(section: str, value: object) -> Change:
    """Set a section of the web config file."""

    def change(files: Files) -> None:
        files.web[section] = value

    return change


def web_file(files: Files) -> None:
    """Another web config file, with the same content."""
    (files.folder / "other.yml").write_text("{}")
    files.document["web_config_file"] = "other.yml"


def token(value: str) -> Change:
    """Write another token; "" for none."""

    def change(files: Files) -> None:
        files.token = value

    return change


def rates(line: str) -> Change:
    """Another content of the table of rates."""

    def change(files: Files) -> None:
        (files.folder / "rates.csv").write_text(f"{line}\n")

    return change


def rename_node(files: Files) -> None:
    """Another name for the first node; its probe follows."""
    files.document["nodes"][0]["name"] = "renamed"
    files.document["probes"]["echo1"]["node"] = "renamed"


def add_node_and_probe(files: Files) -> None:
    files.document["nodes"].append({"name": "added", "port": 1})
    files.document["probes"]["added"] = files.document["probes"]["echo1"] | {"node": "added"}


def remove_node_and_probe(files: Files) -> None:
    del files.document["nodes"][0], files.document["probes"]["echo1"]


class Row(NamedTuple):
    """A change of the files, and the steps of the plan that are more than "unchanged"."""

    key: str
    change: Change
    steps: tuple[str, ...]


PORT_OF_NOBODY: Final = 1
TLS: Final = {"cert_file": "cert.pem", "key_file": "key.pem"}
ROWS: Final = (
    Row("state_dir", put("state_dir", "elsewhere"), ("refuse state_dir",)),
    Row("listen", put("listen", ["127.0.0.1:0", "[::1]:0"]), ("refuse http",)),
    Row("web_config_file", web_file, ("keep http",)),
    Row("web_config_file.tls_server_config", web("tls_server_config", TLS), ("refuse http",)),
    Row(
        "web_config_file.http_server_config.headers",
        web("http_server_config", {"headers": {"X-Frame-Options": "deny"}}),
        ("keep http",),
    ),
    Row("web_config_file.basic_auth_users", web("basic_auth_users", {USER[0]: USER_HASH}), ("keep http",)),
    Row("token_file", token("t1ken"), ("keep http",)),
    Row("token_file", token(""), ("keep http",)),
    Row("hosts", put("hosts", ["monitor.example.com"]), ("keep http",)),
    Row("log.level", put("log.level", "error"), ("keep log",)),
    Row("log.format", put("log.format", "json"), ("keep log",)),
    Row("backend_url", put("backend_url", "http://127.0.0.1:1"), ("keep diagnosis",)),
    Row("guard.allow", put("guard.allow", ["+1555000*", "+1666000*"]), ("keep guard",)),
    Row("guard.max_concurrent", put("guard.max_concurrent", 3), ("keep guard",)),
    Row("guard.min_interval", put("guard.min_interval", "1s"), ("keep guard",)),
    Row("guard.max_calls_per_day", put("guard.max_calls_per_day", 7), ("keep guard",)),
    Row("guard.max_minutes_per_day", put("guard.max_minutes_per_day", 7), ("keep guard",)),
    Row("log_stream", put("log_stream", "error"), ("keep log_stream",)),
    Row("history.keep", put("history.keep", "1d"), ("keep history",)),
    Row("history.calls", put("history.calls", 7), ("keep history",)),
    Row("history.numbers", put("history.numbers", "full"), ("keep history",)),
    Row("destinations.countries", put("destinations.countries", False), ("keep destinations",)),
    Row("destinations.region", put("destinations.region", "US"), ("keep destinations",)),
    Row("destinations.rates", put("destinations.rates", "more.csv"), ("keep destinations",)),
    Row("destinations.rates", rates("1,0.02"), ("keep destinations",)),
    Row("destinations.currency", put("destinations.currency", "EUR"), ("keep destinations",)),
    Row("live_quality.every", put("live_quality.every", "10s"), ("keep live_quality",)),
    Row("live_quality.calls", put("live_quality.calls", 0), ("keep live_quality",)),
    Row("nodes.NAME.host", put("nodes.0.host", "localhost"), ("restart node fs1",)),
    Row("nodes.NAME.port", put("nodes.0.port", PORT_OF_NOBODY), ("restart node fs1",)),
    Row("nodes.NAME.user", put("nodes.0.user", "probe@lab"), ("restart node fs1",)),
    Row("nodes.NAME.password", put("nodes.0.password", "another"), ("restart node fs1",)),
    Row("nodes.NAME.poll_interval", put("nodes.0.poll_interval", "1s"), ("restart node fs1",)),
    Row("nodes.NAME.gateways", put("nodes.0.gateways.telnyx", {"max_calls": 3}), ("restart node fs1",)),
    Row("nodes.NAME.gateways", put("nodes.0.gateways.more", {"register": False}), ("restart node fs1",)),
    Row("nodes.NAME.subscribers", put("nodes.0.subscribers", ["1@a"]), ("restart node fs1",)),
    Row("name", rename_node, ("start node renamed", "stop node fs1", "keep probe echo1")),
    Row("nodes", add_node_and_probe, ("start node added", "start probe added")),
    Row("nodes", remove_node_and_probe, ("stop node fs1", "stop probe echo1")),
    Row("probes.NAME.node", put("probes.echo1.node", "fs2"), ("keep probe echo1",)),
    Row("probes.NAME.gateway", put("probes.echo1.gateway", "other"), ("keep probe echo1",)),
    Row("probes.NAME.destination", put("probes.echo1.destination", "+15550000007"), ("keep probe echo1",)),
    Row("probes.NAME.caller_id", put("probes.echo1.caller_id", "+15550000099"), ("keep probe echo1",)),
    Row("probes.NAME.application", put("probes.echo1.application", "tone"), ("keep probe echo1",)),
    Row("probes.NAME.ring_timeout", put("probes.echo1.ring_timeout", "9s"), ("keep probe echo1",)),
    Row("probes.NAME.talk_time", put("probes.echo1.talk_time", "9s"), ("keep probe echo1",)),
    Row("probes.NAME.interval", put("probes.echo1.interval", "7d"), ("restart probe echo1",)),
    Row("probes.NAME.schedule", put("probes.echo1.schedule", "always"), ("keep probe echo1",)),
    Row("probes.NAME.variables", put("probes.echo1.variables", {"accountcode": "a"}), ("keep probe echo1",)),
    Row("probes.NAME.expect", put("probes.echo1.expect", {"result": "rejected"}), ("keep probe echo1",)),
    Row("probes.NAME.thresholds", put("probes.echo1.thresholds", {"mos": 3.0}), ("keep probe echo1",)),
)


def test_the_rows_are_all_keys_of_the_config() -> None:
    assert {row.key for row in TABLE} <= {row.key for row in ROWS}


class Lab(NamedTuple):
    """The daemon, and the switches of its nodes fs1 and fs2."""

    running: Running
    first: SimulatedSwitch
    second: SimulatedSwitch

    def node(self, name: str) -> Node:
        [node] = [node for node in self.running.daemon.nodes if node.name == name]
        return node


def files_for(folder: Path, *ports: int) -> Files:
    """A config with a node per port; probe echo1 calls on fs1, echo2 on fs2, the numbers of the simulator."""
    probe = {"gateway": "telnyx", "ring_timeout": "60s", "talk_time": "60s"}
    files = Files(
        folder,
        {
            "listen": ["127.0.0.1:0"],
            "state_dir": "state",
            "log": {"level": "warning"},
            "nodes": [
                {"name": f"fs{number}", "port": port, "gateways": {"telnyx": {}}}
                for number, port in enumerate(ports, 1)
            ],
            "probes": {
                "echo1": probe | {"node": "fs1", "destination": "+15550000001"},
                "echo2": probe | {"node": "fs2", "destination": "+15550000003"},
            },
            "guard": {"allow": ["+1555000*"], "max_concurrent": 2},
            "history": {},
            "destinations": {"rates": "rates.csv", "currency": "USD"},
            "live_quality": {},
        },
    )
    files.token = "t0ken"
    for name in ("rates.csv", "more.csv"):
        (folder / name).write_text("1,0.01\n" if name == "rates.csv" else "44,0.01\n")
    issued = trustme.CA().issue_cert("127.0.0.1")
    issued.private_key_pem.write_to_path(folder / "key.pem")
    issued.cert_chain_pems[0].write_to_path(folder / "cert.pem")
    return files


@asynccontextmanager
async def opened(folder: Path, *more_ports: int) -> AsyncIterator[Lab]:
    """A daemon with both nodes connected, and further nodes at these ports."""
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(SimulatedSwitch(tick=0.02))
        second = await stack.enter_async_context(SimulatedSwitch(tick=0.02))
        for switch in (first, second):
            await switch.gateway_reaches("telnyx", "REGED")
        files = files_for(folder, first.port, second.port, *more_ports)
        lab = Lab(await stack.enter_async_context(running(files)), first, second)
        await until(lambda: lab.node("fs1").connected and lab.node("fs2").connected)
        yield lab


async def connects(node: Node) -> None:
    """Wait until it is connected."""
    await until(lambda: node.connected)


# -- the states: each yields a check that what is under way goes on undisturbed

Check = Callable[[], Awaitable[None]]
State = Callable[[Path], Any]


@asynccontextmanager
async def idle(folder: Path) -> AsyncIterator[tuple[Lab, Check]]:
    """Nothing is under way; with its own config, fs1 connects again after each restart."""
    async with opened(folder) as lab:
        first = lab.node("fs1").config

        async def check() -> None:
            for node in lab.running.daemon.nodes:
                if node.config == first:
                    await connects(node)

        yield lab, check


@asynccontextmanager
async def calling(folder: Path, far_end: FarEnd, status: str) -> AsyncIterator[tuple[Lab, Check]]:
    """A call of probe echo2 is in this status; at the end the far end hangs up, and the probe notices."""
    async with opened(folder) as lab:
        lab.second.far_ends["+15550000003"] = far_end
        answered, call = await lab.running.post(
            "/api/calls/test-echo", {"destinationNumber": "+15550000003", "probe": "echo2"}
        )
        assert answered == 202, call
        runner = lab.running.daemon._probes.runner

        async def status_now() -> str:
            record = await runner.find(call["callUuid"])
            return record.status if record is not None else "unknown"

        async def check() -> None:
            assert await status_now() == status

        async def reaches(wanted: str) -> None:
            async with asyncio.timeout(5):
                while await status_now() != wanted:  # noqa: ASYNC110 - nothing signals it
                    await asyncio.sleep(0.01)

        await reaches(status)
        yield lab, check
        far_end_hangs_up(lab.second.legs[call["callUuid"]])
        await reaches("ended")
        ended = await runner.find(call["callUuid"])
        assert ended is not None
        assert ended.cause == "NORMAL_CLEARING"


def ringing(folder: Path) -> Any:
    return calling(folder, FarEnd(ring=0.01), "ringing")


def talking(folder: Path) -> Any:
    return calling(folder, FarEnd(answer=0.01), "answered")


@asynccontextmanager
async def scraping(folder: Path) -> AsyncIterator[tuple[Lab, Check]]:
    """Scrapes follow each other without a pause; each must be answered completely."""
    async with opened(folder) as lab:
        scrapes = 0

        async def scrape() -> None:
            nonlocal scrapes
            while True:
                page = await lab.running.samples()
                assert page['freeswitch_up{node="fs2"}'] == 1
                assert "process_cpu_seconds_total" in page
                scrapes += 1

        task = asyncio.create_task(scrape())

        async def check() -> None:
            before = scrapes
            await until(lambda: scrapes > before or task.done())
            assert not task.done(), task.exception()

        yield lab, check
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@asynccontextmanager
async def connecting(folder: Path) -> AsyncIterator[tuple[Lab, Check]]:
    """A third node waits for the greeting of a service that sends none."""
    connections = 0
    done = asyncio.Event()

    async def silent(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await done.wait()
        writer.close()

    # The node waits longer than the test takes, on any machine.
    with patch.object(node_connections, "GREETING_TIMEOUT", 600.0):
        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            async with opened(folder, server.sockets[0].getsockname()[1]) as lab:
                node = lab.node("fs3")
                await until(lambda: connections == 1)

                async def check() -> None:
                    assert lab.node("fs3") is node
                    assert connections == 1
                    assert not node.tried

                yield lab, check
            done.set()


STATES: Final[dict[str, State]] = {
    "idle": idle,
    "ringing": ringing,
    "talking": talking,
    "scraping": scraping,
    "connecting": connecting,
}


# -- the matrix


@pytest.mark.parametrize("state", STATES)
async def test_each_key_in_each_state(state: str, tmp_path: Path) -> None:
    async with STATES[state](tmp_path) as (lab, check):
        original = lab.running.files
        counters = await counters_of(lab, "fs2")
        for row in ROWS:
            changed = original.copy()
            row.change(changed)
            changed.write()
            try:
                await reload_by(lab, row)
                await check()
                original.write()
                assert await lab.running.post("/-/reload") == (200, RELOADED)
                assert lab.running.daemon.config == original.load()
                await check()
                counters = await grown(lab, counters)
            except BaseException as error:
                error.add_note(f"key: {row.key}")
                raise


RELOADED: Final = {"message": "The configuration was reloaded."}
SUCCESSFUL: Final = "freeswitch_exporter_config_last_reload_successful"


async def reload_by(lab: Lab, row: Row) -> None:
    """Plan and reload the changed file, and check what came of it."""
    daemon = lab.running.daemon
    before, nodes, logged = daemon.config, list(daemon.nodes), len(lab.running.logged)
    plan = await lab.running.plan()
    steps = [f"{step['action']} {step['what']}" for step in plan["steps"] if step["reason"] != "unchanged"]
    assert tuple(steps) == row.steps
    assert daemon.config is before, "a plan alone changes nothing"

    refused = any(step.startswith("refuse") for step in row.steps)
    status, answer = await lab.running.post("/-/reload")
    assert plan["refused"] is refused
    if refused:
        assert (status, answer["error"]) == (500, "bad_config")
        assert "restart needed" in answer["message"]
        assert daemon.config is before
        assert list(daemon.nodes) == nodes
        assert len(lab.running.logged) == logged
        assert (await lab.running.samples())[SUCCESSFUL] == 0
        return
    assert (status, answer) == (200, RELOADED)
    assert daemon.config == lab.running.files.load()
    assert lab.running.logged[logged:] == [daemon.config]
    assert (await lab.running.samples())[SUCCESSFUL] == 1
    old = {node.name: node for node in nodes}
    again = {step.split()[-1] for step in row.steps if step.startswith(("start node", "restart node"))}
    for node in daemon.nodes:
        assert (node is not old.get(node.name)) is (node.name in again), node.name
    assert [node.config for node in daemon.nodes] == list(daemon.config.nodes)


async def counters_of(lab: Lab, node: str) -> dict[str, float]:
    """Every counter of a node, and the node's calls."""
    samples = await lab.running.samples()
    return {
        name: value
        for name, value in samples.items()
        if f'node="{node}"' in name and ("_total{" in name or "_count{" in name or "_calls_active" in name)
    }


async def grown(lab: Lab, before: dict[str, float]) -> dict[str, float]:
    """The counters of fs2, none of which has begun again; it has connected once."""
    now = await counters_of(lab, "fs2")
    assert now['freeswitch_connection_attempts_total{node="fs2",outcome="connected"}'] == 1
    # The probe echo1 is on fs2 for a moment (its row), and its series then come and go.
    kept = {name: value for name, value in before.items() if 'probe="echo1"' not in name}
    assert {name for name in kept if now.get(name, -1) < kept[name]} == set()
    return now
