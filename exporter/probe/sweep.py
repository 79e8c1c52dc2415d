"""Ends probe calls that nobody follows: our own of an earlier life, and anybody's that outlived its own cap.

FreeSWITCH ends every probe call by itself; this ends those of a crash earlier, and those that FreeSWITCH
forgot. It looks when a node is connected, again shortly after (an originate may have been accepted whose
channel was not made yet), and once more when the longest of our calls must be over.

Only calls with a probe call's UUID are touched, one by one with `uuid_kill`, which acts on this switch alone.
Never `hupall`: with its value missing it ends every call on the switch (tried.md 7).
"""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable
from typing import Final

import structlog

from exporter.esl import EslError
from exporter.probe.call import KILL_CAUSE
from exporter.probe.callid import read_call_id
from exporter.probe.switchboard import Switchboard, connection_number
from exporter.switch.channel import Channel, parse_channels
from exporter.switch.leg import PROBE_PREFIX
from exporter.switch.reply import ReplyError

AGAIN_AFTER: Final = 5.0
_LOOK: Final = 0.5
_MARGIN: Final = 5.0  # FreeSWITCH's timers are late by a second at most, and `created_epoch` is a whole one

log = structlog.get_logger(__name__)


def leftovers(channels: Iterable[Channel], instance: str, followed: Collection[str], now: float) -> list[str]:
    """UUIDs of the calls to end.

    Args:
        instance: ours.
        followed: UUIDs of calls that are not left over: somebody follows them here.
        now: epoch seconds by FreeSWITCH's clock.
    """
    found = []
    for channel in channels:
        call_id = read_call_id(channel.uuid)
        if call_id is None or channel.uuid in followed:
            continue
        overdue = channel.created_epoch > 0 and now - channel.created_epoch > call_id.cap + _MARGIN
        if call_id.instance == instance or overdue:
            found.append(channel.uuid)
    return found


class Sweeper:
    """Sweeps each node after each new connection.

    Args:
        instance: this exporter's id.
        followed: the UUIDs of calls under way here.
        longest: seconds after which any call of ours must be over.
    """

    def __init__(
        self, instance: str, followed: Callable[[], Collection[str]], longest: Callable[[], float]
    ) -> None:
        self._instance = instance
        self._followed = followed
        self._longest = longest
        self._boards: list[Switchboard] = []
        self._due: dict[Switchboard, tuple[int, list[float]]] = {}
        self._task: asyncio.Task[None] | None = None

    def configure(self, boards: Iterable[Switchboard]) -> None:
        """Sweep these nodes and no others."""
        self._boards = list(boards)
        self._due = {board: due for board, due in self._due.items() if board in self._boards}

    def start(self) -> None:
        """Begin; returns at once."""
        self._task = asyncio.create_task(self._run(), name="probe sweep")

    async def stop(self) -> None:
        """Stop sweeping."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            for board in self._boards:
                if self._is_due(board, time.monotonic()):
                    await self.sweep(board)
            await asyncio.sleep(_LOOK)

    def _is_due(self, board: Switchboard, now: float) -> bool:
        number = connection_number(board)
        if number is None:
            return False
        known, due = self._due.get(board, (None, []))
        if known != number:
            due = [now, now + AGAIN_AFTER, now + max(self._longest(), AGAIN_AFTER)]
            self._due[board] = (number, due)
        if not due or due[0] > now:
            return False
        due.pop(0)
        return True

    async def sweep(self, board: Switchboard) -> int:
        """End the leftovers of one node; how many were found."""
        try:
            listed = parse_channels(await board.api(f"show channels like {PROBE_PREFIX} as json"))
            now = time.time() + (board.ticks.clock_skew or 0.0)
            found = leftovers(listed.channels, self._instance, self._followed(), now)
            for uuid in found:
                if uuid not in self._followed():
                    await board.api(f"uuid_kill {uuid} {KILL_CAUSE}")
                    log.warning("ended a probe call that was left over", node=board.name, call_uuid=uuid)
        except (EslError, ReplyError) as error:
            log.warning("could not look for probe calls left over", node=board.name, reason=str(error))
            return 0
        return len(found)
