"""Budget and history in a real file."""

import asyncio
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Self, TypeVar

import pytest
from msgspec.structs import replace

from exporter.clock import Clock
from exporter.config.model import GuardConfig
from exporter.executors import Executor
from exporter.probe.admission import Refused
from exporter.probe.record import CallRecord
from exporter.probe.store import (
    CLOSE_SECONDS,
    DISK_SECONDS,
    FILE_NAME,
    KEPT_IN_MEMORY,
    Spent,
    Store,
    StoreError,
    day_of,
)
from tests.probe.settings import RECORD
from tests.support.virtual_time import VirtualClock, virtual_time

NUMBER = "+15550000001"
FREE = GuardConfig(allow=("+*",), min_interval=0.0, max_calls_per_day=5, max_minutes_per_day=1)


class Now(Clock):
    """A wall clock that tests move."""

    def __init__(self, now: float = 1_800_000_000.0) -> None:  # 2027-01-15 08:00 UTC
        self.now = now

    def epoch(self) -> float:
        return self.now


@pytest.fixture
def disk() -> Iterator[Executor]:
    made = Executor("disk")
    yield made
    made.shutdown()


def over(uuid: str, talk: float) -> CallRecord:
    """The record of a call that talked for that long."""
    return replace(RECORD, call_uuid=uuid, talk_seconds=talk)


async def enter(
    store: Store, uuid: str, seconds: float = 5.0, guard: GuardConfig = FREE, number: str = NUMBER
) -> str:
    try:
        await store.enter(uuid, number, seconds, guard)
    except Refused as refused:
        return f"{refused.reason} {refused.retry_after:.0f}"
    return "entered"


@pytest.fixture(params=["memory", "file"])
def state_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "file" else None


async def test_calls_and_seconds_of_a_day(state_dir: Path | None, disk: Executor) -> None:
    clock = Now()
    store = await Store.open(state_dir, clock, disk)
    assert await enter(store, "a", 20) == "entered"
    assert store.spent == Spent("2027-01-15", 1, 20)
    await store.settle(over("a", 4.0))
    assert store.spent == Spent("2027-01-15", 1, 4.0)
    assert await enter(store, "b", 57) == f"budget {16 * 3600}"
    assert [await enter(store, name) for name in "cdefg"] == ["entered"] * 4 + [f"budget {16 * 3600}"]
    assert store.spent.calls == 5
    clock.now += 16 * 3600  # midnight
    assert store.spent == Spent("2027-01-16", 0, 0)
    assert await enter(store, "h", 60) == "entered"
    await store.close()


async def test_calls_to_one_number_keep_min_interval(state_dir: Path | None, disk: Executor) -> None:
    clock = Now()
    store = await Store.open(state_dir, clock, disk)
    guard = GuardConfig(allow=("+*",), min_interval=30.0)
    assert await enter(store, "a", guard=guard) == "entered"
    clock.now += 20
    assert await enter(store, "b", guard=guard) == "rate 10"
    assert await enter(store, "b", guard=guard, number="+15550000002") == "entered"
    clock.now += 10
    assert await enter(store, "c", guard=guard) == "entered"
    clock.now -= 3600  # the clock was set back: what lies in the future says nothing
    assert await enter(store, "d", guard=guard) == "entered"
    await store.close()


async def test_records_are_found(state_dir: Path | None, disk: Executor) -> None:
    clock = Now()
    store = await Store.open(state_dir, clock, disk)
    for name in "abc":
        await enter(store, name)
        clock.now += 1
    await store.settle(over("a", 1.0))
    await store.settle(over("c", 1.0))
    a, c = over("a", 1.0), over("c", 1.0)
    assert [await store.find(name) for name in "abcx"] == [a, None, c, None]
    assert await store.recent(9) == [c, a]
    assert await store.recent(1) == [c]
    await store.close()


async def test_the_next_process_reads_what_this_one_may_have_spent(tmp_path: Path, disk: Executor) -> None:
    clock = Now()
    first = await Store.open(tmp_path, clock, disk)
    await enter(first, "a", 40)
    await enter(first, "b", 10)
    await first.settle(over("b", 3.0))
    # No close: the process is killed.
    second = await Store.open(tmp_path, clock, disk)
    assert second.spent == Spent("2027-01-15", 2, 43.0)
    assert await second.find("b") == over("b", 3.0)
    assert await enter(second, "c", 20) == f"budget {16 * 3600}"
    await first.close()
    await second.close()


async def test_processes_on_one_state_dir_share_one_budget(tmp_path: Path, disk: Executor) -> None:
    stores = [await Store.open(tmp_path, Clock(), disk) for _ in range(4)]
    entered = await asyncio.gather(*(enter(store, f"{i}", 1) for i, store in enumerate(stores * 5)))
    assert sum(outcome == "entered" for outcome in entered) == 5
    assert sum(outcome.startswith("budget") for outcome in entered) == 15
    for store in stores:
        await store.close()


async def test_old_calls_are_forgotten_but_none_of_today(disk: Executor) -> None:
    clock = Now()
    store = await Store.open(None, clock, disk)
    guard = GuardConfig(allow=("+*",), min_interval=0.0, max_calls_per_day=10_000, max_minutes_per_day=10_000)
    for number in range(KEPT_IN_MEMORY + 20):
        await store.enter(f"old {number}", NUMBER, 1.0, guard)
        await store.settle(over(f"old {number}", 1.0))
        clock.now += 1
    assert store.spent.calls == KEPT_IN_MEMORY + 20
    clock.now += 86400
    await store.enter("new", NUMBER, 1.0, guard)
    assert await store.find("old 19") is None
    assert await store.find("old 20") == over("old 20", 1.0)
    await store.close()


async def test_the_file_is_readable_by_its_owner_only(tmp_path: Path, disk: Executor) -> None:
    store = await Store.open(tmp_path / "made", Clock(), disk)
    assert stat.S_IMODE((tmp_path / "made" / FILE_NAME).stat().st_mode) == 0o600
    await store.close()


@pytest.mark.parametrize("damage", ["no database", "another release", "a folder"])
async def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, disk: Executor, damage: str) -> None:
    path = tmp_path / FILE_NAME
    if damage == "no database":
        path.write_bytes(b"something else entirely, and long enough to be looked at" * 20)
    elif damage == "another release":
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version = 99")
        database.close()
    else:
        path.mkdir()
    with pytest.raises(StoreError, match=r"probes\.sqlite cannot be used: .*move the file away"):
        await Store.open(tmp_path, Clock(), disk)


async def test_what_cannot_be_entered_is_not_called(tmp_path: Path, disk: Executor) -> None:
    store = await Store.open(tmp_path, Clock(), disk)
    await enter(store, "a")
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("DROP TABLE calls")
    other.close()
    with pytest.raises(Refused) as refused:
        await store.enter("b", NUMBER, 1.0, FREE)
    assert (refused.value.reason, refused.value.status) == ("state_dir", 503)
    await store.close()


T = TypeVar("T")


class Disk:
    """A disk executor in virtual time whose disk can hang."""

    def __init__(self, clock: VirtualClock) -> None:
        self.executor = Executor("disk", queue=1)
        self._clock = clock
        self._hangs = threading.Event()

    async def answers(self, work: Awaitable[T]) -> T:
        """The result of `work`, for which virtual time waits."""
        self._clock.loop.wait_for_threads(lambda: True)
        try:
            return await work
        finally:
            self._clock.loop.wait_for_threads(lambda: False)

    async def hang(self) -> asyncio.Task[bool]:
        """Keep the thread busy until `recover`."""
        hanging = asyncio.create_task(self.executor.run(self._hangs.wait))
        await asyncio.sleep(0)
        while self.executor.waiting:  # noqa: ASYNC110 - a thread takes it
            await asyncio.sleep(0)
        return hanging

    def recover(self) -> None:
        self._hangs.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.recover()
        self.executor.shutdown()


def test_a_disk_that_hangs_refuses_calls_and_holds_up_no_shutdown(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await disk.answers(Store.open(tmp_path, clock, disk.executor))
            assert await disk.answers(enter(store, "a")) == "entered"
            hanging = await disk.hang()
            began = clock.monotonic()
            with pytest.raises(Refused, match="no answer within 10 s") as refused:
                async with asyncio.timeout(60):
                    await store.enter("b", NUMBER, 1.0, FREE)
            assert refused.value.reason == "state_dir"
            assert clock.monotonic() - began == pytest.approx(DISK_SECONDS, abs=0.1)
            async with asyncio.timeout(60):
                await store.close()
            assert clock.monotonic() - began == pytest.approx(DISK_SECONDS + CLOSE_SECONDS, abs=0.1)
            disk.recover()
            assert await disk.answers(hanging)

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_too_much_work_for_the_disk_refuses_calls(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await disk.answers(Store.open(tmp_path, clock, disk.executor))
            hanging = await disk.hang()
            waiting = asyncio.create_task(store.recent(1))
            await asyncio.sleep(0)
            with pytest.raises(Refused, match="too many calls wait for disk"):
                await store.enter("a", NUMBER, 1.0, FREE)
            disk.recover()
            assert await disk.answers(hanging)
            assert await disk.answers(waiting) == []
            await disk.answers(store.close())

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_disk_that_hangs_at_the_start_is_named(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            hanging = await disk.hang()
            with pytest.raises(StoreError, match=r"probes\.sqlite cannot be used: no answer within 10 s"):
                async with asyncio.timeout(60):
                    await Store.open(tmp_path, clock, disk.executor)
            disk.recover()
            assert await disk.answers(hanging)

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_days_are_utc() -> None:
    zone, os.environ["TZ"] = os.environ.get("TZ"), "Asia/Kamchatka"
    time.tzset()
    try:
        assert day_of(1_800_000_000 + 16 * 3600 - 1) == "2027-01-15"
        assert day_of(1_800_000_000 + 16 * 3600) == "2027-01-16"
    finally:
        if zone is None:
            del os.environ["TZ"]
        else:
            os.environ["TZ"] = zone
        time.tzset()
