"""The unit tests of the rules with only those rules that they need.

promtool evaluates every rule it is given at every step, whatever is asked of it, and that is most of its
time. A test group asks for some alerts; those depend on some recorded series, these on others. All other
rules are left out: nothing that is asked for can depend on them. Rules keep their group, their order and the
group's interval.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

from tests.alerts.rule_files import Alert, matchers, names
from tests.alerts.scrapes import scraped, with_one_type, with_types

Rules = list[dict[str, Any]]


def write(unit_tests: Path, folder: Path, *, typed: bool = False) -> list[Path]:
    """Write the tests of one file into `folder`, one file for each set of rules that is needed.

    Args:
        unit_tests: the file.
        folder: where to.
        typed: the tests of alerts alone, with series as with_types has them.
    """
    document = yaml.load(unit_tests.read_bytes(), yaml.CSafeLoader)
    groups = [
        group
        for name in document["rule_files"]
        for group in yaml.load((unit_tests.parent / name).read_bytes(), yaml.CSafeLoader)["groups"]
    ]
    rules = [rule for group in groups for rule in group["rules"]]
    by_needs: dict[frozenset[int], list[dict[str, Any]]] = {}
    for test in map(scraped, document["tests"]):
        by_needs.setdefault(needed(rules, test), []).append(test)
    written = []
    for number, (needs, tests) in enumerate(by_needs.items()):
        kept = [group | {"rules": [r for r in group["rules"] if id(r) in needs]} for group in groups]
        kept = [group for group in kept if group["rules"]]
        present = {group["name"] for group in kept}
        if typed:
            kept = [group | {"rules": [with_one_type(rule) for rule in group["rules"]]} for group in kept]
            tests = [with_types(test) for test in tests if "alert_rule_test" in test]
        rule_file = folder / f"{unit_tests.stem}-{number}.rules.yml"
        rule_file.write_text(yaml.dump({"groups": kept}, Dumper=yaml.CSafeDumper, sort_keys=False))
        order = [name for name in document.get("group_eval_order", []) if name in present]
        path = folder / f"{unit_tests.stem}-{number}.yml"
        pruned = document | {"rule_files": [rule_file.name], "group_eval_order": order, "tests": tests}
        path.write_text(yaml.dump(pruned, Dumper=yaml.CSafeDumper, sort_keys=False))
        written.append(path)
    return written


def needed(rules: Rules, test: dict[str, Any]) -> frozenset[int]:
    """The rules that a test group asks for, and those they depend on, by `id`."""
    asked = {case["alertname"] for case in test.get("alert_rule_test", [])}
    waiting = [rule for rule in rules if rule.get("alert") in asked]
    for case in test.get("promql_expr_test", []):
        waiting += depends_on(rules, [case["expr"]])
    found: dict[int, dict[str, Any]] = {}
    while waiting:
        rule = waiting.pop()
        if id(rule) not in found:
            found[id(rule)] = rule
            waiting += depends_on(rules, _expressions(rule))
    return frozenset(found)


def depends_on(rules: Rules, expressions: Iterable[str]) -> Rules:
    """The rules whose series the expressions read: recorded by name, alerts by the labels of `ALERTS`."""
    read = {name for expression in expressions for name in names(expression)}
    wanted: dict[str, set[str]] = {}
    for expression in expressions:
        for name, label, values in matchers(expression):
            if name == "ALERTS":
                wanted.setdefault(label, set()).update(values)
    found = [rule for rule in rules if rule.get("record") in read]
    if wanted:
        found += [rule for rule in rules if "alert" in rule and _carries(rule["labels"], wanted)]
    return found


def _carries(labels: dict[str, str], wanted: dict[str, set[str]]) -> bool:
    return all(labels.get(label) in values for label, values in wanted.items() if label != "alertstate")


def _expressions(rule: dict[str, Any]) -> list[str]:
    if "record" in rule:
        return [rule["expr"]]
    return Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"]).expressions
