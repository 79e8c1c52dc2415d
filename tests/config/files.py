"""What the config tests share: a config file of some text in a folder of its own, loaded or refused."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from exporter.config import Config, ConfigError, Flags, load


def loaded(
    folder: Path, text: str, environ: Mapping[str, str] | None = None, flags: Flags | None = None
) -> Config:
    """The config of a file that holds `text`."""
    path = folder / "exporter.yml"
    path.write_text(text)
    return load(path, environ or {}, flags or Flags())


def refused(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> list[str]:
    """What is said of a file that holds `text`, without the file's path in front."""
    with pytest.raises(ConfigError) as error:
        loaded(folder, text, environ)
    return [problem.removeprefix(f"{folder / 'exporter.yml'}: ") for problem in error.value.problems]
