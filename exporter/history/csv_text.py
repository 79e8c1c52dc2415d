"""CSV that spreadsheets show as it is: the form of RFC 4180, and no cell that they would calculate.

Texts of the history come from strangers, and a spreadsheet takes a cell that begins with one of `=+-@` for a
formula, which can read files and send them away. Such a cell gets an apostrophe in front, telephone numbers
(`+1555...`) included: the spreadsheet then shows it as text. Spreadsheets of many countries part cells at
semicolons, and some take a quote for the beginning of a cell, so what follows these is treated likewise.
Control characters, line ends included, become blanks.
"""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from typing import Final

from exporter.esl.errors import one_line

_FORMULA: Final = re.compile(r"(^|;)([\s\"]*)(?=[=+\-@＝＋－＠])")  # noqa: RUF001 - the wide ones count as well


def csv_text(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table with a line of headings; lines end with CR LF. None is an empty cell."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return text.getvalue()


def cell(value: object) -> str:
    """What stands in the cell of a value."""
    return "" if value is None else _FORMULA.sub(r"\1\2'", one_line(str(value)))
