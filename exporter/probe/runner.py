"""Many requests, few calls: a request gets the call under way, the last result, a new call, or a refusal.

The order of the questions, so that no second call is ever placed for what one can answer:

    the request as such    admission.py                  refused: 4xx
    a call to that number is under way                   join it, or refused: concurrency
    one began less than `min_interval` ago               its result, or refused: rate
    the node is connected                                refused: not_connected
    fewer than `max_concurrent` calls are under way      refused: concurrency (the schedule waits)
    the same limits and the budget, for all processes    as above, or refused: budget
    on this `state_dir` (store.py)

Between the second question and the entry of the new call there is no `await`, so a thousand requests at once
find one call. From then on all who joined get the same result. A call that no request waits for any more is
ended, except where none ever meant to wait (`place`).
"""

import asyncio
import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Self

import structlog

from exporter.clock import Clock
from exporter.config.model import Config
from exporter.executors import Executor
from exporter.probe.admission import CallPlan, CallRequest, Refused, resolve
from exporter.probe.collector import ProbeStats
from exporter.probe.cost import cost, end_seen
from exporter.probe.observation import Interruption, Observation
from exporter.probe.originate import UnsafeDialString, limits, new_call_id, originate
from exporter.probe.record import Answer, CallRecord, begun, observed
from exporter.probe.run import Run, answer_of, log_bug, serves
from exporter.probe.store import Store, busy, too_soon
from exporter.probe.verdict import judged
from exporter.switch.destination import load_numbering_plans
from exporter.watch.node import Node

STOP_SECONDS: Final = 5.0
PLACED_WITHIN: Final = 1.0
LOADED_WITHIN: Final = 1.5
WAIT_AT_MOST: Final = 5.0  # seconds between tries of a scheduled run: no other process says that it is done
_RECALLED: Final = 500

log = structlog.get_logger(__name__)


class Runner:
    """All probe calls of one exporter. Made by `open`.

    Args:
        instance: four hex digits that tell this exporter's calls from others'.
        store: budget and history.
        clock: the time.

    Attributes:
        stats: the figures, and the last run of each probe.
    """

    def __init__(self, instance: str, store: Store, clock: Clock) -> None:
        self.instance = instance
        self.stats = ProbeStats(lambda: store.spent, lambda: not store.problem if store.in_file else None)
        self._store = store
        self._clock = clock
        self._config = Config()
        self._nodes: Mapping[str, Node] = {}
        self._runs: dict[str, Run] = {}
        self._last: dict[str, CallRecord] = {}
        self._last_began: dict[str, float] = {}  # by the monotonic clock, which nobody sets
        self._freed = asyncio.Event()
        self._stopping = False

    @classmethod
    async def open(cls, state_dir: Path | None, instance: str, clock: Clock, disk: Executor) -> Self:
        """Open budget and history, and load the numbering plans.

        Args:
            state_dir: the folder of the store; None keeps it in memory.
            instance: as above.
            clock: the time.
            disk: for the store; has one thread.
        """
        with contextlib.suppress(TimeoutError):  # a disk that hangs refuses all calls anyway
            async with asyncio.timeout(LOADED_WITHIN):
                await disk.run(load_numbering_plans)
        store = await Store.open(state_dir, clock, disk)
        return cls(instance, store, clock)

    # -- for the daemon -----------------------------------------------------------------------------

    def configure(self, config: Config, nodes: Mapping[str, Node]) -> None:
        """Put a configuration in force: at start and at every reload. Calls under way go on."""
        self._config = config
        self._nodes = dict(nodes)
        self.stats.configure(config)

    async def recall(self) -> None:
        """Read what earlier processes have left: last runs, and results young enough to serve."""
        try:
            records = await self._store.recent(_RECALLED)
        except Refused as refused:
            log.warning("earlier probe calls not read", reason=refused.message)
            return
        now = self._clock.epoch()
        for record in records:
            self.stats.recall(record)
            age = now - record.started_at
            if 0 <= age < self._config.guard.min_interval and record.destination not in self._last:
                self._last[record.destination] = record
                self._last_began[record.destination] = self._clock.monotonic() - age

    async def check_state(self) -> None:
        """Find out whether calls can be recorded; see `state_problem`."""
        await self._store.check()

    @property
    def state_problem(self) -> str:
        """Why calls cannot be recorded, so that none is placed; empty while they can."""
        return self._store.problem

    def runnable(self, node: str) -> list[str]:
        """Names of the node's scheduled probes that could run now and that others need not run as well."""
        if self._stopping:
            return []
        return [
            probe.name
            for probe in self._config.probes.values()
            if probe.node == node
            and probe.interval is not None
            and probe.schedule == "shared"
            and self._store.allows(limits(probe, probe.ring_timeout).answered, self._config.guard)
        ]

    async def end_calls(self, nodes: Collection[Node], seconds: float = STOP_SECONDS) -> None:
        """Hang up every call on these nodes, and wait until they are over, at most `seconds`."""
        await self._end([run for run in self._runs.values() if run.node in nodes], "reload", seconds)

    async def stop(self, seconds: float = STOP_SECONDS) -> None:
        """End every call under way, wait until they are over, close the store."""
        self._stopping = True
        late = await self._end(list(self._runs.values()), "shutdown", seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*late, return_exceptions=True)
        await self._store.close()

    async def _end(
        self, runs: Iterable[Run], why: Interruption, seconds: float
    ) -> set[asyncio.Task[CallRecord]]:
        """End these calls; those that are not over after `seconds`."""
        tasks = []
        for run in runs:
            run.call.end(why)
            tasks.append(run.task)
        if not tasks:
            return set()
        _, late = await asyncio.wait(tasks, timeout=seconds)
        return late

    def under_way(self) -> Collection[str]:
        """UUIDs of the calls that this exporter follows now."""
        return {run.record.call_uuid for run in self._runs.values()}

    # -- requests -----------------------------------------------------------------------------------

    async def probe(
        self, request: CallRequest, watcher: Callable[[CallRecord], None] | None = None
    ) -> Answer:
        """The result of the call that answers `request`; waits for it, `request.timeout` at most.

        Args:
            request: what is asked for.
            watcher: called with the record at every change while the call goes on.

        Raises:
            Refused: no call was placed for this request.
        """
        plan = self._resolve(request)
        with self._counting(plan):
            run = self._claim(plan)
            if isinstance(run, CallRecord):
                return Answer(run, cached=True)
            return await self._wait(run, request.timeout, watcher)

    async def place(self, request: CallRequest) -> Answer:
        """Place the call, and wait only until FreeSWITCH has taken or refused it, a second at most.

        Raises:
            Refused: no call was placed for this request.
        """
        plan = self._resolve(request)
        with self._counting(plan):
            run = self._claim(plan)
            if isinstance(run, CallRecord):
                return Answer(run, cached=True)
            run.unattended = True
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(PLACED_WITHIN):
                    await run.decided.wait()
            return answer_of(run)

    async def scheduled(self, name: str) -> None:
        """Run a probe of the configuration; waits while `max_concurrent` or `min_interval` forbid it.

        Raises:
            Refused: for any other reason.
        """
        while True:
            plan = self._resolve(CallRequest(probe=name))
            self._freed.clear()
            try:
                run = self._claim(plan)
                if isinstance(run, Run):
                    await self._wait(run, None, None)
            except Refused as refused:
                if not refused.meaning.passes:
                    self._count(refused, plan)
                    raise
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(min(refused.retry_after or WAIT_AT_MOST, WAIT_AT_MOST)):
                        await self._freed.wait()
            else:
                return

    async def find(self, uuid: str) -> CallRecord | None:
        """The record of a call, under way or over; None if there is none.

        Raises:
            Refused: `state_dir`, the history cannot be read.
        """
        known = (*(run.record for run in self._runs.values()), *self._last.values())
        found = next((record for record in known if record.call_uuid == uuid), None)
        return found if found is not None else await self._store.find(uuid)

    async def history(self, count: int) -> list[CallRecord]:
        """The latest calls, newest first, those under way among them.

        Raises:
            Refused: `state_dir`, the history cannot be read.
        """
        running = [run.record for run in self._runs.values()]
        known = {record.call_uuid for record in running}
        calls = running + [
            record for record in await self._store.recent(count) if record.call_uuid not in known
        ]
        return sorted(calls, key=lambda record: record.started_at, reverse=True)[:count]

    # -- from request to call -----------------------------------------------------------------------

    def _resolve(self, request: CallRequest) -> CallPlan:
        try:
            return resolve(request, self._config, self._knows_gateway)
        except Refused as refused:
            self.stats.refused(refused.reason)
            raise

    def _knows_gateway(self, node: str, gateway: str) -> bool:
        watched = self._nodes.get(node)
        return watched is not None and bool(watched.gateways.named(gateway))

    @contextlib.contextmanager
    def _counting(self, plan: CallPlan) -> Iterator[None]:
        """Count a refusal; for each request that waited for it."""
        try:
            yield
        except Refused as refused:
            self._count(refused, plan)
            raise

    def _claim(self, plan: CallPlan) -> Run | CallRecord:
        """The call under way that answers the plan, the record of the last one that does, or a new call."""
        destination = plan.settings.destination
        run = self._runs.get(destination)
        if run is not None:
            if serves(run.record, plan):
                return run
            raise busy(f"{destination} is being called for another probe.", self._left(run))
        return self._served(plan) or self._begin(plan)

    def _served(self, plan: CallPlan) -> CallRecord | None:
        last = self._last.get(plan.settings.destination)
        if last is None:
            return None
        age = self._clock.monotonic() - self._last_began[last.destination]
        if age >= self._config.guard.min_interval:
            return None
        if serves(last, plan):
            return last
        raise too_soon(last.destination, self._config.guard.min_interval - age)

    def _begin(self, plan: CallPlan) -> Run:
        settings = plan.settings
        node = self._nodes.get(settings.node)
        if self._stopping:
            raise Refused("stopping", "The exporter is being stopped.", "Ask again once it is back.")
        if node is None or not node.connected:
            reason = node.reason.rstrip(".") if node is not None else "it is not watched"
            raise Refused(
                "not_connected",
                f"FreeSWITCH {settings.node} is not connected: {reason}.",
                "See freeswitch_connection_problem, or run freeswitch-exporter doctor.",
            )
        if len(self._runs) >= self._config.guard.max_concurrent:
            raise busy(
                f"{len(self._runs)} probe calls are under way, as many as guard.max_concurrent allows.",
                min(self._left(run) for run in self._runs.values()),
            )
        uuid = new_call_id(self.instance, plan.limits.total)
        try:
            line = originate(settings, uuid, plan.limits)
        except UnsafeDialString as unsafe:
            raise Refused(
                "bad_request",
                str(unsafe),
                "Give the gateway a name of letters, digits, dot, dash, underline.",
            ) from None
        run = Run(node, plan, begun(uuid, plan, self._clock.epoch()), line, self._clock)
        self._runs[settings.destination] = run
        run.task = asyncio.create_task(self._drive(run), name=f"probe call {uuid}")
        run.task.add_done_callback(log_bug)
        return run

    def _left(self, run: Run) -> float:
        """Seconds until the call is over at the latest, at least 1."""
        return max(run.over_by - self._clock.monotonic(), 1.0)

    # -- the call -----------------------------------------------------------------------------------

    async def _drive(self, run: Run) -> CallRecord:
        """Enter the call, place and follow it, keep its record."""
        plan, uuid, destination = run.plan, run.record.call_uuid, run.record.destination
        entered = False
        try:
            try:
                await self._store.enter(uuid, destination, plan.limits.answered, self._config.guard)
                entered = True
            except Refused as refused:
                run.record = await self._placed_by_another(refused, plan)
                run.cached = True
                return run.record
            seen = await run.call.run()
            elapsed = self._clock.monotonic() - run.began
            try:
                record = observed(run.record, plan, seen, self._clock.epoch(), elapsed)
                run.record = judged(record, plan, seen)
                self._keep(run)
            finally:
                await self._settle(run, seen)
        finally:
            del self._runs[destination]
            run.decided.set()
            if (
                entered
            ):  # one that the store refused freed nothing: who waits would try again at once, for ever
                self._freed.set()
        return run.record

    async def _placed_by_another(self, refused: Refused, plan: CallPlan) -> CallRecord:
        """The result that another process on this state_dir has for a call that came too soon after it.

        Raises:
            Refused: as given; there is none.
        """
        last = await self._store.last_to(plan.settings.destination) if refused.reason == "rate" else None
        if last is None or not serves(last, plan):
            raise refused
        return last

    async def _settle(self, run: Run, seen: Observation) -> None:
        record = run.record
        try:
            await self._store.settle(record, cost(seen, run.plan.limits.answered), over=end_seen(seen))
        except Refused as refused:
            log.error("probe call not recorded", call_uuid=record.call_uuid, reason=refused.message)

    def _keep(self, run: Run) -> None:
        record = run.record
        self.stats.ran(record)
        oldest = self._clock.monotonic() - self._config.guard.min_interval
        self._last_began = {number: began for number, began in self._last_began.items() if began > oldest}
        self._last = {number: last for number, last in self._last.items() if number in self._last_began}
        self._last[record.destination] = record
        self._last_began[record.destination] = run.began
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
        self, run: Run, timeout: float | None, watcher: Callable[[CallRecord], None] | None
    ) -> Answer:
        run.waiting += 1
        if watcher is not None:
            run.watchers.append(watcher)
        try:
            await asyncio.wait({run.task}, timeout=timeout)
        finally:
            run.waiting -= 1
            if not run.waiting and not run.unattended and not run.task.done():
                run.call.end("cancelled")
        return answer_of(run)

    def _count(self, refused: Refused, plan: CallPlan) -> None:
        self.stats.not_run(plan.settings, refused.meaning.result)
        self.stats.refused(refused.reason)
