"""The packaging: the wheel, its dependencies, the make targets, CI, the tools of the tests."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import exporter
from tests.support.tools import ROOT, program

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

# The modules of a dependency, if their names differ from it.
MODULES = {
    "aiohttp": {"aiohttp", "multidict", "yarl"},
    "dnspython": {"dns"},
    "pyyaml": {"yaml"},
    "prometheus-client": {"prometheus_client"},
}


def _imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module == "exporter":
            yield from (f"exporter.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def test_what_is_imported_is_declared() -> None:
    declared = set(sys.stdlib_module_names) | {"exporter"}
    for requirement in PROJECT["project"]["dependencies"]:
        name = re.split(r"[<>=!~ ]", requirement)[0].lower()
        declared |= MODULES.get(name, {name})
    for path in (ROOT / "exporter").rglob("*.py"):
        assert {name.split(".")[0] for name in _imports(path)} <= declared, path


def test_the_wheel_has_the_data_and_the_command(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    shutil.copytree(ROOT / "exporter", source / "exporter", ignore=shutil.ignore_patterns("__pycache__"))
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "wheel",
            "-q",
            "--no-deps",
            "--no-build-isolation",
            "-w",
            tmp_path,
            source,
        ],
        check=True,
        timeout=120,
    )
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.name.startswith(f"freeswitch_exporter-{exporter.__version__}-py3-none-any")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        (entry_points,) = (name for name in names if name.endswith("entry_points.txt"))
        assert "freeswitch-exporter = exporter.cli:main" in archive.read(entry_points).decode()
    shipped = {
        str(path.relative_to(ROOT))
        for path in (ROOT / "exporter").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert shipped <= names
    assert {name.split("/")[0] for name in names} == {"exporter", wheel.name.split("-py3")[0] + ".dist-info"}
    assert any(name.endswith("/LICENSE") for name in names)


def test_the_changelog_has_this_version() -> None:
    assert f"## [{exporter.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_ci_runs_the_test_command(tmp_path: Path) -> None:
    make = tmp_path / "make"
    make.write_text('#!/bin/sh\necho "called: $*"; pwd; exit 7\n')
    make.chmod(0o755)
    done = subprocess.run(
        ["bash", str(ROOT / ".ci" / "run")],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"},
        check=False,
    )
    assert done.stdout.splitlines() == ["called: test", str(ROOT)]
    assert done.returncode == 7


def _dry_run(target: str) -> str:
    done = subprocess.run(
        ["make", "--dry-run", "--always-make", target],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env={**os.environ, "FREESWITCH_LIVE": "127.0.0.1:8021", "MAKEFLAGS": ""},
        check=True,
    )
    return done.stdout


@pytest.mark.parametrize(
    ("target", "commands"),
    [
        ("demo", ["scripts/venv.sh", "pip install", "freeswitch-exporter demo"]),
        ("test", ["scripts/venv.sh", "pip install", "fetch-debian.sh", ".venv/bin/pytest"]),
        (
            "test-lowest",
            [
                "lowest_versions.py",
                "PIP_CONSTRAINT",
                "scripts/venv.sh",
                "pip install",
                ".venv-lowest/bin/pytest",
            ],
        ),
        ("release-check", ["scripts/venv.sh", "pip install", "-m scripts.release_check"]),
        (
            "check",
            [
                "fetch-debian.sh",
                "ruff check",
                "ruff format --check",
                "mypy exporter tests",
                "pytest -n 3 --cov",
            ],
        ),
        ("live", ["fetch-debian.sh", "pytest -m live"]),
        ("chaos", ["pip install", "-m tests.chaos"]),
        ("soak", ["pip install", "-m tests.soak"]),
        ("fuzz", ["pip install", "'.[dev,fuzz]'", "-m tests.fuzz"]),
        ("bench", ["pip install", "-m benchmarks"]),
    ],
)
def test_a_target_does_its_own_set_up(target: str, commands: list[str]) -> None:
    text = _dry_run(target)
    at = 0
    for command in commands:
        assert command in text[at:]
        at = text.index(command, at)


def test_live_needs_an_address(tmp_path: Path) -> None:
    environ = {
        name: value for name, value in os.environ.items() if name not in ("FREESWITCH_LIVE", "MAKEFLAGS")
    }
    done = subprocess.run(
        ["make", "--old-file=.venv/.dev", "--old-file=.cache/.tools", "live"],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=ROOT,
        env=environ,
        check=False,
    )
    assert done.returncode == 2
    assert "make live FREESWITCH_LIVE=127.0.0.1:8021" in done.stderr


class Collected:
    """A pytest plugin that keeps the names of the selected tests."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        self.names = [item.name for item in session.items]


def test_only_live_tests_are_deselected_and_none_is_skipped(tmp_path: Path) -> None:
    tests = tmp_path / "test_some.py"
    tests.write_text("import pytest\ndef test_a(): pass\n@pytest.mark.live\ndef test_b(): pass\n")
    for more, names in (([], ["test_a"]), (["-m", "live"], ["test_b"])):
        collected = Collected()
        arguments = ["-c", str(ROOT / "pyproject.toml"), "--collect-only", "-q", "-p", "no:cacheprovider"]
        assert pytest.main([*arguments, *more, str(tests)], [collected]) == pytest.ExitCode.OK
        assert collected.names == names
    ways_out = re.compile("pytest[.](mark[.])?(skip|xfail)" + "|import" + "orskip")
    for path in (ROOT / "tests").rglob("*.py"):
        assert not ways_out.search(path.read_text()), path


@pytest.mark.parametrize("name", ["prometheus", "promtool", "alertmanager", "amtool", "chromium"])
def test_the_programs_that_tests_need_run(name: str) -> None:
    done = subprocess.run(
        [program(name), "--version"], capture_output=True, text=True, timeout=60, check=True
    )
    assert re.search(r"\d+\.\d+", done.stdout + done.stderr)


def test_another_prometheus_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("prometheus", "promtool"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PROMETHEUS", str(tmp_path / "prometheus"))
    assert program("prometheus") == tmp_path / "prometheus"
    assert program("promtool") == tmp_path / "promtool"
    (tmp_path / "promtool").unlink()
    with pytest.raises(LookupError, match=r"PROMETHEUS=.*/promtool is no program"):
        program("promtool")


def test_a_program_that_is_missing_is_named_with_the_remedy() -> None:
    with pytest.raises(LookupError, match=r"no-such-program is neither .*: `make .cache/.tools` fetches it"):
        program("no-such-program")
