"""Changes that only a poll or a HEARTBEAT shows: a new run of FreeSWITCH, its version, limits and pauses.

What was last known stays known while the node is lost, so that after a reconnect only what differs is told,
and after the start of the exporter nothing is. FreeSWITCH fires no event for any of it (facts-more.md D).
"""

from typing import Final

from exporter.clock import Clock
from exporter.switch.status import SwitchFigures
from exporter.watch.changes import Changes
from exporter.watch.switch import SwitchFacts

LIMITS: Final = (
    ("max_sessions", "max_sessions"),
    ("sps", "max_sessions_per_second"),
    ("min_idle_cpu", "min_idle_cpu"),
)
"""The argument of `fsctl` that sets a limit, and the field of `SwitchFigures`."""


class ValueChanges:
    """What the values of one switch tell.

    Args:
        changes: where it is told.
    """

    def __init__(self, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock
        self._restarted = False
        self._lost = 0.0  # epoch
        self._version = ""
        self._limits: dict[str, float] = {}
        self._paused: dict[str, bool] = {}

    def on_lost(self) -> None:
        """The node is lost."""
        self._lost = self._clock.epoch()

    def on_restart(self) -> None:
        """FreeSWITCH runs anew; its status, which says since when, is still to be asked for."""
        self._restarted = True

    def on_poll(self, switch: SwitchFacts) -> None:
        """Status and pauses have been asked for."""
        if self._restarted:
            self._restarted = False
            up = switch.figures.uptime_seconds
            now = self._clock.epoch()
            began = now if up is None else min(max(now - up, self._lost), now)
            self._changes.note("restarted", at=began)
        if switch.version:
            if self._version not in ("", switch.version):
                self._changes.note("upgraded", "", self._version, switch.version)
            self._version = switch.version
        self.on_figures(switch.figures)
        self._on_paused(switch.paused)

    def on_figures(self, figures: SwitchFigures) -> None:
        """The figures of `status` or of a HEARTBEAT."""
        for limit, field in LIMITS:
            value = getattr(figures, field)
            if value is None:
                continue
            before = self._limits.get(limit, value)
            self._limits[limit] = value
            if value != before:
                self._changes.note("limits", limit, _shown(before), _shown(value))

    def _on_paused(self, paused: dict[str, bool]) -> None:
        before = {**paused, **self._paused}
        self._paused = {**before, **paused}
        for what, now in (("paused", True), ("resumed", False)):
            changed = [way for way, value in paused.items() if value is now and before[way] is not now]
            if changed:
                self._changes.note(what, " and ".join(sorted(changed)))


def _shown(number: float) -> str:
    return str(int(number)) if number == int(number) else str(number)
