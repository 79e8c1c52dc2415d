"""One call, from originate to hang-up, on a switch that may go away in the middle of it.

FreeSWITCH has everything it needs to end the call before the INVITE leaves (dialstring.py), so this file
never has to: it follows, and where somebody wants the call to end earlier (nobody waits any more, we are
stopped, FreeSWITCH's own timers failed) it asks for that. A kill that comes before FreeSWITCH has made the
channel finds nothing, so it is repeated until the call is over.

Nothing is ever sent a second time: an originate whose acceptance we did not hear of counts as placed. If it
was, its events or its own timers end it; `sweep` finds it after a new connection.
"""

import asyncio
import uuid
from collections.abc import Callable
from typing import Final

import structlog

from exporter.esl import EslError, PermissionDenied
from exporter.probe.life import Life, State
from exporter.probe.limits import Limits
from exporter.probe.request import Plan
from exporter.probe.switchboard import Switchboard, connection_number
from exporter.probe.verdict import Course, Interruption
from exporter.switch.provider import ProviderCode, provider

KILL_CAUSE: Final = "MANAGER_REQUEST"
_LOOK: Final = 0.1  # seconds between looks at the connection and the clock
_KILL_EVERY: Final = 0.5
_OTHER_HALF: Final = 2.0  # for the channel's end to follow the originate's, or the other way round
_NO_CHANNEL: Final = 0.3  # for a refused originate's channel to show up, if there ever was one
_LATE: Final = 3.0  # FreeSWITCH's scheduler looks every half second, and its clock is in whole ones
_LAST_WAIT: Final = 5.0

log = structlog.get_logger(__name__)


class Call:
    """One call. `run` once; `end` at any time.

    Args:
        line: the originate command for this uuid and these limits.
        on_change: called after every change of `life`.
    """

    def __init__(
        self,
        board: Switchboard,
        plan: Plan,
        call_uuid: str,
        limits: Limits,
        line: str,
        on_change: Callable[[], None],
    ) -> None:
        self.life = Life(tone=plan.settings.application == "tone", on_change=self._changed)
        self._board = board
        self._plan = plan
        self._uuid = call_uuid
        self._limits = limits
        self._line = line
        self._on_change = on_change
        self._interruption: Interruption | None = None
        self._news = asyncio.Event()
        self._connection: int | None = None
        self._halves_since: float | None = None
        self._killed_at = float("-inf")

    def end(self, why: Interruption) -> None:
        """Have the call ended; `run` returns when it is."""
        if self._interruption is None:
            self._interruption = why
            self._news.set()

    async def run(self) -> Course:
        """Place the call and follow it to its end."""
        job = str(uuid.uuid4())
        self._board.follow_leg(self._uuid, self.life.on_leg)
        self._board.follow_job(job, self.life.on_job)
        try:
            if self._interruption is None and await self._place(job):
                await self._follow()
        finally:
            self._board.unfollow_leg(self._uuid)
            self._board.unfollow_job(job)
        facts = self.life.facts()
        return Course(
            facts, self._plan.settings, self._limits, self._interruption, self._code(facts.sip_phrase)
        )

    async def _place(self, job: str) -> bool:
        """Send the originate; False if FreeSWITCH cannot have taken it, or we cannot hear of it."""
        self._connection = connection_number(self._board)
        try:
            await self._board.bgapi(self._line, job)
        except PermissionDenied:
            self._interruption = "denied"
            return False
        except EslError as error:
            log.warning("originate not answered", call_uuid=self._uuid, reason=str(error))
            self._interruption = "lost"
            return False
        return True

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + self._limits.total + _LATE
        while not self._over(loop.time()):
            now = loop.time()
            if connection_number(self._board) != self._connection:
                self._interruption = "lost"
                return
            if now > due + _LAST_WAIT:
                self._interruption = "unreported"
                return
            if now > due:
                self.end("overdue")
            if self._interruption is not None and now - self._killed_at >= _KILL_EVERY:
                self._killed_at = now
                await self._kill()
                continue
            self._news.clear()
            try:
                async with asyncio.timeout(_LOOK):
                    await self._news.wait()
            except TimeoutError:
                continue

    def _over(self, now: float) -> bool:
        """Both halves have ended, or one has and the other stays away."""
        life = self.life
        if life.over:
            return True
        if not life.refused and life.state is not State.ENDED:
            return False
        self._halves_since = now if self._halves_since is None else self._halves_since
        return now - self._halves_since > (_NO_CHANNEL if life.state is State.PLACING else _OTHER_HALF)

    async def _kill(self) -> None:
        try:
            await self._board.api(f"uuid_kill {self._uuid} {KILL_CAUSE}")
        except EslError as error:
            log.warning("probe call not killed", call_uuid=self._uuid, reason=str(error))

    def _changed(self) -> None:
        self._news.set()
        self._on_change()

    def _code(self, phrase: str) -> ProviderCode | None:
        if not phrase or self._plan.provider is None:
            return None
        return provider(self._plan.provider).find(phrase)
