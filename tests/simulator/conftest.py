"""Connections a test opened are closed behind it, whatever became of the test."""

from collections.abc import AsyncIterator

import pytest

from tests.simulator.wire import Wire


@pytest.fixture(autouse=True)
async def _wires_closed() -> AsyncIterator[None]:
    yield
    for wire in Wire.opened:
        await wire.close()
    Wire.opened.clear()
