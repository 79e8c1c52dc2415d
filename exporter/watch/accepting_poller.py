"""What is asked about FreeSWITCH's readiness for calls, and when: status, pauses, a requested shutdown.

====================  =====================================================================================
every EVERY seconds   status, both pauses; `shutdown_check` while status says "not ready"
between, one a look   status near a limit, the pause of a direction that is paused, `shutdown_check` while not
                      ready: each that is older than QUICK
====================  =====================================================================================

No event tells of any of it, so what FreeSWITCH refuses is known EVERY seconds later at most, whatever the
node's poll_interval (a shorter one holds here too). The questions between come out of what the vital lane
has for marked gateways (poller.py), so that both together stay within two commands a second.
"""

from collections.abc import Awaitable, Callable
from typing import Any, Final

from exporter.clock import Clock
from exporter.watch import commands
from exporter.watch.accepting import near_a_limit
from exporter.watch.calls import DIRECTIONS
from exporter.watch.commands import Command
from exporter.watch.knowledge import Knowledge

EVERY: Final = 9.0  # seconds; what they tell is to be known within ten
QUICK: Final = 2.0  # seconds
_STATUS: Final = "status"
_SHUTDOWN: Final = "shutdown"
_ALWAYS: Final = (_STATUS, *DIRECTIONS)  # status first: it decides whether the last question is asked


class AcceptingPoller:
    """Asks one FreeSWITCH whether it accepts calls, and writes down what it answers.

    Args:
        interval: seconds between two polls of the node.
        ask: sends a command of the vital lane; None: denied, or not to be read.
    """

    def __init__(
        self, interval: float, clock: Clock, known: Knowledge, ask: Callable[[Command[Any]], Awaitable[Any]]
    ) -> None:
        self._every = min(interval, EVERY)
        self._clock = clock
        self._known = known
        self._ask = ask
        self._asked: dict[str, float] = {}  # when each question was last asked

    def due_in(self) -> float:
        """Seconds until `poll_if_due` has something to ask; 0.0 if it has."""
        oldest = min(self._asked.get(name, float("-inf")) for name in self._all())
        return max(oldest + self._every - self._clock.monotonic(), 0.0)

    def quick_in(self) -> float:
        """Seconds until there is a question for `ask_one`; infinite while there is none to repeat."""
        oldest = min((self._asked[name] for name in self._to_repeat()), default=float("inf"))
        return max(oldest + QUICK - self._clock.monotonic(), 0.0)

    async def poll(self) -> None:
        """Ask everything.

        Raises:
            EslError: the connection ended.
        """
        self._asked.clear()
        await self.poll_if_due()

    async def poll_if_due(self) -> bool:
        """Ask everything that is due, and with it what soon would be; whether that was anything.

        Raises:
            EslError: the connection ended.
        """
        if self.due_in() > 0:
            return False
        began = self._clock.monotonic()
        for name in (*_ALWAYS, _SHUTDOWN):
            if name in self._all() and began - self._asked.get(name, float("-inf")) >= self._every / 2:
                await self._ask_for(name)
        self._known.on_switch_polled()
        return True

    async def ask_one(self) -> int:
        """Ask the question that has waited longest, if one is due; returns how many were asked.

        Raises:
            EslError: the connection ended.
        """
        if self.quick_in() > 0:
            return 0
        await self._ask_for(min(self._to_repeat(), key=lambda name: self._asked[name]))
        self._known.on_switch_polled()
        return 1

    def _all(self) -> tuple[str, ...]:
        return _ALWAYS if self._known.switch.ready else (*_ALWAYS, _SHUTDOWN)

    def _to_repeat(self) -> list[str]:
        switch = self._known.switch
        names = [direction for direction in DIRECTIONS if switch.paused.get(direction)]
        if not switch.ready:
            names.append(_SHUTDOWN)
        if not switch.ready or near_a_limit(switch.figures):
            names.append(_STATUS)
        return [name for name in names if name in self._asked]

    async def _ask_for(self, name: str) -> None:
        switch = self._known.switch
        self._asked[name] = self._clock.monotonic()
        if name == _STATUS:
            status = await self._ask(commands.STATUS)
            if status is not None:
                switch.on_status(status)
                switch.shutdown_requested = switch.shutdown_requested and not status.ready
        elif name == _SHUTDOWN:
            switch.shutdown_requested = bool(await self._ask(commands.SHUTDOWN_REQUESTED))
        else:
            paused = await self._ask(commands.PAUSED.of(direction=name))
            if paused is not None:
                switch.paused[name] = paused
