"""Ends probe calls that no exporter follows: those of an earlier process, and any past its own cap.

FreeSWITCH ends every probe call by itself. This module ends those of a crashed exporter earlier, and those
that FreeSWITCH forgot. It looks when a node is connected, again 5 s later (FreeSWITCH may have accepted an
originate and not made its channel yet), and once more when the longest of the exporter's calls must be over.

Only calls with a probe call's UUID are touched, one by one with `uuid_kill`, which acts on this switch alone.
Never `hupall`: with its value missing it ends every call on the switch (tried.md 7).
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable
from typing import Final

import structlog

from exporter.clock import Clock
from exporter.esl import EslError
from exporter.probe.call import KILL_CAUSE, connection_number
from exporter.probe.originate import read_call_id
from exporter.switch.channel import Channel, parse_channels
from exporter.switch.leg import PROBE_PREFIX
from exporter.switch.reply import ReplyError
from exporter.watch.node import Node

AGAIN_AFTER: Final = 5.0
_MARGIN: Final = 5.0  # FreeSWITCH's timers are at most 1 s late; `created_epoch` is in whole seconds

log = structlog.get_logger(__name__)


def leftovers(channels: Iterable[Channel], instance: str, followed: Collection[str], now: float) -> list[str]:
    """UUIDs of the calls to end.

    Args:
        channels: the legs that are up.
        instance: this exporter's id.
        followed: UUIDs of the calls that this exporter follows; they are not left over.
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
        followed: the UUIDs of the calls that this exporter follows.
        longest: seconds after which any call of this exporter must be over.
        clock: the time.
    """

    def __init__(
        self,
        instance: str,
        followed: Callable[[], Collection[str]],
        longest: Callable[[], float],
        clock: Clock,
    ) -> None:
        self._instance = instance
        self._followed = followed
        self._longest = longest
        self._clock = clock
        self._nodes: list[Node] = []
        self._due: dict[Node, tuple[int, list[float]]] = {}
        self._changed = asyncio.Event()  # another connection, or other nodes
        self._task: asyncio.Task[None] | None = None

    def configure(self, nodes: Iterable[Node]) -> None:
        """Sweep these nodes and no others."""
        self._nodes = list(nodes)
        self._due = {node: due for node, due in self._due.items() if node in self._nodes}
        for node in self._nodes:
            node.lifecycle.on_connected = self._changed.set
        self._changed.set()

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
            self._changed.clear()
            for node in self._nodes:
                due = self._due_on(node)
                if due and due[0] <= self._clock.monotonic():
                    due.pop(0)
                    await self.sweep(node)
            following = [due[0] for node in self._nodes if (due := self._due_on(node))]
            seconds = min(following) - self._clock.monotonic() if following else None
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._changed.wait()

    def _due_on(self, node: Node) -> list[float]:
        """When the node is to be swept on its present connection, monotonic seconds, the next first."""
        number = connection_number(node)
        if number is None:
            return []
        known, due = self._due.get(node, (None, []))
        if known != number:
            now = self._clock.monotonic()
            due = [now, now + AGAIN_AFTER, now + max(self._longest(), AGAIN_AFTER)]
            self._due[node] = (number, due)
        return due

    async def sweep(self, node: Node) -> int:
        """End the calls of one node that are left over; how many were found."""
        try:
            listed = parse_channels(await node.api(f"show channels like {PROBE_PREFIX} as json"))
            now = self._clock.epoch() + (node.ticks.clock_skew or 0.0)
            found = leftovers(listed.channels, self._instance, self._followed(), now)
            for uuid in found:
                if uuid not in self._followed():
                    await node.api(f"uuid_kill {uuid} {KILL_CAUSE}")
                    log.warning("ended a probe call that was left over", node=node.name, call_uuid=uuid)
        except (EslError, ReplyError) as error:
            log.warning("could not look for probe calls left over", node=node.name, reason=str(error))
            return 0
        return len(found)
