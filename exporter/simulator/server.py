"""The event socket's port: listening, filtering, and the connected clients."""

import asyncio
import contextlib
import socket
from collections.abc import Callable
from typing import cast

from exporter.simulator.client import SHUTTING_DOWN, Client

FILLERS = 4  # connections that fill an accept queue of length zero


class _Late(asyncio.Protocol):
    """A connection that is accepted after the port was closed: it is reset, as by a port that refuses."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        cast(asyncio.Transport, transport).abort()


class Server:
    """The listening socket of one switch.

    Args:
        make_client: a protocol for a new connection, given the set of clients.

    Attributes:
        host: where it listens.
        port: where it listens; 0 before the first time means any.
        clients: the connected ones.
    """

    def __init__(self, make_client: Callable[[set[Client]], Client]) -> None:
        self.host = "127.0.0.1"
        self.port = 0
        self.clients: set[Client] = set()
        self._make_client = make_client
        self._server: asyncio.Server | None = None
        self._filter_sockets: list[socket.socket] = []

    async def listen(self) -> None:
        """Listen on `host` and `port`, unless it does already.

        Raises:
            OSError: the address cannot be bound.
        """
        for filler in self._filter_sockets:
            filler.close()
        self._filter_sockets.clear()
        if self._server is None:
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._connect, self.host, self.port)
            self.port = self._server.sockets[0].getsockname()[1]

    def _connect(self) -> asyncio.Protocol:
        """The protocol of a connection that was accepted, perhaps just before the port was closed."""
        return self._make_client(self.clients) if self._server is not None else _Late()

    def stop_listening(self) -> None:
        """The port refuses; clients stay."""
        server, self._server = self._server, None
        if server is not None:
            server.close()

    def close(self) -> None:
        """Free the port."""
        self.stop_listening()
        for filler in self._filter_sockets:
            filler.close()
        self._filter_sockets.clear()

    async def filter(self) -> None:
        """Connecting hangs, as behind a firewall that drops: the port's accept queue stays full."""
        self.stop_listening()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(0)
        self._filter_sockets.append(listener)
        for _ in range(FILLERS):
            filler = socket.socket(family)
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((self.host, self.port))
            self._filter_sockets.append(filler)
        await asyncio.sleep(0)

    def drop_clients(self) -> None:
        """Every connection is reset."""
        for client in list(self.clients):
            client.abort()

    def drop_foreign(self) -> None:
        """Connections that another service greeted are reset."""
        for client in list(self.clients):
            if client.foreign:
                client.abort()

    def dismiss(self) -> None:
        """Every client gets the notice of a shutdown and is disconnected."""
        for client in list(self.clients):
            client.say_goodbye(SHUTTING_DOWN)

    def write(self, data: str | bytes) -> None:
        """Send to every client."""
        for client in list(self.clients):
            client.write(data)

    def resume(self) -> None:
        """A fault is over: every client goes on."""
        for client in list(self.clients):
            client.resume()
