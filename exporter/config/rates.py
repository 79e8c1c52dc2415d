"""The table of rates: what a minute to a number costs, by the number's first digits.

A file of text, one rate a line: `prefix,price_per_minute` or `prefix,price_per_minute,increment`. The prefix
has digits from the country code on, with or without `+`; the longest one that fits a number wins. The
increment is the number of seconds that are charged at once, 1 by default. Empty lines, lines that begin with
`#`, and a first line of column names are left out. Everything else that is no rate is an error with its line:
a missing or further column, a prefix that is no number, a second rate for one prefix, a price below 0.
"""

import math
import re
from pathlib import Path
from typing import Final

import msgspec

from exporter.config.files import read_text
from exporter.config.problems import InvalidValue, Origin, Problems, show

MAX_BYTES: Final = 4 * 1024 * 1024
_HEADER: Final = ("prefix", "price_per_minute", "increment")
_PREFIX: Final = re.compile(r"\+?([1-9][0-9]{0,14})", re.ASCII)
_PRICE: Final = re.compile(r"[0-9]{1,6}(\.[0-9]{1,12})?", re.ASCII)
_INCREMENT: Final = re.compile(r"[1-9][0-9]{0,3}", re.ASCII)
_MAX_INCREMENT: Final = 3600
_MAX_PROBLEMS: Final = 50


class Rate(msgspec.Struct, frozen=True, gc=False):
    """What calls cost: the price of a minute, charged in increments of so many seconds."""

    per_minute: float
    increment: int = 1

    def cost(self, seconds: float) -> float:
        """What a call that talked so long costs: each started increment is charged."""
        return math.ceil(seconds / self.increment) * self.increment * self.per_minute / 60


class RateTable(msgspec.Struct, frozen=True):
    """Rates by prefix, digits without `+`; `longest`: digits of the longest prefix."""

    rates: dict[str, Rate]
    longest: int

    def find(self, digits: str) -> Rate | None:
        """The rate of the longest prefix that fits; None if none does."""
        for length in range(min(self.longest, len(digits)), 0, -1):
            rate = self.rates.get(digits[:length])
            if rate is not None:
                return rate
        return None


def read_rates(path: Path, problems: Problems) -> RateTable | None:
    """The table in the file at `path`; None if it cannot be used: `problems` have the lines."""
    try:
        lines = read_text(path, MAX_BYTES).splitlines()
    except InvalidValue as invalid:
        problems.add(("destinations", "rates"), str(invalid))
        return None
    rates: dict[str, Rate] = {}
    first_seen: dict[str, int] = {}
    wrong = 0
    for number, line in enumerate(lines, start=1):
        cells = tuple(cell.strip() for cell in line.split(","))
        if cells == ("",) or line.startswith("#") or (not rates and cells == _HEADER[: len(cells)]):
            continue
        try:
            prefix, rate = _row(cells)
            if prefix in rates:
                raise InvalidValue(f"has prefix {prefix} again, as line {first_seen[prefix]}; keep one")
            rates[prefix] = rate
            first_seen[prefix] = number
        except InvalidValue as invalid:
            wrong += 1
            problems.add((), str(invalid), Origin(str(path), number))
            if wrong == _MAX_PROBLEMS:
                break
    if not rates and not wrong:
        problems.add(
            ("destinations", "rates"), f"is {path}, which has no rate; write prefix,price_per_minute"
        )
    if not rates or wrong:
        return None
    return RateTable(rates, max(map(len, rates)))


def _row(cells: tuple[str, ...]) -> tuple[str, Rate]:
    if not 2 <= len(cells) <= len(_HEADER):
        raise InvalidValue(f"has {len(cells)} columns; write prefix,price_per_minute or ...,increment")
    prefix = _PREFIX.fullmatch(cells[0])
    if prefix is None:
        raise InvalidValue(f"has the prefix {show(cells[0])}; write digits from the country code on, as 4477")
    if _PRICE.fullmatch(cells[1]) is None:
        raise InvalidValue(f"has the price {show(cells[1])}; write the price of a minute, as 0.0125")
    increment = cells[2] if len(cells) == len(_HEADER) else "1"
    if _INCREMENT.fullmatch(increment) is None or int(increment) > _MAX_INCREMENT:
        raise InvalidValue(f"has the increment {show(increment)}; write seconds, 1 to {_MAX_INCREMENT}")
    return prefix[1], Rate(float(cells[1]), int(increment))
