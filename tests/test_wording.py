"""How the project's texts read: docstrings with intact lines, no first person, short summaries of alerts."""

import re
from pathlib import Path

import pytest

from tests.alerts.rule_files import ALERTS, Alert
from tests.support.docstrings import breakages
from tests.support.tools import ROOT
from tests.support.wording import first_person

PYTHON = [
    path
    for folder in ("exporter", "tests", "dashboards", "scripts", "benchmarks")
    for path in sorted((ROOT / folder).rglob("*.py"))
]
TEXTS = [
    ROOT / "README.md",
    ROOT / "CHANGELOG.md",
    ROOT / "SECURITY.md",
    ROOT / "compose.yaml",
    ROOT / "Dockerfile",
    *(
        path
        for folder in (
            "docs",
            "alerts",
            "deploy",
            "examples",
            "dashboards",
            "benchmarks",
            "scripts",
            "exporter",
        )
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix
        in {".md", ".yml", ".yaml", ".service", ".default", ".sh", ".html", ".js", ".json", ".py"}
    ),
]
SHORT = 120


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PYTHON, ids=name)
def test_comments_and_docstrings_are_whole(path: Path) -> None:
    found = [
        f"{name(path)}:{b.line}: {b.rule}: {b.text}" for b in breakages(path.read_text(encoding="utf-8"))
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("path", TEXTS, ids=name)
def test_no_text_says_we(path: Path) -> None:
    found = [f"{name(path)}:{place}" for place in first_person(path)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_a_summary_is_short(alert: Alert) -> None:
    text = re.sub(r"\{\{ (?:if|else|end)\b[^}]*\}\}", "", alert.annotations["summary"])  # every branch counts
    assert len(re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"\1", text)) < SHORT


BROKEN = {
    "banner": "class A:\n    # -- a title that is long\n    # ------------\n    x = 1\n",
    "short line": '"""One.\n\nA paragraph that ends too\nearly, though the next word has room here.\n"""\n',
    "continuation": '"""One.\n\n1. an item whose text was wrapped\nwider\n   than it was meant to be.\n"""\n',
    "joined items": '"""One.\n\n- the first item: with a text. - `second` item\n- third\n"""\n',
    "example": '"""One.\n\nAs in:\n\n    log = get_logger() log.warning("a",\n    node=1)\n"""\n',
    "example without indent": '"""One.\n\nprobes = await open(1)\nawait probes.start(config)\n"""\n',
    "entry": (
        'def f():\n    """One.\n\n    Args:\n        a: the first. b: the second\n        and more\n'
        '            of it.\n    """\n'
    ),
}


@pytest.mark.parametrize(("rule", "source"), BROKEN.items(), ids=BROKEN)
def test_what_a_wrap_breaks_is_found(rule: str, source: str) -> None:
    expected = {"entry": "continuation"}.get(rule, rule)
    assert expected in {found.rule for found in breakages(source)}


WHOLE = '''"""One.

Prose that is wrapped where it should be, at the width that this docstring has,
and a last line.

- an item, whose text goes on
  below it
- another

    async with open(1) as switch:          # an example
        ... whatever is done ...
        switch.hang()

| a | b |
| 1 | 2 |
"""


class A:
    # -- a title ------------------------------------------------

    def f(self):
        """Do it.

        Args:
            a, b: two things, of which the first one is longer than the second, and
                needs a second line.
            c: another.

        Raises:
            ValueError: it is wrong.
        """
'''


def test_what_is_whole_is_left_alone() -> None:
    assert list(breakages(WHOLE)) == []


def test_first_person_is_found_in_prose_and_not_in_code(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text('"""Doc.\n\nAs we see it.\n"""\nX = "us"  # ours\nY = f"{X} tells us"\nwe = 1\n# `our`\n')
    assert list(first_person(file)) == ["5: ours", "3: we", "6: us"]
    page = tmp_path / "a.md"
    page.write_text("Our text\n```\nwe\n```\n`us` and us\n")
    assert list(first_person(page)) == ["1: Our", "5: us"]
