"""A TCP connection to a host: an address literal or a name, one address or several.

Strategy: an address literal is used as it is. A name is looked up by a coroutine of the caller's, because
the system's resolver blocks and each process decides in which thread it may. If a name has several
addresses, `aiohappyeyeballs` tries them (RFC 8305): the next one begins when an attempt has failed or after
NEXT_ATTEMPT seconds, and the first to accept is taken. All addresses together get the one timeout; with
many of them the attempts follow each other faster, so that each gets its turn.

The error is that of the most telling attempt: a refusal shows that a host answered, so it counts more than
silence. An exporter that has no descriptor left says so, and neither the name nor the host is blamed.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias, cast

from aiohappyeyeballs import AddrInfoType, start_connection

from exporter.esl.errors import (
    ConnectionRefused,
    ConnectTimeout,
    EslError,
    Exhausted,
    NameNotResolved,
    printable,
)

NEXT_ATTEMPT: Final = 0.25  # seconds; RFC 8305, section 5
MAX_ADDRESSES: Final = 20  # of one name; each takes a socket while it is tried
LookUp: TypeAlias = Callable[[str, int], Awaitable[list[AddrInfoType]]]
"""Host name and port to addresses, as `socket.getaddrinfo` returns them for SOCK_STREAM; raises OSError."""


async def connect(host: str, port: int, look_up: LookUp, timeout: float) -> socket.socket:
    """A connected, non-blocking socket.

    Args:
        host: IPv4 or IPv6 address, or a name.
        port: TCP port.
        look_up: called for names only.
        timeout: seconds for the look-up, and again for all attempts to connect together.

    Raises:
        Exhausted: the exporter has no descriptor or memory left for it.
        NameNotResolved: the look-up failed, took too long or found nothing.
        ConnectionRefused: an address refused, and none accepted.
        ConnectTimeout: no address answered.
    """
    infos = _literal(host, port) or await _looked_up(host, port, look_up, timeout)
    attempts = _Attempts()
    try:
        async with asyncio.timeout(timeout):
            return await start_connection(
                infos,
                happy_eyeballs_delay=min(NEXT_ATTEMPT, timeout / len(infos) / 2),
                loop=cast(asyncio.AbstractEventLoop, attempts),
                socket_factory=attempts.new_socket,
            )
    except OSError:  # a timeout is one too
        raise attempts.failure(host, infos) from None


def _literal(host: str, port: int) -> list[AddrInfoType]:
    """The address that `host` is, or nothing if it is a name.

    Raises:
        NameNotResolved: an IPv6 scope (`fe80::1%eth0`) that is not an interface of this machine.
    """
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return []
    if isinstance(address, ipaddress.IPv4Address):
        return [(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (str(address), port))]
    scope = address.scope_id or "0"
    try:
        number = int(scope) if scope.isdecimal() else socket.if_nametoindex(scope)
    except OSError:
        raise NameNotResolved(f"{printable(host)}: no such interface") from None
    where = (str(address).partition("%")[0], port, 0, number)
    return [(socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", where)]


async def _looked_up(host: str, port: int, look_up: LookUp, timeout: float) -> list[AddrInfoType]:
    try:
        async with asyncio.timeout(timeout):
            infos = await look_up(host, port)
    except TimeoutError:
        raise NameNotResolved(f"looking up {printable(host)} took longer than {timeout:g} s") from None
    except (OSError, ValueError) as error:
        if (exhausted := _exhausted(error)) is not None:
            raise exhausted from None
        raise NameNotResolved(f"{printable(host)}: {getattr(error, 'strerror', None) or error}") from None
    if not infos:
        raise NameNotResolved(f"{printable(host)} has no address")
    return [_without_scope_name(info) for info in infos[:MAX_ADDRESSES]]


def _exhausted(error: Exception) -> Exhausted | None:
    """Whether the look-up failed because the resolver could open no file: its own error does not tell."""
    if (exhausted := Exhausted.cause(error)) is not None:
        return exhausted
    try:
        socket.socket().close()
    except OSError as refused:
        return Exhausted.cause(refused)
    return None


def _without_scope_name(info: AddrInfoType) -> AddrInfoType:
    """The same address; asyncio would look `fe80::1%eth0` up again. The scope is in its number, too."""
    family, kind, proto, name, address = info
    host, percent, _ = str(address[0]).partition("%")
    return (family, kind, proto, name, cast(Any, (host, *address[1:]))) if percent else info


class _Attempts:
    """Notes why each attempt fails, which `start_connection` does not tell address by address.

    It stands in for the event loop there, and passes everything on.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._failures: dict[Any, OSError] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loop, name)

    def new_socket(self, info: AddrInfoType) -> socket.socket:
        """A socket for that address."""
        family, kind, proto, _, address = info
        try:
            return _kept_alive(socket.socket(family, kind, proto))
        except OSError as error:
            self._failures[address] = error
            raise

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """As the loop's."""
        try:
            await self._loop.sock_connect(sock, address)
        except OSError as error:
            self._failures[address] = error
            raise

    def failure(self, host: str, infos: list[AddrInfoType]) -> EslError:
        """Why none of the addresses can be connected to."""
        for error in self._failures.values():
            if (exhausted := Exhausted.cause(error)) is not None:
                return exhausted
        addresses = [info[4] for info in infos]
        for address in addresses:
            if isinstance(self._failures.get(address), ConnectionRefusedError):
                return ConnectionRefused(f"{_where(host, address)} refuses connections")
        failure = self._failures.get(addresses[-1])
        why = failure.strerror if failure is not None and failure.strerror else "no answer"
        return ConnectTimeout(f"{_where(host, addresses[-1])}: {why}")


def _where(host: str, address: Any) -> str:
    return f"{printable(host)} ({address[0]}) port {address[1]}"


def _kept_alive(sock: socket.socket) -> socket.socket:
    """The socket; the kernel notices within half a minute that its host has vanished without a reset."""
    try:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for option, seconds in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, option):
                sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
    except OSError:
        sock.close()
        raise
    return sock
