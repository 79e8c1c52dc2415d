"""Tables kept as data beside the code: tab-separated, one row a line, `#` begins a comment line."""

from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


def read_table(name: str, columns: int) -> list[tuple[str, ...]]:
    """The rows of a table of this package.

    Args:
        name: path of the file, relative to this folder.
        columns: how many each row has.

    Raises:
        ValueError: a row has more or fewer.
    """
    rows: list[tuple[str, ...]] = []
    for line in (_HERE / name).read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            row = tuple(line.split("\t"))
            if len(row) != columns:
                raise ValueError(f"{name}: {len(row)} columns instead of {columns}: {line}")
            rows.append(row)
    return rows
