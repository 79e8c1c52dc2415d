"""Asks for the audio of running calls, every `live_quality.every`, on a connection of their own.

Two commands for each leg (switch/live_audio.py), TOGETHER legs at once. FreeSWITCH answers them from memory
in 3 ms; where it takes more than SLOW, it has better things to do: the round ends there, and the next one
begins after YIELD seconds. A late answer also ends the round, and makes the families absent. An
account that may not run the commands has no such families, and is asked for them once per connection.
"""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any, Final

from exporter.clock import Clock
from exporter.config import LiveQualityConfig
from exporter.esl import EslError, PermissionDenied
from exporter.switch.reply import ReplyError
from exporter.watch import commands
from exporter.watch.commands import Command, Lane, rule_of
from exporter.watch.connections import Connections
from exporter.watch.live_audio import LiveAudio
from exporter.watch.parts import in_parts

TOGETHER: Final = 10  # legs
SLOW: Final = 0.5  # seconds
YIELD: Final = 30.0  # seconds
OFF: Final = 5.0  # seconds between looks at the config while no call is looked at
_RULE: Final = rule_of(commands.LEG_WRITE_COUNTERS.text)
_COMMANDS: Final = (commands.LEG_WRITE_COUNTERS, commands.LEG_AUDIO)
AUDIO_COMMANDS: Final = frozenset("api " + command.text.partition(" ")[0] for command in _COMMANDS)
"""Commands that an account needs, as `Connections.denied` has them."""


class LivePoller:
    """Asks one FreeSWITCH and writes down what it answers.

    Args:
        settings: how many calls are looked at now, and how often.
        clock: the time.
        live: what is known of the running calls.
        connections: open while `run` does.
    """

    def __init__(
        self,
        settings: Callable[[], LiveQualityConfig],
        clock: Clock,
        live: LiveAudio,
        connections: Connections,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._live = live
        self._connections = connections

    async def run(self) -> None:
        """Look until cancelled; on a new connection."""
        while True:
            if not self._settings().calls or AUDIO_COMMANDS & self._connections.denied:
                await self._clock.sleep(OFF)
                continue
            lane = asyncio.ensure_future(self._connections.keep_lane(Lane.LIVE))
            try:
                await self._look()
            finally:
                lane.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await lane
                self._live.forget()

    async def _look(self) -> None:
        """Look at calls, until the config says that none is to be looked at, or the account may not."""
        while (settings := self._settings()).calls and not AUDIO_COMMANDS & self._connections.denied:
            began = self._clock.monotonic()
            quick = await self._round(settings)
            pause = settings.every if quick else max(settings.every, YIELD)
            await self._pause(began + pause, settings)

    async def _pause(self, until: float, settings: LiveQualityConfig) -> None:
        """Wait until then (monotonic seconds), or until the config is another."""
        while (left := until - self._clock.monotonic()) > 0 and self._settings() == settings:
            await self._clock.sleep(min(left, OFF))

    async def _round(self, settings: LiveQualityConfig) -> bool:
        """One look at each leg of the turn; False if FreeSWITCH was slow."""
        legs = self._live.turn(settings.calls, settings.every, self._clock.monotonic())
        for part in in_parts(legs, TOGETHER):
            began = self._clock.monotonic()
            try:
                answers = await self._connections.ask_all(_questions(part))
            except EslError as error:
                self._connections.optional_answers.on_worthless(_RULE, commands.LEG_AUDIO.text, error)
                self._live.forget()
                return False
            now = self._clock.monotonic()
            if AUDIO_COMMANDS & self._connections.denied:
                self._live.forget()
                return False
            for uuid, reading in zip(part, answers[1::2], strict=True):
                if not isinstance(reading, ReplyError | PermissionDenied):  # else the call has ended
                    self._live.on_reading(uuid, reading, now)
            if now - began > SLOW:
                self._live.on_round()
                return False
        if legs:
            self._connections.optional_answers.on_good(_RULE)
        self._live.on_round()
        return True


def _questions(legs: Sequence[str]) -> list[Command[Any]]:
    return [command.of(uuid=uuid) for uuid in legs for command in _COMMANDS]
