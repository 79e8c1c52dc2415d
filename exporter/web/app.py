"""The application: one table of routes, each with its protection."""

from typing import Final, NamedTuple

from aiohttp import web

from exporter.web.answers import MAX_BODY, Handler, add_headers, answer_errors
from exporter.web.auth import BASIC_AUTH, PROTECTIONS, Protection, protect
from exporter.web.basic_auth import BasicAuth
from exporter.web.context import APP_CONTEXT, AppContext
from exporter.web.day_views import DayViews
from exporter.web.demo import demo_fault
from exporter.web.diagnosis import diagnosis
from exporter.web.health import calls_health, healthy, ready
from exporter.web.history import FRESHNESS, Freshness, availability, history, kept_calls
from exporter.web.history_pages import gateway_page, history_page
from exporter.web.page import DAY_VIEWS, FILES, asset, load_files, page, runbook
from exporter.web.probe import call_record, place_call, probe
from exporter.web.reload import reload
from exporter.web.scrape import SCRAPES, Scrapes, metrics
from exporter.web.turns import TURNS, make_turns, take_turns

_READ: Final = ("GET", "HEAD")


class Route(NamedTuple):
    """Requests of these methods to this path (aiohttp pattern) go to `handler` if they pass `protection`."""

    methods: tuple[str, ...]
    path: str
    handler: Handler
    protection: Protection


ROUTES: Final = (
    Route(_READ, "/", page, Protection.BASIC),
    Route(_READ, "/gateways/{node:[^/]+}/{profile:[^/]+}/{name:[^/]+}", gateway_page, Protection.READ),
    Route(_READ, "/history", history_page, Protection.READ),
    Route(_READ, "/runbook", runbook, Protection.BASIC),
    Route(_READ, "/static/{name}", asset, Protection.BASIC),
    Route(_READ, "/metrics", metrics, Protection.BASIC),
    Route(("GET",), "/probe", probe, Protection.CALL),
    Route(_READ, "/api/calls/health", calls_health, Protection.BASIC),
    Route(("POST",), "/api/calls/test-echo", place_call, Protection.CALL),
    Route(_READ, "/api/calls", kept_calls, Protection.PRIVATE),
    Route(_READ, "/api/calls/{uuid:[0-9a-f-]{36}}", call_record, Protection.BASIC),
    Route(_READ, "/api/diagnosis", diagnosis, Protection.BASIC),
    Route(_READ, "/api/history", history, Protection.READ),
    Route(_READ, "/api/availability", availability, Protection.READ),
    Route(_READ, "/-/healthy", healthy, Protection.OPEN),
    Route(_READ, "/-/ready", ready, Protection.OPEN),
    Route(("POST",), "/-/reload", reload, Protection.TOKEN),
    Route(("POST",), "/demo/{fault:[a-z-]+}", demo_fault, Protection.CALL),
)


def make_app(context: AppContext, routes: tuple[Route, ...] = ROUTES) -> web.Application:
    """The application that serves `context`; `exporter.web.server.Server` runs it."""
    # The outermost middleware comes first: it answers what the others raise.
    app = web.Application(middlewares=[answer_errors, protect, take_turns], client_max_size=MAX_BODY)
    app[APP_CONTEXT] = context
    app[SCRAPES] = Scrapes(context)
    app[FRESHNESS] = Freshness(context)
    app[TURNS] = make_turns()
    app[BASIC_AUTH] = BasicAuth(context.executors.hashes)
    app[FILES] = load_files()
    app[DAY_VIEWS] = DayViews(context.clock)
    app[PROTECTIONS] = {
        app.router.add_route(method, route.path, route.handler): route.protection
        for route in routes
        for method in route.methods
    }
    app.on_response_prepare.append(add_headers)
    return app
