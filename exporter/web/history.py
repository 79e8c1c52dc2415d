"""GET /api/history, /api/availability, /api/calls: what was, as JSON, CSV or a text for the provider.

Before an answer everything up to now is written to the store, once in FRESH seconds for all requests: so it
agrees with a scrape of the same moment. A question may take ANSWER_SECONDS; a store that cannot answer is a
503 with its reason, and the rest of the exporter goes on. Answers are bounded, made in slices between which
events have their turn, and paged: `next` (of CSV: the header Link) is what to send as `before`, for the
availability as `offset`.

A page of rows ends between two times, so that `before` loses nothing: it has all rows of its last time, which
may be more than `limit`.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec
from aiohttp import hdrs, web

from exporter.executors import QueueFull
from exporter.history import availability as figures
from exporter.history.answers import (
    VERSION,
    CallAnswer,
    ChangeAnswer,
    OutageAnswer,
    StrangerAnswer,
    WatchedAnswer,
    columns,
    row,
)
from exporter.history.availability import STEP_NAMES, GatewayAnswer, StepName, aligned, default_step
from exporter.history.bar import merged
from exporter.history.csv_text import csv_text
from exporter.history.entries import Subject
from exporter.history.model import CallResult, Direction, GatewaySteps, Outage, Span, Stranger
from exporter.history.store import Store, StoreUnavailable
from exporter.history.ticket import ticket
from exporter.history.times import iso
from exporter.metrics.exposition import Turns
from exporter.web.answers import Refusal
from exporter.web.asked import Asked
from exporter.web.auth import may_see_private, require_private
from exporter.web.context import APP_CONTEXT, AppContext
from exporter.web.scrape import unknown_node

if TYPE_CHECKING:
    from exporter.watch.changes import Change

ANSWER_SECONDS: Final = 10.0
FRESH: Final = 0.5
ROWS: Final = 100  # of outages and of changes, by default
CALLS: Final = 50
CALLS_OF_TICKET: Final = 20
MAX_STEPS: Final = 10_000  # hours or days in one answer
MAX_SPANS: Final = 500  # of one node; shorter gaps between them are closed beyond that
_RESULTS: Final[tuple[CallResult, ...]] = ("failed", "silent", "bad")
_DIRECTIONS: Final[tuple[Direction, ...]] = ("inbound", "outbound")

T = TypeVar("T")


class Freshness:
    """Has everything up to now written, once in FRESH seconds for all requests.

    Args:
        context: the daemon.
    """

    def __init__(self, context: AppContext) -> None:
        self._context = context
        self._refreshed = float("-inf")
        self._refreshing = asyncio.Lock()

    async def refresh(self) -> None:
        """Wait until what was known FRESH seconds ago can be found in the store."""
        async with self._refreshing:
            now = self._context.clock.monotonic()
            if now - self._refreshed >= FRESH:
                await self._context.history.refresh()
                self._refreshed = now


FRESHNESS: Final = web.AppKey("freshness", Freshness)


async def history(request: web.Request) -> web.Response:
    """GET /api/history: outages and changes, newest first, and the most frequent addresses of strangers.

    The addresses are private, and have no pages: `strangers` is null where they may not be seen.
    """
    asked = Asked(request, ("kind", "before", "limit", "format"), since="7d")
    format_ = asked.format(("csv",))
    kind = asked.choice("kind", ("outage", "change", "stranger"))
    limit, before = asked.limit(ROWS), asked.before
    if format_ == "csv" and kind is None:
        kind = "outage"  # one table has one kind of row
    outages: list[Outage] = []
    changes: list[Change] = []
    watched: list[WatchedAnswer] = []
    strangers: list[Stranger] | None = None
    if kind == "stranger":
        require_private(request)
    context = request.app[APP_CONTEXT]
    async with _asking(request, asked) as store:
        if kind in (None, "outage"):
            outages = await store.outages(
                since=asked.since,
                until=asked.until,
                node=asked.node,
                gateway=asked.gateway,
                profile=asked.profile,
                before=before,
                limit=limit + 1,
            )
        if kind in (None, "change"):
            changes = await store.changes(
                since=asked.since, until=asked.until, node=asked.node, before=before, limit=limit + 1
            )
        if may_see_private(request):
            strangers = []
            if kind in (None, "stranger") and before is None:
                strangers = await store.strangers(
                    since=asked.since, until=asked.until, node=asked.node, limit=limit
                )
        watched_since = await store.watched_since()
        if format_ == "json":
            watched = await _watched(context, store, asked)
    outages, next_outage = _page(outages, limit, lambda outage: outage.began)
    changes, next_change = _page(changes, limit, lambda change: change.at)
    ends = [end for end in (next_outage, next_change) if end is not None]
    next_ = max(ends, default=None)
    if next_ is not None:  # both lists go back equally far
        outages = [outage for outage in outages if outage.began >= next_]
        changes = [change for change in changes if change.at >= next_]
    turns = Turns(context.clock)
    link = None if next_ is None else asked.url(request, before=repr(next_))
    if format_ == "csv":
        if kind == "stranger":
            return await _csv(StrangerAnswer, map(StrangerAnswer.of, strangers or ()), None, turns)
        if kind == "change":
            return await _csv(ChangeAnswer, map(ChangeAnswer.of, changes), link, turns)
        return await _csv(OutageAnswer, map(OutageAnswer.of, outages), link, turns)
    return _json(
        {
            "version": VERSION,
            "since": iso(asked.since),
            "until": iso(asked.until),
            "watchedSince": None if watched_since is None else iso(watched_since),
            "outages": await _encoded(map(OutageAnswer.of, outages), turns),
            "changes": await _encoded(map(ChangeAnswer.of, changes), turns),
            "strangers": None if strangers is None else [StrangerAnswer.of(one) for one in strangers],
            "watched": await _encoded(watched, turns),
            "next": next_,
        }
    )


async def availability(request: web.Request) -> web.Response:
    """GET /api/availability: watched and usable time by the hour or day, by node, gateway and profile."""
    asked = Asked(request, ("step", "offset", "format"), since="30d")
    format_ = asked.format(("csv",))
    step: StepName = asked.choice("step", STEP_NAMES) or default_step(asked.until - asked.since)
    since, offset = aligned(asked.since, step), asked.offset
    of_each = int((asked.until - since) / figures.STEP_SECONDS[step]) + 1
    most = max(MAX_STEPS // of_each, 1)
    context = request.app[APP_CONTEXT]
    turns = Turns(context.clock)
    gateways: list[GatewayAnswer] = []
    async with _asking(request, asked) as store:
        subjects = await store.subjects(node=asked.node, gateway=asked.gateway, profile=asked.profile)
        for subject in subjects[offset : offset + most]:
            for steps in await _steps(store, subject, step, since, asked.until):
                gateways.append(GatewayAnswer.of(steps))
                await turns.give()
    next_ = offset + most if len(subjects) > offset + most else None
    if format_ == "csv":
        link = None if next_ is None else asked.url(request, offset=str(next_))
        return await _csv(figures.StepRow, figures.step_rows(gateways), link, turns)
    return _json(
        {
            "version": VERSION,
            "step": step,
            "since": iso(since),
            "until": iso(asked.until),
            "gateways": await _encoded(gateways, turns),
            "next": next_,
        }
    )


async def kept_calls(request: web.Request) -> web.Response:
    """GET /api/calls: the calls that were kept, newest first."""
    asked = Asked(request, ("result", "direction", "before", "limit", "format"), since="1h")
    format_ = asked.format(("csv", "ticket"))
    result = asked.choice("result", _RESULTS)
    direction = asked.choice("direction", _DIRECTIONS)
    limit = asked.limit(CALLS_OF_TICKET if format_ == "ticket" else CALLS)
    context = request.app[APP_CONTEXT]
    async with _asking(request, asked) as store:
        calls = await store.calls(
            since=asked.since,
            until=asked.until,
            result=result,
            node=asked.node,
            gateway=asked.gateway,
            direction=direction,
            before=asked.before,
            limit=limit + 1,
        )
        calls, next_ = _page(calls, limit, lambda call: call.at)
        text = ""
        if format_ == "ticket":  # a quarter of a millisecond for each call, in one piece
            text = await context.executors.history.run(ticket, calls)
    turns = Turns(context.clock)
    link = None if next_ is None else asked.url(request, before=repr(next_))
    if format_ == "csv":
        return await _csv(CallAnswer, map(CallAnswer.of, calls), link, turns)
    if format_ == "ticket":
        return web.Response(text=text, content_type="text/plain", charset="utf-8")
    return _json(
        {
            "version": VERSION,
            "since": iso(asked.since),
            "until": iso(asked.until),
            "calls": await _encoded(map(CallAnswer.of, calls), turns),
            "next": next_,
        }
    )


# -- the store ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _asking(request: web.Request, asked: Asked) -> AsyncIterator[Store]:
    """The store, with everything up to now in it.

    Raises:
        Refusal: 503, it cannot answer, or not in time; 404, the node is not configured and has no past.
    """
    context = request.app[APP_CONTEXT]
    store = context.history.store
    try:
        async with asyncio.timeout(ANSWER_SECONDS):
            await request.app[FRESHNESS].refresh()
            if asked.node is not None and asked.node not in await _nodes(context, store, asked):
                raise unknown_node(asked.node, [node.name for node in context.nodes])
            yield store
    except StoreUnavailable as error:
        raise _unavailable(f"The history cannot be read: {error}") from None
    except TimeoutError:
        raise _unavailable(f"The history did not answer within {ANSWER_SECONDS:g} s.") from None
    except QueueFull:
        raise _unavailable("Too many requests wait for the history.") from None


def _unavailable(message: str) -> Refusal:
    hint = "Ask again; if that stays, look at state_dir, its disk and the exporter's log."
    return Refusal(503, "history_unavailable", message, hint, {hdrs.RETRY_AFTER: "5"})


async def _steps(
    store: Store, subject: Subject, step: StepName, since: float, until: float
) -> Sequence[GatewaySteps]:
    node, gateway, profile = subject
    return await store.steps(step, since=since, until=until, node=node, gateway=gateway, profile=profile)


async def _watched(context: AppContext, store: Store, asked: Asked) -> list[WatchedAnswer]:
    """When each node was watched, oldest first."""
    found = []
    for name in await _nodes(context, store, asked):
        spans = await store.spans(name, since=asked.since, until=asked.until)
        found += [WatchedAnswer.of(name, span) for span in _bounded(spans, asked)]
    return found


async def _nodes(context: AppContext, store: Store, asked: Asked) -> list[str]:
    """The nodes that are asked for: of the config, and those that it had before and that have a past."""
    names = [node.name for node in context.nodes]
    if asked.node in names:
        return [asked.node]
    past = {subject.node for subject in await store.subjects(node=asked.node)} - set(names)
    return [*(names if asked.node is None else ()), *sorted(past)]


def _bounded(spans: Sequence[Span], asked: Asked) -> list[Span]:
    """MAX_SPANS at most, within the time that is asked for."""
    within = [(max(span.began, asked.since), min(span.ended, asked.until)) for span in spans]
    gap = 0.0
    while len(within) > MAX_SPANS:
        gap = max(2 * gap, 1.0)
        within = merged(within, gap)
    return [Span(began, ended) for began, ended in within]


# -- pages and formats --------------------------------------------------------------------------------


def _page(rows: list[T], limit: int, at: Callable[[T], float]) -> tuple[list[T], float | None]:
    """The rows of one page, and what to ask `before` for the next one.

    Args:
        rows: newest first, as the store answers when it is asked for one more than `limit`.
        limit: as asked.
        at: the time by which they are in order.
    """
    if len(rows) <= limit:
        return rows, None
    last = at(rows[limit - 1])
    return [one for one in rows if at(one) >= last], last


async def _encoded(rows: Iterable[msgspec.Struct], turns: Turns) -> list[msgspec.Raw]:
    """Each row as JSON."""
    encoded = []
    for one in rows:
        encoded.append(msgspec.Raw(msgspec.json.encode(one)))
        await turns.give()
    return encoded


def _json(body: dict[str, Any]) -> web.Response:
    return web.Response(body=msgspec.json.encode(body), content_type="application/json")


async def _csv(
    of: type[msgspec.Struct], rows: Iterable[msgspec.Struct], link: str | None, turns: Turns
) -> web.Response:
    """The rows under a line of headings."""
    headings = columns(of)
    first = csv_text(headings, ())
    pieces = [first]
    for one in rows:
        pieces.append(csv_text(headings, [row(one)]).removeprefix(first))
        await turns.give()
    headers = {} if link is None else {hdrs.LINK: f'<{link}>; rel="next"'}
    return web.Response(text="".join(pieces), content_type="text/csv", charset="utf-8", headers=headers)
