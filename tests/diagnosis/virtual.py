"""A machine in virtual time: the event loop's time and what Python's `time` module reports are one."""

import asyncio
import fcntl
import socket
import struct
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest

from tests.support.virtual_time import VirtualClock, VirtualTimeLoop, virtual_time

_MOST: Final = 0.3  # real seconds; the kernel delays an acknowledgement by up to 0.2


@contextmanager
def virtual_machine(*, acknowledged: bool = False) -> Iterator[VirtualClock]:
    """A clock and its loop; `exporter.clock.Clock` reports the same time until the end of the block.

    The loop's own look-ups are made at once: in a thread they would take real time, and virtual time would
    run on meanwhile.

    Args:
        acknowledged: let no time pass while the kernel has not acknowledged what was sent, up to 0.3 s. By
            the acknowledgement the exporter tells a process that hangs from a network that is dead.
    """

    async def getaddrinfo(host: Any, port: Any, **hints: Any) -> Any:
        await asyncio.sleep(0)
        return socket.getaddrinfo(host, port, **hints)

    with virtual_time() as clock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", clock.monotonic)
        patch.setattr(time, "time", clock.epoch)
        patch.setattr(clock.loop, "getaddrinfo", getaddrinfo)
        if acknowledged:
            clock.loop.wait_for_threads(_Unacknowledged(clock.loop))
        yield clock


class _Unacknowledged:
    """Whether a socket of the loop has sent what the other end has not acknowledged yet."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self._since = float("inf")

    def __call__(self) -> bool:
        now = time.perf_counter()
        if not any(map(_unacknowledged, list(self._loop._leaping.get_map()))):
            self._since = float("inf")
            return False
        self._since = min(self._since, now)
        return now - self._since < _MOST


def _unacknowledged(descriptor: Any) -> bool:
    try:
        (count,) = struct.unpack("i", fcntl.ioctl(descriptor, termios.TIOCOUTQ, b"\0" * 4))
    except OSError:  # not a connected socket
        return False
    return bool(count)
