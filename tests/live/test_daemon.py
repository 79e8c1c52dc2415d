"""The daemon as a process: its metrics while the switch runs, is killed and starts again."""

import asyncio
import time
from pathlib import Path

import aiohttp
import pytest
import yaml

from tests.live.lab import Lab
from tests.probe.daemons import Daemon, daemon
from tests.support.openmetrics import families
from tests.support.tools import program

pytestmark = pytest.mark.live

Samples = dict[str, dict[str, float]]


def config(folder: Path, lab: Lab) -> Path:
    """A minimal config."""
    path = folder / "exporter.yml"
    node = {"name": "fs1", "host": lab.host, "port": lab.port, "gateways": {"telnyx": {"provider": "telnyx"}}}
    path.write_text(yaml.safe_dump({"listen": ["127.0.0.1:0"], "nodes": [node]}))
    return path


async def scrape(running: Daemon) -> Samples:
    """The text format as a mapping: sample name to labels (as text) to value."""
    status, text = await running.get("/metrics")
    assert status == 200
    found: Samples = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            series, value = line.rsplit(" ", 1)
            name, _, labels = series.partition("{")
            found.setdefault(name, {})[labels.removesuffix("}")] = float(value)
    return found


async def until(running: Daemon, name: str, labels: str, wanted: float | None, seconds: float) -> Samples:
    """Scrape until a sample has a value (None: until there is none), and return that scrape."""
    deadline = time.monotonic() + seconds
    while True:
        found = await scrape(running)
        if (seen := found.get(name, {}).get(labels)) == wanted:
            return found
        assert time.monotonic() < deadline, f"{name}{{{labels}}} is {seen}, not {wanted}"
        await asyncio.sleep(0.1)


async def test_the_page_follows_the_switch(lab: Lab, tmp_path: Path) -> None:
    leg = 'node="fs1",gateway="telnyx",direction="outbound"'
    busy = f'{leg},cause="USER_BUSY",answered="false"'
    healthy = 'node="fs1",gateway="telnyx",profile="external",problem="none"'
    async with daemon(config(tmp_path, lab)) as running:
        page = await until(running, "freeswitch_gateway_problem", healthy, 1, seconds=10)
        assert page["freeswitch_up"] == {'node="fs1"': 1}
        assert page["freeswitch_sessions_total"]['node="fs1"'] == await lab.sessions()
        await lab.dial("21")
        await lab.dial("02")
        page = await until(running, "freeswitch_call_hangups_total", busy, 1, seconds=10)
        rejected = f'{leg},provider="telnyx",code="D1",class='
        (d1,) = [
            value
            for labels, value in page["freeswitch_call_provider_rejections_total"].items()
            if labels.startswith(rejected)
        ]
        assert d1 == 1
        # Two calls, by FreeSWITCH's count, at the next poll.
        counted = 'node="fs1",gateway="telnyx",profile="external",direction="outbound"'
        await until(running, "freeswitch_gateway_calls_total", counted, 2, seconds=12)

        await lab.kill_switch()
        page = await until(running, "freeswitch_connection_problem", 'node="fs1",problem="refused"', 1, 5)
        assert page["freeswitch_up"] == {'node="fs1"': 0}
        assert page["freeswitch_call_hangups_total"][busy] == 1
        assert "freeswitch_gateway_problem" not in page
        status, text = await running.get("/api/calls/health")
        assert status == 503
        assert '"connected":false' in text.replace(" ", "")

        await lab.run("switch-start")
        page = await until(running, "freeswitch_up", 'node="fs1"', 1, seconds=35)
        assert page["freeswitch_sessions_total"]['node="fs1"'] == 0
        assert (await running.get("/api/calls/health"))[0] == 200
        await until(running, "freeswitch_gateway_problem", healthy, 1, seconds=20)
        assert await running.terminate() == 0


async def test_a_real_switchs_page_is_valid_in_both_formats(lab: Lab, tmp_path: Path) -> None:
    async with daemon(config(tmp_path, lab)) as running:
        await lab.dial("01", talk=1)
        await lab.dial("21")
        leg = 'node="fs1",gateway="telnyx",direction="outbound"'
        await until(running, "freeswitch_call_duration_seconds_count", leg, 1, seconds=15)
        checker = await asyncio.create_subprocess_exec(
            *(program("promtool"), "check", "metrics"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output, _ = await checker.communicate((await running.get("/metrics"))[1].encode())
        assert (checker.returncode, output.decode()) == (0, "")
        openmetrics = {"Accept": "application/openmetrics-text; version=1.0.0"}
        async with aiohttp.request("GET", f"{running.base}/metrics", headers=openmetrics) as answer:
            text = await answer.text()
        assert "freeswitch_call_hangups" in {family.name for family in families(text)}
