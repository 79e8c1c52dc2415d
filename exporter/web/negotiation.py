"""Which format a client of metrics gets, by its Accept and Accept-Encoding (RFC 9110, 12.4.2 and 12.5).

FORMATS has the formats that are written, and no other version is ever answered. The one with the highest
weight (`q`) is chosen; one with `q=0` is not. Of equal weights OpenMetrics is chosen if the client names it,
because it can carry exemplars. A client that names none and takes anything gets the text format 0.0.4, as
does a client that takes nothing that is written: every program for metrics can read it.
"""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple


class Format(NamedTuple):
    """A format of metrics.

    Attributes:
        openmetrics: OpenMetrics, else the text format.
        type: its media type, without parameters.
        version: written, as in the content type.
        asked: the values of `version` that mean it; "" means none is given.
    """

    openmetrics: bool
    type: str
    version: str
    asked: tuple[str, ...]


# Of two that a client names with the same weight the later one is chosen, of two that it does not name the
# earlier one.
FORMATS: Final = (
    Format(False, "text/plain", "0.0.4", ("", "0.0.4")),
    # The same lines as 0.0.4: it differs in names of other characters, which no family has.
    Format(False, "text/plain", "1.0.0", ("1.0.0",)),
    Format(True, "application/openmetrics-text", "1.0.0", ("", "1.0.0")),
)
_PLAIN: Final = FORMATS[0]
# No name here needs escaping, so each of these schemes writes the same. `dots` would double underscores.
_ESCAPING: Final = ("allow-utf-8", "underscores", "values")
_WEIGHT: Final = re.compile(r"(?:0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.ASCII)


class _Range(NamedTuple):
    """One item of a header: a media range or a coding, its parameters, its weight from 0 to 1."""

    name: str
    parameters: dict[str, str]
    weight: float


def negotiate(accept: str) -> tuple[bool, str]:
    """Whether OpenMetrics is chosen, and the content type.

    Args:
        accept: the header, or several joined by commas; "" if there is none.
    """
    ranges = list(_ranges(accept))
    found = [(format_, *_weight_of(format_, ranges)) for format_ in FORMATS]
    chosen, weight, named = max(found, key=lambda one: (one[1], FORMATS.index(one[0]) if one[2] else -1))
    if not weight:
        chosen, named = _PLAIN, None
    return chosen.openmetrics, _content_type(chosen, named)


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether gzip is named, and not liked less than no coding at all. "*" does not count."""
    weights = {coding.name: coding.weight for coding in _ranges(accept_encoding)}
    weight = weights.get("gzip", weights.get("x-gzip", 0.0))
    return weight > 0 and weight >= weights.get("identity", 0.0)


def _weight_of(format_: Format, ranges: list[_Range]) -> tuple[float, _Range | None]:
    """The weight of a format, by the most exact range that has it; and that range if it names the format."""
    named = [
        one
        for one in ranges
        if one.name == format_.type and one.parameters.get("version", "") in format_.asked
    ]
    if named:
        best = max(named, key=lambda one: one.weight)
        return best.weight, best
    for wide in (format_.type, f"{format_.type.partition('/')[0]}/*", "*/*"):
        weights = [one.weight for one in ranges if one.name == wide and "version" not in one.parameters]
        if weights:
            return max(weights), None
    return 0.0, None


def _content_type(format_: Format, named: _Range | None) -> str:
    """With the escaping scheme where the client gave the version of a format that has such schemes."""
    content_type = f"{format_.type}; version={format_.version}; charset=utf-8"
    if format_ is _PLAIN or named is None or not named.parameters.get("version"):
        return content_type
    escaping = named.parameters.get("escaping", "")
    return f"{content_type}; escaping={escaping if escaping in _ESCAPING else 'underscores'}"


def _ranges(header: str) -> Iterator[_Range]:
    """The items of a header; one whose weight is malformed is left out."""
    for item in header.split(","):
        name, *pairs = (part.strip() for part in item.lower().split(";"))
        parameters = {}
        for pair in pairs:
            key, _, value = pair.partition("=")
            parameters[key.strip()] = value.strip().strip('"')
        weight = parameters.pop("q", "1")
        if name and _WEIGHT.fullmatch(weight):
            yield _Range(name, parameters, float(weight))
