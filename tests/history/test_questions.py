"""Questions go by an index: what a page asks stays quick however much is kept."""

import asyncio
import re
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from benchmarks.history import END, Size, Then, fill, page_of, subjects
from exporter.config import HistoryConfig
from exporter.executors import Executor
from exporter.history.pruning import MAX_BYTES, Bounds, prune_full, prune_old
from exporter.history.schema import DAY
from exporter.history.store import FILE_NAME, Entry, PutHour, Rename, Store
from tests.history.stores import call, figures, opened, outage
from tests.support.virtual_time import Now

SMALL = Size(days=4, nodes=2, gateways=3, outages=60, calls=80)
LARGE_TABLES = ("outages", "changes", "calls", "hours", "days", "samples", "spans")
SCAN = re.compile(rf"^SCAN ({'|'.join(LARGE_TABLES)})(?! USING (COVERING )?INDEX (\w+)$)")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One with the history of a small installation."""
    made = tmp_path_factory.mktemp("history")

    async def write() -> None:
        clock = Then()
        store = Store(made / FILE_NAME, HistoryConfig(), clock, executor := Executor("history"))
        await store.open()
        await fill(store, clock, SMALL)
        await store.close()
        assert store.rows == {"outage": 60, "change": 192, "call": 160, "hour": 576}
        executor.shutdown()

    asyncio.run(write())
    return made


async def plans(folder: Path, ask: Callable[[Store], Awaitable[object]]) -> dict[str, list[str]]:
    """How sqlite runs the statements of a question: the steps of each plan."""
    statements: list[str] = []

    def explain(db: sqlite3.Connection) -> dict[str, list[str]]:
        db.set_trace_callback(None)
        verbs = ("SELECT", "WITH", "DELETE", "INSERT", "UPDATE")
        asked = [re.sub(r"\bInf\b", "9e999", text) for text in statements if text.startswith(verbs)]
        return {text: [row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {text}")] for text in asked}

    async with opened(folder, Now(END)) as store:
        await store._run(lambda db: db.set_trace_callback(statements.append))
        await ask(store)
        found = await store._run(explain)
    assert found
    return found


def scans(found: dict[str, list[str]]) -> list[str]:
    """Steps that read a whole table, or a whole index beside its first or last entry."""
    return [f"{step}: {text}" for text, steps in found.items() for step in steps if SCAN.match(step)]


GATEWAY = subjects(SMALL)[1]
PAGE = list(page_of(Store(None, HistoryConfig(), Then(), Executor("none")), GATEWAY, END))


@pytest.mark.parametrize("name", PAGE)
async def test_a_gateways_page_reads_no_whole_table(folder: Path, name: str) -> None:
    found = await plans(folder, lambda store: page_of(store, GATEWAY, END)[name]())
    assert scans(found) == []


@pytest.mark.parametrize("name", PAGE)
async def test_a_gateways_page_sorts_nothing_but_the_outages_of_its_profiles(folder: Path, name: str) -> None:
    found = await plans(folder, lambda store: page_of(store, GATEWAY, END)[name]())
    sorts = [text for text, steps in found.items() if any("TEMP B-TREE" in step for step in steps)]
    assert not [text for text in sorts if "FROM outages" not in text and "FROM changes" not in text]


OTHERS: dict[str, Callable[[Store], Awaitable[object]]] = {
    "all outages": lambda store: store.outages(since=END - DAY, until=END),
    "a node's outages": lambda store: store.outages(since=END - DAY, until=END, node="fs01"),
    "open outages": lambda store: store.open_outages(),
    "all changes": lambda store: store.changes(since=END - DAY, until=END),
    "all calls": lambda store: store.calls(since=END - DAY, until=END),
    "failed calls of a node": lambda store: store.calls(since=0, until=END, node="fs01", result="failed"),
    "hours of all": lambda store: store.steps("1h", since=END - DAY, until=END),
    "days of a node": lambda store: store.steps("1d", since=END - DAY, until=END, node="fs01"),
}


@pytest.mark.parametrize("ask", OTHERS.values(), ids=OTHERS.keys())
async def test_what_is_asked_of_all_reads_the_time_asked_for_alone(
    folder: Path, ask: Callable[[Store], Awaitable[object]]
) -> None:
    assert scans(await plans(folder, ask)) == []


async def test_a_start_counts_no_rows(folder: Path) -> None:
    found = await plans(folder, lambda store: store.flush())
    assert not [text for text in found if "count(" in text]
    assert scans(found) == []


ENTRIES: dict[str, Entry] = {
    "an outage": outage(2**40, END, None, GATEWAY),
    "a call": call(END),
    "figures": PutHour(GATEWAY, END, figures()),
    "a profile": Rename(GATEWAY, subjects(SMALL)[2]),
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
async def test_writing_reads_no_whole_table(tmp_path: Path, folder: Path, entry: Entry) -> None:
    (tmp_path / FILE_NAME).write_bytes((folder / FILE_NAME).read_bytes())

    async def write(store: Store) -> None:
        store.put(entry)
        await store.flush()
        assert (store.problem, store.dropped) == ("", 0)

    assert scans(await plans(tmp_path, write)) == []


async def test_pruning_reads_what_goes_alone(tmp_path: Path, folder: Path) -> None:
    (tmp_path / FILE_NAME).write_bytes((folder / FILE_NAME).read_bytes())

    async def prune(store: Store) -> None:
        bounds = Bounds(DAY, 40, MAX_BYTES)
        while await store._run(lambda db: prune_old(db, bounds, END)):
            pass
        assert await store._run(lambda db: prune_full(db, bounds._replace(bytes_=0)))

    found = await plans(tmp_path, prune)
    assert [text for text in found if text.startswith("DELETE FROM hours")]
    assert scans(found) == []
