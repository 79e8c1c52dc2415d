"""Prints the lowest version that pyproject.toml allows of each dependency, as constraints for pip.

python3 scripts/lowest_versions.py > .cache/lowest.txt

`make test-lowest` installs and tests them: a lower bound that nobody tests is a guess.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent / "pyproject.toml"


def constraints(requirements: list[str]) -> Iterator[str]:
    """`name==version` for each requirement of the form `name>=version`, with or without an upper bound.

    Raises:
        ValueError: a requirement without a lower bound.
    """
    for requirement in requirements:
        found = re.fullmatch(r"([\w.-]+)>=([\w.]+)(,.*)?", requirement)
        if found is None:
            raise ValueError(f"{requirement}: has no lower bound of the form name>=version")
        yield f"{found[1]}=={found[2]}"


if __name__ == "__main__":
    print(*constraints(tomllib.loads(PROJECT.read_text())["project"]["dependencies"]), sep="\n")
