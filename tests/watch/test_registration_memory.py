"""Registration answers survive us; a file nobody can read does not stop us."""

import time
from pathlib import Path

import pytest

from exporter.watch.gateway import Answer
from exporter.watch.registration_memory import FILE, KEPT, RegistrationMemory


def answer(code: int = 403, age: float = 0.0) -> Answer:
    return Answer(code, "Forbidden", time.time() - age)


def test_an_answer_is_there_in_the_next_life(tmp_path: Path) -> None:
    given = answer()
    RegistrationMemory(tmp_path).keep("fs1", "telnyx", given)
    assert RegistrationMemory(tmp_path).recall("fs1", "telnyx") == given
    assert RegistrationMemory(tmp_path).recall("fs2", "telnyx") is None


def test_a_success_is_remembered_as_nothing(tmp_path: Path) -> None:
    memory = RegistrationMemory(tmp_path)
    memory.keep("fs1", "telnyx", answer())
    memory.keep("fs1", "telnyx", None)
    memory.keep("fs1", "other", None)
    assert RegistrationMemory(tmp_path).recall("fs1", "telnyx") is None


def test_an_old_answer_explains_nothing(tmp_path: Path) -> None:
    RegistrationMemory(tmp_path).keep("fs1", "telnyx", answer(age=KEPT + 1))
    assert RegistrationMemory(tmp_path).recall("fs1", "telnyx") is None


@pytest.mark.parametrize("text", ["", "{", "[]", '{"fs1": 3}', '{"fs1": {"telnyx": ["x", "y"]}}', "\x00"])
def test_a_file_that_is_none_of_ours_is_forgotten(tmp_path: Path, text: str) -> None:
    (tmp_path / FILE).write_text(text)
    memory = RegistrationMemory(tmp_path)
    assert memory.recall("fs1", "telnyx") is None
    memory.keep("fs1", "telnyx", answer())
    assert memory.recall("fs1", "telnyx") is not None


def test_without_a_directory_and_with_one_that_is_gone_it_lasts_as_long_as_we_do(tmp_path: Path) -> None:
    for memory in (RegistrationMemory(None), RegistrationMemory(tmp_path / "gone")):
        memory.keep("fs1", "telnyx", answer())
        assert memory.recall("fs1", "telnyx") is not None
