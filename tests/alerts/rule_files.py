"""The committed rule files, read into plain values, and their unit tests beside them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from exporter.metrics.families import FAMILIES
from tests.support.tools import ROOT

FOLDER = ROOT / "alerts"
EXAMPLE = ROOT / "deploy/alertmanager/alertmanager.yml"
FILES = sorted(FOLDER.glob("*.yml"))
UNIT_TESTS = sorted((ROOT / "tests/alerts/rules").glob("*.yml"))

_TEMPLATE_QUERY = re.compile(r'(?:printf|query) "((?:[^"\\]|\\.)*)"')
_MATCHERS = re.compile(r"([a-zA-Z_:][a-zA-Z0-9_:]*)\{([^}]*)\}")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"((?:[^"\\]|\\.)*)"')
_NAME = re.compile(r"(?<![\w:])(?:freeswitch_\w+|process_\w+|[a-z]\w*:[\w:]+|up)(?![\w:(])")


@dataclass(frozen=True)
class Alert:
    """One alerting rule."""

    name: str
    expression: str
    labels: dict[str, str]
    annotations: dict[str, str]

    @property
    def expressions(self) -> list[str]:
        """Its PromQL: the condition, and the queries in its texts."""
        texts = (self.annotations.get(key, "") for key in ("summary", "description"))
        asked = [query.replace('\\"', '"') for text in texts for query in _TEMPLATE_QUERY.findall(text)]
        return [self.expression, *(query for query in asked if _NAME.search(query))]


def _rules() -> Iterator[dict[str, Any]]:
    for path in FILES:
        for group in yaml.safe_load(path.read_text(encoding="utf-8"))["groups"]:
            yield from group["rules"]


ALERTS = [
    Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"])
    for rule in _rules()
    if "alert" in rule
]
RECORDED: dict[str, str] = {rule["record"]: rule["expr"] for rule in _rules() if "record" in rule}


def names(expression: str) -> set[str]:
    """The metric names in an expression."""
    without_matchers = re.sub(r"\{[^}]*\}|\"[^\"]*\"", " ", expression)
    return set(_NAME.findall(without_matchers))


def base_family(name: str) -> str:
    """The name of the family of a series, which may be one of a histogram's."""
    for suffix in ("_bucket", "_count", "_sum"):
        if name.endswith(suffix) and name not in FAMILIES and FAMILIES[name.removesuffix(suffix)].buckets:
            return name.removesuffix(suffix)
    return name


def matchers(expression: str) -> Iterator[tuple[str, str, list[str]]]:
    """Metric name, label name and values of every matcher in an expression."""
    for name, inside in _MATCHERS.findall(expression):
        for label, _, value in _MATCHER.findall(inside):
            yield name, label, value.split("|")
