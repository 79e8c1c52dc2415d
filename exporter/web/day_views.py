"""The last days of the gateways in the table, asked of the store and made as rarely as possible.

The table is fetched every few seconds by everyone who looks at it, so each day is kept for KEPT seconds, or
until the gateway's outages are others: that is known at once, without the store. A page asks for the gateways
that it shows, one question at a time, and for WAIT seconds at most; what has not been answered by then is
shown as not known, and the next page goes on where this one stopped.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from exporter.clock import Clock
from exporter.executors import QueueFull
from exporter.history.model import Span
from exporter.history.store import StoreUnavailable, Subject
from exporter.web.context import History
from exporter.web.day_past import day_past
from exporter.web.day_view import DayView, day_view
from exporter.web.svg import DAY

KEPT: Final = 30.0  # seconds
WAIT: Final = 1.0
MAX_KEPT: Final = 2000  # gateways


@dataclass(slots=True)
class _Kept:
    asked: float  # monotonic
    outages: tuple[object, ...]
    day: DayView


class DayViews:
    """The last days of the gateways that were shown lately."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: dict[Subject, _Kept] = {}
        self._asking = asyncio.Lock()

    async def of(
        self, history: History, subjects: Sequence[Subject]
    ) -> tuple[Mapping[Subject, DayView], str]:
        """What is known of these gateways, and why something is missing ("" if nothing is)."""
        problem = ""
        try:
            async with asyncio.timeout(WAIT), self._asking:
                spans: dict[str, list[Span]] = {}
                for subject in subjects:
                    await self._ask(history, subject, spans)
        except TimeoutError:
            problem = "The history is slow to answer; more of it will show in a moment."
        except (StoreUnavailable, QueueFull) as error:
            problem = f"The history cannot be read: {error}"
        while len(self._kept) > MAX_KEPT:
            del self._kept[next(iter(self._kept))]
        known = {subject: self._kept[subject].day for subject in subjects if subject in self._kept}
        return known, problem

    async def _ask(self, history: History, subject: Subject, spans: dict[str, list[Span]]) -> None:
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        past = history.past(*subject)
        outages = (past.outage and past.outage.id, past.last and past.last.id, past.day)
        kept = self._kept.get(subject)
        if kept is not None and kept.outages == outages and now - kept.asked < KEPT:
            self._kept[subject] = self._kept.pop(subject)  # now the last to go
            return
        if subject.node not in spans:
            spans[subject.node] = await history.store.spans(subject.node, since=epoch - DAY, until=epoch)
        found = await day_past(history, subject, past, spans[subject.node], epoch)
        day = day_view(found, epoch, persistent=history.store.persistent)
        self._kept.pop(subject, None)
        self._kept[subject] = _Kept(now, outages, day)
