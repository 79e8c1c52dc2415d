"""Opening a connection over real sockets: the greeting, the password, and what listens there instead."""

import asyncio
import contextlib
import gc
import logging
import socket
import traceback

import pytest

from exporter.esl import (
    AclDenied,
    AuthRejected,
    CommandTimeout,
    Connection,
    Disconnected,
    EslError,
    GreetingTimeout,
    ProtocolError,
)
from exporter.esl import connection as module
from exporter.esl.protocol import CUT_REPLY
from exporter.esl.session import Session
from tests.esl.conftest import PASSWORD, Connect, Far, Listen, answering, ended
from tests.esl.recorded import raw

pytestmark = pytest.mark.usefixtures("loop_errors")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SERVICE_COMPLAINS", 0.1)
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


async def test_an_http_server_waits_for_its_client_and_is_known_by_its_complaint(
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


async def test_a_far_end_that_is_gone_at_once_is_a_disconnection() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        sock = socket.create_connection(server.getsockname())
        far, _ = server.accept()
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        far.close()
    with contextlib.suppress(ConnectionError):
        sock.recv(1)
    sock.setblocking(False)
    connection = Connection(sock, Session(PASSWORD), lambda event: None, lambda level, line: None)
    await asyncio.get_running_loop().create_connection(lambda: connection, sock=sock)
    assert isinstance(await ended(connection), Disconnected)


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

    await connect(await listen(script), user="exporter@lab")


async def test_a_userauth_reply_cut_by_freeswitch_is_complete_at_once(
    listen: Listen, connect: Connect, impatient: None
) -> None:
    async def script(far: Far) -> None:
        far.greet()
        await far.command()
        reply = (
            "Content-Type: command/reply\nReply-Text: +OK accepted\nAllowed-Events: " + "CHANNEL_CREATE " * 40
        )
        far.send(reply.encode()[:CUT_REPLY])
        assert await far.command() == "api uptime"
        far.frame("api/response", b"13\n")
        await far.gone()

    connection = await connect(await listen(script), user="exporter@lab")
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
