"""A config written for 0.1.0 loads unchanged, with the same meaning.

from_0_1/ has the examples of 0.1.0 and other forms that it takes; from_0_1/effective/ what its check-config
printed of each.
"""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from exporter.config import Config, Secret, effective
from tests.config.files import write_named_files
from tests.support.configs import load_config

WRITTEN = Path(__file__).parent / "from_0_1"
NAMES = [path.stem for path in (WRITTEN / "effective").glob("*.yml")]
# Keys of probes and nodes that 0.1.0 did not have.
NEW_IN_PROBES = {"schedule": "shared"}
NEW_IN_NODES: dict[str, Any] = {"subscribers": []}
# 0.1.0 left these out of its print where they were not set.
UNSET = {"web_config_file": None, "state_dir": None}
# Keys that 0.1.0 did not have, at their defaults.
NEW: dict[str, Any] = {
    "hosts": [],
    "log_stream": "warning",
    "history": {"keep": "90d", "calls": 2000, "numbers": "masked"},
    "destinations": {"countries": True, "region": None, "rates": None, "currency": None},
    "live_quality": {"every": "5s", "calls": 100},
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "written"
    shutil.copytree(WRITTEN, folder)
    write_named_files(folder)
    return folder


def _load(folder: Path, name: str) -> Config:
    return load_config(folder / f"{name}.yml", {})


@pytest.mark.parametrize("name", NAMES)
def test_it_means_the_same(folder: Path, name: str) -> None:
    then = (WRITTEN / "effective" / f"{name}.yml").read_text().replace("FOLDER", str(folder))
    expected: dict[str, Any] = NEW | UNSET | yaml.safe_load(then)
    expected["probes"] = {name: probe | NEW_IN_PROBES for name, probe in expected.get("probes", {}).items()}
    expected["nodes"] = [node | NEW_IN_NODES for node in expected["nodes"]]
    for probe in expected["probes"].values():  # 0.1.0 printed these, and they may be secrets
        headers = [variable for variable in probe["variables"] if variable.startswith("sip_h_")]
        probe["variables"] |= dict.fromkeys(headers, "<secret>")
    assert yaml.safe_load(effective(_load(folder, name))) == expected


def test_its_secrets_are_the_same(folder: Path) -> None:
    config = _load(folder, "config")
    assert [node.password.reveal() for node in config.nodes] == [
        "password-of-the-example",
        "in place, or better in a file",
    ]
    assert config.token == Secret("token-of-the-example")
    assert _load(folder, "small").nodes[0].password == Secret("ClueCon")
    assert _load(folder, "forms").nodes[0].password == Secret("ClueCon")


def test_its_web_config_means_the_same(folder: Path) -> None:
    web = _load(folder, "config").web
    assert web is not None
    assert web.tls is not None
    assert web.tls.files() == (folder / "server.crt", folder / "server.key", folder / "clients.crt")
    assert web.tls.client_auth_type == "RequireAndVerifyClientCert"
    assert web.tls.client_allowed_sans == ("prometheus.example.org",)
    assert (web.tls.min_version, web.tls.max_version) == ("TLS12", "TLS13")
    assert web.headers == {
        "Content-Security-Policy": "default-src 'none'",
        "Strict-Transport-Security": "max-age=31536000",
        "X-Content-Type-Options": "nosniff",
        "X-Frame-Options": "deny",
        "X-XSS-Protection": "0",
    }
    assert web.users == {"prometheus": Secret("$2b$10$MMWfdyvA/blVQWdNnRv.K.0.EZsISFE8jlIm.vYF44BajHoC6Zan2")}
