"""One call, from originate to hang-up, on a switch that may go away in the middle of it.

FreeSWITCH has everything it needs to end the call before the INVITE leaves (originate.py). So this file only
follows the call, and where it is to end earlier (no request waits any more, the exporter stops,
FreeSWITCH's own timers failed) asks FreeSWITCH to end it. A kill that comes before FreeSWITCH has made the
channel finds nothing, so it is repeated until the call is over.

Nothing is ever sent a second time: an originate without a reply counts as placed. If FreeSWITCH took it, its
events or its own timers end it; `sweep` finds it after a new connection.
"""

import asyncio
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Final

import structlog

from exporter.clock import Clock
from exporter.esl import EslError, PermissionDenied
from exporter.probe.admission import CallPlan
from exporter.probe.observation import Interruption, Observation
from exporter.switch.followed_call import JobReply, LegEvent, ProbeMark
from exporter.watch.node import Node

KILL_CAUSE: Final = "MANAGER_REQUEST"
_LOOK: Final = 0.1  # seconds between looks at the connection and the clock
_KILL_EVERY: Final = 0.5
_OTHER_HALF: Final = 2.0  # for the leg's end to follow the originate's, or the other way round
_NO_CHANNEL: Final = 0.3  # for the leg of a refused originate to appear, if there ever was one
_LATE: Final = 3.0  # FreeSWITCH's scheduler looks every half second, and its clock counts whole seconds
_LAST_WAIT: Final = 5.0

log = structlog.get_logger(__name__)


def connection_number(node: Node) -> int | None:
    """Which connection to FreeSWITCH this is; None while there is none. Events of another one were missed."""
    return node.attempts.get("connected", 0) if node.connected else None


class Call:
    """One call. `run` once; `end` at any time, before `run` too.

    Args:
        node: the FreeSWITCH to call from.
        plan: what to call.
        call_uuid: of `new_call_id`.
        line: the originate command for this plan and UUID.
        on_change: called after every change of `seen`.
        clock: the time.

    Attributes:
        seen: what has been observed of the call.
    """

    def __init__(
        self,
        node: Node,
        plan: CallPlan,
        call_uuid: str,
        line: str,
        on_change: Callable[[], None],
        clock: Clock,
    ) -> None:
        self.seen = Observation(sends_tone=plan.settings.application == "tone")
        self._node = node
        self._plan = plan
        self._uuid = call_uuid
        self._line = line
        self._on_change = on_change
        self._clock = clock
        self._changed = asyncio.Event()
        self._connection: int | None = None
        self._half_over_since: float | None = None
        self._killed_at = float("-inf")

    def end(self, why: Interruption) -> None:
        """Have the call ended; `run` returns when it is. The first reason counts."""
        if self.seen.interruption is None:
            self._interrupted(why)
            self._changed.set()

    async def run(self) -> Observation:
        """Place the call and follow it to its end."""
        job = str(uuid.uuid4())
        self._node.follow_leg(self._uuid, self._on_event)
        self._node.follow_job(job, self._on_reply)
        try:
            if self.seen.interruption is None and await self._place(job):
                await self._follow()
        finally:
            self._node.unfollow_leg(self._uuid)
            self._node.unfollow_job(job)
        return self.seen

    async def _place(self, job: str) -> bool:
        """Send the originate; False if FreeSWITCH cannot have taken it, or its events cannot be received."""
        self._connection = connection_number(self._node)
        self.seen = replace(self.seen, placed=True)
        try:
            await self._node.bgapi(self._line, job)
        except PermissionDenied:
            self.seen = replace(self.seen, placed=False)
            self._interrupted("denied")
            return False
        except EslError as error:
            log.warning("originate not answered", call_uuid=self._uuid, reason=str(error))
            self._interrupted("lost")
            return False
        return True

    async def _follow(self) -> None:
        due = self._clock.monotonic() + self._plan.limits.total + _LATE
        while not self._over():
            now = self._clock.monotonic()
            if connection_number(self._node) != self._connection:
                self._interrupted("lost")
                return
            if now > due + _LAST_WAIT:
                self._interrupted("unreported")
                return
            if now > due:
                self.end("overdue")
            if self.seen.interruption is not None and now - self._killed_at >= _KILL_EVERY:
                self._killed_at = now
                await self._kill()
                continue
            self._changed.clear()
            try:
                async with asyncio.timeout(_LOOK):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _over(self) -> bool:
        """Leg and originate have both ended, or one has and the other is not reported."""
        seen, now = self.seen, self._clock.monotonic()
        if seen.over:
            return True
        if not seen.refused and seen.state != "ended":
            return False
        self._half_over_since = now if self._half_over_since is None else self._half_over_since
        return now - self._half_over_since > (_NO_CHANNEL if seen.state == "initiated" else _OTHER_HALF)

    async def _kill(self) -> None:
        try:
            await self._node.api(f"uuid_kill {self._uuid} {KILL_CAUSE}")
        except EslError as error:
            log.warning("probe call not killed", call_uuid=self._uuid, reason=str(error))

    def _interrupted(self, why: Interruption) -> None:
        self.seen = replace(self.seen, interruption=why)

    def _on_event(self, event: LegEvent | ProbeMark) -> None:
        self._now_seen(self.seen.after_event(event))

    def _on_reply(self, reply: JobReply) -> None:
        self._now_seen(self.seen.after_reply(reply))

    def _now_seen(self, seen: Observation) -> None:
        if seen is not self.seen:
            self.seen = seen
            self._changed.set()
            self._on_change()
