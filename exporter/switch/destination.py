"""Where a dialled number leads: its country, the kind of number, and its E.164 digits.

Strategy: the `phonenumbers` library knows every country's numbers and takes 20 to 300 µs for one. So what it
says of a number is kept under the number's beginning and length: the country code and four digits after it,
five where several countries share a code (+1 has its countries in the first three). The latest KEPT
beginnings are kept, whatever numbers are dialled. The price: the first number seen speaks for all that begin
alike.

Numbers are read in this order (ITU-T E.164, and the national plans of the library):
- with `+`, or with `00` where no region is given: international;
- others only with a region: as dialled there, prefixes such as 011, 00 and 0 included; else, where that is no
  number of the region, as E.164 without its `+`, or after 00.

A number that no subscriber has still leads to the country of its code: forged and unassigned numbers are what
fraud uses. What is no number, or has a code that nobody has, is OTHER.
"""

import re
from typing import Final, NamedTuple

OTHER: Final = "other"
INTERNATIONAL: Final = "001"
"""Satellites and other networks of no country: +800, +808, +870, +878, +881 to +883, +888, +979."""

KEPT: Final = 20_000
_DIALLED: Final = re.compile(r"\+?[0-9]{3,20}", re.ASCII)
_SHORTEST: Final = 7  # characters; no expensive number of any country is shorter
_EXPENSIVE_NETWORKS: Final = ("+870", "+881", "+882", "+883")  # satellites, networks of no country
_NATIONAL: Final = 7  # characters that decide where no country code is seen
_AFTER_PREFIX: Final = 10  # characters that decide after 00 or 011


class Reading(NamedTuple):
    """What is known of numbers with one beginning.

    Attributes:
        country: ISO 3166 code in capitals, INTERNATIONAL, or OTHER.
        kind: a word of KINDS; empty for ordinary numbers.
        drop, add: digits of the dialled number to leave out, and to put in front, for E.164 without `+`.
    """

    country: str
    kind: str
    drop: int
    add: str

    def digits(self, number: str) -> str:
        """The E.164 digits of `number`, one with this beginning; empty where the country is OTHER."""
        return self.add + number[self.drop :] if self.country != OTHER else ""


_UNKNOWN: Final = Reading(OTHER, "", 0, "")

KINDS: Final = ("premium_rate", "shared_cost", "personal_number", "international_network")
"""The kinds of numbers whose owner, or whose network, is paid by the caller above the usual."""
UNIVERSAL: Final = "uan"
"""One number for all offices of a company: expensive in some countries, ordinary in others."""


def load_numbering_plans() -> None:
    """Load the numbering plans of all countries: about 80 ms and 3 MB, from disk. Not on the event loop."""
    import phonenumbers

    phonenumbers.PhoneMetadata.load_all()


def expensive_kind(number: str) -> str:
    """The kind of an E.164 number with its `+`, a word of KINDS or UNIVERSAL; empty if it is ordinary.

    Digits after a complete expensive number change nothing: a switch dials what it needs.
    """
    if number.startswith(_EXPENSIVE_NETWORKS):
        return "international_network"
    import phonenumbers
    from phonenumbers import PhoneNumberType

    words = {
        PhoneNumberType.PREMIUM_RATE: "premium_rate",
        PhoneNumberType.SHARED_COST: "shared_cost",
        PhoneNumberType.PERSONAL_NUMBER: "personal_number",
        PhoneNumberType.UAN: UNIVERSAL,
    }
    kind = phonenumbers.number_type(phonenumbers.parse(number))
    if kind != PhoneNumberType.UNKNOWN:
        return words.get(kind, "")
    beginnings = (number[:length] for length in range(_SHORTEST, len(number)))
    kinds = (phonenumbers.number_type(phonenumbers.parse(text)) for text in beginnings)
    return next((words[kind] for kind in kinds if kind in words), "")


class NumberPlan:
    """Reads dialled numbers. `load_numbering_plans` must have run, else it reads files.

    Args:
        region: ISO 3166 code of where numbers without `+` are dialled; None: they are OTHER.
    """

    def __init__(self, region: str | None) -> None:
        self._region = region
        self._known: dict[tuple[str, int], Reading] = {}  # the latest KEPT, oldest first
        self._beginnings = _beginnings()

    def __len__(self) -> int:
        """How many beginnings are kept."""
        return len(self._known)

    def find(self, number: str) -> Reading:
        """What is known of a number as it was dialled."""
        key = (number[: self._beginnings.get(number[:3], _NATIONAL)], len(number))
        found = self._known.get(key)
        if found is not None:
            return found
        if _DIALLED.fullmatch(number) is None:
            return _UNKNOWN
        found = self._known[key] = self._read(number)
        if len(self._known) > KEPT:
            del self._known[next(iter(self._known))]
        return found

    def _read(self, number: str) -> Reading:
        import phonenumbers

        parsed, international = [], []
        for text, region in self._meanings(number):
            try:
                one = phonenumbers.parse(text, region)
            except phonenumbers.NumberParseException:
                continue
            parsed.append(one)
            if region is None:
                international.append(one)
        fitting = [
            one
            for fits in (phonenumbers.is_valid_number, phonenumbers.is_possible_number)
            for one in parsed
            if fits(one)
        ]
        if not fitting:  # no number that anybody can have: only its code counts, and that must be written
            fitting = international if number.startswith(("+", "00")) else []
        if not fitting:
            return _UNKNOWN
        [best, *_] = fitting
        country = phonenumbers.region_code_for_number(best)
        if country is None and best.country_code is not None:
            country = phonenumbers.region_code_for_country_code(best.country_code)
        digits = phonenumbers.format_number(best, phonenumbers.PhoneNumberFormat.E164)[1:]
        kind = expensive_kind(f"+{digits}")
        return _reading(number, digits, country or OTHER, kind if kind in KINDS else "")

    def _meanings(self, number: str) -> list[tuple[str, str | None]]:
        """The number as a text for the library with the region it is dialled in, the likeliest first."""
        if number.startswith("+"):
            return [(number, None)]
        after_prefix: list[tuple[str, str | None]] = [(f"+{number[2:]}", None)]
        if self._region is not None:
            home = [(number, self._region), (f"+{number}", None)]
            return [*home, *(after_prefix if number.startswith("00") else ())]
        return after_prefix if number.startswith("00") else []


def _reading(number: str, digits: str, country: str, kind: str) -> Reading:
    """The rule that makes `digits` of `number`: they end alike."""
    alike = 0
    while alike < min(len(number), len(digits)) and number[-1 - alike] == digits[-1 - alike]:
        alike += 1
    return Reading(country, kind, len(number) - alike, digits[: len(digits) - alike])


def _beginnings() -> dict[str, int]:
    """How many characters decide, by the first three of the number; _NATIONAL where they are not listed."""
    from phonenumbers import COUNTRY_CODE_TO_REGION_CODE

    lengths = {f"00{digit}": _AFTER_PREFIX for digit in range(10)} | {"011": _AFTER_PREFIX}
    for code, regions in COUNTRY_CODE_TO_REGION_CODE.items():
        written = f"+{code}"
        length = len(written) + 4 + (len(regions) > 1 and code != 1)
        for first in [written + str(digit) for digit in range(10)] if code < 10 else [written[:3]]:
            lengths[first] = max(length, lengths.get(first, 0))
    return lengths
