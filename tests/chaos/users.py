"""Those who use the daemon meanwhile: scrapes, page views, calls for probes, reloads, clients that leave."""

import asyncio
import copy
import random
from collections.abc import Callable, Coroutine
from typing import Any, Final

import aiohttp

from exporter.clock import Clock
from tests.chaos.checks import check_counters
from tests.support.runtime import Files

NUMBERS: Final = [f"+155500000{ending}" for ending in ("01", "02", "03", "05", "07", "09", "21", "31")]
PAGES: Final = ("/", "/api/diagnosis", "/api/calls/health", "/-/ready", "/-/healthy", "/metrics?node=fs1")
_PATIENCE: Final = 60.0  # seconds that a client waits for an answer
_OPENMETRICS: Final = {"Accept": "application/openmetrics-text;version=1.0.0", "Accept-Encoding": "gzip"}

Request = Callable[[], Coroutine[Any, Any, object]]


class Users:
    """Clients of one daemon's HTTP side; each request is a connection of its own.

    Args:
        base: URL of the daemon.
        files: its config; each reload changes it at random.

    Attributes:
        answers: how many answers had which status.
        left: requests whose client went away.
    """

    def __init__(self, base: str, files: Files, clock: Clock, rng: random.Random) -> None:
        self.base = base
        self.answers: dict[int, int] = {}
        self.left = 0
        self._files = files
        self._first = copy.deepcopy(files.document)
        self._clock = clock
        self._rng = rng
        self._client = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(force_close=True, limit=0),
            timeout=aiohttp.ClientTimeout(total=_PATIENCE),
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._failures: list[BaseException] = []

    async def close(self) -> None:
        """End all requests."""
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._client.close()

    async def work(self) -> None:
        """Send requests until cancelled."""
        kinds: dict[Request, int] = {
            self.scrape: 8,
            self._view: 4,
            self._probe: 3,
            self._place: 1,
            self._reload: 1,
        }
        while True:
            await self._clock.sleep(self._rng.uniform(0.0, 1.0))
            [request] = self._rng.choices(list(kinds), list(kinds.values()))
            task = asyncio.create_task(self._send(request, leaves=self._rng.random() < 0.3))
            self._tasks.add(task)
            task.add_done_callback(self._done)

    async def rest(self) -> None:
        """Wait until every request that was sent has its answer.

        Raises:
            AssertionError: a client found a page wrong.
            TimeoutError: an answer did not come.
        """
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._failures:
            raise self._failures[0]

    async def restore(self) -> None:
        """Put the first config in force again."""
        self._files.document = copy.deepcopy(self._first)
        self._files.write()
        async with self._client.post(f"{self.base}/-/reload") as answer:
            assert answer.status == 200, await answer.text()

    async def scrape(self) -> dict[str, float]:
        """Every sample of a fresh page; what each page must fulfil is checked."""
        async with self._client.get(f"{self.base}/metrics", headers=_OPENMETRICS) as answer:
            self._count(answer.status)
            text = await answer.text()
        assert answer.status == 200, text
        lines = [line.partition(" # ")[0].rsplit(" ", 1) for line in text.splitlines() if line[0] != "#"]
        samples = {name: float(value) for name, value in lines}
        check_counters(samples)
        return samples

    def _done(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._failures.append(error)

    async def _send(self, request: Request, *, leaves: bool) -> None:
        if not leaves:
            await request()
            return
        try:
            async with asyncio.timeout(self._rng.uniform(0.0, 2.0)):
                await request()
        except TimeoutError:
            self.left += 1

    def _count(self, status: int) -> None:
        self.answers[status] = self.answers.get(status, 0) + 1

    async def _get(self, path: str, **headers: str) -> None:
        async with self._client.get(self.base + path, headers=headers) as answer:
            await answer.read()
            self._count(answer.status)
            assert answer.status < 500 or answer.status == 503, await answer.text()

    async def _view(self) -> None:
        await self._get(self._rng.choice(PAGES))

    async def _probe(self) -> None:
        number = self._rng.choice(NUMBERS)
        timeout = self._rng.choice(["10", "30"])
        await self._get(
            f"/probe?module=echo&target={number}", **{"X-Prometheus-Scrape-Timeout-Seconds": timeout}
        )

    async def _place(self) -> None:
        body = {"destinationNumber": self._rng.choice(NUMBERS)}
        async with self._client.post(f"{self.base}/api/calls/test-echo", json=body) as answer:
            await answer.read()
            self._count(answer.status)

    async def _reload(self) -> None:
        """Another config, a broken one, or the first one."""
        document = copy.deepcopy(self._first)
        match self._rng.randrange(6):
            case 0:
                document["nodes"].append(document["nodes"][0] | {"name": "fs2"})
            case 1:
                document["nodes"][0]["poll_interval"] = "3s"
            case 2:
                document["probes"]["echo"]["talk_time"] = "3s"
            case 3:
                document["nodes"][0]["gateways"]["telnyx"]["max_calls"] = self._rng.randint(1, 9)
            case 4:
                document["nodes"][0]["no_such_key"] = 1
        self._files.document = document
        self._files.write()
        async with self._client.post(f"{self.base}/-/reload") as answer:
            await answer.read()
            self._count(answer.status)
            assert answer.status in (200, 500, 503), await answer.text()
