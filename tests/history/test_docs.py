"""docs/history.md: every command gives the output that it shows, asked of a demo; every key is listed.

A `…` in an output matches anything.
"""

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from exporter.history.answers import (
    CallAnswer,
    ChangeAnswer,
    OtherLegAnswer,
    OutageAnswer,
    PhaseAnswer,
    WatchedAnswer,
    columns,
)
from exporter.history.availability import GatewayAnswer, StepAnswer
from tests.support import demo
from tests.support.tools import ROOT

TEXT = (ROOT / "docs/history.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(
    r"^\$ (.*)\n((?:(?!\$ ).*\n)*)",
    "".join(re.findall(r"```console\n(.*?)```", TEXT, re.DOTALL)),
    re.MULTILINE,
)


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    """A demo that has seen an outage of `rejected` and a failed call of `telnyx`."""
    with demo.running() as url:
        demo.until(f"{url}/api/history?gateway=rejected&kind=outage", '"auth_rejected"', 60)
        demo.until(f"{url}/api/calls?gateway=telnyx&result=failed", '"callUuid"', 120)
        yield url


def test_there_are_examples() -> None:
    assert len(EXAMPLES) == 7


@pytest.mark.parametrize(("command", "output"), EXAMPLES)
def test_every_example_does_what_it_shows(base: str, command: str, output: str) -> None:
    words = shlex.split(command.replace("http://127.0.0.1:9282", base))
    if words[0] == "freeswitch-exporter":
        words = [str(Path(sys.executable).parent / words[0]), *words[1:], "--url", base]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    shown = re.compile(re.escape(output.strip()).replace("…", ".*?"), re.DOTALL)
    assert shown.fullmatch(done.stdout.strip()), done.stdout


def test_every_key_is_listed() -> None:
    for answer in (
        OutageAnswer,
        ChangeAnswer,
        PhaseAnswer,
        WatchedAnswer,
        GatewayAnswer,
        StepAnswer,
        CallAnswer,
        OtherLegAnswer,
    ):
        for key in columns(answer):
            assert f"`{key.rpartition('.')[2]}`" in TEXT, key
