"""compose.yaml without Docker: its files in the layout of the containers, checked by Prometheus' own tools.

tests/dashboards covers Grafana; this file only checks that it gets its files.
"""

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.cli import COMMANDS
from exporter.config import ProbeConfig
from scripts.prometheus_rule import rule_files
from tests.deploy.dockerfile import value
from tests.support import demo, prometheus
from tests.support.configs import load_config
from tests.support.tools import ROOT, program

COMPOSE = ROOT / "compose.yaml"
PROMETHEUS = ROOT / "deploy/prometheus/prometheus.yml"
PROBES = ROOT / "deploy/prometheus/probes.example.yml"
FORBIDDEN = "+15550000002"  # a number that the demo's guard does not allow
_VARIABLE = re.compile(r"\$\{(\w+):-([^}]*)\}")


def services(**environ: str) -> dict[str, Any]:
    """The services as compose would start them under `environ`."""
    text = _VARIABLE.sub(lambda match: environ.get(match[1]) or match[2], COMPOSE.read_text())
    assert "$" not in text, "another kind of interpolation than ${NAME:-default}"
    found: dict[str, Any] = yaml.safe_load(text)["services"]
    return found


SERVICES = services()


def mounts(service: str) -> dict[str, Path]:
    """The mounted files of the source tree, by their path in the container."""
    found = {}
    for volume in SERVICES[service].get("volumes", []):
        source, target, *mode = volume.split(":")
        if source.startswith("./"):
            assert mode == ["ro"], volume
            found[target] = ROOT / source
    return found


def laid_out(service: str, folder: Path) -> Path:
    """The container's files, copied into `folder` as its root."""
    for target, source in mounts(service).items():
        place = folder / target.removeprefix("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, place)
        else:
            shutil.copy(source, place)
    return folder


def test_it_is_what_the_compose_specification_allows() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", COMPOSE],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_mounts_exists() -> None:
    for service in SERVICES:
        for target, source in mounts(service).items():
            assert source.exists(), f"{service}: {target}"


def test_images_are_pinned_and_the_exporters_is_built() -> None:
    assert SERVICES["exporter"]["build"] == "."
    for service in SERVICES.keys() - {"exporter"}:
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", SERVICES[service]["image"]), service


def test_ports_are_published_on_loopback_only() -> None:
    ports = [port for service in SERVICES.values() for port in service["ports"]]
    assert len(ports) == 4
    assert [port for port in ports if not port.startswith("127.0.0.1:")] == []


def test_the_exporter_has_no_more_rights_than_it_needs() -> None:
    exporter = SERVICES["exporter"]
    assert exporter["read_only"] is True
    assert exporter["cap_drop"] == ["ALL"]
    assert exporter["security_opt"] == ["no-new-privileges:true"]
    assert f"exporter-state:{value('VOLUME')}" in exporter["volumes"]


def test_it_runs_the_demo_unless_a_switch_is_named() -> None:
    assert SERVICES["exporter"]["command"] == ["demo"]
    asked = {
        "EXPORTER_COMMAND": "serve",
        "FREESWITCH_HOST": "192.0.2.10",
        "FREESWITCH_PASSWORD": "secret",
        "FREESWITCH_GATEWAYS": "telnyx",
    }
    exporter = services(**asked)["exporter"]
    assert exporter["command"] == ["serve"]
    assert {command.name for command in COMMANDS} > {"demo", "serve"}
    [node] = load_config(None, exporter["environment"]).nodes
    assert (node.host, node.port, node.password.reveal()) == ("192.0.2.10", 8021, "secret")
    assert list(node.gateways) == ["telnyx"]


def test_services_find_each_other() -> None:
    settings = yaml.safe_load(PROMETHEUS.read_text())
    [job] = settings["scrape_configs"]
    [alertmanager] = settings["alerting"]["alertmanagers"]
    addresses = {
        *job["static_configs"][0]["targets"],
        *alertmanager["static_configs"][0]["targets"],
        SERVICES["grafana"]["environment"]["PROMETHEUS_URL"].removeprefix("http://"),
    }
    published = {f"{name}:{port.rpartition(':')[2]}" for name in SERVICES for port in SERVICES[name]["ports"]}
    assert addresses == published - {"grafana:3000"}
    assert f"exporter:{value('EXPOSE')}" in addresses


def test_prometheus_reads_its_config_and_every_rule_file(tmp_path: Path) -> None:
    root = laid_out("prometheus", tmp_path)
    [path] = [word for word in SERVICES["prometheus"]["command"] if word.startswith("--config.file=")]
    file = root / path.removeprefix("--config.file=/")
    done = subprocess.run(
        [program("promtool"), "check", "config", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    [pattern] = yaml.safe_load(file.read_text())["rule_files"]
    folder = (file.parent / pattern).parent.resolve()
    assert sorted(path.name for path in folder.glob(Path(pattern).name)) == [
        rules.name for rules in rule_files()
    ]


def test_alertmanager_reads_its_config(tmp_path: Path) -> None:
    root = laid_out("alertmanager", tmp_path)
    [path] = [word for word in SERVICES["alertmanager"]["command"] if word.startswith("--config.file=")]
    subprocess.run(
        [program("amtool"), "check-config", root / path.removeprefix("--config.file=/")],
        capture_output=True,
        check=True,
    )


def test_grafana_gets_its_dashboards_in_the_provisioned_folder() -> None:
    files = mounts("grafana")
    provisioning = files["/etc/grafana/provisioning"]
    [provider] = yaml.safe_load((provisioning / "dashboards/freeswitch.yml").read_text())["providers"]
    dashboards = files[provider["options"]["path"]]
    environment = SERVICES["grafana"]["environment"]
    home = Path(environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"])
    assert str(home.parent) == provider["options"]["path"]
    assert (dashboards / home.name).is_file()
    [source] = yaml.safe_load((provisioning / "datasources/prometheus.yml").read_text())["datasources"]
    assert source["url"] == "${PROMETHEUS_URL}"
    assert (
        source["jsonData"]["timeInterval"]
        == yaml.safe_load(PROMETHEUS.read_text())["global"]["scrape_interval"]
    )


@pytest.fixture
def joined(tmp_path: Path) -> Path:
    """The Prometheus container's files, the probe job added as its comment says."""
    folder = laid_out("prometheus", tmp_path) / "etc/prometheus"
    settings = yaml.safe_load((folder / "prometheus.yml").read_text())
    [job] = yaml.safe_load(PROBES.read_text())["scrape_configs"]
    job["static_configs"][0]["targets"].append(FORBIDDEN)
    settings["scrape_configs"].append(job)
    (folder / "prometheus.yml").write_text(yaml.safe_dump(settings))
    return folder / "prometheus.yml"


def test_the_probe_job_has_a_long_enough_timeout() -> None:
    [job] = yaml.safe_load(PROBES.read_text())["scrape_configs"]
    probe = ProbeConfig(name="", node="", gateway="", destination="")
    assert probe.ring_timeout + probe.talk_time + 2.5 <= int(job["scrape_timeout"].removesuffix("s"))


def test_prometheus_watches_and_probes_the_demo(joined: Path, tmp_path: Path) -> None:
    checked = subprocess.run(
        [program("promtool"), "check", "config", joined], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stderr.decode()
    with demo.running() as base:
        settings = joined.read_text().replace("exporter:9282", base.removeprefix("http://"))
        # Prometheus spreads first scrapes over the interval; four minutes are too long for a test.
        settings = settings.replace("scrape_interval: 4m", "scrape_interval: 12s")
        settings = settings.replace("scrape_timeout: 45s", "scrape_timeout: 12s")
        joined.write_text(settings.replace("scrape_interval: 15s", "scrape_interval: 1s"))
        with prometheus.running_by(joined, tmp_path) as url:
            wait_for(url, 'up{job="freeswitch-exporter"} == 1')
            wait_for(url, 'freeswitch_gateway_state{node="demo", state="REGED"} == 1')
            [success] = wait_for(url, "probe_success == 1")
            assert success["metric"]["job"] == "freeswitch-probe"
            assert success["metric"]["instance"] == "+15550000001"
            wait_for(url, f'up{{instance="{FORBIDDEN}"}} == 0')


def wait_for(url: str, expression: str) -> list[dict[str, Any]]:
    """Wait for samples of the query and return them."""
    deadline = time.monotonic() + 60
    while not (found := prometheus.ask(url, expression)):
        assert time.monotonic() < deadline, expression
        time.sleep(0.2)
    return found
