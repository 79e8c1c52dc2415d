"""The page at `/`: which nodes are watched and whether they are, and where everything else is."""

from html import escape

from aiohttp import web

from exporter import __version__
from exporter.web.answers import html
from exporter.web.house import HOUSE, NodeView

_STYLE = "body{font:1rem/1.5 sans-serif;margin:2rem}td,th{text-align:left;padding-right:2rem}"
_LINKS = (
    ("metrics", "metrics for Prometheus"),
    ("api/calls/health", "whether every FreeSWITCH is connected, as JSON"),
    ("-/healthy", "whether this exporter is alive"),
    ("-/ready", "whether it has tried every node"),
)


async def landing(request: web.Request) -> web.Response:
    """GET /."""
    rows = "".join(map(_row, request.app[HOUSE].nodes))
    links = "".join(f'<li><a href="{path}">/{path}</a>: {text}</li>' for path, text in _LINKS)
    page = (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>freeswitch-exporter</title>'
        f"<style>{_STYLE}</style></head><body><h1>freeswitch-exporter {escape(__version__)}</h1>"
        f"<table><tr><th>FreeSWITCH</th><th>problem</th><th>reason</th></tr>{rows}</table>"
        f"<ul>{links}</ul></body></html>"
    )
    return html(page, _STYLE)


def _row(node: NodeView) -> str:
    problem = node.problem or "not tried yet"
    return f"<tr><td>{escape(node.name)}</td><td>{escape(problem)}</td><td>{escape(node.reason)}</td></tr>"
