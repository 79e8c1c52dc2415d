"""The asyncio side of an event socket: connect, authenticate, command and reply, events.

Strategy: received bytes are turned into frames and handled inside `data_received`, at once and without
waiting for anything. There is no queue of our own between the socket and the handler: what we have not
handled is in the kernel's receive buffer, where it can be measured (`backlog`) and is bounded. That
matters because FreeSWITCH stops, all of it, when a client stops reading (facts.md 1.7).

Replies carry no number and come strictly in the order of the commands, so a command that misses its
deadline ends the connection: its reply, should it still come, would be taken for the next command's.
A caller that is cancelled leaves its place in the queue, for the same reason.

Every way out sets `closed` to the EslError that says why, and answers every waiting command with it.
"""

import asyncio
import contextlib
import fcntl
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from exporter.esl.errors import (
    AclDenied,
    AuthRejected,
    CommandTimeout,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    EslError,
    GreetingTimeout,
    NameNotResolved,
    PermissionDenied,
    ProtocolError,
    printable,
)
from exporter.esl.event import Event
from exporter.esl.protocol import (
    AUTH_REQUEST,
    COMMAND_REPLY,
    DISCONNECT_NOTICE,
    EVENT_JSON,
    EVENT_PLAIN,
    LOG_DATA,
    RUDE_REJECTION,
    Frame,
    Protocol,
)

CONNECT_TIMEOUT: Final = 5.0
GREETING_TIMEOUT: Final = 5.0
COMMAND_DEADLINE: Final = 5.0
EVENT_FORMAT: Final = "json"  # as fast as plain with selective look-up, and exact (benchmarks/README.md)
_SERVICE_SPEAKS: Final = 1.0  # how long a service that waits for us may take to complain about an empty line
_TRUNCATED_REPLY: Final = 1.0  # a userauth reply cut by FreeSWITCH's 512-byte buffer never gets its end
_DENIED: Final = "-ERR permission denied"

Sockaddr = tuple[str, int] | tuple[str, int, int, int]


class Reply(NamedTuple):
    """The answer to a command: `text` is Reply-Text of a command/reply, or the body of an api/response."""

    text: str
    frame: Frame

    @property
    def ok(self) -> bool:
        """FreeSWITCH did not say -ERR. (Some api commands say no in other words; see exporter.switch.)"""
        return not self.text.startswith("-ERR")


class _Waiting(NamedTuple):
    answer: "asyncio.Future[Reply]"
    timer: asyncio.TimerHandle


def _ignore_event(event: Event) -> None:
    """For connections that subscribe to nothing."""


def _ignore_log(level: int, line: str) -> None:
    """For connections that did not ask for log lines."""


class Connection(asyncio.Protocol):
    """An authenticated event socket. Made by `open`; all calls on the loop that made it.

    Attributes:
        closed: done when the connection is over, its result the reason. Never cancelled or raising.
        peer: the address we are connected to, as (host, port).
        truncated_greeting: the userauth reply came without its end, as FreeSWITCH's too long ones do.
    """

    def __init__(
        self,
        on_event: Callable[[Event], None] = _ignore_event,
        on_log: Callable[[int, str], None] = _ignore_log,
    ) -> None:
        loop = asyncio.get_running_loop()
        self._loop = loop
        self._protocol = Protocol()
        self._waiting: deque[_Waiting] = deque()
        self._on_event = on_event
        self._on_log = on_log
        self._greeting: asyncio.Future[None] = loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._socket: socket.socket | None = None
        self._notice = ""
        self.closed: asyncio.Future[EslError] = loop.create_future()
        self.peer: tuple[str, int] = ("", 0)
        self.local: tuple[str, int] = ("", 0)
        self.truncated_greeting = False

    # -- making one ---------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        *,
        password: str,
        user: str | None = None,
        on_event: Callable[[Event], None] = _ignore_event,
        on_log: Callable[[int, str], None] = _ignore_log,
        connect_timeout: float = CONNECT_TIMEOUT,
        greeting_timeout: float = GREETING_TIMEOUT,
    ) -> "Connection":
        """Connect to the first address of `host` that accepts, and authenticate.

        Args:
            host: name, IPv4 or IPv6 address.
            password: sent with `auth`, or with `userauth user:password` where `user` is set
                (`user@domain`); must not contain a line end.
            on_event: called for every event, inside the reader: must be quick and must not raise.
            connect_timeout, greeting_timeout: seconds.

        Raises:
            EslError: the subclass says which layer failed.
        """
        self = cls(on_event, on_log)
        sock = await _connect(host, port, connect_timeout)
        self._socket = sock
        try:
            await self._loop.create_connection(lambda: self, sock=sock)
            await self._greet(greeting_timeout)
            await self._authenticate(password, user)
        except BaseException:
            self.abort(Disconnected("not opened"))
            raise
        return self

    async def _greet(self, timeout: float) -> None:
        awaited: set[asyncio.Future[Any]] = {self._greeting, self.closed}
        done, _ = await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if not done:
            # FreeSWITCH skips empty lines; a service that waits for its client to speak complains.
            self._write(b"\n\n")
            await asyncio.wait(awaited, timeout=_SERVICE_SPEAKS, return_when=asyncio.FIRST_COMPLETED)
        if self.closed.done():
            raise self.closed.result()
        if self._greeting.done():
            return
        raise GreetingTimeout(f"connected, but no greeting within {timeout:g} s")

    async def _authenticate(self, password: str, user: str | None) -> None:
        line = f"userauth {user}:{password}" if user else f"auth {password}"
        if "\n" in line or "\r" in line:
            raise AuthRejected("user and password must not contain a line end")
        answer = asyncio.ensure_future(self.command(line, deadline=COMMAND_DEADLINE))
        done, _ = await asyncio.wait({answer}, timeout=_TRUNCATED_REPLY)
        if not done and b"Reply-Text: +OK accepted" in self._protocol.partial:
            self._protocol.discard_partial()
            self.truncated_greeting = True
            self._answer(Reply("+OK accepted", Frame(COMMAND_REPLY, b"", b"")))
        reply = await answer
        if not reply.text.startswith("+OK"):
            raise AuthRejected(f"FreeSWITCH says: {printable(reply.text)}")

    # -- using it -----------------------------------------------------------------------------------

    async def command(
        self, line: str, *, headers: dict[str, str] | None = None, deadline: float = COMMAND_DEADLINE
    ) -> Reply:
        """Send one command and return its reply, whatever it says.

        Raises:
            ValueError: the line or a header contains a line end (it would be a second command).
            CommandTimeout: no reply within `deadline` seconds; the connection is closed.
            EslError: the connection ended before the reply.
        """
        lines = [line, *(f"{name}: {value}" for name, value in (headers or {}).items())]
        if any("\n" in part or "\r" in part for part in lines):
            raise ValueError("a command must not contain a line end")
        if self.closed.done():
            raise self.closed.result()
        timer = self._loop.call_later(deadline, self._overdue, line.split(" ", 2)[:2], deadline)
        waiting = _Waiting(self._loop.create_future(), timer)
        self._waiting.append(waiting)
        # One write: FreeSWITCH sends no event while half a command is in its buffer.
        self._write(("\n".join(lines) + "\n\n").encode())
        return await waiting.answer

    async def api(self, command: str, deadline: float = COMMAND_DEADLINE) -> str:
        """Run an api command and return its output. It holds back this connection's events meanwhile.

        Raises:
            PermissionDenied: the account may not use that command.
            EslError: as `command`.
        """
        reply = await self.command(f"api {command}", deadline=deadline)
        # A refusal is a command/reply, never an api/response.
        if reply.frame.content_type == COMMAND_REPLY and reply.text.startswith(_DENIED):
            raise PermissionDenied(f"api {command.split(' ', 1)[0]} is not allowed to this user")
        return reply.text

    async def bgapi(self, command: str, job_uuid: str, deadline: float = COMMAND_DEADLINE) -> None:
        """Start an api command as a job; its BACKGROUND_JOB event carries the id chosen here.

        Raises:
            PermissionDenied: the account may not use that command.
            ProtocolError: FreeSWITCH did not take the job.
            EslError: as `command`.
        """
        reply = await self.command(f"bgapi {command}", headers={"Job-UUID": job_uuid}, deadline=deadline)
        if reply.text.startswith(_DENIED):
            raise PermissionDenied(f"bgapi {command.split(' ', 1)[0]} is not allowed to this user")
        if not reply.ok:
            raise ProtocolError(f"bgapi was answered with {printable(reply.text)}")

    async def subscribe(self, name: str, deadline: float = COMMAND_DEADLINE) -> None:
        """Ask for one event name, or `CUSTOM subclass`. One command a name: a denied one costs no other.

        Raises:
            PermissionDenied: the account may not have that event.
            EslError: as `command`.
        """
        reply = await self.command(f"event {EVENT_FORMAT} {name}", deadline=deadline)
        if reply.text.startswith(_DENIED):
            raise PermissionDenied(f"event {name} is not allowed to this user")

    def backlog(self) -> int:
        """Bytes received by the kernel that we have not read yet."""
        if self._socket is None or self.closed.done():
            return 0
        try:
            answer = fcntl.ioctl(self._socket.fileno(), termios.FIONREAD, b"\0\0\0\0")
        except (OSError, ValueError):
            return 0
        return cast(int, struct.unpack("i", answer)[0])

    def abort(self, reason: EslError) -> None:
        """Close at once with a reset: nothing unread may hold FreeSWITCH back."""
        self._finish(reason)
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if self._transport is not None:
            self._transport.abort()
        elif self._socket is not None:
            self._socket.close()

    def sever(self) -> None:
        """Shut the socket down from another thread, when the loop itself is stuck and cannot `abort`.

        Data that arrives afterwards is answered by the kernel with a reset, so FreeSWITCH goes on.
        """
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    # -- asyncio's side -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is ours."""
        self._transport = cast(asyncio.Transport, transport)
        self.peer = tuple(transport.get_extra_info("peername", ("", 0))[:2])
        self.local = tuple(transport.get_extra_info("sockname", ("", 0))[:2])

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came. Everything they complete is handled before this returns."""
        try:
            for frame in self._protocol.receive(data):
                if frame.content_type in (EVENT_JSON, EVENT_PLAIN):
                    self._on_event(Event(frame.body))
                else:
                    self._handle(frame)
                if self.closed.done():
                    return
        except EslError as error:
            self.abort(error)

    def eof_received(self) -> None:
        """asyncio: FreeSWITCH closed its side."""
        self._finish(self._farewell("closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the socket is gone."""
        if isinstance(exc, TimeoutError):
            self._finish(ConnectTimeout("the network to FreeSWITCH stopped answering"))
        self._finish(self._farewell("reset the connection" if exc else "closed the connection"))

    # -- inside -------------------------------------------------------------------------------------

    def _handle(self, frame: Frame) -> None:
        match frame.content_type:
            case "command/reply":
                text = frame.header(b"Reply-Text")
                self._answer(Reply(text if text is not None else "", frame))
            case "api/response":
                self._answer(Reply(frame.body.decode("utf-8", "replace"), frame))
            case "auth/request":
                if self._greeting.done():
                    raise ProtocolError("a second auth/request")
                self._greeting.set_result(None)
            case "log/data":
                level = frame.header(b"Log-Level") or ""
                self._on_log(
                    int(level) if level.isascii() and level.isdigit() else -1,
                    frame.body.decode("utf-8", "replace"),
                )
            case "text/disconnect-notice":
                self._notice = printable(frame.body)
            case "text/rude-rejection":
                raise AclDenied(f"FreeSWITCH's ACL refuses {self.local[0] or 'this address'}")
            case other:
                if not self._greeting.done():
                    raise ProtocolError(f"not an event socket: Content-Type {other}")
                # An unknown kind of frame says nothing about the ones around it.

    def _answer(self, reply: Reply) -> None:
        if not self._waiting:
            raise ProtocolError(f"a reply nobody asked for: {printable(reply.text)}")
        waiting = self._waiting.popleft()
        waiting.timer.cancel()
        if not waiting.answer.done():
            waiting.answer.set_result(reply)

    def _overdue(self, words: list[str], deadline: float) -> None:
        # The first two words name the command ("api sofia"); an auth line's second is the password.
        name = words[0] if words[0] in ("auth", "userauth") else " ".join(words)
        self.abort(CommandTimeout(f"no reply to '{printable(name)}' within {deadline:g} s"))

    def _farewell(self, what: str) -> EslError:
        if not self._greeting.done() and self._protocol.partial:
            return ProtocolError(f"not an event socket, it says: {printable(self._protocol.partial)}")
        return Disconnected(f"FreeSWITCH {what}" + (f": {self._notice}" if self._notice else ""))

    def _finish(self, reason: EslError) -> None:
        if not self.closed.done():
            self.closed.set_result(reason)
        reason = self.closed.result()
        while self._waiting:
            waiting = self._waiting.popleft()
            waiting.timer.cancel()
            if not waiting.answer.done():
                waiting.answer.set_exception(reason)
                waiting.answer.exception()  # its caller may be gone: that is no error of its own

    def _write(self, data: bytes) -> None:
        if self._transport is not None and not self.closed.done():
            self._transport.write(data)


async def _connect(host: str, port: int, timeout: float) -> socket.socket:
    """A connected socket to the first address that accepts; the last address's error if none does."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise NameNotResolved(f"looking up {printable(host)} took longer than {timeout:g} s") from None
    except (OSError, UnicodeError) as error:
        raise NameNotResolved(f"{printable(host)}: {getattr(error, 'strerror', None) or error}") from None
    failure: EslError = NameNotResolved(f"{printable(host)} has no address")
    share = timeout / max(len(infos), 1)
    for family, kind, proto, _, address in infos:
        where = f"{printable(host)} ({address[0]}) port {port}"
        sock = socket.socket(family, kind, proto)
        try:
            sock.setblocking(False)
            _keep_alive(sock)
            async with asyncio.timeout(share):
                await loop.sock_connect(sock, address)
        except ConnectionRefusedError:
            failure = ConnectionRefused(f"{where} refuses connections")
        except TimeoutError:
            failure = ConnectTimeout(f"{where} does not answer")
        except OSError as error:
            failure = ConnectTimeout(f"{where}: {error.strerror or error}")
        except BaseException:
            sock.close()
            raise
        else:
            return sock
        sock.close()
    raise failure


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice a host that vanished without a reset, within half a minute."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
