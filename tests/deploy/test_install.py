"""The commands of docs/install.md, run as far as possible on this machine.

Blocks of `console` are run unchanged and must print what is shown (`…` stands for anything); `console
running` needs an exporter whose config file has changed since it started. Blocks of `sh` name the tools that
they need. Below another root, those that need a package index are run with the wheels of the set-up, and
those for systemd without systemctl.
"""

import asyncio
import os
import re
import shlex
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

import exporter
from exporter.config import ConfigError
from tests.deploy.dockerfile import value
from tests.support.configs import load_config
from tests.support.daemon import daemon
from tests.support.newcomer import Newcomer
from tests.support.tools import ROOT, program

TEXT = (ROOT / "docs/install.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```([a-z]*) ?([a-z]*)\n(.*?)```", TEXT, re.DOTALL)
NEEDS = {"freeswitch", "registry", "systemd", "docker", "kubernetes"}


def blocks(language: str, need: str = "") -> list[str]:
    """The page's blocks in a language that need a named tool."""
    return [text for found, needed, text in BLOCKS if (found, needed) == (language, need)]


def commands(need: str) -> list[list[str]]:
    """The words of the commands that need it, with continued lines joined."""
    lines = "".join(blocks("sh", need)).replace("\\\n", " ").splitlines()
    return [shlex.split(line) for line in lines]


def test_every_command_is_run_or_names_what_it_needs() -> None:
    assert {language for language, _, _ in BLOCKS} == {"sh", "console", "xml", "ini", "yaml"}
    assert {need for language, need, _ in BLOCKS if language == "sh"} == NEEDS


def run_and_compare(block: str, *more: str) -> None:
    """Run the one command of a block with further arguments; it must succeed and print what is shown."""
    [(command, shown)] = re.findall(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    command = command.replace("freeswitch-exporter", f"{shlex.quote(sys.executable)} -m exporter")
    done = subprocess.run(
        f"{command} {shlex.join(more)}",
        shell=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    pattern = re.escape(shown.strip()).replace("…", ".*?")
    assert re.fullmatch(pattern, done.stdout.strip(), re.DOTALL), done.stdout


def test_what_is_shown_is_printed() -> None:
    [block] = blocks("console")
    run_and_compare(block)


async def test_the_plan_of_a_reload_is_printed_as_shown(tmp_path: Path) -> None:
    [block] = blocks("console", "running")
    path, token = tmp_path / "config.yml", tmp_path / "token"
    token.write_text("t0ken\n")
    nodes = [{"name": "fs1", "port": 1, "password": "one"}, {"name": "fs2", "port": 1}]
    before: dict[str, Any] = {"listen": ["127.0.0.1:0"], "nodes": nodes}
    path.write_text(yaml.safe_dump(before))
    async with daemon(path) as running:
        nodes[0]["password"] = "two"
        probe = {"node": "fs1", "gateway": "telnyx", "destination": "+15550000001"}
        after = before | {
            "probes": {"echo": probe},
            "guard": {"allow": ["+15550000001"]},
            "token_file": "token",
        }
        path.write_text(yaml.safe_dump(after))
        await asyncio.to_thread(run_and_compare, block, str(path), "--url", running.base)


def test_the_exporter_is_installed_from_a_clone(tmp_path: Path) -> None:
    newcomer = Newcomer(tmp_path)
    [script] = blocks("sh", "registry")
    newcomer.type(script.replace(" /opt/", f" {tmp_path}/opt/").replace("\n/opt/", f"\n{tmp_path}/opt/"))
    said = newcomer.type(f"{tmp_path}/opt/freeswitch-exporter/bin/freeswitch-exporter --version")
    assert exporter.__version__ in said


def test_the_service_is_installed_whole_and_its_password_is_roots(tmp_path: Path) -> None:
    for folder in ("etc/systemd/system", "etc/default", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    systemctl = tmp_path / "bin/systemctl"
    systemctl.write_text(f'#!/bin/sh\necho "$@" >>{shlex.quote(str(tmp_path))}/called\n')
    systemctl.chmod(0o755)
    [script] = blocks("sh", "systemd")
    subprocess.run(
        ["sh", "-euc", script.replace(" /etc/", f" {tmp_path}/etc/")],
        cwd=ROOT,
        env={**os.environ, "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}"},
        check=True,
    )
    installed = {
        str(path.relative_to(tmp_path)): stat.S_IMODE(path.stat().st_mode)
        for path in (tmp_path / "etc").rglob("*")
        if path.is_file()
    }
    assert installed == {
        "etc/systemd/system/freeswitch-exporter.service": 0o644,
        "etc/default/freeswitch-exporter": 0o644,
        "etc/freeswitch-exporter/password": 0o600,
    }
    called = (tmp_path / "called").read_text().splitlines()
    assert called == ["daemon-reload", "enable --now freeswitch-exporter", "status freeswitch-exporter"]
    unit = (tmp_path / "etc/systemd/system/freeswitch-exporter.service").read_text()
    assert "ExecStart=/opt/freeswitch-exporter/bin/freeswitch-exporter " in unit
    assert commands("registry")[0][-1] == "/opt/freeswitch-exporter"


def test_the_example_of_several_switches_hands_each_its_credential(tmp_path: Path) -> None:
    [drop_in, environment] = blocks("ini")
    [text] = [block for block in blocks("yaml") if block.startswith("# /etc/freeswitch-exporter/config.yml")]
    folder = "/run/credentials/freeswitch-exporter.service"
    handed = set(re.findall(r"^LoadCredential=(\w+):", drop_in, re.MULTILINE))
    assert handed == set(re.findall(rf"_file: {folder}/(\w+)", text))
    for name in handed:
        (tmp_path / name).write_text(f"{name}\n")
    path = tmp_path / "config.yml"
    path.write_text(text.replace(folder, str(tmp_path)))
    environ = dict(line.split("=", 1) for line in environment.splitlines() if not line.startswith("#"))
    loaded = load_config(None, environ | {"EXPORTER_CONFIG": str(path)})
    assert [node.password.reveal() for node in loaded.nodes] == ["fs1", "fs2"]
    assert loaded.warnings == ()


def test_containers_are_started_with_settings_that_the_image_has() -> None:
    [_, demo, run, *_] = commands("docker")
    assert demo[-2:] == ["freeswitch-exporter", "demo"]
    assert f"127.0.0.1:9282:{value('EXPOSE')}" in demo
    assert f"127.0.0.1:9282:{value('EXPOSE')}" in run
    assert f"freeswitch-exporter:{value('VOLUME')}" in run
    environ = dict(run[index + 1].split("=", 1) for index, word in enumerate(run) if word == "--env")
    assert f"$PWD/password:{environ['FREESWITCH_PASSWORD_FILE']}:ro" in run
    for name in environ:
        with pytest.raises(ConfigError, match=name):
            load_config(None, {name: "\n"})
    assert f"user {value('USER').split(':')[0]}" in TEXT


def test_the_scrape_config_is_one(tmp_path: Path) -> None:
    [text] = [block for block in blocks("yaml") if "scrape_configs" in block]
    (tmp_path / "prometheus.yml").write_text(text)
    subprocess.run([program("promtool"), "check", "config", tmp_path / "prometheus.yml"], check=True)
    ours = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    [shown] = yaml.safe_load(text)["scrape_configs"]
    assert shown | {"static_configs": None} == ours | {"static_configs": None}
