"""YAML as plain values with their lines, and any other text as one sentence."""

import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.document import parse
from exporter.config.located import Items, Mapping
from exporter.config.problems import InvalidValue


def test_plain_values() -> None:
    assert parse("{a: 1, b: -2.5e+0, c: text, d: [yes, no, true], e: , f: '7'}") == {
        "a": 1,
        "b": -2.5,
        "c": "text",
        "d": [True, False, True],
        "e": None,
        "f": "7",
    }
    assert parse("") is None
    assert parse("\ufeff# nothing but a comment\n") is None


@pytest.mark.parametrize(
    "word", ["1:30", "010", "0x10", "0b1", "1_000", "2024-01-01", ".inf", ".nan", "1.2.3", "y"]
)
def test_what_yaml_would_guess_stays_text(word: str) -> None:
    assert parse(f"a: {word}") == {"a": word}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("? [1]\n: 2", "line 1: a list or mapping is used as a key"),
        ("{{}: 1}", "line 1: a list or mapping is used as a key"),
        ("a: 1\n\tb: 2", "line 2: begins with a tab; indent with blanks"),
        ("a: 'b", "line 1: opens a quote that is never closed"),
        ("a: !!python/object:os.system x", "line 1: has a tag"),
        ("a: !!binary x", "line 1: has a tag"),
        ("a: !!int x", r"line 1: a tag \(!!...\) does not fit"),
        ("a: !!float [1]", r"line 1: a tag \(!!...\) does not fit"),
        ("a: !!bool maybe", r"line 1: a tag \(!!...\) does not fit"),
        ("a: *b", "line 1: has text that begins with \\*; put it in quotes"),
        ("--- 1\n--- 2", "line 2: begins a second document; keep one, without a line ---"),
        ("a:\n\t- b", "line 2: begins with a tab; indent with blanks, not with tabs"),
        ("a: !!binary eA==", "line 1: has a tag; write the value without !"),
        ("a: @b", "line 1: has text that begins with @; put it in quotes"),
        ("a: %b", "line 1: has text that begins with %; put it in quotes"),
        ("a:\n  - b: 1\n   c: 2", "line 3: is not indented like the lines before it; begin the keys"),
        ("a:\n  - b: 1\n      c: 2", "line 3: has a colon where none is expected"),
        ('a: "b"c', "line 1: has more text behind a value in quotes"),
        ("a: 1\nb: 'c\nd: 2\ne: 3", "line 2: opens a quote that is never closed"),
        ("a: [1\nb: 2", "line 1: opens a \\[ that is not closed"),
        ("a: {b: 1\nc: 2", "line 1: opens a { that is not closed"),
        ("a: 1\nb\nc: 2", "line 2: is a key without a colon; write KEY: VALUE"),
        ("a: b: c", "line 1: has a colon where none is expected; put text with a colon in quotes"),
        ("a:\nb: \x01", "line 2: has a control character"),
        ("\x00" * 10, "line 1: has a control character"),
        ("[" * 2000, "line 1: is nested too deeply"),
        ("a: " + "{b: " * 1000, "line 1: is nested too deeply"),
    ],
)
def test_what_is_no_plain_yaml(text: str, said: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse(text)
    assert re.match(said, f"line {error.value.line}: {error.value}")


def test_it_knows_the_lines() -> None:
    document = parse("a: 1\nb:\n  c: {d: 2,\n    e: [x,\n y]}\n")
    assert isinstance(document, Mapping)
    assert document.lines == {"a": 1, "b": 2}
    inner = document["b"]
    assert isinstance(inner, Mapping)
    assert inner.lines == {"c": 3}
    flow = inner["c"]
    assert isinstance(flow, Mapping)
    assert flow.lines == {"d": 3, "e": 4}
    items = flow["e"]
    assert isinstance(items, Items)
    assert items.lines == (4, 5)


@pytest.mark.parametrize(
    ("line", "commented"),
    [
        ("a: #x", True),
        ("a:   #x y", True),
        ("a:  # x", False),
        ("a:  ## x", False),
        ("a:", False),
        ("a: null #x", False),
        ("a: '' #x", False),
        ("a: b #x", False),
    ],
)
def test_a_comment_that_may_be_meant_as_a_value(line: str, commented: bool) -> None:
    document = parse(line + "\nb: 1\n")
    assert isinstance(document, Mapping)
    assert ("a" in document.commented) is commented


def test_merge_keys_do_not_merge() -> None:
    assert parse("a: &a {b: 1}\nc: {<<: *a}") == {"a": {"b": 1}, "c": {"<<": {"b": 1}}}


@pytest.mark.parametrize(
    "line",
    [
        "password: *hunter2",
        "password: !hunter2 x",
        "password: &hunter2 [",
        "password: 'hunter2",
        "password: %hunter2",
        "password: !'hunter2",
        "password: !'hunter2'",
        "password: !'hunter2\"",
        "password: !a'b'hunter2 x",
    ],
)
def test_a_message_does_not_quote_the_text(line: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse(line)
    assert "hunter2" not in str(error.value)


@given(st.text(alphabet=st.sampled_from("ab12:-?[]{}&*!|>'\"%@`#,.<=~ \n\t\\\x00\ud800é"), max_size=60))
def test_any_text_is_a_value_or_invalid(text: str) -> None:
    with suppress(InvalidValue):
        parse(text)
