"""Runs a built image as a container engine would, and checks it; try-image.sh calls this script.

    unshare --mount --pid --net --fork python3 scripts/run_image.py ROOT CONFIG

ROOT is the image's file system, CONFIG the output of `buildah inspect --type image`. The demo runs with the
image's own settings: as its user, without capabilities, on ROOT mounted read-only, with write access to the
volume only, in a network namespace of its own. The script runs the health check, scrapes, sends the stop
signal, and runs the health check again.
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
    """The mounted image, in which commands can be started."""

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
        """Start a command in it, as its user, who cannot gain more rights."""
        lower = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
        as_user = ["setpriv", f"--reuid={self.user}", f"--regid={self.group}", *lower, "--"]
        environment = dict(pair.split("=", 1) for pair in self.config["Env"])
        return subprocess.Popen(["chroot", self.root, *as_user, *command], env=environment)

    def healthy(self) -> bool:
        """Whether its health check succeeds."""
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        return self.start(*command).wait(10) == 0


def try_out(image: Image) -> None:
    """Start, check and stop it.

    Raises:
        AssertionError: a check failed.
    """
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
    assert exporter.wait(STOP_SECONDS) == 0, "it did not stop with status 0"
    assert not image.healthy(), "its health check succeeds after the stop"


if __name__ == "__main__":
    try_out(Image(sys.argv[1], json.loads(Path(sys.argv[2]).read_text())["Docker"]["config"]))
    print("The image runs: read-only, without root, healthy while it runs.")
