"""Reads values by their declaration (`key`), and notes every problem on the way.

Later wins: default, file, environment, flags. Each layer is read whether or not a later one overrules it, so
that a mistake in the file is reported although today's environment hides it. A value that cannot be used is
noted with what to write, and its default is used instead, so that one pass finds all that is wrong. An
unknown key is noted with the nearest known one.
"""

import re
from collections.abc import Collection, Mapping
from itertools import chain
from typing import Any, Final, NamedTuple, TypeVar

import msgspec

from exporter.config import located, values
from exporter.config.key import (
    Declared,
    Given,
    Kind,
    ListOf,
    MapOf,
    PublicKind,
    Read,
    SecretOf,
    Section,
    keys,
)
from exporter.config.problems import InvalidValue, KeyPath, Origin, Problems, kind, show, show_key

S = TypeVar("S", bound=msgspec.Struct)

# There is no value: none was written, or it was refused.
_ABSENT: Final[Any] = object()
# What a shell or a compose file would replace.
_VARIABLE = re.compile(r"\$\{[A-Za-z_][A-Za-z0-9_]*(?::[^}]*)?\}")
_MAX_NAMES = 5


class Layer(NamedTuple):
    """What overrules the file: the environment or the flags.

    Attributes:
        source: "environment" or "flags".
        texts: what was written, by the name of the variable or flag; a flag may be given several times.
        given: what values depend on; its folder is the current one.
    """

    source: str
    texts: Mapping[str, tuple[str, ...]]
    given: Given

    def without(self, names: Collection[str]) -> "Layer":
        """The layer less the variables `names`."""
        return self._replace(texts={name: text for name, text in self.texts.items() if name not in names})


class Reader:
    """Reads one file, with what overrules it.

    Args:
        problems: where problems and origins are noted.
        source: the name of the file; "" without one.
        given: what values depend on; its folder is that of the file.
        environment: overrules the file.
        flags: overrule both.
    """

    def __init__(
        self,
        problems: Problems,
        source: str,
        given: Given,
        environment: Layer | None = None,
        flags: Layer | None = None,
    ) -> None:
        self._problems = problems
        self._source = source
        self._given = given
        self._environment = environment or Layer("environment", {}, given)
        self._flags = flags or Layer("flags", {}, given)

    def read(self, struct: type[S], document: object) -> S:
        """`document`, the outermost value of the file, as `struct`; not to be used if problems were noted."""
        if self._source:
            self._problems.note_origin((), Origin(self._source, 1))
        made: S = self._section(struct, document, ())
        return made

    # One key, layer by layer

    def _key(self, declared: Declared, mapping: Mapping[str, object], path: KeyPath) -> Any:
        place = (*path, declared.name)
        key = declared.key
        value = self._of_file(declared, mapping, path)
        for layer, name in ((self._environment, key.env), (self._flags, key.flag)):
            if isinstance(key.kind, SecretOf):
                found = self._secret_of_layer(layer, name, key.kind, place)
            else:
                found = self._of_layer(layer, name, key.kind, place, value)
            if found is not _ABSENT:
                value = found
        return value

    def _of_file(self, declared: Declared, mapping: Mapping[str, object], path: KeyPath) -> Any:
        if isinstance(declared.key.kind, SecretOf):
            return self._secret_of_file(declared, declared.key.kind, mapping, path)
        raw = mapping.get(declared.name)
        place = (*path, declared.name)
        match declared.key.kind:
            case Section() if raw is None and declared.default is None:
                return _ABSENT
            case Section() as section:  # without a value in the file the other layers may have some
                return self._section(section.struct, raw, place)
            case ListOf(one_by_default=True) as items if raw is None:
                return self._list(items, [None], place)
            case ordinary if raw is not None:
                advice = f", or set {declared.key.env} in the environment" if declared.key.env else ""
                return self._value(ordinary, raw, place, advice)
        return _ABSENT

    def _of_layer(self, layer: Layer, name: str, kind_: PublicKind, place: KeyPath, below: Any) -> Any:
        """The value that `layer` has for `kind_`; `below` is that of the layers under it."""
        if name not in layer.texts:
            return _ABSENT
        origin = Origin(layer.source, name=name)
        found: Any = _ABSENT
        try:
            match kind_:
                case Kind():
                    (text,) = layer.texts[name]
                    found = kind_.from_text(kind_.read(layer.given))(text)
                case ListOf(item=Kind() as item):
                    read = values.separated(item.from_text(item.read(layer.given)))
                    found = tuple(chain.from_iterable(values.each(read, layer.texts[name])))
                case MapOf(value=Section(struct=struct), from_text=from_text) if from_text:
                    (text,) = layer.texts[name]
                    known = {} if below is _ABSENT else below
                    found = {
                        name: msgspec.structs.replace(known.get(name, struct()), **fields)
                        for name, fields in from_text(text).items()
                    }
        except InvalidValue as invalid:
            for message in invalid.messages:
                self._problems.add(place, message, origin)
        else:
            self._problems.note_origin(place, origin)
        return found

    # Secrets

    def _secret_of_file(
        self, declared: Declared, kind_: SecretOf, mapping: Mapping[str, object], path: KeyPath
    ) -> Any:
        in_file = f"{declared.name}_file"
        place, place_of_file = (*path, declared.name), (*path, in_file)
        in_place = kind_.in_place and mapping.get(declared.name) is not None
        found: Any = _ABSENT
        if in_place:
            advice = f", or its file as {in_file}"
            found = self._value(kind_.kind, mapping[declared.name], place, advice)
        if mapping.get(in_file) is not None:
            if in_place:
                self._problems.add(
                    place_of_file, f"is set together with {declared.name}; keep one of the two"
                )
            read = values.secret_file(self._given.folder, kind_.kind.read(self._given))
            found = self._leaf(read, mapping[in_file], place_of_file, "")
            if found is not _ABSENT:
                self._problems.note_origin(place, self._problems.origin(place_of_file))
        return found

    def _secret_of_layer(self, layer: Layer, name: str, kind_: SecretOf, place: KeyPath) -> Any:
        in_file = f"{name}_FILE"
        read = kind_.kind.read(layer.given)
        found: Any = _ABSENT
        for written, read_one in ((name, read), (in_file, values.secret_file(layer.given.folder, read))):
            if written not in layer.texts:
                continue
            origin = Origin(layer.source, name=written)
            if written == in_file and name in layer.texts:
                self._problems.add(place, f"is set together with {name}; keep one of the two", origin)
            try:
                found = read_one(layer.texts[written][0])
            except InvalidValue as invalid:
                self._problems.add(place, str(invalid), origin)
            else:
                self._problems.note_origin(place, origin)
        return found

    # Values of the file

    def _value(self, kind_: PublicKind, raw: object, path: KeyPath, advice: str = "") -> Any:
        """`raw` as `kind_` has it; `advice`: where else to write a value that is no text of the file."""
        match kind_:
            case Section(struct=struct):
                return self._section(struct, raw, path)
            case ListOf():
                return self._list(kind_, raw, path)
            case MapOf():
                return self._map(kind_, raw, path)
            case Kind():
                return self._leaf(kind_.read(self._given), raw, path, advice)

    def _leaf(self, read: Read[Any], raw: object, path: KeyPath, advice: str) -> Any:
        try:
            if isinstance(raw, str) and _VARIABLE.search(raw):
                raise InvalidValue(
                    "has a ${...} in it, and variables are not replaced in this file; "
                    f"write the value itself{advice}"
                )
            return read(raw)
        except InvalidValue as invalid:
            self._problems.add(path, str(invalid))
            return _ABSENT

    def _list(self, kind_: ListOf, raw: object, path: KeyPath) -> Any:
        if not isinstance(raw, list):
            write = "write a list, each item after a dash or all in [ ]"
            if isinstance(raw, located.Mapping) and isinstance(kind_.item, Section):
                write = "write a dash before its first key, and indent the others as far"
            self._problems.add(path, f"is {kind(raw)}; {write}")
            return _ABSENT
        if not raw and kind_.empty:
            self._problems.add(path, f"is empty; {kind_.empty}")
        if isinstance(raw, located.Items):
            for index, line in enumerate(raw.lines):
                self._problems.note_origin((*path, index), Origin(self._source, line))
        found = [self._value(kind_.item, item, (*path, index)) for index, item in enumerate(raw)]
        return tuple(value for value in found if value is not _ABSENT)

    def _map(self, kind_: MapOf, raw: object, path: KeyPath) -> Any:
        found: dict[str, Any] = {}
        for written, item in self._mapping(raw, path, as_names=isinstance(kind_.value, Section)).items():
            place = (*path, written)
            try:
                name, said = kind_.split(kind_.name.read(self._given)(written))
            except InvalidValue as invalid:
                self._problems.add(place, str(invalid))
                if item is not None:
                    self._value(kind_.value, item, place)  # for the problems in it
                continue
            if name in found:
                self._problems.add(place, f"duplicate {show(name)}; keep one")
            if isinstance(kind_.value, Section) and not isinstance(item, located.Mapping | None):
                self._mapping(item, place)
            elif isinstance(kind_.value, Section):
                found[name] = self._section(kind_.value.struct, item, place, said)
            elif item is not None and (value := self._value(kind_.value, item, place)) is not _ABSENT:
                found[name] = value
        return found

    def _section(
        self,
        struct: type[msgspec.Struct],
        raw: object,
        path: KeyPath,
        said: Mapping[str, object] | None = None,
    ) -> Any:
        """The mapping `raw` as `struct`; `said`: the fields that its name sets."""
        mapping = self._mapping(raw, path)
        fields = dict(said or {})
        self._note_commented(struct, raw, path)
        for declared in keys(struct):
            found = self._key(declared, mapping, path)
            place = (*path, declared.name)
            if found is _ABSENT:
                if declared.required:
                    fields[declared.field] = None
                    if not self._problems.concern(place):
                        self._problems.add(place, f"is missing; write {declared.key.missing}")
            elif fields.setdefault(declared.field, found) != found:
                self._problems.add(
                    place,
                    f"is {show(found)}, and {show(path[-1])} says {show(fields[declared.field])}; keep one",
                )
        known = [name for declared in keys(struct) for name in declared.names]
        for name in mapping:
            if name not in known:
                near = values.nearest(name, known) or "known here: " + ", ".join(sorted(known))
                self._problems.add((*path, name), f"unknown key; {near}")
        for field in msgspec.structs.fields(struct):
            if field.required:  # what its name says is not known, if the name was refused
                fields.setdefault(field.name, None)
        return struct(**fields)

    def _note_commented(self, struct: type[msgspec.Struct], raw: object, path: KeyPath) -> None:
        """Note `password: #secret`, which would be read as no password, and `ab #cd`, read as ab."""
        secrets = {name for one in keys(struct) if isinstance(one.key.kind, SecretOf) for name in one.names}
        if not isinstance(raw, located.Mapping):
            return
        for name in secrets & raw.commented:
            self._problems.add(
                (*path, name), "is empty, because YAML takes # for a comment; put the value in quotes"
            )
        for name in secrets & raw.cut:
            self._problems.warn(
                (*path, name),
                "ends where YAML takes # for a comment; put the value in quotes, or a blank behind #",
            )

    def _mapping(self, raw: object, path: KeyPath, *, as_names: bool = False) -> dict[str, object]:
        """The items of a mapping that have text for a key, their lines noted; empty if it is no mapping."""
        if raw is None:
            return {}
        if not isinstance(raw, located.Mapping):
            remedy = _as_mapping(raw) if as_names else "write a mapping of names to values"
            self._problems.add(path, f"is {kind(raw)}; {remedy}")
            return {}
        for duplicate, line in raw.duplicates:
            origin = Origin(self._source, line)
            self._problems.add(path, f"duplicate key {show_key(duplicate)}; keep one", origin)
        items: dict[str, object] = {}
        for name, item in raw.items():
            origin = Origin(self._source, raw.lines[name])
            if isinstance(name, str):
                items[name] = item
                self._problems.note_origin((*path, name), origin, empty=item is None)
            else:
                self._problems.add(
                    path, f"has the key {show(name)}, which is not text; put it in quotes", origin
                )
        return items


def _as_mapping(raw: object) -> str:
    """How to write what `raw`, a list of names or a single one, seems to mean."""
    items = raw if isinstance(raw, list) else [raw]
    names = [_name_in(item) if isinstance(item, located.Mapping) else item for item in items]
    try:
        shown = ", ".join(f"{values.gateway_key(name)}: {{}}" for name in names[:_MAX_NAMES])
    except InvalidValue:
        return "write a mapping of names to values"
    return f"write each name with a colon behind: {{{shown}{', ...' if len(names) > _MAX_NAMES else ''}}}"


def _name_in(item: located.Mapping) -> object:
    """What `- telnyx: ...` or `- name: telnyx` of a list seems to be named."""
    return item.get("name") or next(iter(item), item)
