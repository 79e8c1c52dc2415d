"""The commands of README.md: each one is run and must print what is shown.

`…` stands for anything. Requests to the exporter go to a demo on another port. Lines that install take the
wheels of the set-up instead of asking a package index.
"""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from exporter.simulator import SimulatedSwitch
from tests.support import demo
from tests.support.newcomer import Newcomer
from tests.support.tools import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
OPTIONS = dict(re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(BLOCKS), re.MULTILINE))
# Commands that are run elsewhere: by another test, and by CI.
ELSEWHERE = {
    "git clone https://github.com/freeswitch-exporter/freeswitch-exporter.git": "below",
    "cd freeswitch-exporter": "below",
    "make test": ".ci/run",
}
INSTALLING = [block for block in BLOCKS if " install ." in block]
INSTALLED = {command for block in INSTALLING for command in re.findall(r"^\$ (.*)", block, re.MULTILINE)}
ASKING = [
    command
    for command in OPTIONS
    if command.startswith(("curl ", "freeswitch-exporter history", "freeswitch-exporter calls"))
]
OTHERS = [command for command in OPTIONS if command not in {*ELSEWHERE, *INSTALLED, "make demo", *ASKING}]


def shown(command: str) -> re.Pattern[str]:
    """The output that README.md shows for a command, as a pattern."""
    return re.compile(re.escape(OPTIONS[command].strip()).replace("…", ".*?"), re.DOTALL)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with demo.running() as url:
        demo.until(f"{url}/metrics", r'gateway="telnyx".*problem="none"\} 1\.0', 30)
        yield url


def test_every_command_is_covered() -> None:
    assert len(OPTIONS) >= 9
    assert {*ELSEWHERE, "make demo"} <= set(OPTIONS)
    assert len(ASKING) >= 5
    assert len(INSTALLING) == 2


@pytest.mark.parametrize("command", ASKING)
def test_requests_are_answered_as_shown(base: str, command: str) -> None:
    deadline = time.monotonic() + 60
    while (answer := ask(base, command)).startswith(
        '{"error": "concurrency"'
    ):  # the demo's own probe has the number
        assert time.monotonic() < deadline
        time.sleep(0.5)
    assert shown(command).fullmatch(answer), answer[-2000:]


def ask(base: str, command: str) -> str:
    """The output of the command with `base` as the exporter's address."""
    words = program(command.replace("http://127.0.0.1:9282", base))
    if "freeswitch" in words[0]:
        words += ["--url", base]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout.strip()


def program(command: str) -> list[str]:
    """The words of a command, with the path of the installed exporter."""
    words = shlex.split(command)
    named = Path(words[0]).name
    return [str(Path(sys.executable).parent / named), *words[1:]] if "freeswitch" in named else words


@pytest.mark.parametrize("command", OTHERS)
async def test_other_commands_print_what_is_shown(command: str) -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        environ = {**os.environ, "FREESWITCH_PORT": str(switch.port)} if "doctor" in command else os.environ
        await prints_what_is_shown(command, program(command), ROOT, environ)


async def prints_what_is_shown(
    command: str, words: list[str], folder: Path, environ: Mapping[str, str]
) -> None:
    process = await asyncio.create_subprocess_exec(
        *words, cwd=folder, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    assert shown(command).fullmatch(output.decode().strip()), output.decode()


def test_the_demo_serves() -> None:
    serves("make demo", ["make", "demo"], ROOT, os.environ)


def serves(command: str, words: list[str], folder: Path, environ: Mapping[str, str]) -> None:
    process = subprocess.Popen(
        words,
        cwd=folder,
        env={**environ, "EXPORTER_LISTEN": "127.0.0.1:0", "EXPORTER_LOG_FORMAT": "json"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        lines = (json.loads(line) for line in process.stderr if line.startswith("{"))
        [address] = next((line["addresses"] for line in lines if line["event"] == "serving"), ["none"])
        assert "freeswitch_" in demo.get(f"http://{address}/metrics")
    finally:
        os.killpg(process.pid, 15)
        output, _ = process.communicate(timeout=30)
    assert shown(command).match(output.strip().replace(address, "127.0.0.1:9282")), output


@pytest.mark.parametrize("block", INSTALLING, ids=lambda block: block.split()[1])
async def test_what_the_lines_install_runs(block: str, tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        environ = {**newcomer.environ, "FREESWITCH_PORT": str(switch.port)}
        for command in re.findall(r"^\$ (.*)", block, re.MULTILINE):
            words = ["bash", "-c", f"exec {command}"]
            if not command.startswith("~") or " install " in command:
                await asyncio.to_thread(newcomer.type, command)
            elif command.endswith("/freeswitch-exporter"):
                await asyncio.to_thread(serves, command, words, newcomer.clone, environ)
            else:
                await prints_what_is_shown(command, words, newcomer.clone, environ)
    package = Path(newcomer.type("find ~ -name reader.py -path '*/site-packages/exporter/*'").split()[0])
    assert newcomer.home in package.parents


def test_the_clone_is_of_the_repository_that_the_rest_names() -> None:
    [clone] = [command for command in OPTIONS if command.startswith("git clone ")]
    repository = clone.split()[-1].removesuffix(".git")
    assert f"{repository}/blob/main/docs/" in (ROOT / "alerts/switch.yml").read_text()
    assert f"cd {repository.rpartition('/')[2]}" in OPTIONS


def test_every_link_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
