"""Who may read the history, and who may see in it who called whom: a table of configs and requests."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import pytest
from aiohttp import web

from exporter.config import Config, Listen, Secret
from exporter.web.app import ROUTES, Route
from exporter.web.auth import Protection, may_see_private
from tests.web.fakes import LOOPBACK, FakeContext, Served, serving
from tests.web.test_auth import BEYOND, RIGHT, TOKEN, WITH_USERS, Answer, ask, basic, bearer


@asynccontextmanager
async def asking(config: Config) -> AsyncIterator[tuple[Served, FakeContext]]:
    """Serve on loopback, as if it were on the addresses of the config."""
    context = FakeContext()
    async with serving(context, PROBED) as served:
        context.config = config
        yield served, context


async def sees(request: web.Request) -> web.Response:
    """As a page: it leaves out what this request may not see."""
    return web.json_response({"private": may_see_private(request)})


PROBED: Final = (
    *ROUTES,
    Route(("GET",), "/read", sees, Protection.READ),
    Route(("GET",), "/private", sees, Protection.PRIVATE),
    Route(("GET",), "/page", sees, Protection.BASIC),
)
OPEN_TO_ALL: Final = Config(listen=BEYOND)
WITH_TOKEN: Final = Config(listen=BEYOND, token=TOKEN)
USERS_BEYOND: Final = Config(listen=BEYOND, web=WITH_USERS)
BOTH_BEYOND: Final = Config(listen=BEYOND, web=WITH_USERS, token=TOKEN)
LOCAL: Final = Config(listen=(LOOPBACK,))
LOCAL_TOKEN: Final = Config(listen=(LOOPBACK,), token=TOKEN)
LOCAL_BOTH: Final = Config(listen=(LOOPBACK,), web=WITH_USERS, token=TOKEN)
TWO: Final = (LOOPBACK, Listen(host="192.0.2.7"))

WRONG: Final = bearer("t1ken")
GOOD: Final = bearer("t0ken")


@pytest.mark.parametrize(
    ("config", "headers", "read", "private", "page"),
    [
        # all listeners are loopback
        (LOCAL, {}, 200, 200, True),
        (LOCAL, WRONG, 200, 200, True),
        (LOCAL_TOKEN, {}, 200, 200, True),
        (LOCAL_TOKEN, GOOD, 200, 200, True),
        # one is not
        (Config(listen=TWO), {}, 200, 401, False),
        (OPEN_TO_ALL, {}, 200, 401, False),
        (OPEN_TO_ALL, bearer(""), 200, 401, False),
        (OPEN_TO_ALL, bearer("None"), 200, 401, False),
        (OPEN_TO_ALL, RIGHT, 200, 401, False),
        # there is a token
        (WITH_TOKEN, {}, 200, 401, False),
        (WITH_TOKEN, WRONG, 200, 401, False),
        (WITH_TOKEN, basic("anna:t0ken"), 200, 401, False),
        (WITH_TOKEN, GOOD, 200, 200, True),
        # there are users
        (USERS_BEYOND, {}, 401, 401, None),
        (USERS_BEYOND, basic("anna:wrong"), 401, 401, None),
        (USERS_BEYOND, GOOD, 401, 401, None),
        (USERS_BEYOND, RIGHT, 200, 200, True),
        # there are both
        (BOTH_BEYOND, {}, 401, 401, None),
        (BOTH_BEYOND, WRONG, 401, 401, None),
        (BOTH_BEYOND, RIGHT, 200, 200, True),
        (LOCAL_BOTH, {}, 401, 401, None),
        (LOCAL_BOTH, RIGHT, 200, 200, True),
    ],
)
async def test_who_may_see_what(
    config: Config, headers: dict[str, str], read: int, private: int, page: bool | None
) -> None:
    async with asking(config) as (served, _):
        assert (await ask(served, "GET", "/read", headers)).status == read
        assert (await ask(served, "GET", "/private", headers)).status == private
        async with served.client.get(served.base + "/page", headers=headers) as answer:
            assert answer.status == (401 if page is None else 200)
            assert page is None or await answer.json() == {"private": page}


@pytest.mark.parametrize("config", [BOTH_BEYOND, LOCAL_BOTH])
async def test_the_token_is_taken_instead_of_a_password_where_the_route_says_so(config: Config) -> None:
    async with asking(config) as (served, _):
        for path in ("/read", "/private"):
            assert (await ask(served, "GET", path, GOOD)).status == 200
        assert (await ask(served, "GET", "/page", GOOD)).status == 401
        assert (await ask(served, "GET", "/metrics", GOOD)).status == 401


async def test_what_is_asked_for_is_what_would_help() -> None:
    for config, hint in (
        (WITH_TOKEN, "Send the header: Authorization: Bearer TOKEN"),
        (OPEN_TO_ALL, "Set token_file in the config and send the token"),
    ):
        async with asking(config) as (served, _):
            answer = await ask(served, "GET", "/private", {})
            assert answer == Answer(401, "unauthorized", 'Bearer realm="freeswitch-exporter"')
            async with served.client.get(served.base + "/private") as response:
                assert hint in (await response.json())["hint"]
    async with asking(BOTH_BEYOND) as (served, _):
        answer = await ask(served, "GET", "/private", {})
        assert answer.challenge == 'Basic realm="freeswitch-exporter", charset="UTF-8"'


@pytest.mark.parametrize("path", ["/read", "/private"])
async def test_on_loopback_no_page_under_another_name_reads_it(path: str) -> None:
    evil = {"Host": "evil.example"}
    async with asking(LOCAL) as (served, _):
        assert await ask(served, "GET", path, evil) == Answer(403, "cross_site", "")
    async with asking(LOCAL_BOTH) as (served, _):
        assert (await ask(served, "GET", path, {**evil, **RIGHT})).status == 403
        assert (await ask(served, "GET", path, {**evil, **GOOD})).status == 200


async def test_a_reload_takes_effect_at_once() -> None:
    async with asking(LOCAL) as (served, context):
        assert (await ask(served, "GET", "/private", {})).status == 200
        context.config = WITH_TOKEN
        assert (await ask(served, "GET", "/private", {})).status == 401
        context.config = Config(listen=BEYOND, token=Secret("other"))
        assert (await ask(served, "GET", "/private", GOOD)).status == 401
