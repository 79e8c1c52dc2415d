"""The last failed answer to REGISTER of each gateway, kept over a restart of the exporter.

FreeSWITCH reports once, in an event, why a registration failed, and then waits, for minutes or hours; its
status shows the same for a wrong password and a dead provider. An exporter started meanwhile would know
nothing until the next try. So the answers are written to a small file in `state_dir`.

The disk is only touched in its executor's thread: the file is read once by `load`, and written by a task that
takes all changes of WRITE_DELAY seconds together. The file is replaced as a whole, so it is never half
written, and nothing that stands in its place (a pipe, a device, a link) is ever written to or waited for. A
disk that fails or hangs costs one warning, and the memory is then that of the process.

The file is a JSON object: node name → gateway name → [code, phrase, epoch seconds], as 0.1.0 wrote it.
"""

import asyncio
import json
import os
import stat
from pathlib import Path
from typing import Final

import structlog

from exporter.clock import Clock
from exporter.executors import Executor, QueueFull
from exporter.watch.gateway import ANSWER_KEPT, Answer

FILE: Final = "registrations.json"
WRITE_DELAY: Final = 1.0  # seconds
DISK_DEADLINE: Final = 5.0  # seconds
EDGE_DEADLINE: Final = 2.0  # seconds, at start and stop, which nobody may hold up for long
_PHRASE_KEPT: Final = 200  # characters
_MAX_SIZE: Final = 1 << 22  # bytes; 1000 gateways take a quarter of a megabyte

log = structlog.get_logger(__name__)
_Answers = dict[str, dict[str, Answer]]


class RegistrationMemory:
    """Answers by node and gateway name.

    Args:
        state_dir: where the file is; None keeps nothing beyond the process.
        clock: the time.
        disk: the executor that touches the file; needed with `state_dir`.
        writes: False for a reader of another process's file.

    Attributes:
        unread: why the answers of earlier runs are not known; empty if they are.
    """

    def __init__(
        self, state_dir: Path | None, *, clock: Clock, disk: Executor | None = None, writes: bool = True
    ) -> None:
        self.unread = ""
        self._file = state_dir / FILE if state_dir is not None else None
        self._clock = clock
        self._disk = disk
        self._writes = writes
        self._answers: _Answers = {}
        self._changed = False
        self._task: asyncio.Task[None] | None = None
        self._warned = False

    async def load(self) -> None:
        """Recall the answers of earlier runs; takes EDGE_DEADLINE at most.

        A file that cannot be read is warned of and ignored. To be called once, before the first `keep`.
        """
        if self._file is None or self._disk is None:
            return
        try:
            async with asyncio.timeout(EDGE_DEADLINE):
                self._answers = await self._disk.run(_read, self._file)
        except (OSError, ValueError, TypeError, AttributeError, QueueFull) as error:
            self.unread = _words(error, EDGE_DEADLINE)
            log.warning(
                "earlier registration answers are not known", file=str(self._file), reason=self.unread
            )

    def recall(self, node: str, gateway: str) -> Answer | None:
        """The last failed answer, unless it is older than a day or a success came after it."""
        answer = self._answers.get(node, {}).get(gateway)
        return answer if answer is not None and self._is_recent(answer) else None

    def keep(self, node: str, gateway: str, answer: Answer | None) -> None:
        """Remember an answer; None: a registration succeeded. Returns at once, the file follows."""
        answers = self._answers.setdefault(node, {})
        if answers.get(gateway) == answer:
            return
        if answer is None:
            del answers[gateway]
        else:
            answers[gateway] = answer
        self._changed = True
        if self._writes and self._file is not None and self._task is None:
            self._task = asyncio.create_task(self._write_changes(), name="registration memory")

    async def close(self) -> None:
        """Write what has changed, and write no more. Takes EDGE_DEADLINE at most."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None
        if self._changed:
            await self._write(EDGE_DEADLINE)
        self._writes = False

    def _is_recent(self, answer: Answer) -> bool:
        return abs(self._clock.epoch() - answer.at) < ANSWER_KEPT  # one of a clock that was ahead ends, too

    async def _write_changes(self) -> None:
        while self._changed:
            await self._clock.sleep(WRITE_DELAY)
            await self._write(DISK_DEADLINE)
        self._task = None

    async def _write(self, deadline: float) -> None:
        if not self._writes or self._file is None or self._disk is None:
            return
        self._answers = {
            node: {name: answer for name, answer in gateways.items() if self._is_recent(answer)}
            for node, gateways in self._answers.items()
        }
        text = _encoded(self._answers)
        self._changed = False
        try:
            async with asyncio.timeout(deadline):
                await self._disk.run(_replace, self._file, text)
            self._warned = False
        except asyncio.CancelledError:
            self._changed = True
            raise
        except (OSError, RuntimeError, QueueFull) as error:
            self._changed = True  # it is tried again
            if not self._warned:
                reason = _words(error, deadline)
                log.warning("cannot keep registration answers", file=str(self._file), reason=reason)
            self._warned = True


def _read(file: Path) -> _Answers:
    """The answers in a file. Runs in the disk's thread."""
    try:
        opened = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)  # of a pipe, too
    except FileNotFoundError:
        return {}
    with os.fdopen(opened, encoding="utf-8") as lines:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise OSError("not a regular file")
        text = lines.read(_MAX_SIZE)
    return {
        node: {
            name: Answer(int(code), str(phrase)[:_PHRASE_KEPT], float(at))
            for name, (code, phrase, at) in gateways.items()
        }
        for node, gateways in json.loads(text).items()
    }


def _encoded(answers: _Answers) -> str:
    return json.dumps(
        {
            node: {name: (a.code, a.phrase[:_PHRASE_KEPT], a.at) for name, a in gateways.items()}
            for node, gateways in answers.items()
        }
    )


def _replace(file: Path, text: str) -> None:
    """Write a file as a whole or not at all. Runs in the disk's thread."""
    part = file.with_suffix(".part")
    part.unlink(missing_ok=True)  # a pipe of that name would be waited for
    try:
        with os.fdopen(
            os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666), "wb"
        ) as new:
            new.write(text.encode())
        part.replace(file)
    except OSError:
        part.unlink(missing_ok=True)
        raise


def _words(error: Exception, deadline: float) -> str:
    if isinstance(error, TimeoutError):
        return f"the disk did not answer within {deadline:g} s"
    return str(error) or type(error).__name__
