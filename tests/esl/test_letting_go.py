"""FreeSWITCH is never held back: what is unread is measured, and a connection can be reset from outside."""

import asyncio
import contextlib
import socket
import threading

import pytest

from exporter.esl import Disconnected, FellBehind
from tests.esl.conftest import PATIENCE, Connect, Far, Listen, answering, ended, until


async def test_the_backlog_is_what_the_kernel_has_received_and_nobody_read(
    listen: Listen, connect: Connect
) -> None:
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


async def test_the_backlog_of_a_closed_socket_is_nothing(listen: Listen, connect: Connect) -> None:
    connection = await connect(await listen(answering()))
    connection._socket.close()  # as asyncio does, while another thread asks
    assert connection.backlog() == 0


class Blocked:
    """A switch whose listener has filled the receive buffer and waits for room, in a thread of its own."""

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


async def test_severing_frees_a_switch_while_the_loop_is_stuck(connect: Connect) -> None:
    switch = Blocked()
    connection = await connect(switch.port)
    assert connection._transport is not None
    connection._transport.write(b"go on\n\n")

    def watchdog() -> None:
        switch.full.wait(PATIENCE)
        connection.sever()

    thread = threading.Thread(target=watchdog)
    thread.start()
    freed = switch.let_go()  # nothing is awaited here: the loop is stuck until the switch is free
    thread.join()
    assert isinstance(freed, ConnectionResetError)
    assert not connection.closed.done()
    reason = await ended(connection)
    assert type(reason) is FellBehind
    assert str(reason) == "the exporter's loop was stuck: closed so as not to block FreeSWITCH"


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


async def test_severing_after_the_end_changes_nothing(listen: Listen, connect: Connect) -> None:
    connection = await connect(await listen(answering()))
    connection.abort(Disconnected("that is all"))
    await asyncio.sleep(0.01)  # asyncio closes the socket
    assert connection._socket.fileno() < 0
    connection.sever()
    await asyncio.sleep(0)
    assert str(await ended(connection)) == "that is all"
