"""Accepts connections, and holds each as a bare socket until its client has sent something.

A silent connection costs a descriptor and a few kilobytes. What costs more begins with the first byte: the
HTTP connection, or before it a TLS handshake. Handshakes have slots, of which one address has a share. Who
sends nothing, waits too long for a slot, or does not finish the handshake, is ended after ARRIVAL_SECONDS.

asyncio's own `create_server(ssl=...)` prepares TLS for every accepted connection, 300 kB each, without a
limit. Its `SSLProtocol` is used here as well, with a smaller reading buffer.
"""

import asyncio
import socket
from asyncio.sslproto import SSLProtocol
from collections.abc import Callable, Sequence
from typing import Any, Final, cast

from exporter.clock import Clock
from exporter.descriptors import Shortage
from exporter.web.clients import Client, Clients
from exporter.web.connection import Connection
from exporter.web.fair import FairSlots, Full
from exporter.web.tls import Tls

ARRIVAL_SECONDS: Final = 10.0  # from the accept to the first byte of HTTP, or the end of the handshake
HANDSHAKES: Final = 32  # at a time: about 100 kB and, for an RSA key, a millisecond of a core each
HANDSHAKES_PER_PARTY: Final = 8
_GOODBYE_SECONDS: Final = 2.0  # for the other side's end of TLS
_AT_ONCE: Final = 64  # accepted connections before other tasks get their turn
_PAUSE_SECONDS: Final = 1.0  # before another attempt to accept, when the system refuses descriptors or memory
_READ_BYTES: Final = 32 * 1024  # two TLS records

MakeConnection = Callable[[Client], Connection]


class _Tls(SSLProtocol):
    """asyncio's TLS, with a reading buffer of 32 kB instead of 256 kB for each connection."""

    max_size = _READ_BYTES


class Accepting:
    """Accepts connections on listening sockets until it is closed.

    Args:
        sockets: they listen, and do not block.
        connect: makes the HTTP connection of a client.
        tls: None for plain HTTP.
        clients: the limits, and what counts towards them.
        clock: the time.
    """

    def __init__(
        self,
        sockets: Sequence[socket.socket],
        connect: MakeConnection,
        tls: Tls | None,
        clients: Clients,
        clock: Clock,
    ) -> None:
        self.sockets = sockets
        self._connect = connect
        self._tls = tls
        self._clients = clients
        self._shortage = Shortage(clock)
        self._arrivals: set[asyncio.Task[None]] = set()
        self._resuming: dict[socket.socket, asyncio.TimerHandle] = {}
        self._handshakes = FairSlots(
            HANDSHAKES,
            per_party=HANDSHAKES_PER_PARTY,
            waiting=clients.most,
            waiting_per_party=clients.most,
        )
        self._loop = asyncio.get_running_loop()
        for listening in sockets:
            self._loop.add_reader(listening, self._accept, listening)

    async def close(self) -> None:
        """Accept no more connections, and end those that have sent nothing or are in their handshake."""
        for timer in self._resuming.values():
            timer.cancel()
        for listening in self.sockets:
            self._loop.remove_reader(listening)
            listening.close()
        for arrival in self._arrivals:
            arrival.cancel()
        await asyncio.gather(*self._arrivals, return_exceptions=True)

    def _accept(self, listening: socket.socket) -> None:
        for _ in range(_AT_ONCE):
            try:
                accepted, (host, *_) = listening.accept()
            except (BlockingIOError, InterruptedError):
                return
            except ConnectionAbortedError:
                continue
            except OSError as error:
                self._pause(listening, error)
                return
            self._arrived(accepted, host)

    def _pause(self, listening: socket.socket, error: OSError) -> None:
        """The connection stays in the backlog, so the socket would be readable again at once, and again."""
        self._shortage.report(error)
        self._loop.remove_reader(listening)
        self._resuming[listening] = self._loop.call_later(
            _PAUSE_SECONDS, self._loop.add_reader, listening, self._accept, listening
        )

    def _arrived(self, accepted: socket.socket, host: str) -> None:
        client = self._clients.admit(host, accepted.close)
        if client is None:
            accepted.close()
            return
        accepted.setblocking(False)
        arrival = asyncio.create_task(self._arrive(accepted, client), name="arrival")
        client.end = arrival.cancel
        self._arrivals.add(arrival)
        arrival.add_done_callback(self._arrivals.discard)

    async def _arrive(self, accepted: socket.socket, client: Client) -> None:
        connection = None
        try:
            async with asyncio.timeout(ARRIVAL_SECONDS):
                await _first_byte(accepted)
                connection = self._connect(client)
                if self._tls is None:
                    await self._loop.connect_accepted_socket(lambda: connection, accepted)
                else:
                    async with self._handshakes.slot(client.party):
                        await self._shake_hands(accepted, connection, self._tls)
        except (OSError, Full):  # TimeoutError is an OSError
            return
        finally:
            if connection is None or connection.transport is None:
                client.leave()
                accepted.close()

    async def _shake_hands(self, accepted: socket.socket, connection: Connection, tls: Tls) -> None:
        """Serve `connection` over TLS once the handshake is over.

        Raises:
            OSError: it failed.
        """
        over = self._loop.create_future()
        protocol = _Tls(
            self._loop,
            connection,
            tls.listening,
            over,
            server_side=True,
            ssl_shutdown_timeout=_GOODBYE_SECONDS,
        )
        transport, _ = await self._loop.connect_accepted_socket(lambda: protocol, accepted)
        try:
            await over
        except BaseException:
            transport.abort()
            raise
        if connection.transport is not None:
            # What waits to be decrypted while the connection does not read; 256 kB without this.
            cast(Any, connection.transport).set_read_buffer_limits(_READ_BYTES)


async def _first_byte(accepted: socket.socket) -> None:
    """Wait until there is something to read.

    Raises:
        OSError: the client has gone.
    """
    loop = asyncio.get_running_loop()
    readable = asyncio.Event()
    loop.add_reader(accepted, readable.set)
    try:
        await readable.wait()
    finally:
        loop.remove_reader(accepted)
    if not accepted.recv(1, socket.MSG_PEEK):
        raise ConnectionResetError("closed without a byte")
