"""What every test runs under: no settings from the developer's shell, Hypothesis without time limits."""

import os

import pytest
from hypothesis import settings

# Cores are shared: how long one example takes says nothing about the code.
settings.register_profile("house", deadline=None)
settings.load_profile("house")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("EXPORTER_", "FREESWITCH_")) and name != "FREESWITCH_LIVE":
            monkeypatch.delenv(name)
