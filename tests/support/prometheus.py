"""A real Prometheus on a free port, and the part of its HTTP API that the tests need."""

import json
import re
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import urlopen

import yaml

from tests.support.tools import program

START_SECONDS = 30


@contextmanager
def running(folder: Path, targets: Sequence[str] = (), every: str = "1s") -> Iterator[str]:
    """Run Prometheus with its data in `folder`, scraping `targets` (host:port); yields its base URL."""
    config = folder / "prometheus.yml"
    jobs = [{"job_name": "freeswitch", "static_configs": [{"targets": list(targets)}]}]
    config.write_text(yaml.safe_dump({"global": {"scrape_interval": every}, "scrape_configs": jobs}))
    with running_by(config, folder) as base:
        yield base


@contextmanager
def running_by(config: Path, folder: Path, features: Sequence[str] = ()) -> Iterator[str]:
    """Run Prometheus with a config file, its data in `folder`; yields its base URL.

    Args:
        config: the file.
        folder: for its data and log.
        features: to be enabled; a version that does not know one warns.
    """
    log = folder / "prometheus.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                program("prometheus"),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                "--web.listen-address=127.0.0.1:0",
                f"--enable-feature={','.join(['exemplar-storage', *features])}",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield f"http://{_address(process, log)}"
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        text = log.read_text()
        # "Start listening" has the requested port 0; "Listening on" has the real one, after the component in
        # 3.x. Until it is ready, it answers every query with 503.
        found = re.search(r'"Listening on" (?:component=web )?address=(\S+)', text)
        if found and "Server is ready to receive web requests" in text:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"Prometheus did not start:\n{log.read_text()}")


def ask(base: str, expression: str) -> list[dict[str, Any]]:
    """The samples of an instant query.

    Raises:
        AssertionError: Prometheus rejects the query.
    """
    try:
        with urlopen(f"{base}/api/v1/query?{urlencode({'query': expression})}", timeout=30) as answer:
            result: list[dict[str, Any]] = json.load(answer)["data"]["result"]
            return result
    except HTTPError as error:
        with error:
            raise AssertionError(f"{error.read().decode()}\n{expression}") from None


def rules(base: str) -> list[dict[str, Any]]:
    """The groups of rules, each with its `rules`."""
    with urlopen(f"{base}/api/v1/rules", timeout=30) as answer:
        groups: list[dict[str, Any]] = json.load(answer)["data"]["groups"]
    return groups
