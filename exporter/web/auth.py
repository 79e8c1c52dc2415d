"""Who may use a route: one of four protections per route, checked before its handler runs.

What is needed depends on the config in force, so it is looked up at each request. A path that does not exist
is protected as most are: who has no password learns nothing from it.
"""

import base64
import binascii
import enum
import hmac
from collections.abc import Mapping
from typing import Final

from aiohttp import hdrs, web

from exporter.config import Config, Secret
from exporter.web import csrf
from exporter.web.answers import Handler, Refusal
from exporter.web.basic_auth import BasicAuth
from exporter.web.context import APP_CONTEXT, AppContext


class Protection(enum.Enum):
    """What a route asks of a request."""

    OPEN = "nothing"
    BASIC = "a user and password, if the web config file has users"
    TOKEN = "the bearer token; if none is configured, a request from this machine and no foreign page"  # noqa: S105
    CALL = "as TOKEN, and that no foreign page sent it even so: it can place a call"


PROTECTIONS: Final[web.AppKey[Mapping[web.AbstractRoute, Protection]]] = web.AppKey("protections")
BASIC_AUTH: Final = web.AppKey("passwords", BasicAuth)


@web.middleware
async def protect(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Raise Refusal unless the request meets the protection of its route."""
    protection = request.app[PROTECTIONS].get(request.match_info.route, Protection.BASIC)
    context = request.app[APP_CONTEXT]
    match protection:
        case Protection.OPEN:
            pass
        case Protection.BASIC:
            await _ask_password(request, context.config)
        case Protection.TOKEN:
            _ask_token(request, context.config)
        case Protection.CALL:
            _guard_call(request, context)
    return await handler(request)


async def _ask_password(request: web.Request, config: Config) -> None:
    users = config.web.users if config.web else {}
    if not users:
        return
    credentials = _credentials(request, "basic")
    try:
        decoded = base64.b64decode(credentials, validate=True).decode()
    except (binascii.Error, ValueError):
        decoded = ""
    user, colon, password = decoded.partition(":")
    if not colon or not await request.app[BASIC_AUTH].match(users, user, password):
        raise Refusal(
            401,
            "unauthorized",
            "This needs a user and password, and those sent are not right.",
            "Send those of basic_auth_users in the web config file.",
            {hdrs.WWW_AUTHENTICATE: 'Basic realm="freeswitch-exporter", charset="UTF-8"'},
        )


def _ask_token(request: web.Request, config: Config) -> None:
    if config.token:
        _check_token(request, config.token)
        return
    if not all(address.loopback for address in config.listen):
        raise Refusal(
            403,
            "disabled",
            "This needs a token, and none is configured.",
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
            "This needs the exporter's token, and the one sent is not it.",
            "Send the header: Authorization: Bearer TOKEN",
            {hdrs.WWW_AUTHENTICATE: 'Bearer realm="freeswitch-exporter"'},
        )


def _guard_call(request: web.Request, context: AppContext) -> None:
    """As `_ask_token`, but no right token makes up for a foreign page, and refusals are counted."""
    try:
        _ask_token(request, context.config)
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
        f"This seems to come from somebody else's web page. {reason}",
        "Send it with curl or a program: to a configured or loopback address, a POST as application/json.",
    )


def _credentials(request: web.Request, scheme: str) -> str:
    """What stands behind the scheme in the one Authorization header; "" if there is none such."""
    values = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(values) != 1:
        return ""
    given, _, credentials = values[0].partition(" ")
    return credentials.strip() if given.lower() == scheme else ""
