"""`freeswitch-exporter probe` as a process, against a simulated switch."""

import asyncio
import json
import os
import re
import signal
import sys
from pathlib import Path

import pytest

from exporter.simulator import SimulatedSwitch
from tests.probe.daemons import write_config
from tests.probe.lab import until

PROBES = {
    "echo": {"destination": "+15550000001"},
    "busy": {"destination": "+15550000002"},
    "tone": {"destination": "+15550000024", "application": "tone"},
    "down": {"destination": "+15550000001", "gateway": "nosuch"},
}


async def start(
    *arguments: str, ignore_sigint: bool = False, stdout: int = asyncio.subprocess.PIPE
) -> asyncio.subprocess.Process:
    pipe = asyncio.subprocess.PIPE
    disposition = signal.SIG_IGN if ignore_sigint else signal.SIG_DFL
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "exporter", "probe", *arguments),
        stdout=stdout,
        stderr=pipe,
        preexec_fn=lambda: signal.signal(signal.SIGINT, disposition),
    )


async def run(*arguments: str) -> tuple[int | None, str, str]:
    process = await start(*arguments)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    return process.returncode, out.decode(), err.decode()


async def test_phases_are_shown_and_the_result_in_words(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02, speed=10.0) as switch:
        config = str(write_config(tmp_path, switch.port, PROBES))
        code, out, err = await run("echo", "--config", config)
        assert (code, err) == (0, "")
        lines = out.splitlines()
        assert lines[0] == "Calling +15550000001 through telnyx on fs1"
        assert [line.split("s  ")[1] for line in lines[1:4]] == [
            "dialling ...",
            "ringing ...",
            "answered, talking ...",
        ]
        assert re.fullmatch(
            r"originate 0\.\d\d s  ringing .* s  answer .* s  media [45]\.\d\d s  hangup .* s", lines[4]
        )
        assert re.fullmatch(r"2\d\d packets, MOS 4\.5, loss 0\.0%, jitter \d+ ms", lines[5])
        assert lines[6].startswith("SUCCESS: Answered and heard")
        assert len(lines) == 7


@pytest.mark.parametrize("options", [(), ("--json",)])
async def test_a_call_is_followed_to_its_end_whoever_reads(tmp_path: Path, options: tuple[str, ...]) -> None:
    """`probe NAME | head -1`: no event is lost to a pipe that is closed, and the exit code is the call's."""
    reader, writer = os.pipe()
    os.close(reader)
    async with SimulatedSwitch(tick=0.02, speed=10.0) as switch:
        config = str(write_config(tmp_path, switch.port, PROBES))
        try:
            process = await start("busy", *options, "--config", config, stdout=writer)
        finally:
            os.close(writer)
        async with asyncio.timeout(30):
            _, err = await process.communicate()
    assert (process.returncode, err) == (1, b"")


async def test_a_failed_call_names_what_the_provider_finds_it_by(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02, speed=20.0) as switch:
        config = str(write_config(tmp_path, switch.port, PROBES))
        silent = ("--gateway", "telnyx", "--to", "+15550000036")
        code, out, _ = await run(*silent, "--config", config)
        assert code == 1
        last = r"  For the provider: SIP Call-ID 70726f62-[0-9a-f-]{27}, 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC"
        assert re.fullmatch(last, out.splitlines()[-1]), out


async def test_json_for_scripts(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02, speed=10.0) as switch:
        config = str(write_config(tmp_path, switch.port, PROBES))
        code, out, err = await run(
            "--gateway", "telnyx", "--to", "+15550000002", "--json", "--config", config
        )
        assert (code, err) == (1, "")
        record = json.loads(out)
        assert (record["result"], record["cause"], record["sipCode"]) == ("failed", "USER_BUSY", 486)
        assert record["probe"] == ""


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["busy"], 1, "FAILED: SIP 486 Busy Here"),
        (["tone"], 0, "round trip 0 ms (in steps of 20)"),
        (["down"], 1, "FAILED: FreeSWITCH itself refused the call: INVALID_GATEWAY"),
        (["nosuch"], 2, "There is no probe 'nosuch'"),
        (["echo", "--to", "+19005551234"], 2, "not on the list"),
        (["echo", "--to", "+1900555123x"], 2, "no telephone number"),
        (["--to", "+15550000001"], 2, "It is not clear"),
    ],
)
async def test_exit_codes(tmp_path: Path, arguments: list[str], code: int, words: str) -> None:
    async with SimulatedSwitch(tick=0.02, speed=20.0) as switch:
        config = str(write_config(tmp_path, switch.port, PROBES))
        ended, out, err = await run(*arguments, "--config", config)
        assert (ended, words in out + err) == (code, True), out + err
        if code == 2:
            assert not switch.commands_seen


async def test_a_refusal_as_json(tmp_path: Path) -> None:
    config = str(write_config(tmp_path, 1, PROBES))
    code, out, _ = await run("echo", "--to", "+19005551234", "--json", "--config", config)
    assert (code, json.loads(out)["error"]) == (2, "not_allowed")


async def test_a_switch_that_is_not_there(tmp_path: Path) -> None:
    config = str(write_config(tmp_path, 1, PROBES))
    code, _, err = await run("echo", "--config", config)
    assert code == 2
    assert re.search(r"FreeSWITCH fs1 is not connected: .*[^.]\. See ", err)


async def test_inside_min_interval_the_last_result_is_shown(tmp_path: Path) -> None:
    async with SimulatedSwitch(tick=0.02, speed=20.0) as switch:
        config = str(write_config(tmp_path, switch.port, PROBES, min_interval="60s"))
        assert (await run("busy", "--config", config))[0] == 1
        code, out, _ = await run("busy", "--config", config)
        assert code == 1
        assert "No new call: guard.min_interval serves the one of" in out
        assert sum(" originate " in line for line in switch.commands_seen) == 1


@pytest.mark.parametrize(
    ("number", "in_background"),
    [(signal.SIGINT, False), (signal.SIGINT, True), (signal.SIGTERM, False)],
    ids=["SIGINT", "SIGINT, a background job of a shell", "SIGTERM"],
)
async def test_giving_up_ends_the_call(tmp_path: Path, number: signal.Signals, in_background: bool) -> None:
    """Only the signal can end the call, which talks for minutes. Shells let background jobs ignore SIGINT."""
    talks = {"echo": PROBES["echo"] | {"talk_time": "300s"}}
    async with SimulatedSwitch(tick=0.02, speed=1.0) as switch:
        config = str(write_config(tmp_path, switch.port, talks))
        process = await start("echo", "--config", config, ignore_sigint=in_background)
        await until(lambda: any(leg.times["answered"] for leg in switch.legs.values()), 60)
        process.send_signal(number)
        async with asyncio.timeout(60):
            _, err = await process.communicate()
        assert process.returncode == 2
        assert b"Given up." in err
        assert b"Traceback" not in err
        assert switch.legs == {}
