"""The commands of README.md: each one is run and must print what is shown.

`…` stands for anything. Requests to the exporter go to a demo on another port. Lines that install would ask a
package index: that what they install works is shown by the tests of the wheel.
"""

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.simulator import SimulatedSwitch
from tests.support import demo
from tests.support.tools import ROOT

README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
OPTIONS = dict(re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", "".join(BLOCKS), re.MULTILINE))
# Commands that are run elsewhere: by another test, and by CI.
ELSEWHERE = {
    "git clone https://github.com/freeswitch-exporter/freeswitch-exporter.git": "below",
    "cd freeswitch-exporter": "below",
    "pipx install .": "tests/test_project.py",
    "python3 -m venv ~/.local/freeswitch-exporter": "tests/test_project.py",
    "~/.local/freeswitch-exporter/bin/pip install .": "tests/test_project.py",
    "make test": ".ci/run",
}
SERVING = {
    "make demo",
    "~/.local/bin/freeswitch-exporter",
    "~/.local/freeswitch-exporter/bin/freeswitch-exporter",
}
ASKING = [
    command
    for command in OPTIONS
    if command.startswith(("curl ", "freeswitch-exporter history", "freeswitch-exporter calls"))
]
OTHERS = [command for command in OPTIONS if command not in {*ELSEWHERE, *SERVING, *ASKING}]


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
    assert set(ELSEWHERE) | SERVING <= set(OPTIONS)
    assert len(ASKING) >= 5


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
        process = await asyncio.create_subprocess_exec(
            *program(command),
            cwd=ROOT,
            env=dict(environ),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        output, errors = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 0, errors.decode()
    assert shown(command).fullmatch(output.decode().strip()), output.decode()


@pytest.mark.parametrize("command", sorted(SERVING))
def test_commands_that_serve_do_so(command: str) -> None:
    process = subprocess.Popen(
        program(command),
        cwd=ROOT,
        env={**os.environ, "EXPORTER_LISTEN": "127.0.0.1:0", "EXPORTER_LOG_FORMAT": "json"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stderr is not None
        lines = (json.loads(line) for line in process.stderr if line.startswith("{"))
        [address] = next(line["addresses"] for line in lines if line["event"] == "serving")
        assert "freeswitch_" in demo.get(f"http://{address}/metrics")
    finally:
        os.killpg(process.pid, 15)
        output, _ = process.communicate(timeout=30)
    assert shown(command).match(output.strip().replace(address, "127.0.0.1:9282")), output


def test_the_clone_is_of_the_repository_that_the_rest_names() -> None:
    [clone] = [command for command in OPTIONS if command.startswith("git clone ")]
    repository = clone.split()[-1].removesuffix(".git")
    assert f"{repository}/blob/main/docs/" in (ROOT / "alerts/switch.yml").read_text()
    assert f"cd {repository.rpartition('/')[2]}" in OPTIONS


def test_every_link_exists() -> None:
    for target in re.findall(r"\]\(([^)#]+)", README):
        assert target.startswith("http") or (ROOT / target).exists(), target
