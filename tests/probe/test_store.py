"""Budget and history in a real file."""

import asyncio
import os
import re
import sqlite3
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from exporter.clock import Clock
from exporter.config.model import GuardConfig
from exporter.executors import Executor
from exporter.probe.admission import Refused
from exporter.probe.originate import new_call_id
from exporter.probe.record import CallRecord
from exporter.probe.schema import SCHEMA, STEPS
from exporter.probe.store import (
    CLOSE_SECONDS,
    DISK_SECONDS,
    FILE_NAME,
    KEPT_IN_MEMORY,
    MARGIN,
    Spent,
    Store,
)
from tests.probe.settings import RECORD
from tests.support.disk import Disk
from tests.support.virtual_time import Now, VirtualClock, virtual_time

NUMBER = "+15550000001"
FREE = GuardConfig(
    allow=("+*",), min_interval=0.0, max_concurrent=100, max_calls_per_day=5, max_minutes_per_day=1
)
DAY = 86_400.0


@pytest.fixture
def disk() -> Iterator[Executor]:
    made = Executor("disk")
    yield made
    made.shutdown()


def over(uuid: str, talk: float) -> CallRecord:
    """The record of a call that talked for that long."""
    return replace(RECORD, call_uuid=uuid, talk_seconds=talk)


async def enter(
    store: Store, uuid: str, seconds: float = 5.0, guard: GuardConfig = FREE, number: str | None = None
) -> str:
    """Enter a call to a number of its own, unless one is given."""
    try:
        await store.enter(uuid, number or f"+1555{uuid}", seconds, guard)
    except Refused as refused:
        return f"{refused.reason} {refused.retry_after or 0:.0f}"
    return "entered"


@pytest.fixture(params=["memory", "file"])
def state_dir(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "file" else None


async def test_calls_and_seconds_of_a_day(state_dir: Path | None, disk: Executor) -> None:
    clock = Now()
    store = await Store.open(state_dir, clock, disk)
    assert await enter(store, "a", 20) == "entered"
    assert store.spent == Spent("2027-01-15", 1, 20)
    await store.settle(over("a", 4.0), 4.0)
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
    guard = GuardConfig(allow=("+*",), min_interval=30.0, max_concurrent=9)
    assert await enter(store, "a", guard=guard, number=NUMBER) == "entered"
    await store.settle(over("a", 1.0), 1.0)
    clock.now += 20
    assert await enter(store, "b", guard=guard, number=NUMBER) == "rate 10"
    assert await enter(store, "b", guard=guard, number="+15550000002") == "entered"
    clock.step = -3600.0  # neither a clock that was set back nor one set forward changes what has passed
    assert await enter(store, "c", guard=guard, number=NUMBER) == "rate 10"
    clock.step = 7200.0
    assert await enter(store, "c", guard=guard, number=NUMBER) == "rate 10"
    clock.now += 11
    assert await enter(store, "c", guard=guard, number=NUMBER) == "entered"
    await store.close()


async def test_one_call_per_number_until_its_end_was_seen(state_dir: Path | None, disk: Executor) -> None:
    clock = Now()
    store = await Store.open(state_dir, clock, disk)
    uuid = new_call_id("beef", 30)
    assert await enter(store, uuid, number=NUMBER) == "entered"
    assert await enter(store, "b", number=NUMBER) == "concurrency 35"
    await store.settle(over(uuid, 0.0), 5.0, over=False)
    clock.now += 10
    assert await enter(store, "b", number=NUMBER) == "concurrency 25"
    clock.now += 20 + MARGIN + 1
    assert await enter(store, "b", number=NUMBER) == "entered"
    await store.settle(over("b", 1.0), 1.0)
    assert await enter(store, "c", number=NUMBER) == "entered"
    await store.close()


async def test_a_cost_above_the_reservation_is_not_kept(disk: Executor) -> None:
    store = await Store.open(None, Now(), disk)
    await enter(store, "a", 20)
    await store.settle(over("a", 1e9), 1e9)
    assert store.spent.seconds == 20
    await store.close()


async def test_steps_of_the_clock_give_no_second_budget(state_dir: Path | None, disk: Executor) -> None:
    """A day forward, two back, and so on; also with a restart in between."""
    clock = Now()
    store = await Store.open(state_dir, clock, disk)
    assert [await enter(store, f"{n}", 1) for n in range(5)] == ["entered"] * 5
    for step in (DAY, -DAY, 0.0, 400 * DAY, -5 * 3600.0, 18 * 3600.0):
        clock.step = step
        assert (await enter(store, "more", 1)).startswith("budget ")
        assert store.spent.calls == 5
        if state_dir is not None:
            await store.close()
            store = await Store.open(state_dir, clock, disk)
            assert (await enter(store, "more", 1)).startswith("budget ")
    clock.now += 25 * 3600
    assert await enter(store, "tomorrow", 1) == "entered"
    await store.close()


async def test_records_are_found(state_dir: Path | None, disk: Executor) -> None:
    clock = Now()
    store = await Store.open(state_dir, clock, disk)
    for name in "abc":
        await enter(store, name)
        clock.now += 1
    await store.settle(over("a", 1.0), 1.0)
    await store.settle(over("c", 1.0), 1.0)
    a, c = over("a", 1.0), over("c", 1.0)
    assert [await store.find(name) for name in "abcx"] == [a, None, c, None]
    assert await store.recent(9) == [c, a]
    assert await store.recent(1) == [c]
    assert [await store.last_to(f"+1555{name}") for name in "abx"] == [a, None, None]
    await store.close()


async def test_the_next_process_reads_what_this_one_may_have_spent(tmp_path: Path, disk: Executor) -> None:
    clock = Now()
    first = await Store.open(tmp_path, clock, disk)
    await enter(first, "a", 40)
    await enter(first, "b", 10)
    await first.settle(over("b", 3.0), 3.0)
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


async def test_processes_on_one_state_dir_share_all_limits(tmp_path: Path, disk: Executor) -> None:
    clock = Now()
    one, other = [await Store.open(tmp_path, clock, disk) for _ in range(2)]
    guard = GuardConfig(allow=("+*",), min_interval=60.0, max_concurrent=2)
    uuid = new_call_id("beef", 30)
    assert await enter(one, uuid, guard=guard, number=NUMBER) == "entered"
    assert await enter(other, "b", guard=guard, number=NUMBER) == "concurrency 35"
    assert await enter(other, "b", guard=guard) == "entered"
    assert await enter(one, "c", guard=guard) == "concurrency 35"
    await one.settle(over(uuid, 1.0), 1.0)
    assert await enter(other, "c", guard=guard, number=NUMBER) == "rate 60"
    assert await enter(one, "c", guard=guard) == "entered"
    await one.close()
    await other.close()


async def test_old_calls_are_forgotten_but_none_of_today(disk: Executor) -> None:
    clock = Now()
    store = await Store.open(None, clock, disk)
    guard = GuardConfig(allow=("+*",), min_interval=0.0, max_calls_per_day=10_000, max_minutes_per_day=10_000)
    for number in range(KEPT_IN_MEMORY + 20):
        await store.enter(f"old {number}", NUMBER, 1.0, guard)
        await store.settle(over(f"old {number}", 1.0), 1.0)
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


# -- a store that cannot be used ------------------------------------------------------------------


def another_program(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE songs (title TEXT)")
    database.close()


def another_release(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    database.close()


def own_version_of_another_program(path: Path) -> None:
    another_program(path)
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {SCHEMA}")
    database.close()


DAMAGES = {
    "no database": (
        lambda path: path.write_bytes(b"something else entirely, and long enough" * 40),
        "not a database",
    ),
    "another release": (another_release, f"version {SCHEMA + 1}, of another release"),
    "another program": (another_program, "database of another program"),
    "the same version of another program": (own_version_of_another_program, "database of another program"),
    "a folder": (lambda path: path.mkdir(), "directory"),
    "a fifo": (os.mkfifo, "not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "a link to nowhere": (lambda path: path.symlink_to("/nowhere/at/all"), "No such file"),
}


@pytest.mark.parametrize(("damage", "why"), DAMAGES.values(), ids=DAMAGES.keys())
async def test_a_file_that_cannot_be_used_refuses_calls_and_is_left_alone(
    tmp_path: Path, disk: Executor, damage: Callable[[Path], object], why: str
) -> None:
    path = tmp_path / FILE_NAME
    damage(path)
    before = path.read_bytes() if path.is_file() else b""
    store = await Store.open(tmp_path, Clock(), disk)
    assert why in store.problem
    assert not store.allows(1.0, FREE)
    with pytest.raises(Refused, match=re.escape(why)) as refused:
        await store.enter("a", NUMBER, 1.0, FREE)
    assert (refused.value.reason, refused.value.status) == ("state_dir", 503)
    assert "move it away" in refused.value.hint
    assert (path.read_bytes() if path.is_file() else b"") == before
    await store.close()


async def test_it_is_used_again_once_it_can_be(tmp_path: Path, disk: Executor) -> None:
    path = tmp_path / FILE_NAME
    os.mkfifo(path)
    store = await Store.open(tmp_path, Clock(), disk)
    assert store.problem
    path.unlink()
    await store.check()
    assert not store.problem
    assert await enter(store, "a") == "entered"
    await store.close()


async def test_a_file_damaged_later_refuses_calls(tmp_path: Path, disk: Executor) -> None:
    store = await Store.open(tmp_path, Clock(), disk)
    await enter(store, "a")
    with (tmp_path / FILE_NAME).open("r+b") as file:
        file.seek(100)
        file.write(b"\xff" * 8000)
    await store.close()
    store = await Store.open(tmp_path, Clock(), disk)
    assert "malformed" in store.problem
    assert (await enter(store, "b")).startswith("state_dir")
    await store.close()


async def test_a_file_that_is_replaced_gives_no_second_budget(tmp_path: Path, disk: Executor) -> None:
    store = await Store.open(tmp_path, Clock(), disk)
    assert [await enter(store, name, 1) for name in "abcde"] == ["entered"] * 5
    for name in (FILE_NAME, FILE_NAME + "-journal"):
        (tmp_path / name).unlink(missing_ok=True)
    await store.check()
    assert "No such file" in store.problem
    other = await Store.open(tmp_path, Clock(), disk)
    await store.check()
    with pytest.raises(Refused, match="was replaced while the exporter runs"):
        await store.enter("f", NUMBER, 1.0, FREE)
    await other.close()
    await store.close()


async def test_a_locked_file_refuses_calls_until_it_is_free(
    tmp_path: Path, disk: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exporter.probe.schema.BUSY_SECONDS", 0.2)
    store = await Store.open(tmp_path, Clock(), disk)
    other = sqlite3.connect(tmp_path / FILE_NAME, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    with pytest.raises(Refused, match="database is locked"):
        await store.enter("a", NUMBER, 1.0, FREE)
    assert store.problem == "database is locked"
    other.execute("ROLLBACK")
    other.close()
    assert (await enter(store, "a")).startswith("state_dir"), "until the next check"
    await store.check()
    assert not store.problem
    assert await enter(store, "a") == "entered"
    await store.close()


async def test_a_full_disk_refuses_calls(tmp_path: Path, disk: Executor) -> None:
    store = await Store.open(tmp_path, Clock(), disk)
    pages = await store._run(lambda db: db.execute("PRAGMA page_count").fetchone()[0])
    await store._run(lambda db: db.execute(f"PRAGMA max_page_count = {pages}").fetchall())
    guard = GuardConfig(allow=("+*",), min_interval=0.0, max_concurrent=10_000, max_calls_per_day=10_000)
    outcomes = [await enter(store, f"{n:0200d}", 0.1, guard) for n in range(300)]
    assert outcomes[-1].startswith("state_dir")
    assert "full" in store.problem
    entered = outcomes.count("entered")
    assert store.spent.calls == entered
    assert outcomes == ["entered"] * entered + outcomes[entered:]
    await store.close()


async def test_a_table_that_is_gone_refuses_calls(tmp_path: Path, disk: Executor) -> None:
    store = await Store.open(tmp_path, Clock(), disk)
    await enter(store, "a")
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("DROP TABLE calls")
    other.close()
    with pytest.raises(Refused) as refused:
        await store.enter("b", NUMBER, 1.0, FREE)
    assert (refused.value.reason, refused.value.status) == ("state_dir", 503)
    await store.close()


async def test_a_file_of_version_1_is_migrated_and_refused_by_its_release(
    tmp_path: Path, disk: Executor
) -> None:
    """0.1.0 accepts version 1 alone."""
    database = sqlite3.connect(tmp_path / FILE_NAME)
    database.executescript(STEPS[0] + "PRAGMA user_version = 1;")
    database.execute(
        "INSERT INTO calls VALUES ('a', '2027-01-15', 1800000000, '+15550000001', 7, NULL, NULL)"
    )
    database.commit()
    database.close()
    store = await Store.open(tmp_path, Now(), disk)
    assert store.spent == Spent("2027-01-15", 1, 7.0)
    await store.close()
    database = sqlite3.connect(tmp_path / FILE_NAME)
    assert database.execute("PRAGMA user_version").fetchone()[0] not in (0, 1)
    database.close()


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
            with pytest.raises(Refused, match="no answer within 10 s"):
                await store.recent(1)
            await store.close()
            assert clock.monotonic() - began == pytest.approx(DISK_SECONDS, abs=0.1), "it is known to hang"
            disk.recover()
            assert await disk.answers(hanging)

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_disk_that_hangs_at_the_shutdown_holds_it_up_for_a_moment_only(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await disk.answers(Store.open(tmp_path, clock, disk.executor))
            hanging = await disk.hang()
            began = clock.monotonic()
            await store.close()
            assert clock.monotonic() - began == pytest.approx(CLOSE_SECONDS, abs=0.1)
            disk.recover()
            assert await disk.answers(hanging)

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_disk_that_answers_again_is_found_by_the_check(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await disk.answers(Store.open(tmp_path, clock, disk.executor))
            hanging = await disk.hang()
            await store.check()
            assert "no answer" in store.problem
            await store.check()
            assert "no answer" in store.problem
            disk.recover()
            assert await disk.answers(hanging)
            await disk.answers(store.check())
            assert store.problem == ""
            assert await disk.answers(enter(store, "a")) == "entered"
            await disk.answers(store.close())

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


def test_a_disk_that_hangs_at_the_start_refuses_calls(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            hanging = await disk.hang()
            async with asyncio.timeout(60):
                store = await Store.open(tmp_path, clock, disk.executor)
            assert store.problem == "the disk gave no answer within 1 s"
            disk.recover()
            assert await disk.answers(hanging)

    with virtual_time() as clock:
        clock.run(scenario(clock))
