"""Loads a config as the commands do: with the providers and causes that the exporter has tables for."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from exporter.config import Config, Flags, load
from exporter.switch.cause import CAUSES
from exporter.switch.provider import PROVIDERS

NO_FLAGS: Final = Flags()


def load_config(path: Path | None, environ: Mapping[str, str], flags: Flags = NO_FLAGS) -> Config:
    """As `load`."""
    return load(path, environ, flags, providers=PROVIDERS, causes=CAUSES)
