"""Every query of the committed dashboards, evaluated by a real Prometheus."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import prometheus

FILES = sorted((Path(__file__).parent.parent.parent / "dashboards").glob("*.json"))

# Values of Grafana's variables: all, where several may be selected. The windows suit a Prometheus that has
# run for seconds only.
FILLED_IN = {
    '=~"$node"': '=~".*"',
    '=~"$gateway"': '=~".*"',
    "$node": "demo",
    "$gateway": "telnyx",
    "$probe": ".*",
    "$__rate_interval": "10s",
    "$__range": "10s",
}


def fill_in(expression: str) -> str:
    for variable, value in FILLED_IN.items():
        expression = expression.replace(variable, value)
    return expression


def panel_expressions(file: Path) -> Iterator[tuple[str, str]]:
    """Each expression of a panel, after its place."""
    for panel in json.loads(file.read_text(encoding="utf-8"))["panels"]:
        for target in panel.get("targets", []):
            yield f"{panel['title']} {target['refId']}", fill_in(target["expr"])


def expressions(file: Path) -> Iterator[tuple[str, str]]:
    """The same, and those of the annotations."""
    yield from panel_expressions(file)
    for mark in json.loads(file.read_text(encoding="utf-8"))["annotations"]["list"]:
        if "expr" in mark:
            yield mark["name"], fill_in(mark["expr"])


@pytest.fixture(scope="module")
def empty_prometheus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prometheus.running(tmp_path_factory.mktemp("prometheus")) as base:
        yield base


@pytest.mark.parametrize("file", FILES, ids=lambda path: path.stem)
def test_prometheus_understands_every_query(empty_prometheus: str, file: Path) -> None:
    asked = list(expressions(file))
    assert len(asked) > 20
    for where, expression in asked:
        assert "$" not in expression, where
        prometheus.ask(empty_prometheus, expression)
