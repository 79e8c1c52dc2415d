"""GET /gateways/{node}/{profile}/{name} and GET /history: the past for people.

Each asks the store one question after the other, for WAIT seconds at most; what has not been answered by then
is left out, and the page says so. Kept calls are asked for only if the request may see them.
"""

import asyncio
from collections.abc import Sequence
from typing import Final, get_args

from aiohttp import web

from exporter.diagnosis.conclusion import Diagnosis
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot
from exporter.executors import QueueFull
from exporter.history.model import CallResult, KeptCall, Outage, Stranger
from exporter.history.past import Past
from exporter.history.store import StoreUnavailable, Subject
from exporter.watch.changes import Change
from exporter.web.answers import Refusal
from exporter.web.auth import may_see_private
from exporter.web.context import APP_CONTEXT, History
from exporter.web.day_past import day_past
from exporter.web.frame import history_notes
from exporter.web.gateway_page_view import CALLS, GatewayData, gateway_page_view
from exporter.web.history_view import HistoryQuery, history_page_view, read_epoch, read_history_query
from exporter.web.kept_call_view import kept_card
from exporter.web.page import answer
from exporter.web.past_words import NO_PROFILE
from exporter.web.svg import DAY

WAIT: Final = 2.0
STRANGERS: Final = 20  # addresses
MAX_ROWS: Final = 1000  # outages, and changes, that one page is made of
_GATEWAY_ROWS: Final = 200  # the same, of one gateway
_SLOW: Final = "The history is slow to answer; the page is incomplete."


async def gateway_page(request: web.Request) -> web.Response:
    """GET /gateways/{node}/{profile}/{name}. Raises Refusal 404 if there is, and was, no such gateway."""
    context = request.app[APP_CONTEXT]
    history = context.history
    info = request.match_info
    asked = Subject(info["node"], info["name"], "" if info["profile"] == NO_PROFILE else info["profile"])
    diagnoses = await context.diagnoses()
    present = _present(diagnoses, asked)
    lost = next((one.snapshot for one in diagnoses if _is_lost(one.snapshot, asked.node)), None)
    subject = asked if present is None else Subject(asked.node, asked.gateway, present[1].profile)
    past = history.past(*subject)
    private = may_see_private(request)
    now = context.clock.epoch()
    result = _result(request.query.get("result", ""))
    before = read_epoch(request.query.get("before", ""))
    data, problem = await _ask_gateway(history, subject, past, now, result, before, private=private)
    if present is None and past == Past() and not problem and not _known(data):
        raise Refusal(404, "not_found", "No such gateway is, or was, watched.", "See the gateways at /.")
    view = gateway_page_view(
        subject,
        present,
        past,
        data,
        now=now,
        private=private,
        persistent=history.store.persistent,
        lost=lost,
        notes=history_notes(history.store, problem),
        result=result,
    )
    return await answer(request, "gateway.html", view)


def _is_lost(snapshot: Snapshot, node: str) -> bool:
    return snapshot.node == node and not snapshot.connected


def _present(diagnoses: Sequence[Diagnosis], asked: Subject) -> tuple[Snapshot, GatewaySeen] | None:
    """The gateway as it is now; one that is known without its profile is that of any, and the reverse."""
    for diagnosis in diagnoses:
        if diagnosis.snapshot.node != asked.node:
            continue
        named = [one for one in diagnosis.snapshot.gateways if one.name == asked.gateway]
        exact = [one for one in named if one.profile == asked.profile]
        near = [one for one in named if not one.profile or not asked.profile]
        for gateway in exact or near:
            return diagnosis.snapshot, gateway
    return None


def _result(text: str) -> CallResult | None:
    return next((result for result in get_args(CallResult) if result == text), None)


async def _ask_gateway(
    history: History,
    subject: Subject,
    past: Past,
    now: float,
    result: CallResult | None,
    before: float | None,
    *,
    private: bool,
) -> tuple[GatewayData, str]:
    """What the store says, and why something of it is missing."""
    store = history.store
    node, gateway, profile = subject
    data = GatewayData()
    try:
        async with asyncio.timeout(WAIT):
            outages = await store.outages(
                since=0.0, until=now, node=node, gateway=gateway, profile=profile or None, limit=_GATEWAY_ROWS
            )
            data.lost = await store.outages(since=0.0, until=now, node=node, gateway="", limit=_GATEWAY_ROWS)
            data.changes = await store.changes(since=0.0, until=now, node=node, limit=_GATEWAY_ROWS)
            data.outages = outages
            if private:
                calls = await store.calls(
                    since=0.0,
                    until=now,
                    result=result,
                    node=node,
                    gateway=gateway,
                    before=before,
                    limit=CALLS + 1,
                )
                page, data.older_calls = _page(calls)
                cards = []
                for call in page:
                    cards.append(kept_card(call, now))
                    await asyncio.sleep(0)
                data.calls = cards
            data.samples = await store.samples(subject, now - DAY)
            spans = await store.spans(node, since=now - DAY, until=now)
            data.day = await day_past(history, subject, past, spans, now)
    except TimeoutError:
        return data, _SLOW
    except (StoreUnavailable, QueueFull) as error:
        return data, str(error)
    return data, ""


def _page(calls: Sequence[KeptCall]) -> tuple[Sequence[KeptCall], float | None]:
    """The first CALLS, of one moment all or none, and where the next page begins; None if that was all."""
    if len(calls) <= CALLS:
        return calls, None
    page = [call for call in calls[:CALLS] if call.at > calls[CALLS].at] or calls
    return page, page[-1].at


def _known(data: GatewayData) -> bool:
    """The store has something of the gateway."""
    return bool(
        data.outages or data.samples or data.calls or (data.day and data.day.shares[2].figures.watched)
    )


async def history_page(request: web.Request) -> web.Response:
    """GET /history."""
    context = request.app[APP_CONTEXT]
    store = context.history.store
    query = read_history_query(request.query)
    now = context.clock.epoch()
    found, watched_since, problem = None, None, ""
    strangers: Sequence[Stranger] | None = () if may_see_private(request) else None
    try:
        async with asyncio.timeout(WAIT):
            found = await _ask(context.history, query, now)
            watched_since = await store.watched_since()
            if strangers is not None:
                strangers = await store.strangers(
                    since=now - query.seconds, until=now, node=query.node or None, limit=STRANGERS
                )
    except TimeoutError:
        problem = _SLOW
    except (StoreUnavailable, QueueFull) as error:
        problem = str(error)
    outages, changes = found if found is not None else ((), ())
    view = history_page_view(
        query,
        found,
        horizon=max(
            outages[-1].began if len(outages) >= MAX_ROWS else float("-inf"),
            changes[-1].at if len(changes) >= MAX_ROWS else float("-inf"),
        ),
        nodes=[node.name for node in context.nodes],
        now=now,
        watched_since=watched_since,
        strangers=strangers,
        notes=history_notes(store, problem),
    )
    return await answer(request, "history.html", view)


async def _ask(
    history: History, query: HistoryQuery, now: float
) -> tuple[Sequence[Outage], Sequence[Change]]:
    """The outages and changes of a page, newest first. Raises StoreUnavailable."""
    outages: Sequence[Outage] = ()
    changes: Sequence[Change] = ()
    since = now - query.seconds
    if query.kind != "change":
        outages = await history.store.outages(
            since=since,
            until=now,
            node=query.node or None,
            gateway=query.gateway or None,
            before=query.before,
            limit=MAX_ROWS,
        )
    if query.kind != "outage":
        changes = await history.store.changes(
            since=since, until=now, node=query.node or None, before=query.before, limit=MAX_ROWS
        )
    return outages, changes
