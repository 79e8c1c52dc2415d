"""How many requests are answered at a time, so that a thousand of one address do not hold up another's.

Each request that is being answered gets its share of the event loop. So one address has SLOTS_OF_ONE of them,
also if it does not read what it gets; its other requests wait. Calls are left out, because a thousand
requests may wait for one call together, as is what must always be answered.
"""

import asyncio
from contextlib import AsyncExitStack
from typing import Final

from aiohttp import hdrs, web

from exporter.web.answers import Handler, Refusal
from exporter.web.auth import PROTECTIONS, Protection
from exporter.web.fair import FairSlots, Full, party

SLOTS: Final = 64
SLOTS_OF_ONE: Final = 16
WAIT_SECONDS: Final = 10.0  # Prometheus gives up then, too
_IN_TURNS: Final = (Protection.BASIC, Protection.READ, Protection.PRIVATE)
_MAX_WAITING: Final = 1200  # a request of each connection


def make_turns() -> FairSlots:
    """The slots of an application."""
    return FairSlots(SLOTS, per_party=SLOTS_OF_ONE, waiting=_MAX_WAITING, waiting_per_party=_MAX_WAITING)


TURNS: Final = web.AppKey("turns", FairSlots)


@web.middleware
async def take_turns(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pass the request on when its address has a slot, or raise Refusal 503 if it gets none in time."""
    if request.app[PROTECTIONS].get(request.match_info.route, Protection.BASIC) not in _IN_TURNS:
        return await handler(request)
    async with AsyncExitStack() as taken:
        try:
            async with asyncio.timeout(WAIT_SECONDS):
                await taken.enter_async_context(request.app[TURNS].slot(party(request.remote)))
        except (TimeoutError, Full):
            message = "Too many requests of this address are being answered."
            raise Refusal(503, "busy", message, "Ask again.", {hdrs.RETRY_AFTER: "1"}) from None
        return await handler(request)
