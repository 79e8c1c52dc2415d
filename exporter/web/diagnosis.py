"""GET /api/diagnosis: the doctor's findings as JSON, as far as the daemon can see (docs/doctor.md)."""

import msgspec
from aiohttp import web

from exporter.diagnosis.report import report
from exporter.web.answers import Refusal
from exporter.web.context import APP_CONTEXT
from exporter.web.scrape import chosen_nodes


async def diagnosis(request: web.Request) -> web.Response:
    """All nodes, or those that `?node=` names. Raises Refusal 404 for one that is not configured,
    503 for one that is too new.
    """
    context = request.app[APP_CONTEXT]
    chosen = chosen_nodes(request, [node.name for node in context.nodes])
    diagnoses = [d for d in await context.diagnoses(wait=True) if chosen is None or d.snapshot.node in chosen]
    if not diagnoses:  # a node that a reload has just brought
        raise Refusal(503, "not_ready", "That node has not been examined yet.", "Ask again in a second.")
    return web.Response(body=msgspec.json.encode(report(diagnoses)), content_type="application/json")
