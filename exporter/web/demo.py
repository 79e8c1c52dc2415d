"""POST /demo/{fault}: the switchboard of the demo, so that people see a fault and what is said of it.

There is one only in `freeswitch-exporter demo`, and it answers only where all listeners are loopback,
whatever token a request has. A web page of another site is refused like one that asks for a call (csrf.py).
"""

from collections.abc import Sequence

from aiohttp import web

from exporter.web.answers import Refusal
from exporter.web.context import APP_CONTEXT, AppContext, DemoFault


def demo_faults(context: AppContext) -> Sequence[DemoFault]:
    """The faults to offer; none outside of the demo, or where others than this machine may ask."""
    board = context.switchboard
    return board.faults if board is not None and context.loopback_only else ()


async def demo_fault(request: web.Request) -> web.Response:
    """Have that fault. Raises Refusal 404 outside of the demo, 403 beyond loopback."""
    context = request.app[APP_CONTEXT]
    board = context.switchboard
    if board is None:
        raise Refusal(404, "not_found", "There is nothing at this path.", "It is part of the demo only.")
    if not context.loopback_only:
        hint = "Start the demo without --listen, or with an address of loopback."
        raise Refusal(403, "disabled", "The demo is served beyond loopback.", hint)
    name = request.match_info["fault"]
    try:
        board.make(name)
    except KeyError:
        known = ", ".join(fault.name for fault in board.faults)
        raise Refusal(404, "not_found", "The demo has no such fault.", f"It has {known}.") from None
    shows = next(fault.shows for fault in board.faults if fault.name == name)
    return web.json_response({"fault": name, "message": f"{shows}."})
