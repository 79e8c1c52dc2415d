"""What every answer carries, and pages that can do no harm whatever stands in them."""

import base64
import hashlib
import re
from html.parser import HTMLParser
from pathlib import Path

from exporter import __version__
from exporter.config import Config, WebConfig
from exporter.web.answers import shown
from tests.web.fakes import LOOPBACK, FakeHouse, FakeNode, serving

HOSTILE = """<script>alert(1)</script><img src=x onerror="alert(1)">'"&amp;"""


class Reader(HTMLParser):
    """Which tags and texts a page has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.text = ""
        self.links: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [value or "" for name, value in attrs if name == "href"]

    def handle_data(self, data: str) -> None:
        self.text += data + "\n"


async def test_the_page_names_nodes_and_problems_and_its_links_work() -> None:
    nodes = [
        FakeNode("fs1"),
        FakeNode("fs2", connected=False, problem="acl_denied", reason="Not in the ACL."),
        FakeNode("fs3", connected=False, problem="", tried=False),
    ]
    async with serving(FakeHouse(nodes=nodes)) as served:
        async with served.client.get(served.base + "/") as response:
            assert (response.status, response.content_type) == (200, "text/html")
            page = Reader(await response.text())
        for word in (
            f"freeswitch-exporter {__version__}",
            "fs1",
            "none",
            "fs2",
            "acl_denied",
            "Not in the ACL.",
            "not tried yet",
        ):
            assert word in page.text.splitlines(), word
        for link in page.links:
            async with served.client.get(f"{served.base}/{link}") as response:
                assert response.status in (200, 503)


async def test_nothing_on_the_page_is_markup_but_its_own() -> None:
    node = FakeNode(HOSTILE, connected=False, problem=HOSTILE, reason=HOSTILE)
    async with serving(FakeHouse(nodes=[node])) as served, served.client.get(served.base + "/") as response:
        page = Reader(await response.text())
    assert page.text.splitlines().count(HOSTILE) == 3
    assert page.tags.isdisjoint({"script", "img"})


async def test_the_policy_allows_the_page_its_own_style_and_nothing_else() -> None:
    async with serving(FakeHouse()) as served, served.client.get(served.base + "/") as response:
        policy = response.headers["Content-Security-Policy"]
        assert response.headers["X-Frame-Options"] == "DENY"
        style = re.search("<style>(.*)</style>", await response.text(), re.DOTALL)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert policy.split("; ") == [
        "default-src 'none'",
        f"style-src 'sha256-{digest}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]


async def test_every_answer_carries_its_headers_and_those_of_the_config() -> None:
    wanted = {"X-Frame-Options": "sameorigin", "Strict-Transport-Security": "max-age=60"}
    web_config = WebConfig(path=Path("web.yml"), headers=wanted)
    async with serving(FakeHouse(Config(listen=(LOOPBACK,), web=web_config))) as served:
        for path, status in (
            ("/", 200),
            ("/metrics", 200),
            ("/nothing", 404),
            ("/-/healthy", 200),
            ("/-/reload", 405),
        ):
            async with served.client.get(served.base + path) as response:
                assert response.status == status
                expected = {
                    **wanted,
                    "Server": "freeswitch-exporter",
                    "X-Content-Type-Options": "nosniff",
                    "Referrer-Policy": "no-referrer",
                    "Cache-Control": "no-store",
                }
                assert {name: response.headers[name] for name in expected} == expected


def test_a_clients_text_is_shown_short_and_printable() -> None:
    assert shown("fs1") == "'fs1'"
    assert shown("a\r\n\0\u202eb") == r"'a\r\n\x00\u202eb'"
    assert len(shown("x" * 10_000)) == 105
