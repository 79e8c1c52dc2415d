"""Registration answers survive a restart; a file or a disk that cannot be used stops nothing."""

import asyncio
import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from exporter.executors import Executor
from exporter.watch import registration_memory
from exporter.watch.gateway import ANSWER_KEPT, Answer
from exporter.watch.registration_memory import (
    DISK_DEADLINE,
    EDGE_DEADLINE,
    FILE,
    WRITE_DELAY,
    RegistrationMemory,
)
from tests.support.virtual_time import VirtualClock, virtual_time

BY_0_1_0 = '{"fs1": {"telnyx": [403, "Forbidden", 1799999990.25], "old": [503, "", 1700000000.0]}, "fs2": {}}'


class Threads(Executor):
    """A disk whose calls virtual time waits for."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__("disk")
        clock.loop.wait_for_threads(lambda: self.calls > 0)
        self.calls = 0

    async def run(self, work, *args):  # type: ignore[no-untyped-def]
        self.calls += 1
        try:
            return await super().run(work, *args)
        finally:
            self.calls -= 1


@pytest.fixture
def clock() -> Iterator[VirtualClock]:
    with virtual_time() as clock:
        yield clock


@pytest.fixture
def disk(clock: VirtualClock) -> Iterator[Threads]:
    disk = Threads(clock)
    yield disk
    disk.shutdown()


def answer(clock: VirtualClock, code: int = 403, age: float = 0.0) -> Answer:
    return Answer(code, "Forbidden", clock.epoch() - age)


async def loaded(state_dir: Path, clock: VirtualClock, disk: Executor) -> RegistrationMemory:
    memory = RegistrationMemory(state_dir, clock=clock, disk=disk)
    await memory.load()
    return memory


def test_an_answer_is_there_after_a_restart(tmp_path: Path, clock: VirtualClock, disk: Threads) -> None:
    async def scenario() -> None:
        given = answer(clock)
        memory = await loaded(tmp_path, clock, disk)
        memory.keep("fs1", "telnyx", given)
        await memory.close()
        again = await loaded(tmp_path, clock, disk)
        assert again.recall("fs1", "telnyx") == given
        assert again.recall("fs2", "telnyx") is None

    clock.run(scenario())


def test_a_file_of_0_1_0_is_read(tmp_path: Path, clock: VirtualClock, disk: Threads) -> None:
    (tmp_path / FILE).write_text(BY_0_1_0)

    async def scenario() -> None:
        memory = await loaded(tmp_path, clock, disk)
        assert memory.recall("fs1", "telnyx") == Answer(403, "Forbidden", 1799999990.25)
        assert memory.recall("fs1", "old") is None
        memory.keep("fs1", "telnyx", answer(clock, 407))
        await memory.close()
        assert json.loads((tmp_path / FILE).read_text()) == {
            "fs1": {"telnyx": [407, "Forbidden", clock.epoch()]},
            "fs2": {},
        }

    clock.run(scenario())


def test_a_success_is_remembered_as_nothing(tmp_path: Path, clock: VirtualClock, disk: Threads) -> None:
    async def scenario() -> None:
        memory = await loaded(tmp_path, clock, disk)
        memory.keep("fs1", "telnyx", answer(clock))
        memory.keep("fs1", "telnyx", None)
        memory.keep("fs1", "other", None)
        await memory.close()
        assert (await loaded(tmp_path, clock, disk)).recall("fs1", "telnyx") is None

    clock.run(scenario())


def test_an_answer_explains_nothing_after_a_day(clock: VirtualClock) -> None:
    async def scenario() -> None:
        memory = RegistrationMemory(None, clock=clock)
        memory.keep("fs1", "telnyx", answer(clock))
        await clock.sleep(ANSWER_KEPT - 1)
        assert memory.recall("fs1", "telnyx") is not None
        await clock.sleep(2)
        assert memory.recall("fs1", "telnyx") is None

    clock.run(scenario())


def test_changes_in_quick_succession_are_one_write(
    tmp_path: Path, clock: VirtualClock, disk: Threads, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[str] = []
    replace = registration_memory._replace  # what the disk's thread runs

    def noted(file: Path, text: str) -> None:
        written.append(text)
        replace(file, text)

    monkeypatch.setattr(registration_memory, "_replace", noted)

    async def scenario() -> None:
        memory = await loaded(tmp_path, clock, disk)
        for number in range(50):
            memory.keep("fs1", f"gateway{number}", answer(clock))
            await clock.sleep(WRITE_DELAY / 100)
        assert written == []
        await clock.sleep(WRITE_DELAY + 0.1)
        assert len(written) == 1
        assert len(json.loads((tmp_path / FILE).read_text())["fs1"]) == 50
        memory.keep("fs1", "one more", answer(clock))
        await clock.sleep(WRITE_DELAY + 0.1)
        assert len(written) == 2

    clock.run(scenario())


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fs1": 3}', '{"fs1": {"telnyx": ["x", "y"]}}', "\x00"])
def test_a_file_that_another_program_wrote_is_ignored_once(
    tmp_path: Path, clock: VirtualClock, disk: Threads, text: str
) -> None:
    (tmp_path / FILE).write_text(text)

    async def scenario() -> None:
        with capture_logs() as lines:
            memory = await loaded(tmp_path, clock, disk)
        assert [line["log_level"] for line in lines] == ["warning"]
        memory.keep("fs1", "telnyx", answer(clock))
        await memory.close()
        assert (await loaded(tmp_path, clock, disk)).recall("fs1", "telnyx") is not None

    clock.run(scenario())


def test_a_reader_of_anothers_file_leaves_it_alone(
    tmp_path: Path, clock: VirtualClock, disk: Threads
) -> None:
    (tmp_path / FILE).write_text(BY_0_1_0)

    async def scenario() -> None:
        memory = RegistrationMemory(tmp_path, clock=clock, disk=disk, writes=False)
        await memory.load()
        memory.keep("fs1", "telnyx", None)
        await memory.close()
        assert (tmp_path / FILE).read_text() == BY_0_1_0

    clock.run(scenario())


def test_a_folder_that_is_gone_costs_one_warning(tmp_path: Path, clock: VirtualClock, disk: Threads) -> None:
    async def scenario() -> None:
        memory = await loaded(tmp_path / "gone", clock, disk)
        with capture_logs() as lines:
            for code in (403, 407, 403):
                memory.keep("fs1", "telnyx", answer(clock, code))
                await clock.sleep(WRITE_DELAY + 0.1)
        assert [line["event"] for line in lines] == ["cannot keep registration answers"]
        kept = memory.recall("fs1", "telnyx")
        assert kept is not None
        assert kept.code == 403

    clock.run(scenario())


def test_a_disk_that_hangs_costs_one_warning_and_holds_up_nothing(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = threading.Event()
    monkeypatch.setattr(registration_memory, "_replace", lambda *_: hung.wait())
    disk = Executor("disk")  # virtual time does not wait for this one

    async def scenario() -> None:
        memory = RegistrationMemory(tmp_path, clock=clock, disk=disk)
        with capture_logs() as lines:
            for code in range(400, 500):
                memory.keep("fs1", "telnyx", answer(clock, code))
                await clock.sleep(WRITE_DELAY)
            await memory.close()
        assert [line["reason"] for line in lines] == [f"the disk did not answer within {DISK_DEADLINE:g} s"]
        kept = memory.recall("fs1", "telnyx")
        assert kept is not None
        assert kept.code == 499
        assert disk.waiting == 0
        assert [task for task in asyncio.all_tasks() if task.get_name() == "registration memory"] == []

    clock.run(scenario())
    hung.set()
    disk.shutdown()


@pytest.mark.parametrize("what", ["pipe", "folder", "link to a device"])
def test_what_is_no_file_in_its_place_is_ignored_and_replaced_if_it_can_be(
    tmp_path: Path, clock: VirtualClock, disk: Threads, what: str
) -> None:
    def put(path: Path) -> None:
        match what:
            case "pipe":
                os.mkfifo(path)
            case "folder":
                path.mkdir()
            case _:
                path.symlink_to("/dev/zero")

    put(tmp_path / FILE)
    if what != "folder":
        put((tmp_path / FILE).with_suffix(".part"))

    async def scenario() -> None:
        with capture_logs() as lines:
            memory = await loaded(tmp_path, clock, disk)
            assert memory.recall("fs1", "telnyx") is None
            memory.keep("fs1", "telnyx", answer(clock))
            await clock.sleep(WRITE_DELAY + 0.1)
            await memory.close()
        assert len(lines) == (2 if what == "folder" else 1), lines
        kept = (await loaded(tmp_path, clock, disk)).recall("fs1", "telnyx")
        assert (kept is None) == (what == "folder")

    clock.run(scenario())


def test_a_disk_that_hangs_at_the_start_holds_it_up_for_a_moment_only(
    tmp_path: Path, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hung = threading.Event()
    monkeypatch.setattr(registration_memory, "_read", lambda *_: hung.wait())
    disk = Executor("disk")  # virtual time does not wait for this one

    async def scenario() -> None:
        began = clock.monotonic()
        memory = await loaded(tmp_path, clock, disk)
        memory.keep("fs1", "telnyx", answer(clock))
        await memory.close()
        assert clock.monotonic() - began <= 2 * EDGE_DEADLINE + 0.1

    clock.run(scenario())
    hung.set()
    disk.shutdown()
