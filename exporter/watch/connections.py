"""The two connections of a node: events come on one, commands go on the other.

`api` holds back the events of the connection it is sent on, so neither does the other's work. The node's
connections end together: when one ends, the other is of no use.

This is the only file here that opens a connection. Commands are timed, and what the account may not do is
noted in `denied`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeVar

import structlog

from exporter.clock import Clock
from exporter.config import NodeConfig
from exporter.esl import Connection, Disconnected, EslError, Event, LookUp, PermissionDenied
from exporter.metrics import families
from exporter.metrics.exposition import Histogram
from exporter.switch.reply import CommandDenied, ReplyError
from exporter.watch.commands import Command, command_name
from exporter.watch.subscriptions import subscribe

CONNECT_TIMEOUT: Final = 5.0  # seconds until the TCP connection stands
GREETING_TIMEOUT: Final = 5.0  # seconds from there to FreeSWITCH's greeting

log = structlog.get_logger(__name__)
_T = TypeVar("_T")


def _no_event(event: Event) -> None:
    """The command connection subscribes to nothing."""


class Connections:
    """The connections of one node; none before `open` and after `abort`.

    Args:
        config: address and account.
        clock: the time.
        look_up: finds the addresses of a host name.

    Attributes:
        denied: subscriptions, and commands as `api NAME`, that the account may not have.
        durations: seconds from command to reply, by the command's name.
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

    async def open(self, on_event: Callable[[Event], None]) -> None:
        """Connect and authenticate both.

        Raises:
            EslError: one could not be opened; the other, if open, stays so until `abort`.
        """
        self._events = await self._open_one(on_event)
        self._commands = await self._open_one(_no_event)

    async def _open_one(self, on_event: Callable[[Event], None]) -> Connection:
        config = self._config
        return await Connection.open(
            config.host,
            config.port,
            password=config.password.reveal(),
            user=config.user,
            look_up=self._look_up,
            on_event=on_event,
            connect_timeout=CONNECT_TIMEOUT,
            greeting_timeout=GREETING_TIMEOUT,
        )

    async def subscribe(self) -> None:
        """Ask for all events.

        Raises:
            PermissionDenied: the account may have none of them.
            EslError: a connection ended.
        """
        if self._events is None:
            raise Disconnected(self._ended)
        self.denied = await subscribe(self._events)

    async def while_open(self, *works: Coroutine[Any, Any, None]) -> None:
        """Do all the works until they are done, one fails, or a connection ends.

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
        """Close both at once."""
        self._ended = str(reason)
        for connection in (self._events, self._commands):
            if connection is not None:
                connection.abort(reason)
        self._events = self._commands = None

    def sever(self) -> None:
        """Close both from another thread, while the event loop is stuck."""
        for connection in (self._events, self._commands):
            if connection is not None:
                connection.sever()

    def backlog(self) -> int:
        """Bytes of events that the kernel holds for the exporter."""
        return self._events.backlog() if self._events is not None else 0

    # -- commands -----------------------------------------------------------------------------------------

    async def api(self, command: str, deadline: float) -> str:
        """Run an api command and return its output.

        Raises:
            EslError: not connected, refused, or no reply within `deadline` seconds.
        """
        return await self._timed(command, self._open_commands().api(command, deadline))

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

        Raises:
            EslError: not connected, or no reply within the command's deadline.
        """
        try:
            return command.parse(await self.api(command.text, command.deadline))
        except (PermissionDenied, CommandDenied):
            self.denied.add("api " + command.text.partition(" ")[0])
        except ReplyError as error:
            name = self._config.name
            log.warning(
                "unusable reply",
                limit=("unusable reply", name, command_name(command.text)),
                node=name,
                command=command.text,
                reason=str(error),
            )
        return None

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
