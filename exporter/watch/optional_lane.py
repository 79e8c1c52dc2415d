"""A connection for questions whose answer is nice to know: however late or large it is, only they wait.

- One question at a time has the lane, until it is answered. A question is one command, or several that are
  sent together.
- Who asks stops waiting at a deadline. The question keeps the lane until its answer comes, which is thrown
  away; on a closed connection it would go on in FreeSWITCH all the same, and the next one beside it.
- The lane opens its connection by itself, again after a loss, with pauses of FIRST_PAUSE seconds, twice as
  long after each further failure, LAST_PAUSE at most. Where the connection ended STUCK seconds or more after
  a question and before its answer, FreeSWITCH may still be busy with it, and the lane opens the next one
  QUERY_LIMIT seconds after it was asked.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Final, TypeAlias

import structlog

from exporter.clock import Clock
from exporter.esl import Connection, Disconnected, EslError, PermissionDenied

FIRST_PAUSE: Final = 1.0  # seconds
LAST_PAUSE: Final = 30.0
STUCK: Final = 1.0  # seconds
QUERY_LIMIT: Final = 30.0  # FreeSWITCH's own, for one that waits for a lock (switch_core_db.c)

log = structlog.get_logger(__name__)
Replies: TypeAlias = list[str | EslError]
"""The reply to each command of a question; an error where it was refused, or the connection ended first."""


class OptionalLane:
    """One such connection, open while `keep_open` runs.

    Args:
        node: its name, for the log.
        name: of the lane, for the log.
        open_connection: opens the connection.
        run: runs one command on a connection until it is answered.
        clock: the time.

    Attributes:
        question: the first command of the question that has the lane; empty while none has it.
        asked: when it was sent, monotonic seconds.
        closed_because: why there is no connection; empty while there is one.
    """

    def __init__(
        self,
        node: str,
        name: str,
        open_connection: Callable[[], Awaitable[Connection]],
        run: Callable[[Connection, str], Awaitable[str]],
        clock: Clock,
    ) -> None:
        self.question = ""
        self.asked = 0.0
        self.closed_because = "not opened yet"
        self._node = node
        self._name = name
        self._open_connection = open_connection
        self._run = run
        self._clock = clock
        self._turn = asyncio.Lock()
        self._opened = asyncio.Event()
        self._connection: Connection | None = None
        self._failures = 0
        self._not_before = float("-inf")

    async def keep_open(self) -> None:
        """Have a connection, until cancelled; then it is closed."""
        while True:
            while (pause := self._not_before - self._clock.monotonic()) > 0:
                await self._clock.sleep(pause)
            try:
                connection = await self._open_connection()
            except EslError as error:
                self._on_loss(error)
                continue
            self._connection = connection
            self.closed_because = ""
            self._opened.set()
            try:
                await asyncio.wait({connection.closed})
                self._on_loss(connection.closed.result())
            finally:
                self._connection = None
                self.closed_because = self.closed_because or "the node was lost"
                self._opened.clear()
                connection.abort(Disconnected("the node is lost"))

    async def send(self, commands: Sequence[str]) -> "asyncio.Task[Replies]":
        """Send a question once the lane is free and its connection open; the task ends with its answer.

        Cancelling the wait for that task must not cancel the task (asyncio.shield): it has the lane.
        """
        await self._turn.acquire()
        try:
            while (connection := self._connection) is None:
                await self._opened.wait()
            question = asyncio.ensure_future(self._ask(connection, commands))
        except BaseException:
            self._turn.release()
            raise
        question.add_done_callback(lambda _: self._turn.release())
        return question

    async def opened(self) -> None:
        """Wait until there is a connection."""
        await self._opened.wait()

    def sever(self) -> None:
        """Close the connection from another thread, while the event loop is stuck."""
        connection = self._connection
        if connection is not None:
            connection.sever()

    async def _ask(self, connection: Connection, commands: Sequence[str]) -> Replies:
        self.question, self.asked = commands[0], self._clock.monotonic()
        runs = [self._run(connection, command) for command in commands]
        try:
            results = await asyncio.gather(*runs, return_exceptions=True)
        finally:
            self.question = ""
        replies: Replies = []
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, EslError):
                raise result
            replies.append(result)
        if not any(
            isinstance(reply, EslError) and not isinstance(reply, PermissionDenied) for reply in replies
        ):
            self._failures = 0
        elif self._clock.monotonic() - self.asked > STUCK:
            self._not_before = max(self._not_before, self.asked + QUERY_LIMIT)
            self.closed_because = f"FreeSWITCH may still be busy with '{commands[0]}' from before"
        return replies

    def _on_loss(self, error: EslError) -> None:
        pause = min(LAST_PAUSE, FIRST_PAUSE * 2 ** min(self._failures, 10))
        self._failures += 1
        self.closed_because = str(error)
        self._not_before = max(self._not_before, self._clock.monotonic() + pause)
        line = "the connection for questions that may be slow was lost"
        log.info(line, limit=(line, self._node), node=self._node, lane=self._name, reason=str(error))
