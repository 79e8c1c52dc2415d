"""Slips that YAML or other programs lead to: each is named with what to write, and shows no secret."""

from pathlib import Path

import pytest

from tests.config.files import loaded, refused_with_lines

_EMPTY = "is empty, because YAML takes # for a comment; put the value in quotes"
_VARIABLE = "has a ${...} in it, and variables are not replaced in this file; write the value itself"
_CUT = "ends where YAML takes # for a comment; put the value in quotes, or a blank behind #"
_COLON = "write each name with a colon behind"
_FIVE = "a: {}, b: {}, c: {}, d: {}, e: {}"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "nodes:\n- host: fs1\n  password: #hunter2\n",
            f"3: nodes[0].password: {_EMPTY}",
        ),
        (
            "nodes:\n- password_file: #hunter2\n",
            f"2: nodes[0].password_file: {_EMPTY}",
        ),
        (
            "nodes:\n- host: ${FS_HOST}",
            f"2: nodes[0].host: {_VARIABLE}, or set FREESWITCH_HOST in the environment",
        ),
        (
            "nodes:\n- password: ${hunter2:-hunter3}",
            f"2: nodes[0].password: {_VARIABLE}, or its file as password_file",
        ),
        (
            "guard:\n  allow:\n  - '${HUNTER2}'",
            f"3: guard.allow[0]: {_VARIABLE}",
        ),
        (
            "nodes:\n- gateways:\n  - telnyx\n  - backup\n",
            f"2: nodes[0].gateways: is a list; {_COLON}: {{telnyx: {{}}, backup: {{}}}}",
        ),
        (
            "nodes:\n- gateways: [a, b, c, d, e, f, g]",
            f"2: nodes[0].gateways: is a list; {_COLON}: {{{_FIVE}, ...}}",
        ),
        (
            "nodes:\n- gateways: telnyx\n",
            f"2: nodes[0].gateways: is text; {_COLON}: {{telnyx: {{}}}}",
        ),
        (
            "nodes:\n- gateways:\n  - telnyx\n  - backup: {register: false}\n",
            f"2: nodes[0].gateways: is a list; {_COLON}: {{telnyx: {{}}, backup: {{}}}}",
        ),
        (
            "nodes:\n  host: fs1\n",
            "1: nodes: is a mapping; write a dash before its first key, and indent the others as far",
        ),
        ("probes: [a b]", "1: probes: is a list; write a mapping of names to values"),
    ],
)
def test_a_common_slip_is_named_with_what_to_write(tmp_path: Path, text: str, said: str) -> None:
    assert refused_with_lines(tmp_path, text) == [said]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("nodes:\n- password: hunter2 #3\n", 2),
        ("nodes:\n- name: a\n  password: hunter2 3  #3", 3),
        ("nodes: [{password: hunter2 #3\n}]", 1),
    ],
)
def test_a_password_that_ends_at_a_comment_is_named(tmp_path: Path, text: str, line: int) -> None:
    (warning,) = loaded(tmp_path, text).warnings
    assert warning == f"{tmp_path / 'exporter.yml'}:{line}: nodes[0].password: {_CUT}"


@pytest.mark.parametrize(
    "text", ["hunter2  # a remark", "hunter2#3", "'hunter2' #3", "hunter2\n#3", "hunter2 #"]
)
def test_a_password_that_is_complete_is_not(tmp_path: Path, text: str) -> None:
    assert loaded(tmp_path, f"nodes:\n- password: {text}\n").warnings == ()


def test_a_remark_behind_an_empty_password_is_no_password(tmp_path: Path) -> None:
    text = "nodes:\n- password:  # FreeSWITCH's own\n  name: a\n- password: '' #x\n"
    problems = refused_with_lines(tmp_path, text)
    assert problems == [
        "4: nodes[1].password: is not one line of 1 to 1000 characters; write the password in quotes"
    ]
