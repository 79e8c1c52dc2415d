"""The asyncio side of an event socket: it moves bytes and keeps deadlines.

Strategy: what bytes mean is decided by `Session`, inside `data_received`, and its events and log lines are
handled there, at once and without waiting for anything. There is no queue between the socket and the
handler: what has not been handled is in the kernel's receive buffer, where it is bounded and can be
measured (`backlog`). That matters because FreeSWITCH stops, all of it, when a client stops reading: a full
socket is retried for ten minutes (switch_apr.c: switch_socket_send) while the listeners' mutex may be held.
So whenever the exporter ends a connection it resets it.

Replies come in the order of the commands and carry no number, so a command that misses its deadline ends
the connection: its reply, should it still come, would be taken for the next command's. Whether the process
hangs or the network is dead is known to the exporter's kernel: it tells whether the command was
acknowledged. A cancelled caller leaves its command's place in the order, for the same reason.

Every end sets `closed` to the EslError that gives the reason, and raises it in every caller that waits for
a reply. An exception raised by a handler is such an end, too: HandlerFailed; the exception itself goes on
to asyncio's exception handler, which logs it with its traceback.
"""

import asyncio
import contextlib
import copy
import fcntl
import os
import socket
import struct
import termios
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple, cast

from exporter.esl.errors import (
    CommandTimeout,
    ConnectTimeout,
    Disconnected,
    EslError,
    Exhausted,
    FellBehind,
    GreetingTimeout,
    HandlerFailed,
    PermissionDenied,
    ProtocolError,
    quoted,
)
from exporter.esl.event import Event
from exporter.esl.session import (
    EMPTY_LINES,
    Authenticated,
    Ended,
    Greeted,
    LogLine,
    Received,
    Replied,
    Reply,
    Session,
)
from exporter.esl.tcp import LookUp, connect

CONNECT_TIMEOUT: Final = 5.0
GREETING_TIMEOUT: Final = 5.0
COMMAND_DEADLINE: Final = 5.0
EVENT_FORMAT: Final = "json"  # as fast as plain with selective look-up, and exact (benchmarks/README.md)
_SERVICE_COMPLAINS: Final = 1.0  # seconds that another service may take to complain about empty lines
_NETWORK_GONE: Final = "the network to FreeSWITCH stopped answering"
_RESET_ON_CLOSE: Final = struct.pack("ii", 1, 0)  # struct linger: on, no time


class _Waiting(NamedTuple):
    answer: "asyncio.Future[Reply]"
    timer: asyncio.TimerHandle | None

    def settled(self) -> None:
        """It has its answer, or will have none."""
        if self.timer is not None:
            self.timer.cancel()


def _ignore_event(event: Event) -> None:
    """For connections that subscribe to nothing."""


def _ignore_log(level: int, line: str) -> None:
    """For connections that did not ask for log lines."""


class Connection(asyncio.Protocol):
    """An authenticated event socket. Made by `open`; all calls on the loop that made it.

    Attributes:
        closed: done when the connection is over, its result the reason; it never raises. For a caller to
            wait on; cancelling it changes nothing for the connection.
    """

    def __init__(
        self,
        sock: socket.socket,
        session: Session,
        on_event: Callable[[Event], None],
        on_log: Callable[[int, str], None],
    ) -> None:
        self._loop = loop = asyncio.get_running_loop()
        self._socket = sock
        self._session = session
        self._on_event = on_event
        self._on_log = on_log
        self._transport: asyncio.Transport | None = None
        self._greeted: asyncio.Future[None] = loop.create_future()
        self._authenticated: asyncio.Future[None] = loop.create_future()
        self._waiting: dict[int, _Waiting] = {}
        self._over: EslError | None = None
        self._severed: EslError | None = None
        self.closed: asyncio.Future[EslError] = loop.create_future()

    # -- opening ------------------------------------------------------------------------------------

    @classmethod
    async def open(
        cls,
        host: str,
        port: int,
        *,
        password: str,
        look_up: LookUp,
        user: str | None = None,
        on_event: Callable[[Event], None] = _ignore_event,
        on_log: Callable[[int, str], None] = _ignore_log,
        connect_timeout: float = CONNECT_TIMEOUT,
        greeting_timeout: float = GREETING_TIMEOUT,
    ) -> "Connection":
        """Connect to `host` and authenticate.

        Args:
            host: name, IPv4 or IPv6 address.
            port: TCP port.
            password: sent with `auth`, or with `userauth user:password` where `user` is set; must not
                contain a line end. No error ever shows it.
            look_up: finds the addresses of a name; not called for an address.
            user: an account of FreeSWITCH's directory (`name@domain`).
            on_event: called for every event, inside the reader: must be quick. If it raises, the
                connection is over (HandlerFailed).
            on_log: called for every log line (FreeSWITCH's level, -1 if unreadable; text), likewise.
            connect_timeout: seconds for the look-up, and again for the connection.
            greeting_timeout: seconds.

        Raises:
            EslError: the subclass says which layer failed.
        """
        sock = await connect(host, port, look_up, connect_timeout)
        self = cls(sock, Session(password, user, sock.getsockname()[0]), on_event, on_log)
        try:
            await self._loop.create_connection(lambda: self, sock=sock)
            await self._greeting(greeting_timeout)
            await self._authentication()
        except EslError as error:
            self.abort(error)
            raise
        except BaseException:
            self.abort(Disconnected("not opened"))
            raise
        return self

    async def _greeting(self, timeout: float) -> None:
        """Wait until FreeSWITCH has greeted."""
        if not await self._happens(self._greeted, timeout):
            self._write(EMPTY_LINES)
            if not await self._happens(self._greeted, _SERVICE_COMPLAINS):
                why = "FreeSWITCH hangs, or the port is another service's"
                raise self._session.ungreeted(GreetingTimeout(f"no greeting within {timeout:g} s: {why}"))

    async def _authentication(self) -> None:
        """Wait until FreeSWITCH has accepted the password."""
        if not await self._happens(self._authenticated, COMMAND_DEADLINE):
            raise self._overdue(self._session.login, COMMAND_DEADLINE)

    async def _happens(self, future: "asyncio.Future[None]", timeout: float) -> bool:
        """Whether it does, within `timeout` seconds.

        Raises:
            EslError: the connection ended before it.
        """
        awaited: set[asyncio.Future[Any]] = {future, self.closed}
        await asyncio.wait(awaited, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if self._over is not None and not future.done():
            raise self._over
        return future.done()

    # -- using it -----------------------------------------------------------------------------------

    async def command(
        self,
        line: str,
        *,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = COMMAND_DEADLINE,
    ) -> Reply:
        """Send one command and return its reply, whatever it says.

        Args:
            line: the command.
            headers: the lines after it.
            deadline: seconds until the reply; None waits for as long as the connection holds.

        Raises:
            ValueError: the line or a header contains a line end (it would be a second command), a NUL or
                half a surrogate pair.
            CommandTimeout: no reply within `deadline` seconds; the connection is closed.
            ConnectTimeout: likewise, and the command was not even acknowledged.
            EslError: the connection ended before the reply.
        """
        if self._over is not None:
            raise copy.copy(self._over)
        number = self._session.command(line, headers)
        name = " ".join(line.split(" ", 2)[:2])  # as much of it as an error may show
        timer = None
        if deadline is not None:
            timer = self._loop.call_later(deadline, self._on_deadline, name, deadline)
        waiting = self._waiting[number] = _Waiting(self._loop.create_future(), timer)
        self._write(self._session.data_to_send())
        return await waiting.answer

    async def api(self, command: str, deadline: float | None = COMMAND_DEADLINE) -> str:
        """Run an api command and return its output. It holds back this connection's events meanwhile.

        Raises:
            PermissionDenied: the account may not use that command.
            EslError: as `command`.
        """
        reply = await self.command(f"api {command}", deadline=deadline)
        if reply.denied:
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
        if reply.denied:
            raise PermissionDenied(f"bgapi {command.split(' ', 1)[0]} is not allowed to this user")
        if not reply.ok:
            raise ProtocolError(f"bgapi was answered with {quoted(reply.text)}")

    async def subscribe(self, name: str, deadline: float = COMMAND_DEADLINE) -> None:
        """Ask for one event name, or `CUSTOM subclass`. One command a name: a denied one costs no other.

        Raises:
            PermissionDenied: the account may not have that event.
            ProtocolError: FreeSWITCH does not know it.
            EslError: as `command`.
        """
        reply = await self.command(f"event {EVENT_FORMAT} {name}", deadline=deadline)
        if reply.denied:
            raise PermissionDenied(f"event {name} is not allowed to this user")
        if not reply.ok:
            raise ProtocolError(f"event {name} was answered with {quoted(reply.text)}")

    def backlog(self) -> int:
        """Bytes received by the kernel that the exporter has not read yet. May be asked from any thread."""
        return 0 if self._over is not None else self._queued(termios.FIONREAD)

    def abort(self, reason: EslError) -> None:
        """Close at once with a reset: nothing unread may hold FreeSWITCH back."""
        self._finish(reason)
        with contextlib.suppress(OSError):
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        if self._transport is not None:
            self._transport.abort()
        else:
            self._socket.close()

    def sever(self) -> None:
        """As `abort`, but from another thread, when the loop itself is stuck and cannot.

        A mere `shutdown` would not do: with the receive buffer full, FreeSWITCH's write goes on waiting for
        room. Closing the descriptor under the loop would free its number for another file. So an unconnected
        socket takes its place, which closes the connection itself, with a reset.
        """
        self._severed = FellBehind("the exporter's loop was stuck: closed so as not to block FreeSWITCH")
        with contextlib.suppress(OSError, RuntimeError), socket.socket() as unconnected:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            os.dup2(unconnected.fileno(), self._socket.fileno(), inheritable=False)
            self._loop.call_soon_threadsafe(self.abort, self._severed)

    # -- asyncio's side -----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """asyncio: the transport has taken the socket over."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """asyncio: bytes came. Everything they complete is handled before this returns."""
        try:
            for received in self._session.receive(data):
                if type(received) is Event:
                    self._on_event(received)
                else:
                    self._handle(received)
                if self._over is not None:
                    return
        except EslError as error:
            self.abort(error)
        except Exception as error:
            failed = HandlerFailed(f"the exporter's handler failed: {quoted(repr(error))}")
            self.abort(Exhausted.cause(error) or failed)
            raise

    def eof_received(self) -> None:
        """asyncio: FreeSWITCH closed its side."""
        self.abort(self._severed or self._session.disconnected("closed"))

    def connection_lost(self, exc: Exception | None) -> None:
        """asyncio: the socket is gone."""
        if self._over is not None:
            return
        if exc is not None and (exhausted := Exhausted.cause(exc)) is not None:
            self._finish(exhausted)
        elif isinstance(exc, TimeoutError):
            self._finish(ConnectTimeout(_NETWORK_GONE))
        else:
            self._finish(self._severed or self._session.disconnected("reset"))

    # -- inside -------------------------------------------------------------------------------------

    def _handle(self, received: Received) -> None:
        match received:
            case Replied(number, reply):
                waiting = self._waiting.pop(number)
                waiting.settled()
                if not waiting.answer.done():  # its caller may have been cancelled
                    waiting.answer.set_result(reply)
            case LogLine(level, text):
                self._on_log(level, text)
            case Greeted():
                self._greeted.set_result(None)
                self._write(self._session.data_to_send())
            case Authenticated():
                self._authenticated.set_result(None)
            case Ended(reason):
                self.abort(reason)

    def _on_deadline(self, name: str, deadline: float) -> None:
        self.abort(self._overdue(name, deadline))

    def _overdue(self, name: str, deadline: float) -> EslError:
        """Why the command got no reply: a process that hangs leaves its kernel to acknowledge it."""
        if self._queued(termios.TIOCOUTQ):
            return ConnectTimeout(_NETWORK_GONE)
        return CommandTimeout(f"no reply to '{quoted(name)}' within {deadline:g} s")

    def _queued(self, request: int) -> int:
        """Bytes in the kernel: FIONREAD, received and not read; TIOCOUTQ, sent and not acknowledged."""
        try:
            answer = fcntl.ioctl(self._socket.fileno(), request, b"\0\0\0\0")
        except (OSError, ValueError):  # closed meanwhile
            return 0
        return cast(int, struct.unpack("i", answer)[0])

    def _finish(self, reason: EslError) -> None:
        if self._over is not None:
            return
        self._over = reason
        self._session.close()
        if not self.closed.done():
            self.closed.set_result(reason)
        for waiting in self._waiting.values():
            waiting.settled()
            if not waiting.answer.done():
                # A copy each: one exception raised in many places gathers all their tracebacks.
                waiting.answer.set_exception(copy.copy(reason))
                waiting.answer.exception()  # its caller may be gone: that is no error of its own
        self._waiting.clear()

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)
