"""What runs an api command, asked for by `api` or by `bgapi`.

Strategy: most commands have their reply at once (replies.py); originate and msleep reply later. Either way
`call` gives the reply to a function. A `bgapi` job fires its reply as BACKGROUND_JOB.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING

from exporter.simulator import replies
from exporter.simulator.calls import Calls
from exporter.simulator.switch import Switch

if TYPE_CHECKING:
    from exporter.simulator.events import Header


class Api:
    """The api commands of one switch."""

    def __init__(self, switch: Switch, calls: Calls) -> None:
        self._switch = switch
        self._calls = calls

    def takes_time(self, command: str) -> bool:
        """Whether the command replies later than at once."""
        return command in ("originate", "msleep")

    def call(self, command: str, arguments: str, on_reply: Callable[[str], None]) -> None:
        """Run a command; its API event is fired behind the reply.

        Args:
            command: its first word.
            arguments: the rest.
            on_reply: called exactly once, now or later.
        """
        fire_api_event = self._switch.core.api_event(command, arguments)

        def finished(reply: str) -> None:
            on_reply(reply)
            fire_api_event()

        self._run(command, arguments, finished)

    def run_job(self, job: str, command: str, arguments: str) -> None:
        """A `bgapi` thread: it goes on after its client has gone."""
        core = self._switch.core
        fire_api_event = core.api_event(command, arguments)

        def finished(reply: str) -> None:
            fire_api_event()
            headers: list[Header] = [("Job-UUID", job), ("Job-Command", command)]
            if arguments:
                headers.append(("Job-Command-Arg", arguments))
            core.fire("BACKGROUND_JOB", headers, body=reply)

        self._run(command, arguments, finished)

    def _run(self, command: str, arguments: str, finished: Callable[[str], None]) -> None:
        scripted = self._switch.scripted_replies.get(f"{command} {arguments}".rstrip())
        if scripted is not None:
            finished(scripted)
        elif command == "originate":
            self._calls.originate(arguments, finished)
        elif command == "msleep":
            asyncio.get_running_loop().call_later(int(arguments or 0) / 1000, finished, "+OK\n")
        else:
            finished(replies.answer(self._switch, command, arguments))
