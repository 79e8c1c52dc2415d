"""The simulator's files import downwards only, in the order that the package's docstring lists them."""

import ast
import re
from pathlib import Path

import exporter.simulator
from exporter.simulator import __doc__ as documentation

FOLDER = Path(exporter.simulator.__file__).parent
PACKAGE = "exporter.simulator"
ALLOWED = {"exporter.clock", "exporter.esl.protocol"}
ENTRY_POINTS = {"__init__", "__main__"}


def listed() -> list[str]:
    """The files, from the bottom up."""
    assert documentation
    block = documentation.split("further down in this list:")[1].split("Not simulated")[0]
    lines = [line.strip() for line in block.splitlines() if line.strip()]
    return [name for line in lines for name in re.split(r" {2,}", line)[0].split()]


def imported(path: Path) -> set[str]:
    """Every module of the project that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == PACKAGE:
            found |= {f"{PACKAGE}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name for name in found if name.startswith("exporter")}


def test_every_file_is_listed_once() -> None:
    assert sorted(listed()) == sorted({path.stem for path in FOLDER.glob("*.py")} - ENTRY_POINTS)


def test_no_file_imports_one_that_is_further_up() -> None:
    below: set[str] = set(ALLOWED)
    for name in listed():
        assert imported(FOLDER / f"{name}.py") <= below, name
        below.add(f"{PACKAGE}.{name}")
