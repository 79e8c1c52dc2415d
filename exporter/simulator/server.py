"""The wire side: one Event Socket client of the simulated switch.

Strategy: a `Client` is an asyncio protocol that cuts the bytes into commands, hands each to a method of
`_COMMANDS`, and writes the reply. What mod_event_socket does to its clients is kept (facts.md 1): replies
come in order; while an `api` command runs, or half a command has arrived, that client gets no event; one
failed authentication ends the connection; CUSTOM swallows every name after it.

What may be refused to a user is in `User`; what goes wrong on purpose is asked of the switch's faults.
"""

import asyncio
import re
import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Final, cast

from exporter.simulator.events import EVENT_NAMES, Event
from exporter.simulator.replies import answer

if TYPE_CHECKING:
    from exporter.simulator.switch import Switch

GREETING: Final = "Content-Type: auth/request\n\n"
GOODBYE: Final = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
SHUTTING_DOWN: Final = "The system is being shut down.\n"
DENIED: Final = "-ERR permission denied"
NOT_FOUND: Final = "-ERR command not found"
LOG_LEVELS: Final = ("console", "alert", "crit", "err", "warning", "notice", "info", "debug")
FIRST_COMMAND_SECONDS: Final = 25.0
MAX_QUEUED_EVENTS: Final = 100_000
REPLY_BUFFER: Final = 512


@dataclass(slots=True)
class Faults:
    """What is wrong with the switch just now, as far as its clients see it.

    Attributes:
        hung: nothing is read or written. commands_hung: no command is answered.
        events_stalled: no event is sent.
        acl_denies: new connections are refused. banner: another service greets them.
        reply_delay: seconds until each reply.
        lost_events: names and subclasses that are dropped.
        unsent_ends: how many more legs keep their end to themselves.
    """

    hung: bool = False
    commands_hung: bool = False
    events_stalled: bool = False
    acl_denies: bool = False
    banner: str | None = None
    reply_delay: float = 0.0
    lost_events: set[str] = field(default_factory=set)
    unsent_ends: int = 0


@dataclass(frozen=True, slots=True)
class User:
    """A directory user who may use the event socket.

    Attributes:
        api, events, log: the allow lists (`esl-allowed-*`) as configured; "all" allows everything. In
            `events`, what follows CUSTOM is a subclass.
    """

    password: str
    api: str = "all"
    events: str = "all"
    log: str = "true"

    def may_call(self, command: str) -> bool:
        return self.api == "all" or command in _tokens(self.api)

    def may_see(self, name: str, subclass: str) -> bool:
        if self.events == "all":
            return True
        names, custom, subclasses = self.events.partition("CUSTOM")
        if subclass:
            return subclass in _tokens(subclasses)
        return name in _tokens(names.upper()) or (name == "CUSTOM" and bool(custom))


def _tokens(text: str) -> list[str]:
    """Comma separated, unless there is a blank anywhere: then blanks separate."""
    return [token for token in re.split(r" +" if " " in text.strip() else r",", text.strip()) if token]


ANYBODY: Final = User(password="")


@dataclass(frozen=True, slots=True)
class Command:
    """One command of a client: its first word, the rest of that line, its header lines and its body."""

    word: str
    rest: str
    headers: list[tuple[str, str]]
    body: str

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key.lower() == name), "")


class Client(asyncio.Protocol):
    """One connection.

    Attributes:
        stranger: it was greeted by another service than FreeSWITCH.
        encoding: "plain" or "json", "" before any `event`.
        names, subclasses: what it subscribed to.
        log_level: number up to which it sees log lines, -1 for none.
    """

    def __init__(self, switch: "Switch") -> None:
        self.switch = switch
        self.encoding = ""
        self.names: set[str] = set()
        self.subclasses: set[str] = set()
        self.filters: list[tuple[str, str]] = []
        self.log_level = -1
        self.user: User | None = None
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self.stranger = False
        self._greeted = False
        self._busy = False
        self._held: Callable[[], None] | None = None  # a command that hangs
        self._waiting: deque[bytes] = deque()
        self._idle: asyncio.TimerHandle | None = None

    # Connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self.switch.clients.add(self)
        if not self.switch.faults.hung:
            self._greet()

    def _greet(self) -> None:
        self._greeted = True
        faults = self.switch.faults
        if faults.banner is not None:
            self.stranger = True
            self.write(faults.banner)
            return
        if faults.acl_denies:
            rejection = "Access Denied, go away.\n"
            self.write(f"Content-Type: text/rude-rejection\nContent-Length: {len(rejection)}\n\n{rejection}")
            self.say_goodbye(GOODBYE)
            return
        self.write(GREETING)
        self._idle = asyncio.get_running_loop().call_later(FIRST_COMMAND_SECONDS, self.close)

    def connection_lost(self, _exc: Exception | None) -> None:
        self.switch.clients.discard(self)
        if self._idle:
            self._idle.cancel()

    def close(self) -> None:
        if self._transport:
            self._transport.close()

    def abort(self) -> None:
        if self._transport:
            self._transport.abort()

    def say_goodbye(self, text: str) -> None:
        """The disconnect notice, then the end of the connection."""
        self.write(f"Content-Type: text/disconnect-notice\nContent-Length: {len(text)}\n\n{text}")
        self.close()

    def write(self, data: str | bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data.encode("utf-8", "surrogateescape") if isinstance(data, str) else data)

    # Commands.

    @property
    def mid_command(self) -> bool:
        """Half a command has arrived: no event is sent until the rest does."""
        return bool(self._buffer)

    def data_received(self, data: bytes) -> None:
        if self.switch.faults.banner is None:
            self._buffer += data
            self._work()

    def _work(self) -> None:
        """Take commands out of the buffer until it is empty or one of them has to be waited for."""
        while not self._busy and not self.switch.faults.hung:
            self._buffer = self._buffer.lstrip(b"\r\n")
            end = re.search(rb"\r?\n\r?\n", self._buffer)
            if end is None:
                break
            head = self._buffer[: end.start()].decode("utf-8", "surrogateescape")
            line, *rest = head.replace("\r", "").split("\n")
            headers = [
                (name, value.strip()) for name, colon, value in (r.partition(":") for r in rest) if colon
            ]
            length = next((int(v) for n, v in headers if n.lower() == "content-length" and v.isdigit()), 0)
            if len(self._buffer) < end.end() + length:
                break
            body = self._buffer[end.end() : end.end() + length].decode("utf-8", "surrogateescape")
            self._buffer = self._buffer[end.end() + length :]
            self._obey(line, headers, body)
        self._flush()

    def _obey(self, line: str, headers: list[tuple[str, str]], body: str) -> None:
        faults = self.switch.faults
        word, _, rest = line.partition(" ")
        word = word.lower()
        if self.user is None:
            self._before_authentication(word, line)
            return
        self.switch.commands_seen.append(line)
        handler = self._COMMANDS.get(word)

        def run() -> None:
            if handler is None:
                self.reply(NOT_FOUND)
            else:
                handler(self, Command(word, rest, headers, body))

        if faults.commands_hung or faults.reply_delay:
            self._busy = True
            self._held = run
            if not faults.commands_hung:
                asyncio.get_running_loop().call_later(faults.reply_delay, self.resume)
        else:
            run()

    def _before_authentication(self, word: str, line: str) -> None:
        if self._idle:
            self._idle.cancel()  # FreeSWITCH forgets its limit after the first command, whatever it was
        if word == "exit":
            self._exit()
            return
        if word not in ("auth", "userauth"):
            self.reply(NOT_FOUND)
            return
        given = line.partition(" ")[2]
        if word == "auth":
            if given == self.switch.password:
                self.user = ANYBODY
                self.reply("+OK accepted")
                return
        else:
            user = self._directory_user(given)
            if user is not None:
                self.user = user
                self._accept(user)
                return
        self.reply("-ERR invalid")
        self.say_goodbye(GOODBYE)

    def _directory_user(self, given: str) -> User | None:
        """`user@domain:password` or `user:password@domain`."""
        match = re.fullmatch(r"([^:@]+)@([^:@]+):(.*)", given) or re.fullmatch(
            r"([^:@]+):(.*)@([^@]+)", given
        )
        if match is None:
            return None
        password = match[3] if "@" in given.split(":", 1)[0] else match[2]
        user = self.switch.users.get(match[1])
        return user if user is not None and user.password == password else None

    def _accept(self, user: User) -> None:
        """The reply with the allow lists; cut at the buffer's end it lacks its blank line (tried.md 1)."""
        text = (
            f"~Reply-Text: +OK accepted\nAllowed-Events: {user.events}\nAllowed-API: {user.api}\n"
            f"Allowed-LOG: {user.log}\n\n"
        )
        self.write("Content-Type: command/reply\n" + text[: REPLY_BUFFER - 1][1:])

    def reply(self, text: str, extra: str = "") -> None:
        self.write(f"Content-Type: command/reply\nReply-Text: {text}\n{extra}\n")

    def _exit(self, _command: Command | None = None) -> None:
        self.reply("+OK bye")
        self.say_goodbye(GOODBYE)

    def _api(self, command: Command) -> None:
        name, _, arguments = command.rest.partition(" ")
        if not command.rest:
            self.reply(NOT_FOUND)
            return
        if self.user is not None and not self.user.may_call(name):
            self.reply(DENIED)
            return
        api_event = self.switch.api_event(name, arguments)

        def respond(text: str) -> None:
            payload = text.encode("utf-8", "surrogateescape")
            self.write(f"Content-Type: api/response\nContent-Length: {len(payload)}\n\n".encode() + payload)
            api_event()

        if name in ("originate", "msleep"):
            # Runs in the listener's thread: this client gets nothing else meanwhile.
            self._busy = True

            def finished(text: str) -> None:
                self._busy = False
                respond(text)
                asyncio.get_running_loop().call_soon(self._work)

            if name == "msleep":
                seconds = int(arguments or 0) / 1000
                asyncio.get_running_loop().call_later(seconds, finished, "+OK\n")
            else:
                self.switch.calls.originate(arguments, finished)
            return
        respond(self.switch.scripted_replies.get(command.rest) or answer(self.switch, name, arguments))

    def _bgapi(self, command: Command) -> None:
        name, _, arguments = command.rest.partition(" ")
        if self.user is not None and not self.user.may_call(name):
            self.reply(DENIED)
            return
        job = command.header("job-uuid") or str(uuid.uuid4())
        self.reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}\n")
        asyncio.get_running_loop().call_soon(self.switch.run_job, job, name, arguments)

    def _event(self, command: Command) -> None:
        words = command.rest.split()
        if words[:1] == ["xml"]:
            self.reply("-ERR xml events are not simulated")
            return
        encoding = words.pop(0).lower() if words and words[0].lower() in ("plain", "json") else "plain"
        names, subclasses = _subscription(words)
        user = self.user or ANYBODY
        wanted = [(name, "") for name in names] + [("CUSTOM", subclass) for subclass in subclasses]
        if not all(user.may_see(name, subclass) for name, subclass in wanted):
            self.reply(DENIED)
            return
        if not names:
            self.reply("-ERR no keywords supplied")
            return
        self.encoding = encoding
        self.names |= names
        self.subclasses |= subclasses
        self.reply(f"+OK event listener enabled {encoding}")

    def _nixevent(self, command: Command) -> None:
        names, subclasses = _subscription(command.rest.split())
        if not names:
            self.reply("-ERR no keywords supplied")
            return
        if "ALL" in self.names:
            self.names = set(EVENT_NAMES) - {"ALL"}
        self.subclasses -= subclasses
        self.names -= names - ({"CUSTOM"} if subclasses else set())
        self.reply("+OK events nixed")

    def _noevents(self, _command: Command) -> None:
        if not self.names:
            self.reply("-ERR not currently listening for events")
            return
        self.names.clear()
        self.subclasses.clear()
        self._waiting.clear()
        self.reply("+OK no longer listening for events")

    def _filter(self, command: Command) -> None:
        name, _, value = command.rest.strip().partition(" ")
        if name.lower() == "delete":
            name, _, value = value.partition(" ")
            if name.lower() == "all":
                self.filters.clear()
            else:
                self.filters = [
                    (header, wanted)
                    for header, wanted in self.filters
                    if header.lower() != name.lower() or (value and wanted != value)
                ]
            self.reply(f"+OK filter deleted. [{name}]=[{value}]")
        elif name and value:
            self.filters.append((name, value))
            self.reply(f"+OK filter added. [{name}]=[{value}]")
        else:
            self.reply("-ERR invalid syntax")

    def _sendevent(self, command: Command) -> None:
        event_uuid = str(uuid.uuid4())
        self.reply(f"+OK {event_uuid}")
        self.switch.client_event(command.rest.strip(), command.headers, command.body, event_uuid)

    def _log(self, command: Command) -> None:
        if self.user is not None and self.user.log not in ("true", "all"):
            self.reply(DENIED)
            return
        word = command.rest.strip().lower() or "debug"
        if word.isdigit():
            level = min(int(word), len(LOG_LEVELS) - 1)
        elif word in LOG_LEVELS:
            level = LOG_LEVELS.index(word)
        else:
            self.reply(f"-ERR invalid log level {word}")
            return
        self.log_level = level
        self.reply(f"+OK log level {command.rest.strip()} [{level}]")

    def _nolog(self, _command: Command) -> None:
        if self.log_level < 0:
            self.reply("-ERR not loging")
            return
        self.log_level = -1
        self.reply("+OK no longer logging")

    def _needs_session(self, _command: Command) -> None:
        self.reply("-ERR not controlling a session")

    # Events.

    def wants(self, name: str, subclass: str) -> bool:
        """Subscribed to this event; a CUSTOM event without subclass passes whenever CUSTOM is on."""
        if "ALL" in self.names:
            return True
        if name != "CUSTOM":
            return name in self.names
        return "CUSTOM" in self.names and (not subclass or subclass in self.subclasses)

    def passes(self, event: Event) -> bool:
        """mod_event_socket's filters: some positive one must match, none of the negative ones may."""
        if not self.filters:
            return True
        found = False
        for name, wanted in self.filters:
            value = event.get(name)
            text = value if isinstance(value, str) else ""
            if value is None:
                continue
            if wanted.startswith("-"):
                if text.lower() == wanted[1:].lower():
                    return False
            elif wanted.startswith("/"):
                pattern = wanted.strip("/")
                found = found or re.search(pattern, text) is not None
            else:
                found = found or text.lower() == wanted.lower()
        return found

    def send_event(self, event: Event) -> None:
        if self.user is None or not self.wants(event.name, event.subclass) or not self.passes(event):
            return
        self._queue(event.frame(self.encoding))

    def send_log(self, level: int, head: str, text: str) -> None:
        if level <= self.log_level:
            payload = text.encode("utf-8", "surrogateescape")
            frame = f"Content-Type: log/data\nContent-Length: {len(payload)}\n{head}\n".encode() + payload
            self._queue(frame)

    def _queue(self, frame: bytes) -> None:
        faults = self.switch.faults
        if self._busy or self.mid_command or faults.events_stalled or faults.hung:
            if len(self._waiting) < MAX_QUEUED_EVENTS:
                self._waiting.append(frame)
        else:
            self._flush()  # what waited comes first
            self.write(frame)

    def _flush(self) -> None:
        if self._busy or self.mid_command or self.switch.faults.events_stalled or self.switch.faults.hung:
            return
        while self._waiting:
            self.write(self._waiting.popleft())

    def resume(self) -> None:
        """A fault is over: whatever piled up is dealt with."""
        if self.switch.faults.commands_hung or self.switch.faults.hung:
            return
        if not self._greeted:
            self._greet()
        held, self._held = self._held, None
        if held is not None:
            self._busy = False
            held()
        self._work()

    _COMMANDS: ClassVar[dict[str, Callable[["Client", Command], None]]] = {
        "exit": _exit,
        "api": _api,
        "bgapi": _bgapi,
        "event": _event,
        "nixevent": _nixevent,
        "noevents": _noevents,
        "filter": _filter,
        "sendevent": _sendevent,
        "log": _log,
        "nolog": _nolog,
        "linger": _needs_session,
        "nolinger": _needs_session,
        "divert_events": _needs_session,
        "getvar": _needs_session,
        "resume": _needs_session,
    }


def _subscription(words: list[str]) -> tuple[set[str], set[str]]:
    """Names and subclasses of an `event` line: behind CUSTOM all are subclasses, unknown names vanish."""
    names: set[str] = set()
    for position, word in enumerate(words):
        name = word.upper()
        if name in EVENT_NAMES:
            names.add(name)
        if name == "CUSTOM":
            return names, set(words[position + 1 :])
    return names, set()
