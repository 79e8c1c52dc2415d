"""Threads for work that blocks: one executor per purpose, each with a bounded queue.

The event loop must never wait for a disk, a name server or a password hash. Each purpose has threads of its
own, so that a hung disk does not hold up name lookups. The threads are daemon threads: unlike those of
`concurrent.futures`, which the interpreter waits for at exit, they let the process end while a disk hangs.
A call whose caller has been cancelled leaves the queue at once; one that has begun runs to its end, and its
result is dropped.
"""

import asyncio
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, TypeVar

_T = TypeVar("_T")


class QueueFull(Exception):
    """As many calls as the queue holds are waiting already. The message names the executor's purpose."""


class _Job:
    """One call: what to run, and the future of the loop that waits for it."""

    __slots__ = ("future", "loop", "work")

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[Any] = self.loop.create_future()

    def run(self) -> None:
        """Run in the thread and hand the outcome to the loop."""
        try:
            result, error = self.work(), None
        except BaseException as raised:  # noqa: BLE001 - it is raised again where the caller waits
            result, error = None, raised
        try:
            self.loop.call_soon_threadsafe(self._settle, result, error)
        except RuntimeError:
            return  # the loop has closed: no caller waits any more

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self.future.done():
            return
        if error is None:
            self.future.set_result(result)
        else:
            self.future.set_exception(error)


class Executor:
    """Runs blocking calls in threads of its own, in the order in which they came.

    Args:
        purpose: names the threads and the error.
        threads: how many calls run at once at most. Threads start with the first call that needs them.
        queue: how many calls may wait beyond those that run.
    """

    def __init__(self, purpose: str, *, threads: int = 1, queue: int = 64) -> None:
        self._purpose = purpose
        self._limit = threads
        self._queue = queue
        self._threads = 0
        self._idle = 0
        self._jobs: deque[_Job] = deque()
        self._changed = threading.Condition()
        self._stopping = False

    @property
    def waiting(self) -> int:
        """Calls that have not begun."""
        return len(self._jobs)

    async def run(self, work: Callable[..., _T], *args: object) -> _T:
        """The result of `work(*args)`, run in a thread.

        Raises:
            QueueFull: the queue is full, or there is no thread and none can be started; nothing was run.
            RuntimeError: the executor has been shut down.
            Exception: whatever `work` raises.
        """
        job = _Job(partial(work, *args))
        with self._changed:
            if self._stopping:
                raise RuntimeError(f"the executor for {self._purpose} has been shut down")
            if len(self._jobs) >= self._queue + self._limit - (self._threads - self._idle):
                raise QueueFull(f"too many calls wait for {self._purpose}")
            self._jobs.append(job)
            if self._idle < len(self._jobs) and self._threads < self._limit:
                self._start_thread(job)
            self._changed.notify()
        try:
            result: _T = await job.future
        except asyncio.CancelledError:
            with self._changed:
                if job in self._jobs:
                    self._jobs.remove(job)
            raise
        return result

    def shutdown(self) -> None:
        """Take no more calls and let idle threads end. Waits for nothing; calls in the queue still run."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()

    def _start_thread(self, job: _Job) -> None:
        """Start one for `job`; where the system allows none, the job waits for those that run."""
        name = f"{self._purpose} {self._threads + 1}"
        try:
            threading.Thread(target=self._work, name=name, daemon=True).start()
        except RuntimeError as error:
            if not self._threads:
                self._jobs.remove(job)
                raise QueueFull(f"no thread for {self._purpose}: {error}") from None
            return
        self._threads += 1
        self._idle += 1

    def _work(self) -> None:
        while True:
            with self._changed:
                while not self._jobs:
                    if self._stopping:
                        return
                    self._changed.wait()
                job = self._jobs.popleft()
                self._idle -= 1
            job.run()
            del job  # its result must not live as long as the thread is idle
            with self._changed:
                self._idle += 1


_NAME_THREADS: Final = 4  # a dead name server takes each look-up seconds
_HASH_THREADS: Final = 1  # bcrypt keeps a core busy: FreeSWITCH's events come first


class Executors:
    """The executors of one process.

    Attributes:
        names: host names to addresses.
        disk: files and sqlite. One thread, so that writes keep their order.
        history: sqlite of the history; in the doctor the question to the daemon that has it. One thread of
            its own, so that a long search delays no probe call.
        hashes: bcrypt.
    """

    def __init__(self) -> None:
        self.names = Executor("names", threads=_NAME_THREADS)
        self.disk = Executor("disk", queue=256)
        self.history = Executor("history")
        self.hashes = Executor("hashes", threads=_HASH_THREADS)

    def shutdown(self) -> None:
        """As `Executor.shutdown`, for all of them."""
        for executor in (self.names, self.disk, self.history, self.hashes):
            executor.shutdown()
