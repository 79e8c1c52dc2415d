"""One call under way, the requests that wait for it, and which requests it answers."""

import asyncio
from typing import TYPE_CHECKING

import structlog

from exporter.clock import Clock
from exporter.probe.admission import CallPlan, Refused
from exporter.probe.call import Call
from exporter.probe.record import Answer, CallRecord, under_way
from exporter.watch.node import Node

if TYPE_CHECKING:
    from collections.abc import Callable

log = structlog.get_logger(__name__)


class Run:
    """One call under way, and the requests that wait for it.

    Attributes:
        record: of the call, kept up to date.
        cached: another process placed the call that `record` is of, and it is over.
        over_by: the clock's `monotonic` at which the call is over at the latest.
        waiting: requests that wait for the end.
        unattended: the call goes on though no request waits.
        decided: FreeSWITCH has taken or refused the call.
        watchers: called with the record at every change.
        task: ends with the final record; set by whoever starts it, at once.
    """

    def __init__(self, node: Node, plan: CallPlan, record: CallRecord, line: str, clock: Clock) -> None:
        self.node = node
        self.plan = plan
        self.record = record
        self.cached = False
        self.call = Call(node, plan, record.call_uuid, line, self._changed, clock)
        self.began = clock.monotonic()
        self.over_by = self.began + plan.limits.total
        self.waiting = 0
        self.unattended = False
        self.decided = asyncio.Event()
        self.watchers: list[Callable[[CallRecord], None]] = []
        self.task: asyncio.Task[CallRecord]

    def _changed(self) -> None:
        self.record = under_way(self.record, self.call.seen)
        if self.call.seen.created:
            self.decided.set()
        for watcher in self.watchers:
            watcher(self.record)


def serves(record: CallRecord, plan: CallPlan) -> bool:
    """Whether that call answers this plan: the same route to the same number, judged by the same probe."""
    settings = plan.settings
    same_route = (record.node, record.gateway) == (settings.node, settings.gateway)
    return same_route and settings.name in ("", record.probe)


def answer_of(run: Run) -> Answer:
    """What became of a call, or how far it is.

    Raises:
        Refused: it was not placed.
    """
    return Answer(run.task.result() if run.task.done() else run.record, cached=run.cached)


def log_bug(task: asyncio.Task[CallRecord]) -> None:
    """A bug must be logged where nobody waits for the call."""
    if not task.cancelled() and (error := task.exception()) and not isinstance(error, Refused):
        log.error("probe call failed", exc_info=error)
