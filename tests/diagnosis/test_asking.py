"""What is asked of others: names of the system's resolver, the calling application over real HTTP."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from exporter.diagnosis.backend import ask_backend
from exporter.diagnosis.names import MAX_NAMES, look_up


async def test_a_name_of_this_machine_and_one_of_none() -> None:
    found = await look_up(["localhost", "nowhere.invalid"])
    assert set(found["localhost"].addresses) & {"127.0.0.1", "::1"}
    assert found["localhost"].error == ""
    assert found["nowhere.invalid"].addresses == ()
    assert found["nowhere.invalid"].error


@pytest.mark.parametrize("name", ["", "x" * 300, "a\0b", "ü" * 80, "a..b"])
async def test_what_is_no_name_is_an_error_and_no_more(name: str) -> None:
    found = await look_up([name])
    assert found[name].error


async def test_names_are_bounded_in_number() -> None:
    found = await look_up([f"n{number}.invalid" for number in range(100)])
    assert len(found) == MAX_NAMES


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


async def test_its_own_words_are_taken() -> None:
    async with application(status=503, text='{"connected": false, "message": "no ESL", "more": 1}') as url:
        seen = await ask_backend(url)
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
async def test_anything_else_is_no_answer_to_the_question(status: int, text: str) -> None:
    async with application(status=status, text=text) as url:
        seen = await ask_backend(url)
    assert (seen.connected, seen.answered) == (None, True)
    assert str(status) in seen.error
    assert len(seen.error) < 300


async def test_redirects_lead_nowhere() -> None:
    async with application(status=302, text="", headers={"Location": "/elsewhere"}) as url:
        seen = await ask_backend(url)
    assert seen.connected is None


async def test_nobody_there_and_nobody_quick_enough() -> None:
    async with application(text="{}") as url:
        pass
    assert (await ask_backend(url)).error
    writers = []
    server = await asyncio.start_server(lambda reader, writer: writers.append(writer), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    seen = await ask_backend(f"http://127.0.0.1:{port}", seconds=0.1)
    server.close()
    for writer in writers:
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
    assert (seen.connected, seen.answered) == (None, False)
    assert "no answer" in seen.error
