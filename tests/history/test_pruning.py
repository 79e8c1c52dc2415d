"""What is kept is bounded: by time, by number, by size; old rows go first."""

import math
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from exporter.config import HistoryConfig
from exporter.history import store as store_module
from exporter.history.model import Figures, Sample, Span
from exporter.history.pruning import MAX_ROWS, SAMPLES_KEPT
from exporter.history.store import (
    FILE_NAME,
    FIRST_PRUNE,
    KEEP_IN_MEMORY,
    PRUNE_EVERY,
    PutHour,
    PutSample,
    PutSpan,
    Store,
)
from exporter.watch.changes import Change
from tests.history.stores import DAY, FULL, GATEWAY, HOUR, NOW, call, figures, listed, noise, opened, outage
from tests.support.virtual_time import Now

ALWAYS: dict[str, Any] = {"since": 0.0, "until": math.inf}
WEEK = HistoryConfig(keep=7 * DAY)


@pytest.fixture(params=["memory", "file"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Path | None:
    return tmp_path if request.param == "file" else None


async def fill(store: Store, clock: Now, days: int) -> None:
    """Something of each kind at each noon of the last days."""
    for day in range(days, 0, -1):
        at = clock.now - day * DAY
        store.put(outage(day, at, at + 30))
        store.put(Change(at, "fs1", "limits", str(day)))
        store.put(call(at, uuid=str(day)))
        store.put(PutHour(GATEWAY, at, figures()))
        store.put(PutSample(GATEWAY, Sample(at, None, day, 0, 0)))
        store.put(PutSpan("fs1", Span(at, at + 30)))
    store.put(outage(1000, clock.now - days * DAY, None))
    await store.flush()
    assert store.problem == ""


async def kept(store: Store) -> list[int]:
    """How many there are of each: outages, changes, calls, hours, days, samples, spans."""
    hours, days = await store.steps("1h", **ALWAYS), await store.steps("1d", **ALWAYS)
    return [
        len(await store.outages(**ALWAYS)),
        len(await store.changes(**ALWAYS)),
        len(await store.calls(**ALWAYS)),
        sum(len(steps.steps) for steps in hours),
        sum(len(steps.steps) for steps in days),
        len(await store.samples(GATEWAY, 0.0)),
        len(await store.spans("fs1", **ALWAYS)),
    ]


async def test_what_is_older_than_keep_goes(tmp_path: Path) -> None:
    clock = Now(NOW + HOUR / 2)
    async with opened(tmp_path, clock, WEEK) as store:
        await fill(store, clock, 20)
        assert await kept(store) == [21, 20, 20, 20, 20, 20, 20]
        clock.now += FIRST_PRUNE
        await store.flush()
        # 7 days ago is just past keep; its hour, its day and its span are not over yet.
        assert await kept(store) == [1 + 6, 6, 6, 7, 7, 1, 6]
        assert [found.id for found in await store.open_outages()] == [1000], "one that lasts is kept"
        assert store.rows == {"outage": 7, "change": 6, "call": 6, "hour": 7}
        assert await store.watched_since() == NOW + HOUR / 2 - 6 * DAY
        clock.now += 3 * DAY
        await store.flush()
        assert await kept(store) == [1 + 3, 3, 3, 4, 4, 0, 3]


async def test_a_shorter_keep_holds_at_once(tmp_path: Path) -> None:
    clock = Now(NOW)
    async with opened(tmp_path, clock) as store:
        await fill(store, clock, 60)
        store.configure(WEEK)
        await store.flush()
        assert (await kept(store))[0] == 1 + 7


async def test_memory_keeps_a_day() -> None:
    clock = Now(NOW)
    async with opened(None, clock) as store:
        await fill(store, clock, 5)
        clock.now += FIRST_PRUNE
        await store.flush()
        assert (await kept(store))[:3] == [1, 0, 0]
        store.put(call(NOW - KEEP_IN_MEMORY + FIRST_PRUNE + 1))
        await store.flush()
        clock.now += PRUNE_EVERY / 2
        await store.flush()
        assert store.rows["call"] == 1, "the next time is an hour after the last"
        clock.now += PRUNE_EVERY / 2
        await store.flush()
        assert store.rows["call"] == 0


async def test_samples_are_kept_for_two_days(tmp_path: Path) -> None:
    clock = Now(NOW)
    async with opened(tmp_path, clock) as store:
        for hours in range(100):
            store.put(PutSample(GATEWAY, Sample(NOW - hours * HOUR, None, 0, 0, 0)))
        clock.now += FIRST_PRUNE
        await store.flush()
        assert len(await store.samples(GATEWAY, 0.0)) == SAMPLES_KEPT / HOUR


async def test_a_clock_that_is_wrong_for_a_moment_costs_nothing(tmp_path: Path) -> None:
    clock = Now(NOW)
    async with opened(tmp_path, clock, WEEK) as store:
        await fill(store, clock, 5)
        clock.now += 2 * PRUNE_EVERY
        clock.step = 365 * DAY
        await store.flush()
        clock.now += PRUNE_EVERY - 100
        await store.flush()
        assert (await kept(store))[0] == 6
        clock.step = 0.0
        await store.flush()
        clock.now += 2 * PRUNE_EVERY
        await store.flush()
        assert (await kept(store))[0] == 6
        clock.step = 365 * DAY
        await store.flush()
        clock.now += PRUNE_EVERY
        await store.flush()
        assert (await kept(store))[0] == 1, "it has been so for an hour"


async def test_names_without_a_past_go(tmp_path: Path) -> None:
    clock = Now(NOW)

    def names(store: Store) -> Any:
        return store._run(
            lambda db: [row[0] for row in db.execute("SELECT gateway FROM subjects ORDER BY 1")]
        )

    async with opened(tmp_path, clock, WEEK) as store:
        for number in range(3):
            store.put(PutHour(GATEWAY._replace(gateway=f"gateway {number}"), NOW, figures()))
        store.put(outage(1, NOW, None, GATEWAY._replace(gateway="gateway 1")))
        await store.flush()
        clock.now += 5 * DAY
        store.put(PutHour(GATEWAY._replace(gateway="gateway 2"), clock.now, figures()))
        await store.flush()
        assert await names(store) == ["gateway 0", "gateway 1", "gateway 2"]
        clock.now += 4 * DAY
        await store.flush()
        assert await names(store) == ["gateway 1", "gateway 2"]


# -- number ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "quotas"), [(2000, (1000, 500, 500)), (10, (6, 2, 2)), (1, (1, 0, 0)), (0, (0, 0, 0))]
)
async def test_each_node_and_result_has_its_quota_of_calls(
    folder: Path | None, calls: int, quotas: tuple[int, int, int]
) -> None:
    async with opened(folder, Now(NOW), replace(FULL, calls=calls)) as store:
        for node in ("fs1", "fs2"):
            for result in ("failed", "silent", "bad"):
                for number in range(1200):
                    store.put(call(NOW - number, result, str(number), GATEWAY._replace(node=node)))
        await store.flush()
        assert store.rows["call"] == 2 * calls
        for node in ("fs1", "fs2"):
            for result, quota in zip(("failed", "silent", "bad"), quotas, strict=True):
                found = await store.calls(**ALWAYS, node=node, result=result, limit=5000)  # type: ignore[arg-type]
                assert [entry.call_uuid for entry in found] == [str(number) for number in range(quota)]


async def test_a_smaller_number_of_calls_holds_at_once(folder: Path | None) -> None:
    async with opened(folder) as store:
        for number in range(100):
            store.put(call(NOW, uuid=str(number)))
        await store.flush()
        store.configure(replace(FULL, calls=20))
        await store.flush()
        assert [found.call_uuid for found in await store.calls(**ALWAYS)] == [
            str(n) for n in range(99, 89, -1)
        ]


@pytest.mark.parametrize("kind", MAX_ROWS)
async def test_rows_are_bounded_and_the_oldest_go(
    folder: Path | None, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setitem(MAX_ROWS, kind, 100)
    async with opened(folder) as store:
        for number in range(1, 251):
            at = NOW + 2 * number
            store.put(outage(number, at, at + 1 if number > 1 else None))
            store.put(Change(at, "fs1", "limits", str(number)))
            store.put(PutSpan("fs1", Span(at, at + 1)))
        await store.flush()
        times = {
            "outage": sorted(found.began for found in await store.outages(**ALWAYS, limit=999)),
            "change": sorted(found.at for found in await store.changes(**ALWAYS, limit=999)),
            "span": [found.began for found in await store.spans("fs1", **ALWAYS)],
        }
        assert {name: len(found) for name, found in times.items()} == dict.fromkeys(times, 250) | {kind: 100}
        assert times[kind][-1] == NOW + 500
        assert times[kind][0] == (NOW + 2 if kind == "outage" else NOW + 302), "an outage that lasts stays"


# -- size --------------------------------------------------------------------------------------------------


async def test_a_file_keeps_to_its_size_and_what_takes_the_most_goes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most = 2_000_000
    monkeypatch.setattr(store_module, "MAX_BYTES", most)
    path = tmp_path / FILE_NAME
    async with opened(tmp_path, Now(NOW), replace(FULL, calls=100_000)) as store:
        for hour in range(200):
            store.put(PutHour(GATEWAY, NOW + hour * HOUR, figures()))
        for batch in range(40):
            for number in range(500):
                store.put(replace(call(NOW + batch * 500 + number), user_agent=noise(200)))
            await store.flush()
            sizes = [(tmp_path / name).stat().st_size for name in listed(tmp_path)]
            assert sum(sizes) < most + 8_000_000
            assert path.stat().st_size < most + 500_000
        newest = (await store.calls(**ALWAYS, limit=1))[0].at
        assert newest == NOW + 19_999
        assert 500 <= store.rows["call"] < 5000
        assert store.rows["hour"] == 200
        assert (store.problem, store.dropped) == ("", 0)


async def test_figures_go_where_they_take_the_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MAX_BYTES", 1_000_000)
    async with opened(tmp_path) as store:
        store.put(call(NOW))
        for hour in range(60):
            for number in range(500):
                subject = GATEWAY._replace(gateway=f"gateway {number}")
                store.put(PutHour(subject, NOW + hour * HOUR, Figures(watched=3599.9, usable=3500.1)))
            await store.flush()
        newest = await store.steps("1h", since=NOW + 59 * HOUR, until=math.inf)
        assert len(newest) == 500
        assert await store.steps("1h", since=0.0, until=NOW + HOUR) == []
        assert store.rows["call"] == 1
        assert (tmp_path / FILE_NAME).stat().st_size < 1_500_000


async def test_a_file_gives_back_what_it_does_not_need(tmp_path: Path) -> None:
    path = tmp_path / FILE_NAME
    clock = Now(NOW)
    async with opened(tmp_path, clock) as store:
        for number in range(30_000):
            store.put(Change(NOW - 30 * DAY, "fs1", "limits", noise(300)))
            if number % 10_000 == 9999:
                await store.flush()
        await store._run(lambda db: db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall())
        before = path.stat().st_size
        store.configure(WEEK)
        for _ in range(3):
            await store.flush()
    assert path.stat().st_size < before / 2


async def test_the_number_of_a_call_that_went_is_nowhere_in_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also with a library of sqlite that would leave the bytes of deleted rows where they were."""

    def connect(*args: Any, **more: Any) -> sqlite3.Connection:
        database: sqlite3.Connection = sqlite_connect(*args, **more)
        database.execute("PRAGMA secure_delete = OFF").fetchall()
        return database

    sqlite_connect = sqlite3.connect
    monkeypatch.setattr(sqlite3, "connect", connect)
    clock = Now(NOW)
    async with opened(tmp_path, clock, WEEK) as store:
        for number in range(200):
            store.put(replace(call(NOW - number * HOUR, uuid=str(number)), to=f"+1555{number:07}"))
        await store.flush()
        clock.now += 6 * DAY
        await store.flush()
        left = {found.to for found in await store.calls(**ALWAYS)}
    assert 0 < len(left) < 100
    written = b"".join((tmp_path / name).read_bytes() for name in listed(tmp_path))
    assert {found.decode() for found in re.findall(rb"\+1555\d{7}", written)} == left


async def test_with_no_calls_allowed_those_that_were_kept_go(tmp_path: Path) -> None:
    """So docs/history.md says how to be rid of numbers that were stored before."""
    clock = Now(NOW)
    async with opened(tmp_path, clock, WEEK) as store:
        for result in ("failed", "silent", "bad"):
            store.put(call(NOW, result))
        await store.flush()
    async with opened(tmp_path, clock, replace(WEEK, calls=0)) as store:
        clock.now += FIRST_PRUNE
        await store.flush()
        assert await store.calls(**ALWAYS) == []
