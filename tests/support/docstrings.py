"""Finds what an automatic wrap breaks in comments and docstrings.

Each function takes the source of one Python file and yields the breakages it finds. A docstring is read line
by line at its columns in the file:

- a paragraph is a run of lines without a blank line; prose has one indent;
- a list item begins with `-`, `*` or `1.`, an entry of an `Args:`, `Attributes:` or `Raises:` section with
  `name:`; their further lines are indented more than their first;
- a block after a blank line, indented by four columns or more than the text above it, is an example: code, a
  diagram or a table, whose line breaks count.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

WIDTH = 80
_DASHES = re.compile(r"#\s*-{3,}\s*")
_BANNER = re.compile(r"#\s*--\s+\S.*")
_BULLET = re.compile(r"\s*(?:[-*]|\d+[.)])\s+\S")
_SECTION = re.compile(r"\s*(?:Args|Attributes|Raises):")
_ENTRY = re.compile(r"\s*[*\w]+(?:, [*\w]+)*(?: \([^)]*\))?:(?:\s|$)")
_STRUCTURE = re.compile(r"\s*(?:[-*|=+#>`│└├▲▼]|\d+[.)]|\.\.\.)")
_ALIGNED = re.compile(r"\S {2,}\S")
_JOINED_ITEMS = re.compile(r"[.;:] - \S")
_STATEMENT = re.compile(
    r"^\s*(?:[\w.]+(?:, [\w.]+)* = |(?:async )?with |(?:async )?def |await |import |from \w+ import )"
)

_PLACEHOLDER = re.compile(r"^(\s*)\.\.\. .*")  # "... what you do here ..."


class Breakage(NamedTuple):
    """What is broken, and where.

    Attributes:
        line: line of the file, from 1.
        rule: which rule found it.
        text: the line.
    """

    line: int
    rule: str
    text: str


class _Line(NamedTuple):
    number: int
    text: str

    @property
    def indent(self) -> int:
        return len(self.text) - len(self.text.lstrip())


def breakages(source: str) -> Iterator[Breakage]:
    """All breakages of a file."""
    yield from broken_banners(source)
    for lines in _docstrings(source):
        base = min((line.indent for line in lines[1:] if line.text.strip()), default=lines[0].indent)
        for paragraph, example in _paragraphs(lines, base):
            if example:
                yield from _broken_example(paragraph)
            else:
                yield from _short_lines(paragraph)
                yield from _stray_continuations(paragraph)
                yield from _stray_entries(paragraph)
                yield from _joined_items(paragraph)
                yield from _lost_indent(paragraph)


def broken_banners(source: str) -> Iterator[Breakage]:
    """Comment lines of dashes alone below a `# -- title`: the rest of a banner that was too long."""
    comments = {
        token.start[0]: token.string
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    for number, text in comments.items():
        if _DASHES.fullmatch(text) and _BANNER.fullmatch(comments.get(number - 1, "")):
            yield Breakage(number, "banner", text)


def _docstrings(source: str) -> Iterator[list[_Line]]:
    """The lines of each docstring, the first with its quotes replaced by blanks."""
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        first = node.body[0] if node.body else None
        if not (isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)):
            continue
        if isinstance(first.value.value, str) and first.end_lineno is not None:
            numbers = range(first.lineno, first.end_lineno + 1)
            found = [_Line(number, lines[number - 1]) for number in numbers]
            indent = first.col_offset
            found[0] = _Line(found[0].number, " " * indent + found[0].text.strip().lstrip('rR"'))
            found[-1] = _Line(found[-1].number, found[-1].text.rstrip().removesuffix('"""'))
            yield found


def _paragraphs(lines: list[_Line], base: int) -> Iterator[tuple[list[_Line], bool]]:
    """Each paragraph, and whether it is (or goes on with) an example."""
    paragraph: list[_Line] = []
    example = False
    for line in [*lines, _Line(0, "")]:
        if line.text.strip():
            paragraph.append(line)
        elif paragraph:
            example = paragraph[0].indent >= base + 4 and not _BULLET.match(paragraph[0].text)
            yield paragraph, example
            paragraph = []


def _short_lines(paragraph: list[_Line]) -> Iterator[Breakage]:
    """Lines of prose that end although the next line's first word would have fitted into WIDTH."""
    if any(_ALIGNED.search(line.text) for line in paragraph):
        return
    for line, following in pairwise(paragraph):
        if (
            line.indent != following.indent
            or _STRUCTURE.match(following.text)
            or _ENTRY.match(following.text)
        ):
            continue
        word = following.text.split()[0]
        if not line.text.rstrip().endswith(":") and len(line.text.rstrip()) + 1 + len(word) <= WIDTH:
            yield Breakage(line.number, "short line", line.text)


def _stray_continuations(paragraph: list[_Line]) -> Iterator[Breakage]:
    """Lines of a list item that are indented less than a later line of the same item."""
    start: _Line | None = None
    for line, following in pairwise(paragraph):
        if _BULLET.match(line.text):
            start = line
        elif (
            start
            and line.indent <= start.indent
            and following.indent > line.indent
            and not (_BULLET.match(following.text) or _ENTRY.match(line.text))
        ):
            yield Breakage(line.number, "continuation", line.text)


def _stray_entries(paragraph: list[_Line]) -> Iterator[Breakage]:
    """Lines of a section that stand where entries do and are none."""
    if _SECTION.fullmatch(paragraph[0].text) and len(paragraph) > 1:
        for line in paragraph[2:]:
            if line.indent <= paragraph[1].indent and not _ENTRY.match(line.text):
                yield Breakage(line.number, "continuation", line.text)


def _joined_items(paragraph: list[_Line]) -> Iterator[Breakage]:
    """Two list items on one line."""
    if any(_BULLET.match(line.text) for line in paragraph):
        for line in paragraph:
            if _JOINED_ITEMS.search(line.text):
                yield Breakage(line.number, "joined items", line.text)


def _broken_example(paragraph: list[_Line]) -> Iterator[Breakage]:
    """An example that begins as Python statements and is none."""
    if _STATEMENT.match(paragraph[0].text) and not _parses(paragraph):
        yield Breakage(paragraph[0].number, "example", paragraph[0].text)


def _lost_indent(paragraph: list[_Line]) -> Iterator[Breakage]:
    """Python statements at the indent of the prose."""
    if len(paragraph) > 1 and _STATEMENT.match(paragraph[0].text) and _parses(paragraph):
        yield Breakage(paragraph[0].number, "example without indent", paragraph[0].text)


def _parses(paragraph: list[_Line]) -> bool:
    indent = paragraph[0].indent
    code = "\n".join(_PLACEHOLDER.sub("\\1...", line.text[indent:]) for line in paragraph)
    try:
        compile(code, "<docstring>", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    except SyntaxError:
        return False
    return True
