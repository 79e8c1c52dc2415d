"""The lab as a fixture, restored before and after each test."""

import os
from collections.abc import AsyncIterator

import pytest

from tests.live.lab import Lab

_REMEDY = "docs/live-tests.md says what the live tests need"


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """The environment as the caller set it; each test runs without FREESWITCH_*."""
    return dict(os.environ)


@pytest.fixture
async def lab(environment: dict[str, str]) -> AsyncIterator[Lab]:
    """The restored lab: both switches run, telnyx is registered, no call is up."""
    host, _, port = environment.get("FREESWITCH_LIVE", "").rpartition(":")
    command = environment.get("FREESWITCH_LIVE_LAB", "")
    assert host, f"set FREESWITCH_LIVE=HOST:PORT; {_REMEDY}"
    assert command, f"set FREESWITCH_LIVE_LAB to the lab command; {_REMEDY}"
    lab = Lab(command, host, int(port), environment)
    await lab.restore()
    yield lab
    await lab.restore()
