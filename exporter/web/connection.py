"""One client's connection: limits of size and time, and a short answer to what is not HTTP.

aiohttp enforces the limits. To a client that does not send HTTP it would answer with its own version and
parts of what it read, and log a traceback each time: both are replaced here.
"""

import asyncio
from typing import Any, Final, cast

import structlog
from aiohttp import web

from exporter.web.answers import SERVER_HEADER, Refusal
from exporter.web.tls import Tls

log = structlog.get_logger(__name__)

MAX_CONNECTIONS: Final = 1200  # a thousand concurrent requests can share one probe call
LIMITS: Final[dict[str, Any]] = {
    "max_line_size": 8190,  # of the request line, and so of the URL
    "max_field_size": 8190,  # of one header
    "max_headers": 64,
    # Seconds a connection may idle or take to send a request's head. Most scrape intervals are shorter.
    "keepalive_timeout": 75.0,
    "lingering_time": 2.0,  # for the rest of a body that no handler reads
    "auto_decompress": False,  # a small body could unpack to a huge one
    "access_log": None,
}


class Connection(web.RequestHandler):
    """aiohttp's handling of a connection, with these limits and answers.

    Args:
        server: aiohttp's server, to which the connection belongs.
        tls: the TLS of the listening socket; None for plain HTTP.
    """

    __slots__ = ("_tls",)

    def __init__(self, server: web.Server, tls: Tls | None) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **LIMITS)
        self._tls = tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve, if the client's certificate is allowed."""
        if self._tls and not self._tls.admits(transport.get_extra_info("ssl_object")):
            log.info("client certificate refused", limit="client certificate refused")
            cast(asyncio.Transport, transport).abort()
            return
        super().connection_made(transport)

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The answer to what is not HTTP or exceeds a limit (status 400); else aiohttp's own."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        response = Refusal(
            400, "bad_request", "This is not an HTTP request, or it is too large.", "Shorten URL and headers."
        ).response()
        response.headers.update(SERVER_HEADER)
        return response
