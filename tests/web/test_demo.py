"""The switchboard of the demo: only in the demo, only on loopback, and to no page of another site."""

from collections.abc import Sequence

import pytest

from exporter.config import Config
from exporter.web.context import DemoFault
from tests.web.fakes import FakeContext, serving
from tests.web.pages import read
from tests.web.test_auth import BEYOND, TOKEN, bearer

JSON = {"Content-Type": "application/json"}


class Board:
    """Notes what it is asked for."""

    def __init__(self) -> None:
        self.made: list[str] = []

    @property
    def faults(self) -> Sequence[DemoFault]:
        return [DemoFault("hang", "Hang", "It hangs")]

    def make(self, name: str) -> None:
        if name != "hang":
            raise KeyError(name)
        self.made.append(name)


async def post(context: FakeContext, name: str, headers: dict[str, str]) -> tuple[int, str]:
    async with (
        serving(context) as served,
        served.client.post(f"{served.base}/demo/{name}", headers=headers) as response,
    ):
        answer = await response.json()
        return response.status, str(answer.get("error", answer.get("message")))


async def test_a_fault_is_made_and_it_is_said_what_there_will_be_to_see() -> None:
    board = Board()
    assert await post(FakeContext(switchboard=board), "hang", JSON) == (200, "It hangs.")
    assert board.made == ["hang"]


@pytest.mark.parametrize(
    ("headers", "name", "answer"),
    [
        ({}, "hang", (403, "cross_site")),
        ({"Content-Type": "text/plain"}, "hang", (403, "cross_site")),
        ({**JSON, "Origin": "http://evil.example"}, "hang", (403, "cross_site")),
        ({**JSON, "Sec-Fetch-Site": "cross-site"}, "hang", (403, "cross_site")),
        ({**JSON, "Host": "evil.example"}, "hang", (403, "cross_site")),
        (JSON, "melt", (404, "not_found")),
    ],
)
async def test_what_is_refused(headers: dict[str, str], name: str, answer: tuple[int, str]) -> None:
    board = Board()
    assert await post(FakeContext(switchboard=board), name, headers) == answer
    assert board.made == []


async def test_beyond_loopback_not_even_with_the_token() -> None:
    board = Board()
    beyond = Config(listen=BEYOND, token=TOKEN)
    context = FakeContext(config=beyond, switchboard=board)
    assert await post(context, "hang", {**JSON, **bearer("t0ken")}) == (403, "disabled")
    assert board.made == []
    assert "Hang" not in (await read(FakeContext(config=beyond, switchboard=board))).text


async def test_outside_of_the_demo_there_is_none() -> None:
    assert await post(FakeContext(), "hang", JSON) == (404, "not_found")
    assert "Try it" not in (await read(FakeContext())).text


async def test_the_page_of_the_demo_offers_its_faults() -> None:
    assert "It hangs" in (await read(FakeContext(switchboard=Board()))).text
