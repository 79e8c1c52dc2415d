"""/metrics, compared with prometheus_client's own rendering and parsers, and what it costs."""

import asyncio
import gzip
import socket
from asyncio.subprocess import PIPE
from collections.abc import Callable, Iterable
from functools import partial

import pytest
from prometheus_client import Metric, exposition
from prometheus_client.openmetrics import exposition as openmetrics_exposition
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text
from structlog.typing import EventDict

from exporter.clock import Clock
from exporter.metrics import families
from exporter.metrics.exposition import Page, Unit
from exporter.web import scrape
from exporter.web.answers import Refusal
from exporter.web.scrape import Scrapes, Wanted, accepts_gzip, negotiate
from tests.support.tools import program
from tests.web.fakes import UUID, FakeContext, Oracle, every_family, serving, until

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
# As Prometheus 2.42 and 3.5 send it.
PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,"
    "application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)
STATES = [str(number) for number in range(13)]
ALL = [every_family("fs1"), every_family("fs2", 'odd"\\\nü'), every_family(None)]


def comparable(families: Iterable[Metric]) -> list[tuple[object, ...]]:
    """Families with their samples in an order that both sides share."""
    return sorted(
        (
            family.name,
            family.type,
            family.documentation,
            sorted(
                repr((*sample[:1], sorted(sample.labels.items()), *sample[2:])) for sample in family.samples
            ),
        )
        for family in families
    )


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(
    ("accept", "parse", "oracle"),
    [
        ("", parse_text, exposition.generate_latest),
        (OPENMETRICS, parse_openmetrics, openmetrics_exposition.generate_latest),
    ],
)
async def test_the_page_is_what_prometheus_client_renders(
    packed: bool,
    accept: str,
    parse: Callable[[str], Iterable[Metric]],
    oracle: Callable[[object], bytes],
) -> None:
    async with serving(FakeContext(shown=ALL)) as served:
        headers = {"Accept": accept, "Accept-Encoding": "gzip" if packed else "identity"}
        async with served.client.get(served.base + "/metrics", headers=headers) as response:
            body = await response.read()
            assert response.status == 200
            assert response.headers.get("Content-Encoding") == ("gzip" if packed else None)
            assert response.headers["Vary"] == "Accept, Accept-Encoding"
    text = (gzip.decompress(body) if packed else body).decode()
    expected = oracle(Oracle(ALL).registry()).decode()
    assert comparable(parse(text)) == comparable(parse(expected))
    assert UUID not in text or accept, "exemplars are OpenMetrics' only"
    assert not accept or UUID in text


@pytest.mark.parametrize(
    "names",
    [
        ["freeswitch_up"],
        ["freeswitch_events_total", "freeswitch_call_mos_bucket"],
        ["freeswitch_events", "freeswitch_call_mos"],  # families, not samples: nothing
        ["freeswitch_call_mos_sum", "freeswitch_call_mos_count", "freeswitch_exporter_build_info"],
        ["nonsense", ""],
        [""],  # none: all
    ],
)
async def test_name_limits_samples_as_prometheus_client_does(names: list[str]) -> None:
    async with serving(FakeContext(shown=ALL)) as served:
        query = [("name[]", name) for name in names]
        async with served.client.get(served.base + "/metrics", params=query) as response:
            text = await response.text()
    registry = Oracle(ALL).registry()
    chosen = [name for name in names if name]
    expected = exposition.generate_latest(registry.restricted_registry(chosen) if chosen else registry)
    assert comparable(parse_text(text)) == comparable(parse_text(expected.decode()))


async def test_node_limits_families_about_nodes() -> None:
    context = FakeContext(shown=[*ALL, every_family("127.0.0.1:8021")])
    context.nodes[1].name = "127.0.0.1:8021"
    async with serving(context) as served:

        async def nodes(query: str) -> set[str | None]:
            async with served.client.get(f"{served.base}/metrics{query}") as response:
                assert response.status == 200
                families = parse_text(await response.text())
                return {sample.labels.get("node") for family in families for sample in family.samples}

        assert await nodes("?node=fs1") == {"fs1", None}
        assert await nodes("?node=127.0.0.1:8021&node=fs1") == {"127.0.0.1:8021", "fs1", None}
        assert await nodes("?node=127.0.0.1%3A8021") == {"127.0.0.1:8021", None}
        assert await nodes("") == {"fs1", "fs2", "127.0.0.1:8021", None}


async def test_an_unknown_node_is_answered_with_the_known_ones() -> None:
    async with (
        serving(FakeContext()) as served,
        served.client.get(served.base + "/metrics?node=fs1&node=%3Cb%3E%0d%0a" + "x" * 500) as response,
    ):
        assert response.status == 404
        assert response.content_type == "application/json"
        answer = await response.json()
    assert answer["error"] == "unknown_node"
    assert answer["hint"] == "Known nodes: fs1, fs2."
    assert len(answer["message"]) < 200
    assert "\n" not in answer["message"]


async def test_head_has_length_and_type_only() -> None:
    async with serving(FakeContext(shown=ALL)) as served:
        async with served.client.head(served.base + "/metrics") as response:
            assert response.status == 200
            assert response.content_type == "text/plain"
            length = response.content_length
            assert await response.read() == b""
        async with served.client.get(served.base + "/metrics") as response:
            assert len(await response.read()) == length


async def test_promtool_finds_no_fault() -> None:
    async with (
        serving(FakeContext(shown=ALL)) as served,
        served.client.get(served.base + "/metrics") as response,
    ):
        body = await response.read()
    promtool = program("promtool")
    checking = await asyncio.create_subprocess_exec(
        promtool, "check", "metrics", stdin=PIPE, stdout=PIPE, stderr=PIPE
    )
    said, complained = await checking.communicate(body)
    assert (checking.returncode, said, complained) == (0, b"", b"")


@pytest.mark.parametrize(
    "accept",
    [
        "",
        "*/*",
        "text/plain",
        "text/plain;version=0.0.4",
        "text/plain; version=1.0.0",
        "text/html,application/xhtml+xml",
        "application/openmetrics-text",
        "application/openmetrics-text; version=0.0.1",
        "application/openmetrics-text; version=1.0.0; escaping=values",
        "application/openmetrics-text; version=2.0.0; escaping=allow-utf-8",
        "text/plain, application/openmetrics-text",
        OPENMETRICS,
        PROMETHEUS_2,
        PROMETHEUS_3,
    ],
)
def test_negotiates_as_prometheus_client(accept: str) -> None:
    encoder, content_type = exposition.choose_encoder(accept)
    function = getattr(encoder, "func", encoder)
    assert negotiate(accept) == (function is openmetrics_exposition.generate_latest, content_type)


@pytest.mark.parametrize(
    "accept",
    [
        "application/openmetrics-text; version=one",
        "text/plain; version=",
        "text/plain;version=1.x;q",
        "\0;=,;;=",
    ],
)
def test_accept_headers_that_prometheus_client_cannot_read_get_the_text_format(accept: str) -> None:
    assert negotiate(accept) == (False, exposition.CONTENT_TYPE_PLAIN_0_0_4)


def test_underscores_are_not_doubled_for_escaping_dots() -> None:
    openmetrics, content_type = negotiate("application/openmetrics-text;version=1.0.0;escaping=dots")
    assert openmetrics
    assert content_type == "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores"


@pytest.mark.parametrize(
    ("header", "accepted"),
    [
        ("gzip", True),
        ("GZIP", True),
        ("deflate, gzip;q=0.5", True),
        ("gzip ; q=0.001", True),
        ("gzip;q=0", False),
        ("gzip; q=0.000, br", False),
        ("gzip;q=1.0", True),
        ("identity", False),
        ("x-gzipped", False),
        ("*", False),
        ("", False),
    ],
)
def test_gzip_only_where_it_is_accepted(header: str, accepted: bool) -> None:
    assert accepts_gzip(header) is accepted


async def test_a_thousand_concurrent_scrapes_share_one_page() -> None:
    context = FakeContext(shown=ALL)
    scrapes = Scrapes(context)
    wanted = Wanted(openmetrics=True, gzip=True, nodes=None, names=None)
    pages = await asyncio.gather(*[scrapes.page(wanted) for _ in range(1000)])
    assert context.asked == 1
    assert len({id(page) for page in pages}) == 1


async def test_a_page_is_no_older_than_its_request() -> None:
    """A change between the begin of one rendering and another's request is in the other's page."""
    value = 1.0
    begun = asyncio.Event()
    context = FakeContext()

    def write(page: Page) -> None:
        page.add(families.UP, 'node="fs1"', value)
        begun.set()

    def dawdle(_: Page) -> None:
        sum(range(200_000))

    class Slow:
        node = "fs1"

        def units(self) -> list[Unit]:
            return [write, *[dawdle] * 5]  # past the slice: the loop gets its turn

    context.shown = [Slow()]
    scrapes = Scrapes(context)
    wanted = Wanted(openmetrics=False, gzip=False, nodes=None, names=None)
    first = asyncio.create_task(scrapes.page(wanted))
    await begun.wait()
    assert not first.done()
    value = 2.0
    second = await scrapes.page(wanted)
    assert b'freeswitch_up{node="fs1"} 1.0' in b"".join((await first).blocks)
    assert b'freeswitch_up{node="fs1"} 2.0' in b"".join(second.blocks)


async def test_too_many_different_scrapes_are_refused_with_retry_after() -> None:
    scrapes = Scrapes(FakeContext())
    wanted = [
        Wanted(openmetrics=False, gzip=False, nodes=None, names=frozenset({str(number)}))
        for number in range(scrape.MAX_WAITING + 1)
    ]
    answers = await asyncio.gather(*map(scrapes.page, wanted), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, Refusal)]
    assert [(answer.status, answer.headers) for answer in refused] == [(503, {"Retry-After": "1"})]
    assert (await scrapes.page(wanted[-1])).length == 0


async def test_an_error_while_rendering_fails_this_scrape_only() -> None:
    class Broken:
        node = None

        def units(self) -> list[Unit]:
            raise RuntimeError("secret detail")

    context = FakeContext(shown=[Broken()])
    async with serving(context) as served:
        for _ in range(2):
            async with served.client.get(served.base + "/metrics") as response:
                assert response.status == 500
                assert "secret" not in await response.text()
        context.shown = ALL
        async with served.client.get(served.base + "/metrics") as response:
            assert response.status == 200


class Many:
    """A large page: `count` gateways, a unit of 13 lines each."""

    node = "fs1"

    def __init__(self, count: int) -> None:
        self._writers = [partial(self._write, f'node="fs1",gateway="gw{number}"') for number in range(count)]

    def units(self) -> Iterable[Unit]:
        return self._writers

    def _write(self, labels: str, page: Page) -> None:
        page.stateset(families.GATEWAY_STATE, labels, "state", STATES, "REGED")


async def test_other_tasks_run_while_a_large_page_is_rendered() -> None:
    context = FakeContext(shown=[Many(20_000)])
    turns = 0

    async def tick() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    ticking = asyncio.create_task(tick())
    page = await Scrapes(context).page(Wanted(openmetrics=False, gzip=True, nodes=None, names=None))
    ticking.cancel()
    assert gzip.decompress(b"".join(page.blocks)).count(b"\n") == 260_002
    assert turns > 8


async def test_other_tasks_run_while_a_page_is_compressed() -> None:
    compressing = asyncio.create_task(scrape._compress(iter([b"some text " * 10_000] * 300), Clock()))
    turns = 0
    while not compressing.done():
        await asyncio.sleep(0)
        turns += 1
    assert turns > 4


async def slow_reader(port: int, query: str) -> socket.socket:
    """A client that has asked for a page and read none of it."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.setblocking(False)
    loop = asyncio.get_running_loop()
    await loop.sock_connect(client, ("127.0.0.1", port))
    await loop.sock_sendall(client, f"GET /metrics{query} HTTP/1.0\r\n\r\n".encode())
    return client


async def rest(client: socket.socket) -> int:
    """How many bytes still come before the connection ends."""
    loop = asyncio.get_running_loop()
    total = 0
    async with asyncio.timeout(10):
        try:
            while data := await loop.sock_recv(client, 1 << 20):
                total += len(data)
        except ConnectionError:
            pass
    client.close()
    return total


async def test_pages_of_slow_readers_are_bounded() -> None:
    context = FakeContext(shown=[Many(5000)])
    async with serving(context) as served:
        readers: list[socket.socket] = []
        while len(readers) <= scrape.MAX_PAGES:
            query = f"?name[]=freeswitch_gateway_state&name[]={len(readers)}"  # each asks for another page
            readers.append(await slow_reader(served.port, query))
            await until(lambda: context.asked == len(readers))
        async with served.client.get(served.base + "/metrics") as response:
            size = len(await response.read())
        cut_off = [await rest(reader) < size for reader in readers]
    # With the one just read there were two pages too many.
    assert cut_off == [True, True] + [False] * (scrape.MAX_PAGES - 1)


async def test_a_reader_that_stops_reading_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scrape, "SEND_SECONDS", 0.2)
    context = FakeContext(shown=[Many(5000)])
    async with serving(context) as served:
        reader = await slow_reader(served.port, "")
        await until(lambda: context.asked == 1)
        await until(lambda: not served.server._runner.server.connections)  # type: ignore[union-attr]
        assert await rest(reader) < 5000 * 13 * 50


async def test_a_client_that_goes_away_is_no_error(logged: list[EventDict]) -> None:
    context = FakeContext(shown=[Many(5000)])
    async with serving(context) as served:
        reader = await slow_reader(served.port, "")
        await until(lambda: context.asked == 1)
        reader.close()
        await until(lambda: not served.server._runner.server.connections)  # type: ignore[union-attr]
        async with served.client.get(served.base + "/-/healthy") as response:
            assert response.status == 200
    assert logged == []


async def test_a_page_is_freed_once_it_is_sent() -> None:
    context = FakeContext(shown=ALL)
    scrapes = Scrapes(context)
    wanted = Wanted(openmetrics=False, gzip=False, nodes=None, names=None)
    page = await scrapes.page(wanted)
    with scrapes.reading(page, asyncio.timeout(1)):
        with scrapes.reading(page, asyncio.timeout(1)):
            assert scrapes._read == [page]
        assert scrapes._read == [page]
    assert scrapes._read == []
