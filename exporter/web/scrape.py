"""`/metrics`: each page is rendered once for all concurrent requests for it, and sent as fast as they read.

A page is never older than its request: a request that comes while a page is being rendered gets the next one.
Pages are rendered one at a time, and all requests that wait for the same page share it, so a thousand
concurrent scrapes cost two pages. Rendering, compressing and sending let other tasks run after each slice.

Nobody starves anybody. Pages limited by `?name[]=` or `?node=` are rendered in turns, one address after the
other, and the complete page has a turn of its own among them. Memory is bounded by the number of pages that
are still being sent: beyond MAX_PAGES, readers of the address with the most pages are cut off, those of its
oldest page first.
"""

import asyncio
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Final, NamedTuple

from aiohttp import hdrs, web

from exporter.clock import Clock
from exporter.metrics.exposition import Page, Turns, render
from exporter.metrics.families import FAMILIES
from exporter.web.answers import Refusal, shown
from exporter.web.context import APP_CONTEXT, AppContext
from exporter.web.fair import FairSlots, Full, party
from exporter.web.negotiation import accepts_gzip, negotiate
from exporter.web.shared import Shared

SEND_SECONDS: Final = 30.0  # Prometheus itself gives up after 10 s by default
MAX_WAITING: Final = 32  # different pages requested and not begun
MAX_WAITING_OF_ONE: Final = 16  # of one address; a Prometheus may scrape each node by itself
MAX_PAGES: Final = 8  # pages being sent
_COMPLETE: Final = "complete"  # the party of complete pages; no address has this name
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

    @property
    def complete(self) -> bool:
        """Everything is requested."""
        return self.nodes is None and self.names is None


class Rendered:
    """A page in blocks."""

    def __init__(self, blocks: list[bytes]) -> None:
        self.blocks = blocks
        self.length = sum(map(len, blocks))


class _Reading(NamedTuple):
    """One request that is being sent a page."""

    page: Rendered
    party: str
    limit: asyncio.Timeout


class Scrapes:
    """The pages that are being rendered or sent."""

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._turns = FairSlots(1, per_party=1, waiting=MAX_WAITING, waiting_per_party=MAX_WAITING_OF_ONE)
        self._waiting: Shared[Wanted, Rendered] = Shared()
        self._readings: dict[_Reading, None] = {}  # in the order in which they began

    async def page(self, wanted: Wanted, of: str) -> Rendered:
        """A page no older than this call.

        Args:
            wanted: what the page must have.
            of: the party that asks for it.

        Raises:
            Refusal: too many different pages are waiting to be rendered.
        """
        turn = _COMPLETE if wanted.complete else of
        try:
            return await self._waiting.get(wanted, lambda: self._render(wanted, turn))
        except Full:
            raise Refusal(
                503, "busy", "Too many different scrapes at once.", "Ask again.", {hdrs.RETRY_AFTER: "1"}
            ) from None

    async def _render(self, wanted: Wanted, turn: str) -> Rendered:
        async with self._turns.slot(turn):
            self._waiting.seal(wanted)
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
    def reading(self, page: Rendered, of: str, limit: asyncio.Timeout) -> Iterator[None]:
        """Count a reader of `page`; its `limit` expires at once when its party reads too many pages.

        Args:
            page: what is sent.
            of: the party that reads it.
            limit: of the time that it takes.
        """
        reading = _Reading(page, of, limit)
        self._readings[reading] = None
        self._cut_off()
        try:
            yield
        finally:
            self._readings.pop(reading, None)

    def _cut_off(self) -> None:
        """End readings until no more than MAX_PAGES are being sent."""
        while len({id(reading.page) for reading in self._readings}) > MAX_PAGES:
            pages: dict[str, dict[int, None]] = {}
            for reading in self._readings:
                pages.setdefault(reading.party, {})[id(reading.page)] = None
            most = max(pages, key=lambda of: len(pages[of]))
            oldest = next(iter(pages[most]))
            for reading in [one for one in self._readings if one.party == most and id(one.page) == oldest]:
                del self._readings[reading]
                reading.limit.reschedule(0.0)  # a time that has passed


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
    of = party(request.remote)
    page = await scrapes.page(wanted, of)
    response = web.StreamResponse(
        headers={hdrs.CONTENT_TYPE: content_type, hdrs.VARY: f"{hdrs.ACCEPT}, {hdrs.ACCEPT_ENCODING}"}
    )
    if wanted.gzip:
        response.headers[hdrs.CONTENT_ENCODING] = "gzip"
    response.content_length = page.length
    try:
        async with asyncio.timeout(SEND_SECONDS) as limit:
            with scrapes.reading(page, of, limit):
                await response.prepare(request)
                if request.method != hdrs.METH_HEAD:
                    for block in page.blocks:
                        await response.write(block)
    except (TimeoutError, ConnectionError):
        # Part of the page is sent. The end of the connection shows the client that the rest is missing.
        if request.transport is not None:
            request.transport.abort()
    return response


def chosen_nodes(request: web.Request, known: Collection[str]) -> frozenset[str] | None:
    """The nodes that `?node=` names; None if it names none.

    Raises:
        Refusal: 404, one of them is not in `known`.
    """
    chosen = request.query.getall("node", [])
    for name in chosen:
        if name not in known:
            raise unknown_node(name, known)
    return frozenset(chosen) or None


def unknown_node(name: str, known: Collection[str]) -> Refusal:
    """The answer to a request that names a node which does not exist."""
    hint = f"Known nodes: {', '.join(known)}."
    return Refusal(404, "unknown_node", f"There is no node {shown(name)}.", hint)


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
