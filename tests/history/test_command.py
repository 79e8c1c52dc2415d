"""`history` and `calls`: what is asked of the daemon and with which credentials, what is printed, exit codes.

The daemon that is asked serves real HTTP. Some commands run in a process of their own, on a real terminal.
"""

import asyncio
import csv
import fcntl
import io
import json
import os
import pty
import socket
import struct
import sys
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from exporter import cli
from exporter.config import Config
from exporter.history import command
from exporter.history.bar import ASCII, UNICODE
from exporter.history.entries import Entry, PutSpan, Subject
from exporter.history.model import Phase, Span
from exporter.history.times import iso
from tests.history.pasts import BEGAN, FULL_CALL, HOUR, call, change, hour, outage
from tests.support.zone import in_zone
from tests.web.fakes import LOOPBACK
from tests.web.pasts import NOW, Asking, past
from tests.web.test_auth import BEYOND, TOKEN, WITH_USERS

SINCE: Final = ("--since", "2026-11-26T00:00Z")
ALL: Final[tuple[Entry, ...]] = (
    PutSpan("fs1", Span(BEGAN - 3 * HOUR, BEGAN + 12 * HOUR)),
    *(hour(n * HOUR) for n in range(-3, 12)),
    outage(0, 60, calls_failed=2),
    change(-30),
    FULL_CALL,
    call(HOUR, result="silent", gateway="carrier"),
)


@pytest.fixture(autouse=True)
def _utc() -> Iterator[None]:
    with in_zone("UTC0"):
        yield


class Printed:
    """What a command has printed, and its exit code."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command beside this event loop, in which the daemon runs, with a config of these keys."""

    async def run(asking: Asking, *words: str, listen: str = "", **keys: Any) -> Printed:
        path = tmp_path / "exporter.yml"
        path.write_text(yaml.safe_dump({"listen": [listen or f"127.0.0.1:{asking.served.port}"], **keys}))
        code = await asyncio.to_thread(cli.main, [words[0], "--config", str(path), *words[1:]])
        printed = capsys.readouterr()
        return Printed(code, printed.out, printed.err)

    return run


async def test_history_for_people(run: Any) -> None:
    async with past(*ALL) as asking:
        printed = await run(asking, "history", *SINCE)
    assert (printed.code, printed.err) == (0, "")
    lines = printed.out.splitlines()
    assert lines[0].endswith(" UTC; watched since 2026-11-26 00:00")
    [telnyx] = [line for line in lines if line.startswith("telnyx ")]
    assert "100.000 %        1      1 min  " in telnyx
    assert "2026-11-26 03:00:00  telnyx  unreachable (503 Service Unavailable) for 1 min" in lines
    assert "    2 calls failed" in lines
    assert "2026-11-26 02:59:30  fs1  xml_reloaded" in lines


async def test_calls_for_people(run: Any) -> None:
    async with past(*ALL) as asking:
        every = await run(asking, "calls", *SINCE)
        silent = await run(asking, "calls", *SINCE, "--silent")
        telnyx = await run(asking, "calls", *SINCE, "--gateway", "telnyx")
        none = await run(asking, "calls", *SINCE, "--bad")
    assert (every.out.count("Call-ID"), silent.out.count("Call-ID"), telnyx.out.count("Call-ID")) == (2, 1, 1)
    assert "carrier" in silent.out
    assert "No such call was kept in that time." in none.out
    assert {printed.code for printed in (every, silent, telnyx, none)} == {0}


@pytest.mark.parametrize("words", [("history",), ("calls",), ("calls", "--ticket")])
async def test_of_a_gateway_that_nobody_knows_it_is_not_said_that_all_is_well(
    run: Any, words: tuple[str, ...]
) -> None:
    async with past(*ALL) as asking:
        printed = await run(asking, *words, *SINCE, "--gateway", "telnix")
    assert (printed.code, printed.out) == (2, "")
    assert "nothing is known of a gateway 'telnix' in that time; known: " in printed.err
    assert "telnyx" in printed.err


async def test_json(run: Any) -> None:
    async with past(*ALL) as asking:
        history = json.loads((await run(asking, "history", *SINCE, "--json")).out)
        calls = json.loads((await run(asking, "calls", *SINCE, "--json", "--failed")).out)
        answer = await asking.get("/api/history", since=SINCE[1])
    assert history["outages"] == answer["outages"]
    assert history["changes"] == answer["changes"]
    assert history["availability"][0]["availability"] == 1.0
    assert [one["sipCallId"] for one in calls["calls"]] == ["abc@192.0.2.1"]


async def test_csv(run: Any) -> None:
    async with past(*ALL) as asking:
        for words, path, query in (
            (("history", *SINCE, "--csv"), "/api/history", {}),
            (("calls", *SINCE, "--csv", "--node", "fs1"), "/api/calls", {"node": "fs1"}),
        ):
            printed = await run(asking, *words)
            text = (await asking.ask(path, since=SINCE[1], format="csv", **query))[2]
            assert list(csv.reader(io.StringIO(printed.out))) == list(csv.reader(io.StringIO(text)))


async def test_a_ticket_is_the_daemons(run: Any) -> None:
    async with past(*ALL, call(2, user_agent="\x1b[31mred\nCall 9: forged")) as asking:
        printed = await run(asking, "calls", *SINCE, "--failed", "--ticket")
        text = (await asking.ask("/api/calls", since=SINCE[1], result="failed", format="ticket"))[2]
    assert printed.code == 0
    assert printed.out.splitlines() == text.splitlines()
    assert "\x1b" not in printed.out


async def test_until_and_node(run: Any) -> None:
    async with past(*ALL, outage(HOUR), outage(2 * HOUR, node="fs2")) as asking:
        until = await run(asking, "history", *SINCE, "--until", "2026-11-26 03:30", "--json")
        node = await run(asking, "history", *SINCE, "--node", "fs2", "--json")
    assert [one["began"][11:13] for one in json.loads(until.out)["outages"]] == ["03"]
    assert [one["began"][11:13] for one in json.loads(node.out)["outages"]] == ["05"]


async def test_a_time_without_a_zone_is_of_this_machine(run: Any) -> None:
    async with past(*ALL) as asking:
        with in_zone("CET-1"):
            printed = await run(asking, "history", "--since", "2026-11-26 04:00", "--json")
    assert json.loads(printed.out)["since"] == "2026-11-26T03:00:00+00:00"


async def test_a_duration_is_before_the_daemons_now(run: Any) -> None:
    """Its clock may differ from this machine's: here it stands on another day."""
    async with past(*ALL) as asking:
        printed = await run(asking, "calls", "--since", "90m", "--json")
        assert json.loads(printed.out)["since"] == iso(NOW - 5400)


async def test_every_page_is_asked_for(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "PAGE", 2)
    outages = [outage(n * 1000, 5) for n in range(7)]
    async with past(*outages, *map(change, range(5)), *map(call, range(7))) as asking:
        history = json.loads((await run(asking, "history", *SINCE, "--json")).out)
        calls = json.loads((await run(asking, "calls", *SINCE, "--json")).out)
        monkeypatch.setattr(command, "MAX_PAGES", 2)
        cut = await run(asking, "calls", *SINCE, "--json")
    assert len({one["id"] for one in history["outages"]}) == 7
    assert (len(history["changes"]), len({one["callUuid"] for one in calls["calls"]})) == (5, 7)
    assert history["next"] is None
    assert len(json.loads(cut.out)["calls"]) == 4
    assert "there is more than this; name a --gateway or a later --since" in cut.err
    assert cut.code == 0


# -- who is asked, and with what -----------------------------------------------------------------------


async def test_the_token_of_the_config_opens_what_is_private(run: Any, tmp_path: Path) -> None:
    (tmp_path / "token").write_text("t0ken")
    async with past(*ALL) as asking:
        for config in (
            Config(listen=BEYOND, token=TOKEN),
            Config(listen=BEYOND, token=TOKEN, web=WITH_USERS),
            Config(listen=(LOOPBACK,), token=TOKEN, web=WITH_USERS),
        ):
            asking.context.config = config
            for words in (("history",), ("calls",), ("calls", "--ticket")):
                assert (await run(asking, *words, *SINCE, token_file="token")).code == 0
            refused = await run(asking, "calls", *SINCE)
            assert refused.code == 2
            assert "answers unauthorized" in refused.err
            assert "token_file" in refused.err


async def test_user_and_password_of_the_url_open_a_daemon_without_a_token(run: Any) -> None:
    async with past(*ALL) as asking:
        asking.context.config = Config(listen=BEYOND, web=WITH_USERS)
        host = f"127.0.0.1:{asking.served.port}"
        right = await run(asking, "calls", *SINCE, "--url", f"http://anna:s3cr%C3%A4t%3Ax@{host}")
        wrong = await run(asking, "calls", *SINCE, "--url", f"http://anna:wr0ng@{host}")
        none = await run(asking, "calls", *SINCE, "--url", f"http://{host}")
        down = await run(asking, "calls", *SINCE, "--url", "http://anna:wr0ng@127.0.0.1:1")
    assert (right.code, wrong.code, none.code, down.code) == (0, 2, 2, 2)
    assert "http://USER:PASSWORD@HOST:PORT" in none.err
    assert "wr0ng" not in wrong.err + down.err
    assert f"http://{host} answers unauthorized" in wrong.err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["history", "--since", "yesterday"], "--since is 'yesterday'; write 7d, 90m or 1h (before now)"),
        (["history", "--until", "7"], "--until is '7', which lacks a unit"),
        (
            ["calls", *SINCE, "--node", "fs9"],
            "answers unknown_node: There is no node 'fs9'. Known nodes: fs1, fs2.",
        ),
        (["history", "--since", "1h", "--until", "2h"], "since is after until. Give the earlier time"),
        (["history", "--url", "no address"], "--url is not a web address; write one such as"),
        (["calls", "--url", "http://[::1"], "--url is not a web address; write one such as"),
    ],
)
async def test_what_cannot_be_asked_is_exit_code_2(run: Any, words: list[str], said: str) -> None:
    async with past() as asking:
        printed = await run(asking, *words)
    assert (printed.code, printed.out) == (2, "")
    assert said in printed.err


async def test_an_exporter_that_is_not_there_or_another_service(run: Any) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b'HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n{"x": 1}    ')
        writer.close()

    async with past() as asking, await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            missing = await run(asking, "history", listen=f"127.0.0.1:{unused.getsockname()[1]}")
        other = await run(asking, "calls", listen=f"127.0.0.1:{server.sockets[0].getsockname()[1]}")
    assert (missing.code, other.code) == (2, 2)
    assert "does not answer" in missing.err
    assert "the answer to /api/calls cannot be read; has that exporter the version" in other.err


@pytest.mark.parametrize(
    "words", [["history", "--json", "--csv"], ["calls", "--failed", "--bad"], ["calls", "--csv", "--ticket"]]
)
def test_options_that_exclude_each_other(words: list[str]) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 2


# -- on a terminal, and in a pipe ----------------------------------------------------------------------


async def on_terminal(asking: Asking, width: int, *words: str) -> list[str]:
    """The lines that a command writes to a terminal of that width."""
    primary, secondary = pty.openpty()
    fcntl.ioctl(secondary, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environ = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", *words, "--url", asking.served.base),
        stdout=secondary,
        stderr=asyncio.subprocess.PIPE,
        env={**environ, "PYTHONIOENCODING": "utf-8"},
    )
    os.close(secondary)
    reading = asyncio.get_running_loop().run_in_executor(None, everything, primary)
    errors = (await asyncio.wait_for(process.communicate(), 60))[1]
    assert process.returncode == 0, errors.decode()
    return (await reading).decode().splitlines()


def everything(terminal: int) -> bytes:
    """All that comes until the other side is closed."""
    pieces = []
    try:
        while piece := os.read(terminal, 65536):
            pieces.append(piece)
    except OSError:  # how Linux says that it is closed
        pass
    os.close(terminal)
    return b"".join(pieces)


LONG: Final = call(10, sip_call_id="c" * 200, user_agent="word " * 50, reason="\x1b[2J", gateway="g" * 90)


@pytest.mark.parametrize("width", [80, 120])
async def test_it_fits_the_terminal(width: int) -> None:
    hostile = outage(9.0, 60, gateway="g" * 90, course=(Phase(BEGAN, "unreachable", "\x1b[31m" * 40),))
    async with past(*ALL, LONG, hostile) as asking:
        for words in (("history", *SINCE), ("calls", *SINCE)):
            lines = await on_terminal(asking, width, *words)
            assert max(map(len, lines)) <= width
            assert all(line.isprintable() for line in lines)
            if words[0] == "history":
                [telnyx] = [line for line in lines if line.startswith("telnyx ")]
                assert len(telnyx) == width
                assert UNICODE.well * 5 in telnyx


@pytest.mark.parametrize(
    ("encoding", "well", "name"),
    [
        ("ascii", ASCII.well, "tr?ger"),
        ("latin-1", ASCII.well, "tr\xe4ger"),
        ("utf-8", UNICODE.well, "tr\xe4ger"),
    ],
)
async def test_in_a_pipe_of_any_encoding(encoding: str, well: str, name: str) -> None:
    async with past(*ALL, hour(0, subject=Subject("fs1", "tr\xe4ger", ""))) as asking:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "exporter", "history", *SINCE, "--url", asking.served.base),
            stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONIOENCODING": encoding},
        )
        output = (await asyncio.wait_for(process.communicate(), 60))[0].decode(encoding)
    assert process.returncode == 0
    [telnyx] = [line for line in output.splitlines() if line.startswith("telnyx ")]
    assert well * 5 in telnyx
    assert any(line.startswith(name) for line in output.splitlines())
