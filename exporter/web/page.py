"""GET /, and what all pages for people share: templates, style, script, policy.

A page is complete as the server sends it: filter, paging and folding work without a script, every name and
number is in the HTML. The script only fetches the same page again, every few seconds and while a filter is
typed, and replaces the parts that changed; it copies texts and asks for the demo's faults. Nothing comes from
elsewhere and nothing is inline, so the policy allows this origin alone.

`load_files` reads the files and compiles the templates once, at start-up: a request reads nothing from disk.
A template gets a view, escapes all of it and decides nothing. Texts of the diagnosis have code between
backquotes, as on a terminal; `pieces` takes them apart. It is rendered in slices, so that events are
not held up by a page of many nodes.
"""

import asyncio
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

import jinja2
from aiohttp import hdrs, web

from exporter.probe.admission import Refused
from exporter.web.answers import Refusal
from exporter.web.auth import may_see_private
from exporter.web.context import APP_CONTEXT
from exporter.web.day_views import DayViews
from exporter.web.demo import demo_faults
from exporter.web.frame import Frame, frame, history_notes
from exporter.web.gateway_rows import find_gateways
from exporter.web.page_view import Pasts, make_view

CALLS_READ: Final = 200
TemplateName = Literal["page.html", "gateway.html", "history.html", "runbook.html"]
_TEMPLATES: Final[tuple[TemplateName, ...]] = get_args(TemplateName)
_FOLDER: Final = Path(__file__).parent
_TYPES: Final = {
    "page.css": "text/css",
    "page.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_CODE: Final = re.compile("`([^`]+)`")
_SLICE: Final = 500  # pieces of the template's output rendered at once: about a millisecond


@dataclass(frozen=True, slots=True)
class PageFiles:
    """What the pages are made of.

    Attributes:
        templates: compiled, by name.
        assets: style, script and icon, by name.
        addresses: where each of them is served, from / on; the address changes with the contents.
    """

    templates: Mapping[TemplateName, jinja2.Template]
    assets: Mapping[str, bytes]
    addresses: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunbookView:
    """The page of the runbook, whose text is a template."""

    frame: Frame


FILES: Final[web.AppKey[PageFiles]] = web.AppKey("page files")
DAY_VIEWS: Final[web.AppKey[DayViews]] = web.AppKey("days of the gateways")


def load_files() -> PageFiles:
    """Read and compile all of it; for start-up, it blocks for some milliseconds."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER / "templates"),
        autoescape=True,
        auto_reload=False,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["pieces"] = pieces
    assets = {name: (_FOLDER / "static" / name).read_bytes() for name in _TYPES}
    digests = {name: hashlib.sha256(asset).hexdigest()[:12] for name, asset in assets.items()}
    addresses = {name: f"static/{name}?v={digest}" for name, digest in digests.items()}
    for name in environment.list_templates():
        environment.get_template(name)  # those that others include are read now, too
    return PageFiles({name: environment.get_template(name) for name in _TEMPLATES}, assets, addresses)


def pieces(text: str) -> list[str]:
    """Text and code by turns: code is what stands between backquotes."""
    return _CODE.split(text)


async def page(request: web.Request) -> web.Response:
    """GET /."""
    context = request.app[APP_CONTEXT]
    diagnoses = await context.diagnoses()
    if not may_see_private(request):
        diagnoses = [diagnosis.public() for diagnosis in diagnoses]
    try:
        calls, note = await context.latest_calls(CALLS_READ), ""
    except Refused as refused:
        calls, note = (), refused.message
    table = await find_gateways(diagnoses, request.query)
    history = context.history
    days, problem = await request.app[DAY_VIEWS].of(history, table.subjects)
    notes = history_notes(history.store, problem)
    pasts = Pasts(history.past, days, persistent=history.store.persistent, notes=notes)
    probes = {probe.name: probe.gateway for probe in context.config.probes.values()}
    view = await make_view(diagnoses, table, pasts, probes, calls, note, demo_faults(context))
    return await answer(request, "page.html", view)


async def runbook(request: web.Request) -> web.Response:
    """GET /runbook: docs/runbook.md as a page (scripts/runbook_page.py)."""
    view = RunbookView(
        frame(title="Runbook", heading="Runbook", here="runbook", skip=("text", "Skip to the text"))
    )
    return await answer(request, "runbook.html", view)


async def answer(request: web.Request, name: TemplateName, view: object) -> web.Response:
    """A page as HTTP answer."""
    headers = {"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
    text = await render(request.app[FILES], name, view)
    return web.Response(text=text, content_type="text/html", headers=headers)


async def render(files: PageFiles, name: TemplateName, view: object) -> str:
    """A page as HTML."""
    pieces = []
    for piece in files.templates[name].generate(view=view, assets=files.addresses):
        pieces.append(piece)
        if len(pieces) % _SLICE == 0:
            await asyncio.sleep(0)
    return "".join(pieces)


async def asset(request: web.Request) -> web.Response:
    """GET /static/{name}: style, script and icon. Raises Refusal 404 for anything else."""
    name = request.match_info["name"]
    if name not in _TYPES:
        raise Refusal(404, "not_found", "There is nothing at this path.", "See the links on the page at /.")
    headers = {hdrs.CACHE_CONTROL: "private, max-age=86400"}
    return web.Response(
        body=request.app[FILES].assets[name], content_type=_TYPES[name], charset="utf-8", headers=headers
    )
