"""A disk that can hang, in virtual time."""

import asyncio
import threading
from collections.abc import Awaitable
from typing import Self, TypeVar

from exporter.executors import Executor
from tests.support.virtual_time import VirtualClock

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
