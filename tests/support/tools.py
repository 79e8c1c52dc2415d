"""Where the tests find programs that are no Python packages: Prometheus and its kin, Chromium.

A program on PATH wins; else the one that `make test` unpacked under .cache/debian. There is no third way and
no skipping: a missing program fails the test with the command that fetches it.
"""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Debian names the binary after the package.
_DEBIAN_NAMES = {"alertmanager": "prometheus-alertmanager"}
_UNPACKED = [ROOT / ".cache/debian/bin", ROOT / ".cache/debian/usr/bin"]


def program(name: str) -> Path:
    """The path of the program `name`. Raises LookupError if it is neither on PATH nor unpacked."""
    names = [name, _DEBIAN_NAMES.get(name, name)]
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, _UNPACKED)])
    for candidate in names:
        if found := shutil.which(candidate, path=path):
            return Path(found)
    raise LookupError(f"{name} is neither on PATH nor under .cache/debian: `make .cache/.tools` fetches it")
