"""The runbook has a section for every alert, problem and phase, and no broken link."""

import re

import pytest

from exporter.metrics.families import DROP_REASONS, PROBE_PHASES, PROBLEMS
from exporter.switch.cause import OF_THE_CALL
from exporter.switch.events import EVENT_NAMES
from exporter.switch.provider import PROVIDERS, provider
from exporter.watch.commands import COMMAND_NAMES
from exporter.watch.verdict import GATEWAY_PROBLEMS
from tests.alerts.rule_files import ALERTS, RECORDED, matchers
from tests.support.tools import ROOT

RUNBOOK = (ROOT / "docs/runbook.md").read_text(encoding="utf-8")
PROSE = re.sub(r"```.*?```", "", RUNBOOK, flags=re.DOTALL)
HEADINGS = re.findall(r"^#{1,6} (.+)$", PROSE, re.MULTILINE)
WORDS = sorted({alert.name for alert in ALERTS} | {*GATEWAY_PROBLEMS, *PROBLEMS, *PROBE_PHASES})


def anchor(heading: str) -> str:
    """As GitHub makes it: lower case, hyphens for blanks, no punctuation."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


@pytest.mark.parametrize("word", WORDS)
def test_there_is_one_section(word: str) -> None:
    assert HEADINGS.count(word) == 1


def test_every_section_has_its_alert_problem_or_phase() -> None:
    third = re.findall(r"^### (.+)$", PROSE, re.MULTILINE)
    assert sorted(third) == WORDS


def test_every_link_of_an_alert_leads_to_its_section() -> None:
    anchors = {anchor(heading) for heading in HEADINGS}
    for alert in ALERTS:
        assert alert.annotations["runbook_url"].partition("#")[2] in anchors


def test_every_internal_link_works() -> None:
    anchors = [anchor(heading) for heading in HEADINGS]
    assert len(anchors) == len(set(anchors))
    links = re.findall(r"\]\(#([^)]+)\)", RUNBOOK)
    assert links
    assert set(links) <= set(anchors)


def test_alerts_link_to_all_their_problems() -> None:
    for alert in ALERTS:
        section = RUNBOOK.partition(f"### {alert.name}\n")[2].partition("\n#")[0]
        for _, label, values in matchers(alert.expression):
            for word in values if label == "problem" else []:
                assert f"(#{word})" in section, f"{alert.name} does not lead to {word}"


def test_the_permissions_are_those_that_the_exporter_needs() -> None:
    allowed = dict(re.findall(r'name="esl-allowed-(\w+)" value="([^"]+)"', RUNBOOK))
    assert set(allowed["api"].split()) == set(COMMAND_NAMES)
    assert set(allowed["events"].split()) - {"CUSTOM"} == set(EVENT_NAMES)


def test_reasons_of_lost_events_are_all_explained() -> None:
    section = RUNBOOK.partition("### FreeswitchEventsLost\n")[2].partition("\n###")[0]
    assert set(re.findall(r"`(\w+)`(?=[,| ].*\|)", section)) >= set(DROP_REASONS)


def test_every_class_of_a_provider_is_explained() -> None:
    classes = {code.class_ for name in PROVIDERS for code in provider(name).codes}
    assert classes == set(re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", RUNBOOK, re.MULTILINE))


def test_no_command_hangs_up_every_call() -> None:
    assert not re.search(r"fs_cli[^\n]*hupall", RUNBOOK)


def test_alerts_and_doctor_exclude_the_same_causes() -> None:
    excluded = [
        set(values)
        for expression in RECORDED.values()
        for _, label, values in matchers(expression)
        if label == "cause"
    ]
    assert excluded == [set(OF_THE_CALL)]
