"""Hands out the keys of a mapping one by one, and collects every complaint on the way.

The loader asks a `Section` for each key it knows, with a function that turns the value into its type. A value
that does not fit is noted with file, key path and remedy, and the default stands in for it, so that one pass
over a file finds all that is wrong with it. The keys nobody asked for are unknown: `close` notes those, each
with the nearest name that was. Values from the environment and from flags go the same way, as a flat section
of their own.
"""

import difflib
import re
from collections.abc import Callable, Iterator
from typing import TypeVar

T = TypeVar("T")

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
_MAX_SHOWN = 60
_MAX_NUMBER = 1e20
# More than a person reads at a time: the rest follows once these are mended.
_MAX_PROBLEMS = 50


class InvalidValue(Exception):
    """A value that cannot be taken. The message says why and what to write instead, and shows no secret."""


class ConfigError(Exception):
    """The config is refused. `problems` has a line for each reason: where, key, what is wrong, remedy."""

    def __init__(self, problems: tuple[str, ...]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class Problems:
    """What is wrong with a config and what is unwise in it."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._warnings: list[str] = []
        self._keys: list[str] = []

    def add(self, source: str, key: str, message: str) -> None:
        """Note that the value of `key` in `source` (a file name, "environment", "flags") cannot be taken."""
        self._keys.append(key)
        self._lines.append(_line(source, key, message))

    def warn(self, source: str, key: str, message: str) -> None:
        """Note what works and yet should be looked at."""
        self._warnings.append(_line(source, key, message))

    def concern(self, key: str) -> bool:
        """Whether something at `key` or below it was refused: what depends on it cannot be judged."""
        return any(noted == key or noted.startswith((key + ".", key + "[")) for noted in self._keys)

    @property
    def warnings(self) -> tuple[str, ...]:
        """One line each."""
        return tuple(self._warnings)

    def raise_if_any(self) -> None:
        """Raises `ConfigError` if anything was refused."""
        if self._lines:
            more = len(self._lines) - _MAX_PROBLEMS
            tail = (f"... and {more} more",) if more > 0 else ()
            raise ConfigError((*self._lines[:_MAX_PROBLEMS], *tail))


class Section:
    """One mapping of a config, at a key path of its source."""

    def __init__(self, problems: Problems, source: str, value: object, key: str = "") -> None:
        self.problems = problems
        self.source = source
        self.key = key
        self._known: list[str] = []
        self._values: dict[str, object] = {}
        if isinstance(value, dict):
            for name, item in value.items():
                if isinstance(name, str):
                    self._values[name] = item
                else:
                    self.add("", f"has the key {show(name)}, which is no text; put it in quotes")
        elif value is not None:
            self.add("", f"is {kind(value)}; write a mapping of names to values")

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) is not None

    def path(self, name: str) -> str:
        """The key path of `name` in here, for messages."""
        if not name:
            return self.key
        if not _PLAIN_KEY.fullmatch(name):
            return f"{self.key}[{show(name)}]"
        return f"{self.key}.{name}" if self.key else name

    def add(self, name: str, message: str) -> None:
        """Note that the value of `name` ("": the section itself) cannot be taken."""
        self.problems.add(self.source, self.path(name), message)

    def take(self, name: str, read: Callable[[object], T], default: T) -> T:
        """The value of `name` as `read` gives it; `default` if it is absent, empty or refused."""
        self._known.append(name)
        value = self._values.get(name)
        if value is None:
            return default
        try:
            return read(value)
        except InvalidValue as unfit:
            self.add(name, str(unfit))
            return default

    def require(self, name: str, read: Callable[[object], T], example: str) -> T | None:
        """As `take`, for a key that must be there; None once a problem was noted."""
        if name not in self:
            self._known.append(name)
            self.add(name, f"is missing; write {example}")
            return None
        return self.take(name, read, None)

    def section(self, name: str) -> "Section":
        """The mapping at `name`, empty if it is absent."""
        self._known.append(name)
        return Section(self.problems, self.source, self._values.get(name), self.path(name))

    def entries(self, name: str) -> Iterator[tuple[str, object]]:
        """The items of the list at `name`, each with its key path."""
        self._known.append(name)
        value = self._values.get(name)
        if isinstance(value, list):
            yield from ((f"{self.path(name)}[{index}]", item) for index, item in enumerate(value))
        elif value is not None:
            self.add(name, f"is {kind(value)}; write a list, each item after a dash or all in [ ]")

    def take_list(self, name: str, read: Callable[[object], T], default: tuple[T, ...]) -> tuple[T, ...]:
        """The list at `name`, each item as `read` gives it; `default` if it is absent."""
        taken = []
        for key, item in self.entries(name):
            try:
                taken.append(read(item))
            except InvalidValue as unfit:
                self.problems.add(self.source, key, str(unfit))
        return tuple(taken) if isinstance(self._values.get(name), list) else default

    def sections(self, read: Callable[[object], str]) -> Iterator[tuple[str, "Section"]]:
        """The mappings in here, for a section whose keys are names that the user chose and `read` checks."""
        for name in self._values:
            try:
                yield read(name), self.section(name)
            except InvalidValue as unfit:
                self.add(name, f"is a name that {unfit}")

    def items(self, read: Callable[[object], T]) -> Iterator[tuple[str, T]]:
        """The values in here as `read` gives them, for a section whose keys are names that the user chose."""
        for name in self._values:
            value = self.take(name, read, None)
            if value is not None:
                yield name, value

    def close(self) -> None:
        """Note the keys that nobody asked for."""
        for name in self._values:
            if name in self._known:
                continue
            near = difflib.get_close_matches(name, self._known, n=1)
            advice = f"did you mean {near[0]}?" if near else f"known here: {', '.join(sorted(self._known))}"
            self.add(name, f"is no known key; {advice}")


def kind(value: object) -> str:
    """What sort of value it is, in words: all that may be shown of one that could be a secret."""
    match value:
        case str():
            return "text"
        case bool():
            return "a yes/no value"
        case int() | float():
            return "a number"
        case None:
            return "empty"
        case list():
            return "a list"
        case _:  # `document` knows no other
            return "a mapping"


def show(value: object) -> str:
    """A value as a message shows it: short, printable, and of a collection only its kind."""
    match value:
        case str():
            return repr(value if len(value) <= _MAX_SHOWN else value[:_MAX_SHOWN] + "...")
        case bool():
            return f"the yes/no value {str(value).lower()}"
        case int() | float() if abs(value) < _MAX_NUMBER:
            return f"the number {value}"
        case _:
            return kind(value)


def _line(source: str, key: str, message: str) -> str:
    return ": ".join(part for part in (source, key, message) if part)
