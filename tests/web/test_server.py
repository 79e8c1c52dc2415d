"""Start and stop: errors at the start, and what becomes of answers under way at the end."""

import asyncio
import socket
from contextlib import closing

import pytest
from aiohttp import web

from exporter.config import Config, ConfigError, Listen
from exporter.web.app import Route, make_app
from exporter.web.auth import Protection
from exporter.web.server import Server
from tests.web.fakes import LOOPBACK, FakeContext, exchange

GET = b"GET /-/healthy HTTP/1.0\r\n\r\n"


async def test_serves_at_every_address_until_it_is_stopped() -> None:
    context = FakeContext(Config(listen=(LOOPBACK, LOOPBACK, Listen(host="::1", port=0))))
    server = Server(context, make_app(context))
    await server.start()
    addresses = server.addresses
    assert [host for host, _ in addresses] == ["127.0.0.1", "127.0.0.1", "::1"]
    for host, port in addresses:
        reader, writer = await asyncio.open_connection(host, port)
        writer.write(GET)
        assert b"200 OK" in await reader.read()
        writer.close()
    await server.stop()
    assert server.addresses == []
    for host, port in addresses:
        with pytest.raises(ConnectionRefusedError):
            await asyncio.open_connection(host, port)


async def test_a_port_in_use_leaves_nothing_open() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        context = FakeContext(
            Config(listen=(LOOPBACK, Listen(host="127.0.0.1", port=other.getsockname()[1])))
        )
        server = Server(context, make_app(context))
        with pytest.raises(ConfigError, match="already in use"):
            await server.start()
        assert server.addresses == []
        await server.stop()


async def test_it_can_be_started_again_at_the_same_port() -> None:
    context = FakeContext()
    server = Server(context, make_app(context))
    await server.start()
    port = server.addresses[0][1]
    assert b"200 OK" in await exchange(port, GET)
    await server.stop()
    context.config = Config(listen=(Listen(host="127.0.0.1", port=port),))
    server = Server(context, make_app(context))
    await server.start()
    assert b"200 OK" in await exchange(port, GET)
    await server.stop()


@pytest.mark.parametrize(("ends", "answer"), [(True, b"200 OK"), (False, b"")])
async def test_answers_under_way_get_a_moment(
    ends: bool, answer: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.web.server._STOP_SECONDS", 0.3)
    asked = asyncio.Event()
    go_on = asyncio.Event()

    async def wait(request: web.Request) -> web.Response:
        asked.set()
        await go_on.wait()
        return web.Response(text="done")

    context = FakeContext()
    server = Server(context, make_app(context, (Route(("GET",), "/wait", wait, Protection.OPEN),)))
    await server.start()
    answering = asyncio.create_task(exchange(server.addresses[0][1], b"GET /wait HTTP/1.0\r\n\r\n"))
    idle = asyncio.create_task(exchange(server.addresses[0][1], b""))
    await asked.wait()
    stopping = asyncio.create_task(server.stop())
    assert await idle == b""
    if ends:
        go_on.set()
    async with asyncio.timeout(3):
        await stopping
        assert answer in await answering
    assert bool(await answering) is ends
