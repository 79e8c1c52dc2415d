"""docs/probes.md: its config, its curl lines and its command give the output that it shows.

A `…` in an output matches anything; in a command it is the UUID of the call before.
"""

import asyncio
import json
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from exporter.metrics.families import PROBE_PHASES, PROBE_RESULTS, REFUSALS
from exporter.probe.admission import REASONS
from exporter.simulator import SimulatedSwitch
from tests.probe.daemons import Daemon, daemon
from tests.support.tools import ROOT

TEXT = (ROOT / "docs/probes.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^\$ (.*)\n((?:(?!\$ ).*\n)*)",
    "".join(re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)),
    re.MULTILINE,
)
CONFIG = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)[0]


@pytest.fixture
async def running(tmp_path: Path) -> AsyncIterator[tuple[Daemon, Path]]:
    """A daemon with the config of the page, watching a simulated switch in fast time."""
    async with SimulatedSwitch(tick=0.02, speed=20.0) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = yaml.safe_load(CONFIG)
        config["nodes"][0]["port"] = switch.port
        config["listen"] = ["127.0.0.1:0"]
        config["guard"] |= {"min_interval": "0s", "max_concurrent": 4}
        path = tmp_path / "exporter.yml"
        path.write_text(yaml.safe_dump(config))
        async with daemon(path) as made:
            yield made, path


async def test_every_example_does_what_it_shows(running: tuple[Daemon, Path]) -> None:
    served, config = running
    assert len(EXAMPLES) == 5
    uuid = ""
    for command, output in EXAMPLES:
        line = command.replace("http://127.0.0.1:9282", served.base).replace("70726f62-…", uuid)
        if uuid in line and uuid:
            await _ended(line)
        got = await _shell(line.replace("freeswitch-exporter", f"{sys.executable} -m exporter"), config)
        shown = re.compile(re.escape(output.strip()).replace("…", ".*?"), re.DOTALL)
        assert shown.fullmatch(got.strip()), got
        if got.startswith("{"):
            uuid = json.loads(got).get("callUuid", "")


async def _ended(command: str) -> None:
    """Wait until the call that the command asks for is over."""
    async with asyncio.timeout(10):
        while '"status":"ended"' not in await _shell(command):  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.05)


async def _shell(command: str, config: Path | None = None) -> str:
    environ = os.environ | ({"EXPORTER_CONFIG": str(config)} if config else {})
    process = await asyncio.create_subprocess_shell(
        command, stdout=asyncio.subprocess.PIPE, env=environ, cwd=ROOT
    )
    async with asyncio.timeout(30):
        return (await process.communicate())[0].decode()


def test_the_page_lists_every_phase_result_and_refusal() -> None:
    for word in (*PROBE_PHASES, *PROBE_RESULTS, *REFUSALS):
        assert f"`{word}`" in TEXT, word
    for reason in set(REFUSALS) & set(REASONS):
        row = next(line for line in TEXT.splitlines() if line.startswith(f"| `{reason}`"))
        assert row.endswith(f"{REASONS[reason].status} |")
