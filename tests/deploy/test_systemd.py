"""The systemd unit: systemd's own tools read it, and it fits what the exporter does and needs.

This does not test what needs a running systemd (DynamicUser, the sandbox, the watchdog). tests/test_notify.py
tests the exporter's side of the notify protocol.
"""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from exporter import descriptors
from exporter.config import ConfigError
from exporter.watch import loop_watchdog
from exporter.web.server import MAX_CONNECTIONS
from tests.support.configs import load_config
from tests.support.tools import ROOT, program

UNIT = ROOT / "deploy/systemd/freeswitch-exporter.service"
DEFAULTS = ROOT / "deploy/systemd/freeswitch-exporter.default"


def directives() -> dict[str, list[str]]:
    """The settings of the unit, by name."""
    found: dict[str, list[str]] = {}
    for name, value in re.findall(r"^(\w+)=(.*)$", UNIT.read_text(), re.MULTILINE):
        found.setdefault(name, []).append(value)
    return found


def only(name: str) -> str:
    """The value of a setting that the unit has once."""
    [value] = directives()[name]
    return value


def defaults() -> list[tuple[str, str]]:
    """The settings in the environment file, including those in comments."""
    return re.findall(r"^#?([A-Z_]+)=(.*)$", DEFAULTS.read_text(), re.MULTILINE)


def environment() -> dict[str, str]:
    """The unit's Environment=, with systemd's values for the specifiers."""
    pairs = (value.split("=", 1) for value in directives()["Environment"])
    specifiers = {"%S": "/var/lib", "%d": "/run/credentials/freeswitch-exporter.service"}
    return {name: re.sub("%.", lambda match: specifiers[match[0]], value) for name, value in pairs}


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit, starting a program that exists on this machine."""
    text, replaced = re.subn(
        "(?m)^ExecStart=[^ ]+", f"ExecStart={sys.executable} -m exporter", UNIT.read_text()
    )
    assert replaced == 1
    copy = tmp_path / UNIT.name
    copy.write_text(text)
    return copy


def test_systemd_finds_no_fault(unit: Path) -> None:
    done = subprocess.run(
        [program("systemd-analyze"), "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if UNIT.name in line] == []
    assert done.returncode == 0, done.stderr


def test_systemd_calls_its_exposure_low(unit: Path) -> None:
    done = subprocess.run(
        [program("systemd-analyze"), "security", "--offline=yes", "--threshold=15", "--no-pager", unit],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_readiness_and_watchdog_are_the_exporters_own() -> None:
    assert (only("Type"), only("NotifyAccess")) == ("notify", "main")
    seconds = int(only("WatchdogSec").removesuffix("s"))
    assert seconds >= 3 * loop_watchdog.STUCK, "the loop guard comes first; the watchdog is for what lasts"


def test_it_may_send_to_systemd_and_read_its_own_start_time() -> None:
    assert "AF_UNIX" in only("RestrictAddressFamilies").split()
    assert "ProcSubset" not in directives(), "process_start_time_seconds needs /proc/stat"


def test_the_state_folder_is_the_one_that_systemd_makes() -> None:
    state_dir = environment()["EXPORTER_STATE_DIR"]
    assert state_dir == f"/var/lib/{only('StateDirectory')}"


def test_the_password_comes_as_a_credential_and_is_in_no_readable_file() -> None:
    name, source = only("LoadCredential").split(":")
    assert environment()["FREESWITCH_PASSWORD_FILE"].endswith(f"/{name}")
    assert source == "/etc/freeswitch-exporter/password"
    assert not [name for name, _ in defaults() if name in ("FREESWITCH_PASSWORD", "EXPORTER_TOKEN")]


@pytest.mark.parametrize(("name", "value"), defaults())
def test_every_proposed_setting_is_valid(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=name):
        load_config(None, {name: "\n"})
    if name == "EXPORTER_CONFIG":
        path = tmp_path / "config.yml"
        path.write_text("nodes: [{name: fs1}]\n")
        value = str(path)
    assert load_config(None, {name: value}).warnings == ()


def test_its_limits_hold_what_the_exporter_needs() -> None:
    assert int(only("LimitNOFILE")) >= descriptors.NEEDED > MAX_CONNECTIONS
    assert only("MemoryMax") == "512M"
    manifest = yaml.safe_load((ROOT / "deploy/kubernetes/deployment.yaml").read_text())
    [container] = manifest["spec"]["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"memory": "512Mi"}, "the same as the unit's"
    text = (ROOT / "docs/install.md").read_text()
    for stated in ("`MemoryMax=512M`", "`LimitNOFILE=4096`", "`limits.memory: 512Mi`", "`TasksMax=64`"):
        assert stated in text
