"""The calling application asked over real HTTP, and what it may answer."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

import pytest
from aiohttp import web

from exporter.diagnosis.check_backend import ask_backend
from exporter.executors import Executor

T = TypeVar("T")


@pytest.fixture
def executor() -> Iterator[Executor]:
    executor = Executor("names")
    yield executor
    executor.shutdown()


@asynccontextmanager
async def application(**answer: object) -> AsyncIterator[str]:
    async def health(request: web.Request) -> web.StreamResponse:
        return web.Response(**{"content_type": "application/json", **answer})  # type: ignore[arg-type]

    app = web.Application()
    app.router.add_get("/base/api/calls/health", health)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    yield f"{site.name}/base/"
    await runner.cleanup()


async def test_its_message_is_kept(executor: Executor) -> None:
    async with application(status=503, text='{"connected": false, "message": "no ESL", "more": 1}') as url:
        seen = await ask_backend(url, executor)
    assert (seen.connected, seen.answered, seen.message) == (False, True, "no ESL")


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (200, "hello"),
        (200, '{"connected": "yes"}'),
        (404, "{}"),
        (200, "[" * 100_000),
        (200, '{"connected": true, "message": "' + "x" * 100_000),
    ],
)
async def test_anything_else_is_not_the_answer(executor: Executor, status: int, text: str) -> None:
    async with application(status=status, text=text) as url:
        seen = await ask_backend(url, executor)
    assert (seen.connected, seen.answered) == (None, True)
    assert str(status) in seen.error
    assert len(seen.error) < 300


async def test_redirects_are_not_followed(executor: Executor) -> None:
    async with application(status=302, text="", headers={"Location": "/elsewhere"}) as url:
        seen = await ask_backend(url, executor)
    assert seen.connected is None


async def test_no_listener_and_no_answer_in_time(executor: Executor) -> None:
    async with application(text="{}") as url:
        pass
    assert (await ask_backend(url, executor)).error
    writers = []
    server = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    seen = await ask_backend(f"http://127.0.0.1:{port}", executor, seconds=0.1)
    server.close()
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert (seen.connected, seen.answered) == (None, False)
    assert "no answer" in seen.error


class Counting(Executor):
    """Keeps what it was asked to run."""

    def __init__(self) -> None:
        super().__init__("names")
        self.ran: list[object] = []

    async def run(self, work: Callable[..., T], *args: object) -> T:
        self.ran.append(work)
        return await super().run(work, *args)


async def test_its_name_is_looked_up_in_the_executor() -> None:
    executor = Counting()
    async with application(text='{"connected": true}') as url:
        seen = await ask_backend(url.replace("127.0.0.1", "localhost"), executor)
    executor.shutdown()
    assert seen.connected is True
    assert executor.ran == [socket.getaddrinfo]
