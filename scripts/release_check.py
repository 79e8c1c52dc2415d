"""Builds what a release publishes into `dist`, and tries it as a user would.

    python -m scripts.release_check

1. The sdist, and the wheel from the sdist: a file missing in the sdist is missing in the wheel.
2. The wheel has every file of `exporter`, byte for byte, and so has what the Dockerfile installs.
3. The wheel is installed into a bare virtual environment, without the tools of the tests. There the command
   prints the version, accepts the example configuration, and runs the demo until its switch is connected.
"""

import hashlib
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from pathlib import Path
from threading import Timer

from scripts.version import version

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
STOP_SECONDS = 20


def build(source: Path, target: Path, *kinds: str) -> None:
    """Build packages of `source` into `target`; without `kinds` the sdist, and the wheel from the sdist."""
    subprocess.run([sys.executable, "-m", "build", "--outdir", target, *kinds, source], check=True)


def files(wheel: Path) -> dict[str, str]:
    """The files of the package in a wheel, by path, with their digests."""
    with zipfile.ZipFile(wheel) as archive:
        return {
            name: hashlib.sha256(archive.read(name)).hexdigest()
            for name in archive.namelist()
            if name.startswith("exporter/")
        }


def source_files(root: Path) -> dict[str, str]:
    """The files of the package in a source tree, likewise."""
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in (root / "exporter").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def differences(wanted: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """The paths that are in one only, or differ."""
    return sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))


def image_source(target: Path) -> Path:
    """A copy of what the Dockerfile's build stage copies: the image has what is installed from there."""
    target.mkdir()
    text = (ROOT / "Dockerfile").read_text().partition("\nFROM")[2].partition("\nFROM")[0]
    for line in re.findall(r"^COPY (.*)$", text, re.MULTILINE):
        for name in line.split()[:-1]:
            path = ROOT / name
            if path.is_dir():
                shutil.copytree(path, target / name, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(path, target)
    return target


def try_out(wheel: Path, folder: Path) -> None:
    """Install the wheel into a bare environment in `folder` and run the command.

    Raises:
        AssertionError: the command does not do what it should.
        CalledProcessError: it, or the installation, failed.
    """
    subprocess.run([ROOT / "scripts/venv.sh", sys.executable, folder], check=True)
    subprocess.run([folder / "bin/pip", "install", "--quiet", wheel], check=True)
    subprocess.run([folder / "bin/pip", "check"], check=True)
    command = folder / "bin/freeswitch-exporter"
    said = subprocess.run(
        [command, "--version"], check=True, capture_output=True, text=True, cwd=folder
    ).stdout
    assert version() in said, said
    subprocess.run(
        [command, "check-config", ROOT / "examples/small.yml"], check=True, capture_output=True, cwd=folder
    )
    demo = subprocess.Popen(
        [command, "demo", "--listen", "127.0.0.1:0", "--log-format", "json"],
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
    )
    deadline = Timer(START_SECONDS, demo.kill)
    deadline.start()
    try:
        assert demo.stderr is not None
        connected = any('"event": "connected"' in line for line in demo.stderr)
        assert connected, f"the demo was not connected to its switch within {START_SECONDS} s"
        demo.terminate()
        demo.communicate(timeout=STOP_SECONDS)
        assert demo.returncode == 0, f"the demo stopped with status {demo.returncode}"
    finally:
        deadline.cancel()
        demo.kill()


def main() -> None:
    """Build, compare, try.

    Raises:
        AssertionError: what was built differs from the source, or does not run.
    """
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    build(ROOT, dist)
    [wheel] = dist.glob("*.whl")
    assert not (found := differences(source_files(ROOT), files(wheel))), f"wheel and source differ: {found}"
    with tempfile.TemporaryDirectory() as scratch:
        image = image_source(Path(scratch, "image"))
        build(image, Path(scratch), "--wheel")
        [installed] = Path(scratch).glob("*.whl")
        assert not (found := differences(files(wheel), files(installed))), f"image and wheel differ: {found}"
        try_out(wheel, Path(scratch, "venv"))
    print(f"{wheel.name} and its sdist are built, installed and tried: dist/")


if __name__ == "__main__":
    main()
