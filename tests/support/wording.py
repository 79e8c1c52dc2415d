"""Finds the first person ("we", "us", "our") in the prose of the project's files, without code."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

FIRST_PERSON = re.compile(r"\b(?:[Ww]e|[Uu]s|[Oo]urs?|[Oo]urselves)\b")
_CODE_SPAN = re.compile(r"`[^`\n]*`")
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


class Piece(NamedTuple):
    """A text and the line on which it begins."""

    line: int
    text: str


def markdown(text: str) -> Iterator[Piece]:
    """The lines of a Markdown file, without fenced blocks and `code`."""
    prose = _FENCE.sub(lambda fence: "\n" * fence[0].count("\n"), text)
    yield from _lines(_CODE_SPAN.sub("", prose))


def plain(text: str) -> Iterator[Piece]:
    """The lines of any other file, without `code`."""
    yield from _lines(_CODE_SPAN.sub("", text))


def python(source: str) -> Iterator[Piece]:
    """Comments, docstrings and string literals; a literal of one lower-case word is a value, not prose."""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            yield Piece(token.start[0], _CODE_SPAN.sub("", token.string))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
            text = node.value if isinstance(node.value, str) else node.value.decode("utf-8", "replace")
            if not re.fullmatch(r"[a-z]+", text):
                yield Piece(node.lineno, _CODE_SPAN.sub("", text))


def first_person(path: Path) -> Iterator[str]:
    """Where a file speaks of "we", "us" or "our": line and word."""
    text = path.read_text(encoding="utf-8")
    pieces = {".md": markdown, ".py": python}.get(path.suffix, plain)(text)
    for piece in pieces:
        for found in FIRST_PERSON.finditer(piece.text):
            yield f"{piece.line + piece.text.count(chr(10), 0, found.start())}: {found[0]}"


def _lines(text: str) -> Iterator[Piece]:
    for number, line in enumerate(text.splitlines(), 1):
        yield Piece(number, line)
