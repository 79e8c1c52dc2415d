"""One event socket from greeting to end, without any I/O: a table of states.

    awaiting greeting ──auth/request──▶ authenticating ──+OK──▶ ready ──▶ closed
            └───────────────────────────────┴── refusal, notice, damaged stream ──▶ closed

Strategy: `receive` takes bytes and returns what they mean as typed values, in order; `data_to_send` gives
the bytes for FreeSWITCH. The table `_ACTIONS` in `Session` says what each kind of frame means in each
state. A frame of a kind that it does not list is ignored once FreeSWITCH has greeted; before that it shows
that the service is not FreeSWITCH's event socket. What is received does not depend on the pieces in which
the bytes arrive.

Replies carry no number and come strictly in the order of the commands (one thread of FreeSWITCH reads, runs
and answers them, mod_event_socket.c: listener_run). So commands are numbered here, and each reply gets the
number of the oldest command that has none.

The end comes once, as `Ended` with an EslError. A far end that repeats what it was sent must not bring the
password into a log: it is masked in every text that is quoted (errors.py), from the first frame on.
"""

import enum
from collections.abc import Callable, Mapping
from typing import Final, Literal, NamedTuple, TypeAlias

from exporter.esl import protocol
from exporter.esl.errors import (
    MASK,
    AclDenied,
    AuthRejected,
    Disconnected,
    EslError,
    FellBehind,
    ProtocolError,
    mask,
    quoted,
)
from exporter.esl.event import Event
from exporter.esl.protocol import Frame, Protocol

# Sent to a silent far end: FreeSWITCH skips empty lines, a service that waits for its client complains.
EMPTY_LINES: Final = b"\n\n"
_DENIED: Final = "-ERR permission denied"
_LOST_EVENTS: Final = "lost events"  # "killed listener because of lost events": FreeSWITCH's queue was full


class State(enum.Enum):
    """How far a session has come."""

    AWAITING_GREETING = "awaiting greeting"
    AUTHENTICATING = "authenticating"
    READY = "ready"
    CLOSED = "closed"


class Reply(NamedTuple):
    """The answer to a command: `text` is Reply-Text of a command/reply, or the body of an api/response."""

    text: str
    frame: Frame

    @property
    def ok(self) -> bool:
        """Not -ERR. Some api commands fail in other words; exporter.switch knows them."""
        return not self.text.startswith("-ERR")

    @property
    def denied(self) -> bool:
        """The `userauth` account may not do that. Such a reply is always a command/reply, also to `api`."""
        return self.frame.content_type == protocol.COMMAND_REPLY and self.text.startswith(_DENIED)


class Greeted(NamedTuple):
    """FreeSWITCH asks for the password; `data_to_send` has it."""


class Authenticated(NamedTuple):
    """FreeSWITCH accepts the password.

    The headers of the reply to `userauth` list what the user may do (`Allowed-Events`, `Allowed-API`); long
    lists are cut.
    """

    reply: Reply


class Replied(NamedTuple):
    """The reply to the command of that number."""

    number: int
    reply: Reply


class LogLine(NamedTuple):
    """A line of FreeSWITCH's log: its level (0 CONSOLE to 7 DEBUG; -1 if unreadable) and its text."""

    level: int
    text: str


class Ended(NamedTuple):
    """The session is over; nothing follows."""

    reason: EslError


Received: TypeAlias = Greeted | Authenticated | Replied | Event | LogLine | Ended
_Action: TypeAlias = Callable[["Session", Frame], Received]


class Session:
    """The client's side of one event socket.

    Args:
        password: sent with `auth`, or with `userauth user:password` where `user` is set.
        user: an account of FreeSWITCH's directory (`name@domain`).
        local: this end's address, for the error about an ACL.

    Attributes:
        state: how far it has come.
    """

    def __init__(self, password: str, user: str | None = None, local: str = "this address") -> None:
        mask(password)
        self._become(State.AWAITING_GREETING)
        self._protocol = Protocol()
        self._outgoing = bytearray()
        self._password = password
        self._user = user
        self._local = local
        self._sent = 0
        self._answered = 0

    @property
    def login(self) -> str:
        """The command that authenticates, as an error may show it."""
        return "userauth" if self._user else "auth"

    def receive(self, data: bytes) -> list[Received]:
        """What `data` completes, in order; nothing once the session is closed."""
        received: list[Received] = []
        for frame in self._protocol.receive(data):
            action = self._actions.get(frame.content_type)
            if action is not None:
                received.append(action(self, frame))
            elif self.state is State.AWAITING_GREETING:
                error = ProtocolError(f"not an event socket: Content-Type {frame.content_type}")
                received.append(self._end(error))
        if self._protocol.failure is not None and self.state is not State.CLOSED:
            received.append(self._end(self._protocol.failure))
        return received

    def data_to_send(self) -> bytes:
        """The bytes to write now, each once.

        Write them in one piece: FreeSWITCH sends no event while half a command is in its buffer.
        """
        data = bytes(self._outgoing)
        self._outgoing.clear()
        return data

    def command(self, line: str, headers: Mapping[str, str] | None = None) -> int:
        """Queue one command for `data_to_send` and return its number; state `READY` only.

        Raises:
            ValueError: the line or a header contains a line end (it would be a second command), a NUL or
                half a surrogate pair.
        """
        if self.state is not State.READY:
            raise RuntimeError(f"no command can be sent: {self.state.value}")
        self._outgoing += _encoded([line, *(f"{name}: {value}" for name, value in (headers or {}).items())])
        self._sent += 1
        return self._sent

    def ungreeted(self, otherwise: EslError) -> EslError:
        """Close it because no greeting came; the error quotes what came instead, or is `otherwise`."""
        said = self._protocol.partial
        return self._end(_no_event_socket(said) if said else otherwise).reason

    def disconnected(self, how: Literal["closed", "reset"]) -> EslError:
        """Close it because FreeSWITCH closed or reset the connection; returns the error that says so."""
        partial = self._protocol.partial
        if partial and self.state is State.AWAITING_GREETING:
            return self._end(_no_event_socket(partial)).reason
        where = " in the middle of a frame" if partial else ""
        return self._end(Disconnected(f"FreeSWITCH {how} the connection{where}")).reason

    def close(self) -> None:
        """Close it for a reason of the caller's."""
        self._become(State.CLOSED)

    # -- what a frame means, and in which state -----------------------------------------------------

    def _on_greeting(self, _frame: Frame) -> Received:
        """auth/request: answer it."""
        secret = f"{self._user}:{self._password}" if self._user else self._password
        try:
            self._outgoing += _encoded([f"{self.login} {secret}"])
        except ValueError:
            return self._end(AuthRejected("user and password must not contain a line end or a NUL"))
        self._become(State.AUTHENTICATING)
        return Greeted()

    def _on_second_greeting(self, _frame: Frame) -> Received:
        """auth/request, but FreeSWITCH has greeted before."""
        return self._end(ProtocolError("a second auth/request"))

    def _on_login_reply(self, frame: Frame) -> Received:
        """The first command/reply: whether FreeSWITCH accepts the password."""
        reply = _reply(frame)
        if not reply.text.startswith("+OK"):
            return self._end(AuthRejected(f"FreeSWITCH says: {quoted(reply.text)}"))
        self._become(State.READY)
        self._password = ""
        return Authenticated(reply)

    def _on_reply(self, frame: Frame) -> Received:
        """The reply to the oldest command that has none."""
        if self._answered == self._sent:
            return self._on_unasked_reply(frame)
        self._answered += 1
        return Replied(self._answered, _reply(frame))

    def _on_unasked_reply(self, frame: Frame) -> Received:
        """A reply, but no command waits for one: no later reply could be trusted."""
        return self._end(ProtocolError(f"a reply nobody asked for: {quoted(_reply(frame).text)}"))

    def _on_event(self, frame: Frame) -> Received:
        """text/event-json, text/event-plain."""
        return Event(frame.body)

    def _on_log(self, frame: Frame) -> Received:
        """log/data."""
        level = frame.header(b"Log-Level") or ""
        readable = level.isascii() and level.isdigit() and len(level) <= 3
        return LogLine(int(level) if readable else -1, frame.body.decode("utf-8", "replace"))

    def _on_notice(self, frame: Frame) -> Received:
        """text/disconnect-notice.

        FreeSWITCH may keep its side open until the last job of this session ends, but it sends nothing more.
        """
        notice = quoted(frame.body.partition(b"\n")[0])
        kind = FellBehind if _LOST_EVENTS in notice else Disconnected
        return self._end(kind(f"FreeSWITCH says: {notice}"))

    def _on_rude_rejection(self, _frame: Frame) -> Received:
        """text/rude-rejection: an ACL does not list this address."""
        return self._end(AclDenied(f"FreeSWITCH's ACL refuses {self._local}"))

    _ENDS: Final[dict[str, _Action]] = {
        protocol.DISCONNECT_NOTICE: _on_notice,
        protocol.RUDE_REJECTION: _on_rude_rejection,
    }
    _ACTIONS: Final[dict[State, dict[str, _Action]]] = {
        State.AWAITING_GREETING: {
            protocol.AUTH_REQUEST: _on_greeting,
            protocol.COMMAND_REPLY: _on_unasked_reply,
            protocol.API_RESPONSE: _on_unasked_reply,
            **_ENDS,
        },
        State.AUTHENTICATING: {
            protocol.AUTH_REQUEST: _on_second_greeting,
            protocol.COMMAND_REPLY: _on_login_reply,
            protocol.API_RESPONSE: _on_unasked_reply,
            **_ENDS,
        },
        State.READY: {
            protocol.AUTH_REQUEST: _on_second_greeting,
            protocol.COMMAND_REPLY: _on_reply,
            protocol.API_RESPONSE: _on_reply,
            protocol.EVENT_JSON: _on_event,
            protocol.EVENT_PLAIN: _on_event,
            protocol.LOG_DATA: _on_log,
            **_ENDS,
        },
        State.CLOSED: {},
    }

    def _become(self, state: State) -> None:
        self.state = state
        self._actions = self._ACTIONS[state]

    def _end(self, reason: EslError) -> Ended:
        """Close the session; the reason in what is returned does not contain the password."""
        self._become(State.CLOSED)
        text = str(reason)
        # A short password is masked here, where it may still be a repeated one, and in no later text.
        if self._password and MASK not in text:
            text = text.replace(self._password, MASK)
        return Ended(type(reason)(text))


def _encoded(lines: list[str]) -> bytes:
    """One command as it goes over the wire.

    Raises:
        ValueError: a line contains a line end, a NUL or half a surrogate pair.
    """
    if any(end in line for line in lines for end in "\r\n\0"):
        raise ValueError("a command must not contain a line end or a NUL")
    return ("\n".join(lines) + "\n\n").encode("utf-8", "surrogateescape")


def _reply(frame: Frame) -> Reply:
    if frame.content_type == protocol.API_RESPONSE:
        return Reply(frame.body.decode("utf-8", "replace"), frame)
    return Reply(frame.header(b"Reply-Text") or "", frame)


def _no_event_socket(said: bytes) -> ProtocolError:
    return ProtocolError(f"not an event socket, it says: {quoted(said)}")
