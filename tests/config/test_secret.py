"""A secret cannot be printed by accident."""

import copy
import pickle
from typing import Any

import msgspec
import pytest

from exporter.config import NodeConfig, Secret

SECRET = Secret("hunter2")


def test_it_shows_a_mask() -> None:
    for shown in (str(SECRET), repr(SECRET), f"{SECRET}", f"{SECRET!r:>10}", f"{[SECRET]}"):
        assert "hunter2" not in shown
        assert "<secret>" in shown
    assert SECRET.reveal() == "hunter2"


def test_it_is_compared_by_value() -> None:
    assert Secret("hunter2") == SECRET
    assert len({SECRET, Secret("hunter2"), Secret("hunter3")}) == 2
    value: Any = "hunter2"
    assert value != SECRET


def test_it_is_not_serialised() -> None:
    with pytest.raises(TypeError):
        pickle.dumps(SECRET)
    with pytest.raises(TypeError):
        copy.deepcopy(SECRET)
    with pytest.raises(TypeError):
        msgspec.json.encode(NodeConfig(password=SECRET))
