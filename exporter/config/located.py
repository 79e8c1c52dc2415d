"""Mappings and lists of a YAML file that know the lines of their parts."""


class Mapping(dict[object, object]):
    """A mapping.

    Attributes:
        lines: the line of each key, from 1.
        commented: keys that are empty because YAML takes what follows, as in `password: #secret`, for a
            comment.
        cut: keys whose text ends where YAML takes what follows for a comment, as in `password: ab #cd`.
        duplicates: keys that are there a second time, with their lines; the last value is kept.
    """

    lines: dict[object, int]
    commented: frozenset[object]
    cut: frozenset[object]
    duplicates: tuple[tuple[str, int], ...]


class Items(list[object]):
    """A list.

    Attributes:
        lines: the line of each item, from 1.
    """

    lines: tuple[int, ...]
