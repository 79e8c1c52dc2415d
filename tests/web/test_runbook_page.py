"""The runbook as the exporter serves it: the same text as docs/runbook.md, with the same anchors."""

import re

from exporter.diagnosis.finding import Remedy
from exporter.diagnosis.severity import CALLS_FAIL, CLASSES, FAULTS
from scripts.runbook_page import RUNBOOK, page
from tests.alerts.test_runbook import HEADINGS, anchor
from tests.support.tools import ROOT
from tests.web.fakes import FakeContext
from tests.web.pages import Reader, read

TEMPLATE = ROOT / "exporter/web/templates/runbook_text.html"


async def runbook() -> Reader:
    return await read(FakeContext(), "/runbook")


def test_the_page_is_made_from_the_text_in_docs() -> None:
    assert TEMPLATE.read_text(encoding="utf-8") == page(), (
        "run: python -m scripts.runbook_page > exporter/web/templates/runbook_text.html"
    )


async def test_every_heading_has_the_anchor_that_github_gives_it() -> None:
    ids = set((await runbook()).ids)
    assert {anchor(heading) for heading in HEADINGS[1:]} <= ids  # the first is the title


async def test_it_has_every_word_of_the_text() -> None:
    shown = re.sub(r"\s+", " ", (await runbook()).text)
    prose = re.sub(r"\]\([^)]*\)", "]", RUNBOOK.read_text(encoding="utf-8"))  # without targets of links
    for line in prose.splitlines():
        for words in re.findall(r"[\w ]{30,}", line):
            assert words.strip() in shown, words


async def test_every_link_inside_leads_somewhere_and_none_is_to_a_file_that_is_not_served() -> None:
    served = await runbook()
    for link in served.links:
        if link.startswith("#"):
            assert link[1:] in served.ids, link
        assert not link.endswith(".md") or link.startswith("https:"), link


async def test_every_finding_leads_to_a_section() -> None:
    ids = (await runbook()).ids
    for row in (*FAULTS.values(), *CLASSES.values(), CALLS_FAIL):
        if row.section:
            assert Remedy(section=row.section).anchor in ids
