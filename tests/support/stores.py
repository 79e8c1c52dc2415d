"""A store with something in it."""

from collections.abc import Iterable
from pathlib import Path

from exporter.clock import Clock
from exporter.config import HistoryConfig
from exporter.executors import Executor
from exporter.history.store import Entry, Store

OPEN: list[Store] = []
"""What `kept` has opened; each is closed after its test."""
_BATCH = 1000  # more than may wait could be dropped


async def kept(entries: Iterable[Entry], path: Path | None) -> Store:
    """A store that has these entries; without a path it keeps them in memory."""
    store = Store(path, HistoryConfig(), Clock(), Executor("history"))
    OPEN.append(store)
    await store.open()
    for number, entry in enumerate(entries, 1):
        store.put(entry)
        if number % _BATCH == 0:
            await store.flush()
    await store.flush()
    assert not store.problem, store.problem
    assert not store.dropped
    return store
