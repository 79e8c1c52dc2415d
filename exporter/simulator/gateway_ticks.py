"""When the gateways of one switch are checked: once per tick, without the ticks that find nothing to do.

Strategy: FreeSWITCH checks each gateway once per second (facts.md 2.1), and nearly always nothing is due. A
gateway says how many of its next ticks change nothing (`quiet_ticks`); those are left out, and counted when
the next one comes or something else changes a gateway (`catch_up`). So all happens at the tick at which it
would happen if none were left out.
"""

import asyncio
import math
from collections.abc import Callable, Iterable
from typing import Final

from exporter.simulator.clock import SwitchClock
from exporter.simulator.gateways import Gateway

# Ticks left out at once: gateways look at the wall clock, too, which may be set.
MOST_QUIET: Final = 10
_ROUNDING: Final = 1e-6  # of a tick


class GatewayTicks:
    """The ticks of one switch.

    Args:
        tick: seconds that one lasts.
        clock: of the switch.
        gateways: gives those that are checked.
        check: checks them.
        hung: whether the process stands still: then no tick counts.
    """

    def __init__(
        self,
        tick: float,
        clock: SwitchClock,
        gateways: Callable[[], Iterable[Gateway]],
        check: Callable[[], None],
        hung: Callable[[], bool],
    ) -> None:
        self._tick = tick
        self._clock = clock
        self._gateways = gateways
        self._check = check
        self._hung = hung
        self._counted_to = 0.0
        self._left_out = 0
        self._next: asyncio.TimerHandle | None = None
        self._checking = False

    def start(self) -> None:
        """Check the gateways now, and once per tick from now on."""
        self._counted_to = self._clock.monotonic()
        self._check_and_plan()

    def stop(self) -> None:
        """Check them no more."""
        if self._next is not None:
            self._next.cancel()
            self._next = None

    def catch_up(self) -> None:
        """Count the ticks that have passed: a gateway was changed, or is to be shown."""
        if self._next is None or self._checking:
            return
        self._next.cancel()
        # A tick that is due at this very moment comes after what has changed.
        passed = math.ceil((self._clock.monotonic() - self._counted_to) / self._tick - _ROUNDING) - 1
        passed = max(0, min(self._left_out, passed))
        self._count(passed)
        self._counted_to += passed * self._tick
        self._plan()

    def _count(self, ticks: int) -> None:
        if ticks:
            for gateway in self._gateways():
                gateway.skip(ticks)

    def _plan(self) -> None:
        quiet = MOST_QUIET
        for gateway in self._gateways():
            quiet = min(quiet, gateway.quiet_ticks())
        self._left_out = 0 if self._hung() else quiet
        now = self._clock.monotonic()
        due = max(self._counted_to + (1 + self._left_out) * self._tick, now)
        self._next = asyncio.get_running_loop().call_later(due - now, self._on_tick, due)

    def _on_tick(self, due: float) -> None:
        self._count(self._left_out)
        self._counted_to = due
        self._check_and_plan()

    def _check_and_plan(self) -> None:
        self._checking = True
        try:
            self._check()
        finally:
            self._checking = False
        self._plan()
