"""Calls over HTTP: `GET /probe` as Prometheus asks blackbox_exporter, and the calls of `/api/calls`.

exporter/probe decides what may be called, what a request gets and what is counted. This module reads the
request strictly, and writes the answer as HTTP.
"""

import json
import math
from typing import Final

import msgspec
from aiohttp import hdrs, web

from exporter.config import Config
from exporter.probe.admission import CallRequest, Refused
from exporter.probe.collector import answer_page
from exporter.probe.probes import Probes
from exporter.probe.record import Answer, CallRecord, encode
from exporter.web.answers import Refusal, read_object, read_query, shown
from exporter.web.context import APP_CONTEXT
from exporter.web.negotiation import negotiate

PROBES: Final = web.AppKey("probes", Probes)
SCRAPE_TIMEOUT: Final = "X-Prometheus-Scrape-Timeout-Seconds"
TIMEOUT_OFFSET: Final = 0.5  # for the answer's way back, as blackbox_exporter has it
DEFAULT_TIMEOUT: Final = 120.0
_FIELDS: Final = ("destinationNumber", "gateway", "node", "probe")
_MAX_TEXT: Final = 200


async def probe(request: web.Request) -> web.Response:
    """GET /probe: place the call of a probe and answer with its samples."""
    query = read_query(request)
    config = request.app[APP_CONTEXT].config
    timeout = _timeout(request)
    probes = request.app[PROBES]
    asked = CallRequest(
        probe=_module(query, config), destination=query.get("target") or None, timeout=timeout
    )
    lines: list[str] = []
    began = probes.clock.monotonic()

    def note(record: CallRecord) -> None:
        lines.append(f"{probes.clock.monotonic() - began:8.3f} {record.status}")

    try:
        answer = await probes.runner.probe(asked, note)
    except Refused as refused:
        raise refusal(refused) from None
    openmetrics, content_type = negotiate(request.headers.get(hdrs.ACCEPT, ""))
    debug = query.get("debug") == "true"
    waited = probes.clock.monotonic() - began
    page = answer_page(answer, timeout, waited, openmetrics=openmetrics and not debug)
    if debug:
        return web.Response(text=_debug(lines, answer, page.decode(), config, asked.probe))
    return web.Response(body=page, headers={hdrs.CONTENT_TYPE: content_type})


async def place_call(request: web.Request) -> web.Response:
    """POST /api/calls/test-echo: place a call and answer once FreeSWITCH has taken it."""
    asked = _call_request(await read_object(request))
    try:
        answer = await request.app[PROBES].runner.place(asked)
    except Refused as refused:
        raise refusal(refused) from None
    record = answer.record
    if not answer.cached and record.result is not None and not record.dialed:
        status = 502 if record.result == "failed" else 503
        raise Refusal(status, record.cause or record.result, record.message, record.remedy)
    body = {
        "callUuid": record.call_uuid,
        "agentFsId": 0,
        "destination": record.destination,
        "status": "cached" if answer.cached else "initiated",
        "message": record.message
        if answer.cached
        else f"GET /api/calls/{record.call_uuid} reports its progress.",
    }
    return web.json_response(body, status=200 if answer.cached else 202)


async def call_record(request: web.Request) -> web.Response:
    """GET /api/calls/{uuid}: the record of a call."""
    try:
        record = await request.app[PROBES].runner.find(request.match_info["uuid"])
    except Refused as refused:
        raise refusal(refused) from None
    if record is None:
        raise Refusal(404, "unknown_call", "There is no such call.", "Calls are kept for a while only.")
    return web.Response(body=encode(record), content_type="application/json")


def refusal(refused: Refused) -> Refusal:
    """The guard's refusal as an answer."""
    headers: dict[str, str] = {}
    if refused.retry_after is not None:
        headers[hdrs.RETRY_AFTER] = str(max(math.ceil(refused.retry_after), 1))
    return Refusal(refused.status, refused.reason, refused.message, refused.hint, headers)


def _module(query: dict[str, str], config: Config) -> str:
    module = query.get("module")
    if module:
        return module
    if len(config.probes) == 1:
        return next(iter(config.probes))
    names = ", ".join(sorted(config.probes)) or "none is configured"
    raise Refusal(400, "bad_request", "It is not clear which probe is meant.", f"Add module=NAME: {names}.")


def _timeout(request: web.Request) -> float:
    text = request.headers.get(SCRAPE_TIMEOUT)
    if text is None:
        return DEFAULT_TIMEOUT
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds < math.inf:
        raise Refusal(400, "bad_request", f"{SCRAPE_TIMEOUT} is {shown(text)}.", "Send seconds, such as 30.")
    return max(seconds - TIMEOUT_OFFSET, 0.0)


def _call_request(body: dict[str, object]) -> CallRequest:
    fields: dict[str, str] = {}
    for name, value in body.items():
        if name not in _FIELDS:
            hint = f"It takes {', '.join(_FIELDS)}."
            raise Refusal(400, "bad_request", f"{shown(name)} is no field of this request.", hint)
        if not isinstance(value, str) or not 0 < len(value) <= _MAX_TEXT:
            hint = f"Send it as text of up to {_MAX_TEXT} characters, or leave it out."
            raise Refusal(400, "bad_request", f"{name} is not a text.", hint)
        fields[name] = value
    if "destinationNumber" not in fields:
        hint = 'Send one such as {"destinationNumber":"+15550000001"}.'
        raise Refusal(400, "bad_request", "destinationNumber is missing.", hint)
    return CallRequest(
        probe=fields.get("probe"),
        destination=fields["destinationNumber"],
        node=fields.get("node"),
        gateway=fields.get("gateway"),
    )


def _debug(lines: list[str], answer: Answer, page: str, config: Config, name: str | None) -> str:
    settings = config.probes.get(name or "")
    module = json.dumps(msgspec.to_builtins(settings), indent=2) if settings else "{}"
    call = json.dumps(msgspec.to_builtins(answer.record), indent=2)
    log = "\n".join(lines)
    return (
        f"Logs for the probe:\n{log}\n\nThe call:\n{call}\n\n\n"
        f"Metrics that would have been returned:\n{page}\n\n\nModule configuration:\n{module}\n"
    )
