"""POST /-/reload: put the config file in force, or with `?dry_run=true` say what that would do."""

from aiohttp import web

from exporter.config import ConfigError
from exporter.executors import QueueFull
from exporter.web.answers import Refusal, shown
from exporter.web.context import APP_CONTEXT


async def reload(request: web.Request) -> web.Response:
    """200 once the config is in force; Refusal 500 `bad_config`, the status that Prometheus uses, if refused.

    With `?dry_run=true` 200 and the plan, even if the plan refuses the config (`refused` is true then).
    """
    context = request.app[APP_CONTEXT]
    dry_run = _dry_run(request)
    try:
        if dry_run:
            return web.json_response(await context.plan_reload())
        await context.reload()
    except ConfigError as error:
        hint = "The old configuration stays in force. Correct the file and reload again."
        raise Refusal(500, "bad_config", str(error), hint) from None
    except QueueFull:
        message = "Too much waits for the disk; the file was not read."
        raise Refusal(503, "busy", message, "Ask again.") from None
    return web.json_response({"message": "The configuration was reloaded."})


def _dry_run(request: web.Request) -> bool:
    """The value of `dry_run`. Any other query is refused: a misspelt `dry_run` must not reload."""
    query = dict(request.query)
    value = query.pop("dry_run", "false")
    if query or value not in ("true", "false") or len(request.query) > 1:
        hint = "Send no query, or dry_run=true for the plan alone."
        raise Refusal(400, "bad_request", f"{shown(request.query_string)} is not a query of this path.", hint)
    return value == "true"
