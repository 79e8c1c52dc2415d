"""Whether the running daemon refused its last reload, asked by the command `doctor`: two of its metrics."""

from typing import Final

from exporter.config import Config
from exporter.diagnosis.asked import ask
from exporter.diagnosis.snapshot import ReloadSeen
from exporter.executors import Executor
from exporter.metrics.families import RELOAD_SUCCESSFUL, RELOAD_TIMESTAMP

_FAMILIES: Final = (RELOAD_SUCCESSFUL.name, RELOAD_TIMESTAMP.name)
_PATH: Final = "/metrics?" + "&".join(f"name[]={name}" for name in _FAMILIES)


async def ask_reload(config: Config, executor: Executor) -> ReloadSeen:
    """The state of the daemon's configuration. As `ask`, which see for arguments and NotAsked."""
    return await ask(config, _PATH, _read, executor)


def _read(page: bytes) -> ReloadSeen:
    samples = dict(line.split(" ", 1) for line in page.decode().splitlines() if not line.startswith("#"))
    try:
        successful, loaded_at = (float(samples[name]) for name in _FAMILIES)
    except KeyError as error:
        raise ValueError(f"no {error}") from None
    return ReloadSeen(refused=not successful, loaded_at=loaded_at)
