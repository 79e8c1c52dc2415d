"""The examples under examples/ load without a warning, and between them use every key there is."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from exporter.config import Config
from exporter.config.key import AnyKind, ListOf, MapOf, Section, keys
from exporter.config.web_model import WebFile
from tests.config.files import write_named_files
from tests.support.configs import load_config
from tests.support.tools import ROOT

# Given in place of the key with "_file"; the test of the web config has them.
_IN_PLACE = {"tls_server_config.cert", "tls_server_config.key", "tls_server_config.client_ca"}


@pytest.fixture
def examples(tmp_path: Path) -> Path:
    """A copy of the examples with the files they name, which are not published."""
    folder = tmp_path / "examples"
    shutil.copytree(ROOT / "examples", folder)
    write_named_files(folder)
    return folder


def test_they_load_without_a_warning(examples: Path) -> None:
    config = load_config(examples / "config.yml", {})
    assert config.warnings == ()
    assert [node.name for node in config.nodes] == ["fs1", "fs2"]
    assert config.web is not None
    assert "prometheus" in config.web.users
    assert load_config(examples / "small.yml", {}).warnings == ()


def declared(kind: AnyKind, path: str = "") -> Iterator[str]:
    """The keys in a value of `kind`, as `nodes.gateways.provider`."""
    match kind:
        case Section(struct=struct):
            for key in keys(struct):
                for name in key.names:
                    yield f"{path}.{name}".lstrip(".")
                yield from declared(key.key.kind, f"{path}.{key.name}")
        case ListOf(item=value) | MapOf(value=value):
            yield from declared(value, path)


def written(kind: AnyKind, value: object, path: str = "") -> Iterator[str]:
    """The keys that a document of `kind` has, in the same form."""
    match kind, value:
        case Section(struct=struct), dict():
            for key in keys(struct):
                for name in set(key.names) & set(value):
                    yield f"{path}.{name}".lstrip(".")
                yield from written(key.key.kind, value.get(key.name), f"{path}.{key.name}")
        case ListOf(item=of), list():
            for item in value:
                yield from written(of, item, path)
        case MapOf(value=of), dict():
            for item in value.values():
                yield from written(of, item, path)


def test_they_use_every_key() -> None:
    known: set[str] = set()
    used: set[str] = set()
    for name, struct in (("config.yml", Config), ("web.yml", WebFile)):
        known |= set(declared(Section(struct)))
        used |= set(written(Section(struct), yaml.safe_load((ROOT / "examples" / name).read_text())))
    assert "nodes.gateways.provider" in known
    assert "probes.thresholds.jitter" in known
    assert "http_server_config.headers.X-Frame-Options" in known
    assert known - used == _IN_PLACE
