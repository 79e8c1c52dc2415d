"""The JSON Schema of the config file: editors complete and check a file by it (`check-config --schema`).

It is made from the declarations in `model`. What only the exporter can check is not in it: bounds of
durations written as text, files, rules over several keys. It refuses nothing that the exporter takes, with
one exception: words that YAML 1.1 reads as true or false (`yes`, `off`), where an editor reads YAML 1.2.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import msgspec

from exporter.config.effective import plain
from exporter.config.key import Declared, Given, Kind, ListOf, MapOf, PublicKind, SecretOf, Section, keys
from exporter.config.model import Config


def schema(*, providers: Collection[str], causes: Collection[str]) -> dict[str, Any]:
    """The schema as plain data; `providers` and `causes` as `load` has them."""
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Config file of freeswitch-exporter",
        **_section(Config, Given(Path(), providers, causes)),
    }


def _section(struct: type[msgspec.Struct], given: Given) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    pairs = []
    for declared in keys(struct):
        if isinstance(declared.key.kind, SecretOf):
            if len(declared.names) > 1:
                pairs.append({"not": {"required": [*declared.names]}})
            for name in declared.names:
                in_file = name.endswith("_file")
                text = f"{declared.key.doc} Path of the file that has it." if in_file else declared.key.doc
                properties[name] = {"description": text, "type": ["string", "null"]}
        else:
            properties[declared.name] = _property(declared, declared.key.kind, given)
    required = [declared.name for declared in keys(struct) if declared.required]
    made = {
        "type": ["object", "null"],
        "additionalProperties": False,
        "properties": properties,
        "required": required,
        "allOf": pairs,
    }
    return {key: value for key, value in made.items() if value or value is False}


def _property(declared: Declared, kind: PublicKind, given: Given) -> dict[str, Any]:
    value = _value(kind, given)
    made = {"description": declared.key.doc, **(value if declared.required else _or_null(value))}
    of_sections = isinstance(kind, Section) or (isinstance(kind, ListOf) and isinstance(kind.item, Section))
    if not of_sections and (default := plain(kind, declared.default)) is not None:
        made["default"] = default
    return made


def _value(kind: PublicKind, given: Given) -> dict[str, Any]:
    match kind:
        case Section(struct=struct):
            return _section(struct, given)
        case ListOf(item=item):
            return {"type": "array", "items": _value(item, given), **({"minItems": 1} if kind.empty else {})}
        case MapOf(name=name, value=value):
            return {
                "type": "object",
                "propertyNames": _value(name, given),
                "additionalProperties": _or_null(_value(value, given)),
            }
        case Kind():
            return dict(kind.schema(given))


def _or_null(made: dict[str, Any]) -> dict[str, Any]:
    """As `made`, or nothing: an empty value is the default."""
    if "anyOf" in made:
        return {**made, "anyOf": [*made["anyOf"], {"type": "null"}]}
    if "enum" in made:
        return {**made, "enum": [*made["enum"], None]}
    if isinstance(made.get("type"), str):
        return {**made, "type": [made["type"], "null"]}
    return made
