"""The commands by which people install the exporter, typed as the documentation shows them.

They run in a copy of the repository, with a home folder of its own, and with the wheels of the set-up in
place of a package index.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from tests.support.tools import ROOT

WHEELS = Path(sys.prefix) / "wheels"
SECONDS = 240
# What python3-venv adds, which the documentation asks for, on a Debian that has it not.
PYTHON_WITH_VENV = """#!/bin/sh
case " $* " in *" -m venv "* | *" venv.main("*) ;; *) exec {python} "$@" ;; esac
for folder; do :; done
{python} "$@" --without-pip
cp {ensurepip} "$folder"/lib/python3*/site-packages/
case " $* " in *" --without-pip "*) ;; *) exec "$folder/bin/python" -m ensurepip ;; esac
"""
ENSUREPIP = """import subprocess, sys
subprocess.run([{python!r}, "-m", "pip", "--python", sys.executable, "install", "pip"], check=True)
"""


class Newcomer:
    """Someone at a terminal whose current folder is a clone of the repository: `folder/clone`.

    Attributes:
        home: the home folder, `folder/home`.
        environ: the environment of the commands.
    """

    def __init__(self, folder: Path) -> None:
        self.clone, self.home = folder / "clone", folder / "home"
        ignored = shutil.ignore_patterns(".*", "*.egg-info", "__pycache__", "build", "tests")
        shutil.copytree(ROOT, self.clone, ignore=ignored)
        path = self.home / "bin"
        path.mkdir(parents=True)
        if find_spec("ensurepip") is None:
            python, ensurepip = path / "python3", folder / "ensurepip.py"
            ensurepip.write_text(ENSUREPIP.format(python=sys.executable))
            python.write_text(PYTHON_WITH_VENV.format(python=sys.executable, ensurepip=ensurepip))
            python.chmod(0o755)
        self.environ = {
            name: value for name, value in os.environ.items() if not name.startswith(("PIP_", "PIPX_"))
        }
        self.environ |= {
            "HOME": str(self.home),
            "PATH": f"{path}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(WHEELS),
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIPX_DEFAULT_PYTHON": "python3",
            "PIPX_DEFAULT_BACKEND": "pip",
        }

    def type(self, *lines: str) -> str:
        """The output of commands, typed one after the other.

        Raises:
            AssertionError: one failed; the message is what was printed.
        """
        done = subprocess.run(
            ["bash", "-euc", "\n".join(lines)],
            cwd=self.clone,
            env=self.environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout
