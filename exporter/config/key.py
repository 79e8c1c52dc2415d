"""How a key of the config is declared.

A struct of `model` declares each key once, beside its type and its default:

    port: Annotated[int, Key(kinds.PORT, "Port of the event socket.", env="FREESWITCH_PORT")] = 8021

`reader` reads files by these declarations, `effective` prints by them, `schema` makes the JSON Schema and
scripts/config_reference.py the reference. A new key needs nothing else; a rule over several keys is in
`rules`. A kind says what value a key takes. `Kind` is one value; `SecretOf`, `Section`, `ListOf` and `MapOf`
are made of others.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args

import msgspec

from exporter.config.secret import Secret

T = TypeVar("T")
Read: TypeAlias = Callable[[object], T]
"""From a value of the file to one of the config. Raises `InvalidValue`."""


class Given(NamedTuple):
    """What the reading of a value depends on, beside the value.

    Attributes:
        folder: what relative paths are relative to.
        providers, causes: the names known to FreeSWITCH's side, see `load`.
    """

    folder: Path
    providers: Collection[str]
    causes: Collection[str]


def always(value: T) -> Callable[[Given], T]:
    """`value`, whatever is given."""
    return lambda _given: value


def same(value: Any) -> Any:
    """The value itself."""
    return value


@dataclass(frozen=True)
class Kind(Generic[T]):
    """One value.

    Attributes:
        words: what to write, for the reference.
        read: from the file's value to the config's.
        schema: the same as JSON Schema. It may take more than `read`, and never less.
        plain: from the config's value to the one in the file.
        from_text: makes of `read` one for text, as an environment variable has it.
    """

    words: str
    read: Callable[[Given], Read[T]]
    schema: Callable[[Given], Mapping[str, object]]
    plain: Callable[[Any], object] = same
    from_text: Callable[[Read[T]], Read[T]] = same


@dataclass(frozen=True)
class SecretOf:
    """A secret: at the key itself if `in_place`, or in the file that the key with `_file` behind names.

    An environment variable has a second one with `_FILE` behind.
    """

    kind: Kind[Secret]
    in_place: bool = True


@dataclass(frozen=True)
class Section:
    """A mapping whose keys are those that a struct declares."""

    struct: type[msgspec.Struct]


@dataclass(frozen=True)
class ListOf:
    """A list.

    Attributes:
        empty: what to write instead of an empty list; "": it may be empty.
        one_by_default: an absent list is read as one item with nothing in it.
    """

    item: "Kind[Any] | Section"
    empty: str = ""
    one_by_default: bool = False


@dataclass(frozen=True)
class MapOf:
    """A mapping whose keys are names that the user chose.

    Attributes:
        name: the names.
        hides: whether the value under a name may be a secret, which is not printed.
        split: from a name to the name itself and to what it says of the fields of its `Section`.
        from_text: from the text of an environment variable to names, each with fields of its `Section`. Those
            names replace the mapping; fields the variable does not give stay as in the file.
    """

    name: Kind[str]
    value: "Kind[Any] | Section"
    hides: Callable[[str], bool] = lambda _name: False
    split: Callable[[str], tuple[str, Mapping[str, object]]] = lambda name: (name, {})
    from_text: Callable[[object], Mapping[str, Mapping[str, object]]] | None = None


PublicKind: TypeAlias = Kind[Any] | Section | ListOf | MapOf
AnyKind: TypeAlias = PublicKind | SecretOf


@dataclass(frozen=True)
class Key:
    """The declaration of one key.

    Attributes:
        kind: what value it takes.
        doc: one or two sentences for people, in Markdown: what it does, and when to change it.
        name: the key in the file, where it is not the name of the field.
        env: the environment variable that overrules the file.
        flag: the flag that overrules both.
        missing: what to write, for a key without a default.
        default: the default in words, where the value of the field does not say it.
    """

    kind: AnyKind
    doc: str
    name: str = ""
    env: str = ""
    flag: str = ""
    missing: str = ""
    default: str = ""


class Declared(NamedTuple):
    """A key with the field that it sets.

    Attributes:
        field: the name of the field.
        name: the key in the file.
        names: all ways to write it: of a secret the key itself, if allowed, and the one with `_file`.
        default: of the field; None where it has none.
        required: whether it has no default.
    """

    field: str
    name: str
    names: tuple[str, ...]
    key: Key
    default: Any
    required: bool


@cache
def keys(struct: type[msgspec.Struct]) -> tuple[Declared, ...]:
    """The keys that `struct` declares, in its order. Fields without a `Key` are not in the file."""
    return tuple(
        _declared(field, key)
        for field in msgspec.structs.fields(struct)
        for key in get_args(field.type)
        if isinstance(key, Key)
    )


def _declared(field: msgspec.structs.FieldInfo, key: Key) -> Declared:
    name = key.name or field.name
    names: tuple[str, ...] = (name,)
    if isinstance(key.kind, SecretOf):
        names = (name, f"{name}_file") if key.kind.in_place else (f"{name}_file",)
    default = None
    if field.default is not msgspec.NODEFAULT:
        default = field.default
    elif field.default_factory is not msgspec.NODEFAULT:
        default = field.default_factory()
    return Declared(field.name, name, names, key, default, field.required)
