"""How FreeSWITCH answered the optional questions: in time, late, or with nothing that can be used.

An answer counts once it has come in time and could be read. Each command that has a name in
`freeswitch_optional_answers_ok` is good or not by the last time that it was asked; a command that the account
may not run, or of a database that FreeSWITCH does not keep, has no answer to be late.
"""

from asyncio import Task
from collections.abc import Callable, Collection
from typing import Final, NamedTuple

from exporter.clock import Clock
from exporter.esl import CommandTimeout, Disconnected, EslError, PermissionDenied
from exporter.watch.commands import Rule, rule_of
from exporter.watch.optional_lane import OptionalLane, Replies

UNDECIDED: Final = 1.0  # seconds without an answer, from which on it may turn out to be late


class LateAnswer(CommandTimeout):
    """The answer to an optional question did not come in time. The connection goes on."""


class SlowAnswer(NamedTuple):
    """A late answer.

    Attributes:
        command: what was asked.
        seconds: how long the answer took, or has not come for.
        answered: it has come.
    """

    command: str
    seconds: float
    answered: bool


class WorthlessAnswer(NamedTuple):
    """An answer that came and cannot be used, or that can no longer come, and why."""

    command: str
    error: Exception


class OptionalAnswers:
    """Those of one node's present connection.

    Args:
        lanes: where the questions are asked.

    Attributes:
        ok: by the rule's name of the command: whether its last answer was good.
    """

    def __init__(self, lanes: Collection[OptionalLane]) -> None:
        self.ok: dict[str, bool] = {}
        self._lanes = lanes
        self._late: dict[str, SlowAnswer] = {}
        self._worthless: dict[str, WorthlessAnswer] = {}
        self._connections = 0

    def forget(self) -> None:
        """The node is lost."""
        self._connections += 1
        for known in (self.ok, self._late, self._worthless):
            known.clear()

    def on_good(self, rule: Rule) -> None:
        """An answer came in time and could be read."""
        self._late.pop(rule.optional, None)
        self._worthless.pop(rule.optional, None)
        if rule.optional:
            self.ok[rule.optional] = True

    def on_worthless(self, rule: Rule, command: str, error: Exception) -> None:
        """No answer in time, or none that could be used."""
        if rule.optional:
            self.ok[rule.optional] = False
            if not isinstance(error, LateAnswer):
                self._worthless[rule.optional] = WorthlessAnswer(command, error)

    def watch(self, rule: Rule, command: str, clock: Clock) -> Callable[[Task[Replies]], None]:
        """What to call when the question that is sent now has ended, in time or late."""
        connection, asked = self._connections, clock.monotonic()

        def ended(question: Task[Replies]) -> None:
            seconds = clock.monotonic() - asked
            if connection != self._connections or seconds < rule.deadline or question.cancelled():
                return
            reply = question.result()[0]
            if isinstance(reply, EslError) and not isinstance(reply, PermissionDenied):
                self.on_worthless(rule, command, reply)
            else:
                self._late[rule.optional] = SlowAnswer(command, seconds, answered=True)

        return ended

    def slow(self, now: float) -> list[SlowAnswer]:
        """The late answers, those that are still awaited first (monotonic seconds)."""
        awaited = [
            SlowAnswer(lane.question, now - lane.asked, answered=False)
            for lane in self._lanes
            if lane.question and now - lane.asked >= rule_of(lane.question).deadline
        ]
        asked_again = {answer.command for answer in awaited}
        return awaited + [late for late in self._late.values() if late.command not in asked_again]

    def worthless(self) -> list[WorthlessAnswer]:
        """The answers that cannot be used."""
        return list(self._worthless.values())

    def unconnected(self) -> bool:
        """An answer could not be had because its lane had no connection, or lost it."""
        return any(isinstance(answer.error, Disconnected) for answer in self._worthless.values())

    def error(self, command: str) -> Exception | None:
        """Why the last answer to a command cannot be used."""
        found = self._worthless.get(rule_of(command).optional)
        return found.error if found is not None and found.command == command else None

    def undecided(self, now: float) -> bool:
        """An answer has not come for so long that it may turn out to be late, and is not late yet."""
        return any(
            lane.question and UNDECIDED < now - lane.asked < rule_of(lane.question).deadline
            for lane in self._lanes
        )
