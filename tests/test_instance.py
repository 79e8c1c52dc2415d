"""The instance id: kept, made once, never half written."""

import multiprocessing
import re
from pathlib import Path

import pytest

from exporter.instance import FILE_NAME, instance_id


def test_without_a_state_dir_it_is_made_anew_each_time() -> None:
    ids = {instance_id(None) for _ in range(50)}
    assert all(re.fullmatch(r"[0-9a-f]{4}", one) for one in ids)
    assert len(ids) > 1


def test_it_is_kept_in_the_state_dir(tmp_path: Path) -> None:
    state = tmp_path / "new" / "state"
    first = instance_id(state)
    assert re.fullmatch(r"[0-9a-f]{4}", first)
    assert instance_id(state) == first
    assert [path.name for path in state.iterdir()] == [FILE_NAME]


@pytest.mark.parametrize("rubbish", [b"", b"xyz", b"\xff\xfe", b"12345678901234567890", b"ABCD\n"])
def test_what_is_not_an_id_is_replaced(tmp_path: Path, rubbish: bytes) -> None:
    (tmp_path / FILE_NAME).write_bytes(rubbish)
    made = instance_id(tmp_path)
    assert re.fullmatch(r"[0-9a-f]{4}", made)
    assert instance_id(tmp_path) == made


def test_starts_at_the_same_time_agree(tmp_path: Path) -> None:
    with multiprocessing.get_context("spawn").Pool(4) as pool:
        ids = pool.map(instance_id, [tmp_path] * 16)
    assert len(set(ids)) == 1


def test_a_state_dir_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OSError, match="file"):
        instance_id(tmp_path / "file" / "state")
