"""Fuzzing on a machine for which atheris has no wheel: hypothesis draws the inputs."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.fuzz import __main__ as command
from tests.fuzz.corpus import corpus
from tests.fuzz.drawn import search
from tests.support.tools import ROOT


def test_a_fault_is_found(capsys: pytest.CaptureFixture[str]) -> None:
    def faulty(data: bytes) -> None:
        assert b"\n\n\n" not in data, "three line ends"

    assert not any(b"\n\n\n" in data for data in corpus("requests"))
    tried, found = search(faulty, corpus("requests"), 60)
    assert tried > 1
    assert found is not None
    assert b"\n\n\n" in found
    assert "three line ends" in capsys.readouterr().err


def test_a_target_runs_in_a_process_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.fuzz("http", 0, guided=False)
    said = capsys.readouterr().out
    assert "exit code 0" in said
    assert "http: 0 inputs" not in said


def test_the_target_of_make_goes_on_without_the_wheel(tmp_path: Path) -> None:
    """The installer fails for the extra that has atheris; the second attempt is without."""
    python = tmp_path / "bin" / "python"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "$@" >> "$0.log"\ncase "$*" in *fuzz*) exit 1;; esac\n')
    python.chmod(0o755)
    (python.parent / "pip").touch()
    subprocess.run(
        ["make", "-f", str(ROOT / "Makefile"), f"VENV={tmp_path}", f"{tmp_path}/.fuzz"],
        cwd=ROOT,
        env={**os.environ, "MAKEFLAGS": ""},
        timeout=60,
        check=True,
    )
    first, second = (tmp_path / "bin" / "python.log").read_text().splitlines()
    assert first.endswith("--editable .[dev,fuzz]")
    assert second.endswith("--editable .[dev]")
    assert (tmp_path / ".fuzz").exists()
