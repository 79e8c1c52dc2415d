"""A whole daemon in the test's event loop, with its config in files that the test changes.

The log of the process stays as pytest has it: the configs with which the daemon would configure it are noted.
"""

import asyncio
import base64
import copy
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

import aiohttp
import bcrypt
import yaml

from exporter import runtime
from exporter.clock import Clock
from exporter.config import Config
from exporter.executors import Executors
from exporter.history.history import History
from exporter.probe.probes import Probes
from exporter.runtime import Runtime
from tests.support.configs import load_config
from tests.support.virtual_time import VirtualClock

USER: Final = ("anna", "pw")
USER_HASH: Final = bcrypt.hashpw(USER[1].encode(), bcrypt.gensalt(4)).decode()
SECONDS: Final = 10.0
_BASIC: Final = {"Authorization": f"Basic {base64.b64encode(':'.join(USER).encode()).decode()}"}


async def until(condition: Callable[[], bool], seconds: float = SECONDS) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.005)


class Files:
    """The config's files.

    Attributes:
        document: the content of the config file; change it, then `write`.
        web: that of the web config file.
        token: that of the token file; "" for none.
    """

    def __init__(self, folder: Path, document: dict[str, Any]) -> None:
        self.folder = folder
        self.document = document
        self.web: dict[str, Any] = {}
        self.token = ""

    @property
    def path(self) -> Path:
        """The config file."""
        return self.folder / "exporter.yml"

    def copy(self) -> "Files":
        """The same, to be changed without changing this one."""
        return copy.deepcopy(self)

    def write(self) -> None:
        """Write all files."""
        document = {"web_config_file": "web.yml"} | self.document
        if self.token:
            (self.folder / "token").write_text(self.token)
            document["token_file"] = "token"
        (self.folder / "web.yml").write_text(yaml.safe_dump(self.web))
        self.path.write_text(yaml.safe_dump(document))

    def load(self) -> Config:
        """The config of the files as they are on the disk."""
        return load_config(self.path, {})


class Running:
    """A daemon and a client of its HTTP side.

    Attributes:
        logged: the configs by which the log was configured.
    """

    def __init__(self, daemon: Runtime, files: Files, client: aiohttp.ClientSession) -> None:
        self.daemon = daemon
        self.files = files
        self.logged: list[Config] = []
        self.base = ""
        self._client = client

    async def get(self, path: str) -> tuple[int, str]:
        """Status and text; with user and password, should they be asked for."""
        async with self._client.get(self.base + path, headers=_BASIC) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, body: object = None) -> tuple[int, Any]:
        """Status and JSON; with the token of the config in force."""
        token = self.daemon.config.token
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
        async with self._client.post(self.base + path, headers=headers, json=body) as answer:
            return answer.status, await answer.json()

    async def plan(self) -> dict[str, Any]:
        """The plan of a reload."""
        status, plan = await self.post("/-/reload?dry_run=true")
        assert status == 200, plan
        assert isinstance(plan, dict)
        return plan

    async def samples(self) -> dict[str, float]:
        """Every sample of a fresh page, by name with labels."""
        status, text = await self.get("/metrics")
        assert status == 200, text
        lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, value in lines}


def _busy(executors: Executors) -> bool:
    """Whether a thread of theirs works, or a call waits for one."""
    for executor in (executors.names, executors.disk, executors.history, executors.hashes):
        if executor._jobs or executor._threads > executor._idle:
            return True
    return False


@asynccontextmanager
async def running(
    files: Files, *, scheme: str = "http", clock: Clock | None = None
) -> AsyncIterator[Running]:
    """Start a daemon with these files; it serves, and its first attempts at the nodes go on.

    Args:
        files: its config.
        scheme: of its HTTP side.
        clock: the time; that of the event loop, if the loop's is virtual. None: the machine's.
    """
    files.write()
    config = files.load()
    clock, executors = clock or Clock(), Executors()
    if isinstance(clock, VirtualClock):
        clock.loop.wait_for_threads(lambda: _busy(executors))
    probes = await Probes.open(config.state_dir, "ab12", clock, executors.disk)
    history = History(config.history, config.state_dir, clock, executors.history)
    daemon = Runtime(config, files.load, "ab12", probes, history, clock, executors)
    async with aiohttp.ClientSession() as client:
        started = Running(daemon, files, client)
        with patch.object(runtime, "configure_log", started.logged.append):
            task = asyncio.create_task(daemon.run())
            try:
                await until(lambda: task.done() or bool(daemon.nodes))
                if task.done():
                    await task
                started.base = f"{scheme}://127.0.0.1:{daemon.addresses[0][1]}"
                yield started
            finally:
                daemon.stop()
                async with asyncio.timeout(SECONDS):
                    await asyncio.gather(task, return_exceptions=True)
                executors.shutdown()
