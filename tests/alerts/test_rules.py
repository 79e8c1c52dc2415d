"""The rule files and their unit tests, as Prometheus' own promtool reads them."""

import subprocess
from pathlib import Path

import pytest

from tests.alerts import pruned
from tests.alerts.rule_files import EXAMPLE, FILES, UNIT_TESTS
from tests.support.tools import program


def run(*arguments: str | Path) -> None:
    done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_accepts_the_rule_files() -> None:
    run(program("promtool"), "check", "rules", "--lint-fatal", *FILES)


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_alerts_fire_and_resolve_as_written(tmp_path: Path, path: Path) -> None:
    run(program("promtool"), "test", "rules", *pruned.write(path, tmp_path))


@pytest.mark.parametrize("path", UNIT_TESTS, ids=lambda path: path.stem)
def test_alerts_are_the_same_where_types_and_units_are_labels(tmp_path: Path, path: Path) -> None:
    run(program("promtool"), "test", "rules", *pruned.write(path, tmp_path, typed=True))


def test_alertmanager_accepts_the_example() -> None:
    run(program("amtool"), "check-config", EXAMPLE)
