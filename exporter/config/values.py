"""Turns one plain value of a config into one type, or raises `InvalidValue` with what to write instead.

Types are strict, because YAML guesses: `+15550000001` without quotes is a number, `no` is false. A wrong
guess is never repaired; the message says which quotes to add. `kinds` has what else is known of a value.
"""

import difflib
import errno
import ipaddress
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Literal, TypeVar
from urllib.parse import urlsplit

from exporter.config.address import Listen
from exporter.config.files import read_text
from exporter.config.numbers import is_number, is_pattern
from exporter.config.problems import InvalidValue, kind, show
from exporter.config.secret import MASK, Secret
from exporter.config.variables import HEADER, NAMES, is_name, is_value

T = TypeVar("T")
W = TypeVar("W", bound=str)

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
DURATION_PATTERN = r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)"
REGION_PATTERN = r"[A-Z]{2}"
CURRENCY_PATTERN = r"[A-Z]{3}"
NAME_PATTERN = r"[A-Za-z0-9_.-]{1,100}"
SUBSCRIBER_PATTERN = r"[A-Za-z0-9_.+*~!-]{1,64}@[A-Za-z0-9_.-]{1,253}"

_DURATION = re.compile(DURATION_PATTERN)
_HOST_NAME = re.compile(
    r"(?=.{1,253}\Z)[A-Za-z0-9_](?:[A-Za-z0-9_-]*)(?:\.[A-Za-z0-9_](?:[A-Za-z0-9_-]*))*\.?"
)
_LISTEN = re.compile(r"(?:\[(?P<v6>[^\]]*:[^\]]*)\]|(?P<host>[^:\[\]]*)):(?P<port>[0-9]{1,5})")
_NAME = re.compile(NAME_PATTERN)
_SUBSCRIBER = re.compile(SUBSCRIBER_PATTERN)
_TOKEN = re.compile(r"[\x21-\x7e]{1,1000}")
_BCRYPT = re.compile(r"\$2[aby]\$(?:0[4-9]|[12][0-9]|3[01])\$[./A-Za-z0-9]{53}")
_MAX_TEXT = 1000
_VARIABLE_TEXT = "write up to 128 letters, digits and . _ + - in quotes"
# 16 characters or more, with a digit: words of a path are shorter or have none.
_TOKEN_IN_PATH = re.compile(r"(?<!/)/(?=[^/]*[0-9])[^/]{16,}")


def text(value: object) -> str:
    """Printable text on one line, not empty."""
    if not isinstance(value, str):
        raise InvalidValue(f"is {show(value)}, not text; {_quoted(value)}")
    _check_line(value)
    return value


def _check_line(value: str) -> None:
    """Not shown in the message: a key or a password in the wrong place would be."""
    limits = f"write up to {_MAX_TEXT} printable characters, without blanks at the ends"
    if not value:
        raise InvalidValue(f"is empty text; {limits}")
    if len(value) > _MAX_TEXT:
        raise InvalidValue(f"is too long; {limits}")
    if not value.isprintable():
        raise InvalidValue(f"has a line end or another control character in it; {limits}")
    if value != value.strip():
        raise InvalidValue(f"has a blank at one of its ends; {limits}")


def _hidden_text(value: object) -> str:
    """As `text`, of a key where a secret is easily put; no message shows the value."""
    if not isinstance(value, str):
        raise InvalidValue(f"is {kind(value)}, not text; {_quoted(value)}")
    return text(value)


def _quoted(value: object) -> str:
    return "put it in quotes" if isinstance(value, bool | int | float) else "write text"


def choice(*words: W, advice: str = "") -> Callable[[object], W]:
    """One of `words`; `advice` says what to write where there are too many to list."""

    def read(value: object) -> W:
        for word in words:
            if value == word:
                return word
        near = nearest(value, words)
        raise InvalidValue(f"is {show(value)}; {near or advice or 'write ' + ' or '.join(words[:10])}")

    return read


def nearest(value: object, words: Iterable[str]) -> str:
    """The advice to write the one of `words` that `value` resembles; "" if it resembles none."""
    near = difflib.get_close_matches(value, words, n=1) if isinstance(value, str) else []
    return f"did you mean {near[0]}?" if near else ""


def integer(low: int, high: int) -> Callable[[object], int]:
    """A whole number from `low` to `high`."""

    def read(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise InvalidValue(f"is {show(value)}; write a whole number from {low} to {high}, without quotes")
        return value

    return read


def number(low: float, high: float) -> Callable[[object], float]:
    """A number from `low` to `high`."""

    def read(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise InvalidValue(f"is {show(value)}; write a number from {low:g} to {high:g}, without quotes")
        return float(value)

    return read


def duration(low: float, high: float) -> Callable[[object], float]:
    """A time span from `low` to `high` seconds: "60ms", "10s", "5m", "1h", "1d", or a number of seconds."""

    def read(value: object) -> float:
        if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
            seconds = float(match[1]) * _UNITS[match[2]]
        elif isinstance(value, int | float) and not isinstance(value, bool) and value == value:
            seconds = float(max(-1, min(value, high + 1)))  # an integer may be too large for a float
        else:
            raise InvalidValue(
                f"is {show(value)}, which is not a duration; write one such as 10s, 5m or 60ms"
            )
        if not low <= seconds <= high:
            raise InvalidValue(f"is {show(value)}; write a duration from {span(low)} to {span(high)}")
        return seconds

    return read


def span(seconds: float) -> str:
    """A duration as `duration` reads it, in the largest unit that leaves no fraction."""
    for unit in ("d", "h", "m", "s", "ms"):
        count = seconds / _UNITS[unit]
        if count >= 1 and count == int(count) and int(count) * _UNITS[unit] == seconds:
            return f"{int(count)}{unit}"
    return f"{seconds:f}".rstrip("0").rstrip(".") + "s"


def yes_no(value: object) -> bool:
    """Yes or no, as YAML has it."""
    if isinstance(value, bool):
        return value
    raise InvalidValue(f"is {show(value)}; write true or false")


def log_stream(value: object) -> Literal["warning", "error", "off"]:
    """How much of a log is read; YAML has `off` as no."""
    words: tuple[Literal["warning", "error", "off"], ...] = ("warning", "error", "off")
    return choice(*words)("off" if value is False else value)


def region(value: object) -> str:
    """The code of a country that has telephone numbers."""
    code = text(value)
    from phonenumbers import SUPPORTED_REGIONS  # loaded only where there is one

    if code in SUPPORTED_REGIONS:
        return code
    advice = f"did you mean {code.upper()}?" if code.upper() in SUPPORTED_REGIONS else "write one such as US"
    raise InvalidValue(f"is {show(code)}, which is no country's code; {advice}")


def currency(value: object) -> str:
    """The code of a currency."""
    code = text(value)
    if re.fullmatch(CURRENCY_PATTERN, code) is None:
        raise InvalidValue(f"is {show(code)}; write three capital letters such as USD")
    return code


def yes_no_auto(value: object) -> bool | None:
    """true, false, or None for `auto`."""
    if isinstance(value, bool):
        return value
    if value == "auto":
        return None
    raise InvalidValue(f"is {show(value)}; write auto, true or false")


port = integer(1, 65535)


def in_text(read: Callable[[object], int]) -> Callable[[object], int]:
    """As `read`, for a value that arrives as text (the environment)."""

    def from_text(value: object) -> int:
        if isinstance(value, str) and re.fullmatch(r"[0-9]{1,18}", value):
            return read(int(value))
        return read(value)

    return from_text


def separated(read: Callable[[object], T]) -> Callable[[object], tuple[T, ...]]:
    """The items between the commas of a text (the environment), each as `read` gives it."""

    def from_text(value: object) -> tuple[T, ...]:
        items = [item.strip() for item in text(value).split(",")]
        return each(read, [item for item in items if item])

    return from_text


def each(read: Callable[[object], T], items: Iterable[object]) -> tuple[T, ...]:
    """The items, each as `read` gives it; the error has the messages of all that cannot be used."""
    found: list[T] = []
    wrong: list[str] = []
    for item in items:
        try:
            found.append(read(item))
        except InvalidValue as invalid:
            wrong += invalid.messages
    if wrong:
        raise InvalidValue(*wrong)
    return tuple(found)


def host(value: object) -> str:
    """A host name, IPv4 or IPv6 address (the last with or without brackets)."""
    name = text(value)
    if "@" in name:  # not shown: what stands before it may be a password
        raise InvalidValue("has an @ in it; write a host name or an IP address alone")
    bare = name[1:-1] if name.startswith("[") and name.endswith("]") else name
    try:
        ipaddress.ip_address(bare)
    except ValueError:
        if _HOST_NAME.fullmatch(name) and not re.fullmatch(r"[0-9.]+", name):
            return name
        raise InvalidValue(
            f"is {show(name)}; write a host name or an IP address, the port under its own key"
        ) from None
    return bare


def listen(value: object) -> Listen:
    """An address to serve on: HOST:PORT, [IPv6]:PORT, or :PORT for every interface."""
    address = text(value)
    if "@" in address:
        raise InvalidValue('has an @ in it; write "HOST:PORT", such as "127.0.0.1:9282", or ":9282" for all')
    match = _LISTEN.fullmatch(address)
    if not match or int(match["port"]) > 65535:
        raise InvalidValue(
            f'is {show(address)}; write "HOST:PORT", such as "127.0.0.1:9282", or ":9282" for all'
        )
    named = match["v6"] or match["host"]
    return Listen(host=host(named) if named else "", port=int(match["port"]))


def name(value: object) -> str:
    """A name that the user chose, fit for a label, a URL and a file name."""
    word = text(value)
    if not _NAME.fullmatch(word):
        raise InvalidValue(f"is {show(word)}; write up to 100 letters, digits and . _ -")
    return word


def gateway_name(value: object) -> str:
    """The name of a gateway, without its profile.

    FreeSWITCH skips a gateway whose name does not match `^[\\w.-]+$` (sofia.c, parse_gateways).
    """
    word = text(value)
    profile, _, bare = word.rpartition("::")
    if profile and _NAME.fullmatch(bare):
        raise InvalidValue(f"is {show(word)}; write the name without the profile: {bare}")
    return _gateway(word, word)


def gateway_key(value: object) -> str:
    """The name of a gateway as a key of `gateways`: NAME, or PROFILE::NAME as FreeSWITCH's tables show it."""
    word = text(value)
    for part in word.split("::", 1):
        _gateway(part, word)
    return word


def split_gateway_key(key: str) -> tuple[str, Mapping[str, object]]:
    """The name of a gateway, and what its key says of it: the profile of PROFILE::NAME."""
    profile, _, bare = key.rpartition("::")
    return bare, {"profile": profile} if profile else {}


def gateway_list(value: object) -> Mapping[str, Mapping[str, object]]:
    """The gateways of FREESWITCH_GATEWAYS, `a,external::b:noreg`, each with what the variable says of it."""
    gateways: dict[str, Mapping[str, object]] = {}

    def read(item: object) -> None:
        key = str(item).removesuffix(":noreg")
        bare, fields = split_gateway_key(gateway_key(key))
        if bare in gateways:
            raise InvalidValue(f"lists gateway {show(bare)} twice; write it once")
        gateways[bare] = {**fields, "register": key == item}

    separated(read)(value)
    return gateways


def _gateway(part: str, word: str) -> str:
    if not _NAME.fullmatch(part):
        raise InvalidValue(
            f"is {show(word)}; write up to 100 letters, digits and . _ -, as FreeSWITCH names its gateways"
        )
    return part


def telephone_number(value: object) -> str:
    """One E.164 number."""
    if isinstance(value, str) and is_number(value):
        return value
    raise InvalidValue(f"is {show(value)}; {_quoted_number(value)}")


def allow_pattern(value: object) -> str:
    """One E.164 number, or the first digits of some followed by `*`."""
    if isinstance(value, str) and is_pattern(value):
        return value
    raise InvalidValue(
        f'is {show(value)}; {_quoted_number(value)}, or its first digits and a star, as "+1555000*"'
    )


def _quoted_number(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool) and is_number(f"+{value}"):
        return f'put it in quotes: "+{value}"'
    return 'write + and 7 to 15 digits in quotes, as "+15550000001"'


def url(value: object) -> str:
    """An http or https address without a user or password in it."""
    address = text(value) if isinstance(value, str) else ""
    try:
        parts = urlsplit(address)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
        named = parts.username is not None or parts.password is not None
    except ValueError:
        fits = named = False
    # Not shown in the message: a password or token in it would be.
    if not fits:
        raise InvalidValue('is not a web address; write one such as "https://app.example.org:8443/base"')
    if named:
        raise InvalidValue("has a user or password in it; write the address without")
    if MASK in address:
        raise InvalidValue("has the mask that check-config prints in it; write the address itself")
    return address


def shown_url(address: str) -> str:
    """A web address as it may be shown: its query, and what looks like a token in its path, are masked."""
    path, mark, _ = address.partition("?")
    return _TOKEN_IN_PATH.sub(f"/{MASK}", path) + (f"?{MASK}" if mark else "")


def path_below(folder: Path) -> Callable[[object], Path]:
    """A path, relative to `folder`."""

    def read(value: object) -> Path:
        return folder / text(value)

    return read


def folder_below(folder: Path) -> Callable[[object], Path]:
    """The path of a folder that exists or can come to, relative to `folder`."""

    def read(value: object) -> Path:
        path = folder / text(value)
        try:
            if path.exists() and not path.is_dir():
                raise InvalidValue(f"is {path}, which is a file; write the path of a folder")
        except PermissionError:
            return path  # another user's, as the doctor meets it; whoever opens it says what is wrong
        except OSError as error:
            raise InvalidValue(
                f"is {path}: {error.strerror}; write the path of a folder of this user's"
            ) from None
        return path

    return read


def password(value: object) -> Secret:
    """A password as FreeSWITCH's `auth` takes it: any text on one line."""
    if not isinstance(value, str):
        raise InvalidValue(f"is {kind(value)}, not text; put the password in quotes")
    if not value or len(value) > _MAX_TEXT or any(char in value for char in "\r\n\0"):
        raise InvalidValue(f"is not one line of 1 to {_MAX_TEXT} characters; write the password in quotes")
    if value == MASK:
        raise InvalidValue("is the mask that check-config prints; write the password, or password_file")
    return Secret(value)


def token(value: object) -> Secret:
    """A bearer token: what an Authorization header can carry (RFC 6750, section 2.1, taken widely)."""
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise InvalidValue("is not a token; write 1 to 1000 ASCII letters, digits and marks without blanks")
    return Secret(value)


def secret_file(folder: Path, read: Callable[[object], Secret]) -> Callable[[object], Secret]:
    """The secret in a file whose path is relative to `folder`; one line end behind it is not part of it."""

    def from_file(value: object) -> Secret:
        written = _hidden_text(value)
        path = folder / written
        if not _may_be_shown(written, path):
            raise InvalidValue(
                "names a file that does not exist, and is not shown because it may be the secret itself; "
                "write the path of a file with the secret in it"
            )
        content = read_text(path).removesuffix("\n").removesuffix("\r")
        try:
            return read(content)
        except InvalidValue as invalid:
            raise InvalidValue(f"is {path}, and the content of that file {invalid}") from None

    return from_file


def _may_be_shown(written: str, path: Path) -> bool:
    """Whether what names a secret's file is no secret: the file exists, or the folder named in it does."""
    try:
        return path.exists() or ("/" in written and path.parent.is_dir())
    except OSError as error:
        # A folder that this user may not enter exists; a name that is too long is none.
        return error.errno == errno.EACCES and "/" in written


def pem(value: object) -> str:
    """A certificate or key as PEM text (RFC 7468)."""
    if isinstance(value, str) and "-----BEGIN " in value:
        return value
    raise InvalidValue(
        f"is {kind(value)}, not PEM; write a block after |, or a path under the key with _file"
    )


def secret_pem(value: object) -> Secret:
    """A private key as PEM text."""
    return Secret(pem(value))


def bcrypt_hash(value: object) -> Secret:
    """The bcrypt hash of a password, with a cost of 4 to 31."""
    if isinstance(value, str) and _BCRYPT.fullmatch(value):
        return Secret(value)
    raise InvalidValue(
        "is not a bcrypt hash; write what `htpasswd -nBC 10 USER` prints behind the colon, in quotes"
    )


def no_http2(value: object) -> bool:
    """The only value that http2 may have."""
    if value is not False:
        raise InvalidValue("is not false; HTTP/2 is not served: write false, or leave it out")
    return False


def user(value: object) -> str:
    """The account of a `userauth`: `name@domain`. FreeSWITCH splits `user:password` at a colon."""
    account = _hidden_text(value)
    if ":" in account or " " in account:  # not shown: what follows the colon is the password
        raise InvalidValue("has a colon or a blank in it; write name@domain, the password under its own key")
    return account


def subscriber(value: object) -> str:
    """A user of FreeSWITCH's directory: `name@domain`, which goes into a command as it is."""
    name = value if isinstance(value, str) else ""
    if not _SUBSCRIBER.fullmatch(name):
        raise InvalidValue(f"is {show(value)}, which is not a user; write name@domain: 1000@example.com")
    return name


def user_name(value: object) -> str:
    """The name of a user of basic authentication: no colon (RFC 7617, section 2)."""
    account = value if isinstance(value, str) else ""
    if not account or ":" in account:
        raise InvalidValue("is not a user name; write one without a colon")
    return account


def variable_name(value: object) -> str:
    """The name of a channel variable that a probe may set."""
    if isinstance(value, str) and is_name(value):
        return value
    raise InvalidValue(f"may not be set by a probe; write one of {', '.join((*NAMES, HEADER))}")


def variable(value: object) -> str:
    """The value of a channel variable."""
    if isinstance(value, str) and is_value(value):
        return value
    if value == MASK:
        raise InvalidValue("is the mask that check-config prints; write the value")
    raise InvalidValue(f"is {kind(value)} that cannot be sent; {_VARIABLE_TEXT}")
