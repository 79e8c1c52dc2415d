"""Any file gives a `Config` or a `ConfigError` that shows no secret."""

import copy
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import ConfigError, effective
from tests.support.configs import load_config
from tests.support.tools import ROOT

EXAMPLE = (ROOT / "examples" / "config.yml").read_text()
DOCUMENT = yaml.safe_load(EXAMPLE)
MARK = "the value exchanged"
WEB_EXAMPLE = (ROOT / "examples" / "web.yml").read_text()

scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=20),
    st.sampled_from(["10s", "+15550000001", "+1555*", ":9282", "auto", "echo", "\x00", "\ud800", "x" * 2000]),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=8), scalars), inner, max_size=3),
    ),
    max_leaves=8,
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("fuzz")
    (folder / "secrets").mkdir()
    (folder / "secrets" / "token").write_text("token\n")
    (folder / "secrets" / "fs1").write_text("password\n")
    (folder / "web.yml").write_text("")
    return folder


def _outcome(path: Path | None, environ: dict[str, str]) -> None:
    """Load, and check either outcome."""
    try:
        config = load_config(path, environ)
    except ConfigError as refusal:
        problems = refusal.problems
    else:
        assert effective(config)
        return
    assert problems
    assert all(0 < len(problem) < 2000 for problem in problems)


def _load(folder: Path, content: bytes) -> None:
    path = folder / "config.yml"
    path.write_bytes(content)
    _outcome(path, {})


def _dumped(value: object) -> bytes:
    """`value` as YAML on one line."""
    written = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, width=10**6)
    return written.removesuffix("...\n").strip().encode("utf-8", "surrogatepass")


@given(st.binary(max_size=200))
def test_any_bytes(folder: Path, content: bytes) -> None:
    _load(folder, content)


@given(st.data())
def test_an_example_with_one_value_exchanged(folder: Path, data: st.DataObject) -> None:
    document: Any = copy.deepcopy(DOCUMENT)
    place = document
    while True:
        key = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.integers(0, 3)) == 0:
            place[key] = MARK
            break
        place = place[key]
    with suppress(yaml.YAMLError):  # not everything can be dumped
        _load(
            folder,
            json.dumps(document).encode().replace(json.dumps(MARK).encode(), _dumped(data.draw(anything))),
        )


@given(st.data())
def test_an_example_with_some_text_put_in_or_taken_out(folder: Path, data: st.DataObject) -> None:
    example = data.draw(st.sampled_from([EXAMPLE, WEB_EXAMPLE]))
    start = data.draw(st.integers(0, len(example)))
    end = min(len(example), start + data.draw(st.integers(0, 40)))
    put = data.draw(
        st.text(alphabet=st.sampled_from("abc019:-?[]{}&*!|>'\"%@`#,.<=~+ \n\t\\\x00é"), max_size=10)
    )
    content = (example[:start] + put + example[end:]).encode()
    if example is EXAMPLE:
        _load(folder, content)
    else:
        (folder / "fuzzed.yml").write_bytes(content)
        _load(folder, b"web_config_file: fuzzed.yml")


variables = [
    *(f"FREESWITCH_{name}" for name in ("HOST", "PORT", "USER", "PASSWORD", "PASSWORD_FILE", "GATEWAYS")),
    *(
        f"EXPORTER_{name}"
        for name in ("CONFIG", "LISTEN", "TOKEN", "TOKEN_FILE", "LOG_LEVEL", "LOG_FORMAT", "STATE_DIR")
    ),
]


@given(st.dictionaries(st.sampled_from(variables), st.text(max_size=30)))
def test_any_environment(environ: dict[str, str]) -> None:
    _outcome(None, environ)


SECRET = "Tr0ub4dor"


@given(st.text(alphabet=st.sampled_from("a1:-?[]{}&*!|>'\"%@`#,. \t\\"), max_size=6), st.data())
def test_a_password_in_broken_yaml_is_not_shown(folder: Path, noise: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(noise)))
    content = f"nodes:\n  - host: fs1\n    password: {noise[:at]}{SECRET}{noise[at:]}\n    port: x\n"
    (folder / "broken.yml").write_text(content)
    with pytest.raises(ConfigError) as error:
        load_config(folder / "broken.yml", {})
    assert SECRET not in str(error.value)
