"""The examples under examples/ load without a warning, and between them use every option there is."""

import re
import shutil
from pathlib import Path

import pytest
import trustme

from exporter.config import Config, Flags, load
from exporter.config.section import Section
from tests.support.tools import ROOT

# Given in place of the option with "_file"; the test of the web config has them.
_IN_PLACE = {"tls_server_config.cert", "tls_server_config.key", "tls_server_config.client_ca"}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples with the files they name, which are nobody's to publish."""
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder)
    (folder / "secrets").mkdir()
    (folder / "secrets" / "token").write_text("token-of-the-example\n")
    (folder / "secrets" / "fs1").write_text("password-of-the-example\n")
    authority = trustme.CA()
    server = authority.issue_cert("exporter.example.org")
    authority.cert_pem.write_to_path(str(folder / "clients.crt"))
    server.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))
    return folder


def _load(folder: Path) -> Config:
    return load(folder / "config.yml", {}, Flags())


def test_they_load_without_a_warning(examples: Path) -> None:
    config = _load(examples)
    assert config.warnings == ()
    assert [node.name for node in config.nodes] == ["fs1", "fs2"]
    assert config.web is not None
    assert "prometheus" in config.web.users


def test_they_use_every_option(examples: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    known: set[str] = set()
    used: set[str] = set()
    close = Section.close

    def record(section: Section) -> None:
        # The paths without what the user named or numbered.
        place = re.sub(r"\[\d+\]|(?<=gateways)\.[\w-]+|(?<=probes)\.[\w-]+", "", section.key)
        for name in section._known:
            path = f"{place}.{name}".lstrip(".")
            known.add(path)
            if name in section:
                used.add(path)
        close(section)

    monkeypatch.setattr(Section, "close", record)
    _load(examples)
    assert "nodes.gateways.provider" in known
    assert "probes.thresholds.jitter" in known
    assert "http_server_config.headers.X-Frame-Options" in known
    assert known - used == _IN_PLACE
