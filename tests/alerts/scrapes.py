"""The series of a rule's unit test as other versions and options of Prometheus have them.

promtool scrapes at the moments at which it evaluates, and a sample exactly as old as a window belongs to it
before Prometheus 3 and does not since. A test group with `scrapes: between` is scraped half an interval
before each of these moments instead (its first value as without): both versions see the same samples.

With `type-and-unit-labels`, what is scraped has two labels more, and what is calculated has not.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from exporter.metrics.families import FAMILIES
from tests.alerts.rule_files import base_family

_RUN = re.compile(r"(_|[-+]?[\d.]+)([-+][\d.]+)?(?:x(\d+))?")  # as promtool writes values of a series


def scraped(test: dict[str, Any]) -> dict[str, Any]:
    """The test group as promtool takes it, with its scrapes where it says."""
    if test.pop("scrapes", "") != "between":
        return test
    number, unit = test["interval"][:-1], test["interval"][-1]
    seconds = int(number) * {"s": 1, "m": 60}[unit]
    for series in test["input_series"]:
        first, *others = values(series["values"])
        series["values"] = " ".join([first, *(f"{value} _" for value in others)])
    return test | {"interval": f"{seconds * 500}ms"}


def values(runs: str) -> Iterator[str]:
    """The values of a series one by one: `5x2` is 5 5 5, `1+2x2` is 1 3 5, `_x2` is _ _."""
    for run in runs.split():
        found = _RUN.fullmatch(run)
        assert found, run
        first, step, times = found[1], found[2], int(found[3] or 0)
        if first == "_":
            yield from ["_"] * max(times, 1)
        else:
            yield from (format(Decimal(first) + n * Decimal(step or 0), "f") for n in range(times + 1))


def with_types(test: dict[str, Any]) -> dict[str, Any]:
    """The test of alerts as with `--enable-feature=type-and-unit-labels`: type and unit are labels too.

    The exporter states no units, but others on the way may. Alerts about an outage carry the type, so
    that what is derived from ALERTS meets it.
    """
    series = [one | {"series": _typed(one["series"])} for one in test["input_series"]]
    cases = [
        case | {"exp_alerts": [alert | {"exp_labels": _expected(alert["exp_labels"])} for alert in alerts]}
        for case in test["alert_rule_test"]
        for alerts in [case.get("exp_alerts", [])]
    ]
    return {
        "name": test["name"],
        "interval": test["interval"],
        "input_series": series,
        "alert_rule_test": cases,
    }


def with_one_type(rule: dict[str, Any]) -> dict[str, Any]:
    """The rule; an alert with the same type's label whether its expression keeps it or not."""
    if "record" in rule:
        return rule
    kind = "gauge" if "outage" in rule["labels"] else ""
    return rule | {"labels": rule["labels"] | {"__type__": kind, "__unit__": ""}}


def _typed(series: str) -> str:
    name, _, labels = series.partition("{")
    kind = FAMILIES[base_family(name)].type if name.startswith(("freeswitch_", "process_")) else "gauge"
    unit = "seconds" if "_seconds" in name else ""
    return f'{name}{{__type__="{kind}",__unit__="{unit}",{labels or "}"}'


def _expected(labels: dict[str, str]) -> dict[str, str]:
    return labels | {"__type__": "gauge"} if "outage" in labels else labels
