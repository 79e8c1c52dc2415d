"""The rules of the architecture: which package imports which, who reads the time, what may block."""

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.imports import Import, circles, imports, modules
from tests.support.tools import ROOT

PACKAGE = ROOT / "exporter"
MODULES = modules(PACKAGE)
GRAPH = imports(MODULES)

# What each package and each single module of `exporter` may import of the others; a name with a dot is that
# module alone. Data goes one way, imports go the other.
SHARED = {"clock", "executors", "instance", "log", "names"}
ALLOWED: dict[str, set[str]] = {
    "clock": set(),
    "descriptors": {"clock"},
    "executors": set(),
    "instance": set(),
    "log": set(),
    "notify": {"clock"},
    "names": {"executors"},
    "sqlite_file": set(),
    "standard_output": set(),
    "metrics": {"clock"},
    "config": set(),
    "esl": set(),
    "switch": {"esl"},
    "simulator": {"clock", "esl.protocol"},
    "watch": SHARED | {"switch", "esl", "config", "metrics"},
    "probe": SHARED
    | {"watch", "switch", "config", "metrics", "esl.errors", "sqlite_file", "standard_output"},
    "history": SHARED | {"watch", "switch", "config", "metrics", "esl.errors", "client", "sqlite_file"},
    "diagnosis": SHARED
    | {"probe", "history", "watch", "switch", "config", "metrics", "esl.errors", "client", "standard_output"},
    "web": SHARED
    | {"descriptors", "diagnosis", "history", "probe", "watch", "switch", "config", "metrics", "esl"},
    "reload_plan": {"config"},
    "client": {"config"},
    "command_help": set(),
    "state_dir": {"clock", "executors", "instance"},
    "against_running": {"config", "client"},
}
# they tie the packages together, and may import all
ENTRY_POINTS = {"__main__", "cli", "demo", "demo_switchboard", "runtime"}


def part(module: str) -> str:
    """The package or single module directly below `exporter` that a module belongs to; empty for the root."""
    return module.partition(".")[2].partition(".")[0]


def is_allowed(found: Import) -> bool:
    importer, imported = part(found.importer), part(found.imported)
    if importer in {imported, *ENTRY_POINTS} or imported == "":  # the root has nothing but the version
        return True
    return imported in ALLOWED[importer] or found.defined.partition(".")[2] in ALLOWED[importer]


def shown(found: Import) -> str:
    path = MODULES[found.importer].relative_to(ROOT)
    return f"{path}:{found.line}: {found.importer} imports {found.defined}"


def test_every_package_and_module_has_its_row() -> None:
    assert {part(module) for module in MODULES} <= {*ALLOWED, *ENTRY_POINTS, ""}


@pytest.mark.parametrize("name", ALLOWED)
def test_it_imports_only_what_it_may(name: str) -> None:
    found = {shown(found) for found in GRAPH if part(found.importer) == name and not is_allowed(found)}
    assert not found, "\n".join(sorted(found))


def test_no_circle_between_files() -> None:
    found = [
        "\n".join(sorted({shown(arrow) for arrow in GRAPH if {arrow.importer, arrow.imported} <= circle}))
        for circle in circles(GRAPH)
    ]
    assert not found, "\n\n".join(found)


def test_every_kind_of_import_is_in_the_graph(tmp_path: Path) -> None:
    files = {
        "__init__.py": "",
        "below/__init__.py": "from package.below.errors import Error",
        "below/errors.py": "class Error(Exception): pass",
        "a.py": "def f():\n    from package import b",
        "b.py": "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from package.c import C",
        "c.py": "import package.a\nclass C: pass",
        "d.py": "from package.below import Error",
    }
    for name, text in files.items():
        path = tmp_path / "package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    graph = imports(modules(tmp_path / "package"))
    assert set(graph) == {
        Import("package.below", "package.below.errors", "package.below.errors", 1),
        Import("package.a", "package.b", "package.b", 2),
        Import("package.b", "package.c", "package.c", 3),
        Import("package.c", "package.a", "package.a", 1),
        Import("package.d", "package.below", "package.below.errors", 1),
    }
    assert circles(graph) == [{"package.a", "package.b", "package.c"}]


# -- time, threads and names ------------------------------------------------------------------------------

Rule = Callable[[ast.AST], bool]


def takes_the_time(node: ast.AST) -> bool:
    """`time.`, `datetime.now()`, `loop.time()`, or a sleep that is not the clock's."""
    if isinstance(node, ast.Import):
        return any(alias.name == "time" for alias in node.names)
    if isinstance(node, ast.ImportFrom):
        return node.module == "time" or (
            node.module == "asyncio" and any(alias.name == "sleep" for alias in node.names)
        )
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func)
    if name == "asyncio.sleep":
        return [ast.unparse(argument) for argument in node.args] != ["0"]
    return bool(re.search(r"\b(?:date|datetime)\.(?:now|utcnow|today)$|\.time$", name))


def uses_the_default_executor(node: ast.AST) -> bool:
    """`run_in_executor(None, ...)`, `asyncio.to_thread`, `loop.getaddrinfo`."""
    if isinstance(node, ast.ImportFrom):
        return node.module == "asyncio" and any(alias.name == "to_thread" for alias in node.names)
    if not isinstance(node, ast.Call):
        return False
    name = ast.unparse(node.func)
    if name.endswith(".run_in_executor"):
        return ast.unparse(node.args[0]) == "None"
    return name.endswith(".to_thread") or bool(
        re.search(r"(?<!\bsocket)\.(?:getaddrinfo|getnameinfo)$", name)
    )


def broken(rule: Rule, source: str) -> Iterator[tuple[int, str]]:
    """The places where a source breaks the rule: line and code."""
    for node in ast.walk(ast.parse(source)):
        if rule(node):
            yield getattr(node, "lineno", 0), ast.unparse(node)


def places(rule: Rule, *exceptions: str) -> str:
    """The places where the package breaks the rule, one a line."""
    return "\n".join(
        f"{path.relative_to(ROOT)}:{line}: {code}"
        for module, path in MODULES.items()
        if module not in exceptions
        for line, code in broken(rule, path.read_text(encoding="utf-8"))
    )


def test_time_comes_from_the_clock() -> None:
    found = places(takes_the_time, "exporter.clock")
    assert not found, found


def test_work_goes_to_the_executor_of_its_purpose() -> None:
    found = places(uses_the_default_executor)
    assert not found, found


@pytest.mark.parametrize(
    ("rule", "code", "count"),
    [
        (takes_the_time, "import time\nfrom time import monotonic\nfrom asyncio import sleep", 3),
        (takes_the_time, "datetime.now(UTC); datetime.datetime.utcnow(); date.today()", 3),
        (takes_the_time, "loop.time(); asyncio.get_running_loop().time(); self._loop.time()", 3),
        (takes_the_time, "asyncio.sleep(1); asyncio.sleep(0.0); asyncio.sleep(pause)", 3),
        (takes_the_time, "asyncio.sleep(0); clock.sleep(1); clock.monotonic(); loop.call_later(1, f)", 0),
        (takes_the_time, "datetime.fromtimestamp(x, UTC); asyncio.timeout(1); self.times(); event.time", 0),
        (uses_the_default_executor, "loop.run_in_executor(None, f); self.loop.run_in_executor(None, f)", 2),
        (uses_the_default_executor, "asyncio.to_thread(f)\nfrom asyncio import to_thread", 2),
        (uses_the_default_executor, "loop.getaddrinfo(h, 1); asyncio.get_running_loop().getnameinfo(a)", 2),
        (uses_the_default_executor, "loop.run_in_executor(pool, f); socket.getaddrinfo(h, 1)", 0),
    ],
)
def test_the_rules_find_what_they_name(rule: Rule, code: str, count: int) -> None:
    assert len(list(broken(rule, code))) == count


def test_switch_knows_no_metric() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in sorted((PACKAGE / "switch").rglob("*.py"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(r"\bfreeswitch_[a-z]", line)
    ]
    assert not found, "\n".join(found)
