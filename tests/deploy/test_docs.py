"""The documentation as a whole: each page is reachable, links lead somewhere, the glossary has the words."""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

from benchmarks.fleet import SIZES
from exporter.metrics import families
from exporter.metrics.families import FAMILIES
from scripts import growth_picture
from tests.support.tools import ROOT, program

DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted(DOCS.glob("*.md"))]
PAGES += [ROOT / folder / "README.md" for folder in ("alerts", "dashboards", "benchmarks")]
GROWING = (DOCS / "growing.md").read_text(encoding="utf-8")


def _linked(page: Path) -> list[tuple[Path, str]]:
    """The files that a page links to, each with its anchor."""
    text = page.read_text(encoding="utf-8")
    return [
        ((page.parent / target).resolve() if target else page, anchor)
        for target, anchor in re.findall(r"\]\((?!\w+:)([^)#\s]*)#?([^)\s]*)\)", text)
    ]


def _anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target, anchor in _linked(page):
        assert target.exists(), target
        assert not anchor or target.suffix != ".md" or anchor in _anchors(target), f"{target.name}#{anchor}"


def test_every_page_is_in_the_index() -> None:
    indexed = {target for target, _ in _linked(DOCS / "README.md")}
    assert indexed >= set(DOCS.glob("*.md")) - {DOCS / "README.md"}
    assert DOCS / "README.md" in {target for target, _ in _linked(ROOT / "README.md")}


def test_the_glossary_is_sorted_and_explains_each_word_once() -> None:
    text = (DOCS / "glossary.md").read_text(encoding="utf-8")
    words = re.findall(r"^\| ([^|]+?) \| \S", text, re.MULTILINE)[1:]
    assert words == sorted(words, key=str.lower)
    assert len({word.lower() for word in words}) == len(words)
    for name in re.findall(r"`(freeswitch_\w+)`", text):
        assert name in FAMILIES, name


@pytest.mark.parametrize(
    "word", ["cause", "direction", "gateway", "node", "probe", "problem", "profile", "subscriber"]
)
def test_the_glossary_has_the_labels(word: str) -> None:
    assert any(word in family.labels for family in FAMILIES.values()), word
    assert re.search(rf"^\| {word}[ ,]", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("block", re.findall(r"```yaml\n(.*?)```", GROWING, re.DOTALL))
def test_prometheus_accepts_the_examples(block: str, tmp_path: Path) -> None:
    (tmp_path / "ca.crt").touch()
    config = tmp_path / "prometheus.yml"
    config.write_text(block)
    agent = ["--agent"] if "remote_write" in yaml.safe_load(block) else []
    subprocess.run([program("promtool"), "check", "config", *agent, config], check=True, timeout=60)


def test_the_figures_are_of_the_sizes_that_are_measured() -> None:
    rows = re.findall(r"^\| (\d+) \| (\d+) \| (\d+) \|", GROWING, re.MULTILINE)
    assert [tuple(map(int, row)) for row in rows] == [tuple(map(int, size)) for size in SIZES]
    assert families.PROBE_STANDBY.name in GROWING


def test_the_curves_are_of_the_figures() -> None:
    committed = (DOCS / "images/growing.svg").read_text(encoding="utf-8")
    assert len(growth_picture.rows()) == len(SIZES)
    assert committed == growth_picture.picture(), (
        "run: python -m scripts.growth_picture > docs/images/growing.svg"
    )
    assert "](images/growing.svg)" in GROWING
