"""The connections of a node: events, vital commands, and each lane of optional questions.

`api` holds back the events of the connection it is sent on, and answers come in order; so events have a
connection of their own, and so has each lane (commands.py). Events and vital commands end together: when one
of the two ends, the other is of no use. The lanes of optional questions open after them, end with them, and
cost nothing else when they end by themselves (optional_lane.py).

This is the only file here that opens a connection, that of the log lane (log_lane.py) too. Commands are
timed, and what the account may not do is noted in `denied`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Final, TypeVar

import structlog

from exporter.clock import Clock
from exporter.config import NodeConfig
from exporter.esl import Connection, Disconnected, EslError, Event, LookUp, PermissionDenied
from exporter.metrics import families
from exporter.metrics.exposition import Histogram
from exporter.switch.reply import CommandDenied, NoDatabase, ReplyError
from exporter.watch.commands import Command, Lane, Rule, command_name, rule_of
from exporter.watch.optional_answers import LateAnswer, OptionalAnswers
from exporter.watch.optional_lane import OptionalLane, Replies
from exporter.watch.subscriptions import let_go_of_strangers, subscribe, subscribe_to_strangers

CONNECT_TIMEOUT: Final = 5.0  # seconds until the TCP connection stands
GREETING_TIMEOUT: Final = 5.0  # seconds from there to FreeSWITCH's greeting

log = structlog.get_logger(__name__)
_T = TypeVar("_T")


def _no_event(event: Event) -> None:
    """The connections for commands subscribe to nothing."""


def _no_log(level: int, line: str) -> None:
    """Only the connection of the log lane asks for the log."""


class Connections:
    """The connections of one node; none before `open` and after `abort`.

    Args:
        config: address and account.
        clock: the time.
        look_up: finds the addresses of a host name.

    Attributes:
        denied: subscriptions, and commands as `api NAME`, that the account may not have.
        durations: seconds from command to reply, by the command's name.
        optional_answers: how the optional questions of the present connection were answered.
    """

    def __init__(self, config: NodeConfig, clock: Clock, look_up: LookUp) -> None:
        self.denied: set[str] = set()
        self.durations: dict[str, Histogram] = {}
        self._config = config
        self._clock = clock
        self._look_up = look_up
        self._events: Connection | None = None
        self._commands: Connection | None = None
        self._ended = "not connected"
        self._lanes: dict[Lane, OptionalLane] = {
            lane: OptionalLane(
                config.name, lane.value, partial(self._open_one, _no_event), self._run_optional, clock
            )
            for lane in Lane
            if lane is not Lane.VITAL
        }
        self.optional_answers = OptionalAnswers(self._lanes.values())

    async def open(self, on_event: Callable[[Event], None]) -> None:
        """Connect and authenticate the two that decide whether the node is connected.

        Raises:
            EslError: one could not be opened; the other, if open, stays so until `abort`.
        """
        self._events = await self._open_one(on_event)
        self._commands = await self._open_one(_no_event)

    async def open_log(self, on_log: Callable[[int, str], None]) -> Connection:
        """A connection for FreeSWITCH's log, which is the caller's to close.

        Args:
            on_log: called for every line (FreeSWITCH's level; text), inside the reader: it must be quick.

        Raises:
            EslError: it could not be opened.
        """
        return await self._open_one(_no_event, on_log)

    async def _open_one(
        self, on_event: Callable[[Event], None], on_log: Callable[[int, str], None] = _no_log
    ) -> Connection:
        config = self._config
        return await Connection.open(
            config.host,
            config.port,
            password=config.password.reveal(),
            user=config.user,
            look_up=self._look_up,
            on_event=on_event,
            on_log=on_log,
            connect_timeout=CONNECT_TIMEOUT,
            greeting_timeout=GREETING_TIMEOUT,
        )

    async def keep_lane(self, lane: Lane) -> None:
        """Have the connection of a lane of optional questions open, until cancelled."""
        await self._lanes[lane].keep_open()

    async def opened(self, lane: Lane) -> None:
        """Wait until a lane of optional questions has a connection."""
        await self._lanes[lane].opened()

    async def subscribe(self) -> None:
        """Ask for all events.

        Raises:
            PermissionDenied: the account may have none of them.
            EslError: a connection ended.
        """
        self.denied = await subscribe(self._open_events())

    async def let_go_of_strangers(self) -> None:
        """Ask for the events about strangers no more.

        Raises:
            EslError: a connection ended.
        """
        await let_go_of_strangers(self._open_events())

    async def subscribe_to_strangers(self) -> None:
        """Ask for them again.

        Raises:
            EslError: a connection ended.
        """
        await subscribe_to_strangers(self._open_events())

    async def while_open(self, *works: Coroutine[Any, Any, None]) -> None:
        """Do all the works until they are done, one fails, or events or vital commands end.

        Raises:
            EslError: why a connection ended, or what a work raised.
        """
        connections = (self._events, self._commands)
        closed = [connection.closed for connection in connections if connection is not None]
        tasks = [asyncio.ensure_future(work) for work in works]
        try:
            while True:
                waiting: set[asyncio.Future[Any]] = {task for task in tasks if not task.done()}
                if not waiting:
                    return
                await asyncio.wait({*waiting, *closed}, return_when=asyncio.FIRST_COMPLETED)
                for end in closed:
                    if end.done():
                        raise end.result()
                for task in tasks:
                    if task.done():
                        task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    def abort(self, reason: EslError) -> None:
        """Close events and vital commands at once; the lanes have ended with `keep_lane`."""
        self._ended = str(reason)
        for connection in (self._events, self._commands):
            if connection is not None:
                connection.abort(reason)
        self._events = self._commands = None
        self.optional_answers.forget()

    def sever(self) -> None:
        """Close all from another thread, while the event loop is stuck."""
        for connection in (self._events, self._commands):
            if connection is not None:
                connection.sever()
        for lane in self._lanes.values():
            lane.sever()

    def backlog(self) -> int:
        """Bytes of events that the kernel holds for the exporter."""
        return self._events.backlog() if self._events is not None else 0

    # -- commands -----------------------------------------------------------------------------------------

    async def api(self, command: str, deadline: float | None = None) -> str:
        """Run an api command on its lane and return its output.

        Args:
            command: the command.
            deadline: seconds until the output; None takes that of its rule.

        Raises:
            EslError: not connected, refused, or no reply within the deadline.
        """
        rule = rule_of(command)
        seconds = rule.deadline if deadline is None else deadline
        if rule.lane is Lane.VITAL:
            return await self._timed(command, self._open_commands().api(command, seconds))
        (reply,) = await self._question(rule, [command], seconds)
        if isinstance(reply, EslError):
            raise reply
        return reply

    async def bgapi(self, command: str, job_uuid: str, deadline: float) -> None:
        """Start an api command as a job.

        Raises:
            EslError: as `api`.
        """
        await self._timed(command, self._open_commands().bgapi(command, job_uuid, deadline))

    async def send_event(self, headers: dict[str, str], deadline: float) -> bool:
        """Fire a CUSTOM event; False if FreeSWITCH does not take it.

        Raises:
            EslError: not connected, or no reply within `deadline` seconds.
        """
        sending = self._open_commands().command("sendevent CUSTOM", headers=headers, deadline=deadline)
        return (await self._timed("sendevent", sending)).ok

    async def ask(self, command: Command[_T]) -> _T | None:
        """The answer to a command; None if it is refused or cannot be read.

        Of an optional question also None if its answer is late or its connection ended; `optional_answers`
        notes why.

        Raises:
            EslError: of a vital command: not connected, or no reply within its deadline.
        """
        rule = rule_of(command.text)
        try:
            answer = command.parse(await self.api(command.text))
        except (PermissionDenied, CommandDenied, NoDatabase) as error:
            self._note_refusal(command.text, error)
        except ReplyError as error:
            self._note_refusal(command.text, error)
            self.optional_answers.on_worthless(rule, command.text, error)
        except EslError as error:
            if rule.lane is Lane.VITAL:
                raise
            self.optional_answers.on_worthless(rule, command.text, error)
        else:
            self.optional_answers.on_good(rule)
            return answer
        return None

    async def ask_all(self, commands: Sequence[Command[_T]]) -> list[_T | ReplyError | PermissionDenied]:
        """The answers to optional questions of one lane that are sent together; refusals among them.

        Raises:
            EslError: the answers are late, or the connection ended.
        """
        rule = rule_of(commands[0].text)
        answers: list[_T | ReplyError | PermissionDenied] = []
        replies = await self._question(rule, [command.text for command in commands], rule.deadline)
        for command, reply in zip(commands, replies, strict=True):
            if isinstance(reply, PermissionDenied):
                self._note_refusal(command.text, reply)
                answers.append(reply)
            elif isinstance(reply, EslError):
                raise reply
            else:
                try:
                    answers.append(command.parse(reply))
                except ReplyError as error:
                    answers.append(error)
        return answers

    # -- inside -------------------------------------------------------------------------------------------

    async def _question(self, rule: Rule, commands: Sequence[str], deadline: float) -> Replies:
        """The replies on an optional lane.

        Raises:
            LateAnswer: they did not come within `deadline` seconds, or the lane was busy all the time.
            Disconnected: the lane had no connection all the time.
        """
        lane = self._lanes[rule.lane]
        try:
            async with asyncio.timeout(deadline):
                question = await lane.send(commands)
                question.add_done_callback(self.optional_answers.watch(rule, commands[0], self._clock))
                return await asyncio.shield(question)
        except TimeoutError:
            if lane.closed_because:
                raise Disconnected(f"no connection for this question: {lane.closed_because}") from None
            raise LateAnswer(f"no reply to '{command_name(commands[0])}' within {deadline:g} s") from None

    async def _run_optional(self, connection: Connection, command: str) -> str:
        return await self._timed(command, connection.api(command, deadline=None))

    def _note_refusal(self, command: str, error: Exception) -> None:
        if isinstance(error, PermissionDenied | CommandDenied):
            self.denied.add("api " + command.partition(" ")[0])
            return
        name = self._config.name
        log.warning(
            "unusable reply",
            limit=("unusable reply", name, command_name(command)),
            node=name,
            command=command,
            reason=str(error),
        )

    def _open_events(self) -> Connection:
        if self._events is None:
            raise Disconnected(self._ended)
        return self._events

    def _open_commands(self) -> Connection:
        if self._commands is None:
            raise Disconnected(self._ended)
        return self._commands

    async def _timed(self, command: str, call: Awaitable[_T]) -> _T:
        began = self._clock.monotonic()
        try:
            return await call
        finally:
            name = command_name(command)
            if name not in self.durations:
                self.durations[name] = Histogram(families.COMMAND_DURATION)
            self.durations[name].observe(self._clock.monotonic() - began)
