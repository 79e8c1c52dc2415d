"""A real Alertmanager with the committed example, and its receivers: webhooks of the test.

Only the waiting times and the receivers' addresses differ from the example.
"""

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import Request, urlopen

import yaml

from tests.alerts.rule_files import EXAMPLE
from tests.support.tools import program

DEADLINE = 30.0

Labels = dict[str, str]


class Notification(NamedTuple):
    """One alert in one message.

    Attributes:
        channel: `pages` or `tickets`, the receivers of the example.
        status: `firing` or `resolved`.
    """

    channel: str
    status: str
    labels: Labels
    annotations: Labels


class Receiver:
    """A webhook that keeps all notifications."""

    def __init__(self) -> None:
        self.notifications: list[Notification] = []
        self.messages: list[dict[str, Any]] = []
        notifications, messages = self.notifications, self.messages

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                messages.append(message)
                channel = self.path.strip("/")
                for alert in message["alerts"]:
                    notifications.append(
                        Notification(channel, alert["status"], alert["labels"], alert["annotations"])
                    )
                self.send_response(200)
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def received(self, name: str, status: str = "firing") -> bool:
        return any(sent.labels["alertname"] == name and sent.status == status for sent in self.notifications)


class Alertmanager:
    """The part of its API that the tests need."""

    def __init__(self, base: str) -> None:
        self.base = base

    def post(self, alerts: list[Labels], *, over: bool = False) -> None:
        ends = {"endsAt": datetime.now(UTC).isoformat()} if over else {}
        body = json.dumps([{"labels": labels, **ends} for labels in alerts]).encode()
        request = Request(f"{self.base}/api/v2/alerts", body, {"Content-Type": "application/json"})
        with urlopen(request, timeout=10):
            pass

    def inhibited(self) -> list[Labels]:
        """The alerts that are inhibited."""
        with urlopen(f"{self.base}/api/v2/alerts", timeout=10) as answer:
            alerts = json.load(answer)
        return [alert["labels"] for alert in alerts if alert["status"]["inhibitedBy"]]


@contextmanager
def running(folder: Path, receiver: Receiver) -> Iterator[Alertmanager]:
    """Run it with its data in `folder`; it notifies `receiver`."""
    config = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    for place in config["receivers"]:
        for hook in place["webhook_configs"]:
            hook["url"] = f"{receiver.url}/{hook['url'].rpartition('/')[2]}"
    # Long enough for all alerts of one request to arrive before the first notification.
    config["route"] |= {"group_wait": "1s", "group_interval": "1s"}
    path = folder / "alertmanager.yml"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    log = folder / "alertmanager.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [
                program("alertmanager"),
                f"--config.file={path}",
                f"--storage.path={folder / 'alertmanager'}",
                "--web.listen-address=127.0.0.1:0",
                "--cluster.listen-address=",
            ],
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield Alertmanager(f"http://{_address(process, log)}")
    finally:
        process.terminate()
        process.wait(timeout=30)


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    def listening() -> re.Match[str] | None:
        assert process.poll() is None, log.read_text()
        return re.search(r'msg="Listening on" address=(\S+)', log.read_text())

    until(listening, "Alertmanager does not listen")
    found = listening()
    assert found
    return found[1]


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until the condition is true.

    Raises:
        AssertionError: it was not within DEADLINE seconds; `what` is the message.
    """
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
