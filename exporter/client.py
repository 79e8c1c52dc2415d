"""Requests to a running exporter, for commands that ask it instead of looking for themselves. Blocking.

The config says where the exporter listens, and gives its token and its certificate. Over HTTPS the exporter
must present exactly the certificate of the config, for whatever name it was issued. With a config without TLS
(a proxy adds it) the system's certificate authorities decide. Nothing of the config but the token is sent.

Of passwords the config has hashes only. A daemon with basic auth and without a token can be read with user
and password in the URL, `http://USER:PASSWORD@HOST:PORT`; no message repeats them.
"""

import base64
import http.client
import ssl
from typing import Final
from urllib.parse import unquote, urlsplit

import msgspec

from exporter.config import Config, InvalidValue, TlsConfig, address, values
from exporter.config.files import read_text

SECONDS: Final = 30.0  # without a byte from the exporter
MAX_BODY: Final = 4 * 1024 * 1024
_EVERY_INTERFACE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to
_HOW: Final = (
    "This command sends the token of its config (see --config, token_file), or user and password of "
    "--url http://USER:PASSWORD@HOST:PORT."
)
_SHOWN: Final = 200  # bytes of an answer that is not understood


class NoAnswer(Exception):
    """The exporter was not reached, or does not answer the request; the message says what to do.

    Attributes:
        reason: the message without what to do.
    """

    def __init__(self, reason: str, remedy: str = "") -> None:
        super().__init__(f"{reason}{remedy}")
        self.reason = reason


class _Refused(msgspec.Struct):
    """The body of an answer that refuses (exporter/web/answers.py)."""

    error: str
    message: str
    hint: str


def default_url(config: Config) -> str:
    """The address at which the exporter of this config is reached from this machine.

    Raises:
        NoAnswer: the config does not say it.
    """
    listen = config.listen[0]
    if listen.port == 0:
        raise NoAnswer("listen has port 0, any free one", "; name the exporter's address with --url")
    scheme = "https" if config.web and config.web.tls else "http"
    return f"{scheme}://{address(_EVERY_INTERFACE.get(listen.host, listen.host), listen.port)}"


def post(config: Config, url: str, path: str) -> bytes:
    """The body of the answer to a POST, for which the token is needed.

    Args:
        config: of the exporter that is asked.
        url: its address.
        path: with the query.

    Raises:
        NoAnswer: it was not reached, or answered with another status than 200.
    """
    return _ask(config, "POST", url, path, _bearer(config))


def get(config: Config, url: str, path: str, *, seconds: float = SECONDS) -> bytes:
    """The body of the answer to a GET; `url` may have user and password. Otherwise as `post`.

    Args:
        config: as in `post`, as are `url` and `path`.
        url: its address.
        path: with the query.
        seconds: how long to wait for the next byte.
    """
    address, basic = _split(url)
    return _ask(config, "GET", address, path, basic or _bearer(config), seconds)


def _bearer(config: Config) -> str:
    return f"Bearer {config.token.reveal()}" if config.token else ""


def _split(url: str) -> tuple[str, str]:
    """The address without user and password, and the header made of them; "" if it has none."""
    try:
        parts = urlsplit(url)
        user, password = parts.username, parts.password
    except ValueError:
        return url, ""  # `_ask` refuses it
    if user is None and password is None:
        return url, ""
    credentials = f"{unquote(user or '')}:{unquote(password or '')}".encode()
    address = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return address, f"Basic {base64.b64encode(credentials).decode()}"


def _ask(
    config: Config, method: str, url: str, path: str, authorization: str, seconds: float = SECONDS
) -> bytes:
    headers = {"Authorization": authorization} if authorization else {}
    try:
        base = urlsplit(values.url(url))
        connection = _connect(config, base.scheme, base.hostname or "", base.port, seconds)
        try:
            connection.request(method, base.path.rstrip("/") + path, headers=headers)
            answer = connection.getresponse()
            status, body = answer.status, answer.read(MAX_BODY)
        finally:
            connection.close()
    except InvalidValue as invalid:
        raise NoAnswer(f"--url {invalid}") from None
    except (OSError, http.client.HTTPException) as error:
        reason = plain(str(error)) or type(error).__name__
        raise NoAnswer(
            f"{url} does not answer: {reason}", "; start the exporter, or name its address with --url"
        ) from None
    if status == http.client.OK:
        return body
    try:
        refused = msgspec.json.decode(body, type=_Refused)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        text = plain(body[:_SHOWN].decode(errors="replace"))
        raise NoAnswer(f"{url} answers HTTP {status}, not as an exporter does: {text}") from None
    hint = f" {refused.hint}"
    if status == http.client.UNAUTHORIZED and method == "GET":
        hint += f" {_HOW}"
    raise NoAnswer(plain(f"{url} answers {refused.error}: {refused.message}"), plain(hint))


def plain(text: str) -> str:
    """`text` in one line without control characters, safe on a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _connect(
    config: Config, scheme: str, host: str, port: int | None, seconds: float
) -> http.client.HTTPConnection:
    if scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=seconds)
    tls = config.web.tls if config.web else None
    context = ssl.create_default_context()
    if tls is not None:  # the certificate itself is compared, below
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(host, port, timeout=seconds, context=context)
    connection.connect()
    if tls is not None and connection.sock.getpeercert(binary_form=True) != _certificate(tls):
        connection.close()
        raise OSError("it presents another certificate than that of the config")
    return connection


def _certificate(tls: TlsConfig) -> bytes:
    """The exporter's own certificate in DER: the first one of its file."""
    pem = read_text(tls.cert_file) if tls.cert_file else tls.cert or ""
    begin, end = pem.index(ssl.PEM_HEADER), pem.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
    return ssl.PEM_cert_to_DER_cert(pem[begin:end])
