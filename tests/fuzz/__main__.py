"""Runs targets, each in a process of its own; ends with 1 if one of them found something.

They run under atheris, guided by coverage; where its wheel cannot be installed, under hypothesis. New inputs
that reach new code are kept in .cache/fuzz/TARGET and used again (atheris alone). A finding is written to
.cache/fuzz/TARGET-crash-...: mend the fault, and move the file to tests/fuzz/findings/TARGET, named after it.
"""

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.fuzz.corpus import MAX_INPUT, corpus
from tests.fuzz.targets import TARGETS
from tests.support.tools import ROOT

WORK: Final = ROOT / ".cache" / "fuzz"
SLOWEST: Final = 20  # seconds that one input may take


def main() -> int:
    """The command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="?", choices=list(TARGETS), help="this one alone")
    parser.add_argument("input", nargs="?", type=Path, help="run this file once")
    parser.add_argument("--seconds", type=int, default=60, help="of each target (60)")
    given = parser.parse_args()
    if given.input is not None:
        TARGETS[given.target](given.input.read_bytes())
        return 0
    guided = importlib.util.find_spec("atheris") is not None
    if not guided:
        print("atheris is not installed: hypothesis draws the inputs, not guided by coverage", flush=True)
    names = [given.target] if given.target else list(TARGETS)
    failed = [name for name in names if not fuzz(name, given.seconds, guided=guided)]
    print(f"found something: {', '.join(failed)}" if failed else "nothing found")
    return 1 if failed else 0


def fuzz(target: str, seconds: int, *, guided: bool) -> bool:
    """Fuzz one target, under atheris if `guided`; whether nothing was found."""
    WORK.mkdir(parents=True, exist_ok=True)
    log = WORK / f"{target}.log"
    with log.open("w") as output:
        done = subprocess.run(
            [sys.executable, "-m", *(_guided if guided else _drawn)(target, seconds)],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=ROOT,
            check=False,
        )
    text = log.read_text(errors="replace")
    figures = {name: int(value) for name, value in re.findall(r"stat::(\w+):\s+(\d+)", text)}
    coverage = re.findall(r"cov: (\d+)", text)
    print(
        f"{target}: {figures.get('number_of_executed_units', 0):,} inputs, {seconds} s, "
        f"coverage {coverage[-1] if coverage else '?'}, exit code {done.returncode}, {log}",
        flush=True,
    )
    return done.returncode == 0


def _guided(target: str, seconds: int) -> list[str]:
    """The module that runs a target under atheris, and its arguments."""
    kept, seeds = WORK / target, WORK / f"{target}-seeds"
    for folder in (kept, seeds):
        folder.mkdir(parents=True, exist_ok=True)
    for number, data in enumerate(corpus(target)):
        (seeds / f"{number:04}").write_bytes(data)
    options = [
        f"-max_total_time={seconds}",
        f"-max_len={MAX_INPUT}",
        f"-timeout={SLOWEST}",
        f"-artifact_prefix={WORK / target}-",
        "-print_final_stats=1",
    ]
    return ["tests.fuzz.guided", target, *options, str(kept), str(seeds)]


def _drawn(target: str, seconds: int) -> list[str]:
    """The module that runs a target under hypothesis, and its arguments."""
    return ["tests.fuzz.drawn", target, str(seconds), f"{WORK / target}-"]


if __name__ == "__main__":
    sys.exit(main())
