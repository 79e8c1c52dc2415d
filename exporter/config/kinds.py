"""The kinds of values that keys of the config take: how each is read, printed, described and put in a schema.

The readers are those of `values`. A schema serves editors, so that they complete and check a file; it may
take more than the reader, as a duration out of bounds, and never less.
"""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Literal, TypeVar

from exporter.config import values
from exporter.config.address import Listen
from exporter.config.key import Given, Kind, Read, always
from exporter.config.numbers import NUMBER_PATTERN, PREFIX_PATTERN
from exporter.config.secret import Secret
from exporter.config.variables import HEADER, HEADER_PATTERN, NAMES, VALUE_PATTERN

T = TypeVar("T")
W = TypeVar("W", bound=str)

_TEXT = {"type": "string"}


def _matching(pattern: str) -> dict[str, object]:
    return {"type": "string", "pattern": f"^{pattern}$"}


def _one(
    words: str,
    read: Read[T],
    schema: dict[str, object] | None = None,
    plain: Callable[[T], object] = lambda value: value,
) -> Kind[T]:
    """A kind that depends on nothing but the value; `plain` is not asked about None."""
    return Kind(
        words, always(read), always(schema or _TEXT), lambda value: None if value is None else plain(value)
    )


# Text

TEXT = _one("text", values.text)
NAME = _one("name", values.name, _matching(values.NAME_PATTERN))
PROFILE = _one(
    "name of a SIP profile", values.name, _matching(values.NAME_PATTERN), lambda name: name or None
)
GATEWAY_NAME = _one("name of a gateway", values.gateway_name, _matching(values.NAME_PATTERN))
GATEWAY_KEY = _one(
    "NAME or PROFILE::NAME",
    values.gateway_key,
    _matching(rf"({values.NAME_PATTERN}::)?{values.NAME_PATTERN}"),
)
E164_NUMBER = _one("number in quotes", values.telephone_number, _matching(NUMBER_PATTERN))
ALLOW_PATTERN = _one(
    "number, or its first digits and `*`",
    values.allow_pattern,
    _matching(f"({NUMBER_PATTERN}|{PREFIX_PATTERN})"),
)
VARIABLE_NAME = _one(
    " ".join(f"`{name}`" for name in (*NAMES, HEADER)),
    values.variable_name,
    {"anyOf": [{"enum": [*NAMES]}, _matching(HEADER_PATTERN)]},
)
VARIABLE = _one("letters, digits and `. _ + -`", values.variable, _matching(VALUE_PATTERN))


def choice(*words: W) -> Kind[W]:
    """One of `words`."""
    return _one(" ".join(f"`{word}`" for word in words), values.choice(*words), {"enum": [*words]})


def _known(what: str, of: Callable[[Given], Collection[str]], advice: str = "") -> Kind[str]:
    """One of the names that `load` is given."""
    return Kind(
        what,
        lambda given: values.choice(*of(given), advice=advice),
        lambda given: {"enum": [*of(given)]},
    )


PROVIDER = _known("name of a provider's table of codes", lambda given: given.providers)
CAUSE = _known(
    "cause of FreeSWITCH", lambda given: given.causes, "write a cause of FreeSWITCH, such as USER_BUSY"
)

REGION = _one(
    "code of a country, ISO 3166: two capital letters", values.region, _matching(values.REGION_PATTERN)
)
CURRENCY = _one(
    "code of a currency, ISO 4217: three capital letters",
    values.currency,
    _matching(values.CURRENCY_PATTERN),
)

# Numbers


def integer(low: int, high: int) -> Kind[int]:
    """A whole number from `low` to `high`."""
    return Kind(
        f"whole number, {low} to {high}",
        always(values.integer(low, high)),
        always({"type": "integer", "minimum": low, "maximum": high}),
        from_text=values.in_text,
    )


def number(low: float, high: float) -> Kind[float]:
    """A number from `low` to `high`."""
    return _one(
        f"number, {low:g} to {high:g}",
        values.number(low, high),
        {"type": "number", "minimum": low, "maximum": high},
    )


def duration(low: float, high: float) -> Kind[float]:
    """A time span from `low` to `high` seconds."""
    return _one(
        f"duration, {values.span(low)} to {values.span(high)}",
        values.duration(low, high),
        {
            "anyOf": [
                {"type": "number", "minimum": low, "maximum": high},
                _matching(values.DURATION_PATTERN),
            ]
        },
        values.span,
    )


PORT = integer(1, 65535)
YES_NO_AUTO: Kind[bool | None] = Kind(
    "`auto` `true` `false`",
    always(values.yes_no_auto),
    always({"enum": ["auto", True, False]}),
    lambda value: "auto" if value is None else value,
)
YES_NO: Kind[bool] = _one("`true` `false`", values.yes_no, {"enum": [True, False]})
LOG_STREAM: Kind[Literal["warning", "error", "off"]] = _one(
    "`warning` `error` `off`", values.log_stream, {"enum": ["warning", "error", "off", False]}
)
NO_HTTP2 = _one("`false`", values.no_http2, {"const": False})

# Addresses and paths

HOST = _one("host name or IP address", values.host)
LISTEN: Kind[Listen] = _one('"HOST:PORT"', values.listen, _matching(".*:[0-9]{1,5}"), str)
URL = _one("web address", values.url, _matching("https?://.*"), values.shown_url)


def _path(words: str, read: Callable[[Path], Read[Path]]) -> Kind[Path]:
    return Kind(
        words,
        lambda given: read(given.folder),
        always(_TEXT),
        lambda path: None if path is None else str(path),
    )


FILE = _path("path of a file", values.path_below)
FOLDER = _path("path of a folder", values.folder_below)

# Secrets

PASSWORD: Kind[Secret] = _one("text on one line", values.password)
TOKEN: Kind[Secret] = _one("text without blanks", values.token)
USER = _one("`name@domain`", values.user)
SUBSCRIBER = _one("`name@domain`", values.subscriber, _matching(values.SUBSCRIBER_PATTERN))
PEM = _one("PEM text", values.pem)
SECRET_PEM: Kind[Secret] = _one("PEM text", values.secret_pem)
USER_NAME = _one("name of a user", values.user_name)
BCRYPT_HASH: Kind[Secret] = _one("bcrypt hash", values.bcrypt_hash)
