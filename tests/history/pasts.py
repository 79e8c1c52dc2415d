"""Entries of a history, made with few words; times are seconds after BEGAN."""

from datetime import UTC, datetime
from typing import Any, Final

from exporter.history.entries import PutHour, Subject
from exporter.history.model import Figures, KeptCall, OtherLeg, Outage, Phase
from exporter.history.times import epoch
from exporter.watch.changes import Change

BEGAN: Final = datetime(2026, 11, 26, 3, 0, 0, tzinfo=UTC).timestamp()
HOUR: Final = 3600.0
DAY: Final = 86400.0
TELNYX: Final = Subject("fs1", "telnyx", "external")


def change(at: float = 0.0, what: str = "xml_reloaded", node: str = "fs1", **more: str) -> Change:
    return Change(BEGAN + at, node, what, **more)


def outage(began: float = 0.0, seconds: float | None = 60.0, /, **more: Any) -> Outage:
    """An outage of telnyx; with `seconds` None one that lasts."""
    start = BEGAN + began
    fields: dict[str, Any] = {
        "id": round(start * 1000),
        "layer": "gateway",
        "node": "fs1",
        "gateway": "telnyx",
        "profile": "external",
        "began": start,
        "ended": None if seconds is None else start + seconds,
        "seconds": float(seconds or 0),
        "course": (Phase(start, "unreachable", "503 Service Unavailable"),),
    }
    return Outage(**fields | more)


def call(at: float = 0.0, /, **more: Any) -> KeptCall:
    fields: dict[str, Any] = {
        "at": BEGAN + at,
        "node": "fs1",
        "result": "failed",
        "gateway": "telnyx",
        "direction": "outbound",
        "from_": "+1949533xxxx",
        "to": "+1555000xxxx",
        "call_uuid": f"0f1e2d3c-4b5a-6978-8796-{round((BEGAN + at) * 1000):012d}",
        "sip_call_id": "abc@192.0.2.1",
        "sip_status": 403,
        "sip_phrase": "Forbidden D1",
        "q850": 21,
        "cause": "CALL_REJECTED",
        "origin": "far_end",
    }
    return KeptCall(**fields | more)


FULL_CALL: Final = call(
    5.0,
    reason="Q.850;cause=21",
    provider_code="D1",
    provider_meaning="call limit reached",
    ended_by="far_end",
    post_dial_delay=1.23456,
    talk=0.5,
    remote_sip="192.0.2.7:5060",
    remote_media="192.0.2.8:30000",
    codec="PCMU",
    user_agent="provider",
    packets_in=1,
    packets_out=2,
    mos=4.5,
    other_leg=OtherLeg(
        call_uuid="ffffffff-4b5a-6978-8796-a5b4c3d2e1f0",
        direction="inbound",
        gateway="carrier",
        from_="+1",
        to="+2",
        sip_call_id="def@192.0.2.9",
        cause="NORMAL_CLEARING",
    ),
)


def hour(
    at: float = 0.0,
    watched: float = HOUR,
    usable: float = HOUR,
    subject: Subject = TELNYX,
    **more: int,
) -> PutHour:
    """The figures of an hour that begins `at` seconds after BEGAN."""
    return PutHour(subject, BEGAN + at, Figures(watched=watched, usable=usable, **more))


def at(text: str) -> float:
    """A time of an answer, in seconds after BEGAN."""
    return epoch(text) - BEGAN
