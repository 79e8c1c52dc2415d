"""A history whose file or disk is in trouble: said once, nothing lost, nothing doubled."""

import asyncio
import math
import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from exporter.config import HistoryConfig
from exporter.executors import Executor
from exporter.history.database import ASIDE_EVERY
from exporter.history.model import Figures
from exporter.history.schema import STEPS
from exporter.history.store import (
    CLOSE_SECONDS,
    DISK_SECONDS,
    FILE_NAME,
    PutHour,
    Store,
    StoreUnavailable,
)
from exporter.watch.changes import Change
from tests.history.stores import GATEWAY, NOW, call, listed, noise, opened
from tests.support.disk import Disk
from tests.support.virtual_time import Now, VirtualClock, virtual_time

ALWAYS: dict[str, Any] = {"since": 0.0, "until": math.inf}


async def subjects(store: Store) -> list[str]:
    """Those of the changes that are kept, oldest first."""
    return [change.subject for change in await store.changes(**ALWAYS)][::-1]


async def put(store: Store, *names: str) -> None:
    """Write a change for each name."""
    for name in names:
        store.put(Change(NOW, "fs1", "limits", name))
    await store.flush()


# -- damage ----------------------------------------------------------------------------------------------


async def filled(folder: Path) -> bytes:
    """The content of a file with a history in it."""
    async with opened(folder) as store:
        await put(store, *(noise(200) + str(number) for number in range(2000)))
    return (folder / FILE_NAME).read_bytes()


DAMAGES: dict[str, Callable[[bytes], bytes]] = {
    "no database": lambda content: b"something else entirely, and long enough" * 40,
    "cut within the header": lambda content: content[:50],
    "cut": lambda content: content[: len(content) // 2],
    "garbage in the list of tables": lambda content: content[:100] + b"\xff" * 3900 + content[4000:],
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
async def test_a_damaged_file_is_moved_aside_and_said_once(
    tmp_path: Path, damage: Callable[[bytes], bytes]
) -> None:
    damaged = damage(await filled(tmp_path))
    (tmp_path / FILE_NAME).write_bytes(damaged)
    (tmp_path / f"{FILE_NAME}.corrupt").write_bytes(b"an earlier one")
    (tmp_path / f"{FILE_NAME}.corrupt-wal").write_bytes(b"of the earlier one")
    with capture_logs() as lines:
        async with opened(tmp_path) as store:
            assert (store.problem, store.persistent) == ("", True)
            assert store.rows["change"] == 0
            await put(store, "new")
            assert await subjects(store) == ["new"]
    assert [(line["event"], line["aside"]) for line in lines] == [
        (
            "the history was damaged; it has been moved aside, and a new one begins",
            str(tmp_path / f"{FILE_NAME}.corrupt"),
        )
    ]
    assert listed(tmp_path) == [FILE_NAME, f"{FILE_NAME}.corrupt"]
    assert (tmp_path / f"{FILE_NAME}.corrupt").read_bytes() == damaged


def spoil(path: Path) -> None:
    """Overwrite every page of a file but the first."""
    with path.open("r+b") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))


@pytest.mark.parametrize("noticed", ["by a question", "by a write"])
async def test_damage_that_is_noticed_later(tmp_path: Path, noticed: str) -> None:
    await filled(tmp_path)
    async with opened(tmp_path) as store:
        spoil(tmp_path / FILE_NAME)
        await store._run(lambda db: db.execute("PRAGMA shrink_memory").fetchall())
        with capture_logs() as lines:
            if noticed == "by a question":
                assert await subjects(store) == []
            await put(store, "new")
            assert await subjects(store) == ["new"]
        assert [line["event"][:23] for line in lines] == ["the history was damaged"]
        assert (store.problem, store.rows["change"]) == ("", 1)
    assert (tmp_path / f"{FILE_NAME}.corrupt").exists()


async def test_rows_that_are_no_figures_are_damage(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        store.put(PutHour(GATEWAY, NOW, Figures(calls=1)))
        await store.flush()
        await store._run(lambda db: db.execute("UPDATE hours SET calls = 'many'"))
        assert await store.steps("1h", **ALWAYS) == []
        assert store.problem == ""
    assert (tmp_path / f"{FILE_NAME}.corrupt").exists()


async def test_values_of_another_form_are_left_out(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        for number in range(3):
            store.put(call(NOW + number, uuid=str(number)))
        await store.flush()
        await store._run(
            lambda db: db.execute("UPDATE calls SET value = '{\"at\":true}' WHERE at = ?", (NOW + 1,))
        )
        assert [found.call_uuid for found in await store.calls(**ALWAYS)] == ["2", "0"]
        assert store.problem == ""


async def test_a_disk_that_damages_every_file_is_not_written_over_and_over(tmp_path: Path) -> None:
    clock = Now(NOW)
    content = b"something else entirely, and long enough" * 40
    path, aside = tmp_path / FILE_NAME, tmp_path / f"{FILE_NAME}.corrupt"
    path.write_bytes(content)
    async with opened(tmp_path, clock) as store:
        assert store.problem == ""
        for _ in range(3):
            await store._executor.run(store._database.close)
            path.write_bytes(b"again " * 100)
            await put(store, "waits")
            assert "within the hour" in store.problem
            with pytest.raises(StoreUnavailable, match="within the hour"):
                await subjects(store)
        assert aside.read_bytes() == content
        clock.now += ASIDE_EVERY
        await store.flush()
        assert (store.problem, await subjects(store)) == ("", ["waits"] * 3)
    assert aside.read_bytes() == b"again " * 100


# -- files that are not its own ------------------------------------------------------------------------------


def another_program(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE songs (title TEXT)")
    database.close()


def a_later_release(path: Path) -> None:
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {len(STEPS) + 1}")
    database.execute("CREATE TABLE subjects (id INTEGER)")
    database.close()


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (another_program, "it is the database of another program"),
        (a_later_release, f"it has version {len(STEPS) + 1}, of another release"),
    ],
)
async def test_another_ones_file_is_left_alone_and_the_history_is_in_memory(
    tmp_path: Path, make: Callable[[Path], None], why: str
) -> None:
    make(tmp_path / FILE_NAME)
    before = (tmp_path / FILE_NAME).read_bytes()
    with capture_logs() as lines:
        async with opened(tmp_path) as store:
            assert not store.persistent
            assert store.problem == f"{why}; the history is in memory, and {FILE_NAME} is left as it is"
            await put(store, "a")
            await put(store, "b")
            assert await subjects(store) == ["a", "b"]
            assert store.problem.startswith(why)
    assert [(line["event"], line["reason"]) for line in lines] == [("the history is in memory", why)]
    assert listed(tmp_path) == [FILE_NAME]
    assert (tmp_path / FILE_NAME).read_bytes() == before


NO_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a folder": (Path.mkdir, "directory"),
    "a fifo": (os.mkfifo, "not a regular file"),
    "a device": (lambda path: path.symlink_to("/dev/zero"), "not a regular file"),
    "a folder that cannot be written": (
        lambda path: path.symlink_to("/sys/history.sqlite"),
        "Permission denied|Read-only",
    ),
}


@pytest.mark.parametrize(("make", "why"), NO_FILES.values(), ids=NO_FILES.keys())
async def test_a_file_that_cannot_be_opened_is_tried_again(
    tmp_path: Path, make: Callable[[Path], object], why: str
) -> None:
    path = tmp_path / FILE_NAME
    make(path)
    with capture_logs() as lines:
        async with opened(tmp_path) as store:
            with pytest.raises(StoreUnavailable, match=why):
                await subjects(store)
            await put(store, "a")
            await put(store, "b")
            assert store.problem
            assert store.dropped == 0
            path.rmdir() if path.is_dir() else path.unlink()
            await store.flush()
            assert (store.problem, store.persistent) == ("", True)
            assert await subjects(store) == ["a", "b"]
    assert [line["event"] for line in lines] == [
        "the history cannot be read or written",
        "the history can be written again",
    ]


async def test_a_file_that_is_deleted_or_replaced_begins_anew(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await put(store, "a")
        (tmp_path / FILE_NAME).rename(tmp_path / "taken")
        await put(store, "b")
        assert (store.problem, await subjects(store)) == ("", ["b"])
        (tmp_path / FILE_NAME).unlink()
        assert await subjects(store) == []


HOLDER = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], isolation_level=None)
database.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


@asynccontextmanager
async def held(path: Path) -> AsyncIterator[None]:
    """The file is locked by another process."""
    holder = await asyncio.create_subprocess_exec(
        sys.executable, "-c", HOLDER, path, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    try:
        assert await holder.stdout.readline() == b"held\n"
        yield
    finally:
        await holder.communicate(b"")


async def test_a_file_that_another_process_holds_is_used_once_it_is_free(tmp_path: Path) -> None:
    await filled(tmp_path)
    path = tmp_path / FILE_NAME
    with capture_logs() as lines:
        async with held(path):
            executor = Executor("history")
            store = Store(path, HistoryConfig(), Now(NOW), executor)
            await store.open()
            assert store.problem == "database is locked"
            with pytest.raises(StoreUnavailable, match="database is locked"):
                await store.watched_since()
            await put(store, "new")
        await store.flush()
        assert store.problem == ""
        assert store.rows["change"] == 2001
        await store.close()
        executor.shutdown()
    assert len(lines) == 2


async def test_no_other_process_uses_the_file_meanwhile(tmp_path: Path) -> None:
    async with opened(tmp_path):
        other = sqlite3.connect(tmp_path / FILE_NAME, timeout=0)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("SELECT count(*) FROM changes")
        other.close()


# -- a full disk -------------------------------------------------------------------------------------------


async def test_a_full_disk_keeps_what_waits_and_answers_questions(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await put(store, "a")

        def limit(db: sqlite3.Connection, pages: int) -> None:
            db.execute(f"PRAGMA max_page_count = {pages}").fetchall()

        await store._run(lambda db: limit(db, 1))
        names = [f"{number} {noise(150)}" for number in range(2000)]
        with capture_logs() as lines:
            await put(store, *names[:1000])
            await put(store, *names[1000:])
            assert store.problem == "database or disk is full"
            assert await subjects(store) == ["a"]
            await store._run(lambda db: limit(db, 100_000))
            await put(store, "b")
            assert store.problem == ""
        assert store.rows["change"] == 2002
        assert store.dropped == 0
    assert [line["event"] for line in lines] == [
        "the history cannot be read or written",
        "the history can be written again",
    ]


async def test_a_disk_that_became_read_only(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        await put(store, "a")
        await store._run(lambda db: db.execute("PRAGMA query_only = ON").fetchall())
        await put(store, "b")
        assert "readonly" in store.problem
        assert await subjects(store) == ["a"]
        await store._run(lambda db: db.execute("PRAGMA query_only = OFF").fetchall())
        await store.flush()
        assert (store.problem, await subjects(store)) == ("", ["a", "b"])


# -- a disk that hangs -------------------------------------------------------------------------------------


async def started(clock: VirtualClock, disk: Disk, folder: Path) -> Store:
    store = Store(folder / FILE_NAME, HistoryConfig(), clock, disk.executor)
    await disk.answers(store.open())
    assert store.problem == ""
    return store


async def recovered(disk: Disk, hanging: asyncio.Task[bool], store: Store) -> None:
    """Let the disk answer, and wait until all that it was asked has ended."""

    async def ended() -> None:
        await hanging
        while store._jobs:  # noqa: ASYNC110 - a thread ends them
            await asyncio.sleep(0)

    disk.recover()
    await disk.answers(ended())


def test_a_disk_that_hangs_is_asked_once_and_holds_up_no_shutdown(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await started(clock, disk, tmp_path)
            hanging = await disk.hang()
            began = clock.monotonic()
            await put(store, "a")
            assert clock.monotonic() - began == pytest.approx(DISK_SECONDS, abs=0.1)
            assert store.problem == "the disk gave no answer within 10 s"
            await put(store, "b")
            with pytest.raises(StoreUnavailable, match="no answer within 10 s"):
                await subjects(store)
            await store.close()
            assert clock.monotonic() - began == pytest.approx(DISK_SECONDS, abs=0.1), "it is known to hang"
            await recovered(disk, hanging, store)

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_what_was_given_to_a_disk_that_hangs_is_written_once(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await started(clock, disk, tmp_path)
            hanging = await disk.hang()
            store.put(PutHour(GATEWAY, NOW, Figures(calls=1)))
            await put(store, "a")
            store.put(PutHour(GATEWAY, NOW, Figures(calls=2)))
            await put(store, "b")
            assert "no answer" in store.problem
            await recovered(disk, hanging, store)
            await disk.answers(put(store, "c"))
            assert store.problem == ""
            assert await disk.answers(subjects(store)) == ["a", "b", "c"]
            (hours,) = await disk.answers(store.steps("1h", **ALWAYS))
            assert hours.steps[0].figures.calls == 3
            await disk.answers(store.close())

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_flush_whose_caller_is_cancelled_is_written_once(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await started(clock, disk, tmp_path)
            hanging = await disk.hang()
            flush = asyncio.create_task(put(store, "a"))
            await asyncio.sleep(1)
            flush.cancel()
            with pytest.raises(asyncio.CancelledError):
                await flush
            await recovered(disk, hanging, store)
            await disk.answers(store.close())

    async def read() -> list[str]:
        async with opened(tmp_path) as store:
            return await subjects(store)

    with virtual_time() as clock:
        clock.run(scenario(clock))
    assert asyncio.run(read()) == ["a"]


def test_a_disk_that_hangs_at_the_shutdown_holds_it_up_for_a_moment_only(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await started(clock, disk, tmp_path)
            hanging = await disk.hang()
            store.put(call(NOW))
            began = clock.monotonic()
            await store.close()
            assert clock.monotonic() - began == pytest.approx(CLOSE_SECONDS, abs=0.1)
            await recovered(disk, hanging, store)

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_a_disk_that_hangs_at_the_start(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            hanging = await disk.hang()
            store = Store(tmp_path / FILE_NAME, HistoryConfig(), clock, disk.executor)
            await store.open()
            assert "no answer" in store.problem
            await recovered(disk, hanging, store)
            await disk.answers(put(store, "a"))
            assert store.problem == ""
            await disk.answers(store.close())

    with virtual_time() as clock:
        clock.run(scenario(clock))


def test_too_many_questions_at_once_are_refused_and_no_problem_of_the_file(tmp_path: Path) -> None:
    async def scenario(clock: VirtualClock) -> None:
        with Disk(clock) as disk:
            store = await started(clock, disk, tmp_path)
            hanging = await disk.hang()
            waiting = asyncio.create_task(subjects(store))
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            with pytest.raises(StoreUnavailable, match="too many calls wait"):
                await subjects(store)
            store.put(Change(NOW, "fs1", "limits", "a"))
            await store.flush()
            assert store.problem == ""
            await recovered(disk, hanging, store)
            assert await disk.answers(waiting) == []
            await disk.answers(store.flush())
            assert await disk.answers(subjects(store)) == ["a"]
            await disk.answers(store.close())

    with virtual_time() as clock:
        clock.run(scenario(clock))
