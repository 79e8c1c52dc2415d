"""Listens, and connects sockets, TLS and application with each other.

The addresses, and whether they are served over TLS, are those of the start. Everything else follows the
config in force.
"""

import asyncio
from typing import Any, Final

from aiohttp import web

from exporter.config import Config, ConfigError, InvalidValue, Listen
from exporter.web.connection import MAX_CONNECTIONS, Connection
from exporter.web.context import AppContext
from exporter.web.sockets import BACKLOG, bind
from exporter.web.tls import LoadedTls, Tls, load

_STOP_SECONDS: Final = 2.0  # for answers under way
_HANDSHAKE_SECONDS: Final = 10.0
_GOODBYE_SECONDS: Final = 2.0  # for the other side's end of TLS


class Server:
    """Serves an application at the addresses of the config, from `start` to `stop`.

    Args:
        context: the daemon.
        app: the application.

    Attributes:
        listen: the configured addresses that are bound; empty while it does not serve.
    """

    def __init__(self, context: AppContext, app: web.Application) -> None:
        self.listen: tuple[Listen, ...] = ()
        self._context = context
        self._runner = web.AppRunner(app, shutdown_timeout=_STOP_SECONDS, handler_cancellation=True)
        self._listeners: list[asyncio.Server] = []
        self._tls: Tls | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: an address cannot be listened on, or a certificate cannot be used.
        """
        config = self._context.config
        executors = self._context.executors
        options: dict[str, Any] = {}
        if loaded := await self.load_tls(config):
            self._tls = Tls(loaded, executors.disk, self._context.clock)
            self._refreshing = asyncio.create_task(self._tls.run(), name="certificates")
            options = {
                "ssl": self._tls.listening,
                "ssl_handshake_timeout": _HANDSHAKE_SECONDS,
                "ssl_shutdown_timeout": _GOODBYE_SECONDS,
            }
        await self._runner.setup()
        sockets = await executors.names.run(bind, config.listen)
        loop = asyncio.get_running_loop()
        for listener in sockets:
            serving = await loop.create_server(self._connect, sock=listener, backlog=BACKLOG, **options)
            self._listeners.append(serving)
        self.listen = config.listen

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of every listening socket."""
        names = [opened.getsockname() for listener in self._listeners for opened in listener.sockets]
        return [(host, port) for host, port, *_ in names]

    @property
    def tls(self) -> bool:
        """Whether it serves over TLS."""
        return self._tls is not None

    async def load_tls(self, config: Config) -> LoadedTls | None:
        """Read the certificates of `config`; None if it has no TLS.

        Raises:
            ConfigError: they cannot be used.
        """
        if config.web is None or config.web.tls is None:
            return None
        try:
            return await self._context.executors.disk.run(load, config.web.tls)
        except InvalidValue as invalid:
            raise ConfigError((f"tls_server_config {invalid}",)) from None

    def use_tls(self, loaded: LoadedTls) -> None:
        """Serve further handshakes with these certificates; only while it serves over TLS."""
        assert self._tls is not None  # noqa: S101 - TLS is not turned on while it serves
        self._tls.use(loaded)

    async def stop(self) -> None:
        """Accept no more connections, give answers under way a moment, close every connection."""
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()
        self.listen = ()
        await self._runner.cleanup()
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
            self._refreshing = None

    def _connect(self) -> asyncio.Protocol:
        server = self._runner.server
        if server is None or len(server.connections) >= MAX_CONNECTIONS:
            return _Full()
        return Connection(server, self._tls)


class _Full(asyncio.Protocol):
    """A connection beyond the limit: ended at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)  # noqa: S101 - for the type checker
        transport.abort()
