"""The demo as a user starts it: a process with an HTTP server."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.error import HTTPError
from urllib.request import Request, urlopen

START_SECONDS = 30


@contextmanager
def running() -> Iterator[str]:
    """Run the demo on a free port of loopback; yields its base URL."""
    process = subprocess.Popen(
        [sys.executable, "-m", "exporter", "demo", "--listen", "127.0.0.1:0", "--log-format", "json"],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"127\.0\.0\.1:(\d+)", line):
                break
        else:
            raise AssertionError("the demo ended before it served")
        yield f"http://127.0.0.1:{found[1]}"
    finally:
        process.terminate()
        process.communicate(timeout=30)


def get(url: str, **headers: str) -> str:
    """The text of a page."""
    try:
        with urlopen(Request(url, headers=headers), timeout=10) as answer:
            text: str = answer.read().decode()
            return text
    except HTTPError as error:
        error.close()
        raise


def until(url: str, pattern: str, seconds: float) -> str:
    """Read a page until a line of it matches; its text."""
    deadline = time.monotonic() + seconds
    while not re.search(pattern, text := get(url), re.MULTILINE):
        assert time.monotonic() < deadline, f"no line matches {pattern}"
        time.sleep(0.2)
    return text
