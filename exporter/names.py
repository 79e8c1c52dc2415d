"""Host names to addresses, by the system's resolver, in the threads of an executor.

The resolver blocks for as long as a name server does not answer, so it never runs on the event loop, and
never in the loop's default executor: there it would keep other work waiting, and the process from ending.
"""

import socket

from aiohappyeyeballs import AddrInfoType

from exporter.executors import Executor, QueueFull


async def look_up(names: Executor, host: str, port: int) -> list[AddrInfoType]:
    """The addresses of `host` for a TCP connection to `port`.

    Args:
        names: the executor for look-ups.
        host: a name; an address literal is found as itself.
        port: goes into the addresses.

    Raises:
        OSError: the name has no address, the name server failed, or too many look-ups wait.
        UnicodeError: it cannot be a host name.
    """
    try:
        return await names.run(_addresses, host, port)
    except QueueFull as full:
        raise OSError(f"not looked up: {full}") from None


def _addresses(host: str, port: int) -> list[AddrInfoType]:
    return list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))
