"""The environment of every test: no settings from the shell, the unpacked programs, slow examples allowed."""

import asyncio
import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import stores
from tests.support.tools import unpacked_path

# Commands that the documentation shows find curl on a machine that has none.
os.environ["PATH"] = unpacked_path()

# Cores are shared: the duration of one example says nothing about the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("EXPORTER_", "FREESWITCH_")) and name != "FREESWITCH_LIVE":
            monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _close_stores() -> Iterator[None]:
    yield
    while stores.OPEN:
        asyncio.run(stores.OPEN.pop().close())
