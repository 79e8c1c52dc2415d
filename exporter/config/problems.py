"""What is wrong with a config, and where it is written.

A problem is printed as `FILE:LINE: key: what is wrong; what to write`, one of the environment or the command
line as `environment: VARIABLE: ...` or `flags: --flag: ...`. The reader of a value notes its origin under its
key path, so that a rule over several keys can later name the line of each.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple, TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""Where a value is in the config: ("nodes", 0, "port")."""

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,60}")
_MAX_SHOWN = 60
_MAX_NUMBER = 1e20
# More than a person reads at a time: the rest follows once these are corrected.
_MAX_PROBLEMS = 50


class InvalidValue(Exception):
    """A value that cannot be used. The message says why and what to write instead, and shows no secret.

    Attributes:
        messages: one for each item of a list in one value that cannot be used; else the one.
        line: of the file, where the text itself could not be read; else 0.
    """

    def __init__(self, *messages: str, line: int = 0) -> None:
        super().__init__("; ".join(messages))
        self.messages = messages
        self.line = line


class ConfigError(Exception):
    """The config is refused.

    Args:
        problems: a line for each reason: where, key, what is wrong, what to write.
        unlisted: how many more reasons there are.

    Attributes:
        problems: the lines, the last of which says how many are not listed.
        count: how many reasons there are.
    """

    def __init__(self, problems: tuple[str, ...], unlisted: int = 0) -> None:
        self.problems = (*problems, f"... and {unlisted} more") if unlisted else problems
        self.count = len(problems) + unlisted
        super().__init__("\n".join(self.problems))


class Origin(NamedTuple):
    """Where a value was written: a file with a line from 1, or an environment variable or flag by name.

    Without a source it was written nowhere: it is the default.
    """

    source: str = ""
    line: int = 0
    name: str = ""


class _Noted(NamedTuple):
    origin: Origin
    path: KeyPath
    message: str

    def __str__(self) -> str:
        origin = self.origin
        place = f"{origin.source}:{origin.line}" if origin.line else origin.source
        return ": ".join(part for part in (place, origin.name or spelled(self.path), self.message) if part)


class Problems:
    """Collects what is wrong with a config, what is unwise in it, and where its values were written."""

    def __init__(self) -> None:
        self._refused: list[_Noted] = []
        self._unwise: list[_Noted] = []
        self._origins: dict[KeyPath, Origin] = {}
        self._written: set[KeyPath] = set()

    def note_origin(self, path: KeyPath, origin: Origin, *, empty: bool = False) -> None:
        """Note that `path` was written at `origin`, with a value or `empty`. Replaces an earlier note."""
        self._origins[path] = origin
        if not empty:
            self._written.add(path)

    def written(self, path: KeyPath) -> bool:
        """Whether a value was written at `path` itself, refused or not."""
        return path in self._written

    def origin(self, path: KeyPath) -> Origin:
        """Where the value at `path`, else the nearest value around it, was written."""
        for length in range(len(path), -1, -1):
            if found := self._origins.get(path[:length]):
                return found
        return Origin()

    def add(self, path: KeyPath, message: str, origin: Origin | None = None) -> None:
        """Note that the value at `path` cannot be used; `origin` overrules what is noted of it."""
        self._refused.append(_Noted(origin or self.origin(path), path, message))

    def warn(self, path: KeyPath, message: str, origin: Origin | None = None) -> None:
        """Note that the value at `path` is allowed and yet should be looked at."""
        self._unwise.append(_Noted(origin or self.origin(path), path, message))

    def include(self, other: "Problems") -> None:
        """Add what was noted of another file."""
        self._refused += other._refused  # noqa: SLF001 - another of the same class
        self._unwise += other._unwise  # noqa: SLF001

    def concern(self, path: KeyPath) -> bool:
        """Whether something at `path` or below it was refused: what depends on it cannot be judged."""
        return any(noted.path[: len(path)] == path for noted in self._refused)

    @property
    def warnings(self) -> tuple[str, ...]:
        """A line for each, in the order of the file."""
        return tuple(_lines(self._unwise))

    def raise_if_any(self) -> None:
        """Raise `ConfigError`, in the order of the file, if anything was refused."""
        if self._refused:
            lines = tuple(_lines(self._refused))
            raise ConfigError(lines[:_MAX_PROBLEMS], max(0, len(lines) - _MAX_PROBLEMS))


def _lines(noted: list[_Noted]) -> Iterator[str]:
    return map(str, sorted(noted, key=lambda one: (one.origin.source, one.origin.line)))


def spelled(path: KeyPath) -> str:
    """`path` as people write it: `nodes[0].port`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN_KEY.fullmatch(step):
            text += f".{step}" if text else step
        else:
            text += f"[{show_key(step)}]"
    return text


def show_key(key: str) -> str:
    """A key as a message shows it: of `name: secret` or `user:password` what stands before the colon."""
    before, colon, behind = key.partition(":")
    return show(f"{before}:...") if colon and not behind.startswith(":") else show(key)


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
