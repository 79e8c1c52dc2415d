"""Telephone numbers as the config and the guard know them: E.164, and the patterns of `guard.allow`.

A number is `+`, a country code, at most 15 ASCII digits in all (ITU-T E.164). A pattern is a number, or the
beginning of one followed by `*`. Both are matched from the first to the last character: no blank, no digit of
another script and no line end is accepted.
"""

import re
from collections.abc import Iterable

NUMBER_PATTERN = r"\+[1-9][0-9]{6,14}"
PREFIX_PATTERN = r"\+([1-9][0-9]{0,14})?\*"

_E164 = re.compile(NUMBER_PATTERN)
_PREFIX = re.compile(PREFIX_PATTERN)

# ITU-T E.164 assigned country codes: one digit for these two, two for those listed, three for all others.
_ONE_DIGIT = frozenset("17")
_TWO_DIGITS = frozenset(
    "20 27 30 31 32 33 34 36 39 40 41 43 44 45 46 47 48 49 51 52 53 54 55 56 57 58 "
    "60 61 62 63 64 65 66 81 82 84 86 90 91 92 93 94 95 98".split()
)
_DIGITS_PAST_COUNTRY = 3


def is_number(text: str) -> bool:
    """Whether `text` is one E.164 number and nothing else."""
    return _E164.fullmatch(text) is not None


def is_pattern(text: str) -> bool:
    """Whether `text` is a number or a prefix for `guard.allow`."""
    return is_number(text) or _PREFIX.fullmatch(text) is not None


def permits(allow: Iterable[str], number: str) -> bool:
    """Whether a pattern of `allow` covers the E.164 `number`."""
    return any(
        number.startswith(pattern[:-1]) if pattern.endswith("*") else number == pattern for pattern in allow
    )


def is_wide(pattern: str) -> bool:
    """Whether `pattern` is a prefix of fewer digits than a country code and three more."""
    if not pattern.endswith("*"):
        return False
    digits = pattern[1:-1]
    country = 1 if digits[:1] in _ONE_DIGIT else 2 if digits[:2] in _TWO_DIGITS else 3
    return len(digits) < country + _DIGITS_PAST_COUNTRY
