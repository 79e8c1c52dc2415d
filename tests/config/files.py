"""What the config tests share: a config file of some text in a folder of its own, loaded or refused."""

import re
from collections.abc import Mapping
from pathlib import Path

import pytest
import trustme

from exporter.config import Config, ConfigError, Flags
from tests.support.configs import NO_FLAGS, load_config


def write_named_files(folder: Path) -> None:
    """Write the files that the examples name, which are not published: secrets, certificates, a key."""
    (folder / "secrets").mkdir()
    (folder / "secrets" / "token").write_text("token-of-the-example\n")
    (folder / "secrets" / "fs1").write_text("password-of-the-example\n")
    authority = trustme.CA()
    server = authority.issue_cert("exporter.example.org")
    authority.cert_pem.write_to_path(str(folder / "clients.crt"))
    server.cert_chain_pems[0].write_to_path(str(folder / "server.crt"))
    server.private_key_pem.write_to_path(str(folder / "server.key"))


def loaded(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, flags: Flags = NO_FLAGS
) -> Config:
    """The config of a file that holds `text`."""
    path = folder / "exporter.yml"
    path.write_text(text)
    return load_config(path, environ or {}, flags)


def refused(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is said of a file that holds `text`, without file and line in front."""
    return [re.sub(r"^\d+: ", "", problem) for problem in refused_with_lines(folder, text, environ)]


def refused_with_lines(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is said of a file that holds `text`, as `LINE: key: ...`."""
    with pytest.raises(ConfigError) as error:
        loaded(folder, text, environ)
    return [problem.removeprefix(f"{folder / 'exporter.yml'}:") for problem in error.value.problems]
