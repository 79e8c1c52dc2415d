"""Listens, and connects sockets, TLS and application with each other.

The addresses, and whether they are served over TLS, are those of the start. Everything else follows the
config in force.
"""

import asyncio
import resource
from typing import Final

from aiohttp import web

from exporter.config import Config, ConfigError, InvalidValue, Listen
from exporter.web.accepting import Accepting
from exporter.web.clients import Client, Clients
from exporter.web.connection import Connection
from exporter.web.context import AppContext
from exporter.web.sockets import bind
from exporter.web.tls import DISK_SECONDS, LoadedTls, Tls, load

_STOP_SECONDS: Final = 2.0  # for answers under way
MAX_CONNECTIONS: Final = 1200  # a thousand concurrent requests of one address can share one probe call
MAX_OF_ONE_ADDRESS: Final = 1000
_OTHER_DESCRIPTORS: Final = 256  # left for the event sockets, files and look-ups


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
        self._accepting: Accepting | None = None
        self._clients = Clients(*_places())
        self._tls: Tls | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: an address cannot be listened on, or a certificate cannot be used.
        """
        config = self._context.config
        executors = self._context.executors
        if loaded := await self.load_tls(config):
            self._tls = Tls(loaded, executors.disk, self._context.clock)
            self._refreshing = asyncio.create_task(self._tls.run(), name="certificates")
        await self._runner.setup()
        sockets = await executors.names.run(bind, config.listen)
        self._accepting = Accepting(sockets, self._connect, self._tls, self._clients, self._context.clock)
        self.listen = config.listen

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Host and port of every listening socket."""
        sockets = self._accepting.sockets if self._accepting else ()
        return [(host, port) for host, port, *_ in (listening.getsockname() for listening in sockets)]

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
            async with asyncio.timeout(DISK_SECONDS):
                return await self._context.executors.disk.run(load, config.web.tls)
        except TimeoutError:
            reason = f"tls_server_config was not read within {DISK_SECONDS:g} s: the disk does not answer"
            raise ConfigError((reason,)) from None
        except InvalidValue as invalid:
            raise ConfigError((f"tls_server_config {invalid}",)) from None

    def use_tls(self, loaded: LoadedTls) -> None:
        """Serve further handshakes with these certificates; only while it serves over TLS."""
        assert self._tls is not None  # noqa: S101 - TLS is not turned on while it serves
        self._tls.use(loaded)

    async def stop(self) -> None:
        """Accept no more connections, give answers under way a moment, close every connection."""
        if self._accepting is not None:
            await self._accepting.close()
            self._accepting = None
        self.listen = ()
        await self._runner.cleanup()
        self._clients.end_all()
        if self._refreshing is not None:
            self._refreshing.cancel()
            await asyncio.gather(self._refreshing, return_exceptions=True)
            self._refreshing = None

    def _connect(self, client: Client) -> Connection:
        server = self._runner.server
        assert server is not None  # noqa: S101 - it accepts only while it serves
        return Connection(server, self._tls, client)


def _places() -> tuple[int, int]:
    """How many connections there may be, and how many of one address.

    Fewer where the process may not have so many descriptors: FreeSWITCH's connections come first.
    """
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = min(MAX_CONNECTIONS, max(descriptors - _OTHER_DESCRIPTORS, descriptors // 2))
    return most, min(MAX_OF_ONE_ADDRESS, max(most * MAX_OF_ONE_ADDRESS // MAX_CONNECTIONS, 1))
