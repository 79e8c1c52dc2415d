"""Whether a request may use a route: each route has one of six protections, checked before its handler.

What a protection needs depends on the config in force and on the addresses that are really served, so both
are read at each request. A path that does not exist has the protection BASIC: without a password, nobody
learns which paths exist.

On loopback, `Host` must be a name of this machine or one that the config lists, for reading too: under DNS
rebinding any web page can read from 127.0.0.1, and its own name is in `Host` then. Only OPEN has no such
check, because load balancers ask it under any name and it reveals nothing.

Private is what says who called whom, and from where: kept calls, and addresses of strangers. A page that any
client may read leaves it out where `may_see_private` says no.
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
from exporter.web.fair import Full, party


class Protection(enum.Enum):
    """What a route requires of a request."""

    OPEN = "nothing"
    BASIC = "a user and password, if the web config file has users"
    READ = "as BASIC, or the token instead: a program has the token, and of passwords only hashes"
    PRIVATE = "as READ, and the token where anybody could read: beyond loopback, without users"
    TOKEN = "the bearer token; if none is configured, HTTP on loopback only and no cross-site request"  # noqa: S105
    CALL = "as TOKEN, and never a cross-site request, even with the right token: it can place a call"


PROTECTIONS: Final[web.AppKey[Mapping[web.AbstractRoute, Protection]]] = web.AppKey("protections")
_BUSY_SECONDS: Final = "5"  # about what a full queue of bcrypt checks takes
_BEARER: Final[dict[str, str]] = {hdrs.WWW_AUTHENTICATE: 'Bearer realm="freeswitch-exporter"'}
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
            _require_known_host(request, context)
            await _require_password(request, context.config)
        case Protection.READ:
            await _require_reader(request, context)
        case Protection.PRIVATE:
            await _require_reader(request, context)
            require_private(request)
        case Protection.TOKEN:
            _require_token(request, context)
        case Protection.CALL:
            _protect_call(request, context)
    return await handler(request)


def may_see_private(request: web.Request) -> bool:
    """Whether a request that the protection of its route has let pass may see what is private."""
    context = request.app[APP_CONTEXT]
    users = context.config.web.users if context.config.web else {}
    return context.loopback_only or bool(users) or _has_token(request, context.config)


async def _require_reader(request: web.Request, context: AppContext) -> None:
    if _has_token(request, context.config):
        return  # no page of another site has it, whatever Host says
    _require_known_host(request, context)
    await _require_password(request, context.config, ", or the token as Authorization: Bearer TOKEN")


def require_private(request: web.Request) -> None:
    """Raise Refusal 401 unless the request may see what is private."""
    context = request.app[APP_CONTEXT]
    if may_see_private(request):
        return
    hint = "Send the header: Authorization: Bearer TOKEN"
    if not context.config.token:
        hint = (
            "Set token_file in the config and send the token, or set basic_auth_users, or listen on loopback."
        )
    message = "Who calls is private: the exporter's token is required, and the right one was not sent."
    raise Refusal(401, "unauthorized", message, hint, _BEARER)


def _require_known_host(request: web.Request, context: AppContext) -> None:
    if context.loopback_only and (reason := csrf.foreign_host(request.headers, _hosts(context.config))):
        raise _cross_site(reason)


def _hosts(config: Config) -> frozenset[str] | None:
    """Every name under which the exporter may be asked; None: any."""
    return csrf.known_hosts(config.listen, config.hosts)


async def _require_password(request: web.Request, config: Config, instead: str = "") -> None:
    """A user and password, if there are users; `instead`: what will do, too, for the hint."""
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
        of = party(request.remote)
        right = bool(colon) and await request.app[BASIC_AUTH].match(users, user, password, of)
    except (Full, QueueFull):
        message = "Too many passwords wait to be checked."
        raise Refusal(429, "busy", message, "Ask again.", {hdrs.RETRY_AFTER: _BUSY_SECONDS}) from None
    if not right:
        raise Refusal(
            401,
            "unauthorized",
            "User and password are required; those sent are wrong.",
            f"Send those of basic_auth_users in the web config file{instead if config.token else ''}.",
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
    # Not under a name of `hosts`: that is a proxy's, and without a token everyone whom it serves may ask.
    if reason := csrf.foreign(request.headers, csrf.known_hosts(config.listen)):
        raise _cross_site(reason)


def _has_token(request: web.Request, config: Config) -> bool:
    """Whether the request carries the token of the config."""
    return config.token is not None and _is_token(_credentials(request, "bearer"), config.token)


def _is_token(given: str, token: Secret) -> bool:
    return hmac.compare_digest(given.encode(errors="surrogatepass"), token.reveal().encode())


def _check_token(request: web.Request, token: Secret) -> None:
    if not _is_token(_credentials(request, "bearer"), token):
        raise Refusal(
            401,
            "unauthorized",
            "The exporter's token is required; the one sent is wrong.",
            "Send the header: Authorization: Bearer TOKEN",
            _BEARER,
        )


def _protect_call(request: web.Request, context: AppContext) -> None:
    """As `_require_token`; cross-site requests are refused even with the token, and refusals are counted."""
    try:
        _require_token(request, context)
        if reason := csrf.cross_site(request.method, request.headers, _hosts(context.config)):
            raise _cross_site(reason)
    except Refusal as refusal:
        context.count_refusal(refusal.error)
        raise


def _cross_site(reason: csrf.Reason) -> Refusal:
    return Refusal(403, "cross_site", reason.message, reason.hint)


def _credentials(request: web.Request, scheme: str) -> str:
    """What follows the scheme in the one Authorization header; "" if there is no such header, or several."""
    values = request.headers.getall(hdrs.AUTHORIZATION, [])
    if len(values) != 1:
        return ""
    given, _, credentials = values[0].partition(" ")
    return credentials.strip() if given.lower() == scheme else ""
