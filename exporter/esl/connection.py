"""The asyncio side of an event socket: connect, authenticate, command and reply, events.

Strategy: received bytes are turned into frames and handled inside `data_received`, at once and without
waiting for anything. There is no queue of our own between the socket and the handler: what we have not
handled is in the kernel's receive buffer, where it can be measured (`backlog`) and is bounded. That
matters because FreeSWITCH stops, all of it, when a client stops reading: a full socket is retried for
ten minutes (switch_apr.c: switch_socket_send) while the listeners' mutex may be held. So every way out
that is ours ends in a reset.

Replies carry no number and come strictly in the order of the commands, so a command that misses its
deadline ends the connection: its reply, should it still come, would be taken for the next command's. Whether
the process hangs or the network is dead, our kernel knows: it tells if the command was acknowledged.
A caller that is cancelled leaves its place in the queue, for the same reason.

Every way out sets `closed` to the EslError that says why, and answers every waiting command with it. An
exception raised by a handler of ours is such a way out too: it ends the connection with HandlerFailed and
goes on to asyncio's exception handler, which logs it with its traceback.
"""

import asyncio
import contextlib
import copy
import fcntl
import os
import socket
import struct
import termios
from collections import deque
from collections.abc import Callable
from typing import Any, Final, NamedTuple, cast

from exporter.esl import protocol
from exporter.esl.errors import (
    AclDenied,
    AuthRejected,
    CommandTimeout,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    EslError,
    FellBehind,
    GreetingTimeout,
    HandlerFailed,
    NameNotResolved,
    PermissionDenied,
    ProtocolError,
    printable,
)
from exporter.esl.event import Event
from exporter.esl.protocol import COMMAND_REPLY, EVENT_JSON, EVENT_PLAIN, Frame, Protocol

CONNECT_TIMEOUT: Final = 5.0
GREETING_TIMEOUT: Final = 5.0
COMMAND_DEADLINE: Final = 5.0
EVENT_FORMAT: Final = "json"  # as fast as plain with selective look-up, and exact (benchmarks/README.md)
_SERVICE_SPEAKS: Final = 1.0  # how long a service that waits for us may take to complain about an empty line
_TRUNCATED_REPLY: Final = 1.0  # a userauth reply cut by FreeSWITCH's 512-byte buffer never gets its end
_DENIED: Final = "-ERR permission denied"
_NETWORK_GONE: Final = "the network to FreeSWITCH stopped answering"
_LOST_EVENTS: Final = "lost events"  # "killed listener because of lost events": our queue there was full
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, no time


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
        closed: done when the connection is over, its result the reason; it never raises. For a caller to
            wait on; cancelling it changes nothing for the connection.
        peer, local: the addresses of both ends, as (host, port).
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
        self._over: EslError | None = None
        self._severed: EslError | None = None
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
                (`user@domain`); must not contain a line end. No error ever shows it.
            on_event: called for every event, inside the reader: must be quick. If it raises, the
                connection is over (HandlerFailed).
            on_log: called for every log line (FreeSWITCH's level, -1 if unreadable; text), likewise.
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
        except EslError as error:
            self.abort(error)
            if not password:
                raise
            # A far end that repeats what we send must not bring the password into an error.
            raise type(error)(str(error).replace(password, "<secret>")) from None
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
        if self._over is not None:
            raise self._over
        if not self._greeting.done():
            silence = f"no greeting within {timeout:g} s: FreeSWITCH hangs, or the port is another service's"
            raise self._ungreeted(GreetingTimeout(silence))

    async def _authenticate(self, password: str, user: str | None) -> None:
        verb, secret = ("userauth", f"{user}:{password}") if user else ("auth", password)
        try:
            answer = self._send([f"{verb} {secret}"], verb, COMMAND_DEADLINE)
        except ValueError:
            raise AuthRejected("user and password must not contain a line end or a NUL") from None
        await asyncio.wait({answer}, timeout=_TRUNCATED_REPLY)
        if not answer.done() and b"\nReply-Text: +OK accepted\n" in self._protocol.partial:
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
            ValueError: the line or a header contains a line end (it would be a second command), a NUL or
                half a surrogate pair.
            CommandTimeout: no reply within `deadline` seconds; the connection is closed.
            ConnectTimeout: likewise, and the command did not even arrive.
            EslError: the connection ended before the reply.
        """
        lines = [line, *(f"{name}: {value}" for name, value in (headers or {}).items())]
        return await self._send(lines, " ".join(line.split(" ", 2)[:2]), deadline)

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
            ProtocolError: FreeSWITCH does not know it.
            EslError: as `command`.
        """
        reply = await self.command(f"event {EVENT_FORMAT} {name}", deadline=deadline)
        if reply.text.startswith(_DENIED):
            raise PermissionDenied(f"event {name} is not allowed to this user")
        if not reply.ok:
            raise ProtocolError(f"event {name} was answered with {printable(reply.text)}")

    def backlog(self) -> int:
        """Bytes received by the kernel that we have not read yet. May be asked from any thread."""
        if self._socket is None or self._over is not None:
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
                self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if self._transport is not None:
            self._transport.abort()
        elif self._socket is not None:
            self._socket.close()

    def sever(self) -> None:
        """As `abort`, but from another thread, when the loop itself is stuck and cannot.

        A mere `shutdown` would not do: with our receive buffer full, FreeSWITCH's write goes on waiting
        for room. Closing the descriptor under the loop would free its number for somebody else's file. So
        an unconnected socket takes its place, which closes the connection itself, with a reset.
        """
        if self._socket is None:
            return
        self._severed = FellBehind("our own loop stood still: FreeSWITCH was let go, not held back")
        with contextlib.suppress(OSError, RuntimeError), socket.socket() as unconnected:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            os.dup2(unconnected.fileno(), self._socket.fileno(), inheritable=False)
            self._loop.call_soon_threadsafe(self.abort, self._severed)

    # -- asyncio's side -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the socket is ours."""
        self._transport = cast(asyncio.Transport, transport)
        # None if the far end has gone already.
        self.peer = tuple((transport.get_extra_info("peername") or ("", 0))[:2])
        self.local = tuple((transport.get_extra_info("sockname") or ("", 0))[:2])

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came. Everything they complete is handled before this returns."""
        try:
            for frame in self._protocol.receive(data):
                if frame.content_type in (EVENT_JSON, EVENT_PLAIN):
                    self._on_event(Event(frame.body))
                else:
                    self._handle(frame)
                if self._over is not None:
                    return
        except EslError as error:
            self.abort(error)
        except Exception as error:
            self.abort(HandlerFailed(f"our own handler failed: {printable(repr(error))}"))
            raise

    def eof_received(self) -> None:
        """asyncio: FreeSWITCH closed its side."""
        self.abort(self._farewell("closed the connection"))

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the socket is gone."""
        if isinstance(exc, TimeoutError):
            self._finish(ConnectTimeout(_NETWORK_GONE))
        else:
            self._finish(self._farewell("reset the connection"))

    # -- inside -------------------------------------------------------------------------------------

    def _handle(self, frame: Frame) -> None:
        match frame.content_type:
            case protocol.COMMAND_REPLY:
                self._answer(Reply(frame.header(b"Reply-Text") or "", frame))
            case protocol.API_RESPONSE:
                self._answer(Reply(frame.body.decode("utf-8", "replace"), frame))
            case protocol.AUTH_REQUEST:
                if self._greeting.done():
                    raise ProtocolError("a second auth/request")
                self._greeting.set_result(None)
            case protocol.LOG_DATA:
                self._on_log(_log_level(frame), frame.body.decode("utf-8", "replace"))
            case protocol.DISCONNECT_NOTICE:
                # FreeSWITCH may keep its side open until our last job ends, but it says nothing more.
                notice = printable(frame.body.partition(b"\n")[0])
                raise (FellBehind if _LOST_EVENTS in notice else Disconnected)(f"FreeSWITCH says: {notice}")
            case protocol.RUDE_REJECTION:
                raise AclDenied(f"FreeSWITCH's ACL refuses {self.local[0] or 'this address'}")
            case other:
                if not self._greeting.done():
                    raise ProtocolError(f"not an event socket: Content-Type {other}")
                # An unknown kind of frame says nothing about the ones around it.

    def _send(self, lines: list[str], name: str, deadline: float) -> "asyncio.Future[Reply]":
        """Write one command; `name` is what an error may show of it."""
        if any(end in line for line in lines for end in "\r\n\0"):
            raise ValueError("a command must not contain a line end or a NUL")
        data = ("\n".join(lines) + "\n\n").encode("utf-8", "surrogateescape")
        if self._over is not None:
            raise copy.copy(self._over)
        timer = self._loop.call_later(deadline, self._overdue, name, deadline)
        waiting = _Waiting(self._loop.create_future(), timer)
        self._waiting.append(waiting)
        # One write: FreeSWITCH sends no event while half a command is in its buffer.
        self._write(data)
        return waiting.answer

    def _answer(self, reply: Reply) -> None:
        if not self._waiting:
            raise ProtocolError(f"a reply nobody asked for: {printable(reply.text)}")
        waiting = self._waiting.popleft()
        waiting.timer.cancel()
        if not waiting.answer.done():
            waiting.answer.set_result(reply)

    def _overdue(self, name: str, deadline: float) -> None:
        if self._unacknowledged():
            self.abort(ConnectTimeout(_NETWORK_GONE))
        else:
            self.abort(CommandTimeout(f"no reply to '{printable(name)}' within {deadline:g} s"))

    def _unacknowledged(self) -> int:
        """Bytes we sent that the far end's kernel has not taken; a process that hangs leaves none."""
        if self._socket is None:
            return 0
        try:
            answer = fcntl.ioctl(self._socket.fileno(), termios.TIOCOUTQ, b"\0\0\0\0")
        except (OSError, ValueError):
            return 0
        return cast(int, struct.unpack("i", answer)[0])

    def _ungreeted(self, otherwise: EslError) -> EslError:
        """Why there was no greeting: what came instead, or else `otherwise`."""
        said = self._protocol.partial
        return ProtocolError(f"not an event socket, it says: {printable(said)}") if said else otherwise

    def _farewell(self, what: str) -> EslError:
        if self._severed is not None:
            return self._severed
        where = " in the middle of a frame" if self._protocol.partial else ""
        reason = Disconnected(f"FreeSWITCH {what}{where}")
        return reason if self._greeting.done() else self._ungreeted(reason)

    def _finish(self, reason: EslError) -> None:
        if self._over is not None:
            return
        self._over = reason
        if not self.closed.done():
            self.closed.set_result(reason)
        for waiting in self._waiting:
            waiting.timer.cancel()
            if not waiting.answer.done():
                # A copy each: one exception raised in many places gathers all their tracebacks.
                waiting.answer.set_exception(copy.copy(reason))
                waiting.answer.exception()  # its caller may be gone: that is no error of its own
        self._waiting.clear()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)


def _log_level(frame: Frame) -> int:
    level = frame.header(b"Log-Level") or ""
    return int(level) if level.isascii() and level.isdigit() and len(level) <= 3 else -1


async def _connect(host: str, port: int, timeout: float) -> socket.socket:
    """A connected socket to the first address that accepts. If none does, a refusal is what is raised."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout):
            infos = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except TimeoutError:
        raise NameNotResolved(f"looking up {printable(host)} took longer than {timeout:g} s") from None
    except (OSError, ValueError) as error:
        raise NameNotResolved(f"{printable(host)}: {getattr(error, 'strerror', None) or error}") from None
    failure: EslError = NameNotResolved(f"{printable(host)} has no address")
    for family, kind, proto, _, address in infos:
        where = f"{printable(host)} ({address[0]}) port {port}"
        try:
            return await _connect_to(socket.socket(family, kind, proto), address, timeout / len(infos))
        except ConnectionRefusedError:
            failure = ConnectionRefused(f"{where} refuses connections")
        except OSError as error:
            if not isinstance(failure, ConnectionRefused):  # which says more: something answered
                failure = ConnectTimeout(f"{where}: {error.strerror or 'no answer'}")
    raise failure


async def _connect_to(sock: socket.socket, address: Any, timeout: float) -> socket.socket:
    """The socket, connected; closed if that fails."""
    try:
        sock.setblocking(False)
        _keep_alive(sock)
        async with asyncio.timeout(timeout):
            await asyncio.get_running_loop().sock_connect(sock, address)
    except BaseException:
        sock.close()
        raise
    return sock


def _keep_alive(sock: socket.socket) -> None:
    """Let the kernel notice a host that vanished without a reset, within half a minute."""
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, seconds in (("TCP_KEEPIDLE", 10), ("TCP_KEEPINTVL", 5), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), seconds)
