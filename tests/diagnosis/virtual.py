"""A machine in virtual time: the event loop's time and what Python's `time` module reports are one."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support.virtual_time import VirtualClock, virtual_time


@contextmanager
def virtual_machine() -> Iterator[VirtualClock]:
    """A clock and its loop; `exporter.clock.Clock` reports the same time until the end of the block.

    The loop's own look-ups are made at once: in a thread they would take real time, and virtual time would
    run on meanwhile.
    """

    async def getaddrinfo(host: Any, port: Any, **hints: Any) -> Any:
        await asyncio.sleep(0)
        return socket.getaddrinfo(host, port, **hints)

    with virtual_time() as clock, pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "monotonic", clock.monotonic)
        patch.setattr(time, "time", clock.epoch)
        patch.setattr(clock.loop, "getaddrinfo", getaddrinfo)
        yield clock
