"""A key is declared once: reading, printing and the schema follow from the declaration."""

from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from exporter.config import ConfigError, kinds
from exporter.config.document import parse
from exporter.config.effective import section
from exporter.config.key import Given, Key, ListOf, MapOf, Section, keys
from exporter.config.problems import Problems
from exporter.config.reader import Layer, Reader

GIVEN = Given(Path(), ("telnyx",), ("USER_BUSY",))


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    count: Annotated[int, Key(kinds.integer(0, 9), "How many.", missing="a number")]


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    every: Annotated[float, Key(kinds.duration(1, 60), "How often.", env="EVERY", flag="--every")] = 5.0
    sizes: Annotated[
        tuple[int, ...], Key(ListOf(kinds.integer(1, 3)), "Sizes.", name="the-sizes", env="SIZES")
    ] = ()
    inner: Annotated[
        dict[str, Inner],
        Key(MapOf(kinds.NAME, Section(Inner), split=lambda name: (name, {"name": name})), "Inner ones."),
    ] = {}
    not_a_key: str = "x"


def read(text: str, environment: dict[str, str] | None = None, flags: dict[str, str] | None = None) -> Outer:
    problems = Problems()
    layers = [
        Layer(source, {name: (written,) for name, written in (texts or {}).items()}, GIVEN)
        for source, texts in (("environment", environment), ("flags", flags))
    ]
    outer = Reader(problems, "f", GIVEN, *layers).read(Outer, parse(text))
    problems.raise_if_any()
    return outer


def test_the_declarations_in_their_order() -> None:
    assert [(key.field, key.name, key.required) for key in keys(Outer)] == [
        ("every", "every", False),
        ("sizes", "the-sizes", False),
        ("inner", "inner", False),
    ]
    assert [(key.field, key.required) for key in keys(Inner)] == [("count", True)]


def test_default_file_environment_and_flags() -> None:
    assert read("") == Outer()
    assert read("every: 10s").every == 10
    assert read("every: 10s", {"EVERY": "20s"}).every == 20
    assert read("every: 10s", {"EVERY": "20s"}, {"--every": "30s"}).every == 30
    assert read("the-sizes: [1, 2]").sizes == (1, 2)
    assert read("the-sizes: [1, 2]", {"SIZES": "3"}).sizes == (3,)


def test_the_print_is_the_file() -> None:
    text = "{every: 1m, the-sizes: [2], inner: {a: {count: 1}}}"
    assert section(read(text)) == {"every": "1m", "the-sizes": [2], "inner": {"a": {"count": 1}}}
    assert read(text).inner == {"a": Inner(name="a", count=1)}


def test_every_problem_has_its_line() -> None:
    text = (
        "every: 2m\nthe-sizes:\n  - 1\n  - 4\ninner:\n  a:\n    count: x\n  b: {}\nnot_a_key: y\nsizes: 1\n"
    )
    with pytest.raises(ConfigError) as error:
        read(text, {"EVERY": "1h"})
    assert list(error.value.problems) == [
        "environment: EVERY: is '1h'; write a duration from 1s to 1m",
        "f:1: every: is '2m'; write a duration from 1s to 1m",
        "f:4: the-sizes[1]: is the number 4; write a whole number from 1 to 3, without quotes",
        "f:7: inner.a.count: is 'x'; write a whole number from 0 to 9, without quotes",
        "f:8: inner.b.count: is missing; write a number",
        "f:9: not_a_key: unknown key; known here: every, inner, the-sizes",
        "f:10: sizes: unknown key; did you mean the-sizes?",
    ]
