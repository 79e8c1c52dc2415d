"""The headers of every answer, and the form of refusals."""

from exporter.config import Config, WebConfig
from exporter.web.answers import shown
from tests.web.fakes import LOOPBACK, FakeContext, serving

HOSTILE = """<script>alert(1)</script><img src=x onerror="alert(1)">'"&amp;"""


async def test_every_answer_has_its_headers_and_those_of_the_config() -> None:
    wanted = {"X-Frame-Options": "sameorigin", "Strict-Transport-Security": "max-age=60"}
    web_config = WebConfig(headers=wanted)
    async with serving(FakeContext(Config(listen=(LOOPBACK,), web=web_config))) as served:
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
