"""The targets: each is given bytes and raises only if the code under test breaks one of its promises.

A target accepts what the code may do with bad input (its declared errors), and checks what holds for any
input: pieces make no difference, texts can be encoded, numbers are finite, counters add up, no secret shows.
"""

import asyncio
import math
import random
import tempfile
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final
from unittest.mock import Mock

from aiohttp import StreamReader, hdrs, web
from aiohttp.test_utils import make_mocked_request

from exporter.clock import Clock
from exporter.config import (
    Config,
    ConfigError,
    GatewayConfig,
    HistoryConfig,
    NodeConfig,
    Secret,
    WebConfig,
    effective,
)
from exporter.esl import Event, Protocol
from exporter.esl.session import Ended, Session, State
from exporter.history.csv_text import csv_text
from exporter.history.kept_calls import KeptCalls
from exporter.history.model import KeptCall
from exporter.history.ticket import ticket
from exporter.metrics import families
from exporter.metrics.exposition import Page, render
from exporter.probe.admission import Refused
from exporter.switch.followed_call import read_job_reply, read_leg_event
from exporter.switch.leg import ChannelEvent
from exporter.switch.reply import ReplyError
from exporter.watch import commands
from exporter.watch.collector import NodeCollector
from exporter.watch.commands import Command
from exporter.watch.node import Node
from exporter.web.app import make_app
from exporter.web.negotiation import accepts_gzip, negotiate
from exporter.web.probe import PROBES
from tests.history.ended import tell
from tests.probe.settings import settings
from tests.support.configs import load_config
from tests.support.no_look_up import no_look_up
from tests.support.openmetrics import families as read_families
from tests.support.runtime import USER, USER_HASH
from tests.web.fakes import LOOPBACK, FakeContext, every_family

SECRET: Final = "Tr0ub4dor"
HEADERS: Final = (
    b"Event-Name",
    b"Event-Subclass",
    b"Unique-ID",
    b"Gateway",
    b"State",
    b"Caller-Direction",
    b"variable_sip_term_status",
    b"variable_rtp_audio_in_mos",
)
REPLIES: Final[tuple[Command[object], ...]] = tuple(
    value for value in vars(commands).values() if isinstance(value, Command)
)


def protocol(data: bytes) -> None:
    """The pieces in which bytes arrive make no difference; nothing is raised."""
    whole, pieces = Protocol(), Protocol()
    frames = whole.receive(data)
    rng, at, found = random.Random(len(data)), 0, []
    while at < len(data):
        size = rng.randint(1, 40)
        found += pieces.receive(data[at : at + size])
        at += size
    assert found == frames
    assert (pieces.failure is None) == (whole.failure is None)


def session(data: bytes) -> None:
    """A session ends at most once, says nothing afterwards, and shows no password."""
    one = Session(SECRET, "anna@lab")
    ends = 0
    for start in range(0, len(data), 97):
        for received in one.receive(data[start : start + 97]):
            assert not ends
            if isinstance(received, Ended):
                ends += 1
                assert SECRET not in str(received.reason)
        if one.state is State.READY:
            one.command("api status")
        one.data_to_send()
    assert ends == (one.state is State.CLOSED)


def event(data: bytes) -> None:
    """Every header of any text can be read, and every value can be written down."""
    one = Event(data)
    texts = [one.name, one.subclass, one.body, *(one.get(header) or "" for header in HEADERS)]
    for text in texts:
        text.encode()
    assert math.isfinite(one.timestamp)
    for header in HEADERS:
        one.get_int(header)
        number = one.get_float(header)
        assert number is None or math.isfinite(number)
        part = one.after(header)
        assert part is None or part.get(header) is None or isinstance(part.get(header), str)
    read_leg_event(one)
    read_job_reply(one)


def kept_calls(data: bytes) -> None:
    """Of any last event of a leg one call is kept at most, and its ticket and its cells are plain lines."""
    leg = ChannelEvent(Event(data))
    gateways = {name: GatewayConfig(provider="telnyx") for name in ("telnyx", "")}
    gateways["fake"] = GatewayConfig(provider="twilio")
    for numbers in ("masked", "full", "none"):
        config, kept = HistoryConfig(numbers=numbers), list[KeptCall]()
        picker = KeptCalls(NodeConfig(name="fs1", gateways=gateways), lambda: config, kept.append, Clock())  # noqa: B023
        tell(picker, leg)
        assert len(kept) <= 1
        for call in kept:
            row = [getattr(call, name) for name in call.__struct_fields__]
            text = csv_text(call.__struct_fields__, [row])
            assert text.count("\n") == text.count("\r\n") == 2
            text.encode()
        lines = ticket(kept).splitlines()
        assert all(line.isprintable() and len(line) < 100 for line in lines)
        "".join(lines).encode()


def events(data: bytes) -> None:
    """Any sequence of events leaves a node whose page is valid and whose call counters add up.

    The bytes are events one after the other, as FreeSWITCH frames them.
    """
    _loop().run_until_complete(_events(data))


async def _events(data: bytes) -> None:
    node = Node(NodeConfig(name="fs1"), "abcd", clock=Clock(), look_up=no_look_up, quiet=True)
    for frame in Protocol().receive(data):
        node.dispatcher.on_event(Event(frame.body))
    assert node.dropped["handler_error"] == 0
    for stats in node.calls.stats.values():
        ended = sum(end.legs for end in stats.hangups.values())
        assert stats.started + stats.learned == ended + stats.lost + stats.active
        assert min(stats.started, stats.learned, stats.lost, stats.active) >= 0
    page = Page(families.FAMILIES.values(), openmetrics=True)
    text = b"".join(await render(page, [NodeCollector(node, Clock())], Clock())).decode()
    read_families(text)


def replies(data: bytes) -> None:
    """A reply to any command is a value or a ReplyError; the first byte chooses the command."""
    if not data:
        return
    text = data[1:].decode("utf-8", "replace")
    with suppress(ReplyError):
        REPLIES[data[0] % len(REPLIES)].parse(text)


@cache
def _folder() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    (folder / "secrets").mkdir()
    for name in ("token", "fs1"):
        (folder / "secrets" / name).write_text(SECRET + "\n")
    (folder / "web.yml").write_text("")
    return folder


def config(data: bytes) -> None:
    """Any file is a config that can be printed, or is refused with short sentences."""
    path = _folder() / "config.yml"
    path.write_bytes(data)
    _load(path, {})


def web_config(data: bytes) -> None:
    """Likewise a web config file."""
    (_folder() / "fuzzed.yml").write_bytes(data)
    path = _folder() / "with-web.yml"
    path.write_text("web_config_file: fuzzed.yml\n")
    _load(path, {})


def environment(data: bytes) -> None:
    """Likewise variables: NAME=VALUE, one a line. A value shows only if its variable has no secret."""
    environ = {}
    for line in data.decode("utf-8", "replace").replace("\0", "").split("\n"):
        name, _, value = line.partition("=")
        if name.startswith(("EXPORTER_", "FREESWITCH_")) and not name.endswith(("_FILE", "_CONFIG")):
            environ[name] = value
    shown = _load(None, environ)
    elsewhere = [f"{name}={value}" for name, value in environ.items() if name not in _SECRETS]
    assert SECRET not in shown or any(SECRET in text for text in elsewhere)


_SECRETS: Final = ("FREESWITCH_PASSWORD", "EXPORTER_TOKEN")


def _load(path: Path | None, environ: dict[str, str]) -> str:
    """Load, check the outcome, and return what a person is shown of it."""
    try:
        loaded = load_config(path, environ)
    except ConfigError as refusal:
        problems = refusal.problems
    else:
        return str(effective(loaded))
    assert problems
    assert all(0 < len(problem) < 3000 for problem in problems)
    return "\n".join(problems)


def http(data: bytes) -> None:
    """Headers of a request: what is negotiated is a valid answer; the first line is Accept, and so on."""
    lines = [line.decode("latin-1") for line in data.split(b"\n")]
    accept, encoding = [*lines, "", ""][:2]
    openmetrics, content_type = negotiate(accept)
    assert content_type.isascii()
    assert content_type.isprintable()
    assert openmetrics == content_type.startswith("application/openmetrics-text")
    accepts_gzip(encoding)


def requests(data: bytes) -> None:
    """Any request is answered, and never with 500.

    The bytes are `METHOD PATH?QUERY`, header lines, and the body after an empty line.
    """
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.decode("latin-1").split("\n")
    method, _, path = first.partition(" ")
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon and name in _HEADERS and "\r" not in value and "\0" not in value:
            headers[name] = value.strip()
    # The server's own parser lets no other through; a reload reads files.
    if method in hdrs.METH_ALL and path.startswith("/") and path.isascii() and path.isprintable():
        _loop().run_until_complete(_request(method, path, headers, body))


_HEADERS: Final = (
    hdrs.ACCEPT,
    hdrs.ACCEPT_ENCODING,
    hdrs.AUTHORIZATION,
    hdrs.CONTENT_TYPE,
    hdrs.HOST,
    hdrs.ORIGIN,
    "Sec-Fetch-Site",
    "X-Prometheus-Scrape-Timeout-Seconds",
)


class _Refusing:
    """Probes that refuse every call; what a request must fulfil is checked before them."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.runner = self

    async def probe(self, *_: object) -> None:
        raise Refused("not_connected", "FreeSWITCH is not connected.", "")

    place = find = probe


@cache
def _app() -> web.Application:
    users = {USER[0]: Secret(USER_HASH)}
    config = Config(
        listen=(LOOPBACK,),
        web=WebConfig(users=users),
        token=Secret(SECRET),
        probes={"echo": settings(name="echo"), "tone": settings(name="tone")},
    )
    app = make_app(FakeContext(config=config, shown=[every_family("fs1")]))
    app[PROBES] = _Refusing()  # type: ignore[misc]
    app.freeze()
    return app


async def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> None:
    payload = StreamReader(Mock(), 2**16, loop=asyncio.get_running_loop())
    payload.feed_data(body)
    payload.feed_eof()
    try:
        request = make_mocked_request(method, path, headers, payload=payload, app=_app())
    except ValueError:
        return  # no URL
    try:
        response: web.StreamResponse = await _app()._handle(request)
    except web.HTTPException as refused:
        response = refused
    assert response.status < 500 or response.status == 503, (response.status, path)


@cache
def _loop() -> asyncio.AbstractEventLoop:
    return asyncio.new_event_loop()


TARGETS: Final[dict[str, Callable[[bytes], None]]] = {
    "protocol": protocol,
    "session": session,
    "event": event,
    "kept_calls": kept_calls,
    "events": events,
    "replies": replies,
    "config": config,
    "web_config": web_config,
    "environment": environment,
    "http": http,
    "requests": requests,
}
