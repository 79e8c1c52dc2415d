"""Requests to a running exporter, for commands that ask it instead of looking for themselves.

The config says where the exporter listens, and gives its token and its certificate. Over HTTPS the exporter
must present exactly the certificate of the config, for whatever name it was issued. With a config without TLS
(a proxy adds it) the system's certificate authorities decide. Nothing of the config but the token is sent.
"""

import hashlib
import ssl
from typing import Final

import aiohttp
import msgspec

from exporter.config import Config, InvalidValue, TlsConfig, address
from exporter.config.files import read_text

SECONDS: Final = 30.0
MAX_BODY: Final = 4 * 1024 * 1024
_EVERY_INTERFACE: Final = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - not bound to
_SHOWN: Final = 200  # bytes of an answer that is not understood


class NoAnswer(Exception):
    """The exporter was not reached, or does not answer the request; the message says what to do."""


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
        raise NoAnswer("listen has port 0, any free one; name the exporter's address with --url")
    scheme = "https" if config.web and config.web.tls else "http"
    return f"{scheme}://{address(_EVERY_INTERFACE.get(listen.host, listen.host), listen.port)}"


async def post(config: Config, url: str, path: str) -> bytes:
    """The body of the answer to a POST.

    Args:
        config: of the exporter that is asked.
        url: its address.
        path: with the query.

    Raises:
        NoAnswer: it was not reached, or answered with another status than 200.
    """
    headers = {"Authorization": f"Bearer {config.token.reveal()}"} if config.token else {}
    try:
        trusted = _fingerprint(config.web.tls) if config.web and config.web.tls else True
        timeout = aiohttp.ClientTimeout(total=SECONDS)
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as client,
            client.post(
                url.rstrip("/") + path, headers=headers, ssl=trusted, allow_redirects=False
            ) as answer,
        ):
            body = await answer.content.read(MAX_BODY)
            status = answer.status
    except TimeoutError:
        raise NoAnswer(f"{url} does not answer within {SECONDS:g} s") from None
    except aiohttp.ServerFingerprintMismatch:
        raise NoAnswer(f"{url} presents another certificate than that of the config") from None
    except (aiohttp.ClientError, OSError, ValueError, InvalidValue) as error:
        reason = plain(str(error)) or type(error).__name__
        raise NoAnswer(
            f"{url} cannot be asked: {reason}; start the exporter, or name its address with --url"
        ) from None
    if status == 200:
        return body
    try:
        refused = msgspec.json.decode(body, type=_Refused)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        text = plain(body[:_SHOWN].decode(errors="replace"))
        raise NoAnswer(f"{url} answers HTTP {status}, not as an exporter does: {text}") from None
    raise NoAnswer(plain(f"{url} answers {refused.error}: {refused.message} {refused.hint}"))


def plain(text: str) -> str:
    """`text` in one line without control characters, safe on a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _fingerprint(tls: TlsConfig) -> aiohttp.Fingerprint:
    """What the exporter's certificate is recognised by: the first one of its file."""
    pem = read_text(tls.cert_file) if tls.cert_file else tls.cert or ""
    begin, end = pem.index(ssl.PEM_HEADER), pem.index(ssl.PEM_FOOTER) + len(ssl.PEM_FOOTER)
    return aiohttp.Fingerprint(hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem[begin:end])).digest())
