"""One client's connection: limits of size and time, and a short answer to what is not HTTP.

aiohttp enforces limits of the size of a line and the number of lines, and of the time of an idle connection.
It has none for a head as a whole, which could have half a megabyte: one that is not complete after HEAD_BYTES
ends the connection. It has none for a client that does not read its answer: an answer that is not sent after
SEND_SECONDS, or after CLOSE_SECONDS when the connection is over, ends the connection at once. So does a first
request whose head has not come after HEAD_SECONDS. And it answers pipelined requests, which neither browsers
nor Prometheus send, as fast as it can: a thousand connections that send them and read nothing would keep the
event loop busy for minutes, so there is a pause between two of them.

To a client that does not send HTTP, aiohttp would answer with its own version and parts of what it read, and
log a traceback each time: both are replaced here.
"""

import asyncio
from typing import Any, Final, cast

import structlog
from aiohttp import StreamReader, web
from aiohttp.streams import EMPTY_PAYLOAD

from exporter.web.answers import SERVER_HEADER, Refusal
from exporter.web.clients import Client
from exporter.web.tls import Tls

log = structlog.get_logger(__name__)

READ_BYTES: Final = 4 * 1024  # at a time; asyncio would read 256 kB, and aiohttp keeps what has to wait
HEAD_BYTES: Final = 16 * 1024  # of a head that is not complete, or of chunk sizes and trailers
HEAD_SECONDS: Final = 10.0  # for the head of the first request
PIPELINE_SECONDS: Final = 1.0  # before the next of requests that came without waiting for an answer
SEND_SECONDS: Final = 30.0  # for one answer
CLOSE_SECONDS: Final = 10.0  # for what is not sent yet when the connection is over
_WRITE_BYTES: Final = 64 * 1024  # of an answer in the transport before it waits; over TLS it would be 512 kB
LIMITS: Final[dict[str, Any]] = {
    "max_line_size": 8190,  # of the request line, and so of the URL
    "max_field_size": 8190,  # of one header
    "max_headers": 64,
    # Seconds a connection may idle or take to send a request's head. Most scrape intervals are shorter.
    "keepalive_timeout": 75.0,
    "read_bufsize": 4096,  # of a body that waits for its handler; 64 kB without this, and often twice as much
    "lingering_time": 2.0,  # for the rest of a body that no handler reads
    "auto_decompress": False,  # a small body could unpack to a huge one
    "access_log": None,
}


class Connection(web.RequestHandler):
    """aiohttp's handling of a connection, with these limits and answers.

    Args:
        server: aiohttp's server, to which the connection belongs.
        tls: the TLS of the listening socket; None for plain HTTP.
        client: what counts it.
    """

    __slots__ = ("_body", "_client", "_close_deadline", "_head_deadline", "_lost", "_size", "_tls")

    def __init__(self, server: web.Server, tls: Tls | None, client: Client) -> None:
        super().__init__(server, loop=asyncio.get_running_loop(), **LIMITS)
        self._tls = tls
        self._client = client
        self._head_deadline: asyncio.TimerHandle | None = None
        self._close_deadline: asyncio.TimerHandle | None = None
        self._lost = False
        self._body: StreamReader = EMPTY_PAYLOAD  # of the last request whose head is complete
        self._size = 0  # bytes since that are not of its body

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve, if the client's certificate is allowed."""
        stream = cast(asyncio.Transport, transport)
        if self._tls and not self._tls.admits(transport.get_extra_info("ssl_object")):
            log.info("client certificate refused", limit="client certificate refused")
            stream.abort()
            return
        self._client.end = stream.abort
        stream.set_write_buffer_limits(high=_WRITE_BYTES)
        cast(Any, stream).max_size = READ_BYTES
        self._head_deadline = self._loop.call_later(HEAD_SECONDS, stream.abort)
        super().connection_made(transport)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Count the client no more."""
        self._lost = True
        for deadline in (self._head_deadline, self._close_deadline):
            if deadline is not None:
                deadline.cancel()
        self._client.leave()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take more of a request; the first one whose head is complete is in time."""
        complete, body = self._request_count, self._body
        before = body.total_bytes
        super().data_received(data)
        if self._request_count > complete:
            self._size = 0
            self._body = self._messages[-1][1]
        elif not self._buffer_paused:  # else there may be complete ones that wait to be read
            self._size += len(data) - (body.total_bytes - before)
            if self._size > HEAD_BYTES:
                self._client.end()  # without an answer: aiohttp's error would keep what has come in memory
        if self._head_deadline is not None and self._request_count:
            self._head_deadline.cancel()
            self._head_deadline = None

    async def start(self) -> None:
        """Serve requests until the connection is over."""
        assert self.transport is not None  # noqa: S101 - for the type checker
        stream = self.transport
        try:
            await super().start()
        finally:
            if not self._lost:
                self._close_deadline = self._loop.call_later(CLOSE_SECONDS, stream.abort)

    async def finish_response(
        self, request: web.BaseRequest, resp: web.StreamResponse, start_time: float | None
    ) -> tuple[web.StreamResponse, bool]:
        """Send an answer, or end the connection if the client does not read it."""
        try:
            async with asyncio.timeout(SEND_SECONDS):
                finished = await super().finish_response(request, resp, start_time)
        except TimeoutError:
            self._client.end()
            return resp, True
        if self._messages and not self._lost:
            over = self._loop.create_future()
            timer = self._loop.call_later(PIPELINE_SECONDS, over.set_result, None)
            try:
                await over
            finally:
                timer.cancel()
        return finished

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
