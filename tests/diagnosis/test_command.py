"""`doctor` as a process: what it prints, its exit codes, and that no text can harm a terminal."""

import asyncio
import contextlib
import io
import json
import os
import pty
import re
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from exporter.diagnosis.conclusion import diagnose
from exporter.diagnosis.html import page
from exporter.diagnosis.terminal import Screen
from exporter.simulator import SimulatedSwitch
from tests.diagnosis.snapshots import calls, gateway, snapshot
from tests.probe.daemons import daemon, write_config

SECONDS = 30.0
NOBODY = 1  # a port without a daemon
KEYS = {"version", "status", "conclusion", "nodes"}
FINDING_KEYS = {
    *("number", "check", "title", "status", "fault", "gateway", "summary", "seen", "remedy", "consequence"),
    *("past", "since", "timesToday", "timesLastDay", "changesBefore"),
}


# The same command with a look of 0.5 s, for tests of its output.
QUICK = (
    "-c",
    (
        "import sys; from exporter import cli; from exporter.diagnosis import command; "
        "command.LOOK = 0.5; sys.exit(cli.main())"
    ),
)


# A watch that looks again soon.
QUICK_WATCH = ("-c", QUICK[1].replace("command.LOOK", "command.AGAIN = command.LOOK"))


async def doctor(*arguments: str, program: Sequence[str] = QUICK, **environment: str) -> tuple[int, str, str]:
    """Exit code, standard output, standard error."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *(*program, "doctor", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, "EXPORTER_LISTEN": f"127.0.0.1:{NOBODY}", **environment},
    )
    async with asyncio.timeout(SECONDS):
        out, err = await process.communicate()
    return process.returncode or 0, out.decode(), err.decode()


async def test_a_healthy_switch_has_no_problems_within_the_documented_time() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        began = time.monotonic()
        code, out, err = await doctor(
            program=("-m", "exporter"), FREESWITCH_PORT=str(switch.port), FREESWITCH_GATEWAYS="telnyx"
        )
        assert time.monotonic() - began < 15
        await switch.until(lambda: not switch.clients)
    assert (code, err) == (0, "")
    assert "=> No problems found (4 checks skipped)." in out
    assert "\x1b" not in out
    made = [number for number in range(1, 17) if number not in (9, 11, 12, 16)]
    assert re.findall(r"^ ?(\d+)  ", out, re.MULTILINE) == list(map(str, made))
    (skipped,) = [line for line in out.splitlines() if line.startswith("Skipped: ")]
    for said in (
        "Recent calls (No call ended",
        "Calling application (No backend_url is configured)",
        "Synthetic call (No call was requested (--call PROBE))",
        "Exporter's reload, History (The running exporter was not asked: ",
    ):
        assert said in skipped


async def test_a_problem_ends_with_1_and_its_remedy() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        switch.pause()
        code, out, err = await doctor(FREESWITCH_PORT=str(switch.port))
    assert (code, err) == (1, "")
    assert "=> FreeSWITCH is paused: it refuses all calls." in out
    assert "$ fs_cli -H 127.0.0.1" in out


async def test_json_is_one_object_of_the_documented_form() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        switch.provider("telnyx").rejects(403, "Forbidden")
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        code, out, err = await doctor(
            "--json", FREESWITCH_PORT=str(switch.port), FREESWITCH_GATEWAYS="telnyx"
        )
    assert (code, err) == (1, "")
    report = json.loads(out)
    assert set(report) == KEYS
    assert (report["version"], report["status"]) == (1, "fail")
    conclusion = report["conclusion"]
    assert (conclusion["check"], conclusion["fault"], conclusion["gateway"]) == (
        "registration",
        "auth_rejected",
        "telnyx",
    )
    (node,) = report["nodes"]
    assert node["connected"] is True
    assert all(set(finding) == FINDING_KEYS for finding in node["findings"])
    assert sorted({finding["number"] for finding in node["findings"]}) == list(range(1, 17))
    documented = (Path(__file__).parents[2] / "docs/doctor.md").read_text()
    for key in {*KEYS, *FINDING_KEYS, *node, *conclusion}:
        assert f"`{key}`" in documented, key
    for finding in node["findings"]:
        assert f"`{finding['check']}`" in documented


async def test_the_running_daemon_knows_since_when(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05, speed=10) as switch:
        switch.provider("telnyx").rejects(403, "Forbidden")
        await switch.gateway_reaches("telnyx", "FAIL_WAIT")
        config = write_config(tmp_path, switch.port, {})
        async with daemon(config) as running:
            async with asyncio.timeout(SECONDS):
                while '"auth_rejected"' not in (await running.get("/api/history"))[1]:  # noqa: ASYNC110
                    await asyncio.sleep(0.1)
            listen = running.base.removeprefix("http://")
            code, out, err = await doctor("--config", str(config), EXPORTER_LISTEN=listen)
            asked = await doctor("--config", str(config), "--json", EXPORTER_LISTEN=listen)
            _, of_the_daemon = await running.get("/api/diagnosis")
        _, alone, _ = await doctor("--config", str(config))
    assert (code, err) == (1, "")
    said = re.search(r"Down for at least \d+ s \(seen since [\d:]+\), first time today(?! *;)", out)
    assert said is not None, out
    assert "not asked" not in out
    assert f"History (The running exporter was not asked: http://127.0.0.1:{NOBODY} does not" in alone
    assert "Down for" not in alone
    asked_, answered = (_registration(json.loads(text)) for text in (asked[1], of_the_daemon))
    assert answered["since"] == pytest.approx(asked_["since"], abs=1), "the doctor has whole seconds"
    for key in ("timesToday", "timesLastDay"):
        assert answered[key] == asked_[key] == 1
    whats = [[change["what"] for change in one["changesBefore"]] for one in (asked_, answered)]
    assert whats[0] == whats[1]
    assert whats[0][-1] == "exporter_started"


def _registration(report: Any) -> Any:
    (finding,) = [found for found in report["nodes"][0]["findings"] if found["check"] == "registration"]
    return finding


NODES = """
nodes:
  - {name: east, port: 1, gateways: {telnyx: {}, carrier: {}}}
  - {name: west, port: 1}
probes:
  echo: {node: east, gateway: telnyx, destination: "+15550000001"}
guard: {allow: ["+15550000001"]}
"""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--node", "north"], "no node 'north'; known: east, west"),
        (["--node", "n\x1b[31m\x07orth" + "x" * 10_000], "known: east, west"),
        (["--call", "tone"], "no probe 'tone'; known: echo"),
        (["--call", "echo", "--node", "west"], "--node excludes"),
        (
            ["--call", "echo", "--gateway", "carrier"],
            "calls through gateway telnyx, which --gateway excludes",
        ),
        (["--backend-url", "ftp://x"], "--backend-url"),
        (["--watch", "--call", "echo"], "leave out --call"),
    ],
)
async def test_an_unknown_name_ends_with_2_and_the_known_names(
    tmp_path: Path, arguments: Sequence[str], words: str
) -> None:
    config = tmp_path / "config.yml"
    config.write_text(NODES)
    code, out, err = await doctor("--config", str(config), *arguments)
    assert (code, out) == (2, "")
    assert words in err
    assert err.strip().isprintable()
    assert len(err) < 1000


async def test_an_unknown_gateway_ends_with_2_and_the_known_ones() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        environment = {"FREESWITCH_PORT": str(switch.port), "FREESWITCH_GATEWAYS": "carrier"}
        code, out, err = await doctor("--gateway", "telnix", **environment)
    assert (code, out) == (2, "")
    assert "no gateway 'telnix'; known: carrier, telnyx" in err


async def test_one_gateway_alone_can_be_checked() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        environment = {"FREESWITCH_PORT": str(switch.port), "FREESWITCH_GATEWAYS": "carrier,telnyx"}
        code, out, _ = await doctor("--gateway", "telnyx", **environment)
    assert code == 0
    assert "carrier" not in out


async def test_without_a_connection_one_line_says_what_was_skipped() -> None:
    code, out, _ = await doctor(FREESWITCH_PORT="1")
    assert code == 1
    lines = out.splitlines()
    assert lines[1].startswith(" 1  Event socket port")
    assert sum(line.startswith("Skipped: Password, FreeSWITCH, Events, ") for line in lines) == 1
    assert len(re.findall(r"^ ?\d+  ", out, re.MULTILINE)) == 1


async def test_a_page_for_a_colleague(tmp_path: Path) -> None:
    path = tmp_path / "doctor.html"
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        switch.pause()
        code, out, err = await doctor("--html", str(path), FREESWITCH_PORT=str(switch.port))
    assert (code, err) == (1, "")
    text = path.read_text()
    assert "FreeSWITCH is paused: it refuses all calls." in out
    assert "FreeSWITCH is paused: it refuses all calls." in text
    assert re.search(r"<pre[^>]*>fs_cli -H 127.0.0.1", text), "commands begin at the first column"
    assert "Skipped: " in text
    assert not re.search(r"<script|(?:src|href)=", text), "the file needs nothing but itself"


async def test_a_page_that_cannot_be_written_ends_with_2(tmp_path: Path) -> None:
    path = tmp_path / "no" / "doctor.html"
    code, _, err = await doctor("--html", str(path), FREESWITCH_PORT="1")
    assert code == 2
    assert err == f"freeswitch-exporter: cannot write {path}: No such file or directory\n"


@pytest.mark.parametrize("options", [(), ("--json",), ("--watch",)])
async def test_the_page_and_the_verdict_do_not_depend_on_who_reads(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """`doctor --html FILE | head -1` writes the file; a watch ends once nobody reads it."""
    path = tmp_path / "doctor.html"
    reader, writer = os.pipe()
    os.close(reader)
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *(*QUICK_WATCH, "doctor", "--html", str(path), *options),
                stdout=writer,
                stderr=asyncio.subprocess.PIPE,
                env={
                    **os.environ,
                    "EXPORTER_LISTEN": f"127.0.0.1:{NOBODY}",
                    "FREESWITCH_PORT": str(switch.port),
                },
            )
        finally:
            os.close(writer)
        async with asyncio.timeout(SECONDS):
            _, err = await process.communicate()
    assert (process.returncode, err) == (0, b"")
    assert "No problems found" in path.read_text()


async def test_a_watch_shows_what_changes_until_it_is_interrupted(tmp_path: Path) -> None:
    page = tmp_path / "doctor.html"
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(*QUICK_WATCH, "doctor", "--watch", "--html", str(page)),
            stdout=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "EXPORTER_LISTEN": f"127.0.0.1:{NOBODY}",
                "FREESWITCH_PORT": str(switch.port),
                "PYTHONUNBUFFERED": "1",
            },
        )
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            first = await process.stdout.readuntil(b"Ctrl-C ends this.\n")
            connected = len(switch.clients)
            for _ in range(2):  # of looks that find the same nothing is printed
                page.unlink()
                while not page.exists():  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
            assert len(switch.clients) == connected
            switch.pause()
            second = await process.stdout.readuntil(b"=> FreeSWITCH is paused: it refuses all calls.")
            process.send_signal(signal.SIGINT)
            await process.communicate()
        await switch.until(lambda: not switch.clients)
    assert first.count(b"=> No problems found") == 1
    assert second.count(b"=> ") == 1
    assert process.returncode == 1


async def test_a_watch_outlives_the_loss_of_freeswitch() -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        port = switch.port
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(*QUICK_WATCH, "doctor", "--watch"),
            stdout=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "EXPORTER_LISTEN": f"127.0.0.1:{NOBODY}",
                "FREESWITCH_PORT": str(port),
                "PYTHONUNBUFFERED": "1",
            },
        )
        assert process.stdout is not None
        async with asyncio.timeout(SECONDS):
            await process.stdout.readuntil(b"Ctrl-C ends this.\n")
    async with asyncio.timeout(SECONDS):
        await process.stdout.readuntil(b"=> Nothing listens on FreeSWITCH's event socket port")
    switch = SimulatedSwitch(tick=0.05)
    await switch.start(port=port)
    try:
        async with asyncio.timeout(SECONDS):
            await process.stdout.readuntil(b"Password               ok")
            process.send_signal(signal.SIGTERM)
            await process.communicate()
    finally:
        await switch.stop()


async def test_a_call_that_is_refused_ends_with_2(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = tmp_path / "config.yml"
        config.write_text(
            NODES.replace("port: 1", f"port: {switch.port}").replace(", carrier: {}", "")
            + "  max_calls_per_day: 0\n".replace("  ", "")
        )
        config.write_text(
            config.read_text().replace('"]}\nmax_calls_per_day: 0', '"], max_calls_per_day: 0}')
        )
        code, out, err = await doctor("--config", str(config), "--node", "east", "--call", "echo")
    assert (code, err) == (2, "")
    assert "The call was refused" in out


async def test_a_call_is_placed_and_explained(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.05, speed=10) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        config = tmp_path / "config.yml"
        config.write_text(
            NODES.replace("port: 1", f"port: {switch.port}")
            .replace(", carrier: {}", "")
            .replace("0000001", "0000002")
        )
        code, out, err = await doctor("--config", str(config), "--node", "east", "--call", "echo")
    assert (code, err) == (1, "")
    assert "486 Busy Here" in out
    assert "The called party is busy" in out


@pytest.mark.parametrize(
    "text", ["\x1b[31mred\x1b]0;t\x07", "[bold red]x[/]", "\u202egnorw\x00\r\n", "x" * 10_000]
)
@pytest.mark.parametrize("terminal", [True, False])
def test_hostile_texts_are_harmless_on_a_terminal(text: str, terminal: bool) -> None:
    output = io.StringIO()
    console = Console(file=output, force_terminal=terminal, color_system=None, width=100, markup=False)
    screen = Screen(console)
    hostile = gateway(
        name=text, profile=text, problem="rejected", answer_code=499, answer_phrase=text, state=text
    )
    diagnosis = diagnose(snapshot(node=text, host=text, gateways=(hostile,)))
    screen.node(text, text, 8021)
    screen.findings(diagnosis.findings)
    screen.conclusion(diagnosis)
    printed = output.getvalue()
    assert all(line.isprintable() for line in printed.split("\n"))
    assert len(printed) < 20_000
    if "bold" in text:
        assert "[bold red]x[/]" in printed


def test_hostile_texts_are_text_on_the_page() -> None:
    text = '<script>alert(1)</script>" onload=x \u202e'
    hostile = gateway(name=text, profile=text, problem="rejected", answer_code=499, answer_phrase=text)
    written = page([diagnose(snapshot(node=text, host=text, gateways=(hostile,)))])
    assert "&lt;script&gt;" in written
    assert "<script" not in written
    assert "\u202e" not in written
    assert len(written) < 20_000


def test_a_terminal_is_cleared_before_each_look() -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, force_terminal=True, color_system=None, width=200))
    diagnoses = [diagnose(snapshot())]
    screen.watching(diagnoses)
    for _ in range(2):
        screen.again(diagnoses)
    assert output.getvalue().count("\x1b[2J") == 2
    assert output.getvalue().count("=> No problems found") == 2


def test_lines_on_a_narrow_terminal_keep_their_indent() -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, force_terminal=True, color_system=None, width=70))
    diagnosis = diagnose(
        snapshot(gateways=(gateway(problem="auth_rejected", usable=False, answer_code=403),))
    )
    screen.findings(diagnosis.findings)
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= 70
    assert any(line.startswith(" " * 34) and line.strip() for line in lines)


def test_on_a_very_narrow_terminal_a_finding_begins_on_a_line_of_its_own() -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, force_terminal=True, color_system=None, width=40))
    diagnosis = diagnose(
        snapshot(gateways=(gateway(problem="auth_rejected", usable=False, answer_code=403),))
    )
    screen.findings(diagnosis.findings)
    screen.conclusion(diagnosis)
    lines = [line for line in output.getvalue().splitlines() if not line.startswith("       $ ")]
    assert max(map(len, lines)) <= 40
    assert "    Gateway telnyx: the provider rejects" in lines


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
async def test_on_a_terminal_of_any_encoding(encoding: str) -> None:
    """The sign that something is being done is drawn in what the terminal can show."""
    primary, secondary = pty.openpty()
    shown = b""

    def read() -> None:
        nonlocal shown
        with contextlib.suppress(OSError):  # how Linux says that the other side is closed
            shown += os.read(primary, 65536)

    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *(*QUICK, "doctor"),
            stdout=secondary,
            stderr=asyncio.subprocess.PIPE,
            env={
                **os.environ,
                "EXPORTER_LISTEN": f"127.0.0.1:{NOBODY}",
                "FREESWITCH_PORT": "1",
                "PYTHONIOENCODING": encoding,
                "TERM": "xterm",
            },
        )
        os.close(secondary)
        os.set_blocking(primary, False)
        asyncio.get_running_loop().add_reader(primary, read)
        async with asyncio.timeout(SECONDS):
            _, err = await process.communicate()
    finally:
        asyncio.get_running_loop().remove_reader(primary)
        os.close(primary)
    assert (process.returncode, err) == (1, b"")
    assert b" ..." in shown
    assert not re.search(rb"\?(\x1b\[0m)? \w", shown), "a sign that the terminal does not have"


def test_causes_consequences_and_other_causes_are_told_apart() -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, force_terminal=False, width=200))
    seen = snapshot(
        gateways=(
            gateway(problem="auth_rejected", usable=False, answer_code=403),
            gateway(name="other", problem="unmonitored"),
        ),
        recent=calls(refused=5, answered=0),
    )
    screen.conclusion(diagnose(seen))
    printed = output.getvalue()
    rejected = "Gateway telnyx: the provider rejects the credentials (403 Forbidden)"
    assert f"=> {rejected}. FreeSWITCH itself is OK." in printed
    assert "Caused by the above: FreeSWITCH refused 5 dials" in printed
    assert "Also warning: Gateway other is not monitored: no registration, no ping." in printed
    assert printed.count("Do: ") == 2
    assert printed.index("Also warning") < printed.index("Caused by the above")


def test_what_is_being_done_is_shown_on_a_terminal_and_gone_afterwards() -> None:
    output = io.StringIO()
    screen = Screen(Console(file=output, force_terminal=True, width=80))
    screen.working("watching [bold]events[/]")
    screen.working("looking up names")
    screen.done()
    screen.done()
    assert "[bold]events[/]" in output.getvalue() or "looking up names" in output.getvalue()
    silent = io.StringIO()
    Screen(Console(file=silent, force_terminal=False)).working("watching")
    assert silent.getvalue() == ""
