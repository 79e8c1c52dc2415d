"""How a connection ends, over real sockets: every end has a reason, and every waiting caller gets it."""

import asyncio
import socket

import pytest

from exporter.esl import ConnectTimeout, Disconnected, EslError, FellBehind, ProtocolError
from tests.esl.conftest import Connect, Far, Listen, answering, ended


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
        "Content-Length 99999999 is larger than 33554432 bytes",
    ),
}


@pytest.mark.parametrize("end", ENDS)
async def test_every_end_has_a_reason_and_every_waiting_caller_gets_it(
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
        assert isinstance(await far.gone(), ConnectionResetError)  # at once

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


async def test_a_caller_may_stop_waiting_for_the_end(listen: Listen, connect: Connect) -> None:
    connection = await connect(await listen(answering("+OK")))
    connection.closed.cancel()
    assert (await connection.command("one")).ok
    waiting = asyncio.create_task(connection.command("two"))
    await asyncio.sleep(0)
    deadline = connection._waiting[2].timer
    connection.abort(Disconnected("that is all"))
    connection.abort(Disconnected("and again"))
    assert deadline is not None
    assert deadline.cancelled()
    with pytest.raises(Disconnected, match=r"^that is all$"):
        await waiting
    with pytest.raises(Disconnected, match=r"^that is all$"):
        await connection.command("three")


async def test_a_command_without_a_deadline_waits_for_as_long_as_the_connection_holds(
    listen: Listen, connect: Connect
) -> None:
    connection = await connect(await listen(answering("+OK")))
    waiting = asyncio.create_task(connection.command("one", deadline=None))
    await asyncio.sleep(0)
    assert connection._waiting[1].timer is None
    assert (await waiting).ok
    unanswered = asyncio.create_task(connection.command("two", deadline=None))
    await asyncio.sleep(0)
    connection.abort(Disconnected("that is all"))
    with pytest.raises(Disconnected, match=r"^that is all$"):
        await unanswered
