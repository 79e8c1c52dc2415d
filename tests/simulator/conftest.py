"""The simulator's tests run in virtual time: what lasts a minute on the switch takes milliseconds.

Two files run in real time: in test_process.py the simulator is another process, and test_timeline.py is about
a machine that is late.
"""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from exporter.clock import Clock
from tests.simulator.wire import Wire
from tests.support.virtual_time import VirtualClock, VirtualTimeLoop

REAL_TIME = {"test_process.py", "test_timeline.py"}


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The event loop of a test."""
    return {"real": asyncio.new_event_loop} if item.path.name in REAL_TIME else {"virtual": VirtualTimeLoop}


@pytest.fixture
async def clock() -> Clock:
    """The clock of the test's event loop."""
    loop = asyncio.get_running_loop()
    return VirtualClock(loop) if isinstance(loop, VirtualTimeLoop) else Clock()


@pytest.fixture(autouse=True)
async def _wires_closed() -> AsyncIterator[None]:
    """Connections that a test opened are closed after it, whether it passed or not."""
    yield
    for wire in Wire.opened:
        await wire.close()
    Wire.opened.clear()
