"""How the telephone numbers of kept calls are stored: complete, without their last four digits, or not.

A number is known by what it is made of: digits and what people write between them. So the user part `1000` of
an address is a number, `anna` is none. Short ones, extensions of a few digits, would be guessed from what is
left and lose every digit, but for those of a name (`anna2`). In a text (a phrase, a Reason header, a user
agent) a run of 7 digits or more counts as a number, as does an international number that is written with
blanks.

A SIP Call-ID is never masked, whatever stands in it: it is what the provider finds a call by.
"""

import re
from itertools import groupby
from typing import Final

from exporter.config import StoredNumbers

MASK: Final = "x"  # in place of a digit
_HIDDEN: Final = 4  # digits
_SHORTEST: Final = 7  # digits; a shorter number loses all of them
_IN_TEXT: Final = re.compile(r"\+\d(?:[ ().-]{0,2}\d){6,}|\d(?:-?\d){6,}")


def stored_number(number: str, numbers: StoredNumbers) -> str:
    """A number, or the name of a user, as it may be stored."""
    if numbers == "full":
        return number
    if numbers == "none":
        return ""
    if not any(char.isalpha() for char in number):
        return _without(number, _HIDDEN if _digits(number) >= _SHORTEST else len(number))
    pieces = ("".join(piece) for _, piece in groupby(number, str.isalpha))
    return "".join(_without(piece, _HIDDEN) if _digits(piece) >= _SHORTEST else piece for piece in pieces)


def stored_text(text: str, numbers: StoredNumbers) -> str:
    """A text of the far end, its numbers as they may be stored."""
    if numbers == "full":
        return text
    return _IN_TEXT.sub(
        lambda found: _without(found[0], len(found[0]) if numbers == "none" else _HIDDEN), text
    )


def is_masked(number: str) -> bool:
    """Whether digits of a stored number are missing."""
    return MASK in number and not any(char.isalpha() for char in number.replace(MASK, ""))


def _digits(text: str) -> int:
    return sum(char.isdigit() for char in text)


def _without(number: str, hidden: int) -> str:
    """The number without its last digits, as many as `hidden`."""
    chars = list(number)
    for at in range(len(chars) - 1, -1, -1):
        if hidden and chars[at].isdigit():
            chars[at] = MASK
            hidden -= 1
    return "".join(chars)
