"""The log: rendered for its reader, typed, masked, escaped, cut, limited, and never waited for."""

import json
import logging
import os
import pty
import re
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

import pytest
import structlog
from structlog.typing import EventDict

from exporter import log
from exporter.config import Secret
from exporter.config.secret import MASK

Lines = list[dict[str, Any]]


class Log:
    """A log in a file, read back line by line."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.stream: TextIO = path.open("w")
        self.writer: log.Writer | None = None

    def configure(self, level: str = "info", form: str = "json", secrets: tuple[str, ...] = ()) -> None:
        self.writer = log.configure(level, form, secrets, time.monotonic, self.stream)

    def text(self) -> str:
        assert self.writer
        self.writer.flush(10)
        return self.path.read_text()

    def lines(self) -> Lines:
        return [json.loads(line) for line in self.text().splitlines()]


@pytest.fixture
def written(tmp_path: Path) -> Iterator[Log]:
    root = logging.getLogger()
    before = (root.handlers[:], root.level)
    made = Log(tmp_path / "log")
    made.configure()
    yield made
    made.text()
    log._writer.cache_clear()  # the next test's file may get the same number
    made.stream.close()
    structlog.reset_defaults()
    root.handlers, root.level = before
    logging.getLogger("aiohttp.access").setLevel(logging.NOTSET)


def test_a_line_for_a_collector(written: Log) -> None:
    structlog.get_logger("exporter.watch.node").warning(
        "gateway lost", node="fs1", count=3, ratio=0.5, known=None, up=False
    )
    (line,) = written.lines()
    assert list(line)[:4] == ["timestamp", "level", "event", "logger"]
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "level": "warning",
        "event": "gateway lost",
        "logger": "exporter.watch.node",
        "node": "fs1",
        "count": 3,
        "ratio": 0.5,
        "known": None,
        "up": False,
    }


def test_lists_and_mappings_stay_what_they_are(written: Log) -> None:
    structlog.get_logger().info(
        "serving",
        addresses=("127.0.0.1:9282", "[::1]:9282"),
        counts={"fs1": 2, 7: [True, None, 1.5]},
        none=[],
        path=Path("/tmp"),
        infinite=[float("inf"), float("nan")],
    )
    (line,) = written.lines()
    assert line["addresses"] == ["127.0.0.1:9282", "[::1]:9282"]
    assert line["counts"] == {"fs1": 2, "7": [True, None, 1.5]}
    assert line["none"] == []
    assert line["path"] == "/tmp"
    assert line["infinite"] == ["inf", "nan"]  # JSON has no such numbers


def test_lists_and_mappings_are_bounded(written: Log) -> None:
    deep: object = "end"
    for _ in range(10):
        deep = [deep]
    structlog.get_logger().info(
        "reply", items=list(range(1000)), pairs={n: n for n in range(1000)}, deep=deep, words=["x" * 1000]
    )
    (line,) = written.lines()
    assert line["items"] == [*range(log.MAX_ITEMS), "... 950 more"]
    assert len(line["pairs"]) == log.MAX_ITEMS + 1
    assert line["pairs"]["..."] == 950
    assert line["deep"] == [[["[[[[[[['end']]]]]]]"]]]
    assert line["words"] == ["x" * log.MAX_VALUE + "..."]


def test_a_logger_without_a_name_is_the_exporter_s(written: Log) -> None:
    structlog.get_logger().info("x")
    structlog.get_logger(__name__).info("y")
    assert [line["logger"] for line in written.lines()] == [log.UNNAMED, __name__]


def test_a_line_for_a_person(written: Log) -> None:
    written.configure(form="console")
    structlog.get_logger("exporter.watch").warning("gateway lost", node="fs1")
    text = written.text()
    assert "[exporter.watch]" in text
    assert "warning" in text
    assert "gateway lost" in text
    assert "node=fs1" in text
    assert "\x1b" not in text  # a file has no colours


def test_auto_is_json_in_a_file_and_console_on_a_terminal(written: Log) -> None:
    written.configure(form="auto")
    structlog.get_logger().info("in a file")
    assert written.lines()[0]["event"] == "in a file"
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        writer = log.configure("info", "auto", (), time.monotonic, terminal)
        structlog.get_logger().info("on a terminal")
        writer.flush(10)
        text = os.read(master, 1000).decode()
    os.close(master)
    assert "on a terminal" in text
    assert "{" not in text


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1)])
def test_levels(written: Log, level: str, count: int) -> None:
    written.configure(level=level)
    logger = structlog.get_logger()
    for method in (logger.debug, logger.info, logger.warning, logger.error):
        method("x")
    assert len(written.lines()) == count


def test_secrets_are_masked_wherever_they_turn_up(written: Log) -> None:
    written.configure(secrets=("hunter2", "hunter2-and-more", "abc", ""))
    logger = structlog.get_logger()
    logger.info("auth hunter2", reply="-ERR hunter2\n", longer="hunter2-and-more")
    logger.info("short", complete="abc", within="abcd")
    logger.info("object", token=Secret("not given to the log"), tokens=[Secret("nor this one")])
    logger.info("inside", headers=["a", "Bearer hunter2"], by={"hunter2": {"reply": "hunter2\n", "n": "abc"}})
    try:
        raise ValueError("auth hunter2")
    except ValueError:
        logger.exception("failed")
    text = written.text()
    assert "hunter2" not in text
    assert "and-more" not in text
    first, short, token, inside, failed = written.lines()
    assert first["event"] == "auth <secret>"
    assert first["reply"] == "-ERR <secret>\\n"
    assert first["longer"] == "<secret>"
    assert (short["complete"], short["within"]) == ("<secret>", "abcd")
    assert (token["token"], token["tokens"]) == (MASK, [MASK])
    assert inside["headers"] == ["a", "Bearer <secret>"]
    assert inside["by"] == {"<secret>": {"reply": "<secret>\\n", "n": "<secret>"}}
    assert log.MASK == MASK
    assert "ValueError: auth <secret>" in failed["exception"]


@pytest.mark.parametrize("form", ["json", "console"])
def test_control_characters_are_escaped(written: Log, form: str) -> None:
    written.configure(form=form)
    structlog.get_logger().info("caller", name="a\r\nb\x1b[31m\x00\x9b\u202e\u2028\ud800", fine="é 漢")
    text = written.text()
    assert text.count("\n") == 1
    assert all(char.isprintable() or char == "\n" for char in text)
    assert "x1b[31m" in text
    if form == "json":
        assert written.lines()[0]["name"] == r"a\r\nb\x1b[31m\x00\x9b\u202e\u2028\ud800"
        assert written.lines()[0]["fine"] == "é 漢"
    written.configure(form=form)
    structlog.get_logger().info("names", names=["a\nb\u202e"], by={"k\n": "\x1b"})
    text = written.text()
    assert text.count("\n") == 2
    assert all(char.isprintable() or char == "\n" for char in text)


def test_long_values_are_cut(written: Log) -> None:
    structlog.get_logger().info("reply", text="x" * 1_000_000, exact="y" * log.MAX_VALUE)
    (line,) = written.lines()
    assert line["text"] == "x" * log.MAX_VALUE + "..."
    assert line["exact"] == "y" * log.MAX_VALUE


def test_a_traceback_keeps_its_end(written: Log) -> None:
    try:
        raise ValueError("x" * 20_000 + "the end")
    except ValueError:
        structlog.get_logger().exception("failed")
    trace = written.lines()[0]["exception"]
    assert trace.endswith("the end")
    assert len(trace) == log.MAX_TRACEBACK


def test_console_tracebacks_show_no_local_variables(written: Log) -> None:
    written.configure(form="console")
    local = "a local value"
    try:
        raise ValueError("x")
    except ValueError:
        structlog.get_logger().exception("failed", length=len(local))
    assert "ValueError: x" in written.text()
    assert "a local value" not in written.text().replace('local = "a local value"', "")


def test_repeats_are_limited(written: Log) -> None:
    logger = structlog.get_logger()
    for number in range(100):
        logger.warning("malformed", limit=("malformed", "fs1"), number=number)
    logger.warning("malformed", limit=("malformed", "fs2"))
    logger.warning("something else")
    lines = written.lines()
    assert [line.get("number") for line in lines] == [0, 1, 2, 3, 4, None, None]
    assert all("limit" not in line for line in lines)


def test_a_caller_may_limit_its_lines_itself(written: Log) -> None:
    logger = structlog.get_logger()
    for _ in range(2 * log.BURST):
        logger.warning("changed", limit=log.UNLIMITED)
    lines = written.lines()
    assert len(lines) == 2 * log.BURST
    assert all("limit" not in line for line in lines)


def test_repeats_are_limited_by_default(written: Log) -> None:
    watch, probe = structlog.get_logger("watch"), structlog.get_logger("probe")
    for number in range(20):
        watch.warning("down", node="fs1", reason=str(number))
    watch.warning("down", node="fs2")
    watch.warning("down", node="fs1", gateway="telnyx")
    watch.warning("up", node="fs1")
    watch.error("down", node="fs1")
    probe.warning("down", node="fs1")
    lines = written.lines()
    assert [line["reason"] for line in lines[: log.BURST]] == ["0", "1", "2", "3", "4"]
    assert [(line["logger"], line["level"], line["event"]) for line in lines[log.BURST :]] == [
        ("watch", "warning", "down"),
        ("watch", "warning", "down"),
        ("watch", "warning", "up"),
        ("watch", "error", "down"),
        ("probe", "warning", "down"),
    ]


def _passes(limit: log.RateLimit, name: str) -> EventDict | None:
    try:
        return dict(limit(None, "info", {"event": "x", "limit": name}))
    except structlog.DropEvent:
        return None


def test_what_was_suppressed_is_counted_in_the_next_line() -> None:
    now = 0.0
    limit = log.RateLimit(lambda: now)
    outcomes = [_passes(limit, "a") for _ in range(12)]
    assert outcomes == [{"event": "x"}] * log.BURST + [None] * 7
    now = log.INTERVAL - 0.1
    assert _passes(limit, "a") is None
    now = log.INTERVAL
    assert _passes(limit, "a") == {"event": "x", "suppressed": 8}
    assert _passes(limit, "a") == {"event": "x"}
    now = 3 * log.INTERVAL
    assert _passes(limit, "a") == {"event": "x"}


def test_the_limit_remembers_a_bounded_number_of_names() -> None:
    limit = log.RateLimit(lambda: 0.0)
    for number in range(5000):
        _passes(limit, f"name {number}")
    assert len(limit._windows) == log._MAX_LIMITS


def test_the_libraries_log_the_same_way(written: Log) -> None:
    written.configure(secrets=("hunter2",))
    logger = logging.getLogger("asyncio")
    logger.error("%s went wrong: %s", "a task", "hunter2\n")
    try:
        raise ValueError("x")
    except ValueError:
        logger.critical("worse", exc_info=True)
    logger.info("unusual level")
    logger.log(35, "unusual level")
    logger.debug("not this")
    logging.getLogger("aiohttp.access").warning("GET /metrics")
    first, second, third, fourth = written.lines()
    assert first["event"] == "a task went wrong: <secret>\\n"
    assert (first["logger"], first["level"]) == ("asyncio", "error")
    assert "ValueError: x" in second["exception"]
    assert [second["level"], third["level"], fourth["level"]] == ["error", "info", "warning"]


def test_a_librarys_flood_is_limited(written: Log) -> None:
    for number in range(100):
        logging.getLogger("flood").warning("again %d", number)
    assert len(written.lines()) == log.BURST


def test_it_may_be_configured_again(written: Log) -> None:
    logger = structlog.get_logger()
    logger.info("first")
    threads = threading.active_count()
    written.configure(level="error")
    logger.info("second")
    logger.error("third")
    assert [line["event"] for line in written.lines()] == ["first", "third"]
    assert threading.active_count() == threads


def test_what_repeats_is_still_counted_when_it_is_configured_again(written: Log) -> None:
    """A client that reloads all the time must not fill the log."""
    for _ in range(4 * log.BURST):
        structlog.get_logger().info("reloaded")
        written.configure()
    assert len(written.lines()) == log.BURST


def test_it_imports_nothing_of_the_exporter() -> None:
    source = Path(log.__file__).read_text()
    assert not re.search(r"^\s*(from|import) exporter", source, re.MULTILINE)


def test_a_pipe_without_a_reader_holds_up_no_caller() -> None:
    reader, pipe = os.pipe()
    writer = log.Writer(pipe)
    started = time.monotonic()
    for _ in range(5000):
        writer.msg("x" * 1000)
    assert time.monotonic() - started < 5
    assert writer.note_dropped(None, "info", {"event": "full"}) == {"event": "full"}
    written = threading.Event()

    def drain() -> None:
        while b"end" not in os.read(reader, 65536):
            pass
        written.set()

    threading.Thread(target=drain, daemon=True).start()
    writer.flush(10)
    event = writer.note_dropped(None, "info", {"event": "end"})
    assert 1000 < event["lines_dropped"] < 5000
    writer.msg("end")
    assert written.wait(10)
    os.close(reader)
    writer.msg("without a reader")  # a broken pipe
    writer.flush(10)
    writer.msg("and again")
    writer.flush(10)
    os.close(pipe)


def test_what_was_logged_last_is_written_before_the_end(tmp_path: Path) -> None:
    import subprocess

    script = (
        "import structlog, time\nfrom exporter import log\n"
        "log.configure('info', 'json', (), time.monotonic)\n"
        "for n in range(500): structlog.get_logger().error('line', n=n, limit=('line', n))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert [json.loads(line)["n"] for line in done.stderr.splitlines()] == list(range(500))
