"""Clients that send too much, too slowly, or no HTTP: they get a short answer or none."""

import asyncio
import contextlib
import errno
import gzip
import json
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.typing import EventDict

from exporter.web import accepting, answers, connection, server
from exporter.web.answers import read_object
from exporter.web.app import ROUTES, Route
from exporter.web.auth import Protection
from tests.web.fakes import FakeContext, Served, every_family, exchange, serving, until
from tests.web.flood import SCRAPER, client_at


async def echo(request: web.Request) -> web.Response:
    return web.json_response(await read_object(request))


async def broken(request: web.Request) -> web.Response:
    raise RuntimeError(f"secret of {request.path}")


ALL_ROUTES = (
    *ROUTES,
    Route(("POST",), "/echo", echo, Protection.OPEN),
    Route(("GET",), "/broken", broken, Protection.OPEN),
    Route(("GET",), "/things/{name}", broken, Protection.OPEN),
)
GET = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"


def head(answer: bytes) -> tuple[int, dict[str, str]]:
    """Status and headers of the first answer."""
    lines = answer.split(b"\r\n\r\n")[0].decode().split("\r\n")
    return int(lines[0].split()[1]), dict(line.lower().split(": ", 1) for line in lines[1:])


def body(answer: bytes) -> dict[str, str]:
    text: dict[str, str] = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert set(text) == {"error", "message", "hint"}
    return text


async def healthy(served: Served) -> bool:
    return head(await exchange(served.port, GET + b"\r\n"))[0] == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /?" + b"node=fs1&" * 1000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n",
        GET + b"X: " + b"y" * 9000 + b"\r\n\r\n",
        GET + b"X" * 9000 + b": y\r\n\r\n",
        GET + b"".join(b"X-%d: y\r\n" % number for number in range(100)) + b"\r\n",
        GET + b"no colon\r\n\r\n",
        GET + b"X: nul\0nul\r\n\r\n",
        GET + b"X Y: z\r\n\r\n",
        GET + b"Content-Length: -1\r\n\r\n",
        GET + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx",
        GET + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET /\0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET / HTTP/9.9\r\nHost: localhost\r\n\r\n",
        b"G\xc3\x96T / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"<script>alert(1)</script>\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"\0" * 100,
        b"GET\r\n\r\n",
    ],
)
async def test_what_is_not_http_is_answered_with_400_and_nothing_of_its_text(
    sent: bytes, logged: list[EventDict]
) -> None:
    async with serving(FakeContext()) as served:
        answer = await exchange(served.port, sent)
        status, headers = head(answer)
        assert status == 400
        assert headers["server"] == "freeswitch-exporter"
        assert headers["content-type"].startswith("application/json")
        assert body(answer)["error"] == "bad_request"
        assert not re.search(rb"aiohttp|Python|script|Traceback|xxx|yyy", answer)
        assert await healthy(served)
    assert logged == [], "nonsense is no news"


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/metrics?node=%00", 404),
        ("/metrics?node=%ff%fe", 404),
        ("/metrics?node=%", 404),
        ("/metrics?node=%zz&node=%0d%0aX-Evil:%201", 404),
        ("/metrics?name[]=%0d%0aX-Evil:%201", 200),
        ("/metrics?name%5B%5D=%22%7D", 200),
        ("/metrics?" + "&" * 2000, 200),
        ("/metrics?node=fs1;node=evil", 404),
        ("//metrics", 404),
        ("/metrics/", 404),
        ("/metrics%00", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("/-/healthy/../../metrics", 404),
        ("/things/%0d%0aX-Evil:%201", 500),
        ("http://evil.example/-/healthy", 200),
        ("*", 400),
        ("/%6d%65trics", 200),
    ],
)
async def test_odd_targets(target: str, status: int) -> None:
    async with serving(FakeContext(shown=[every_family("fs1")]), ALL_ROUTES) as served:
        sent = f"GET {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode()
        answer = await exchange(served.port, sent)
        found, headers = head(answer)
        assert found == status
        assert "x-evil" not in headers
        assert b"<" not in answer
        assert await healthy(served)


@pytest.mark.parametrize(
    "accept",
    [
        b"application/openmetrics-text; version=2.\x80",
        b"application/openmetrics-text; version=2.\xc3\xa4",
        b"\xff\xfe",
    ],
)
async def test_odd_accept_headers_get_the_text_format(accept: bytes) -> None:
    async with serving(FakeContext(shown=[every_family("fs1")])) as served:
        answer = await exchange(served.port, b"GET /metrics HTTP/1.0\r\nAccept: " + accept + b"\r\n\r\n")
    status, headers = head(answer)
    assert (status, headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "PROPFIND"])
async def test_a_wrong_method_is_answered_with_the_right_ones(method: str) -> None:
    async with serving(FakeContext()) as served:
        answer = await exchange(
            served.port,
            f"{method} /metrics HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode(),
        )
        status, headers = head(answer)
        assert (status, headers["allow"], body(answer)["error"]) == (405, "get,head", "method_not_allowed")


async def test_a_path_that_does_not_exist() -> None:
    async with serving(FakeContext()) as served, served.client.get(served.base + "/<b>") as response:
        assert response.status == 404
        assert (await response.json())["error"] == "not_found"


async def test_a_bug_is_logged_and_not_shown(logged: list[EventDict]) -> None:
    async with (
        serving(FakeContext(), ALL_ROUTES) as served,
        served.client.get(served.base + "/broken") as response,
    ):
        assert response.status == 500
        text = await response.text()
        assert json.loads(text)["error"] == "internal"
        assert not re.search("secret|Traceback|RuntimeError|File", text)
    assert [(entry["event"], entry["exc_info"]) for entry in logged] == [("request failed", True)]


async def test_an_expectation_that_cannot_be_met() -> None:
    async with serving(FakeContext(), ALL_ROUTES) as served:
        answer = await exchange(served.port, GET + b"Expect: miracles\r\n\r\n")
        assert head(answer)[0] == 417
        assert not re.search(rb"aiohttp|Python", answer)


@pytest.mark.parametrize(
    ("sent", "status", "error"),
    [
        (b'{"a": 1}', 200, ""),
        (b"{}", 200, ""),
        (b"", 400, "invalid_json"),
        (b"[]", 400, "invalid_json"),
        (b"null", 400, "invalid_json"),
        (b'"text"', 400, "invalid_json"),
        (b'{"a": NaN}', 400, "invalid_json"),
        (b'{"a": 1} {"a": 2}', 400, "invalid_json"),
        (b'{"a": "\xff"}', 400, "invalid_json"),
        (b'{"a": "\\ud800"}', 400, "invalid_json"),
        (b"a=1&b=2", 400, "invalid_json"),
        (b" " * (answers.MAX_BODY - 2) + b"{}", 200, ""),
        (b" " * (answers.MAX_BODY - 1) + b"{}", 413, "too_large"),
        (b"x" * 1_000_000, 413, "too_large"),
    ],
)
@pytest.mark.parametrize("chunked", [False, True])
async def test_bodies(sent: bytes, status: int, error: str, chunked: bool) -> None:
    if chunked:
        framed = (
            b"Transfer-Encoding: chunked\r\n\r\n"
            + (b"%x\r\n%s\r\n" % (len(sent), sent) if sent else b"")
            + b"0\r\n\r\n"
        )
    else:
        framed = b"Content-Length: %d\r\n\r\n%s" % (len(sent), sent)
    async with serving(FakeContext(), ALL_ROUTES) as served:
        answer = await exchange(
            served.port, b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + framed
        )
        assert head(answer)[0] == status
        if error:
            assert body(answer)["error"] == error
        assert await healthy(served)


async def test_deep_nesting_harms_nothing() -> None:
    """Python 3.11 to 3.13 refuse it, later ones read it."""
    sent = b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}"
    framed = b"Content-Length: %d\r\n\r\n%s" % (len(sent), sent)
    async with serving(FakeContext(), ALL_ROUTES) as served:
        answer = await exchange(
            served.port, b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + framed
        )
        assert head(answer)[0] in (200, 400)
        assert await healthy(served)


async def test_a_body_is_not_unpacked() -> None:
    packed = gzip.compress(b'{"a": 1}')
    framed = b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n%s" % (len(packed), packed)
    async with serving(FakeContext(), ALL_ROUTES) as served:
        answer = await exchange(
            served.port, b"POST /echo HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + framed
        )
        assert (head(answer)[0], body(answer)["error"]) == (400, "invalid_json")


@pytest.mark.parametrize("part", [b"", b"5\r\nab"])
async def test_a_client_that_leaves_in_the_middle_of_its_body_is_not_logged(
    part: bytes, logged: list[EventDict]
) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def read(request: web.Request) -> web.Response:
        begun.set()
        try:
            return await echo(request)
        finally:
            ended.set()

    async with serving(FakeContext(), (Route(("POST",), "/read", read, Protection.OPEN),)) as served:
        _, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(b"POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n" + part)
        await begun.wait()
        writer.close()
        async with asyncio.timeout(5):
            await ended.wait()
    assert logged == []


async def test_a_body_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answers, "BODY_SECONDS", 0.1)
    monkeypatch.setitem(connection.LIMITS, "lingering_time", 0.1)
    async with serving(FakeContext(), ALL_ROUTES) as served:
        answer = await exchange(
            served.port, b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{"
        )
        assert head(answer)[0] == 408
        assert body(answer)["error"] == "timeout"


HALF = b"GET /metrics HTTP/1.1\r\nHost: loc"
COMPLETE = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "limit"),
    [(b"", "accepting.ARRIVAL_SECONDS"), (HALF, "connection.HEAD_SECONDS")],
)
async def test_a_first_head_that_does_not_come(
    sent: bytes, limit: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"exporter.web.{limit}", 0.1)
    async with serving(FakeContext()) as served:
        assert await exchange(served.port, sent) == b""
        await until(lambda: len(served.server._clients) == 0)


async def test_a_further_head_that_does_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "HEAD_SECONDS", 0.1)
    monkeypatch.setitem(connection.LIMITS, "keepalive_timeout", 0.5)
    async with serving(FakeContext()) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        for _ in range(3):  # longer than the limit of the first head
            writer.write(COMPLETE)
            assert b"200 OK" in await reader.readuntil(b"Healthy.\n")
            await asyncio.sleep(0.08)
        writer.write(HALF)
        async with asyncio.timeout(5):
            assert await reader.read() == b""
        writer.close()
        await until(lambda: len(served.server._clients) == 0)


LINES = b"".join(b"X-%d: %4000d\r\n" % (number, number) for number in range(60))
POST = (
    b"POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 7\r\n\r\n"
)


@pytest.mark.parametrize(
    ("before", "answers_before"),
    [(b"", 0), (COMPLETE, 1), (COMPLETE * 2, 2), (POST + b'{"a":1}', 1)],
    ids=["first", "further", "pipelined", "after a body"],
)
async def test_a_head_that_is_too_long(before: bytes, answers_before: int) -> None:
    """No line of it is too long, and there are not too many. It is not answered: an error would keep it."""
    async with serving(FakeContext(), ALL_ROUTES) as served:
        fits, too_long = LINES[: connection.HEAD_BYTES - 1000] + b"\r\n\r\n", LINES
        for lines, answered in ((fits, 1), (too_long, 0)):
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(before)
            for _ in range(answers_before):
                assert b" 200 OK" in await reader.readuntil(b"\r\n\r\n")
            writer.write(COMPLETE[:-2] + b"Connection: close\r\n" + lines)
            rest = b""
            with contextlib.suppress(ConnectionError):
                async with asyncio.timeout(5):
                    while more := await reader.read(100_000):
                        rest += more
            assert rest.count(b" 200 OK") == answered
            writer.close()
        await until(lambda: len(served.server._clients) == 0)


async def test_many_complete_heads_are_not_too_long_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PIPELINE_SECONDS", 0.0)
    count = 20 * connection.HEAD_BYTES // len(COMPLETE)
    async with serving(FakeContext()) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        writer.write(COMPLETE * count)
        async with asyncio.timeout(30):
            for _ in range(count):
                assert b" 200 OK" in await reader.readuntil(b"Healthy.\n")
        writer.close()


async def test_between_pipelined_requests_there_is_a_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that one address that sends thousands and reads nothing does not keep the loop busy."""
    monkeypatch.setattr(connection, "PIPELINE_SECONDS", 1000.0)
    async with serving(FakeContext()) as served:
        reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
        for _ in range(3):  # each waits for the last answer: no pause
            writer.write(COMPLETE)
            assert b"200 OK" in await reader.readuntil(b"Healthy.\n")
        writer.write(COMPLETE * 2)
        assert b"200 OK" in await reader.readuntil(b"Healthy.\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.5):
                await reader.read(1)
        assert await healthy(served)
        writer.close()
        await until(lambda: len(served.server._clients) == 0)


async def large(request: web.Request) -> web.Response:
    """More than the sockets' buffers hold."""
    return web.Response(body=b"x" * 20_000_000)


LARGE = Route(("GET",), "/large", large, Protection.OPEN)
GET_LARGE = b"GET /large HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def not_reading(port: int, sent: bytes) -> AsyncIterator[None]:
    """A client that sends this and reads nothing."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    sending = asyncio.create_task(loop.sock_sendall(client, sent))
    yield
    sending.cancel()
    await asyncio.gather(sending, return_exceptions=True)
    client.close()


@pytest.mark.parametrize("sent", [GET_LARGE, GET_LARGE * 2, COMPLETE * 100_000], ids=len)
async def test_a_client_that_does_not_read_its_answer(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "SEND_SECONDS", 0.2)
    monkeypatch.setattr(connection, "PIPELINE_SECONDS", 0.0)
    async with serving(FakeContext(), (*ALL_ROUTES, LARGE)) as served:
        async with not_reading(served.port, sent):
            await until(lambda: len(served.server._clients) == 1)
            await until(lambda: len(served.server._clients) == 0, 20)
        assert await healthy(served)


async def test_what_a_closed_connection_has_not_sent_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer is in the transport's buffer, so it counts as sent; the connection must end all the same."""
    monkeypatch.setattr(connection, "CLOSE_SECONDS", 0.2)
    monkeypatch.setattr(connection, "_WRITE_BYTES", 50_000_000)
    sent = GET_LARGE.replace(b"/1.1", b"/1.0")
    async with serving(FakeContext(), (LARGE,)) as served, not_reading(served.port, sent):
        await until(lambda: len(served.server._clients) == 1)
        await until(lambda: len(served.server._clients) == 0)


async def test_a_stop_drops_what_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_WRITE_BYTES", 50_000_000)
    async with serving(FakeContext(), (LARGE,)) as served, not_reading(served.port, GET_LARGE):
        await until(lambda: len(served.server._clients) == 1)
        await until(lambda: bool(served.server._runner.server.requests_count))  # type: ignore[union-attr]
        await served.server.stop()
        assert len(served.server._clients) == 0


async def test_connections_of_one_address_beyond_its_limit_are_ended_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_OF_ONE_ADDRESS", 3)
    async with serving(FakeContext()) as served:
        kept = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
        clients = served.server._clients
        await until(lambda: len(clients) == 3)
        assert await exchange(served.port, GET + b"\r\n") == b""
        async with client_at(SCRAPER) as other, other.get(served.base + "/-/healthy") as answer:
            assert answer.status == 200
        for _, writer in kept:
            writer.write(GET + b"\r\n")
        for reader, writer in kept:
            assert head(await reader.read())[0] == 200
            writer.close()
        await until(lambda: len(clients) == 0)
        assert await healthy(served)


async def test_when_all_places_are_taken_the_oldest_connection_gives_way(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MAX_CONNECTIONS", 4)
    monkeypatch.setattr(server, "MAX_OF_ONE_ADDRESS", 4)
    async with serving(FakeContext()) as served:
        clients = served.server._clients
        silent = await asyncio.open_connection("127.0.0.1", served.port)
        served_before = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
        for reader, writer in served_before:
            writer.write(COMPLETE)
            await reader.readuntil(b"Healthy.\n")
        for reader, writer in (silent, served_before[0]):
            await until(lambda: len(clients) == 4)
            async with client_at(SCRAPER) as other, other.get(served.base + "/-/healthy") as answer:
                assert answer.status == 200
                async with asyncio.timeout(5):
                    assert await reader.read() == b""
            writer.close()
            served_before.append(await asyncio.open_connection("127.0.0.1", served.port))
        for _, writer in served_before:
            writer.close()


@pytest.mark.parametrize(
    ("descriptors", "places"),
    [(65536, (1200, 1000)), (1456, (1200, 1000)), (1024, (768, 640)), (100, (50, 41)), (1, (0, 1))],
)
def test_connections_leave_descriptors_for_freeswitch(
    descriptors: int, places: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("resource.getrlimit", lambda _: (descriptors, descriptors))
    assert server._places() == places


async def test_without_descriptors_it_accepts_again_later(
    monkeypatch: pytest.MonkeyPatch, logged: list[EventDict]
) -> None:
    monkeypatch.setattr(accepting, "_PAUSE_SECONDS", 0.05)
    real = socket.socket.accept
    failures = 0

    def accept(self: socket.socket) -> tuple[socket.socket, object]:
        nonlocal failures
        if failures < 3:
            failures += 1
            raise OSError(errno.EMFILE, "Too many open files")
        return real(self)

    async with serving(FakeContext()) as served:
        loop = asyncio.get_running_loop()
        began = loop.time()
        monkeypatch.setattr(socket.socket, "accept", accept)
        assert await healthy(served)
        assert loop.time() - began > 0.14, "three pauses"
    assert failures == 3
    [line] = logged
    assert (line["event"].partition(":")[0], line["reason"]) == (
        "no file descriptor left",
        "Too many open files",
    )


async def test_pipelined_requests_are_answered_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "PIPELINE_SECONDS", 0.001)
    async with serving(FakeContext()) as served:
        sent = b"GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n" * 200 + GET + b"\r\n"
        answer = await exchange(served.port, sent)
        assert answer.count(b"HTTP/1.1 200 OK") == 201


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.one_of(
            st.binary(max_size=60),
            st.sampled_from(
                [
                    b"GET ",
                    b"POST ",
                    b"/metrics",
                    b" HTTP/1.1",
                    b"\r\n",
                    b"\r\n\r\n",
                    b"Host: x",
                    b"%",
                    b"\0",
                    b":",
                    b"Content-Length: 5",
                    b"Transfer-Encoding: chunked",
                    b"Upgrade: websocket",
                    b"Connection: upgrade",
                ]
            ),
        ),
        max_size=20,
    )
)
def test_no_bytes_end_the_server(parts: list[bytes]) -> None:
    async def visit() -> None:
        async with serving(FakeContext(), ALL_ROUTES) as served:
            reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
            writer.write(b"".join(parts))
            writer.write_eof()
            async with asyncio.timeout(5):
                try:
                    answer = await reader.read()
                except ConnectionError:
                    answer = b""
            writer.close()
            assert b"Traceback" not in answer
            assert await healthy(served)

    asyncio.run(visit())
