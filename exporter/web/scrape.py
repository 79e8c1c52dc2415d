"""`/metrics`: each page is rendered once for all concurrent requests for it, and sent as fast as they read.

A page is never older than its request: a request that comes while a page is being rendered gets the next one.
Pages are rendered one at a time, and all requests that wait for the same page share it, so a thousand
concurrent scrapes cost two pages. Rendering, compressing and sending let other tasks run after each slice.
Memory is bounded by the number of pages that are still being sent: beyond MAX_PAGES, the readers of the
oldest page, who are the slowest, are cut off.
"""

import asyncio
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from aiohttp import hdrs, web
from prometheus_client.exposition import choose_encoder

from exporter.clock import Clock
from exporter.metrics.exposition import Page, Turns, render
from exporter.metrics.families import FAMILIES
from exporter.web.answers import Refusal, shown
from exporter.web.context import APP_CONTEXT, AppContext

SEND_SECONDS: Final = 30.0  # Prometheus itself gives up after 10 s by default
MAX_WAITING: Final = 16  # different pages requested and not begun
MAX_PAGES: Final = 8  # pages being sent
_BLOCK: Final = 128 * 1024  # bytes compressed or sent at a time: less than a millisecond
_GZIP_LEVEL: Final = 1  # 6.4 MB become 0.23 MB in 15 ms; level 6 takes three times as long and saves a tenth


class Wanted(NamedTuple):
    """What one scrape requests.

    Attributes:
        openmetrics: OpenMetrics, else the text format.
        gzip: compressed.
        nodes: only families of these nodes, and families without a node; None: all.
        names: only samples with these names; None: all.
    """

    openmetrics: bool
    gzip: bool
    nodes: frozenset[str] | None
    names: frozenset[str] | None


class Rendered:
    """A page in blocks, and the time limits of the requests that are reading it."""

    def __init__(self, blocks: list[bytes]) -> None:
        self.blocks = blocks
        self.length = sum(map(len, blocks))
        self.readers: set[asyncio.Timeout] = set()


class Scrapes:
    """The pages that are being rendered or sent."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._turn = asyncio.Lock()
        self._waiting: dict[Wanted, asyncio.Task[Rendered]] = {}
        self._read: list[Rendered] = []

    async def page(self, wanted: Wanted) -> Rendered:
        """A page no older than this call.

        Raises:
            Refusal: too many different pages are waiting to be rendered.
        """
        task = self._waiting.get(wanted)
        if task is None:
            if len(self._waiting) >= MAX_WAITING:
                raise Refusal(
                    503, "busy", "Too many different scrapes at once.", "Ask again.", {hdrs.RETRY_AFTER: "1"}
                )
            task = asyncio.create_task(self._render(wanted))
            self._waiting[wanted] = task
        return await asyncio.shield(task)

    async def _render(self, wanted: Wanted) -> Rendered:
        async with self._turn:
            del self._waiting[wanted]
            page = Page(FAMILIES.values(), openmetrics=wanted.openmetrics, names=wanted.names)
            sources = [
                source
                for source in self._context.sources()
                if wanted.nodes is None or source.node is None or source.node in wanted.nodes
            ]
            clock = self._context.clock
            blocks = _split(await render(page, sources, clock))
            return Rendered(await _compress(blocks, clock) if wanted.gzip else list(blocks))

    @contextmanager
    def reading(self, page: Rendered, limit: asyncio.Timeout) -> Iterator[None]:
        """Count a reader of `page`; its `limit` expires at once when there are too many newer pages."""
        if not page.readers:
            self._read.append(page)
        page.readers.add(limit)
        while len(self._read) > MAX_PAGES:
            for reader in self._read.pop(0).readers:
                reader.reschedule(0.0)  # a time that has passed
        try:
            yield
        finally:
            page.readers.discard(limit)
            if not page.readers and page in self._read:
                self._read.remove(page)


SCRAPES: Final = web.AppKey("scrapes", Scrapes)


async def metrics(request: web.Request) -> web.StreamResponse:
    """GET /metrics; Refusal 404 for a node that does not exist."""
    context = request.app[APP_CONTEXT]
    openmetrics, content_type = negotiate(",".join(request.headers.getall(hdrs.ACCEPT, [])))
    wanted = Wanted(
        openmetrics,
        accepts_gzip(",".join(request.headers.getall(hdrs.ACCEPT_ENCODING, []))),
        chosen_nodes(request, [node.name for node in context.nodes]),
        frozenset(filter(None, request.query.getall("name[]", []))) or None,
    )
    scrapes = request.app[SCRAPES]
    page = await scrapes.page(wanted)
    response = web.StreamResponse(
        headers={hdrs.CONTENT_TYPE: content_type, hdrs.VARY: f"{hdrs.ACCEPT}, {hdrs.ACCEPT_ENCODING}"}
    )
    if wanted.gzip:
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    response.content_length = page.length
    try:
        async with asyncio.timeout(SEND_SECONDS) as limit:
            with scrapes.reading(page, limit):
                await response.prepare(request)
                if request.method != hdrs.METH_HEAD:
                    for block in page.blocks:
                        await response.write(block)
    except (TimeoutError, ConnectionError):
        # Part of the page is sent. The end of the connection shows the client that the rest is missing.
        if request.transport is not None:
            request.transport.abort()
    return response


def negotiate(accept: str) -> tuple[bool, str]:
    """Whether OpenMetrics is requested, and the content type, as prometheus_client reads an Accept header."""
    try:
        # The requested version is repeated in the content type, so it must be valid in a header.
        content_type = choose_encoder(accept if accept.isascii() and accept.isprintable() else "")[1]
    except TypeError:  # a version that is no number
        content_type = choose_encoder("")[1]
    # No name here needs escaping. Only "dots" would change them, by doubling underscores: not done here.
    content_type = content_type.replace("escaping=dots", "escaping=underscores")
    return content_type.startswith("application/openmetrics-text"), content_type


def accepts_gzip(accept_encoding: str) -> bool:
    """Whether an Accept-Encoding header accepts gzip (RFC 9110, 12.5.3; "*" does not count)."""
    for accepted in accept_encoding.lower().split(","):
        coding, _, weight = accepted.replace(" ", "").partition(";")
        if coding == "gzip":
            return not weight.rstrip("0.").endswith("q=")
    return False


def chosen_nodes(request: web.Request, known: Collection[str]) -> frozenset[str] | None:
    """The nodes that `?node=` names; None if it names none.

    Raises:
        Refusal: 404, one of them is not in `known`.
    """
    chosen = request.query.getall("node", [])
    for name in chosen:
        if name not in known:
            raise Refusal(
                404, "unknown_node", f"There is no node {shown(name)}.", f"Known nodes: {', '.join(known)}."
            )
    return frozenset(chosen) or None


def _split(pieces: list[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        for start in range(0, len(piece), _BLOCK):
            yield piece[start : start + _BLOCK]


async def _compress(blocks: Iterator[bytes], clock: Clock) -> list[bytes]:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=zlib.MAX_WBITS | 16)  # 16: with gzip's header
    packed = []
    turns = Turns(clock)
    for block in blocks:
        packed.append(packer.compress(block))
        await turns.give()
    packed.append(packer.flush())
    return packed
