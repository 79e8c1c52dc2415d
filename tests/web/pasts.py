"""A daemon with a history, served over real HTTP."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp
from yarl import URL

from exporter.clock import Clock
from exporter.config import HistoryConfig
from exporter.history.entries import Entry
from exporter.history.store import Store
from tests.history.pasts import BEGAN, HOUR
from tests.web.fakes import FakeContext, FakeHistory, Served, serving

NOW: Final = BEGAN + 12 * HOUR


class StoppedClock(Clock):
    """The wall clock stands at NOW, the other one at `now`."""

    now = 1000.0

    def epoch(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return self.now


@dataclass
class Asking:
    """A daemon with a history, and a client."""

    served: Served
    context: FakeContext

    async def get(self, path: str, **query: object) -> Any:
        status, _, body = await self.ask(path, **query)
        assert status == 200, body
        return body

    async def ask(self, path: str, **query: object) -> tuple[int, aiohttp.ClientResponse, Any]:
        """Status, answer and body."""
        words = "&".join(f"{name.rstrip('_')}={value}" for name, value in query.items())
        url = f"{self.served.base}{path}?{words}"
        async with self.served.client.get(URL(url, encoded=True)) as answer:
            if answer.content_type == "application/json":
                return answer.status, answer, await answer.json()
            return answer.status, answer, await answer.text()


@asynccontextmanager
async def past(*entries: Entry) -> AsyncIterator[Asking]:
    """Serve a history with these entries; it is NOW."""
    context = FakeContext(clock=StoppedClock())
    store = Store(None, HistoryConfig(), context.clock, context.executors.history)
    context.history = FakeHistory(store)
    await store.open()
    for entry in entries:
        store.put(entry)
    await store.flush()
    async with serving(context) as served:
        yield Asking(served, context)
        await store.close()
