"""Work that is done once for all who ask for the same, and given up when the last of them has left."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class _Job(Generic[T]):
    def __init__(self, task: asyncio.Task[T]) -> None:
        self.task = task
        self.callers = 0


class Shared(Generic[K, T]):
    """The work that is under way, by what it is for."""

    def __init__(self) -> None:
        self._jobs: dict[K, _Job[T]] = {}

    def __len__(self) -> int:
        return len(self._jobs)

    async def get(self, key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of `work()`, or that of the work with the same key that others wait for already.

        Raises:
            Exception: whatever the work raises.
        """
        job = self._jobs.get(key)
        if job is None:
            job = self._jobs[key] = _Job(asyncio.create_task(work()))
            job.task.add_done_callback(lambda _: self._forget(key, job))
        job.callers += 1
        try:
            return await asyncio.shield(job.task)
        finally:
            job.callers -= 1
            if not job.callers:
                self._forget(key, job)
                job.task.cancel()

    def seal(self, key: K) -> None:
        """Let nobody join the work with this key any more: whoever asks from now on gets new work."""
        self._jobs.pop(key, None)

    def _forget(self, key: K, job: _Job[T]) -> None:
        if self._jobs.get(key) is job:
            del self._jobs[key]
