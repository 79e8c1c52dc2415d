"""Stores for tests, and what to put into them."""

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from exporter.clock import Clock
from exporter.config import HistoryConfig
from exporter.executors import Executor
from exporter.history.model import CallResult, Figures, KeptCall, Layer, Outage, Phase
from exporter.history.store import FILE_NAME, Store, Subject
from exporter.watch.changes import Change
from tests.support.virtual_time import Now

NOW = 1_800_000_000.0  # 2027-01-15 08:00 UTC
HOUR = 3600.0
DAY = 86_400.0
GATEWAY = Subject("fs1", "provider", "external")
FULL = HistoryConfig()


@asynccontextmanager
async def opened(
    folder: Path | None, clock: Clock | None = None, config: HistoryConfig = FULL
) -> AsyncIterator[Store]:
    """An open store with its file in the folder, or in memory, closed at the end."""
    executor = Executor("history")
    store = Store(folder and folder / FILE_NAME, config, clock or Now(NOW), executor)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
        executor.shutdown()


def outage(number: int, began: float, ended: float | None, subject: Subject = GATEWAY) -> Outage:
    """An outage of a gateway, or of a switch where the subject has no gateway."""
    layer: Layer = "gateway" if subject.gateway else "switch"
    course = (Phase(began, "registering"), Phase(began + 2, "unreachable", "408 Request Timeout"))
    change = Change(began - 40, subject.node, "xml_reloaded")
    return Outage(
        id=number, layer=layer, **subject._asdict(), began=began, ended=ended, course=course,
        seconds=0.0 if ended is None else ended - began, changes_before=(change,),
    )  # fmt: skip


def call(at: float, result: CallResult = "failed", uuid: str = "a", subject: Subject = GATEWAY) -> KeptCall:
    """A kept call, outbound."""
    return KeptCall(
        at=at, node=subject.node, result=result, gateway=subject.gateway, direction="outbound",
        call_uuid=uuid, cause="CALL_REJECTED", origin="far_end", sip_status=403,
    )  # fmt: skip


def figures(watched: float = 3600.0, calls: int = 0) -> Figures:
    """Of one hour: usable but for ten seconds."""
    return Figures(watched=watched, usable=watched - 10, outages=1, calls=calls, failed=calls // 2)


def listed(folder: Path) -> list[str]:
    """The names of the files in it."""
    return sorted(path.name for path in folder.iterdir())


def noise(length: int) -> str:
    """A text of that length."""
    return "".join(random.Random(length).choices("abcdefghijklmnopqrstuvwxyz", k=length))
