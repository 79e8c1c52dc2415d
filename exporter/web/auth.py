"""Whether a request may use a route: each route has one of four protections, checked before its handler.

What a protection needs depends on the config in force and on the addresses that are really served, so both
are read at each request. A path that does not exist has the protection BASIC: without a password, nobody
learns which paths exist.
"""

import base64
import binascii
import enum
import hmac
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from exporter.config import Config, Secret
from exporter.executors import QueueFull
from exporter.web import csrf
from exporter.web.answers import Handler, Refusal
from exporter.web.basic_auth import BasicAuth
from exporter.web.context import APP_CONTEXT, AppContext


class Protection(enum.Enum):
    """What a route requires of a request."""

    OPEN = "nothing"
    BASIC = "a user and password, if the web config file has users"
    TOKEN = "the bearer token; if none is configured, HTTP on loopback only and no cross-site request"  # noqa: S105
    CALL = "as TOKEN, and never a cross-site request, even with the right token: it can place a call"


PROTECTIONS: Final[web.AppKey[Mapping[web.AbstractRoute, Protection]]] = web.AppKey("protections")
_BUSY_SECONDS: Final = "5"  # about what a full queue of bcrypt checks takes
BASIC_AUTH: Final = web.AppKey("basic_auth", BasicAuth)


@web.middleware
async def protect(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Pass the request on if it meets the protection of its route, else raise Refusal."""
    protection = request.app[PROTECTIONS].get(request.match_info.route, Protection.BASIC)
    context = request.app[APP_CONTEXT]
    match protection:
        case Protection.OPEN:
            pass
        case Protection.BASIC:
            await _require_password(request, context.config)
        case Protection.TOKEN:
            _require_token(request, context)
        case Protection.CALL:
            _protect_call(request, context)
    return await handler(request)


async def _require_password(request: web.Request, config: Config) -> None:
    users = config.web.users if config.web else {}
    if not users:
        return
    credentials = _credentials(request, "basic")
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    user, colon, password = decoded.partition(":")
    try:
        right = bool(colon) and await request.app[BASIC_AUTH].match(users, user, password)
    except QueueFull:
        message = "Too many passwords wait to be checked."
        raise Refusal(429, "busy", message, "Ask again.", {hdrs.RETRY_AFTER: _BUSY_SECONDS}) from None
    if not right:
        raise Refusal(
            401,
            "unauthorized",
            "User and password are required; those sent are wrong.",
            "Send those of basic_auth_users in the web config file.",
            {hdrs.WWW_AUTHENTICATE: 'Basic realm="freeswitch-exporter", charset="UTF-8"'},
        )


def _require_token(request: web.Request, context: AppContext) -> None:
    config = context.config
    if config.token:
        _check_token(request, config.token)
        return
    if not context.loopback_only:
        raise Refusal(
            403,
            "disabled",
            "A token is required, and none is configured.",
            "Set token_file in the config or EXPORTER_TOKEN_FILE, or listen on loopback only.",
        )
    if reason := csrf.foreign(request.headers, csrf.configured_hosts(config.listen)):
        raise _cross_site(reason)


def _check_token(request: web.Request, token: Secret) -> None:
    given = _credentials(request, "bearer")
    if not hmac.compare_digest(given.encode(errors="surrogatepass"), token.reveal().encode()):
        raise Refusal(
            401,
            "unauthorized",
            "The exporter's token is required; the one sent is wrong.",
            "Send the header: Authorization: Bearer TOKEN",
            {hdrs.WWW_AUTHENTICATE: 'Bearer realm="freeswitch-exporter"'},
        )


def _protect_call(request: web.Request, context: AppContext) -> None:
    """As `_require_token`; cross-site requests are refused even with the token, and refusals are counted."""
    try:
        _require_token(request, context)
        hosts = csrf.configured_hosts(context.config.listen)
        if reason := csrf.cross_site(request.method, request.headers, hosts):
            raise _cross_site(reason)
    except Refusal as refusal:
        context.count_refusal(refusal.error)
        raise


def _cross_site(reason: str) -> Refusal:
    return Refusal(
        403,
        "cross_site",
        f"The request seems to come from another site's web page. {reason}",
        "Send it with curl or a program: to a configured or loopback address, a POST as application/json.",
    )


def _credentials(request: web.Request, scheme: str) -> str:
    """What follows the scheme in the one Authorization header; "" if there is no such header, or several."""
    values = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(values) != 1:
        return ""
    given, _, credentials = values[0].partition(" ")
    return credentials.strip() if given.lower() == scheme else ""
