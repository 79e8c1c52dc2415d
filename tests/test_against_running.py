"""`check-config --against-running`: the request it sends, what it prints, and what it says without an answer.

The exporter that is asked serves real HTTP with a made-up plan; tests/test_reload.py asks a whole one.
"""

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml

from exporter import cli, client
from exporter.config import Config, Listen, Secret, TlsConfig, WebConfig
from tests.web.fakes import LOOPBACK, FakeContext, serving

STEPS = [
    {"action": "keep", "what": "http", "keys": [], "reason": "unchanged"},
    {"action": "restart", "what": "node fs1", "keys": ["nodes.fs1.port"], "reason": "nodes.fs1.port changed"},
]
REFUSED = {"action": "refuse", "what": "state_dir", "keys": ["state_dir"], "reason": "restart \x1b[31mneeded"}


@dataclass
class Planned(FakeContext):
    """A daemon with this plan."""

    plan: dict[str, Any] = field(
        default_factory=lambda: {"version": 1, "file": "/etc/exporter.yml", "refused": False, "steps": STEPS}
    )

    async def plan_reload(self) -> Mapping[str, object]:
        return self.plan


def write(folder: Path, port: int, **more: Any) -> Path:
    path = folder / "exporter.yml"
    path.write_text(yaml.safe_dump({"listen": [f"127.0.0.1:{port}"], **more}))
    return path


async def check(path: Path, *more: str) -> int:
    """Run the command beside this event loop, in which the daemon runs; the exit code."""
    return await asyncio.to_thread(cli.main, ["check-config", str(path), "--against-running", *more])


async def test_the_plan_is_printed_a_step_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(Planned()) as served:
        assert await check(write(tmp_path, served.port)) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        f"# the exporter at http://127.0.0.1:{served.port} reads /etc/exporter.yml; a reload would",
        "keep     http      unchanged",
        "restart  node fs1  nodes.fs1.port changed",
    ]
    assert printed.err == ""


async def test_a_plan_that_refuses_is_exit_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    context = Planned()
    context.plan |= {"refused": True, "steps": [*STEPS, REFUSED], "file": None}
    async with serving(context) as served:
        assert await check(write(tmp_path, served.port)) == 2
    printed = capsys.readouterr()
    assert "reads no file" in printed.out
    assert "refuse   state_dir  restart  [31mneeded" in printed.out, "without control characters"
    assert "would refuse this reload" in printed.err


async def test_it_sends_the_token_of_the_config_and_nothing_else_of_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "token").write_text("t0ken\n")
    context = Planned(Config(listen=(LOOPBACK,), token=Secret("t0ken")))
    async with serving(context) as served:
        assert await check(write(tmp_path, served.port, token_file="token")) == 0
        (tmp_path / "token").write_text("t1ken\n")
        assert await check(write(tmp_path, served.port, token_file="token")) == 2
        assert await check(write(tmp_path, served.port)) == 2
    assert context.reloads == 0
    said = capsys.readouterr().err
    assert said.count("answers unauthorized: The exporter's token is required") == 2
    assert "t1ken" not in said


async def test_url_names_another_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(Planned()) as served:
        assert await check(write(tmp_path, 1), "--url", f"http://localhost:{served.port}/") == 0
    assert "node fs1" in capsys.readouterr().out


async def test_over_tls_the_certificate_must_be_that_of_the_config(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("one", "two"):
        issued = trustme.CA().issue_cert("exporter.example.org")
        issued.private_key_pem.write_to_path(tmp_path / f"{name}.key")
        (tmp_path / f"{name}.crt").write_bytes(b"".join(pem.bytes() for pem in issued.cert_chain_pems))
    tls = TlsConfig(cert_file=tmp_path / "one.crt", key_file=tmp_path / "one.key")
    context = Planned(Config(listen=(LOOPBACK,), web=WebConfig(tls=tls)))
    async with serving(context) as served:
        for name, code in (("one", 0), ("two", 2)):
            web = {"tls_server_config": {"cert_file": f"{name}.crt", "key_file": f"{name}.key"}}
            (tmp_path / "web.yml").write_text(yaml.safe_dump(web))
            assert await check(write(tmp_path, served.port, web_config_file="web.yml")) == code
        assert await check(write(tmp_path, served.port), "--url", f"https://127.0.0.1:{served.port}") == 2
    said = capsys.readouterr()
    assert f"# the exporter at https://127.0.0.1:{served.port} reads" in said.out
    assert "presents another certificate than that of the config" in said.err
    assert "certificate verify failed" in said.err


async def test_an_answer_that_is_no_plan(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with serving(Planned(plan={"steps": "none"})) as served:
        assert await check(write(tmp_path, served.port)) == 2
        assert "returned no plan" in capsys.readouterr().err
        missing = f"http://127.0.0.1:{served.port}/elsewhere"
        assert await check(write(tmp_path, served.port), "--url", missing) == 2
        assert "answers not_found" in capsys.readouterr().err


async def test_an_exporter_that_cannot_be_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert await check(write(tmp_path, unused.getsockname()[1])) == 2
    assert "does not answer" in capsys.readouterr().err
    assert await check(write(tmp_path, 0)) == 2
    assert "name the exporter's address with --url" in capsys.readouterr().err
    assert await check(write(tmp_path, 0), "--url", "no address") == 2
    assert "--url is not a web address; write one such as" in capsys.readouterr().err


async def test_an_exporter_that_does_not_answer(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client, "SECONDS", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert await check(write(tmp_path, silent.getsockname()[1])) == 2
    assert "does not answer: timed out" in capsys.readouterr().err


async def test_another_service_at_the_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 12\r\n\r\n<h1>\x1b[31mup\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1", 0) as server:
        assert await check(write(tmp_path, server.sockets[0].getsockname()[1])) == 2
    said = capsys.readouterr().err
    assert "answers HTTP 502, not as an exporter does: <h1> [31mup" in said


@pytest.mark.parametrize(
    ("listen", "tls", "url"),
    [
        (Listen(), False, "http://127.0.0.1:9282"),
        (Listen(host="", port=80), False, "http://127.0.0.1:80"),
        (Listen(host="0.0.0.0"), True, "https://127.0.0.1:9282"),
        (Listen(host="::"), False, "http://[::1]:9282"),
        (Listen(host="monitor.example.org"), True, "https://monitor.example.org:9282"),
    ],
)
def test_the_address_is_that_of_the_first_listener(listen: Listen, tls: bool, url: str) -> None:
    web = WebConfig(tls=TlsConfig()) if tls else None
    assert client.default_url(Config(listen=(listen, Listen(port=1)), web=web)) == url


def test_url_without_against_running_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["check-config", str(write(tmp_path, 1)), "--url", "http://127.0.0.1:1"]) == 2
    assert "--url is used by --against-running only" in capsys.readouterr().err
