"""Executors: order, bounds, errors, cancellation, and a process that ends while a call hangs."""

import asyncio
import subprocess
import sys
import threading

import pytest

from exporter.executors import Executor, Executors, QueueFull


async def test_calls_run_in_order_in_a_thread_of_their_own() -> None:
    executor = Executor("disk")
    seen: list[tuple[int, int]] = []

    def note(number: int) -> int:
        seen.append((number, threading.get_ident()))
        return number * 2

    assert await asyncio.gather(*(executor.run(note, number) for number in range(20))) == list(
        range(0, 40, 2)
    )
    assert [number for number, _ in seen] == list(range(20))
    assert {thread for _, thread in seen}.isdisjoint({threading.get_ident()})
    assert len({thread for _, thread in seen}) == 1
    executor.shutdown()


async def test_an_error_is_raised_where_the_caller_waits() -> None:
    executor = Executor("disk")
    with pytest.raises(ZeroDivisionError):
        await executor.run(lambda: 1 // 0)
    assert await executor.run(lambda: 7) == 7
    executor.shutdown()


async def test_beyond_the_queue_a_call_is_refused_and_nothing_waits_for_ever() -> None:
    executor = Executor("names", threads=2, queue=3)
    release = threading.Event()
    calls = [asyncio.create_task(executor.run(release.wait)) for _ in range(5)]
    await asyncio.sleep(0)
    assert len(calls) == 5
    with pytest.raises(QueueFull, match="names"):
        await executor.run(release.wait)
    release.set()
    assert await asyncio.gather(*calls) == [True] * 5
    assert executor.waiting == 0
    executor.shutdown()


async def test_a_caller_that_leaves_gives_up_its_place() -> None:
    executor = Executor("hashes", queue=1)
    begun, release = threading.Event(), threading.Event()

    def hold() -> None:
        begun.set()
        release.wait()

    running = asyncio.create_task(executor.run(hold))
    await asyncio.to_thread(begun.wait)
    ran: list[str] = []
    waiting = asyncio.create_task(executor.run(ran.append, "left"))
    await asyncio.sleep(0)
    assert executor.waiting == 1
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert executor.waiting == 0
    another = asyncio.create_task(executor.run(ran.append, "stayed"))
    await asyncio.sleep(0)
    release.set()
    await asyncio.gather(running, another)
    assert ran == ["stayed"]
    executor.shutdown()


async def test_after_shutdown_no_call_is_taken() -> None:
    executors = Executors()
    assert await executors.disk.run(lambda: "kept") == "kept"
    executors.shutdown()
    with pytest.raises(RuntimeError, match="disk"):
        await executors.disk.run(lambda: "lost")


def test_a_call_that_hangs_does_not_keep_the_process() -> None:
    program = """
import asyncio, threading
from exporter.executors import Executors
async def main():
    executors = Executors()
    try:
        async with asyncio.timeout(0.1):
            await executors.disk.run(threading.Event().wait)
    except TimeoutError:
        print("gave up")
    executors.shutdown()
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=20)
    assert (done.returncode, done.stdout, done.stderr) == (0, "gave up\n", "")


async def test_a_thread_that_cannot_be_started_is_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    executor = Executor("disk")
    with monkeypatch.context() as limited:
        limited.setattr(threading.Thread, "start", refuse)
        with pytest.raises(QueueFull, match="no thread for disk: can't start new thread"):
            await executor.run(int)
        assert executor.waiting == 0
    assert await executor.run(int, 7) == 7
    executor.shutdown()
