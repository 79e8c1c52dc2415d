"""Does FreeSWITCH still deliver events? Judged by the tick, or by HEARTBEAT where the tick is denied.

The tick decides within TICK_OVERDUE seconds. An account that may not have it is judged by HEARTBEAT, which
comes every 20 s unless FreeSWITCH is configured otherwise (facts.md 4.5). So its interval is learned, from
HEARTBEATs of the present connection only, and of the last gaps the longest counts, since one late HEARTBEAT
makes one gap too long and the next too short. Before two have come, LONGEST_HEARTBEAT is assumed.
"""

from collections import deque
from collections.abc import Collection
from typing import Final

from exporter.switch.events import HEARTBEAT
from exporter.watch.subscriptions import TICK_SUBSCRIPTION
from exporter.watch.tick import Ticks

TICK_OVERDUE: Final = 5.0  # seconds
LONGEST_HEARTBEAT: Final = 120.0  # seconds
HEARTBEATS_MISSED: Final = 2.5  # intervals
_GAPS_KEPT: Final = 3


class EventFlow:
    """Events of the present connection, as far as they show that events flow.

    Args:
        ticks: those of the node.
    """

    def __init__(self, ticks: Ticks) -> None:
        self._ticks = ticks
        self._gaps: deque[float] = deque(maxlen=_GAPS_KEPT)
        self._last: float | None = None
        self._since = 0.0

    def restart(self, now: float) -> None:
        """A new connection: events are expected from now on (monotonic seconds)."""
        self._gaps.clear()
        self._last = None
        self._since = now

    def on_heartbeat(self, now: float) -> None:
        """A HEARTBEAT came."""
        if self._last is not None:
            self._gaps.append(now - self._last)
        self._last = now

    def stalled(self, now: float, denied: Collection[str]) -> str | None:
        """Why events count as stalled; None while they do not.

        Args:
            now: monotonic seconds.
            denied: subscriptions that the account may not have.
        """
        if TICK_SUBSCRIPTION not in denied:
            overdue = self._ticks.overdue(now)
            if overdue > TICK_OVERDUE:
                return f"commands are answered, but no event has come back for {overdue:.0f} s"
            return None
        if HEARTBEAT.name in denied:
            return None
        interval = max(self._gaps, default=LONGEST_HEARTBEAT)
        silent = now - (self._since if self._last is None else self._last)
        if silent > HEARTBEATS_MISSED * interval:
            return f"commands are answered, but no HEARTBEAT has come for {silent:.0f} s"
        return None
