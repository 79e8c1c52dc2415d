"""Runs a built image as a container engine would, and looks at what comes of it; try-image.sh calls it.

    unshare --mount --pid --net --fork python3 scripts/run_image.py ROOT CONFIG

ROOT is the image's file system, CONFIG what `buildah inspect --type image` says of it. The demo runs under
the image's own settings: as its user without capabilities, on ROOT mounted read-only, with the volume as
all it can write to, in a network of its own. It is put to the health check, scraped, stopped by the stop
signal, and put to the health check again.
"""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.request import urlopen

START_SECONDS = 30
STOP_SECONDS = 20


class Image:
    """The image, mounted, ready to start commands in."""

    def __init__(self, root: str, config: dict[str, Any]) -> None:
        self.root = root
        self.config = config
        self.user, self.group = map(int, config["User"].split(":"))
        [volume] = config["Volumes"]
        owner = f"uid={self.user},gid={self.group},mode=0700"
        for arguments in (
            ["--make-rprivate", "/"],
            ["--bind", root, root],
            ["-t", "tmpfs", "-o", owner, "state", root + volume],
            ["-o", "remount,bind,ro", root],
            ["-t", "proc", "-o", "ro", "proc", f"{root}/proc"],
        ):
            subprocess.run(["mount", *arguments], check=True)
        subprocess.run(["ip", "link", "set", "lo", "up"], check=True)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a command in it, as its user, who can never get more rights."""
        lower = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.group}", *lower, "--"]
        environment = dict(pair.split("=", 1) for pair in self.config["Env"])
        return subprocess.Popen(["chroot", self.root, *as_user, *command], env=environment)

    def healthy(self) -> bool:
        """What its health check says."""
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.start(*command).wait(10) == 0


def try_out(image: Image) -> None:
    """Start, look, stop. AssertionError if something is not as it should be."""
    assert image.start("touch", "/x").wait() == 1, "its root file system is writable"
    assert image.start("touch", "/tmp/x").wait() == 1  # noqa: S108 - nothing is made
    exporter = image.start(*image.config["Entrypoint"], "demo")
    deadline = time.monotonic() + START_SECONDS
    while not image.healthy():
        assert time.monotonic() < deadline, f"not healthy after {START_SECONDS} s"
        time.sleep(0.5)
    with urlopen("http://127.0.0.1:9282/metrics", timeout=5) as answer:
        assert b'freeswitch_up{node="demo"} 1.0' in answer.read()
    status = Path(f"{image.root}/proc/{exporter.pid}/status").read_text()
    assert "\t".join(["Uid:", *[str(image.user)] * 4]) in status, status
    assert "CapEff:\t0000000000000000" in status, status
    exporter.send_signal(getattr(signal, image.config["StopSignal"]))
    assert exporter.wait(STOP_SECONDS) == 0, "it did not stop well"
    assert not image.healthy(), "its health check sees life where none is"


if __name__ == "__main__":
    try_out(Image(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())["Docker"]["config"]))
    print("The image runs: read-only, as nobody, healthy while it lives.")
