"""A server that sends recorded call events to each subscriber, as fast as the client reads them.

The events are the call events in tests/captures, recorded from a running FreeSWITCH, repeated, in the
encoding that the client requests. JSON is made from the plain recordings, because most recordings are plain.
Each repetition is of new calls: their UUIDs differ.
"""

import contextlib
import json
import re
import socket
import threading
from pathlib import Path
from urllib.parse import unquote

from exporter.esl import Event, Protocol

CAPTURES = Path(__file__).resolve().parent.parent / "tests" / "captures"
NAMES = (
    "CHANNEL_CREATE",
    "CHANNEL_PROGRESS",
    "CHANNEL_PROGRESS_MEDIA",
    "CHANNEL_ANSWER",
    "CHANNEL_HANGUP_COMPLETE",
)
MARK = b"feedf00d"  # stands for the number of the repetition


def recorded() -> list[bytes]:
    """The bodies of the recorded call events, plain encoding, in the order of the recordings."""
    return [
        frame.body
        for file in sorted(CAPTURES.glob("ev-plain-call-*.txt"))
        for frame in Protocol().receive(file.read_bytes())
        if frame.content_type == "text/event-plain" and Event(frame.body).name in NAMES
    ]


def renumbered(bodies: list[bytes]) -> list[bytes]:
    """The bodies with MARK as the first eight digits of every leg's UUID, in all places."""
    legs = {uuid for body in bodies if (uuid := Event(body).get(b"Unique-ID"))}
    for leg in legs:
        old, new = leg.encode(), MARK + leg.encode()[len(MARK) :]
        bodies = [body.replace(old, new) for body in bodies]
    return bodies


def as_json(plain: bytes) -> bytes:
    """The event as FreeSWITCH writes it in JSON: same headers, same order, nothing encoded."""
    headers: dict[str, str] = {}
    for line in plain.decode().rstrip("\n").split("\n"):
        name, _, value = line.partition(": ")
        headers.setdefault(name, unquote(value))
    return json.dumps(headers, separators=(",", ":"), ensure_ascii=False).encode()


def frames(bodies: list[bytes], encoding: str) -> bytes:
    """The bodies as frames of `text/event-plain` or `text/event-json`."""
    head = b"Content-Length: %d\nContent-Type: text/event-" + encoding.encode() + b"\n\n"
    return b"".join([head % len(body) + body for body in bodies])


class Stream:
    """An event socket on loopback that sends only the stream.

    Args:
        count: events per subscriber.
    """

    def __init__(self, count: int) -> None:
        bodies = renumbered(recorded())
        self._rounds = max(count // len(bodies), 1)
        self.count = self._rounds * len(bodies)
        self._wire = {
            "plain": frames(bodies, "plain"),
            "json": frames([as_json(body) for body in bodies], "json"),
        }
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listener.accept()
            threading.Thread(target=self._answer, args=(client,), daemon=True).start()

    def _answer(self, client: socket.socket) -> None:
        with (
            contextlib.suppress(OSError),
            client,
            client.makefile("rb") as lines,
        ):  # the client closes when it has enough
            client.sendall(b"Content-Type: auth/request\n\n")
            for line in lines:
                if not line.strip():
                    continue
                client.sendall(b"Content-Type: command/reply\nReply-Text: +OK accepted\n\n")
                if match := re.match(rb"events? (plain|json) ", line):
                    wire = self._wire[match[1].decode()]
                    for number in range(self._rounds):
                        client.sendall(wire.replace(MARK, b"%08x" % number))
