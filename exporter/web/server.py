"""Listens, and ties connection, TLS and application together."""

import asyncio
from typing import Any, Final

from aiohttp import web

from exporter.config import ConfigError, InvalidValue, TlsConfig
from exporter.web.connection import MAX_CONNECTIONS, Connection
from exporter.web.context import AppContext
from exporter.web.sockets import BACKLOG, bind
from exporter.web.tls import Tls

_STOP_SECONDS: Final = 2.0  # for answers under way
_HANDSHAKE_SECONDS: Final = 10.0
_GOODBYE_SECONDS: Final = 2.0  # for the other side's end of TLS


class Server:
    """Serves an application at the addresses of the config, from `start` to `stop`.

    Addresses, and whether there is TLS at all, are those of the start. All else follows the config in force.
    """

    def __init__(self, context: AppContext, app: web.Application) -> None:
        self._context = context
        self._runner = web.AppRunner(app, shutdown_timeout=_STOP_SECONDS)
        self._listeners: list[asyncio.Server] = []
        self._tls: Tls | None = None

    async def start(self) -> None:
        """Listen. Raises ConfigError if an address or a certificate cannot be had."""
        options: dict[str, Any] = {}
        if first := self._tls_config():
            try:
                self._tls = Tls(first, self._tls_config)
            except InvalidValue as unfit:
                raise ConfigError((f"tls_server_config {unfit}",)) from None
            options = {
                "ssl": self._tls.entrance,
                "ssl_handshake_timeout": _HANDSHAKE_SECONDS,
                "ssl_shutdown_timeout": _GOODBYE_SECONDS,
            }
        sockets = bind(self._context.config.listen)
        await self._runner.setup()
        loop = asyncio.get_running_loop()
        for listener in sockets:
            serving = await loop.create_server(self._connect, sock=listener, backlog=BACKLOG, **options)
            self._listeners.append(serving)

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of every socket listened on."""
        names = [opened.getsockname() for listener in self._listeners for opened in listener.sockets]
        return [(host, port) for host, port, *_ in names]

    async def stop(self) -> None:
        """Accept nothing more, give answers under way a moment, close every connection."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        await self._runner.cleanup()

    def _connect(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or len(server.connections) >= MAX_CONNECTIONS:
            return _Full()
        if self._tls:
            self._tls.refresh()
        return Connection(server, self._tls)

    def _tls_config(self) -> TlsConfig | None:
        web_config = self._context.config.web
        return web_config.tls if web_config else None


class _Full(asyncio.Protocol):
    """A connection more than we keep: ended at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        transport.abort()
