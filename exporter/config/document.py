"""One YAML document as plain values: mappings, lists, text, numbers, yes/no, empty.

The reader is PyYAML's safe one with less to guess. Numbers are decimal only: YAML 1.1 would read `1:30` as
90, `010` as 8 and `2024-01-01` as a date. Merge keys and tags are refused, since nobody needs them here and a
few lines of them can grow to gigabytes. A key written twice is an error, where YAML keeps the last in
silence. Whatever the text is, the outcome is a value or `InvalidValue`, and a message names the line but
never quotes it, because a password may stand there.
"""

import re
from typing import Any

import yaml

from exporter.config.section import InvalidValue, show

_NULL = re.compile(r"~|null|Null|NULL|")
_BOOL = re.compile(r"true|True|TRUE|yes|Yes|YES|on|On|ON|false|False|FALSE|no|No|NO|off|Off|OFF")
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,99})")
_FLOAT = re.compile(r"[-+]?[0-9]{1,99}\.[0-9]{0,99}(?:[eE][-+][0-9]{1,9})?")
_TRUE = ("true", "yes", "on")
_DIGITS = [*"-+0123456789"]
# A quotation in one of PyYAML's messages: of a character or a token's name, or (not captured) of more text.
_QUOTED = re.compile(r"""(['"](?:\\?.|\\x[0-9a-f]{2}|<[a-z ]+>)['"])|['"].*""", re.DOTALL)


class _Loader(yaml.SafeLoader):
    """The safe loader with its own idea of scalars, and a look at keys."""

    yaml_implicit_resolvers = {}  # noqa: RUF012 PyYAML's own class attribute
    yaml_constructors = {}  # noqa: RUF012

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen: set[str] = set()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise InvalidValue(f"{_line(key.start_mark)}a list or mapping stands for a key; write a word")
            if key.value in seen:
                raise InvalidValue(
                    f"{_line(key.start_mark)}the key {show(key.value)} stands here twice; keep one"
                )
            seen.add(key.value)
        return node

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Merge keys are not merged."""


def _scalar(tag: str, pattern: re.Pattern[str], first: list[str | None], convert: Any) -> None:
    def construct(_loader: _Loader, node: yaml.Node) -> Any:
        if not isinstance(node, yaml.ScalarNode) or not pattern.fullmatch(node.value):
            raise InvalidValue(
                f"{_line(node.start_mark)}a tag (!!...) does not fit its value; write it without"
            )
        return convert(node.value)

    _Loader.add_implicit_resolver(tag, re.compile(rf"(?:{pattern.pattern})\Z"), first)
    _Loader.add_constructor(tag, construct)


_scalar("tag:yaml.org,2002:null", _NULL, ["~", "n", "N", ""], lambda _: None)
_scalar("tag:yaml.org,2002:bool", _BOOL, [*"tTyYoOfFnN"], lambda word: word.lower() in _TRUE)
_scalar("tag:yaml.org,2002:int", _INT, [*_DIGITS], int)
_scalar("tag:yaml.org,2002:float", _FLOAT, [*_DIGITS], float)
for _tag in ("str", "seq", "map"):
    _Loader.yaml_constructors[f"tag:yaml.org,2002:{_tag}"] = getattr(
        yaml.SafeLoader, f"construct_yaml_{_tag}"
    )
_Loader.yaml_constructors[None] = yaml.SafeLoader.construct_undefined


def parse(text: str) -> object:
    """The one document in `text`; None if it is empty. Raises `InvalidValue` if it is no plain YAML."""
    try:
        loader = _Loader(text)
        try:
            return loader.get_single_data()
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        problem = _QUOTED.sub(lambda match: match[1] or "...", error.problem or error.context or "is no YAML")
        line = _line(error.problem_mark or error.context_mark)
        raise InvalidValue(f"{line}{problem}; put text with any of : # * & ! % @ ` in quotes") from None
    except yaml.YAMLError:
        raise InvalidValue(
            "has a control character in it; write plain text, with blanks for indentation"
        ) from None
    except RecursionError:
        raise InvalidValue("is nested too deeply; a config needs four levels") from None


def _line(mark: yaml.Mark | None) -> str:
    return f"line {mark.line + 1}: " if mark else ""
