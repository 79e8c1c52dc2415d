"""The recorded bytes, and what they tell: `stories.txt` beside this file holds the facts of every capture.

`tell` puts frames into the words of that file, by the package's own look-ups, so that comparing the two
checks frames and events at once.
"""

import itertools
import re
from pathlib import Path
from typing import Final

from exporter.esl import Event, Frame, Protocol

_HERE: Final = Path(__file__).parent
CAPTURES: Final = {
    path.stem: path
    for path in sorted((_HERE.parent / "captures").glob("*.txt"))
    if not path.name.startswith("transitions-")  # notes, not bytes from the wire
}
EVENTS: Final = [name for name in CAPTURES if name.startswith("ev-")]
_FACTS: Final = re.compile(
    r"\t(UNREGED|TRYING|REGISTER|REGED|UNREGISTER|FAILED|FAIL_WAIT|NOREG|DOWN|TIMEOUT|RUNNING|UP)\b"
    r"|<(?:state|status|calls-out|failed-calls-out)>([^<]+)<"
    r"|^(?:Failed)?CallsOUT\s*\t(\d+)$"
    r'|"state":\s*"(\w+)"',
    re.MULTILINE,
)
_OF_A_CALL: Final = {
    "cause": b"Hangup-Cause",
    "sip": b"variable_sip_term_status",
    "direction": b"Call-Direction",
    "gateway": b"variable_sip_gateway_name",
    "ms": b"variable_mduration",
    "talked": b"variable_billmsec",
    "heard": b"variable_rtp_audio_in_packet_count",
    "media": b"variable_rtp_audio_in_media_packet_count",
    "sent": b"variable_rtp_audio_out_packet_count",
    "mos": b"variable_rtp_audio_in_mos",
}


def raw(name: str) -> bytes:
    """The bytes of a capture."""
    return CAPTURES[name].read_bytes()


def frames(name: str) -> list[Frame]:
    """All frames of a capture, received in one piece."""
    return Protocol().receive(raw(name))


def events(name: str) -> list[Event]:
    """All events of a capture, in order."""
    return [Event(frame.body) for frame in frames(name) if frame.content_type.startswith("text/event-")]


def stories() -> dict[str, list[str]]:
    """The asserted facts by capture."""
    text = (_HERE / "stories.txt").read_text()
    told: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        if line[0] != " ":
            name, _, line = line.partition(":")
            told[name] = []
        told[name] += [part for part in line.strip().removesuffix(" |").split(" | ") if part]
    return told


def tell(of: list[Frame]) -> list[str]:
    """The frames in the words of `stories.txt`."""
    told = []
    for words, group in itertools.groupby(_words(frame) for frame in of):
        count = len(list(group))
        told.append(words if count == 1 else f"{count}x {words}")
    return told


def _words(frame: Frame) -> str:
    body = frame.body.decode()
    match frame.content_type:
        case "auth/request":
            return "<auth/request>"
        case "command/reply":
            return f"<{frame.header(b'Reply-Text')}>"
        case "api/response":
            if len(body) <= 130:
                return "<" + body.replace("\n", "\\n") + ">"
            facts = " ".join("".join(groups) for groups in _FACTS.findall(body))
            return f"<{len(frame.body)} bytes: {facts or body.split(chr(10))[0][:60].strip()}>"
        case "text/event-plain" | "text/event-json":
            return _event_words(Event(frame.body))
        case _:
            return "<" + body.split("\n")[0].replace(" | ", " / ") + ">"


def _event_words(event: Event) -> str:
    match event.name:
        case "CUSTOM" if event.subclass == "sofia::gateway_state":
            words = ["gateway", event.get(b"Gateway"), event.get(b"State"), event.get(b"Status")]
            return " ".join([*filter(None, words), f"ping-{event.get(b'Ping-Status')}"])
        case "CUSTOM":
            return " ".join(filter(None, [event.subclass, event.get(b"Gateway")]))
        case "BACKGROUND_JOB":
            return f"BACKGROUND_JOB {event.body.strip()}"
        case "CHANNEL_HANGUP_COMPLETE":
            figures = {word: event.get(header) for word, header in _OF_A_CALL.items()}
            return "CHANNEL_HANGUP_COMPLETE " + " ".join(
                f"{k}={v}" for k, v in figures.items() if v is not None
            )
        case "HEARTBEAT":
            sessions = event.get(b"Session-Count"), event.get(b"Session-Since-Startup")
            return "HEARTBEAT sessions={} since-startup={}".format(*sessions)
        case name:
            return name
