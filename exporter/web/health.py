"""Short answers about the exporter itself: alive, ready, connected."""

from aiohttp import web

from exporter.web.answers import Refusal
from exporter.web.context import APP_CONTEXT
from exporter.web.scrape import chosen_nodes


async def healthy(request: web.Request) -> web.Response:  # noqa: ARG001 - aiohttp passes it
    """GET /-/healthy: 200 as long as the event loop runs."""
    return web.Response(text="Healthy.\n")


async def ready(request: web.Request) -> web.Response:
    """GET /-/ready: 200 once a first attempt to connect has ended for each node, else Refusal 503."""
    untried = [node.name for node in request.app[APP_CONTEXT].nodes if not node.tried]
    if untried:
        raise Refusal(503, "not_ready", f"Not tried yet: {', '.join(untried)}.", "Ask again in a second.")
    return web.Response(text="Ready.\n")


async def calls_health(request: web.Request) -> web.Response:
    """GET /api/calls/health: 200 when all nodes, or those that `?node=` names, are connected, else 503."""
    nodes = request.app[APP_CONTEXT].nodes
    chosen = chosen_nodes(request, [node.name for node in nodes])
    lost = [node for node in nodes if not node.connected and (chosen is None or node.name in chosen)]
    if not lost:
        return web.json_response({"connected": True, "message": "Connected to FreeSWITCH"})
    reasons = "; ".join(f"{node.name}: {node.reason}" for node in lost)
    return web.json_response({"connected": False, "message": reasons}, status=503)
