"""CSV: any text comes out of any reader of RFC 4180 in its own cell, and none is a formula."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.history.csv_text import cell, csv_text
from tests.switch.replies import anything

values = st.one_of(
    anything, st.text("=+-@;,'\"\t\r\n＝ a1", max_size=12), st.integers(), st.none(), st.floats()
)


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, ""),
        (403, "403"),
        (0.25, "0.25"),
        ("Busy Here", "Busy Here"),
        ("+15550000001", "'+15550000001"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        ("-1", "'-1"),
        (-1, "'-1"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1+1", "'=1+1"),
        ("\r=1+1", "'=1+1"),
        ("＝1+1", "'＝1+1"),
        ("a=b", "a=b"),
        ("Q.850;cause=21", "Q.850;cause=21"),
        ("x;=1+1;  @A", "x;'=1+1;  '@A"),
        ('x;"=1+1', "x;\"'=1+1"),
        ('" "=1+1', '" "\'=1+1'),
        ("two\nlines\x00\x1b[31m\u202e", "two lines  [31m"),
        ("\ud800", ""),
    ],
)
def test_a_cell(value: object, expected: str) -> None:
    assert cell(value) == expected


def test_the_form_is_that_of_rfc_4180() -> None:
    text = csv_text(("at", "sipPhrase"), [("now", 'a "b", c'), (None, "d")])
    assert text == 'at,sipPhrase\r\nnow,"a ""b"", c"\r\n,d\r\n'


@given(st.lists(st.lists(values, min_size=3, max_size=3), max_size=5))
def test_a_reader_gets_the_cells_back(rows: list[list[object]]) -> None:
    text = csv_text(("a", "b", "c"), rows)
    text.encode()
    assert read(text) == [["a", "b", "c"], *([cell(value) for value in row] for row in rows)]


@given(st.lists(values, min_size=1, max_size=3))
def test_no_cell_is_a_formula_or_more_than_one_line(row: list[object]) -> None:
    text = csv_text(("a", "b", "c")[: len(row)], [row])
    assert text.count("\r\n") == text.count("\n") == text.count("\r") == 2
    for one in read(text)[1] if len(read(text)) > 1 else []:
        assert one.isprintable()
        for part in one.split(";"):
            assert not re.match(r"\s*[=+\-@＝＋－＠]", part)
