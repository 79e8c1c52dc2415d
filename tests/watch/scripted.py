"""Connections without a socket: commands are answered from a script, and what was asked is noted."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from exporter.clock import Clock
from exporter.config import NodeConfig
from exporter.esl import EslError, PermissionDenied
from exporter.switch.tick import TickEvent
from exporter.watch.commands import Rule, rule_of
from exporter.watch.connections import Connections
from exporter.watch.optional_answers import LateAnswer
from exporter.watch.optional_lane import Replies
from tests.support.no_look_up import no_look_up
from tests.switch.replies import reply

CORE_UUID = "342cb733-85da-455e-aed9-8f459cee8e2d"
LIST = reply("api-sofia-xmlstatus-gateway.txt")
ANSWERS = {
    "global_getvar core_uuid": CORE_UUID,
    "global_getvar conf_dir": "/usr/local/freeswitch/conf\n",
    "hostname": "lab",
    'json {"command":"status","data":""}': reply("api-json-status.txt"),
    "fsctl pause_check inbound": "false",
    "fsctl pause_check outbound": "false",
    "sofia status": reply("api-sofia-status.txt"),
    "sofia xmlstatus gateway": LIST,
    "show channels as json": '{"row_count":0}',
    "show channels count": "\n0 total.\n",
    "show calls count": "\n0 total.\n",
    "show registrations count": "\n3 total.\n",
}


class Asked(NamedTuple):
    """A command and when it was sent, monotonic seconds."""

    at: float
    command: str


class Scripted(Connections):
    """A FreeSWITCH that answers as ANSWERS says.

    Args:
        tick: called with each tick that comes back, at once; None loses them.

    Attributes:
        answers: may be changed; a function is given the command.
        asked: all commands, in order.
        denied_commands: first words that are refused.
        late: rules' names of optional commands that are not answered in time.
        unread: what `backlog` says.
    """

    def __init__(self, clock: Clock, tick: Callable[[TickEvent], None] | None) -> None:
        super().__init__(NodeConfig(name="fs1"), clock, no_look_up)
        self.answers: dict[str, str | Callable[[str], str]] = dict(ANSWERS)
        self.asked: list[Asked] = []
        self.denied_commands: Collection[str] = ()
        self.late: Collection[str] = ()
        self.unread = 0
        self.tick = tick
        self._time = clock

    def commands(self, word: str = "") -> list[str]:
        """The commands that begin with a word."""
        return [command for _, command in self.asked if command.startswith(word)]

    def backlog(self) -> int:
        return self.unread

    async def api(self, command: str, deadline: float | None = None) -> str:
        self.asked.append(Asked(self._time.monotonic(), command))
        await asyncio.sleep(0)
        if command.split(" ", 1)[0] in self.denied_commands:
            raise PermissionDenied(f"{command} is not allowed to this user")
        if rule_of(command).optional in self.late:
            raise LateAnswer(f"no reply to {command}")
        answer = self.answers.get(command)
        if answer is None:
            prefix = max((key for key in self.answers if command.startswith(key)), key=len, default="")
            answer = self.answers.get(prefix, "-ERR no reply\n")
        return answer if isinstance(answer, str) else answer(command)

    async def _question(self, rule: Rule, commands: Sequence[str], deadline: float) -> Replies:
        replies: Replies = []
        for command in commands:
            try:
                replies.append(await self.api(command))
            except EslError as error:
                replies.append(error)
        return replies

    async def send_event(self, headers: dict[str, str], deadline: float) -> bool:
        self.asked.append(Asked(self._time.monotonic(), "sendevent CUSTOM"))
        if self.tick is not None:
            stamp = self._time.epoch()
            self.tick(TickEvent(headers["Exporter-Instance"], int(headers["Exporter-Tick"]), stamp))
        return True
