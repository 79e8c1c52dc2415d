"""YAML as plain values, and whatever else stands in a file as one sentence."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config.document import parse
from exporter.config.section import InvalidValue


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
        ("a: 1\nb: 2\na: 3", "line 3: the key 'a' stands here twice"),
        ("a:\n  b: {c: 1, 'c': 2}", "line 2: the key 'c' stands here twice"),
        ("? [1]\n: 2", "line 1: a list or mapping stands for a key"),
        ("{{}: 1}", "line 1: a list or mapping stands for a key"),
        ("a: 1\n\tb: 2", "line 2: found character '\\\\t'"),
        ("a: 'b", "line 1: found unexpected end of stream"),
        ("a: !!python/object:os.system x", "line 1: could not determine a constructor"),
        ("a: !!binary x", "line 1: could not determine a constructor"),
        ("a: !!int x", r"line 1: a tag \(!!...\) does not fit"),
        ("a: !!float [1]", r"line 1: a tag \(!!...\) does not fit"),
        ("a: !!bool maybe", r"line 1: a tag \(!!...\) does not fit"),
        ("a: *b", "line 1: found undefined alias"),
        ("--- 1\n--- 2", "another document"),
        ("a: \x01", "control character"),
        ("\x00" * 10, "control character"),
        ("[" * 2000, "nested too deeply"),
        ("a: " + "{b: " * 1000, "nested too deeply"),
    ],
)
def test_what_is_no_plain_yaml(text: str, said: str) -> None:
    with pytest.raises(InvalidValue, match=said):
        parse(text)


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
    ],
)
def test_a_message_does_not_quote_the_text(line: str) -> None:
    with pytest.raises(InvalidValue) as error:
        parse(line)
    assert "hunter2" not in str(error.value)


@given(st.text(alphabet=st.sampled_from("ab12:-?[]{}&*!|>'\"%@`#,.<=~ \n\t\\\x00\ud800é"), max_size=60))
def test_any_text_is_a_value_or_unfit(text: str) -> None:
    with suppress(InvalidValue):
        parse(text)
