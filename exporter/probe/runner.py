"""Many askers, few calls: who asks gets the call under way, the last result, a new call, or a refusal.

The order of the questions, so that no second call is ever placed for what one can answer:

    the request as such    request.py, guard.py          refused: 4xx
    a call to that number is under way                   join it, or refused: concurrency
    one began less than `min_interval` ago               its result, or refused: rate
    the node is connected                                refused: not_connected
    fewer than `max_concurrent` calls are under way      refused: concurrency (the schedule waits)
    the money                                            refused: budget

Between the second question and the entry of the new call there is no `await`, so a thousand requests at once
find one call. From then on all who joined share its fate. A call that nobody waits for any more is ended,
except where nobody ever meant to wait (`place`).
"""

import asyncio
import contextlib
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Final

import structlog

from exporter.config.model import Config
from exporter.probe import guard
from exporter.probe.call import Call
from exporter.probe.callid import new_call_id
from exporter.probe.collector import ProbeStats, Series
from exporter.probe.dialstring import UnsafeDialString, originate
from exporter.probe.limits import Limits, limits
from exporter.probe.record import CallRecord, begun, decode, encode, ended, under_way
from exporter.probe.refusal import Refused
from exporter.probe.request import Asked, Plan, resolve
from exporter.probe.store import Store, too_soon
from exporter.probe.switchboard import Switchboard
from exporter.probe.verdict import Interruption, judge

STOP_SECONDS: Final = 5.0
PLACED_WITHIN: Final = 1.0
_RECALLED: Final = 500

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What an asker gets.

    Attributes:
        record: of the call; under way if `timed_out`, or if the asker did not want to wait.
        cached: the call was over before it was asked for.
        timed_out: the asker's time passed; the call may go on for others.
    """

    record: CallRecord
    cached: bool = False
    timed_out: bool = False


class _Run:
    """One call under way, from its claim to its record."""

    def __init__(self, record: CallRecord, plan: Plan, cap: Limits, line: str) -> None:
        self.record = record
        self.plan = plan
        self.limits = cap
        self.line = line
        self.began = time.monotonic()
        self.waiting = 0
        self.unattended = False
        self.wanted_end: Interruption | None = None
        self.call: Call | None = None
        self.decided = asyncio.Event()
        self.watchers: list[Callable[[CallRecord], None]] = []
        self.task: asyncio.Task[CallRecord]  # set by whoever starts it, at once

    def end(self, why: Interruption) -> None:
        """Have it ended."""
        self.wanted_end = self.wanted_end or why
        if self.call is not None:
            self.call.end(why)

    def changed(self) -> None:
        """The call got further."""
        if self.call is None:
            return
        self.record = under_way(self.record, self.call.life)
        if self.call.life.created:
            self.decided.set()
        for watcher in self.watchers:
            watcher(self.record)

    @property
    def left(self) -> float:
        """Seconds until it is over at the latest."""
        return max(self.began + self.limits.total - time.monotonic(), 1.0)


class Runner:
    """All probe calls of one exporter.

    Args:
        instance: four hex digits that tell this exporter's calls from others'.
        store: budget and history.
        tally: the figures.
    """

    def __init__(self, instance: str, store: Store, tally: ProbeStats) -> None:
        self.instance = instance
        self.tally = tally
        self._store = store
        self._config = Config()
        self._boards: Mapping[str, Switchboard] = {}
        self._runs: dict[str, _Run] = {}
        self._last: dict[str, CallRecord] = {}
        self._freed = asyncio.Event()
        self._stopping = False
        tally.spent = lambda: store.spent

    # -- for the daemon
    # ---------------------------------------------------------------------------------------

    def configure(self, config: Config, boards: Mapping[str, Switchboard]) -> None:
        """Put a configuration in force: at start and at every reload. Calls under way go on."""
        self._config = config
        self._boards = dict(boards)
        self.tally.configure(config)
        if config.guard.allow:
            guard.warm_up()

    async def recall(self) -> None:
        """Read what earlier lives have left: last runs, and results young enough to serve."""
        now = time.time()
        for text in await self._store.recent(_RECALLED):
            record = decode(text)
            if record is not None:
                self.tally.recall(record)
                if 0 <= now - record.started_at < self._config.guard.min_interval:
                    self._last.setdefault(record.destination, record)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End every call under way, wait until they are over, close the store."""
        self._stopping = True
        runs = list(self._runs.values())
        for run in runs:
            run.end("shutdown")
        tasks = [run.task for run in runs]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        await self._store.close()

    def under_way(self) -> Collection[str]:
        """UUIDs of the calls we follow now."""
        return {run.record.call_uuid for run in self._runs.values()}

    # -- asking
    # -----------------------------------------------------------------------------------------------

    async def probe(self, asked: Asked, watcher: Callable[[CallRecord], None] | None = None) -> Answer:
        """The result of the call that answers `asked`; waits for it, `asked.timeout` at most.

        Args:
            watcher: called with the record at every change while the call goes on.

        Raises:
            Refused: no call was placed for this request.
        """
        run = self._claim_or_count(self._resolve(asked))
        if isinstance(run, CallRecord):
            return Answer(run, cached=True)
        return await self._wait(run, asked.timeout, watcher)

    async def place(self, asked: Asked) -> Answer:
        """Place the call, and wait only until FreeSWITCH has taken or refused it, a second at most.

        Raises:
            Refused: no call was placed for this request.
        """
        run = self._claim_or_count(self._resolve(asked))
        if isinstance(run, CallRecord):
            return Answer(run, cached=True)
        run.unattended = True
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PLACED_WITHIN):
                await run.decided.wait()
        if run.task.done():
            return Answer(self._outcome(run))
        return Answer(run.record)

    async def scheduled(self, name: str) -> None:
        """Run a probe of the configuration; waits for its turn.

        Raises:
            Refused: for anything but a lack of room.
        """
        while True:
            plan = self._resolve(Asked(probe=name))
            self._freed.clear()
            try:
                run = self._claim(plan)
            except Refused as refused:
                if refused.reason not in ("concurrency", "rate"):
                    self._count(refused, plan)
                    raise
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(refused.retry_after):
                        await self._freed.wait()
                continue
            if isinstance(run, _Run):
                await self._wait(run, None, None)
            return

    async def find(self, uuid: str) -> CallRecord | None:
        """The record of a call, under way or over; None if there is none.

        Raises:
            Refused: `state_dir`, the history cannot be read.
        """
        for run in self._runs.values():
            if run.record.call_uuid == uuid:
                return run.record
        for record in self._last.values():
            if record.call_uuid == uuid:
                return record
        text = await self._store.find(uuid)
        return decode(text) if text else None

    async def history(self, count: int) -> list[CallRecord]:
        """The latest calls, newest first, those under way among them.

        Raises:
            Refused: `state_dir`, the history cannot be read.
        """
        running = [run.record for run in self._runs.values()]
        kept = [record for text in await self._store.recent(count) if (record := decode(text)) is not None]
        known = {record.call_uuid for record in running}
        calls = running + [record for record in kept if record.call_uuid not in known]
        return sorted(calls, key=lambda record: record.started_at, reverse=True)[:count]

    # -- inside
    # -----------------------------------------------------------------------------------------------

    def _resolve(self, asked: Asked) -> Plan:
        try:
            return resolve(asked, self._config, self._knows_gateway)
        except Refused as refused:
            self.tally.refused(refused.reason)
            raise

    def _knows_gateway(self, node: str, gateway: str) -> bool:
        board = self._boards.get(node)
        return board is not None and bool(board.gateways.named(gateway))

    def _claim_or_count(self, plan: Plan) -> _Run | CallRecord:
        """As `_claim`; a refusal is counted."""
        try:
            return self._claim(plan)
        except Refused as refused:
            self._count(refused, plan)
            raise

    def _claim(self, plan: Plan) -> _Run | CallRecord:
        """The call under way that answers the plan, the record of the last one that does, or a new call."""
        destination = plan.settings.destination
        run = self._runs.get(destination)
        if run is not None:
            if _serves(run.record, plan):
                return run
            raise _busy(f"{destination} is being called for another probe.", run.left)
        return self._served(plan) or self._begin(plan)

    def _served(self, plan: Plan) -> CallRecord | None:
        last = self._last.get(plan.settings.destination)
        if last is None:
            return None
        age = time.time() - last.started_at
        if not 0 <= age < self._config.guard.min_interval:
            return None
        if _serves(last, plan):
            return last
        raise too_soon(last.destination, self._config.guard.min_interval - age)

    def _begin(self, plan: Plan) -> _Run:
        settings = plan.settings
        board = self._boards.get(settings.node)
        if self._stopping:
            raise Refused("stopping", "The exporter is being stopped.", "Ask again once it is back.")
        if board is None or not board.connected:
            reason = board.reason if board is not None else "it is not watched"
            raise Refused(
                "not_connected",
                f"FreeSWITCH {settings.node} is not connected: {reason}",
                "See freeswitch_connection_problem, or run freeswitch-exporter doctor.",
            )
        if len(self._runs) >= self._config.guard.max_concurrent:
            raise _busy(
                f"{len(self._runs)} probe calls are under way, as many as guard.max_concurrent allows.",
                min(run.left for run in self._runs.values()),
            )
        cap = limits(settings, plan.ring)
        uuid = new_call_id(self.instance, cap.total)
        try:
            line = originate(settings, uuid, cap)
        except UnsafeDialString as unsafe:
            raise Refused(
                "bad_request",
                str(unsafe),
                "Give the gateway a name of letters, digits, dot, dash, underline.",
            ) from None
        run = _Run(begun(uuid, plan, time.time()), plan, cap, line)
        self._runs[settings.destination] = run
        run.task = asyncio.create_task(self._drive(run, board), name=f"probe call {uuid}")
        run.task.add_done_callback(_note_failure)
        return run

    async def _drive(self, run: _Run, board: Switchboard) -> CallRecord:
        record = run.record
        try:
            await self._store.enter(
                record.call_uuid, record.destination, run.limits.answered, self._config.guard
            )
            run.call = Call(board, run.plan, record.call_uuid, run.limits, run.line, run.changed)
            if run.wanted_end is not None:
                run.call.end(run.wanted_end)
            course = await run.call.run()
            elapsed = time.monotonic() - run.began
            record = run.record = ended(run.record, course, judge(course), time.time(), elapsed)
            self._keep(record)
            await self._write_down(record)
        finally:
            del self._runs[record.destination]
            run.decided.set()
            self._freed.set()
        return record

    async def _write_down(self, record: CallRecord) -> None:
        try:
            await self._store.settle(record.call_uuid, record.talk_seconds, encode(record))
        except Refused as refused:
            log.error("probe call not recorded", call_uuid=record.call_uuid, reason=refused.message)

    def _keep(self, record: CallRecord) -> None:
        self.tally.ran(record)
        oldest = time.time() - self._config.guard.min_interval
        self._last = {number: last for number, last in self._last.items() if last.started_at > oldest}
        self._last[record.destination] = record
        log.info(
            "probe call",
            node=record.node,
            gateway=record.gateway,
            probe=record.probe,
            call_uuid=record.call_uuid,
            result=record.result,
            phase=record.failed_phase,
            cause=record.cause,
            message=record.message,
        )

    async def _wait(
        self, run: _Run, timeout: float | None, watcher: Callable[[CallRecord], None] | None
    ) -> Answer:
        run.waiting += 1
        if watcher is not None:
            run.watchers.append(watcher)
        try:
            done, _ = await asyncio.wait({run.task}, timeout=timeout)
        finally:
            run.waiting -= 1
            if not run.waiting and not run.unattended and not run.task.done():
                run.end("cancelled")
        if not done:
            return Answer(run.record, timed_out=True)
        return Answer(self._outcome(run))

    def _outcome(self, run: _Run) -> CallRecord:
        """What became of a call, counted for each asker if it was never placed."""
        try:
            return run.task.result()
        except Refused as refused:
            self._count(refused, run.plan)
            raise

    def _count(self, refused: Refused, plan: Plan) -> None:
        settings = plan.settings
        series = Series(settings.node, settings.name, settings.gateway)
        aborted = refused.reason in ("not_connected", "state_dir", "stopping")
        self.tally.not_run(series, "aborted" if aborted else "refused")
        self.tally.refused(refused.reason)


def _serves(record: CallRecord, plan: Plan) -> bool:
    """Whether that call answers this request: the same route to the same number, judged by the same probe."""
    settings = plan.settings
    same_route = (record.node, record.gateway) == (settings.node, settings.gateway)
    return same_route and settings.name in ("", record.probe)


def _busy(message: str, wait: float) -> Refused:
    return Refused("concurrency", message, "Ask again when it is over, or raise guard.max_concurrent.", wait)


def _note_failure(task: asyncio.Task[CallRecord]) -> None:
    """A bug must not go unseen where nobody waits for the call."""
    if not task.cancelled() and (error := task.exception()) and not isinstance(error, Refused):
        log.error("probe call failed", exc_info=error)
