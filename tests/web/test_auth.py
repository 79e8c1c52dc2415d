"""Authentication: a table of configs, requests and answers, asked over real connections."""

import asyncio
import base64
import itertools
import threading
from collections import Counter
from dataclasses import dataclass
from typing import Final

import bcrypt
import pytest
from aiohttp import web

from exporter.config import Config, Listen, Secret, WebConfig
from exporter.web import basic_auth
from exporter.web.app import ROUTES, Route
from exporter.web.auth import Protection
from tests.web.fakes import LOOPBACK, FakeContext, Served, exchange, serving, until
from tests.web.flood import ATTACKER, SCRAPER, client_at


async def place(request: web.Request) -> web.Response:
    return web.Response(text="placed")


# Stand-ins for the handlers that place calls: the question is whether a request reaches them.
EVERY_ROUTE: Final = (
    *[route for route in ROUTES if route.protection is not Protection.CALL],
    Route(("GET",), "/probe", place, Protection.CALL),
    Route(("POST",), "/api/calls/test-echo", place, Protection.CALL),
)
CALLS: Final = (("GET", "/probe"), ("POST", "/api/calls/test-echo"))
PROTECTED: Final = (*CALLS, ("POST", "/-/reload"))
PLAIN: Final = (("GET", "/"), ("GET", "/metrics"), ("HEAD", "/metrics"), ("GET", "/api/calls/health"))
OPEN: Final = (("GET", "/-/healthy"), ("GET", "/-/ready"))

USERS: Final = {
    name: Secret(bcrypt.hashpw(password.encode(), bcrypt.gensalt(4)).decode())
    for name, password in (("anna", "s3crät:x"), ("blank", ""))
}
WITH_USERS: Final = WebConfig(users=USERS)
TOKEN: Final = Secret("t0ken")
BEYOND: Final = (LOOPBACK, Listen(host=""))
JSON: Final = {"Content-Type": "application/json"}


def basic(text: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


RIGHT: Final = basic("anna:s3crät:x")


@dataclass
class Answer:
    status: int
    error: str
    challenge: str


async def ask(served: Served, method: str, path: str, headers: dict[str, str]) -> Answer:
    everything = {**(JSON if method == "POST" else {}), **headers}
    async with served.client.request(method, served.base + path, headers=everything) as response:
        body = await response.json() if response.status >= 400 and method != "HEAD" else {}
        return Answer(response.status, body.get("error", ""), response.headers.get("WWW-Authenticate", ""))


async def test_on_loopback_without_users_or_token_everything_is_served() -> None:
    context = FakeContext()
    async with serving(context, EVERY_ROUTE) as served:
        for method, path in (*PLAIN, *OPEN, *PROTECTED):
            assert (await ask(served, method, path, {})).status == 200, path
    assert context.refusals == []
    assert context.reloads == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        basic("anna:wrong"),
        basic("anna"),
        basic("anna:"),
        basic("blank"),
        basic(":s3crät:x"),
        basic("Anna:s3crät:x"),
        basic("nobody:s3crät:x"),
        bearer("t0ken"),
        {"Authorization": "Basic"},
        {"Authorization": "Basic !!!!"},
        {"Authorization": "Basic /////w=="},
        {"Authorization": "Digest " + RIGHT["Authorization"].split()[1]},
        {"Authorization": RIGHT["Authorization"] + ", Basic x"},
        {"Authorization": "Basic " + "A" * 4000},
    ],
)
async def test_users_are_required_everywhere_but_where_a_token_is(headers: dict[str, str]) -> None:
    context = FakeContext(Config(listen=(LOOPBACK,), web=WITH_USERS, token=TOKEN))
    async with serving(context, EVERY_ROUTE) as served:
        for method, path in (*PLAIN, ("GET", "/nothing"), ("DELETE", "/metrics"), ("POST", "/-/healthy")):
            answer = await ask(served, method, path, headers)
            assert answer.status == 401, path
            assert answer.challenge == 'Basic realm="freeswitch-exporter", charset="UTF-8"'
        for method, path in OPEN:
            assert (await ask(served, method, path, headers)).status == 200, path
    assert context.refusals == []


async def test_passwords_beyond_the_queue_of_checks_are_refused_with_retry_after(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    checking, go_on = threading.Event(), threading.Event()

    def slow(_password: str, _hashed: str) -> bool:
        checking.set()
        return not go_on.wait(10)

    monkeypatch.setattr(basic_auth, "_matches", slow)
    monkeypatch.setattr(basic_auth, "MAX_WAITING_OF_ONE", 0)
    context = FakeContext(Config(listen=(LOOPBACK,), web=WITH_USERS))
    async with serving(context) as served:
        first = asyncio.create_task(ask(served, "GET", "/metrics", basic("anna:guess")))
        await until(checking.is_set)
        async with served.client.get(served.base + "/metrics", headers=basic("anna:another")) as answer:
            assert (answer.status, (await answer.json())["error"]) == (429, "busy")
            assert answer.headers["Retry-After"] == "5"
        assert (await ask(served, "GET", "/-/healthy", {})).status == 200
        go_on.set()
        assert (await first).status == 401


async def test_passwords_of_clients_that_have_left_wait_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    begun: list[str] = []

    def slow(password: str, _hashed: str) -> bool:
        begun.append(password)
        return go_on.wait(10) and password == "right"

    monkeypatch.setattr(basic_auth, "_matches", slow)
    context = FakeContext(Config(listen=(LOOPBACK,), web=WITH_USERS))
    async with serving(context) as served:
        turns = served.basic_auth._turns
        for attempt in range(3):  # each time as many as may wait
            writers = []
            for number in range(1 + basic_auth.MAX_WAITING_OF_ONE):
                _, writer = await asyncio.open_connection("127.0.0.1", served.port)
                header = basic(f"anna:guess {attempt} {number}")["Authorization"]
                writer.write(f"GET /metrics HTTP/1.0\r\nAuthorization: {header}\r\n\r\n".encode())
                writers.append(writer)
            await until(lambda: turns.waiting == basic_auth.MAX_WAITING_OF_ONE)
            for writer in writers:
                writer.close()
            await until(lambda: turns.waiting == 0)
        right = asyncio.create_task(ask(served, "GET", "/metrics", basic("anna:right")))
        go_on.set()
        assert (await right).status == 200
        assert len(begun) == 2, "the very first one had begun; of the others only the right one is checked"


# As `htpasswd -C 10` makes it: a check takes 50 ms and more.
SLOW: Final = Secret(bcrypt.hashpw(b"right", bcrypt.gensalt(10)).decode())


async def test_sixty_wrong_passwords_a_second_do_not_cost_a_right_one_its_answer() -> None:
    """First one that has never been checked, from another address; then the same from the attacker's own."""
    context = FakeContext(Config(listen=(LOOPBACK,), web=WebConfig(users={"anna": SLOW})))
    statuses: Counter[int] = Counter()
    async with serving(context) as served, client_at(ATTACKER) as attacker, client_at(SCRAPER) as scraper:

        async def guess(number: int) -> None:
            url, headers = served.base + "/metrics", basic(f"anna:guess {number}")
            async with attacker.get(url, headers=headers) as answer:
                statuses[answer.status] += 1

        async def attack() -> None:
            async with asyncio.TaskGroup() as guesses:
                for number in itertools.count():
                    guesses.create_task(guess(number))
                    await asyncio.sleep(1 / 60)

        attacking = asyncio.create_task(attack())
        await until(lambda: statuses[429] > 5)
        for client in (scraper, attacker):
            right = client.get(served.base + "/metrics", headers=basic("anna:right"))
            async with asyncio.timeout(3), right as answer:
                assert answer.status == 200
        attacking.cancel()
        await asyncio.gather(attacking, return_exceptions=True)
    assert set(statuses) == {401, 429}


async def test_two_authorization_headers_count_as_none() -> None:
    context = FakeContext(Config(listen=(LOOPBACK,), web=WITH_USERS))
    right = f"Authorization: {RIGHT['Authorization']}\r\n".encode()
    async with serving(context) as served:
        for headers, welcome in (
            (right, True),
            (right * 2, False),
            (right + b"Authorization: Basic x\r\n", False),
        ):
            answer = await exchange(served.port, b"GET /metrics HTTP/1.0\r\n" + headers + b"\r\n")
            assert (b"200 OK" in answer.split(b"\r\n")[0]) is welcome


async def test_the_right_user_is_served_and_the_token_is_required_instead() -> None:
    context = FakeContext(Config(listen=(LOOPBACK,), web=WITH_USERS, token=TOKEN))
    async with serving(context, EVERY_ROUTE) as served:
        for method, path in (*PLAIN, *OPEN):
            assert (await ask(served, method, path, RIGHT)).status == 200, path
        assert (await ask(served, "GET", "/metrics", basic("blank:"))).status == 200
        assert (await ask(served, "GET", "/nothing", RIGHT)).status == 404
        assert (await ask(served, "DELETE", "/metrics", RIGHT)).status == 405
        for method, path in PROTECTED:
            assert (await ask(served, method, path, RIGHT)).status == 401, path
            assert (await ask(served, method, path, bearer("t0ken"))).status == 200, path


@pytest.mark.parametrize(
    "headers",
    [
        {},
        bearer(""),
        bearer("t0ke"),
        bearer("t0kenn"),
        bearer("T0KEN"),
        bearer("t0ken t0ken"),
        bearer("t\u00f8ken"),
        basic("t0ken:t0ken"),
    ],
)
@pytest.mark.parametrize("listen", [(LOOPBACK,), BEYOND])
async def test_no_token_or_a_wrong_one(headers: dict[str, str], listen: tuple[Listen, ...]) -> None:
    context = FakeContext()
    async with serving(context, EVERY_ROUTE) as served:
        context.config = Config(listen=listen, token=TOKEN)
        for method, path in PROTECTED:
            answer = await ask(served, method, path, headers)
            assert answer == Answer(401, "unauthorized", 'Bearer realm="freeswitch-exporter"'), path
        for method, path in PLAIN:
            assert (await ask(served, method, path, headers)).status == 200, path
    assert context.refusals == ["unauthorized"] * len(CALLS)
    assert context.reloads == 0


async def test_beyond_loopback_there_must_be_a_token() -> None:
    context = FakeContext()
    async with serving(context, EVERY_ROUTE) as served:
        context.config = Config(listen=BEYOND)
        for method, path in PROTECTED:
            answer = await ask(served, method, path, bearer("any"))
            assert (answer.status, answer.error) == (403, "disabled"), path
        for method, path in (*PLAIN, *OPEN):
            assert (await ask(served, method, path, {})).status == 200, path
    assert context.refusals == ["disabled"] * len(CALLS)
    assert context.reloads == 0


async def test_on_every_interface_the_token_is_enough_whatever_the_host_is_called() -> None:
    context = FakeContext()
    async with serving(context, EVERY_ROUTE) as served:
        context.config = Config(listen=BEYOND, token=TOKEN)
        for method, path in PROTECTED:
            answer = await ask(served, method, path, {"Host": "exporter:9282", **bearer("t0ken")})
            assert answer.status == 200, path


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
@pytest.mark.parametrize("token", [None, TOKEN])
async def test_no_page_of_another_site_places_calls(headers: dict[str, str], token: Secret | None) -> None:
    context = FakeContext(Config(listen=(LOOPBACK,), token=token))
    async with serving(context, EVERY_ROUTE) as served:
        for method, path in CALLS:
            answer = await ask(served, method, path, {**headers, **bearer("t0ken")})
            assert (answer.status, answer.error) == (403, "cross_site"), path
        # For a reload the right token is enough.
        reloaded = await ask(served, "POST", "/-/reload", {**headers, **bearer("t0ken")})
        assert reloaded.status == (200 if token else 403)
        for method, path in PLAIN:  # they place no call: their Host alone counts
            status = (await ask(served, method, path, headers)).status
            assert status == (403 if "Host" in headers else 200), path
    assert context.refusals == ["cross_site"] * len(CALLS)


PROXY: Final = {"Host": "monitor.example.com"}


async def test_on_loopback_only_known_hosts_may_read() -> None:
    context = FakeContext(Config(listen=(LOOPBACK,), web=WITH_USERS))
    async with serving(context, EVERY_ROUTE) as served:
        for method, path in (*PLAIN, ("GET", "/nothing")):
            answer = await ask(served, method, path, {**PROXY, **RIGHT})
            assert answer.status == 403, path
            assert answer.error == ("" if method == "HEAD" else "cross_site")
        for method, path in OPEN:
            assert (await ask(served, method, path, PROXY)).status == 200, path
        two = b"GET /metrics HTTP/1.1\r\nHost: localhost\r\nHost: monitor.example.com\r\n\r\n"
        assert (await exchange(served.port, two)).split()[1] in (b"400", b"403")


async def test_a_host_of_the_config_may_read_and_without_a_token_not_call() -> None:
    context = FakeContext(Config(listen=(LOOPBACK,), hosts=("Monitor.example.com",)))
    async with serving(context, EVERY_ROUTE) as served:
        for method, path in PLAIN:
            assert (await ask(served, method, path, PROXY)).status == 200, path
        for method, path in PROTECTED:
            answer = await ask(served, method, path, PROXY)
            assert (answer.status, answer.error) == (403, "cross_site"), path
        context.config = Config(listen=(LOOPBACK,), hosts=("monitor.example.com",), token=TOKEN)
        for method, path in PROTECTED:
            assert (await ask(served, method, path, {**PROXY, **bearer("t0ken")})).status == 200, path
            assert (await ask(served, method, path, PROXY)).status == 401, path


async def test_beyond_loopback_any_host_may_read() -> None:
    context = FakeContext()
    async with serving(context, EVERY_ROUTE) as served:
        context.config = Config(listen=(LOOPBACK, Listen(host="192.0.2.7")))
        for method, path in PLAIN:
            assert (await ask(served, method, path, PROXY)).status == 200, path


async def test_a_call_by_post_must_be_json_and_a_reload_need_not() -> None:
    context = FakeContext()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    async with serving(context, EVERY_ROUTE) as served:
        answer = await ask(served, "POST", "/api/calls/test-echo", form)
        assert (answer.status, answer.error) == (403, "cross_site")
        assert (await ask(served, "POST", "/-/reload", form)).status == 200
        async with served.client.post(served.base + "/-/reload") as response:
            assert response.status == 200
    assert context.refusals == ["cross_site"]


@pytest.mark.parametrize("content_type", [None, "application/x-www-form-urlencoded"])  # the second: curl -d
async def test_a_post_of_no_page_is_told_which_header_is_missing(content_type: str | None) -> None:
    headers = {"Content-Type": content_type} if content_type else {}
    async with serving(FakeContext(), EVERY_ROUTE) as served:
        url = served.base + "/api/calls/test-echo"
        async with served.client.post(url, headers=headers, skip_auto_headers=["Content-Type"]) as response:
            answer = await response.json()
    assert response.status == 403
    assert answer["message"].startswith("The header Content-Type: application/json is missing")
    assert answer["hint"].startswith(
        "Send the header, as curl does with -H 'Content-Type: application/json'."
    )
    assert "web page" not in answer["message"]


async def test_a_reload_takes_effect_at_once() -> None:
    context = FakeContext(next=Config(listen=(LOOPBACK,), web=WITH_USERS, token=TOKEN))
    async with serving(context, EVERY_ROUTE) as served:
        assert (await ask(served, "GET", "/metrics", {})).status == 200
        assert (await ask(served, "POST", "/-/reload", {})).status == 200
        assert (await ask(served, "GET", "/metrics", {})).status == 401
        assert (await ask(served, "GET", "/metrics", RIGHT)).status == 200
        assert (await ask(served, "POST", "/-/reload", {})).status == 401
        assert (await ask(served, "POST", "/-/reload", bearer("t0ken"))).status == 200


async def test_head_places_no_call() -> None:
    async with serving(FakeContext(), EVERY_ROUTE) as served:
        assert (await ask(served, "HEAD", "/probe", {})).status == 405


def test_every_route_has_its_protection() -> None:
    for route in ROUTES:
        if route.path == "/probe" or (
            route.path.startswith(("/api/calls/", "/demo/")) and "POST" in route.methods
        ):
            guard = Protection.CALL
        elif route.path == "/-/reload":
            guard = Protection.TOKEN
        elif route.path in ("/-/healthy", "/-/ready"):
            guard = Protection.OPEN
        elif route.path == "/api/calls":
            guard = Protection.PRIVATE
        elif route.path.startswith(("/api/history", "/api/availability", "/gateways/", "/history")):
            guard = Protection.READ
        else:
            guard = Protection.BASIC
        assert route.protection is guard, route
        assert guard is not Protection.CALL or len(route.methods) == 1, "a HEAD must place no call"
