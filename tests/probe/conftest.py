"""The lab as a fixture (lab.py)."""

from collections.abc import AsyncIterator

import pytest

from tests.probe.lab import Lab, opened


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with opened() as made:
        yield made
