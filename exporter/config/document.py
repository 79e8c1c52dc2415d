"""One YAML document as plain values: mappings, lists, text, numbers, yes/no, empty; with their lines.

The reader is PyYAML's safe one with less to guess. Numbers are decimal only: YAML 1.1 would read `1:30` as
90, `010` as 8 and `2024-01-01` as a date. Merge keys are not merged and tags are refused, because a few lines
of them can grow to gigabytes. A duplicate key is an error; YAML would keep the last without a word. Any text
gives either a value or `InvalidValue`, whose message never quotes the text, because a password may be in it.
"""

import re
from collections.abc import Iterator
from typing import Any

import yaml

from exporter.config.located import Items, Mapping
from exporter.config.problems import InvalidValue

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|yes|Yes|YES|on|On|ON|false|False|FALSE|no|No|NO|off|Off|OFF")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,99}\.[0-9]{0,99}(?:[eE][-+][0-9]{1,9})?")
_TRUE = ("true", "yes", "on")
_DIGITS = [*"-+0123456789"]
_MAX_DEPTH = 20
# A quotation in one of PyYAML's messages: of a character or a token's name, or (not captured) of more text.
_QUOTED = re.compile(r"""((['"])(?:\\?.|\\x[0-9a-f]{2}|<[a-z ]+>)\2)|['"].*""", re.DOTALL)
_INDENT = "begin the keys of one mapping, and the dashes of one list, in the same column"
_SENTENCES = (
    (r"but found '<scalar>'", "has more text behind a value in quotes; put all of it into the quotes"),
    ("expected <block end>", f"is not indented like the lines before it; {_INDENT}"),
    (
        "mapping values are not allowed",
        f"has a colon where none is expected; put text with a colon in quotes, and {_INDENT}",
    ),
    ("undefined alias", "has text that begins with *; put it in quotes"),
    ("another document", "begins a second document; keep one, without a line ---"),
    (r"found character '\t'", "begins with a tab; indent with blanks, not with tabs"),
    ("tag", "has a tag; write the value without !"),
)
"""What to say instead of PyYAML's message, by a part of that."""
_BEGINS = re.compile(r"found character '([!-~])' that cannot start any token")
_OPEN = (
    ("could not find expected ':'", "is a key without a colon; write KEY: VALUE"),
    ("unexpected end of stream", "opens a quote that is never closed; close it, or leave it out"),
    (
        "expected ',' or ']'",
        "opens a [ that is not closed behind its items; close it, and put text in quotes",
    ),
    (
        "expected ',' or '}'",
        "opens a { that is not closed behind its items; close it, and put text in quotes",
    ),
)
"""The same, for what is wrong where it began."""
_IN_QUOTES = "put text with any of : # * & ! % @ ` in quotes"
# A comment that begins like a value: `password: #secret` or `ab #cd`, and not `password:  # a remark`.
_LIKE_A_VALUE = re.compile(r"[ \t]+#[^\s#]")


class _Loader(yaml.SafeLoader):
    """The safe loader with its own scalars, checks of keys and a limit of depth."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 PyYAML's own class attribute
    yaml_constructors = {}  # noqa: RUF012
    _depth = 0

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._duplicates: dict[yaml.MappingNode, tuple[tuple[str, int], ...]] = {}

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self._depth > _MAX_DEPTH:
            raise InvalidValue(
                "is nested too deeply; a config needs six levels",
                line=_line(self.peek_event().start_mark),  # type: ignore[no-untyped-call]
            )
        self._depth += 1
        node: yaml.Node | None = super().compose_node(parent, index)
        self._depth -= 1
        return node

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        duplicates: list[tuple[str, int]] = []
        for key, _ in node.value:
            line = _line(key.start_mark)
            if not isinstance(key, yaml.ScalarNode):
                raise InvalidValue("a list or mapping is used as a key; write a word", line=line)
            if key.value in seen:
                duplicates.append((key.value, line))
            seen.add(key.value)
        self._duplicates[node] = tuple(duplicates)
        return node

    def duplicates(self, node: yaml.MappingNode) -> tuple[tuple[str, int], ...]:
        """The keys of the mapping that are there a second time, with their lines."""
        return self._duplicates[node]

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge keys are not merged."""


def _scalar(tag: str, pattern: re.Pattern[str], first: list[str | None], convert: Any) -> None:
    def construct(_loader: _Loader, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode) or not pattern.fullmatch(node.value):
            raise InvalidValue(
                "a tag (!!...) does not fit its value; write it without", line=_line(node.start_mark)
            )
        return convert(node.value)

    _Loader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern.pattern})\Z"), first)
    _Loader.add_constructor(tag, construct)


def _mapping(loader: _Loader, node: yaml.MappingNode) -> Iterator[Mapping]:
    mapping = Mapping()
    yield mapping
    mapping.update(loader.construct_mapping(node))
    made = [(loader.construct_object(key), key, value) for key, value in node.value]
    mapping.duplicates = loader.duplicates(node)
    mapping.lines = {name: _line(key.start_mark) for name, key, _ in made}
    mapping.commented = frozenset(name for name, _, value in made if value.value == "" and _is_cut(value))
    mapping.cut = frozenset(name for name, _, value in made if value.value != "" and _is_cut(value))


def _is_cut(value: yaml.Node) -> bool:
    """Whether a comment that begins like a part of the value follows it, without quotes around the value."""
    mark = value.end_mark
    plain = isinstance(value, yaml.ScalarNode) and not value.style
    return plain and _LIKE_A_VALUE.match(mark.buffer or "", mark.pointer) is not None


def _items(loader: _Loader, node: yaml.SequenceNode) -> Iterator[Items]:
    items = Items()
    yield items
    items.extend(loader.construct_sequence(node))
    items.lines = tuple(_line(item.start_mark) for item in node.value)


_scalar("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""], lambda _: None)
_scalar("tag:yaml.org,2002:bool", _BOOL, [*"tTyYoOfFnN"], lambda word: word.lower() in _TRUE)
_scalar("tag:yaml.org,2002:int", _INT, [*_DIGITS], int)
_scalar("tag:yaml.org,2002:float", _FLOAT, [*_DIGITS], float)
_Loader.add_constructor("tag:yaml.org,2002:map", _mapping)
_Loader.add_constructor("tag:yaml.org,2002:seq", _items)
_Loader.yaml_constructors["tag:yaml.org,2002:str"] = yaml.SafeLoader.construct_yaml_str
_Loader.yaml_constructors[None] = yaml.SafeLoader.construct_undefined


def parse(text: str) -> object:
    """The one document in `text`; None if it is empty.

    Raises:
        InvalidValue: it is not plain YAML; with the line.
    """
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        said = error.problem or error.context or "is not YAML"
        for part, sentence in _OPEN:
            if part in said and error.context_mark is not None:
                raise InvalidValue(sentence, line=_line(error.context_mark)) from None
        problem = _QUOTED.sub(lambda match: match[1] or "...", said)
        sentence = next((words for part, words in _SENTENCES if part in problem), f"{problem}; {_IN_QUOTES}")
        if begins := _BEGINS.match(problem):
            sentence = f"has text that begins with {begins[1]}; put it in quotes"
        raise InvalidValue(sentence, line=_line(error.problem_mark or error.context_mark)) from None
    except yaml.reader.ReaderError as error:
        raise InvalidValue(
            "has a control character; write plain text, with blanks for indentation",
            line=text.count("\n", 0, error.position) + 1,
        ) from None


def _line(mark: yaml.Mark | None) -> int:
    return mark.line + 1 if mark else 0
