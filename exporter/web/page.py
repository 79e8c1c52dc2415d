"""GET /: the page for people, and the three files it needs.

Complete as the server sends it: filter, paging and folding work without a script, every name and number is in
the HTML. The script only fetches the same page again every few seconds and replaces the parts that changed.
Nothing comes from elsewhere and nothing is inline, so the policy allows this origin alone.

`load_files` reads the files and compiles the template once, at start-up: a request reads nothing from disk.
The template gets a `View` (`page_view`), escapes all of it and decides nothing. A page of many nodes is
rendered in slices, so that events are not held up.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import jinja2
from aiohttp import hdrs, web

from exporter.probe.admission import Refused
from exporter.web.answers import Refusal
from exporter.web.context import APP_CONTEXT
from exporter.web.page_view import View, make_view

CALLS_SHOWN: Final = 10
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
_SLICE: Final = 500  # pieces of the template's output rendered at once: about a millisecond


@dataclass(frozen=True, slots=True)
class PageFiles:
    """What the page is made of.

    Attributes:
        template: compiled.
        assets: style, script and icon, by name.
        addresses: where each of them is served; the address changes with the contents.
    """

    template: jinja2.Template
    assets: Mapping[str, bytes]
    addresses: Mapping[str, str]


FILES: Final[web.AppKey[PageFiles]] = web.AppKey("page files")


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
    assets = {name: (_FOLDER / "static" / name).read_bytes() for name in _TYPES}
    digests = {name: hashlib.sha256(asset).hexdigest()[:12] for name, asset in assets.items()}
    addresses = {name: f"static/{name}?v={digest}" for name, digest in digests.items()}
    return PageFiles(environment.get_template("page.html"), assets, addresses)


async def page(request: web.Request) -> web.Response:
    """GET /."""
    context, files = request.app[APP_CONTEXT], request.app[FILES]
    diagnoses = await context.diagnoses()
    try:
        calls, note = await context.latest_calls(CALLS_SHOWN), ""
    except Refused as refused:
        calls, note = (), refused.message
    view = await make_view(diagnoses, calls, note, dict(request.query))
    headers = {"Content-Security-Policy": _POLICY, "X-Frame-Options": "DENY"}
    return web.Response(text=await render(files, view), content_type="text/html", headers=headers)


async def render(files: PageFiles, view: View) -> str:
    """The page as HTML."""
    pieces = []
    for piece in files.template.generate(view=view, assets=files.addresses):
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
