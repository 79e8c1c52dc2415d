"""What the demo prints when it serves: addresses that answer, commands that run, and what will come true."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest

from exporter.simulator.demo import GATEWAYS
from tests.support import demo

PROGRAM = Path(sys.executable).parent / "freeswitch-exporter"


class Printed(NamedTuple):
    """What a demo printed, and where it serves."""

    text: str
    base: str


@contextmanager
def started(listen: str) -> Iterator[Printed]:
    """A demo that serves there."""
    process = subprocess.Popen(
        [PROGRAM, "demo", "--listen", listen],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        text = ""
        for line in process.stdout:
            text += line
            if "What follows is the log" in line:
                break
        found = re.search(r"^Open (http://127\.0\.0\.1:\d+)/", text, re.MULTILINE)
        assert found, text
        yield Printed(text, found[1])
    finally:
        process.terminate()
        process.communicate(timeout=30)


@pytest.fixture(scope="module")
def printed() -> Iterator[Printed]:
    with started("127.0.0.1:0") as found:
        yield found


def test_its_lines_fit_a_terminal_and_name_every_gateway(printed: Printed) -> None:
    lines = [line for line in printed.text.splitlines() if str(PROGRAM) not in line]
    assert max(map(len, lines)) <= 100
    for gateway in GATEWAYS:
        assert re.search(rf"\b{gateway.name}\b", printed.text), gateway.name


def test_every_address_answers(printed: Printed) -> None:
    found = set(re.findall(r"http://[^\s:]+:\d+(?:/[a-z]*)?", printed.text))
    assert {f"{printed.base}/", f"{printed.base}/metrics", f"{printed.base}/history"} <= found
    for address in found:
        assert demo.get(address)


def test_what_it_announces_comes_true(printed: Printed) -> None:
    for gateway, problem in (
        ("telnyx", "none"),
        ("unmonitored", "unmonitored"),
        ("rejected", "auth_rejected"),
    ):
        pattern = rf'^freeswitch_gateway_problem{{.*gateway="{gateway}".*problem="{problem}"}} 1\.0'
        demo.until(f"{printed.base}/metrics", pattern, 60)
    for probe in ("telnyx-echo", "telnyx-tone"):
        demo.until(f"{printed.base}/metrics", rf'^freeswitch_probe_success{{.*probe="{probe}".*}} 1\.0', 90)
    demo.until(f"{printed.base}/history", r"flapping", 60)


def test_its_commands_run(printed: Printed) -> None:
    commands = re.findall(r"^  ((?:\w+=\d+ )?/.*)$", printed.text, re.MULTILINE)
    assert len(commands) == 2
    for command in commands:
        *variables, program, name = shlex.split(command)[: 3 if "=" in command else 2]
        assert program == str(PROGRAM)
        done = subprocess.run(
            shlex.split(command)[len(variables) :],
            env={**os.environ, **dict(one.split("=", 1) for one in variables)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == (1 if name == "doctor" else 0), done.stderr
        assert done.stdout


def test_the_buttons_are_announced_where_the_page_has_them(printed: Printed) -> None:
    assert ("Try it" in printed.text, "Try it" in demo.get(f"{printed.base}/")) == (True, True)
    with started("0.0.0.0:0") as open_to_all:
        assert ("Try it" in open_to_all.text, "Try it" in demo.get(f"{open_to_all.base}/")) == (False, False)
