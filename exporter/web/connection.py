"""One client's connection: bounded in what it may send and how long it may dawdle, and told little if it
sends nonsense.

aiohttp has the limits. What it would say to a client that speaks no HTTP (its own version, parts of what it
read) and to the log (a traceback each time) is replaced here.
"""

import asyncio
from typing import Any, Final, cast

import structlog
from aiohttp import web

from exporter.web.answers import SERVER_HEADER, Refusal
from exporter.web.tls import Tls

log = structlog.get_logger(__name__)

MAX_CONNECTIONS: Final = 1200  # a thousand askers at once share one probe call
LIMITS: Final[dict[str, Any]] = {
    "max_line_size": 8190,  # of the request line, and so of the URL
    "max_field_size": 8190,  # of one header
    "max_headers": 64,
    # Seconds a connection may idle or take to send a request's head. Prometheus mostly asks again sooner.
    "keepalive_timeout": 75.0,
    "lingering_time": 2.0,  # for the rest of a body that nobody wants
    "auto_decompress": False,  # nothing we read is worth the risk of what it unpacks to
    "access_log": None,
}


class Connection(web.RequestHandler):
    """aiohttp's handling of a connection, with our limits and words. `tls`: what it came by, if by any."""

    __slots__ = ("_tls",)

    def __init__(self, server: web.Server, tls: Tls | None) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **LIMITS)
        self._tls = tls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve, if the client's certificate is one that may come in."""
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
        """The answer to what is no request, or passes a limit; aiohttp's own to a bug of aiohttp's."""
        if status != 400:
            return super().handle_error(request, status, exc, message)
        response = Refusal(
            400, "bad_request", "This is no HTTP request, or it is too large.", "Shorten URL and headers."
        ).response()
        response.headers.update(SERVER_HEADER)
        return response
