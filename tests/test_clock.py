"""The clock, and the virtual one that tests use in its place."""

import asyncio
import time

from exporter.clock import Clock
from tests.support.virtual_time import START_EPOCH, VirtualClock, virtual_time


async def test_the_clock_is_the_machines() -> None:
    clock = Clock()
    before = time.monotonic(), time.time()
    await clock.sleep(0.01)
    assert before[0] + 0.01 <= clock.monotonic() <= time.monotonic()
    assert before[1] <= clock.epoch() <= time.time()


async def _a_week(clock: VirtualClock) -> tuple[float, float, list[int]]:
    days: list[int] = []

    async def note() -> None:
        for day in range(7):
            await clock.sleep(86_400)
            days.append(day)

    begun = clock.monotonic()
    async with asyncio.timeout(8 * 86_400):
        await note()
    return clock.monotonic() - begun, clock.epoch(), days


def test_a_week_passes_in_no_time() -> None:
    began = time.monotonic()
    with virtual_time() as clock:
        passed, epoch, days = clock.run(_a_week(clock))
    assert passed == 7 * 86_400
    assert epoch == START_EPOCH + 7 * 86_400
    assert days == list(range(7))
    assert time.monotonic() - began < 5


async def _echo_over_a_socket() -> bytes:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(await reader.readline())
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server, asyncio.timeout(1):
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"hello\n")
        line = await reader.readline()
        writer.close()
    return line


def test_what_is_ready_on_a_socket_comes_before_time_passes() -> None:
    with virtual_time() as clock:
        assert clock.run(_echo_over_a_socket()) == b"hello\n"
