"""Finds the tests' programs that are no Python packages: Prometheus, Alertmanager, Chromium, curl, systemd's.

A program on PATH is preferred to the one that `make test` unpacked under .cache/debian. If a program is
missing, the test fails with the command that installs it; no test is skipped.

PROMETHEUS and ALERTMANAGER name other binaries for one run, with promtool and amtool beside them:

    make test PROMETHEUS=/opt/prometheus-3/prometheus
"""

import os
import shutil
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent

# Debian names the binary after the package.
_DEBIAN_NAMES = {"alertmanager": "prometheus-alertmanager"}
_NAMED_BY = {
    "prometheus": "PROMETHEUS",
    "promtool": "PROMETHEUS",
    "alertmanager": "ALERTMANAGER",
    "amtool": "ALERTMANAGER",
}
_UNPACKED = [ROOT / ".cache/debian/bin", ROOT / ".cache/debian/usr/bin"]


def program(name: str) -> Path:
    """The path of the program `name`.

    Raises:
        LookupError: it is neither on PATH nor unpacked, or not where PROMETHEUS or ALERTMANAGER says.
    """
    variable = _NAMED_BY.get(name, "")
    if named := os.environ.get(variable):
        path = Path(named).parent / name
        if not os.access(path, os.X_OK):
            raise LookupError(f"{variable}={named}: {path} is no program")
        return path
    names = [name, _DEBIAN_NAMES.get(name, name)]
    places = unpacked_path()
    for candidate in names:
        if found := shutil.which(candidate, path=places):
            return Path(found)
    raise LookupError(f"{name} is neither on PATH nor under .cache/debian: `make .cache/.tools` fetches it")


def unpacked_path() -> str:
    """PATH with the unpacked programs behind those of the machine."""
    return os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, _UNPACKED)])


def unpacked_libraries() -> str:
    """LD_LIBRARY_PATH for programs of Python packages that need a library of Debian: playwright's Node.js."""
    folders = sorted(map(str, (ROOT / ".cache/debian/usr/lib").glob("*-linux-gnu")))
    return os.pathsep.join([*folders, *filter(None, [os.environ.get("LD_LIBRARY_PATH")])])
