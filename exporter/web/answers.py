"""What all answers share: refusals as JSON, the headers of every answer, the reading of query and body.

A handler that does not serve a request raises `Refusal`; so do the checks before it (auth.py). The outermost
middleware turns refusals, aiohttp's own HTTP errors and bugs into `{"error","message","hint"}`. A bug is
logged with its traceback; the client is told only that there was one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import unquote

import msgspec
import structlog
from aiohttp import hdrs, web

from exporter.web.context import APP_CONTEXT

MAX_BODY: Final = 16 * 1024
BODY_SECONDS: Final = 10.0  # for a client to send its body
SHOWN: Final = 100  # characters of a client's own text in a message

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
log = structlog.get_logger(__name__)

SERVER_HEADER: Final = {hdrs.SERVER: "freeswitch-exporter"}  # instead of aiohttp's and Python's versions
_EVERYWHERE: Final = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer"}
# aiohttp's own HTTP errors: error, message, hint.
_ERRORS: Final = {
    404: ("not_found", "There is nothing at this path.", "The page at / lists what there is."),
    405: ("method_not_allowed", "This path does not take this method.", "Use one of the Allow header."),
    413: ("too_large", "The body is too large.", f"Send at most {MAX_BODY} bytes."),
}


class Refusal(Exception):
    """A request is not served.

    Args:
        status: the HTTP status.
        error: one word for programs.
        message: one sentence for people: what is wrong.
        hint: what to do about it.
        headers: further headers of the answer, such as Retry-After.
    """

    def __init__(
        self, status: int, error: str, message: str, hint: str, headers: Mapping[str, str] | None = None
    ) -> None:
        super().__init__(error)
        self.status = status
        self.error = error
        self.message = message
        self.hint = hint
        self.headers = headers or {}

    def response(self) -> web.Response:
        """The refusal as an HTTP answer."""
        body = {"error": self.error, "message": self.message, "hint": self.hint}
        return web.json_response(body, status=self.status, headers=self.headers)


@web.middleware
async def answer_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn every exception of a handler into an answer."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return refusal.response()
    except web.HTTPError as error:
        known = _ERRORS.get(error.status, ("refused", error.reason, "See the API in the README."))
        allow = {name: value for name, value in error.headers.items() if name == hdrs.ALLOW}
        return Refusal(error.status, *known, allow).response()
    except Exception:
        log.exception("request failed", limit="request failed", method=request.method, path=request.path)
        return Refusal(
            500, "internal", "The exporter failed at this request.", "Its log says why."
        ).response()


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Add the headers of every answer; those of the web config file win (signal `on_response_prepare`)."""
    headers = response.headers
    headers.update(SERVER_HEADER)
    for name, value in _EVERYWHERE.items():
        headers.setdefault(name, value)
    headers.setdefault(hdrs.CACHE_CONTROL, "no-store")
    if web_config := request.app[APP_CONTEXT].config.web:
        headers.update(web_config.headers)


async def read_object(request: web.Request) -> dict[str, object]:
    """The JSON object in the request's body.

    Raises:
        Refusal: the body is not one, or takes too long to arrive.
    """
    try:
        async with asyncio.timeout(BODY_SECONDS):
            body = await request.read()
    except TimeoutError:
        raise Refusal(408, "timeout", "The body did not arrive in time.", "Send it at once.") from None
    except (web.RequestPayloadError, ConnectionError):
        raise Refusal(400, "bad_request", "The body is malformed or incomplete.", "Send all of it.") from None
    try:
        return msgspec.json.decode(body, type=dict[str, object])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        hint = 'Send one such as {"destinationNumber":"+15550000001"}.'
        raise Refusal(400, "invalid_json", "The body is no JSON object.", hint) from None


def read_query(request: web.Request) -> dict[str, str]:
    """The query, decoded once. A `+` in it stays a `+`: telephone numbers begin with one, times have one.

    Raises:
        Refusal: 400, a name is given twice.
    """
    query: dict[str, str] = {}
    for piece in filter(None, request.rel_url.raw_query_string.split("&")):
        name, _, value = piece.partition("=")
        name = unquote(name)
        if name in query:
            raise Refusal(400, "bad_request", f"{shown(name)} is given twice.", "Give it once.")
        query[name] = unquote(value)
    return query


def shown(text: str) -> str:
    """A client's own text, fit for a message: quoted, short, printable."""
    return repr(text if len(text) <= SHOWN else text[:SHOWN] + "...")
