"""Of one address, so many requests are answered at a time; others do not wait for them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from exporter.web import turns
from exporter.web.app import ROUTES, Route
from exporter.web.auth import Protection
from tests.web.fakes import FakeContext, Served, serving, until
from tests.web.flood import SCRAPER, client_at


class Held:
    """A handler that answers when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.go_on = asyncio.Event()

    async def answer(self, request: web.Request) -> web.Response:
        self.begun += 1
        await self.go_on.wait()
        return web.Response(text="done")


@asynccontextmanager
async def flooded(
    held: Held, protection: Protection
) -> AsyncIterator[tuple[Served, list[asyncio.Task[int]]]]:
    """Twice as many requests as one address has slots."""
    routes = (*ROUTES, Route(("GET",), "/held", held.answer, protection))
    async with serving(FakeContext(), routes) as served:

        async def ask() -> int:
            async with served.client.get(served.base + "/held") as answer:
                return answer.status

        asking = [asyncio.create_task(ask()) for _ in range(2 * turns.SLOTS_OF_ONE)]
        await until(lambda: held.begun >= turns.SLOTS_OF_ONE)
        yield served, asking
        held.go_on.set()
        await asyncio.gather(*asking)


@pytest.mark.parametrize("protection", [Protection.BASIC, Protection.READ, Protection.PRIVATE])
async def test_of_one_address_so_many_are_answered_at_a_time(protection: Protection) -> None:
    held = Held()
    async with flooded(held, protection) as (served, asking):
        async with client_at(SCRAPER) as other, other.get(served.base + "/metrics") as answer:
            assert answer.status == 200
        async with served.client.get(served.base + "/-/healthy") as answer:
            assert answer.status == 200
        assert held.begun == turns.SLOTS_OF_ONE
        held.go_on.set()
        assert set(await asyncio.gather(*asking)) == {200}


async def test_who_gets_no_slot_in_time_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.1)
    held = Held()
    async with flooded(held, Protection.BASIC) as (served, asking):
        async with served.client.get(served.base + "/metrics") as answer:
            assert (answer.status, (await answer.json())["error"]) == (503, "busy")
            assert answer.headers["Retry-After"] == "1"
        held.go_on.set()
        statuses = await asyncio.gather(*asking)
    assert sorted(statuses) == [200] * turns.SLOTS_OF_ONE + [503] * turns.SLOTS_OF_ONE


async def test_requests_for_calls_wait_together() -> None:
    held = Held()
    async with flooded(held, Protection.CALL):
        await until(lambda: held.begun == 2 * turns.SLOTS_OF_ONE)
