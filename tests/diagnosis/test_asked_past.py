"""What the doctor makes of the daemon's history, over real HTTP: of one that answers, lies or hangs."""

import asyncio
import socket
import time
from collections.abc import Callable

import msgspec
import pytest

from exporter import config as configuration
from exporter.config import Config, Flags, Secret
from exporter.diagnosis.asked import SECONDS, NotAsked
from exporter.diagnosis.asked_past import AskedPast, ask
from exporter.executors import Executors
from exporter.history.model import Span
from exporter.history.store import Entry, PutSpan
from exporter.switch.cause import CAUSES
from exporter.switch.provider import PROVIDERS
from tests.history.pasts import BEGAN, HOUR, change, outage
from tests.web.pasts import NOW, past
from tests.web.test_auth import WITH_USERS

WATCHED = PutSpan("fs1", Span(BEGAN - HOUR, NOW))


def config(listen: str) -> Config:
    flags = Flags(listen=(listen,))
    return configuration.load(None, {}, flags, providers=PROVIDERS, causes=CAUSES)


async def asked(*entries: Entry, node: str = "fs1", now: float = NOW) -> AskedPast:
    executors = Executors()
    async with past(*entries) as asking:
        return await ask(config(f"127.0.0.1:{asking.served.port}"), node, now, executors.history)


async def test_an_outage_that_lasts() -> None:
    lasts = outage(11 * HOUR, None, changes_before=(change(11 * HOUR - 40),))
    known = await asked(WATCHED, outage(HOUR), outage(2 * HOUR, times=3), lasts)
    found = known.gateway("telnyx", "external")
    assert found.outage is not None
    assert (found.outage.began, found.outage.problem) == (BEGAN + 11 * HOUR, "unreachable")
    assert (found.well_since, found.today, found.day) == (None, 5, 5)
    assert found.changes == (change(11 * HOUR - 40),)
    assert known.gateway("telnyx", "").outage == found.outage, "the profile is not known yet"
    assert known.gateway("other", "external").outage is None
    assert known.gateway("telnyx", "internal").outage is None, "another gateway of that name"
    assert known.switch().outage is None


async def test_yesterdays_count_in_the_last_day_only() -> None:
    known = await asked(WATCHED, outage(-4 * HOUR), outage(HOUR))
    found = known.gateway("telnyx", "external")
    assert (found.today, found.day) == (1, 2)
    assert found.well_since == BEGAN + HOUR + 60
    assert found.last is not None


async def test_one_without_an_outage_is_up_as_far_as_it_was_watched() -> None:
    earlier = PutSpan("fs1", Span(BEGAN - 5 * HOUR, BEGAN - 2 * HOUR))
    added = change(HOUR, "gateway_added", subject="external::new")
    known = await asked(earlier, WATCHED, added)
    assert known.gateway("telnyx", "external").well_since == BEGAN - HOUR
    assert known.gateway("new", "external").well_since == BEGAN + HOUR
    assert known.gateway("new", "external").last is None, "up for at least so long"


async def test_a_gateway_of_a_node_never_watched_is_up_since_nobody_knows_when() -> None:
    assert (await asked()).gateway("telnyx", "external").well_since is None


async def test_a_switch_that_is_lost() -> None:
    lost = outage(11 * HOUR, None, layer="switch", gateway="", profile="")
    known = await asked(WATCHED, lost, outage(10 * HOUR, gateway="other"))
    found = known.switch().outage
    assert found is not None
    assert found.began == BEGAN + 11 * HOUR
    assert known.gateway("telnyx", "external").outage is None


async def test_a_count_that_the_answer_does_not_cover_is_not_told() -> None:
    """The answer has the newest rows; of a switch that flaps all day these are fewer than 24 hours."""
    many = [outage(n * 60, 10) for n in range(600)]
    found = (await asked(WATCHED, *many)).gateway("telnyx", "external")
    assert (found.today, found.day) == (0, 0)
    assert found.well_since == BEGAN + 599 * 60 + 10


# -- where there is no answer -------------------------------------------------------------------------


async def refusal(listen: str, node: str = "fs1") -> str:
    began = time.monotonic()
    with pytest.raises(NotAsked) as raised:
        await ask(config(listen), node, NOW, Executors().history)
    assert time.monotonic() - began < SECONDS + 5
    assert str(raised.value).isprintable()
    assert "--url" not in str(raised.value), "the doctor has no such option"
    return str(raised.value)


async def test_nobody_listens() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = f"127.0.0.1:{free.getsockname()[1]}"
        assert await refusal(listen) == f"http://{listen} does not answer: [Errno 111] Connection refused"


async def test_a_port_that_the_config_does_not_say() -> None:
    assert await refusal("127.0.0.1:0") == "listen has port 0, any free one"


async def test_an_exporter_beyond_this_machine_is_not_asked() -> None:
    assert await refusal("192.0.2.1:9282") == "http://192.0.2.1:9282 is not an address of this machine alone"


async def test_an_exporter_that_does_not_have_the_node() -> None:
    executors = Executors()
    async with past() as asking:
        with pytest.raises(NotAsked, match="fs9"):
            await ask(config(f"127.0.0.1:{asking.served.port}"), "fs9", NOW, executors.history)


async def test_who_does_not_prove_to_be_the_exporter_gets_no_token() -> None:
    """Any program of this machine may listen on the port while the exporter does not run."""
    heard = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.readuntil(b"\r\n\r\n"))
        page(EMPTY % b"[]")(writer)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        plain = config(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        secret = msgspec.structs.replace(plain, token=Secret("t0ken"))
        await ask(secret, "fs1", NOW, Executors().history)
    (request,) = heard
    assert b"GET /api/history" in request
    assert b"t0ken" not in request
    assert b"authorization" not in request.lower()


async def test_an_exporter_with_users_and_without_tls_is_not_told_the_token() -> None:
    executors = Executors()
    async with past(WATCHED) as asking:
        asking.context.config = msgspec.structs.replace(asking.context.config, web=WITH_USERS)
        with pytest.raises(NotAsked, match=" answers unauthorized: "):
            await ask(config(f"127.0.0.1:{asking.served.port}"), "fs1", NOW, executors.history)


Answer = Callable[[asyncio.StreamWriter], None]


def page(body: bytes, status: bytes = b"200 OK") -> Answer:
    def answer(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body))

    return answer


EMPTY = (
    b'{"version":1,"since":"x","until":"x","watchedSince":null,"outages":[],"changes":[],'
    b'"watched":%s,"next":null}'
)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (page(b"<html>another service</html>"), "does not answer as an exporter does"),
        (page(b'{"version": 1}'), "does not answer as an exporter does"),
        (page(EMPTY % b'[{"node":"fs1","from":"\x1b[31m","to":""}]'), "does not answer as an exporter does"),
        (page(b"[" * 100_000), "does not answer as an exporter does"),
        (page(b"nothing here", b"404 Not Found"), "answers HTTP 404"),
        (lambda writer: None, "does not answer within 1.5 s"),
    ],
)
async def test_another_service_or_one_that_hangs(answer: Answer, words: str) -> None:
    over = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            answer(writer)
            await reader.read()  # until the doctor has closed it
            writer.close()
            await writer.wait_closed()
        except OSError:
            writer.transport.abort()  # closed by a reset
        finally:
            over.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        assert words in await refusal(f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
        async with asyncio.timeout(30):
            await over.wait()
