"""Tells requests that a person or program meant from those that a web page slipped into a browser.

A page from anywhere can make its reader's browser send requests to 127.0.0.1, and placing a call takes but
one. Three things give such a request away, and a request for a call must pass all three:

- Host. Under DNS rebinding the page's own name resolves to our address, and to the browser all is then one
  origin. But the name stays in `Host`: it must be one we are configured to listen on, or loopback. Where
  every interface is listened on there is no such list; there a token is required, and a rebound page has
  none.
- Origin and Sec-Fetch-Site, which browsers set and pages cannot. Other ports of this host are other origins:
  whoever runs a page on localhost:3000 is not thereby allowed to call.
- Content-Type. The forms and scripts that need no leave from us (CORS "simple" requests) cannot say
  application/json.
"""

import re
from collections.abc import Collection, Iterable

from multidict import CIMultiDict, CIMultiDictProxy

from exporter.config import Listen, is_loopback

Headers = CIMultiDict[str] | CIMultiDictProxy[str]

_AUTHORITY = r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY, re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(rf"(?P<scheme>https?)://{_AUTHORITY}", re.IGNORECASE | re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_EVERY_INTERFACE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_OWN_SITE = ("same-origin", "none")  # "none": typed in by the person


def configured_hosts(listen: Iterable[Listen]) -> frozenset[str] | None:
    """The host names and addresses we are told to listen on; None if one of them is every interface."""
    hosts = frozenset(_plain(address.host) for address in listen)
    return None if hosts & frozenset(_EVERY_INTERFACE) else hosts


def foreign(headers: Headers, hosts: Collection[str] | None) -> str | None:
    """Why a request seems to come from somebody else's web page, or None.

    Args:
        headers: of the request.
        hosts: as `configured_hosts` gives them.
    """
    host = _only(headers, "Host")
    named = _HOST.fullmatch(host) if host else None
    if named is None:
        return "The request names no Host, or more than one."
    name = _plain(named["host"])
    if hosts is not None and name not in hosts and not is_loopback(name):
        return "Its Host is neither an address this exporter is configured to listen on nor loopback."
    if "Origin" in headers:
        origin = _ORIGIN.fullmatch(_only(headers, "Origin") or "")
        if origin is None or _address(origin, origin["scheme"]) != _address(named, origin["scheme"]):
            return "Its Origin is another site's."
    if "Sec-Fetch-Site" in headers and _only(headers, "Sec-Fetch-Site") not in _OWN_SITE:
        return "Its Sec-Fetch-Site says that another site's page sent it."
    return None


def cross_site(method: str, headers: Headers, hosts: Collection[str] | None) -> str | None:
    """As `foreign`, for a request that can place a call: a POST must also be JSON."""
    reason = foreign(headers, hosts)
    if reason is None and method == "POST":
        content_type = (_only(headers, "Content-Type") or "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return "Its Content-Type is not application/json."
    return reason


def _only(headers: Headers, name: str) -> str | None:
    values = headers.getall(name, [])
    return values[0] if len(values) == 1 else None


def _plain(host: str) -> str:
    return host.lower().removeprefix("[").removesuffix("]").removesuffix(".")


def _address(match: re.Match[str], scheme: str) -> tuple[str, str]:
    return _plain(match["host"]), match["port"] or _DEFAULT_PORTS[scheme.lower()]
