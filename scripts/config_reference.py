"""The reference of all config keys, made from where they are declared.

    python -m scripts.config_reference > docs/configuration.md

Sections come in the order of the declarations. A test holds the committed file to what this prints.
"""

from collections.abc import Iterator
from typing import Final

import msgspec

from exporter.config.effective import plain
from exporter.config.key import AnyKind, Declared, ListOf, MapOf, SecretOf, Section, keys
from exporter.config.model import Config
from exporter.config.web_model import WebFile

_HEAD: Final = """\
# Configuration

Written by `scripts/config_reference.py` from where the keys are declared, `exporter/config/model.py` and
`exporter/config/web_model.py`: change those.

The exporter needs no configuration: without any it watches `127.0.0.1:8021` and serves on `127.0.0.1:9282`.
The file that `--config` or `EXPORTER_CONFIG` names is YAML; [examples/config.yml](../examples/config.yml) has
every key. Environment variables overrule the file, flags overrule both. An empty variable is not set.

- **Check it**: `freeswitch-exporter check-config FILE` prints the configuration as it takes effect to
  standard output, with secrets masked. Errors (`FILE:LINE: key: what is wrong; what to write`), warnings, and
  the last line, `OK` or `N errors`, go to standard error. Exit code 0: it can be used, 2: it cannot.
- **Complete it**: `freeswitch-exporter check-config --schema` prints the JSON Schema of the file, which is
  also [examples/config.schema.json](../examples/config.schema.json). Editors with the YAML language server
  complete and check a file whose first line is `# yaml-language-server: $schema=PATH`.
- **Durations** are `60ms`, `10s`, `5m`, `1h`, `1d`, or a number of seconds.
- **Telephone numbers** are E.164 in quotes: `"+15550000001"`. Without quotes YAML reads a number.
- **Paths** are relative to the file; in the environment, to the current directory.
- **Secrets**: each has a key that ends in `_file` (a variable that ends in `_FILE`) for the path of a file
  that has it. One line end behind it is ignored. Write the secret or the path, not both.
- **No variables**: `${NAME}` in the file is not replaced, but refused. The environment variables below are
  read.
- **An empty value** (`user:`) is the default.
"""
_WEB: Final = """
# Web config file

The file that `web_config_file` names, in the format of the Prometheus exporter-toolkit. Any other key of that
format is refused by name. [examples/web.yml](../examples/web.yml) has every key but `cert`, `key` and
`client_ca`.
"""


def reference() -> str:
    """The document, as Markdown."""
    return "\n".join([_HEAD, *_section(Config, "", ""), _WEB, *_section(WebFile, "", "")]) + "\n"


def _section(struct: type[msgspec.Struct], path: str, doc: str) -> Iterator[str]:
    """The table of the keys of `struct`, then the tables of the sections in it."""
    if path:
        yield from ("", f"## `{path}`", "", doc, "")
    columns = ["key", "value", "default", "variable, flag", "what it does"]
    if not any(_overruling(declared) for declared in keys(struct)):
        columns.remove("variable, flag")
    yield f"| {' | '.join(columns)} |"
    yield "|---" * len(columns) + "|"
    inner = [(declared, _inner(declared)) for declared in keys(struct)]
    for declared, (kind, _) in inner:
        if kind is None or declared.key.env:
            cells = {
                "key": " ".join(f"`{name}`" for name in declared.names),
                "value": _words(declared.key.kind),
                "default": _default(declared),
                "variable, flag": " ".join(f"`{name}`" for name in _overruling(declared)),
                "what it does": declared.key.doc,
            }
            yield f"| {' | '.join(cells[column] for column in columns)} |"
    for declared, (kind, suffix) in inner:
        if kind is not None:
            place = f"{path}.{declared.name}".lstrip(".") + suffix
            yield from _section(kind.struct, place, declared.key.doc)


def _inner(declared: Declared) -> tuple[Section | None, str]:
    """The section in the value of a key, and how the path goes on to it."""
    match declared.key.kind:
        case Section() as section:
            return section, ""
        case ListOf(item=Section() as section):
            return section, "[]"
        case MapOf(value=Section() as section):
            return section, ".NAME"
    return None, ""


def _words(kind: AnyKind) -> str:
    match kind:
        case SecretOf(kind=of, in_place=in_place):
            return of.words if in_place else f"path of a file with {of.words}"
        case ListOf(item=item):
            return f"list: {_words(item)}"
        case MapOf(name=name, value=Section()):
            return f"mapping, by {name.words}; see below"
        case MapOf(name=name, value=value):
            return f"mapping: {name.words} to {_words(value)}"
        case Section():
            return "mapping, see below"
    return kind.words


def _default(declared: Declared) -> str:
    if declared.required:
        return "**required**"
    value = plain(declared.key.kind, declared.default)
    if declared.key.default or value is None:
        return declared.key.default
    return f"`{value if isinstance(value, str) else msgspec.json.encode(value).decode()}`"


def _overruling(declared: Declared) -> list[str]:
    """The variables and the flag that overrule the file."""
    key = declared.key
    in_file = f"{key.env}_FILE" if key.env and isinstance(key.kind, SecretOf) else ""
    return [name for name in (key.env, in_file, key.flag) if name]


if __name__ == "__main__":
    print(reference(), end="")
