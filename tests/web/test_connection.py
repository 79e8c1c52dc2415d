"""Clients that send too much, too slowly, or no HTTP: they get a short answer or none."""

import asyncio
import gzip
import json
import re

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from structlog.typing import EventDict

from exporter.web import answers, connection
from exporter.web.answers import read_object
from exporter.web.app import ROUTES, Route
from exporter.web.auth import Protection
from tests.web.fakes import FakeContext, Served, every_family, exchange, serving, until


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
        (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "invalid_json"),
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


@pytest.mark.parametrize("sent", [b"", b"GET /metrics HTTP/1.1\r\nHost: loc"])
async def test_a_head_that_does_not_come(sent: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(connection.LIMITS, "keepalive_timeout", 0.1)
    async with serving(FakeContext()) as served:
        assert await exchange(served.port, sent) == b""


async def test_connections_beyond_the_limit_are_ended_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporter.web.server.MAX_CONNECTIONS", 3)
    async with serving(FakeContext()) as served:
        kept = [await asyncio.open_connection("127.0.0.1", served.port) for _ in range(3)]
        server = served.server._runner.server
        assert server
        await until(lambda: len(server.connections) == 3)
        assert await exchange(served.port, GET + b"\r\n") == b""
        for _, writer in kept:
            writer.write(GET + b"\r\n")
        for reader, writer in kept:
            assert head(await reader.read())[0] == 200
            writer.close()
        await until(lambda: not server.connections)
        assert await healthy(served)


async def test_pipelined_requests_are_answered_in_order() -> None:
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
