"""The environment of every test: no settings from the shell, Hypothesis without time limits."""

import os

import pytest
from hypothesis import settings

# Cores are shared: the duration of one example says nothing about the code.
settings.register_profile("project", deadline=None)
settings.load_profile("project")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith(("EXPORTER_", "FREESWITCH_")) and name != "FREESWITCH_LIVE":
            monkeypatch.delenv(name)
