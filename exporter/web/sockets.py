"""Listening sockets for the configured addresses, or an error that says what prevents them and what to do."""

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from exporter.config import ConfigError, Listen

BACKLOG: Final = 1024  # connections that arrive at the same moment, as scrapes by the same clock do
_REMEDIES: Final = {
    errno.EADDRINUSE: "something listens there already; stop it or choose another port with --listen",
    errno.EADDRNOTAVAIL: "this machine has no such address; write one it has, or :PORT for every interface",
    errno.EACCES: "this user may not listen on that port; choose one above 1023",
}
# The errors of an attempt to listen on IPv6 on a machine without it.
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def bind(addresses: Iterable[Listen]) -> list[socket.socket]:
    """Sockets that listen on all `addresses`. Blocks: it looks names up.

    Raises:
        ConfigError: one of the addresses cannot be listened on; no socket is left open.
    """
    sockets: list[socket.socket] = []
    with ExitStack() as opened:
        for address in addresses:
            try:
                sockets += _bind(address, opened)
            except OSError as error:
                remedy = _REMEDIES.get(error.errno or 0, "write HOST:PORT with an address of this machine")
                raise ConfigError((f"listen: {address}: {error.strerror or error}; {remedy}",)) from None
        opened.pop_all()
    return sockets


def _bind(address: Listen, opened: ExitStack) -> list[socket.socket]:
    """One socket per address of the host. Every interface: one for IPv4, and one for IPv6 if there is any."""
    found = socket.getaddrinfo(
        address.host or None, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )
    sockets: list[socket.socket] = []
    port = address.port
    for family, _, _, _, (host, *_) in sorted(found):  # IPv4 comes first
        try:
            sockets.append(opened.enter_context(_listener(family, str(host), port)))
        except OSError as error:
            if sockets and family == socket.AF_INET6 and error.errno in _NO_IPV6:
                continue
            raise
        port = sockets[0].getsockname()[1]  # port 0: all sockets get the port of the first
    return sockets


def _listener(family: int, host: str, port: int) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    listener.setblocking(False)
    return listener
