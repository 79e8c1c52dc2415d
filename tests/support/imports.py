"""The import graph of a package, read from its syntax trees.

Every import counts: at the top, inside functions, under `if TYPE_CHECKING`. An import runs from one module to
another; where a name is taken from a package, `defined` is the module from which that package has it, so that
`from exporter.esl import EslError` is known to mean `exporter.esl.errors`.
"""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple


class Import(NamedTuple):
    """One name imported by one module from another of the same package.

    Attributes:
        importer: the module whose file has the statement.
        imported: the module named by the statement.
        defined: the module that defines the name; `imported` if it does so itself.
        line: of the statement.
    """

    importer: str
    imported: str
    defined: str
    line: int


def modules(root: Path) -> dict[str, Path]:
    """The modules of the package in folder `root`, with their files."""
    found = {}
    for path in sorted(root.rglob("*.py")):
        parts = [root.name, *path.relative_to(root).with_suffix("").parts]
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(files: dict[str, Path]) -> list[Import]:
    """Every import of a module of `files` by another."""
    trees = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in files.items()}
    exported = {
        (module, alias.asname or alias.name): statement.module
        for module, tree in trees.items()
        if files[module].name == "__init__.py"
        for statement in tree.body
        if isinstance(statement, ast.ImportFrom) and statement.module in files
        for alias in statement.names
    }

    def named(importer: str) -> Iterator[Import]:
        for node in ast.walk(trees[importer]):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    if alias.name in files:
                        yield Import(importer, alias.name, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom) and node.module in files:
                for alias in node.names:
                    module = f"{node.module}.{alias.name}"
                    imported = module if module in files else node.module
                    defined = exported.get((node.module, alias.name), imported)
                    yield Import(importer, imported, defined or imported, node.lineno)

    return [found for module in files for found in named(module) if found.imported != module]


def circles(graph: Iterable[Import]) -> list[set[str]]:
    """The largest sets of modules in which each can be reached from each: strongly connected components."""
    arrows: dict[str, set[str]] = {}
    for found in graph:
        arrows.setdefault(found.importer, set()).add(found.imported)
    reached = {module: _reachable(module, arrows) for module in arrows}
    components = {
        frozenset(other for other in reached[module] if module in reached.get(other, ()))
        for module in arrows
        if module in reached[module]
    }
    return sorted(map(set, components), key=sorted)


def _reachable(start: str, arrows: dict[str, set[str]]) -> set[str]:
    reached: set[str] = set()
    waiting = [start]
    while waiting:
        following = arrows.get(waiting.pop(), set()) - reached
        reached |= following
        waiting.extend(following)
    return reached
