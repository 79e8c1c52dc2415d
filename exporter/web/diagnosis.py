"""GET /api/diagnosis: the doctor's findings as JSON, without those of the log (docs/doctor.md)."""

import msgspec
from aiohttp import web

from exporter.diagnosis.report import report
from exporter.web.answers import Refusal
from exporter.web.auth import may_see_private
from exporter.web.context import APP_CONTEXT
from exporter.web.scrape import chosen_nodes


async def diagnosis(request: web.Request) -> web.Response:
    """All nodes, or those that `?node=` names.

    Raises:
        Refusal: 404 for a node that is not configured, 503 for one that a reload has just added.
    """
    context = request.app[APP_CONTEXT]
    chosen = chosen_nodes(request, [node.name for node in context.nodes])
    diagnoses = [d for d in await context.diagnoses(wait=True) if chosen is None or d.snapshot.node in chosen]
    if not diagnoses:
        raise Refusal(503, "not_ready", "This node has not been checked yet.", "Ask again in a second.")
    if not may_see_private(request):
        diagnoses = [diagnosis.public() for diagnosis in diagnoses]
    return web.Response(body=msgspec.json.encode(report(diagnoses)), content_type="application/json")
