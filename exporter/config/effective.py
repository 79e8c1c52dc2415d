"""The effective config as YAML, as `check-config` prints it: every key with its value, secrets masked.

Headers of probe calls and what looks like a token in a web address count as secrets. Apart from what is
masked, loading what it prints gives the same config again.
"""

from typing import Any

import msgspec

from exporter.config.key import AnyKind, Kind, ListOf, MapOf, SecretOf, Section, keys
from exporter.config.model import Config
from exporter.config.secret import MASK


def effective(config: Config) -> str:
    """`config` as the text of a config file. A token is shown as `token: <secret>`, wherever it was read."""
    import yaml  # loaded only where something is printed

    text: str = yaml.safe_dump(section(config), sort_keys=False, default_flow_style=False)
    return text


def section(struct: msgspec.Struct) -> dict[str, Any]:
    """The keys of `struct` and their values as plain data. A secret that has no value is left out."""
    found = {}
    for declared in keys(type(struct)):
        value = getattr(struct, declared.field)
        if value is not None or declared.name in declared.names:
            found[declared.name] = plain(declared.key.kind, value)
    return found


def plain(kind: AnyKind, value: Any) -> Any:
    """`value` of a config as plain data, as it is written in a file."""
    match kind:
        case SecretOf():
            return MASK
        case Section():
            return None if value is None else section(value)
        case ListOf(item=item):
            return [plain(item, one) for one in value]
        case MapOf(value=of, hides=hides):
            return {name: MASK if hides(name) else plain(of, one) for name, one in value.items()}
        case Kind():
            return kind.plain(value)
