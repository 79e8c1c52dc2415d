"""One table of severity: the labels of the alerts, the findings and the runbook agree with it."""

import re

import pytest

from exporter.diagnosis.finding import Remedy
from exporter.diagnosis.remedies import _ROWS
from exporter.diagnosis.severity import CALLS_FAIL, CLASSES, FAULTS
from exporter.switch.local_failure import LOCAL_FAILURES
from exporter.switch.provider import PROVIDERS, provider
from tests.alerts.rule_files import ALERTS, Alert
from tests.alerts.test_runbook import HEADINGS, anchor
from tests.support.tools import ROOT

ROWS = [*FAULTS.values(), *CLASSES.values(), CALLS_FAIL]
SEVERITY = {"fail": "critical", "warn": "warning"}
NO_FINDING = {
    "a comparison with the past of days, which Prometheus has": {
        "FreeswitchCallAsrDrop",
        "FreeswitchCallCostHigh",
        "FreeswitchCountryNew",
        "FreeswitchCountryTalkHigh",
        "FreeswitchExpensiveCalls",
        "FreeswitchGatewayAvailabilityBurnFast",
        "FreeswitchGatewayAvailabilityBurnSlow",
        "FreeswitchProbeSuccessBurnFast",
        "FreeswitchProbeSuccessBurnSlow",
        "FreeswitchRegistrationsDropped",
    },
    "a share of many calls, which the histograms have": {
        "FreeswitchCallJitterHigh",
        "FreeswitchCallMosLow",
        "FreeswitchCallPacketLossHigh",
    },
    "of the exporter, which cannot report its own absence": {
        "FreeswitchExporterDown",
        "FreeswitchExporterMissing",
        "FreeswitchNodeUnwatched",
    },
    "shown elsewhere on the page: notes of the history, outages, probes": {
        "FreeswitchEventsLost",
        "FreeswitchExporterHistoryUnusable",
        "FreeswitchGatewayFlapping",
        "FreeswitchProbeBudgetLow",
        "FreeswitchProbeNotRun",
    },
    "an early warning of what is graver by then": {"FreeswitchGatewayPingOverdue"},
}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_is_as_grave_as_its_findings(alert: Alert) -> None:
    name, label = alert.name, alert.labels["severity"]
    rows = [row for row in ROWS if name in row.alerts]
    excused = [reason for reason, names in NO_FINDING.items() if name in names]
    assert bool(rows) != bool(excused), "give it a row in exporter/diagnosis/severity.py, or a reason here"
    assert {SEVERITY[row.status] for row in rows} <= {label}


def test_every_alert_of_the_table_exists() -> None:
    named = {name for row in ROWS for name in row.alerts} | {
        n for names in NO_FINDING.values() for n in names
    }
    assert named == {alert.name for alert in ALERTS}


def test_every_section_is_in_the_runbook() -> None:
    sections = {row.section for row in ROWS if row.section}
    assert sections <= set(HEADINGS)
    assert {Remedy(section=section).anchor for section in sections} == {
        anchor(section) for section in sections
    }


def test_every_fault_with_a_remedy_has_a_severity() -> None:
    assert set(_ROWS) <= set(FAULTS)
    others = {("call", "failed"), ("call", "degraded")}  # remedies of their own
    others |= {("calls", reason) for reason in LOCAL_FAILURES if reason != "other"}
    assert set(FAULTS) - set(_ROWS) == others


def test_classes_are_those_of_the_providers() -> None:
    assert set(CLASSES) <= {code.class_ for name in PROVIDERS for code in provider(name).codes}


def test_no_status_is_written_beside_the_table() -> None:
    """A check takes the status from the table; `warn` alone is left where numbers make a fault smaller."""
    literal = re.compile(r'status="(?:fail|warn)"|Trouble\(\s*"(?:fail|warn)"')
    folder = ROOT / "exporter/diagnosis"
    written = {path.name for path in folder.glob("check_*.py") if literal.search(path.read_text())}
    assert written == set()
