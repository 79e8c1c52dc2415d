"""One value at a time: what each reader takes, what it makes of it, and that a refusal says what to write."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.config import Listen, Secret, files, values
from exporter.config.problems import InvalidValue

seconds = values.duration(0.001, 86400)


@pytest.mark.parametrize(
    ("value", "result"),
    [
        ("60ms", 0.06),
        ("10s", 10),
        ("5m", 300),
        ("1h", 3600),
        ("1d", 86400),
        ("1.5s", 1.5),
        (10, 10),
        (0.5, 0.5),
    ],
)
def test_a_duration_in_seconds(value: object, result: float) -> None:
    assert seconds(value) == pytest.approx(result)


@pytest.mark.parametrize(
    "value",
    ["10", "ten", "10 s", "-5s", "5M", "1h30m", "1e3s", "١٠s", "", True, [10], {}, float("nan")],
)
def test_no_duration(value: object) -> None:
    with pytest.raises(InvalidValue, match="write one such as 10s, 5m or 60ms"):
        seconds(value)


@pytest.mark.parametrize("value", [0, -1, "2d", "0s", 10**400, -(10**400), float("inf"), float("-inf")])
def test_a_duration_out_of_bounds(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"write a duration from 1ms to 1d|no duration"):
        seconds(value)


@given(st.integers(1, 86_400_000))
def test_a_span_reads_as_the_duration_it_was_written_from(milliseconds: int) -> None:
    assert seconds(values.span(milliseconds / 1000)) == pytest.approx(milliseconds / 1000)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.06, "60ms"), (10, "10s"), (300, "5m"), (90, "90s"), (86400, "1d"), (0, "0s"), (1.5, "1500ms")],
)
def test_a_span_has_the_unit_people_would_use(seconds: float, text: str) -> None:
    assert values.span(seconds) == text


@pytest.mark.parametrize(
    ("value", "host", "port"),
    [
        ("127.0.0.1:9282", "127.0.0.1", 9282),
        (":9282", "", 9282),
        ("[::1]:9282", "::1", 9282),
        ("[::]:0", "::", 0),
        ("localhost:65535", "localhost", 65535),
    ],
)
def test_a_listen_address(value: str, host: str, port: int) -> None:
    listen = values.listen(value)
    assert listen == Listen(host=host, port=port)
    assert str(listen) == value


@pytest.mark.parametrize(
    "value",
    [
        "9282",
        9282,
        "127.0.0.1",
        "::1:9282",
        "*:9282",
        "127.0.0.1:65536",
        "[localhost]:1",
        "a b:1",
        "[]:1",
        "1.2.3:1",
    ],
)
def test_no_listen_address(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"write|quotes"):
        values.listen(value)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.1.2.3", True),
        ("::1", True),
        ("localhost", True),
        ("a.localhost", True),
        ("", False),
        ("0.0.0.0", False),
        ("::", False),
        ("10.0.0.1", False),
        ("fs.example.org", False),
        ("localhost.example.org", False),
    ],
)
def test_what_only_this_machine_reaches(host: str, loopback: bool) -> None:
    assert Listen(host=host).loopback is loopback


@pytest.mark.parametrize(
    "value", ["127.0.0.1", "::1", "fe80::1%eth0", "fs-1.example.org", "fs_1", "localhost"]
)
def test_a_host(value: str) -> None:
    assert values.host(value) == value


def test_a_host_loses_the_brackets_of_its_address() -> None:
    assert values.host("[::1]") == "::1"


@pytest.mark.parametrize(
    "value", ["fs1:8021", "http://fs1", "a b", "1.2.3", "", "-a", "a..b", "a/b", "x" * 254, "ä"]
)
def test_no_host(value: object) -> None:
    with pytest.raises(InvalidValue, match="write"):
        values.host(value)


def test_the_remedy_for_a_number_without_quotes_is_the_quotes() -> None:
    with pytest.raises(InvalidValue, match=r'is the number 15550000001; put it in quotes: "\+15550000001"'):
        values.telephone_number(15550000001)
    with pytest.raises(
        InvalidValue, match=r'put it in quotes: "\+15550000001", or its first digits and a star'
    ):
        values.allow_pattern(15550000001)


@pytest.mark.parametrize("value", [True, 1, 0, -15550000001, 10**400, "+1 555", "15550000001", None, [], ""])
def test_no_telephone_number(value: object) -> None:
    with pytest.raises(InvalidValue, match='in quotes, as "'):
        values.telephone_number(value)


@pytest.mark.parametrize("value", [0, 65536, -1, True, "8021", 8021.0, 10**400, None])
def test_no_port(value: object) -> None:
    with pytest.raises(InvalidValue, match="write a whole number from 1 to 65535"):
        values.port(value)


@pytest.mark.parametrize("value", ["8021", 8021])
def test_a_port_in_text(value: object) -> None:
    assert values.in_text(values.port)(value) == 8021


@pytest.mark.parametrize("value", ["80 21", "0x50", "", "٨٠", "70000", "-1", "9" * 5000])
def test_no_port_in_text(value: object) -> None:
    with pytest.raises(InvalidValue, match="write a whole number from 1 to 65535"):
        values.in_text(values.port)(value)


@pytest.mark.parametrize("value", [4.6, -0.1, True, "0.05", "5%", float("nan"), float("inf"), 10**400])
def test_no_ratio(value: object) -> None:
    with pytest.raises(InvalidValue, match="write a number from 0 to 1"):
        values.number(0, 1)(value)


def test_a_near_word_is_offered() -> None:
    with pytest.raises(InvalidValue, match="did you mean warning"):
        values.choice("debug", "warning")("warn")
    with pytest.raises(InvalidValue, match="write echo or tone"):
        values.choice("echo", "tone")(["x"])


@pytest.mark.parametrize("value", ["http://a.example", "https://a.example:8443/base?x=1"])
def test_a_web_address(value: str) -> None:
    assert values.url(value) == value


@pytest.mark.parametrize(
    "value", ["a.example", "ftp://a", "http://", "http://a:b", "http://[::1", "http://a:0", 5]
)
def test_no_web_address(value: object) -> None:
    with pytest.raises(InvalidValue, match="write"):
        values.url(value)


def test_a_web_address_with_a_password_is_refused_without_showing_it() -> None:
    with pytest.raises(InvalidValue) as error:
        values.url("https://me:hunter2@a.example/")
    assert "hunter2" not in str(error.value)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (values.password, 12345),
        (values.password, ["hunter2"]),
        (values.password, "hunter2\r\nexit"),
        (values.password, ""),
        (values.password, "x" * 1001),
        (values.token, "hunter2 hunter2"),
        (values.token, "hunter2é"),
        (values.token, 12345),
    ],
)
def test_a_secret_that_is_refused_is_not_shown(read: Callable[[object], Secret], value: object) -> None:
    with pytest.raises(InvalidValue) as error:
        read(value)
    assert "hunter2" not in str(error.value)
    assert "12345" not in str(error.value)


def test_a_mask_is_no_password() -> None:
    with pytest.raises(InvalidValue, match="check-config prints"):
        values.password("<secret>")


@pytest.mark.parametrize("content", ["hunter2", "hunter2\n", "hunter2\r\n", "\ufeffhunter2\n"])
def test_a_secret_file(tmp_path: Path, content: str) -> None:
    (tmp_path / "s").write_text(content)
    assert values.secret_file(tmp_path, values.password)("s") == Secret("hunter2")


def test_blanks_in_a_secret_file_belong_to_the_secret(tmp_path: Path) -> None:
    (tmp_path / "s").write_text(" hunter2 \n")
    assert values.secret_file(tmp_path, values.password)("s") == Secret(" hunter2 ")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not one line"),
        (b"hunter2\nhunter3\n", "not one line"),
        (b"hunter2\xff", "not text in UTF-8"),
        (b"x" * 300_000, "larger than 256 KiB"),
    ],
)
def test_a_bad_secret_file_is_named_and_not_shown(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "s").write_bytes(content)
    with pytest.raises(InvalidValue, match=said) as error:
        values.secret_file(tmp_path, values.password)("s")
    assert str(tmp_path / "s") in str(error.value)
    assert "hunter2" not in str(error.value)


def test_an_unreadable_secret_file(tmp_path: Path) -> None:
    with pytest.raises(InvalidValue, match="No such file or directory; name a file that this user can read"):
        values.secret_file(tmp_path, values.password)("./missing")
    with pytest.raises(InvalidValue, match="Is a directory"):
        values.secret_file(tmp_path, values.password)(".")


def test_a_pipe_is_read_but_never_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_PIPE_SECONDS", 0.01)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(InvalidValue, match="is a pipe with nothing in it"):
        files.read_text(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(pipe, os.O_WRONLY)
    with pytest.raises(InvalidValue, match="has sent nothing"):
        files.read_text(pipe)
    os.write(writer, b"nodes: []\n")
    os.close(writer)
    assert files.read_text(pipe) == "nodes: []\n"
    os.close(reader)


def test_a_folder_may_come_to_be_but_is_no_file(tmp_path: Path) -> None:
    assert values.folder_below(tmp_path)("state") == tmp_path / "state"
    (tmp_path / "file").touch()
    with pytest.raises(InvalidValue, match="which is a file; write the path of a folder"):
        values.folder_below(tmp_path)("file")
    with pytest.raises(InvalidValue, match="Not a directory; write the path of a folder"):
        values.folder_below(tmp_path)("file/state")
    with pytest.raises(InvalidValue, match="write the path of a folder"):
        values.folder_below(tmp_path)("x" * 300)


@pytest.mark.parametrize("value", ["a:b@fs1", "a b@fs1", "", 7])
def test_no_user(value: object) -> None:
    with pytest.raises(InvalidValue, match=r"write|quotes"):
        values.user(value)


@pytest.mark.parametrize("value", ["PCMA", "outbound", "1.2_3+4-5", "x" * 128])
def test_a_variable(value: str) -> None:
    assert values.variable(value) == value


@pytest.mark.parametrize(
    "value", ["a b", "a,b", "${x}", "a'b", "a\\nb", "a}b", "a|b", "a\n", "é", "", "x" * 129, 1, True, None]
)
def test_no_variable(value: object) -> None:
    with pytest.raises(InvalidValue, match="write up to 128 letters"):
        values.variable(value)


@pytest.mark.parametrize(
    "value", ["x", " x", "x ", "a\nb", "a\x1b[31m", "\u202egnp", "\ud800", "x" * 1001, ""]
)
def test_text_is_printable_and_bounded(value: str) -> None:
    if value == "x":
        assert values.text(value) == value
        return
    with pytest.raises(InvalidValue) as error:
        values.text(value)
    assert str(error.value).isprintable()
    assert len(str(error.value)) < 250


def test_a_list_in_text() -> None:
    assert values.separated(values.name)("a, b,,c,") == ("a", "b", "c")
