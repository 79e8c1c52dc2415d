"""/metrics, compared with prometheus_client's own rendering and parsers, and what it costs."""

import asyncio
import gzip
import socket
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
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
from exporter.web.scrape import Rendered, Scrapes, Wanted
from tests.support.tools import program
from tests.web.fakes import UUID, FakeContext, Oracle, every_family, serving, until

OPENMETRICS = "application/openmetrics-text; version=1.0.0"
ONE = "192.0.2.1"  # the party of a client
OTHER = "192.0.2.2"
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


async def test_a_thousand_concurrent_scrapes_share_one_page() -> None:
    context = FakeContext(shown=ALL)
    scrapes = Scrapes(context)
    wanted = Wanted(openmetrics=True, gzip=True, nodes=None, names=None)
    pages = await asyncio.gather(*[scrapes.page(wanted, ONE) for _ in range(1000)])
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
    first = asyncio.create_task(scrapes.page(wanted, ONE))
    await begun.wait()
    assert not first.done()
    value = 2.0
    second = await scrapes.page(wanted, ONE)
    assert b'freeswitch_up{node="fs1"} 1.0' in b"".join((await first).blocks)
    assert b'freeswitch_up{node="fs1"} 2.0' in b"".join(second.blocks)


def only(name: str) -> Wanted:
    return Wanted(openmetrics=False, gzip=False, nodes=None, names=frozenset({name}))


COMPLETE = Wanted(openmetrics=False, gzip=False, nodes=None, names=None)


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_too_many_different_scrapes_of_one_address_are_refused_with_retry_after() -> None:
    scrapes = Scrapes(FakeContext())
    async with scrapes._turns.slot("a page that is being rendered"):
        waiting = [
            asyncio.create_task(scrapes.page(only(str(number)), ONE))
            for number in range(scrape.MAX_WAITING_OF_ONE)
        ]
        await settle()
        for wanted in (only("one more"), COMPLETE._replace(nodes=frozenset({"fs1"}))):
            with pytest.raises(Refusal) as refused:
                await scrapes.page(wanted, ONE)
            assert (refused.value.status, refused.value.headers) == (503, {"Retry-After": "1"})
        others = [
            asyncio.create_task(scrapes.page(*asked))
            for asked in ((only("0"), ONE), (COMPLETE, ONE), (only("one more"), OTHER))
        ]
        await settle()
    await asyncio.gather(*waiting, *others)
    assert (await scrapes.page(only("one more"), ONE)).length == 0


async def test_the_complete_page_and_another_address_have_turns_of_their_own() -> None:
    order: list[str] = []

    class Noted(Scrapes):
        async def _render(self, wanted: Wanted, turn: str) -> Rendered:
            rendered = await super()._render(wanted, turn)
            order.append("complete" if wanted.complete else min(wanted.names or ()))
            return rendered

    scrapes = Noted(FakeContext())
    async with scrapes._turns.slot("a page that is being rendered"):
        asked = [(only(f"variety {number}"), ONE) for number in range(scrape.MAX_WAITING_OF_ONE)]
        asked += [(COMPLETE, ONE), (only("other"), OTHER)]
        tasks = [asyncio.create_task(scrapes.page(*one)) for one in asked]
        await settle()
    await asyncio.gather(*tasks)
    assert order[:4] == ["variety 0", "complete", "other", "variety 1"]


async def test_a_page_whose_clients_have_left_is_not_rendered() -> None:
    context = FakeContext()
    scrapes = Scrapes(context)
    async with scrapes._turns.slot("a page that is being rendered"):
        for number in range(100):
            leaving = asyncio.create_task(scrapes.page(only(str(number)), ONE))
            await settle()
            leaving.cancel()
            await settle()
    await scrapes.page(COMPLETE, ONE)
    assert context.asked == 1


async def test_who_reads_many_pages_is_cut_off_and_nobody_else() -> None:
    scrapes = Scrapes(FakeContext())

    @asynccontextmanager
    async def reading(page: Rendered, of: str) -> AsyncIterator[asyncio.Timeout]:
        async with asyncio.timeout(60) as limit:
            with scrapes.reading(page, of, limit):
                yield limit

    def cut_off(limit: asyncio.Timeout) -> bool:
        return limit.when() == 0.0

    async with AsyncExitStack() as stack:
        first = Rendered([b"x"])
        scraper = await stack.enter_async_context(reading(first, OTHER))
        same = await stack.enter_async_context(reading(first, ONE))
        greedy = [
            await stack.enter_async_context(reading(Rendered([b"x"]), ONE))
            for _ in range(3 * scrape.MAX_PAGES)
        ]
        assert not cut_off(scraper)
        assert cut_off(same)
        assert [cut_off(limit) for limit in greedy].count(False) == scrape.MAX_PAGES - 1
        assert not cut_off(greedy[-1])


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
    page = await Scrapes(context).page(Wanted(openmetrics=False, gzip=True, nodes=None, names=None), ONE)
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
    page = await scrapes.page(wanted, ONE)
    with scrapes.reading(page, ONE, asyncio.timeout(1)):
        with scrapes.reading(page, ONE, asyncio.timeout(1)):
            assert {reading.page for reading in scrapes._readings} == {page}
        assert {reading.page for reading in scrapes._readings} == {page}
    assert not scrapes._readings
