"""A long list in parts, for commands that are sent so many at once."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

_T = TypeVar("_T")


def in_parts(items: Sequence[_T], size: int) -> Iterator[Sequence[_T]]:
    """The items in their order, at most `size` at once."""
    for begin in range(0, len(items), size):
        yield items[begin : begin + size]
