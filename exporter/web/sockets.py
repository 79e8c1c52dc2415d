"""Listening sockets for the configured addresses, or a sentence on what stands in the way and what to do."""

import errno
import socket
from collections.abc import Iterable
from contextlib import ExitStack
from typing import Final

from exporter.config import ConfigError, Listen

BACKLOG: Final = 1024  # connections that come at once; many an asker may have the same clock
_REMEDIES: Final = {
    errno.EADDRINUSE: "something listens there already; stop it or choose another port with --listen",
    errno.EADDRNOTAVAIL: "this machine has no such address; write one it has, or :PORT for every interface",
    errno.EACCES: "this user may not listen on that port; choose one above 1023",
}
# What a machine without IPv6 says to an attempt to listen on it.
_NO_IPV6: Final = (errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL)


def bind(addresses: Iterable[Listen]) -> list[socket.socket]:
    """Sockets that listen on all addresses. Raises ConfigError if one cannot be had, and leaves none open."""
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
    """A socket per address of the host. Every interface: one of IPv4 and, if there is IPv6, one of that."""
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
        port = sockets[0].getsockname()[1]  # port 0: the one that was free for the first is taken for all
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
