"""The page docs/existing-monitoring.md, command by command, on the files that Debian's packages install.

The commands run below another root, with Prometheus' own tools and a systemctl that only notes what it was
asked. `debian/` has the files as the packages prometheus and prometheus-alertmanager of Debian 12 and 13
install them.
"""

import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.alerts.rule_files import ALERTS, EXAMPLE, FILES, RECORDED
from tests.deploy.test_compose import wait_for
from tests.support import demo, prometheus
from tests.support.tools import ROOT, program

TEXT = (ROOT / "docs/existing-monitoring.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```([a-z]*) ?([a-z]*)\n(.*?)```", TEXT, re.DOTALL)
DEBIAN = Path(__file__).parent / "debian"


class Machine:
    """A Debian machine as far as the commands see it."""

    def __init__(self, root: Path, files: Path) -> None:
        self.root = root
        self.files = files
        self.etc = root / "etc"
        self._bin = root / "bin"
        for folder in ("prometheus", "grafana/provisioning/dashboards", "grafana/provisioning/datasources"):
            (self.etc / folder).mkdir(parents=True)
        for file in files.iterdir():
            shutil.copy(file, self.etc / "prometheus")
        self._bin.mkdir()
        for name in ("promtool", "amtool"):
            (self._bin / name).write_text(f'#!/bin/sh\nexec {shlex.quote(str(program(name)))} "$@"\n')
        (self._bin / "systemctl").write_text(f'#!/bin/sh\necho "$@" >>{shlex.quote(str(root))}/called\n')
        for tool in self._bin.iterdir():
            tool.chmod(0o755)

    def run(self, commands: str, exporter: str = "") -> str:
        """What the commands print, in a clone; with another address of the exporter if one is given."""
        script = re.sub(r"(?<=[ >=])/etc/", f"{self.etc}/", commands)
        if exporter:
            script = script.replace("127.0.0.1:9282", exporter)
        path = f"{self._bin}:{os.environ['PATH']}"
        done = subprocess.run(
            ["sh", "-uc", script],
            cwd=ROOT,
            env={**os.environ, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def block(self, name: str, exporter: str = "") -> None:
        for language, needed, text in BLOCKS:
            if (language, needed) == ("sh", name):
                self.run(text, exporter)

    def debians(self, name: str) -> Any:
        """A file as Debian's package installed it."""
        return yaml.safe_load((self.files / name).read_text(encoding="utf-8"))

    def read(self, name: str) -> Any:
        return yaml.safe_load((self.etc / name).read_text(encoding="utf-8"))

    @property
    def called(self) -> list[str]:
        """What systemctl was asked."""
        file = self.root / "called"
        return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


@pytest.fixture(params=["12", "13"], ids=lambda release: f"Debian {release}")
def machine(request: pytest.FixtureRequest, tmp_path: Path) -> Machine:
    return Machine(tmp_path / "machine", DEBIAN / request.param)


@pytest.fixture(scope="module")
def exporter() -> Iterator[str]:
    with demo.running() as base:
        yield base.removeprefix("http://")


def shown(command: str) -> tuple[str, str]:
    """The one command of the page that begins so, and what is printed below it."""
    text = "".join(text for language, _, text in BLOCKS if language == "console")
    [(found, output)] = re.findall(rf"^\$ ({command}.*)\n((?:(?!\$ ).*\n)*)", text, re.MULTILINE)
    return found, output.strip()


def test_every_block_is_run_or_read() -> None:
    kinds = {(language, needed) for language, needed, _ in BLOCKS}
    scripts = {("sh", name) for name in ("first", "prometheus", "alertmanager", "grafana", "undo")}
    assert kinds == scripts | {("console", ""), ("yaml", "")}
    assert all(text.startswith("set -e\n") for language, _, text in BLOCKS if language == "sh")


def test_prometheus_scrapes_the_exporter_and_evaluates_every_rule(
    machine: Machine, exporter: str, tmp_path: Path
) -> None:
    machine.block("prometheus", exporter)
    assert machine.called == ["reload prometheus"]
    config = machine.etc / "prometheus/prometheus.yml"
    after = machine.read("prometheus/prometheus.yml")
    assert after["scrape_configs"][:-1] == machine.debians("prometheus.yml")["scrape_configs"]
    config.write_text(
        config.read_text().replace("15s #", "1s #")
    )  # a test does not wait a quarter of a minute
    with prometheus.running_by(config, tmp_path) as url:
        wait_for(url, 'up{job="freeswitch-exporter"} == 1')
        wait_for(url, "freeswitch_up == 1")
        command, output = shown("curl")
        answer = machine.run(command.replace("http://127.0.0.1:9090", url))
        assert re.search(re.escape(output).replace("…", ".*"), answer), answer
        names = {rule["name"] for group in prometheus.rules(url) for rule in group["rules"]}
    assert names == {alert.name for alert in ALERTS} | RECORDED.keys()


def test_a_configuration_that_is_refused_is_not_loaded(machine: Machine) -> None:
    config = machine.etc / "prometheus/prometheus.yml"
    config.write_text(config.read_text() + "\nremote_write: []\n")  # scrape_configs is not the last section
    [block] = [text for _, needed, text in BLOCKS if needed == "prometheus"]
    with pytest.raises(AssertionError, match="FAILED"):
        machine.run(block)
    assert machine.called == []


@pytest.mark.parametrize(
    ("labels", "receiver"),
    [
        ("service=freeswitch severity=critical", "freeswitch-pages"),
        ("service=freeswitch severity=warning", "freeswitch-tickets"),
        ("service=files severity=critical", "team-Y-pager"),
        ("service=other", "team-X-mails"),
    ],
)
def test_alertmanager_notifies_whom_the_page_says(machine: Machine, labels: str, receiver: str) -> None:
    machine.block("alertmanager")
    assert machine.called == ["reload prometheus-alertmanager"]
    command, output = shown("amtool")
    if labels in command:
        assert output == receiver
    head = command.partition(" service=")[0]
    *_, last = machine.run(f"{head} {labels}").splitlines()  # amtool may warn first
    assert last == receiver


def test_alertmanager_inhibits_and_groups_as_in_the_example(machine: Machine) -> None:
    machine.block("alertmanager")
    found = machine.read("prometheus/alertmanager.yml")
    example = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    debian = machine.debians("alertmanager.yml")
    assert found["inhibit_rules"] == [*example["inhibit_rules"], *debian["inhibit_rules"]]
    route, critical = found["route"]["routes"][0], found["route"]["routes"][0]["routes"][0]
    for key in ("receiver", "group_by", "group_wait", "group_interval", "repeat_interval"):
        assert route[key] == example["route"][key], key
    assert critical["repeat_interval"] == example["route"]["routes"][0]["repeat_interval"]
    assert found["route"]["routes"][1:] == debian["route"]["routes"]


def test_grafana_gets_the_dashboards_and_keeps_its_default_data_source(machine: Machine) -> None:
    machine.block("grafana")
    [provider] = machine.read("grafana/provisioning/dashboards/freeswitch.yml")["providers"]
    folder = machine.root / provider["options"]["path"].removeprefix("/")
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        path.name for path in (ROOT / "dashboards").glob("*.json")
    )
    [source] = machine.read("grafana/provisioning/datasources/freeswitch.yml")["datasources"]
    assert source["url"] == "http://127.0.0.1:9090"
    assert source["isDefault"] is False
    assert source["name"] != "Prometheus"


def test_undo_leaves_the_machine_as_it_was(machine: Machine) -> None:
    def files() -> dict[str, bytes]:
        found = machine.etc.rglob("*")
        return {str(path): path.read_bytes() for path in found if path.is_file()}

    before = files()
    for name in ("first", "prometheus", "alertmanager", "grafana"):
        machine.block(name)
    assert files() != before
    machine.block("undo")
    assert files() == before


def test_the_alerts_are_a_folder_of_rule_files_alone() -> None:
    assert sorted(path for path in (ROOT / "alerts").iterdir() if path.suffix != ".md") == FILES


@pytest.mark.parametrize("path", sorted((ROOT / "deploy/prometheus").iterdir()), ids=lambda path: path.name)
def test_promtool_accepts_a_shipped_configuration_in_place(path: Path) -> None:
    done = subprocess.run(
        [program("promtool"), "check", "config", path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    if "rule_files" in path.read_text(encoding="utf-8"):
        assert f"{len(FILES)} rule files found" in done.stdout
