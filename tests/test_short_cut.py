"""The short way between two ends in one loop: the same bytes in the same order as by the kernel."""

import asyncio
import random
import socket
from typing import cast

import pytest

from tests.support.short_cut import ShortCut
from tests.support.virtual_time import VirtualClock, virtual_time

BLOCKS = [random.Random(number).randbytes(1 + number * 37 % 5000) for number in range(200)]
WHOLE = b"".join(BLOCKS)


class End(asyncio.Protocol):
    """Gathers what comes; pauses after each so many bytes until `goes_on`."""

    def __init__(self, pause_after: int = 0) -> None:
        self.received = bytearray()
        self.ended = asyncio.get_running_loop().create_future()
        self._pause_after = pause_after
        self._until_pause = pause_after

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        assert self.transport.is_reading()
        self.received += data
        self._until_pause -= len(data)
        if self._pause_after and self._until_pause <= 0:
            self._until_pause = self._pause_after
            self.transport.pause_reading()
            asyncio.get_running_loop().call_later(1.0, self.transport.resume_reading)

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set_result(exc)


async def connected(pause_after: int = 0) -> tuple[End, End, asyncio.Server]:
    loop = asyncio.get_running_loop()
    made: asyncio.Future[End] = loop.create_future()

    def accepted() -> End:
        made.set_result(End(pause_after))
        return made.result()

    server = await loop.create_server(accepted, "127.0.0.1", 0)
    _, client = await loop.create_connection(End, *server.sockets[0].getsockname()[:2])
    client.transport.write(BLOCKS[0])  # the other end may not be known yet
    return client, await made, server


@pytest.mark.parametrize("short_cut", [False, True])
@pytest.mark.parametrize("pause_after", [0, 3000])
def test_all_bytes_come_in_order_and_then_the_end(short_cut: bool, pause_after: int) -> None:
    async def scenario(clock: VirtualClock) -> None:
        client, served, server = await connected(pause_after)
        for block in BLOCKS[1:]:
            client.transport.write(block)
            if len(block) % 3 == 0:
                await clock.sleep(0.1)
        while len(served.received) < len(WHOLE):
            await clock.sleep(1.0)
        client.transport.close()
        assert await served.ended is None
        assert served.received == WHOLE
        server.close()

    with virtual_time(short_cut=short_cut) as clock:
        clock.run(scenario(clock))


def test_the_kernel_has_nothing_to_do_once_both_ends_are_known() -> None:
    async def scenario(clock: VirtualClock) -> None:
        client, served, server = await connected()
        await clock.sleep(1.0)
        assert served.received == BLOCKS[0]
        # An end whose own socket sends no more: what comes now does not come by the kernel.
        client.transport.get_extra_info("socket").shutdown(socket.SHUT_WR)
        client.transport.write(b"by the short way")
        await asyncio.sleep(0)
        assert served.received == BLOCKS[0] + b"by the short way"
        client.transport.close()
        await served.ended
        server.close()

    with virtual_time(short_cut=True) as clock:
        clock.run(scenario(clock))


def test_an_end_that_fails_is_closed_as_by_asyncio() -> None:
    class Failing(End):
        def data_received(self, data: bytes) -> None:
            raise ValueError("no")

    async def scenario(clock: VirtualClock) -> None:
        loop, failures = asyncio.get_running_loop(), []
        loop.set_exception_handler(lambda _, context: failures.append(context["exception"]))
        server = await loop.create_server(Failing, "127.0.0.1", 0)
        _, client = await loop.create_connection(End, *server.sockets[0].getsockname()[:2])
        await clock.sleep(1.0)
        assert isinstance(client.transport, ShortCut)
        client.transport.write(b"bytes")
        await client.ended
        assert [type(failure) for failure in failures] == [ValueError]
        server.close()

    with virtual_time(short_cut=True) as clock:
        clock.run(scenario(clock))
