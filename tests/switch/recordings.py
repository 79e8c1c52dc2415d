"""The recorded events, and CUSTOM events made of any headers."""

import json
from collections.abc import Mapping

from exporter.esl import Event, Protocol
from exporter.switch.log_line import LogLine, parse_log_line
from tests.switch.replies import CAPTURES


def events(capture: str) -> list[Event]:
    """The events of tests/captures/CAPTURE.txt, in order."""
    frames = Protocol().receive((CAPTURES / f"{capture}.txt").read_bytes())
    return [Event(frame.body) for frame in frames if "event" in frame.content_type]


def lines(capture: str) -> list[LogLine]:
    """The lines at WARNING or above of tests/captures/CAPTURE.txt, in order."""
    frames = Protocol().receive((CAPTURES / f"{capture}.txt").read_bytes())
    logged = [frame for frame in frames if frame.content_type == "log/data"]
    parsed = [parse_log_line(int(frame.header(b"Log-Level") or -1), frame.body.decode()) for frame in logged]
    return [line for line in parsed if line is not None]


def custom(subclass: str, headers: Mapping[str, str]) -> Event:
    """A CUSTOM event in JSON, as FreeSWITCH writes it."""
    whole = {"Event-Name": "CUSTOM", "Event-Subclass": subclass, **headers}
    return Event(json.dumps(whole, separators=(",", ":")).encode())
