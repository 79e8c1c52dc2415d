"""Asking the calling application for its `GET /api/calls/health`: one request, bounded in time and size.

No redirects: an answer from elsewhere says nothing about the application. What it says is free text.
"""

from typing import Final
from urllib.parse import urlsplit, urlunsplit

import msgspec

from exporter.config.values import shown_url
from exporter.diagnosis.snapshot import BackendSeen
from exporter.esl.errors import quoted

SECONDS: Final = 4.0
PATH: Final = "/api/calls/health"
_MAX_BODY: Final = 64 * 1024


class _Health(msgspec.Struct):
    connected: bool
    message: str = ""


async def ask_backend(address: str, seconds: float = SECONDS) -> BackendSeen:
    """What the application at `address` says of its own connection to FreeSWITCH."""
    import aiohttp

    url = shown_url(address)  # in all that is said of it
    timeout = aiohttp.ClientTimeout(total=seconds)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout, auto_decompress=False) as client,
            client.get(_health_at(address), allow_redirects=False) as answer,
        ):
            body = await answer.content.read(_MAX_BODY)
            status = answer.status
    except TimeoutError:
        return BackendSeen(url, error=f"no answer within {seconds:g} s")
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return BackendSeen(url, error=quoted(str(error).replace(address, url)) or type(error).__name__)
    try:
        health = msgspec.json.decode(body, type=_Health)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return BackendSeen(url, answered=True, error=f"HTTP {status}: {quoted(body)}")
    return BackendSeen(url, health.connected, answered=True, message=health.message)


def _health_at(address: str) -> str:
    """The address of its health: PATH comes behind the path, and before a query."""
    parts = urlsplit(address)
    return urlunsplit(parts._replace(path=parts.path.rstrip("/") + PATH))
