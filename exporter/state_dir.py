"""What a daemon does with its `state_dir` at the start: it locks it, and reads its instance id.

One daemon per `state_dir`: it keeps a file locked as long as it runs. The kernel gives the lock back when the
process ends, however it ends. The file says who holds it, for the message of a second daemon. A second one
waits WAIT seconds, because at a restart the first is still stopping.

Where the folder cannot be written, or its disk hangs, the daemon runs without lock and with an instance id
for this run alone: it watches, and places no calls, because they cannot be recorded either.
"""

import asyncio
import fcntl
import os
import socket
import stat
from pathlib import Path
from typing import Final

import structlog

from exporter.clock import Clock
from exporter.executors import Executor
from exporter.instance import instance_id

FILE_NAME: Final = "daemon.lock"
WAIT: Final = 15.0  # seconds
DISK_SECONDS: Final = 1.5  # for each look: with a disk that hangs the start takes less than 10 s
_LOOK: Final = 0.25
_MAX_TEXT: Final = 200

log = structlog.get_logger(__name__)


class StateDirError(Exception):
    """The `state_dir` is not for this daemon; the message says which, why, and what to do."""


class StateLock:
    """The lock of one `state_dir`, from `take` to `release`.

    Args:
        state_dir: the folder.
        clock: the time.
        disk: touches the file.

    Attributes:
        problem: why no lock can be had; empty while it can.
    """

    def __init__(self, state_dir: Path, clock: Clock, disk: Executor) -> None:
        self._path = state_dir / FILE_NAME
        self._clock = clock
        self._disk = disk
        self.problem = ""
        self._file: int | None = None

    @property
    def held(self) -> bool:
        """The folder is locked by this process."""
        return self._file is not None

    async def take(self) -> None:
        """Lock the folder; if another daemon holds the lock, wait WAIT seconds for it.

        Raises:
            StateDirError: it still holds it, or the folder is a file.
        """
        give_up = self._clock.monotonic() + WAIT
        waiting = False
        while (holder := await self._try()) is not None:
            if self._clock.monotonic() >= give_up:
                raise StateDirError(
                    f"state_dir {self._path.parent}: another exporter ({holder}) uses it; stop that one, or "
                    "give this one a folder of its own"
                )
            if not waiting:
                log.warning("another exporter uses the state_dir; waiting for it", holder=holder)
                waiting = True
            await self._clock.sleep(_LOOK)

    def release(self) -> None:
        """Give the lock back."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def _try(self) -> str | None:
        """Who holds the lock; None if it is this process, or if no lock can be had."""
        try:
            async with asyncio.timeout(DISK_SECONDS):
                return await self._disk.run(self._lock)
        except (NotADirectoryError, FileExistsError) as error:
            raise StateDirError(
                f"state_dir {self._path.parent}: {error}; name a directory that the exporter may write to"
            ) from None
        except OSError as error:  # TimeoutError is one
            reason = str(error) or f"the disk gave no answer within {DISK_SECONDS:g} s"
            log.warning("the state_dir cannot be locked", file=str(self._path), reason=reason)
            self.problem = f"the state_dir cannot be locked: {reason}"
            return None

    # -- in the executor's thread

    def _lock(self) -> str | None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK  # to open a FIFO must not wait
        opened = os.open(self._path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(opened).st_mode):
                raise OSError("it is not a regular file")
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            os.ftruncate(opened, 0)
            os.pwrite(opened, f"pid {os.getpid()} on {socket.gethostname()}\n".encode(), 0)
        except BlockingIOError:
            text = os.pread(opened, _MAX_TEXT, 0).decode("ascii", "replace").strip()
            os.close(opened)
            return text if text.isprintable() and text else "a process that does not say its number"
        except BaseException:
            os.close(opened)
            raise
        self._file = opened
        return None


async def kept_instance_id(state_dir: Path | None, disk: Executor) -> str:
    """The instance id kept in `state_dir`; one for this run alone where it cannot be read or written."""
    try:
        async with asyncio.timeout(DISK_SECONDS):
            return await disk.run(instance_id, state_dir)
    except OSError as error:  # TimeoutError is one
        reason = str(error) or f"the disk gave no answer within {DISK_SECONDS:g} s"
        log.warning("the instance id is not kept", state_dir=str(state_dir), reason=reason)
        return instance_id(None)
