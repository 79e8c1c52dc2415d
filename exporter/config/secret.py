"""A secret that cannot be printed by accident: `str`, `repr` and `format` all give the mask.

Only `reveal()` gives the value, so a search for that word finds every place where a secret is used.
"""

from typing import final

MASK = "<secret>"


@final
class Secret:
    """A password, token, key or password hash. Equal to another of the same value; hashable."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The value itself, for the one place that sends or compares it."""
        return self._value

    def __repr__(self) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
