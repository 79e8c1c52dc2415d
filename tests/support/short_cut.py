"""Bytes between two ends in one event loop, handed over in the loop instead of by the kernel.

Sending, polling and reading cost the kernel more time than most of the work around them. Where days pass in
virtual time, and both ends of a connection are in the same loop, this leaves them out. Connections are real:
the kernel makes and ends them, and what comes before both ends are known goes through it, as does all that
is sent to an end in another loop or process.

The order is kept: an end goes from the kernel's way to the short one when nothing that it sent by the kernel
is left unread, and what is handed over while its receiver pauses is held until it goes on.
"""

import asyncio
import fcntl
import socket
import struct
import termios
from asyncio.selector_events import _SelectorSocketTransport  # type: ignore[attr-defined]
from collections import deque
from typing import Any

Ends = tuple[Any, Any]  # the addresses of an end and of its peer


class ShortCut(_SelectorSocketTransport):  # type: ignore[misc]
    """asyncio's transport of a socket, with a way of its own to a peer in the same loop.

    Args:
        ends: the transports of the loop.
        sock: connected.
        more: as asyncio's.
    """

    def __init__(
        self,
        ends: dict[Ends, "ShortCut"],
        loop: asyncio.AbstractEventLoop,
        sock: socket.socket,
        *more: Any,
        **named: Any,
    ) -> None:
        super().__init__(loop, sock, *more, **named)
        self._ends = ends
        here, there = sock.getsockname(), sock.getpeername()
        self._key, self._peer_key = (here, there), (there, here)
        self._by_kernel = True  # something that was sent by the kernel may be unread
        self._held: deque[bytes] = deque()
        ends[self._key] = self

    def write(self, data: bytes) -> None:
        """Hand the bytes to the peer in the next turn of the loop, or send them."""
        peer = self._ends.get(self._peer_key)
        if peer is None or self._conn_lost or self._eof or self._buffer or not peer.takes(self._by_kernel):
            self._by_kernel = True
            super().write(data)
        elif data:
            self._by_kernel = False
            self._loop.call_soon(peer.take, bytes(data))

    def takes(self, by_kernel: bool) -> bool:
        """Whether bytes can be handed to this end.

        Args:
            by_kernel: its peer may have sent some by the kernel before.
        """
        if self._closing or isinstance(self._protocol, asyncio.BufferedProtocol):
            return False
        if not by_kernel:
            return True
        unread = fcntl.ioctl(self._sock.fileno(), termios.FIONREAD, b"\0\0\0\0")
        return bool(struct.unpack("i", unread)[0] == 0)

    def take(self, data: bytes) -> None:
        """Bytes of the peer."""
        self._held.append(data)
        self._give()

    def resume_reading(self) -> None:
        """As asyncio's, and what is held comes in the next turn."""
        super().resume_reading()
        self._loop.call_soon(self._give)

    def _give(self) -> None:
        while self._held and not self._paused and not self._closing:
            try:
                self._protocol.data_received(self._held.popleft())
            except Exception as error:  # noqa: BLE001 - as asyncio's reading does
                self._fatal_error(error, "Fatal error: protocol.data_received() call failed.")

    def _call_connection_lost(self, exc: Exception | None) -> None:
        self._ends.pop(self._key, None)
        super()._call_connection_lost(exc)
