"""What every alert must have: unit tests, labels of one scheme, names and label values that exist, a runbook.

The label values in rules (problems, states, results, classes, causes, buckets) are compared with the tables
of the code, so that no alert keeps a renamed value and never fires.
"""

import re
from functools import cache
from typing import Any

import pytest
import yaml

from exporter.metrics.exposition import number
from exporter.metrics.families import DROP_REASONS, FAMILIES, OUTCOMES, PROBE_PHASES, PROBE_RESULTS, PROBLEMS
from exporter.switch.cause import CAUSES
from exporter.switch.cause import OUTCOMES as CALL_OUTCOMES
from exporter.switch.local_failure import LOCAL_FAILURES
from exporter.switch.log_event import LOG_EVENTS
from exporter.switch.log_line import LOG_LEVELS
from exporter.switch.provider import PROVIDERS, provider
from exporter.watch.accepting import REFUSAL_REASONS
from exporter.watch.commands import OPTIONAL
from exporter.watch.verdict import GATEWAY_PROBLEMS, GATEWAY_STATES
from tests.alerts.rule_files import (
    ALERTS,
    EXAMPLE,
    FILES,
    FOLDER,
    RECORDED,
    UNIT_TESTS,
    Alert,
    base_family,
    matchers,
    names,
)

BASE = "https://github.com/freeswitch-exporter/freeswitch-exporter/blob/main/docs/runbook.md"
TARGET = {"job", "instance"}
FROM_OTHERS = {"up", "process_start_time_seconds", "ALERTS"}
LAYERS = {"exporter", "switch", "gateway", "calls", "probe"}

every_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


@cache
def unit_test_groups() -> list[dict[str, Any]]:
    loaded = [yaml.load(path.read_bytes(), yaml.CSafeLoader) for path in UNIT_TESTS]
    return [group for file in loaded for group in file["tests"]]


def cases(group: dict[str, Any], alert: str) -> list[bool]:
    """Whether the alert is expected to fire, at each of the group's times in their order."""
    tests = [test for test in group.get("alert_rule_test", []) if test["alertname"] == alert]
    return [bool(test["exp_alerts"]) for test in sorted(tests, key=lambda test: minutes(test["eval_time"]))]


def minutes(duration: str) -> float:
    unit = {"d": 1440.0, "h": 60.0, "m": 1.0, "s": 1 / 60}
    return sum(int(count) * unit[letter] for count, letter in re.findall(r"(\d+)([dhms])", duration))


@every_alert
def test_a_unit_test_shows_it_firing_and_resolving(alert: Alert) -> None:
    named = [g for g in unit_test_groups() if g["name"].startswith(f"{alert.name} fires and resolves")]
    assert named
    for group in named:
        fired = cases(group, alert.name)
        assert not fired[0], f"{group['name']}: begins quiet"
        assert True in fired, f"{group['name']}: fires"
        assert not fired[-1], f"{group['name']}: resolves"


@every_alert
def test_a_unit_test_shows_it_quiet_just_below(alert: Alert) -> None:
    named = [g for g in unit_test_groups() if g["name"].startswith(f"{alert.name} just below")]
    assert named
    for group in named:
        fired = cases(group, alert.name)
        assert fired, f"{group['name']}: has a test"
        assert not any(fired), f"{group['name']}: stays quiet"


@every_alert
def test_its_labels_follow_the_scheme(alert: Alert) -> None:
    assert alert.name.startswith("Freeswitch")
    assert alert.labels.keys() <= {"severity", "service", "layer", "outage"}
    assert alert.labels["severity"] in {"critical", "warning"}
    assert alert.labels["service"] == "freeswitch"
    assert alert.labels["layer"] in LAYERS
    if "outage" in alert.labels:
        assert alert.labels["outage"] == alert.labels["layer"]
        assert alert.labels["severity"] == "critical"


@every_alert
def test_its_texts_are_complete(alert: Alert) -> None:
    assert alert.annotations.keys() == {"summary", "description", "runbook_url"}
    assert all("\n" not in text for text in alert.annotations.values())
    assert re.search(r"\$value|\$labels\.problem", alert.annotations["description"]), "no live value"
    assert alert.annotations["runbook_url"] == f"{BASE}#{alert.name.lower()}"


def test_names_are_used_once() -> None:
    assert len({alert.name for alert in ALERTS}) == len(ALERTS)
    assert all(re.fullmatch(r"[a-z_]+:[a-z0-9_]+:[a-z0-9_]+", name) for name in RECORDED)


EXPRESSIONS = [*(e for alert in ALERTS for e in alert.expressions), *RECORDED.values()]


def test_every_metric_is_declared() -> None:
    used = {name for expression in EXPRESSIONS for name in names(expression)}
    assert {name for name in used if ":" in name} <= RECORDED.keys()
    assert {base_family(name) for name in used if ":" not in name} <= FAMILIES.keys() | FROM_OTHERS
    assert len(used) > 50  # fewer mean that names() misses some


VALUES = {
    ("freeswitch_connection_problem", "problem"): set(PROBLEMS),
    ("freeswitch_connection_attempts_total", "outcome"): set(OUTCOMES),
    ("freeswitch_events_dropped_total", "reason"): set(DROP_REASONS),
    ("freeswitch_optional_answers_ok", "command"): set(OPTIONAL),
    ("freeswitch_refusal_reason", "reason"): set(REFUSAL_REASONS),
    ("freeswitch_log_lines_total", "level"): set(LOG_LEVELS),
    ("freeswitch_log_events_total", "what"): set(LOG_EVENTS),
    ("freeswitch_call_local_failures_total", "reason"): set(LOCAL_FAILURES),
    ("freeswitch_gateway_problem", "problem"): set(GATEWAY_PROBLEMS),
    ("freeswitch_gateway_state", "state"): set(GATEWAY_STATES),
    ("freeswitch_probe_runs_total", "result"): set(PROBE_RESULTS),
    ("freeswitch_probe_phase_seconds", "phase"): set(PROBE_PHASES),
    ("freeswitch_call_hangups_total", "cause"): set(CAUSES),
    ("freeswitch_dials_refused_total", "cause"): set(CAUSES),
    ("freeswitch_call_hangups_total", "answered"): {"true", "false"},
    ("freeswitch_country_calls_total", "outcome"): set(CALL_OUTCOMES),
    ("freeswitch_call_provider_rejections_total", "class"): {
        code.class_ for name in PROVIDERS for code in provider(name).codes
    },
}


def test_every_label_and_value_exists() -> None:
    asked = [match for expression in EXPRESSIONS for match in matchers(expression)]
    assert asked
    for name, label, values in asked:
        if name in FROM_OTHERS or ":" in name:
            continue
        family = FAMILIES[base_family(name)]
        if label == "le":
            assert set(values) <= {number(bound) for bound in family.buckets}, name
        elif label not in TARGET:
            assert label in family.labels, name
            if values != [""] and (name, label) != (
                "freeswitch_gateway_registration_responses_total",
                "code",
            ):
                assert set(values) <= VALUES[name, label], name


def problems_in_alerts(family: str) -> list[str]:
    """The problems in the conditions of alerts, with repetitions."""
    return [
        word
        for alert in ALERTS
        for name, label, values in matchers(alert.expression)
        if (name, label) == (family, "problem")
        for word in values
    ]


def test_every_problem_has_one_alert() -> None:
    assert sorted(problems_in_alerts("freeswitch_connection_problem")) == sorted(set(PROBLEMS) - {"none"})
    # ping_overdue has two: an early warning, and the outage if it lasts.
    assert sorted(problems_in_alerts("freeswitch_gateway_problem")) == sorted(
        [*(set(GATEWAY_PROBLEMS) - {"none"}), "ping_overdue"]
    )


def test_outages_are_recorded_by_the_labels_of_their_alerts_and_without_them() -> None:
    expression = RECORDED["node_gateway:freeswitch_gateway_outage:timestamp"]
    asked = {label: values for name, label, values in matchers(expression) if name == "ALERTS"}
    assert asked.pop("alertstate") == ["firing"]
    found = [alert for alert in ALERTS if all([alert.labels.get(label)] == asked[label] for label in asked)]
    assert found == [alert for alert in ALERTS if alert.labels.get("outage") == "gateway"]
    dropped = set(re.findall(r"\w+", expression.partition("without (")[2].partition(")")[0]))
    of_series = {"alertname", "alertstate", "profile", "problem", "__type__", "__unit__"}
    assert dropped == of_series.union(*(alert.labels for alert in found))


def test_joins_ignore_types_and_units() -> None:
    """Under type-and-unit-labels they are labels of what is scraped, and not of what is calculated."""
    for expression in EXPRESSIONS:
        for labels in re.findall(r"ignoring \(([^)]*)\)", expression):
            assert labels == "le" or labels.endswith("__type__, __unit__"), expression


def test_a_calculation_joins_what_is_scraped_by_named_labels() -> None:
    """Else Prometheus 3.5 compares them under type-and-unit-labels, and nothing of a calculation matches."""
    for expression in EXPRESSIONS:
        for before, family in re.findall(r"(\S+)\s+(?:and|unless) (freeswitch_\w+)", expression):
            assert re.search(rf"\b{family}\b", before), expression


def test_objectives_are_set_once() -> None:
    assert RECORDED["slo:freeswitch_gateway_availability:objective"] == "vector(0.999)"
    assert RECORDED["slo:freeswitch_probe_success:objective"] == "vector(0.99)"
    for path in FILES:
        if path.stem != "slo":
            assert not re.search(r"0\.99\b|(?<!< )0\.999\b", path.read_text(encoding="utf-8")), path.name


def test_burn_rates_divide_by_their_own_window() -> None:
    burns = {name: e for name, e in RECORDED.items() if "availability_burn:rate" in name}
    assert len(burns) == 5
    for name, expression in burns.items():
        window = name.rpartition("rate")[2]
        assert f"increase{window} / {minutes(window) * 60:.0f} /" in expression


def test_the_readme_lists_every_alert_with_its_labels() -> None:
    rows = re.findall(r"^\| (Freeswitch\w+) \| (\w+) \| (\w+) \| (\w*) *\|", readme(), re.MULTILINE)
    expected = [(a.name, a.labels["severity"], a.labels["layer"], a.labels.get("outage", "")) for a in ALERTS]
    assert sorted(rows) == sorted(expected)


def test_the_readmes_pattern_takes_every_rule_file() -> None:
    [text] = re.findall(r"```yaml\n# prometheus.yml\n(.*?)```", readme(), re.DOTALL)
    [pattern] = yaml.safe_load(text)["rule_files"]
    assert sorted(FOLDER.parent.glob(pattern)) == FILES


def readme() -> str:
    return (FOLDER / "README.md").read_text(encoding="utf-8")


def test_the_example_inhibits_by_labels_that_exist() -> None:
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    outages = {alert.labels["outage"] for alert in ALERTS if "outage" in alert.labels}
    sources = [matcher for rule in example["inhibit_rules"] for matcher in rule["source_matchers"]]
    assert {value for m in sources for value in re.findall(r'outage="(\w+)"', m)} == outages
    targets = [matcher for rule in example["inhibit_rules"] for matcher in rule["target_matchers"]]
    layers = {
        value for m in targets for word in re.findall(r'layer=~?"([\w|]+)"', m) for value in word.split("|")
    }
    assert layers == LAYERS - {"exporter"}
