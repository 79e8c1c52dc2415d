"""The far end of a connection, played by a script over a real socket."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Protocol

import pytest

from exporter.esl import Connection, Disconnected, EslError
from tests.support.no_look_up import no_look_up

PASSWORD = "sesame 7"
PATIENCE = 5.0  # seconds; anything that takes longer is broken


class Far:
    """What FreeSWITCH, or something that is not FreeSWITCH, does on one accepted connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.sock: socket.socket = writer.get_extra_info("socket")

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    def frame(self, content_type: str, body: bytes) -> None:
        self.send(f"Content-Type: {content_type}\nContent-Length: {len(body)}\n\n".encode() + body)

    def event(self, body: str) -> None:
        self.frame("text/event-json", body.encode())

    def reply(self, text: str) -> None:
        self.send(f"Content-Type: command/reply\nReply-Text: {text}\n\n".encode())

    def greet(self) -> None:
        self.send(b"Content-Type: auth/request\n\n")

    async def command(self) -> str:
        """The next command, its lines up to the empty one."""
        return (await self.reader.readuntil(b"\n\n"))[:-2].decode("utf-8", "surrogateescape")

    async def welcome(self) -> None:
        """Greet, and accept the password."""
        self.greet()
        assert await self.command() == f"auth {PASSWORD}"
        self.reply("+OK accepted")

    async def gone(self) -> OSError | None:
        """Wait until the other side has gone: None if it closed, the error if it reset the connection."""
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionError as error:
            return error
        return None

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        self.writer.transport.abort()


Script = Callable[[Far], Awaitable[None]]


def answering(*replies: str) -> Script:
    """A far end that accepts the password, answers each command with the next reply, and waits."""

    async def script(far: Far) -> None:
        await far.welcome()
        for reply in replies:
            await far.command()
            far.reply(reply)
        await far.gone()

    return script


async def ended(connection: Connection) -> EslError:
    """Why the connection is over, once it is."""
    async with asyncio.timeout(PATIENCE):
        return await asyncio.shield(connection.closed)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for something that the kernel does."""
    async with asyncio.timeout(PATIENCE):
        while not condition():  # noqa: ASYNC110 - the kernel sets no asyncio.Event
            await asyncio.sleep(0.005)


class Listen(Protocol):
    async def __call__(self, script: Script, host: str = "127.0.0.1") -> int: ...


class Connect(Protocol):
    async def __call__(self, port: int, host: str = "127.0.0.1", **options: Any) -> Connection: ...


@pytest.fixture
async def loop_errors() -> AsyncIterator[list[dict[str, Any]]]:
    """What reached asyncio's exception handler; a test that expects something there must take it out."""
    errors: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: errors.append(context))
    yield errors
    assert errors == []


@pytest.fixture
async def listen(loop_errors: list[dict[str, Any]]) -> AsyncIterator[Listen]:
    """Start a server that plays a script to everybody who connects; gives its port.

    The test ends when every script has, and fails if one failed.
    """
    servers: list[asyncio.Server] = []
    scripts: list[asyncio.Task[None]] = []
    writers: list[asyncio.StreamWriter] = []

    async def start(script: Script, host: str = "127.0.0.1") -> int:
        async def play(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await script(Far(reader, writer))

        def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            scripts.append(asyncio.create_task(play(reader, writer)))

        server = await asyncio.start_server(accepted, host, 0)
        servers.append(server)
        port: int = server.sockets[0].getsockname()[1]
        return port

    yield start
    for server in servers:
        server.close()
    try:
        async with asyncio.timeout(PATIENCE):
            await asyncio.gather(*scripts)
    finally:
        for writer in writers:
            writer.transport.abort()
        await asyncio.sleep(0)


@pytest.fixture
async def connect(loop_errors: list[dict[str, Any]]) -> AsyncIterator[Connect]:
    """Open a connection that is closed when the test ends, before its far end is waited for."""
    opened: list[Connection] = []

    async def start(port: int, host: str = "127.0.0.1", **options: Any) -> Connection:
        connection = await Connection.open(
            host, port, **{"password": PASSWORD, "look_up": no_look_up, **options}
        )
        opened.append(connection)
        return connection

    yield start
    for connection in opened:
        connection.abort(Disconnected("the test is over"))
    await asyncio.sleep(0)
