"""Budget and history in a real file."""

import asyncio
import os
import sqlite3
import stat
import time
from pathlib import Path

import pytest

from exporter.config.model import GuardConfig
from exporter.probe.refusal import Refused
from exporter.probe.store import FILE_NAME, KEPT_IN_MEMORY, Spent, Store, StoreError, day_of

NUMBER = "+15550000001"
FREE = GuardConfig(allow=("+*",), min_interval=0.0, max_calls_per_day=5, max_minutes_per_day=1)


class Clock:
    """Epoch seconds that tests move."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0  # 2027-01-15 08:00 UTC

    def __call__(self) -> float:
        return self.now


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


async def test_calls_and_seconds_of_a_day(state_dir: Path | None) -> None:
    clock = Clock()
    store = await Store.open(state_dir, clock)
    assert await enter(store, "a", 20) == "entered"
    assert store.spent == Spent("2027-01-15", 1, 20)
    await store.settle("a", 4.0, b"{}")
    assert store.spent == Spent("2027-01-15", 1, 4.0)
    assert await enter(store, "b", 57) == f"budget {16 * 3600}"
    assert [await enter(store, name) for name in "cdefg"] == ["entered"] * 4 + [f"budget {16 * 3600}"]
    assert store.spent.calls == 5
    clock.now += 16 * 3600  # midnight
    assert store.spent == Spent("2027-01-16", 0, 0)
    assert await enter(store, "h", 60) == "entered"
    await store.close()


async def test_calls_to_one_number_keep_their_distance(state_dir: Path | None) -> None:
    clock = Clock()
    store = await Store.open(state_dir, clock)
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


async def test_records_are_found(state_dir: Path | None) -> None:
    clock = Clock()
    store = await Store.open(state_dir, clock)
    for name in "abc":
        await enter(store, name)
        clock.now += 1
    await store.settle("a", 1.0, b"record a")
    await store.settle("c", 1.0, b"record c")
    assert [await store.find(name) for name in "abcx"] == [b"record a", None, b"record c", None]
    assert await store.recent(9) == [b"record c", b"record a"]
    assert await store.recent(1) == [b"record c"]
    await store.close()


async def test_another_life_reads_what_this_one_may_have_spent(tmp_path: Path) -> None:
    clock = Clock()
    first = await Store.open(tmp_path, clock)
    await enter(first, "a", 40)
    await enter(first, "b", 10)
    await first.settle("b", 3.0, b"record b")
    # No close: the process is killed.
    second = await Store.open(tmp_path, clock)
    assert second.spent == Spent("2027-01-15", 2, 43.0)
    assert await second.find("b") == b"record b"
    assert await enter(second, "c", 20) == f"budget {16 * 3600}"
    await first.close()
    await second.close()


async def test_processes_on_one_state_dir_share_one_budget(tmp_path: Path) -> None:
    stores = [await Store.open(tmp_path) for _ in range(4)]
    entered = await asyncio.gather(*(enter(store, f"{i}", 1) for i, store in enumerate(stores * 5)))
    assert sum(outcome == "entered" for outcome in entered) == 5
    assert sum(outcome.startswith("budget") for outcome in entered) == 15
    for store in stores:
        await store.close()


async def test_old_calls_are_forgotten_but_none_of_today() -> None:
    clock = Clock()
    store = await Store.open(None, clock)
    guard = GuardConfig(allow=("+*",), min_interval=0.0, max_calls_per_day=10_000, max_minutes_per_day=10_000)
    for number in range(KEPT_IN_MEMORY + 20):
        await store.enter(f"old {number}", NUMBER, 1.0, guard)
        await store.settle(f"old {number}", 1.0, b"record")
        clock.now += 1
    assert store.spent.calls == KEPT_IN_MEMORY + 20
    clock.now += 86400
    await store.enter("new", NUMBER, 1.0, guard)
    assert await store.find("old 19") is None
    assert await store.find("old 20") == b"record"
    await store.close()


async def test_the_file_is_nobody_elses_business(tmp_path: Path) -> None:
    store = await Store.open(tmp_path / "made")
    assert stat.S_IMODE((tmp_path / "made" / FILE_NAME).stat().st_mode) == 0o600
    await store.close()


@pytest.mark.parametrize("damage", ["no database", "another release", "a folder"])
async def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, damage: str) -> None:
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
        await Store.open(tmp_path)


async def test_what_cannot_be_entered_is_not_called(tmp_path: Path) -> None:
    store = await Store.open(tmp_path)
    await enter(store, "a")
    other = sqlite3.connect(tmp_path / FILE_NAME)
    other.execute("DROP TABLE calls")
    other.close()
    with pytest.raises(Refused) as refused:
        await store.enter("b", NUMBER, 1.0, FREE)
    assert (refused.value.reason, refused.value.status) == ("state_dir", 503)
    await store.close()


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
