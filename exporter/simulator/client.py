"""One Event Socket client of the simulated switch.

Strategy: a `Client` is an asyncio protocol that takes commands out of its buffer (framing.py), hands each to
a method of `_COMMANDS`, and writes the reply. mod_event_socket's behaviour is kept (facts.md 1): replies come
in order; while an `api` command runs, or part of a command has arrived, that client gets no event; one failed
authentication ends the connection. What a client subscribed to is in subscription.py, what it may do in
users.py. Before it acts, the client consults the faults in force (faults.py).
"""

import asyncio
import re
import uuid
from collections import deque
from collections.abc import Callable
from typing import ClassVar, Final, cast

from exporter.simulator.api import Api
from exporter.simulator.faults import Faults
from exporter.simulator.framing import Command, CommandBuffer
from exporter.simulator.subscription import LOG_LEVELS, Subscription, requested
from exporter.simulator.switch import Switch
from exporter.simulator.users import UNLIMITED, User

GREETING: Final = "Content-Type: auth/request\n\n"
GOODBYE: Final = "Disconnected, goodbye.\nSee you at ClueCon! http://www.cluecon.com/\n"
SHUTTING_DOWN: Final = "The system is being shut down.\n"
ACL_REJECTION: Final = "Access Denied, go away.\n"
DENIED: Final = "-ERR permission denied"
NOT_FOUND: Final = "-ERR command not found"
NO_KEYWORDS: Final = "-ERR no keywords supplied"
FIRST_COMMAND_SECONDS: Final = 25.0
MAX_QUEUED_EVENTS: Final = 100_000
REPLY_BUFFER: Final = 512  # bytes


class Client(asyncio.Protocol):
    """One connection.

    Args:
        switch: that it is connected to.
        api: what runs its api commands.
        clients: the set that it is in while connected.

    Attributes:
        foreign: it was greeted by a service that stands in for FreeSWITCH.
        subscription: what it receives.
        user: who it authenticated as, None before.
    """

    def __init__(self, switch: Switch, api: Api, clients: set["Client"]) -> None:
        self.foreign = False
        self.subscription = Subscription(self._queue)
        self.user: User | None = None
        self._switch = switch
        self._api = api
        self._clients = clients
        self._transport: asyncio.Transport | None = None
        self._buffer = CommandBuffer()
        self._greeted = False
        self._busy = False
        self._held: Callable[[], None] | None = None  # a command whose reply is held back
        self._waiting: deque[bytes] = deque()  # events held back
        self._under_way: deque[bytes] = deque()  # sent, and not arrived yet
        self._idle: asyncio.TimerHandle | None = None

    @property
    def _faults(self) -> Faults:
        return self._switch.core.faults

    # Connection.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, as FreeSWITCH or as what stands in its place."""
        self._transport = cast(asyncio.Transport, transport)
        self._clients.add(self)
        self._switch.core.subscriptions.add(self.subscription)
        if not self._faults.hung:
            self._greet()

    def _greet(self) -> None:
        self._greeted = True
        if self._faults.banner is not None:
            self.foreign = True
            self.write(self._faults.banner)
            return
        if self._faults.acl_denies:
            length = len(ACL_REJECTION)
            self.write(f"Content-Type: text/rude-rejection\nContent-Length: {length}\n\n{ACL_REJECTION}")
            self.say_goodbye(GOODBYE)
            return
        self.write(GREETING)
        self._idle = asyncio.get_running_loop().call_later(FIRST_COMMAND_SECONDS, self.close)

    def connection_lost(self, _exc: Exception | None) -> None:
        """Forget the client."""
        self._clients.discard(self)
        self._switch.core.subscriptions.discard(self.subscription)
        if self._idle:
            self._idle.cancel()

    def close(self) -> None:
        """End the connection once all is written."""
        if self._under_way:
            asyncio.get_running_loop().call_later(self._faults.distance, self.close)
        elif self._transport:
            self._transport.close()

    def abort(self) -> None:
        """End the connection at once."""
        if self._transport:
            self._transport.abort()

    def say_goodbye(self, text: str) -> None:
        """The disconnect notice, then the end of the connection."""
        self.write(f"Content-Type: text/disconnect-notice\nContent-Length: {len(text)}\n\n{text}")
        self.close()

    def write(self, data: str | bytes) -> None:
        """Send, whatever is queued."""
        if isinstance(data, str):
            data = data.encode("utf-8", "surrogateescape")
        if self._faults.distance or self._under_way:
            self._under_way.append(data)
            asyncio.get_running_loop().call_later(self._faults.distance, self._arrive)
        else:
            self._arrive_with(data)

    def _arrive(self) -> None:
        self._arrive_with(self._under_way.popleft())

    def _arrive_with(self, data: bytes) -> None:
        if self._transport and not self._transport.is_closing():
            self._transport.write(data)

    # Commands.

    @property
    def mid_command(self) -> bool:
        """Part of a command has arrived: no event is sent until the rest does."""
        return self._buffer.holds_part

    def data_received(self, data: bytes) -> None:
        """Run what is complete."""
        if self._faults.banner is None:
            self._buffer.feed(data)
            self._work()

    def _work(self) -> None:
        """Take commands out of the buffer until it is empty or one of them has to be waited for."""
        while not self._busy and not self._faults.hung and (command := self._buffer.next_command()):
            self._execute(command)
        self._flush()

    def _execute(self, command: Command) -> None:
        if self.user is None:
            self._before_authentication(command)
            return
        self._switch.commands_seen.append(command.line)
        handler = self._COMMANDS.get(command.word)

        def run() -> None:
            if handler is None:
                self.reply(NOT_FOUND)
            else:
                handler(self, command)

        delay = self._faults.reply_delay(command.line)
        if self._faults.commands_hung or delay:
            self._busy = True
            self._held = run
            if not self._faults.commands_hung:
                asyncio.get_running_loop().call_later(delay, self.resume)
        else:
            run()

    def _before_authentication(self, command: Command) -> None:
        if self._idle:
            self._idle.cancel()  # FreeSWITCH ends its limit with the first command, whatever it was
        word, given = command.word, command.rest
        if word == "exit":
            self._exit(command)
        elif word == "auth" and given == self._switch.password:
            self.user = UNLIMITED
            self.reply("+OK accepted")
        elif word == "userauth" and (user := self._directory_user(given)) is not None:
            self.user = user
            self._accept(user)
        elif word in ("auth", "userauth"):
            self.reply("-ERR invalid")
            self.say_goodbye(GOODBYE)
        else:
            self.reply(NOT_FOUND)

    def _directory_user(self, given: str) -> User | None:
        """`user@domain:password` or `user:password@domain`."""
        match = re.fullmatch(r"([^:@]+)@([^:@]+):(.*)", given) or re.fullmatch(
            r"([^:@]+):(.*)@([^@]+)", given
        )
        if match is None:
            return None
        password = match[3] if "@" in given.split(":", 1)[0] else match[2]
        user = self._switch.users.get(match[1])
        return user if user is not None and user.password == password else None

    def _accept(self, user: User) -> None:
        """The reply with the allow lists; cut at the buffer's end it lacks its blank line (tried.md 1)."""
        text = (
            f"~Reply-Text: +OK accepted\nAllowed-Events: {user.events}\nAllowed-API: {user.api}\n"
            f"Allowed-LOG: {user.log}\n\n"
        )
        self.write("Content-Type: command/reply\n" + text[: REPLY_BUFFER - 1][1:])

    def reply(self, text: str, extra: str = "") -> None:
        """A command/reply frame; `extra` are more header lines."""
        self.write(f"Content-Type: command/reply\nReply-Text: {text}\n{extra}\n")

    def _exit(self, _command: Command) -> None:
        self.reply("+OK bye")
        self.say_goodbye(GOODBYE)

    def _may_call(self, name: str) -> bool:
        return self.user is None or self.user.may_call(name)

    def _api_command(self, command: Command) -> None:
        name, _, arguments = command.rest.partition(" ")
        if not command.rest:
            self.reply(NOT_FOUND)
            return
        if not self._may_call(name):
            self.reply(DENIED)
            return

        def respond(text: str) -> None:
            payload = text.encode("utf-8", "surrogateescape")
            self.write(f"Content-Type: api/response\nContent-Length: {len(payload)}\n\n".encode() + payload)

        if not self._api.takes_time(name):
            self._api.call(name, arguments, respond)
            return
        # It runs in the listener's thread: this client gets nothing else meanwhile.
        self._busy = True

        def finished(text: str) -> None:
            self._busy = False
            respond(text)
            asyncio.get_running_loop().call_soon(self._work)

        self._api.call(name, arguments, finished)

    def _bgapi_command(self, command: Command) -> None:
        name, _, arguments = command.rest.partition(" ")
        if not self._may_call(name):
            self.reply(DENIED)
            return
        job = command.header("job-uuid") or str(uuid.uuid4())
        self.reply(f"+OK Job-UUID: {job}", f"Job-UUID: {job}\n")
        asyncio.get_running_loop().call_soon(self._api.run_job, job, name, arguments)

    def _event(self, command: Command) -> None:
        words = command.rest.split()
        if words[:1] == ["xml"]:
            self.reply("-ERR xml events are not simulated")
            return
        encoding = words.pop(0).lower() if words and words[0].lower() in ("plain", "json") else "plain"
        names, subclasses = requested(words)
        user = self.user or UNLIMITED
        wanted = [(name, "") for name in names] + [("CUSTOM", subclass) for subclass in subclasses]
        if not all(user.may_see(name, subclass) for name, subclass in wanted):
            self.reply(DENIED)
            return
        if not names:
            self.reply(NO_KEYWORDS)
            return
        self.subscription.add(encoding, names, subclasses)
        self.reply(f"+OK event listener enabled {encoding}")

    def _nixevent(self, command: Command) -> None:
        names, subclasses = requested(command.rest.split())
        if not names:
            self.reply(NO_KEYWORDS)
            return
        self.subscription.remove(names, subclasses)
        self.reply("+OK events nixed")

    def _noevents(self, _command: Command) -> None:
        if not self.subscription.names:
            self.reply("-ERR not currently listening for events")
            return
        self.subscription.clear()
        self._waiting.clear()
        self.reply("+OK no longer listening for events")

    def _filter(self, command: Command) -> None:
        name, _, value = command.rest.strip().partition(" ")
        if name.lower() == "delete":
            name, _, value = value.partition(" ")
            self.subscription.remove_filters(name, value)
            self.reply(f"+OK filter deleted. [{name}]=[{value}]")
        elif name and value:
            self.subscription.filters.append((name, value))
            self.reply(f"+OK filter added. [{name}]=[{value}]")
        else:
            self.reply("-ERR invalid syntax")

    def _sendevent(self, command: Command) -> None:
        event_uuid = str(uuid.uuid4())
        self.reply(f"+OK {event_uuid}")
        self._switch.core.fire_sent(command.rest.strip(), command.headers, command.body, event_uuid)

    def _log(self, command: Command) -> None:
        if self.user is not None and not self.user.may_log:
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
        self.subscription.log_level = level
        self.reply(f"+OK log level {command.rest.strip()} [{level}]")

    def _nolog(self, _command: Command) -> None:
        if self.subscription.log_level < 0:
            self.reply("-ERR not loging")
            return
        self.subscription.log_level = -1
        self.reply("+OK no longer logging")

    def _needs_session(self, _command: Command) -> None:
        self.reply("-ERR not controlling a session")

    # Events.

    @property
    def _holds_events(self) -> bool:
        return self._busy or self.mid_command or self._faults.events_stalled or self._faults.hung

    def _queue(self, frame: bytes) -> None:
        """Send a frame of the subscription, or keep it until the client may have it."""
        if not self._holds_events:
            self._flush()
            self.write(frame)
        elif len(self._waiting) < MAX_QUEUED_EVENTS:
            self._waiting.append(frame)

    def _flush(self) -> None:
        while self._waiting and not self._holds_events:
            self.write(self._waiting.popleft())

    def resume(self) -> None:
        """A fault is over: greet, reply and send what was held back."""
        if self._faults.commands_hung or self._faults.hung:
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
        "api": _api_command,
        "bgapi": _bgapi_command,
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
