"""The Dockerfile and .dockerignore, read into plain values."""

import json
import re
import shlex
from typing import NamedTuple

from tests.support.tools import ROOT


class Instruction(NamedTuple):
    """One instruction, its continued lines joined."""

    name: str
    value: str

    def words(self) -> list[str]:
        """Its words, without quotes."""
        return shlex.split(self.value)


def _instructions() -> list[Instruction]:
    lines = [line for line in (ROOT / "Dockerfile").read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [Instruction(*line.split(None, 1)) for line in joined.splitlines() if line.strip()]


INSTRUCTIONS = _instructions()
_STARTS = [index for index, instruction in enumerate(INSTRUCTIONS) if instruction.name == "FROM"]
BUILD = INSTRUCTIONS[_STARTS[0] : _STARTS[1]]
IMAGE = INSTRUCTIONS[_STARTS[1] :]


def values(stage: list[Instruction], name: str) -> list[str]:
    """The values of the stage's instructions with that name."""
    return [instruction.value for instruction in stage if instruction.name == name]


def value(name: str) -> str:
    """The value of the image's only instruction with that name."""
    [found] = values(IMAGE, name)
    return found


def pairs(name: str) -> dict[str, str]:
    """ENV or LABEL of the image."""
    [found] = [instruction for instruction in IMAGE if instruction.name == name]
    return dict(word.split("=", 1) for word in found.words())


def copied() -> list[str]:
    """The paths that are copied from the source tree."""
    copies = [line.words() for line in INSTRUCTIONS if line.name in ("COPY", "ADD")]
    return [path for words in copies if not words[0].startswith("--from=") for path in words[:-1]]


def health_check() -> list[str]:
    """The command of the health check."""
    command: list[str] = json.loads(value("HEALTHCHECK").partition(" CMD ")[2])
    return command
