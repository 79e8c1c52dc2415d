"""The connection against real sockets: far ends that behave, that refuse, that lie and that fall silent."""

import asyncio
import contextlib
import gc
import logging
import socket
import threading
import time
import traceback
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from exporter.esl import (
    AclDenied,
    AuthRejected,
    CommandTimeout,
    Connection,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    EslError,
    Event,
    FellBehind,
    GreetingTimeout,
    HandlerFailed,
    NameNotResolved,
    PermissionDenied,
    ProtocolError,
)
from exporter.esl import connection as module
from tests.esl.conftest import PASSWORD, PATIENCE, Connect, Far, Listen
from tests.esl.recorded import frames, raw


async def ended(connection: Connection) -> EslError:
    """Why the connection is over, once it is."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.shield(connection.closed)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the kernel sets no asyncio.Event
            await asyncio.sleep(0.005)


def answering(*replies: str) -> Callable[[Far], Awaitable[None]]:
    """A far end that lets us in, answers each command with the next reply, and waits."""

    async def script(far: Far) -> None:
        await far.welcome()
        for reply in replies:
            await far.command()
            far.reply(reply)
        await far.gone()

    return script


# -- connecting ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
async def test_it_connects_to_addresses_of_both_families_and_to_names(
    listen: Listen, connect: Connect, host: str
) -> None:
    port = await listen(answering("+OK"), host)
    connection = await connect(port, host)
    assert connection.peer[1] == port
    assert connection.peer[0] in ("127.0.0.1", "::1")
    assert connection.local[0] == connection.peer[0]
    assert not connection.closed.done()
    assert (await connection.command("noevents")).text == "+OK"


async def test_nothing_listens(connect: Connect) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        with pytest.raises(
            ConnectionRefused, match=rf"^127.0.0.1 \(127.0.0.1\) port {port} refuses connections$"
        ):
            await connect(port)


async def test_nothing_answers(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):  # one more than the queue holds: the kernel drops further SYNs
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        with pytest.raises(ConnectTimeout, match=r"^127.0.0.1 \(127.0.0.1\) port \d+: no answer$"):
            await connect(full.getsockname()[1], connect_timeout=0.2)

        resolve_to(monkeypatch, *[(int(socket.AF_INET), full.getsockname())] * 20)
        began = time.monotonic()
        with pytest.raises(ConnectTimeout):
            await connect(8021, "switch", connect_timeout=0.2)
        assert time.monotonic() - began < 2  # for all twenty together


@pytest.mark.parametrize("host", ["no-such-host.invalid", "a..b", "x" * 70, ""])
async def test_a_name_without_an_address(connect: Connect, host: str) -> None:
    with pytest.raises(NameNotResolved, match=f"^{host}: ."):
        await connect(8021, host)


async def test_a_resolver_that_does_not_answer(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    async def getaddrinfo(*args: object, **kwargs: object) -> list[Any]:
        await asyncio.sleep(PATIENCE)
        return []

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)
    with pytest.raises(NameNotResolved, match=r"^looking up switch took longer than 0.1 s$"):
        await connect(8021, "switch", connect_timeout=0.1)


def resolve_to(monkeypatch: pytest.MonkeyPatch, *addresses: tuple[int, tuple[str, int]]) -> None:
    async def getaddrinfo(*args: object, **kwargs: object) -> list[Any]:
        return [(family, socket.SOCK_STREAM, 0, "", address) for family, address in addresses]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", getaddrinfo)


UNSUPPORTED = (int(socket.AF_UNIX), ("no such", 0))  # any address that cannot be connected to


async def test_every_address_of_a_name_is_tried(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = await listen(answering())
    v4, v6 = (socket.AF_INET, ("127.0.0.1", port)), (socket.AF_INET6, ("::1", port))
    resolve_to(monkeypatch, UNSUPPORTED, v6, v4)
    assert (await connect(port, "switch")).peer == ("127.0.0.1", port)


@pytest.mark.parametrize("last", [True, False])
async def test_a_refusal_says_more_than_silence(
    connect: Connect, monkeypatch: pytest.MonkeyPatch, last: bool
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refusing = (int(socket.AF_INET), unused.getsockname())
        resolve_to(monkeypatch, *([UNSUPPORTED, refusing] if last else [refusing, UNSUPPORTED]))
        with pytest.raises(ConnectionRefused):
            await connect(8021, "switch")


async def test_an_address_out_of_reach(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch, UNSUPPORTED)
    with pytest.raises(ConnectTimeout, match=r"^switch \(no such\) port 8021: [A-Z]"):
        await connect(8021, "switch")


async def test_a_name_without_addresses(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    resolve_to(monkeypatch)
    with pytest.raises(NameNotResolved, match=r"^switch has no address$"):
        await connect(8021, "switch")


async def test_the_kernel_looks_after_a_silent_connection(listen: Listen, connect: Connect) -> None:
    connection = await connect(await listen(answering()))
    assert connection._socket is not None
    option = connection._socket.getsockopt
    assert option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
    assert option(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    times = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT]
    assert [option(socket.IPPROTO_TCP, one) for one in times] == [10, 5, 3]


async def test_a_system_without_those_times_will_do(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(socket, "TCP_KEEPIDLE")
    await connect(await listen(answering()))


# -- the greeting --------------------------------------------------------------------------------------


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SERVICE_SPEAKS", 0.1)
    monkeypatch.setattr(module, "_TRUNCATED_REPLY", 0.1)
    monkeypatch.setattr(module, "COMMAND_DEADLINE", 0.3)


async def test_an_address_that_is_not_on_the_acl(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        far.send(raw("rude-rejection"))
        await far.gone()

    with pytest.raises(AclDenied, match=r"^FreeSWITCH's ACL refuses 127.0.0.1$"):
        await connect(await listen(script))


async def test_no_greeting(listen: Listen, connect: Connect, impatient: None) -> None:
    async def script(far: Far) -> None:
        assert await far.reader.readexactly(2) == b"\n\n"
        assert isinstance(await far.gone(), ConnectionResetError)

    with pytest.raises(GreetingTimeout, match=r"^no greeting within 0.1 s"):
        await connect(await listen(script), greeting_timeout=0.1)


async def test_a_late_greeting_is_a_greeting(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        assert await far.reader.readexactly(2) == b"\n\n"
        await far.welcome()
        await far.gone()

    await connect(await listen(script), greeting_timeout=0.05)


async def test_an_http_server_waits_for_us_and_is_known_by_its_complaint(
    listen: Listen, connect: Connect
) -> None:
    async def script(far: Far) -> None:
        await far.reader.readexactly(2)
        far.send(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nwhat?")
        await far.gone()

    with pytest.raises(ProtocolError, match=r"^not an event socket, it says: HTTP/1.1 400 Bad Request$"):
        await connect(await listen(script), greeting_timeout=0.05)


@pytest.mark.parametrize("banner", ["SSH-2.0-OpenSSH_9.2p1\r\n", "220 mx ESMTP; Mon, 23 Nov 06:51:00\r\n"])
async def test_another_service_speaks_first(listen: Listen, connect: Connect, banner: str) -> None:
    async def script(far: Far) -> None:
        far.send(banner.encode())
        assert isinstance(await far.gone(), ConnectionResetError)

    with pytest.raises(ProtocolError, match=f"^not an event socket, it says: {banner.strip()}$"):
        await connect(await listen(script))


async def test_another_service_speaks_without_ending_its_line(
    listen: Listen, connect: Connect, impatient: None
) -> None:
    async def script(far: Far) -> None:
        far.send(b"\xff\xfd\x18login: ")
        await far.gone()

    with pytest.raises(ProtocolError, match=r"^not an event socket, it says: .*login:$"):
        await connect(await listen(script), greeting_timeout=0.1)


async def test_another_service_speaks_and_hangs_up(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        far.send(b"Too many connections")
        far.writer.close()

    with pytest.raises(ProtocolError, match=r"^not an event socket, it says: Too many connections$"):
        await connect(await listen(script))


async def test_a_frame_that_is_no_greeting(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        far.frame("text/html", b"<p>")
        await far.gone()

    with pytest.raises(ProtocolError, match=r"^not an event socket: Content-Type text/html$"):
        await connect(await listen(script))


async def test_it_hangs_up_instead_of_greeting(listen: Listen, connect: Connect) -> None:
    async def closes(far: Far) -> None:
        far.writer.close()

    async def resets(far: Far) -> None:
        far.reset()

    with pytest.raises(Disconnected, match=r"^FreeSWITCH closed the connection$"):
        await connect(await listen(closes))
    with pytest.raises(Disconnected, match=r"^FreeSWITCH reset the connection$"):
        await connect(await listen(resets))


async def test_a_second_greeting_is_one_too_many(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        far.greet()
        await far.gone()

    connection = await connect(await listen(script))
    assert str(await ended(connection)) == "a second auth/request"


async def test_a_far_end_that_goes_as_we_come_does_no_harm() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        far.close()
    with contextlib.suppress(ConnectionError):
        sock.recv(1)
    sock.setblocking(False)
    connection = Connection()
    await asyncio.get_running_loop().create_connection(lambda: connection, sock=sock)
    assert connection.peer == ("", 0)
    connection.abort(Disconnected("the test is over"))
    await asyncio.sleep(0)


# -- authentication ------------------------------------------------------------------------------------


async def test_the_password_is_sent_as_it_is(listen: Listen, connect: Connect) -> None:
    seen = []

    async def script(far: Far) -> None:
        far.greet()
        seen.append(await far.reader.readuntil(b"\n\n"))
        far.reply("+OK accepted")
        await far.gone()

    # 0xE9 in an environment variable reaches Python as half a surrogate pair.
    await connect(await listen(script), password=" p%20:\udce9\u00e9 ")
    assert seen == [b"auth  p%20:\xe9\xc3\xa9 \n\n"]


async def test_a_user_of_the_directory(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        far.greet()
        assert await far.command() == f"userauth exporter@lab:{PASSWORD}"
        far.reply("+OK accepted\nAllowed-Events: HEARTBEAT\nAllowed-API: status\nAllowed-LOG: ")
        await far.gone()

    connection = await connect(await listen(script), user="exporter@lab")
    assert not connection.truncated_greeting


async def test_a_userauth_reply_cut_by_freeswitch_is_complete_after_a_while(
    listen: Listen, connect: Connect, impatient: None
) -> None:
    async def script(far: Far) -> None:
        far.greet()
        await far.command()
        reply = (
            "Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: " + "CHANNEL_CREATE " * 40
        )
        far.send(reply.encode()[:511])
        assert await far.command() == "api uptime"
        far.frame("api/response", b"13\n")
        await far.gone()

    connection = await connect(await listen(script), user="exporter@lab")
    assert connection.truncated_greeting
    assert await connection.api("uptime") == "13\n"


@pytest.mark.parametrize("start", ["", "Content-Type: command/reply\nReply-Text: -ERR inv"])
async def test_no_reply_to_the_password(
    listen: Listen, connect: Connect, impatient: None, start: str
) -> None:
    async def script(far: Far) -> None:
        far.greet()
        await far.command()
        far.send(start.encode())
        await far.gone()

    with pytest.raises(CommandTimeout, match=r"^no reply to 'auth' within 0.3 s$"):
        await connect(await listen(script))


@pytest.mark.parametrize("capture", ["auth-fail", "userauth-fail"])
async def test_the_wrong_password(listen: Listen, connect: Connect, capture: str) -> None:
    greeting, _, refusal = raw(capture).partition(b"\n\n")

    async def script(far: Far) -> None:
        far.send(greeting + b"\n\n")
        await far.command()
        far.send(refusal)
        far.writer.close()

    with pytest.raises(AuthRejected, match=r"^FreeSWITCH says: -ERR invalid$"):
        await connect(await listen(script))


@pytest.mark.parametrize("password", ["a\nb", "a\rb", "a\0b", "a\ud800b"])
async def test_a_password_that_cannot_be_sent(listen: Listen, connect: Connect, password: str) -> None:
    async def script(far: Far) -> None:
        far.greet()
        assert await far.reader.read() == b""

    async def reset(far: Far) -> None:
        with contextlib.suppress(ConnectionResetError):
            await script(far)

    with pytest.raises(AuthRejected, match=r"^user and password must not contain") as caught:
        await connect(await listen(reset), password=password)
    assert password not in "".join(traceback.format_exception(caught.value))


async def test_it_hangs_up_on_the_password(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        far.greet()
        await far.command()
        far.writer.close()

    with pytest.raises(Disconnected, match=r"^FreeSWITCH closed the connection$"):
        await connect(await listen(script), password="")


@pytest.mark.parametrize(
    "repeated",
    [
        f"Content-Type: command/reply\nReply-Text: -ERR {PASSWORD} is wrong\n\n",
        f"Content-Type: text/disconnect-notice\nContent-Length: 100\n\n{PASSWORD}".ljust(200),
        f"auth {PASSWORD}\n\n",
        f"X-{PASSWORD}: 1\n\n",
    ],
)
async def test_a_far_end_that_repeats_the_password_does_not_bring_it_into_an_error(
    listen: Listen, connect: Connect, repeated: str
) -> None:
    async def script(far: Far) -> None:
        far.greet()
        await far.command()
        far.send(repeated.encode())
        await far.gone()

    with pytest.raises(EslError, match="<secret>") as caught:
        await connect(await listen(script))
    for text in (str(caught.value), repr(caught.value), *traceback.format_exception(caught.value)):
        assert PASSWORD not in text


async def test_neither_logs_nor_reprs_show_the_password(
    listen: Listen, connect: Connect, impatient: None, caplog: pytest.LogCaptureFixture
) -> None:
    async def silent(far: Far) -> None:
        far.greet()
        await far.command()
        await far.gone()

    caplog.set_level(logging.DEBUG)
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.0  # asyncio shows every callback with its arguments
    try:
        connection = await connect(await listen(answering()))
        with pytest.raises(CommandTimeout) as caught:
            await connect(await listen(silent), user="exporter@lab")
    finally:
        loop.set_debug(False)
    assert "TimerHandle" in caplog.text
    for text in (caplog.text, repr(connection), repr(vars(connection)), repr(caught.value)):
        assert PASSWORD not in text
        assert "sesame" not in text


async def test_giving_up_while_opening_leaves_nothing_behind(
    listen: Listen, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def silent(far: Far) -> None:
        assert isinstance(await far.gone(), ConnectionResetError)

    async def greets(far: Far) -> None:
        far.greet()
        assert isinstance(await far.gone(), ConnectionResetError)

    async def never(*args: object, **kwargs: object) -> None:
        await asyncio.Event().wait()

    async def give_up(port: int) -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await connect(port)

    await give_up(await listen(silent))
    await give_up(await listen(greets))
    monkeypatch.setattr(asyncio.get_running_loop(), "create_connection", never)
    await give_up(await listen(silent))  # connected, but asyncio has not taken the socket over
    gc.collect()  # an exception nobody fetched would be reported now


# -- commands ------------------------------------------------------------------------------------------


async def test_an_api_command_gives_its_output(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        assert await far.command() == "api sofia status gateway telnyx"
        far.frame("api/response", "Status \u00e9 \xff\n\n".encode("latin-1", "replace"))
        assert await far.command() == "api uptime"
        far.frame("api/response", b"")
        await far.gone()

    connection = await connect(await listen(script))
    assert await connection.api("sofia status gateway telnyx") == "Status \ufffd \ufffd\n\n"
    assert await connection.api("uptime") == ""


async def test_a_command_with_headers_is_one_write(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        assert await far.command() == "sendevent CUSTOM\nEvent-Subclass: exporter::tick\nNumber: 7"
        far.reply("+OK 1")
        assert await far.command() == "nolog"
        far.send(b"Content-Type: command/reply\n\n")
        assert await far.command() == "exit"
        far.reply("-ERR no")
        await far.gone()

    connection = await connect(await listen(script))
    headers = {"Event-Subclass": "exporter::tick", "Number": "7"}
    reply = await connection.command("sendevent CUSTOM", headers=headers)
    assert (reply.text, reply.ok) == ("+OK 1", True)
    reply = await connection.command("nolog")
    assert (reply.text, reply.ok) == ("", True)
    assert not (await connection.command("exit")).ok


async def test_pipelined_commands_are_answered_in_order_with_events_between(
    listen: Listen, connect: Connect
) -> None:
    count = 200

    async def script(far: Far) -> None:
        await far.welcome()
        for number in range(count):
            assert await far.command() == f"api echo {number}"
            far.event(f'{{"Event-Name":"CUSTOM","Number":"{number}"}}')
            far.frame("api/response", str(number).encode())
        await far.gone()

    numbers: list[int | None] = []
    connection = await connect(
        await listen(script), on_event=lambda event: numbers.append(event.get_int(b"Number"))
    )
    replies = await asyncio.gather(*(connection.api(f"echo {number}") for number in range(count)))
    assert replies == [str(number) for number in range(count)]
    assert numbers == list(range(count))


async def test_a_cancelled_caller_leaves_its_place_in_the_queue(listen: Listen, connect: Connect) -> None:
    go = asyncio.Event()

    async def script(far: Far) -> None:
        await far.welcome()
        names = [await far.command() for _ in range(3)]
        await go.wait()
        for name in names:
            far.reply(f"+OK {name}")
        await far.gone()

    connection = await connect(await listen(script))
    first, second, third = (asyncio.create_task(connection.command(name)) for name in ("one", "two", "three"))
    await asyncio.sleep(0)
    second.cancel()
    go.set()
    assert (await first).text == "+OK one"
    assert (await third).text == "+OK three"
    assert second.cancelled()
    assert not connection.closed.done()


async def test_a_missed_deadline_ends_the_connection_and_answers_everybody(
    listen: Listen, connect: Connect
) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.reply("+OK")
        assert isinstance(await far.gone(), ConnectionResetError)

    connection = await connect(await listen(script))
    assert (await connection.command("noevents", deadline=0.1)).ok
    waiting = [
        asyncio.create_task(connection.api("sofia xmlstatus gateway a-secret-name", deadline=0.1)),
        asyncio.create_task(connection.api("status")),
        asyncio.create_task(connection.command("noevents")),
    ]
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    reason = await ended(connection)
    assert isinstance(reason, CommandTimeout)
    assert str(reason) == "no reply to 'api sofia' within 0.1 s"
    for answer in answers:
        assert isinstance(answer, CommandTimeout)
        assert str(answer) == str(reason)
    assert len({id(answer) for answer in [*answers, reason]}) == 4  # each with a traceback of its own
    with pytest.raises(CommandTimeout, match="api sofia") as late:
        await connection.command("noevents")
    assert late.value is not reason


async def test_a_cancelled_command_keeps_its_deadline(listen: Listen, connect: Connect) -> None:
    connection = await connect(await listen(answering()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await connection.command("lost", deadline=0.1)
    assert isinstance(await ended(connection), CommandTimeout)


async def test_a_connection_that_was_never_opened_answers_nothing() -> None:
    connection = Connection()
    with pytest.raises(CommandTimeout):
        await connection.command("one", deadline=0.01)
    assert connection.closed.done()


async def test_a_reply_nobody_asked_for_cannot_be_trusted(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        far.reply("+OK \x1b[2J surprise")
        await far.gone()

    connection = await connect(await listen(script))
    reason = await ended(connection)
    assert isinstance(reason, ProtocolError)
    assert str(reason) == "a reply nobody asked for: +OK  [2J surprise"


@pytest.mark.parametrize("line", ["api status\napi shutdown", "api status\r", "api \0", "api \ud800"])
async def test_what_is_no_single_command_is_not_sent(listen: Listen, connect: Connect, line: str) -> None:
    connection = await connect(await listen(answering("+OK")))
    with pytest.raises(ValueError, match=r"line end|surrogates"):
        await connection.command(line)
    with pytest.raises(ValueError, match=r"line end|surrogates"):
        await connection.command("sendevent CUSTOM", headers={"X": line})
    with pytest.raises(ValueError, match=r"line end|surrogates"):
        await connection.command("sendevent CUSTOM", headers={line: "X"})
    assert (await connection.command("noevents")).text == "+OK"


async def test_a_denied_api_command_costs_nothing_else(listen: Listen, connect: Connect) -> None:
    connection = await connect(
        await listen(answering("-ERR permission denied", "-ERR command not found", "+OK"))
    )
    with pytest.raises(PermissionDenied, match=r"^api sofia is not allowed to this user$"):
        await connection.api("sofia status")
    assert await connection.api("") == "-ERR command not found"
    assert (await connection.command("noevents")).ok


async def test_an_output_that_only_looks_like_a_denial(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.frame("api/response", b"-ERR permission denied\n")
        await far.gone()

    connection = await connect(await listen(script))
    assert await connection.api("echo x") == "-ERR permission denied\n"


async def test_a_job_carries_our_id(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        assert await far.command() == "bgapi originate x &park\nJob-UUID: 7"
        far.reply("+OK Job-UUID: 7\nJob-UUID: 7")
        await far.command()
        far.reply("-ERR permission denied")
        await far.command()
        far.reply("-ERR command not found")
        await far.gone()

    connection = await connect(await listen(script))
    await connection.bgapi("originate x &park", "7")
    with pytest.raises(PermissionDenied, match=r"^bgapi originate is not allowed to this user$"):
        await connection.bgapi("originate x &park", "7")
    with pytest.raises(ProtocolError, match=r"^bgapi was answered with -ERR command not found$"):
        await connection.bgapi("originate x &park", "7")
    assert not connection.closed.done()


async def test_subscribing_name_by_name(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        assert await far.command() == "event json CUSTOM sofia::gateway_state"
        far.reply("+OK event listener enabled json")
        assert await far.command() == "event json HEARTBEAT"
        far.reply("-ERR permission denied")
        assert await far.command() == "event json NOSUCH"
        far.send(raw("cmd-event-bad-name"))
        await far.gone()

    connection = await connect(await listen(script))
    await connection.subscribe("CUSTOM sofia::gateway_state")
    with pytest.raises(PermissionDenied, match=r"^event HEARTBEAT is not allowed to this user$"):
        await connection.subscribe("HEARTBEAT")
    with pytest.raises(ProtocolError, match=r"^event NOSUCH was answered with -ERR no keywords supplied$"):
        await connection.subscribe("NOSUCH")
    assert not connection.closed.done()


# -- events and log lines ------------------------------------------------------------------------------


@pytest.mark.parametrize("capture", ["ev-plain-profile-restart", "ev-json-call-success"])
async def test_events_are_handed_out_in_order_while_commands_run(
    listen: Listen, connect: Connect, capture: str
) -> None:
    stream = [frame for frame in frames(capture) if frame.content_type.startswith("text/event-")]
    handed: list[Event] = []

    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        for frame in stream:
            far.send(frame.headers + b"\n\n" + frame.body)
        far.reply("+OK")
        await far.gone()

    connection = await connect(await listen(script), on_event=handed.append)
    assert (await connection.command("noevents")).ok
    assert [event.text for event in handed] == [frame.body for frame in stream]


async def test_log_lines(listen: Listen, connect: Connect) -> None:
    lines: list[tuple[int, str]] = []

    async def script(far: Far) -> None:
        await far.welcome()
        for level in ("7", "", "-1", "\u0665", "9" * 5000, "seven"):
            head = f"Content-Type: log/data\nContent-Length: 4\nLog-Level: {level}\n\n"
            far.send(head.encode() + b"ab\n\xff")
        await far.command()
        far.reply("+OK")
        await far.gone()

    def on_log(level: int, line: str) -> None:
        lines.append((level, line))

    connection = await connect(await listen(script), on_log=on_log)
    assert (await connection.command("nolog")).ok
    assert lines == [(7, "ab\n\ufffd")] + [(-1, "ab\n\ufffd")] * 5


async def test_nobody_need_listen(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        far.event('{"Event-Name":"HEARTBEAT"}')
        far.frame("log/data", b"x")
        far.frame("text/event-xml", b"<event/>")
        await far.command()
        far.reply("+OK")
        await far.gone()

    connection = await connect(await listen(script))
    assert (await connection.command("noevents")).ok


async def test_a_handler_that_fails_ends_the_connection_and_says_so(
    listen: Listen, connect: Connect, loop_errors: list[dict[str, Any]]
) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.event('{"Event-Name":"A"}')
        far.event('{"Event-Name":"B"}')
        far.reply("+OK")
        assert isinstance(await far.gone(), ConnectionResetError)

    seen = []

    def on_event(event: Event) -> None:
        seen.append(event.name)
        raise KeyError("\x1b[2J" + event.name)

    connection = await connect(await listen(script), on_event=on_event)
    with pytest.raises(HandlerFailed):
        await connection.command("noevents")
    reason = await ended(connection)
    assert isinstance(reason, HandlerFailed)
    assert str(reason) == r"our own handler failed: KeyError('\x1b[2JA')"
    assert seen == ["A"]
    assert isinstance(loop_errors.pop()["exception"], KeyError)  # where asyncio logs it, with its traceback


async def test_a_handler_may_say_why_it_ends_the_connection(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        far.frame("log/data", b"x")
        await far.gone()

    def on_log(level: int, line: str) -> None:
        raise FellBehind("too much to read")

    connection = await connect(await listen(script), on_log=on_log)
    assert str(await ended(connection)) == "too much to read"


async def test_a_handler_may_abort_and_hears_no_more(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.send(b"Content-Type: text/event-json\nContent-Length: 2\n\n{}" * 10)
        await far.gone()

    seen = []

    def on_event(event: Event) -> None:
        seen.append(event)
        connection.abort(FellBehind("enough"))

    connection = await connect(await listen(script), on_event=on_event)
    with pytest.raises(FellBehind, match=r"^enough$"):
        await connection.command("noevents")
    assert len(seen) == 1


# -- how it ends ---------------------------------------------------------------------------------------


def notice(body: bytes) -> bytes:
    return b"Content-Type: text/disconnect-notice\nContent-Length: %d\n\n%s" % (len(body), body)


EOF = b""  # instead of bytes: the far end closes its side
CLOSED = "FreeSWITCH closed the connection"
ENDS: dict[str, tuple[list[bytes], type[EslError], str]] = {
    "a shutdown, the socket left open": (
        [notice(b"The system is being shut down.\n")],
        Disconnected,
        "FreeSWITCH says: The system is being shut down.",
    ),
    "a goodbye": (
        [notice(b"Disconnected, goodbye.\nSee you!\n")],
        Disconnected,
        "FreeSWITCH says: Disconnected, goodbye.",
    ),
    "lost events": (
        [notice(b"killed listener because of lost events\n")],
        FellBehind,
        "FreeSWITCH says: killed listener because of lost events",
    ),
    "the end between frames": ([EOF], Disconnected, CLOSED),
    "the end in a header": (
        [b"Content-Type: command/reply\nReply-", EOF],
        Disconnected,
        f"{CLOSED} in the middle of a frame",
    ),
    "the end in a body": (
        [b"Content-Type: api/response\nContent-Length: 9\n\n1234", EOF],
        Disconnected,
        f"{CLOSED} in the middle of a frame",
    ),
    "a stream out of step": (
        [b"Content-Type: command/reply\n500: x\nevent text\n\n"],
        ProtocolError,
        "not an event socket, it says: event text",
    ),
    "a frame too large": (
        [b"Content-Length: 99999999\nContent-Type: api/response\n\n"],
        ProtocolError,
        "Content-Length 99999999 is larger than 16777216 bytes",
    ),
}


@pytest.mark.parametrize("end", ENDS)
async def test_every_end_has_a_reason_and_answers_who_waits(
    listen: Listen, connect: Connect, end: str
) -> None:
    pieces, kind, text = ENDS[end]

    async def script(far: Far) -> None:
        await far.welcome()
        assert [await far.command(), await far.command()] == ["one", "two"]
        for piece in pieces:
            far.send(piece)
            if piece == EOF:
                far.writer.write_eof()
        assert isinstance(await far.gone(), ConnectionResetError)  # by us, at once

    connection = await connect(await listen(script))
    waiting = [asyncio.create_task(connection.command(name)) for name in ("one", "two")]
    reason = await ended(connection)
    assert type(reason) is kind
    assert str(reason) == text
    for answer in await asyncio.gather(*waiting, return_exceptions=True):
        assert type(answer) is kind
    assert connection.backlog() == 0


async def test_a_reset(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        far.reset()

    connection = await connect(await listen(script))
    with pytest.raises(Disconnected, match=r"^FreeSWITCH reset the connection$"):
        await connection.command("one")
    assert str(await ended(connection)) == "FreeSWITCH reset the connection"


async def test_a_network_that_stops_answering(listen: Listen, connect: Connect) -> None:
    over = asyncio.Event()

    async def script(far: Far) -> None:
        await far.welcome()
        far.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await over.wait()

    connection = await connect(await listen(script))
    assert connection._socket is not None
    assert connection._transport is not None
    # Data that the other kernel has no room for, and a kernel here that soon gives up on it.
    connection._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 100)
    connection._transport.write(bytes(16 * 1024 * 1024))
    reason = await ended(connection)
    over.set()
    assert type(reason) is ConnectTimeout
    assert str(reason) == "the network to FreeSWITCH stopped answering"


async def test_a_command_that_never_arrives_is_the_network_not_the_process(
    listen: Listen, connect: Connect
) -> None:
    over = asyncio.Event()

    async def script(far: Far) -> None:
        await far.welcome()
        far.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await over.wait()

    connection = await connect(await listen(script))
    assert connection._transport is not None
    connection._transport.write(bytes(16 * 1024 * 1024))  # no room for it over there, nor for what follows
    with pytest.raises(ConnectTimeout, match=r"^the network to FreeSWITCH stopped answering$"):
        await connection.command("one", deadline=0.2)
    over.set()


async def test_whoever_waits_for_the_end_may_stop_waiting(listen: Listen, connect: Connect) -> None:
    connection = await connect(await listen(answering("+OK")))
    connection.closed.cancel()
    assert (await connection.command("one")).ok
    waiting = asyncio.create_task(connection.command("two"))
    await asyncio.sleep(0)
    deadline = connection._waiting[0].timer
    connection.abort(Disconnected("that is all"))
    connection.abort(Disconnected("and again"))
    assert deadline.cancelled()
    with pytest.raises(Disconnected, match=r"^that is all$"):
        await waiting
    with pytest.raises(Disconnected, match=r"^that is all$"):
        await connection.command("three")


# -- doing FreeSWITCH no harm --------------------------------------------------------------------------


async def test_the_backlog_is_what_the_kernel_holds_for_us(listen: Listen, connect: Connect) -> None:
    go = asyncio.Event()

    async def script(far: Far) -> None:
        await far.welcome()
        await go.wait()
        far.send(b"x" * 100_000)
        await far.gone()

    connection = await connect(await listen(script))
    assert connection.backlog() == 0
    assert connection._transport is not None
    connection._transport.pause_reading()
    go.set()
    await until(lambda: connection.backlog() == 100_000)
    connection.abort(FellBehind("too much to read"))
    assert connection.backlog() == 0


async def test_the_backlog_of_no_connection_is_nothing(listen: Listen, connect: Connect) -> None:
    assert Connection().backlog() == 0
    connection = await connect(await listen(answering()))
    assert connection._socket is not None
    connection._socket.close()  # as asyncio does, while another thread asks
    assert connection.backlog() == 0


class Blocked:
    """A switch whose listener has filled our receive buffer and waits for room, in a thread of its own."""

    def __init__(self) -> None:
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.full = threading.Event()
        self.error: OSError | None = None
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        sock, _ = self._server.accept()
        with sock, self._server:
            sock.sendall(b"Content-Type: auth/request\n\n")
            sock.recv(1000)
            sock.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
            sock.recv(1000)
            event = b"Content-Type: text/event-json\nContent-Length: 65536\n\n" + bytes(65536)
            sock.settimeout(0.3)
            with contextlib.suppress(TimeoutError):
                while True:
                    sock.sendall(event)
            self.full.set()
            sock.settimeout(PATIENCE)
            try:
                sock.sendall(event * 200)
            except OSError as error:
                self.error = error

    def let_go(self) -> OSError | None:
        """The error that ended the wait for room."""
        self._thread.join(2 * PATIENCE)
        return self.error


async def test_an_abort_frees_a_switch_that_waits_for_room(connect: Connect) -> None:
    switch = Blocked()
    connection = await connect(switch.port)
    assert connection._transport is not None
    connection._transport.pause_reading()
    connection._transport.write(b"go on\n\n")
    assert await asyncio.to_thread(switch.full.wait, PATIENCE)
    connection.abort(FellBehind("too much to read"))
    assert isinstance(await asyncio.to_thread(switch.let_go), ConnectionResetError)


async def test_severing_frees_a_switch_while_our_loop_stands_still(connect: Connect) -> None:
    switch = Blocked()
    connection = await connect(switch.port)
    assert connection._transport is not None
    connection._transport.write(b"go on\n\n")

    def watchdog() -> None:
        switch.full.wait(PATIENCE)
        connection.sever()

    thread = threading.Thread(target=watchdog)
    thread.start()
    freed = switch.let_go()  # nothing is awaited here: the loop stands still until the switch is free
    thread.join()
    assert isinstance(freed, ConnectionResetError)
    assert not connection.closed.done()
    reason = await ended(connection)
    assert type(reason) is FellBehind
    assert str(reason) == "our own loop stood still: FreeSWITCH was let go, not held back"


async def test_severing_ends_a_connection_whose_loop_runs(listen: Listen, connect: Connect) -> None:
    async def script(far: Far) -> None:
        await far.welcome()
        await far.command()
        severed.set()
        assert isinstance(await far.gone(), ConnectionResetError)

    severed = asyncio.Event()
    connection = await connect(await listen(script))
    waiting = asyncio.create_task(connection.command("one"))
    await severed.wait()
    await asyncio.to_thread(connection.sever)
    with pytest.raises(FellBehind):
        await waiting
    connection.sever()


async def test_a_severed_connection_says_so_if_asyncio_notices_first(
    listen: Listen, connect: Connect
) -> None:
    connection = await connect(await listen(answering()))
    connection.sever()
    connection.connection_lost(OSError(107, "not connected"))
    assert type(await ended(connection)) is FellBehind


async def test_there_may_be_nothing_to_sever() -> None:
    connection = Connection()
    connection.sever()
    assert not connection.closed.done()
    connection.abort(Disconnected("never opened"))
    assert str(await ended(connection)) == "never opened"
