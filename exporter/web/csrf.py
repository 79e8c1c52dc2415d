"""Protection against cross-site request forgery: recognises requests that another site's page has sent.

Any web page can make its reader's browser send requests to 127.0.0.1, and one request is enough to place a
call. Three headers show that a page sent the request. A request for a call must pass all three checks, a
request that only reads the first one:

- Host. Under DNS rebinding the page's own name resolves to the exporter's address, and the browser then sees
  one origin. But the name stays in `Host`: it must be one that the exporter is configured to listen on or to
  be asked under (`hosts`), or loopback. With a listener on every interface there is no such list;
  a token is required there, and the page does not have it.
- Origin and Sec-Fetch-Site. Browsers set them, and pages cannot. Another port of the same host is another
  origin: a page on localhost:3000 may not place calls.
- Content-Type. Forms and scripts that need no permission from the server (CORS "simple" requests) cannot
  send application/json.

Most requests that fail a check are not a page's: `curl -d` without a header, or a proxy's name. So the answer
names the header, and says that a page has sent it only where a header shows that.
"""

import re
from collections.abc import Collection, Iterable
from typing import Final, NamedTuple

from multidict import CIMultiDict, CIMultiDictProxy

from exporter.config import Listen, is_loopback

Headers = CIMultiDict[str] | CIMultiDictProxy[str]

_AUTHORITY = r"(?P<host>\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(?::(?P<port>[0-9]{1,5}))?"
_HOST = re.compile(_AUTHORITY, re.IGNORECASE | re.ASCII)
_ORIGIN = re.compile(rf"(?P<scheme>https?)://{_AUTHORITY}", re.IGNORECASE | re.ASCII)
_DEFAULT_PORTS = {"http": "80", "https": "443"}
_EVERY_INTERFACE = ("", "0.0.0.0", "::")  # noqa: S104 - compared with, not bound to
_SAME_SITE = ("same-origin", "none")  # "none": a person typed the address in


class Reason(NamedTuple):
    """Why a request is refused: the header and what is wrong with it, and what to send instead."""

    message: str
    hint: str


_BY_A_PROGRAM: Final = "Send the request with curl or a program."
_HOSTS: Final = (
    "Ask at a loopback address, or list the name under hosts in the config; for calls and reloads under that "
    "name set token_file, too."
)
_NO_HOST: Final = Reason("The request has no valid Host header, or several.", _HOSTS)
_UNKNOWN_HOST: Final = Reason(
    "Its Host is neither an address this exporter is configured to listen on nor loopback.", _HOSTS
)
_OTHER_ORIGIN: Final = Reason(
    "The request comes from another site's web page: its Origin is not this one.", _BY_A_PROGRAM
)
_OTHER_SITE: Final = Reason(
    "The request comes from another site's web page, as its Sec-Fetch-Site says.", _BY_A_PROGRAM
)
_JSON: Final = "Send the header, as curl does with -H 'Content-Type: application/json'. Web forms cannot."
_NO_TYPE: Final = Reason("The header Content-Type: application/json is missing.", _JSON)
_OTHER_TYPE: Final = Reason(
    "The header Content-Type: application/json is missing; the request has another Content-Type.", _JSON
)


def known_hosts(listen: Iterable[Listen], names: Iterable[str] = ()) -> frozenset[str] | None:
    """The host names and addresses of the listeners, and `names`; None if a listener is every interface."""
    hosts = frozenset(_plain(address.host) for address in listen)
    return None if hosts & frozenset(_EVERY_INTERFACE) else hosts | frozenset(map(_plain, names))


def foreign_host(headers: Headers, hosts: Collection[str] | None) -> Reason | None:
    """Why the Host of a request that only reads is another site's; None if it is not.

    Without a Host (HTTP/1.0) it is not: a browser always sends one.

    Args:
        headers: the request's.
        hosts: the result of `known_hosts`.
    """
    if "Host" not in headers:
        return None
    named = _named(headers)
    return _NO_HOST if named is None else _unknown(named, hosts)


def foreign(headers: Headers, hosts: Collection[str] | None) -> Reason | None:
    """Why a request may come from another site's web page; None if it cannot.

    Args:
        headers: the request's.
        hosts: the result of `known_hosts`.
    """
    named = _named(headers)
    if named is None:
        return _NO_HOST
    if reason := _unknown(named, hosts):
        return reason
    if "Origin" in headers:
        origin = _ORIGIN.fullmatch(_only(headers, "Origin") or "")
        if origin is None or _address(origin, origin["scheme"]) != _address(named, origin["scheme"]):
            return _OTHER_ORIGIN
    if "Sec-Fetch-Site" in headers and _only(headers, "Sec-Fetch-Site") not in _SAME_SITE:
        return _OTHER_SITE
    return None


def cross_site(method: str, headers: Headers, hosts: Collection[str] | None) -> Reason | None:
    """As `foreign`, for a request that can place a call: a POST must have the content type of JSON, too."""
    reason = foreign(headers, hosts)
    if reason is None and method == "POST":
        content_type = (_only(headers, "Content-Type") or "").partition(";")[0].strip().lower()
        if content_type != "application/json":
            return _OTHER_TYPE if "Content-Type" in headers else _NO_TYPE
    return reason


def _named(headers: Headers) -> re.Match[str] | None:
    host = _only(headers, "Host")
    return _HOST.fullmatch(host) if host else None


def _unknown(named: re.Match[str], hosts: Collection[str] | None) -> Reason | None:
    name = _plain(named["host"])
    if hosts is None or name in hosts or is_loopback(name):
        return None
    return _UNKNOWN_HOST


def _only(headers: Headers, name: str) -> str | None:
    values = headers.getall(name, [])
    return values[0] if len(values) == 1 else None


def _plain(host: str) -> str:
    return host.lower().removeprefix("[").removesuffix("]").removesuffix(".")


def _address(match: re.Match[str], scheme: str) -> tuple[str, str]:
    return _plain(match["host"]), match["port"] or _DEFAULT_PORTS[scheme.lower()]
