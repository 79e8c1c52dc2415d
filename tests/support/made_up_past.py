"""A past that never was, for pages: a day of a trunk with outages, flaps, a gap, changes and kept calls."""

import math
from collections.abc import Iterator

from exporter.history.model import Figures, KeptCall, OtherLeg, Outage, Phase, Sample, Span
from exporter.history.store import Entry, PutHour, PutSample, PutSpan, Subject
from exporter.watch.changes import Change

HOUR = 3600.0
DAY = 24 * HOUR
SLOT = 300.0
NOT_WATCHED = (9 * HOUR, 6.5 * HOUR)  # before now, from and to


def outage(began: float, seconds: float | None, now: float, **changes: object) -> Outage:
    """One of gateway telnyx on fs1; `seconds` None: it lasts."""
    fields: dict[str, object] = {
        "id": int(began * 1000) % 2**52 + 1,
        "layer": "gateway",
        "node": "fs1",
        "gateway": "telnyx",
        "profile": "external",
        "began": began,
        "ended": None if seconds is None else began + seconds,
        "seconds": now - began if seconds is None else seconds,
        "course": (Phase(began, "unreachable", "503 Service Unavailable"),),
    }
    return Outage(**(fields | changes))  # type: ignore[arg-type]


def kept_call(at: float, **changes: object) -> KeptCall:
    """A call through telnyx that failed with the provider's code D1."""
    fields: dict[str, object] = {
        "at": at,
        "started": at - 0.31,
        "node": "fs1",
        "result": "failed",
        "gateway": "telnyx",
        "direction": "outbound",
        "from_": "+1949543xxxx",
        "to": "+1555000xxxx",
        "call_uuid": f"70726f62-0000-4000-8000-{int(at * 1000) % 10**12:012d}",
        "sip_call_id": f"{int(at)}-4b5a-1239-8c9d-0242ac110002",
        "sip_status": 403,
        "sip_phrase": "Outbound call limit reached D1",
        "q850": 21,
        "reason": "Q.850;cause=21",
        "provider_code": "D1",
        "provider_meaning": "Outbound channel limit reached",
        "cause": "CALL_REJECTED",
        "origin": "far_end",
        "ended_by": "far_end",
        "post_dial_delay": 0.31,
        "remote_sip": "192.0.2.10:5060",
        "user_agent": "Telnyx SIP Proxy",
    }
    return KeptCall(**(fields | changes))  # type: ignore[arg-type]


def telnyx(now: float, *, down: bool = True) -> Iterator[Entry]:
    """The past of gateway telnyx of node fs1, profile external.

    Args:
        now: epoch seconds.
        down: it has been in an outage for seven minutes.
    """
    subject = Subject("fs1", "telnyx", "external")
    reload = Change(now - 460, "fs1", "xml_reloaded")
    yield reload
    yield Change(now - 3 * HOUR, "fs1", "module_loaded", "mod_opus")
    yield Change(now - 5 * HOUR, "fs1", "gateway_changed", "telnyx", "proxy 192.0.2.9", "proxy 192.0.2.10")
    yield Change(now - 7 * HOUR, "fs1", "limits", "max-sessions", "1000", "2000")
    yield Change(now - 26 * HOUR, "fs1", "upgraded", "", "1.10.12", "1.11.2")
    yield Change(now - 6.5 * HOUR, "", "exporter_started", "", "", "0.2.0")
    if down:
        yield outage(
            now - 420,
            None,
            now,
            course=(
                Phase(now - 420, "ping_overdue"),
                Phase(now - 391, "ping_failed"),
                Phase(now - 360, "unreachable", "503 Service Unavailable"),
            ),
            calls_failed=3,
            dials_refused=12,
            probes_failed=1,
            changes_before=(reload,),
        )
    for number in range(14):
        yield outage(now - 4 * HOUR + 35 * number, 6.0 + number % 4, now, calls_failed=number % 2)
    yield outage(
        now - 20 * HOUR, 1900, now, course=(Phase(now - 20 * HOUR, "auth_rejected", "403 Forbidden"),)
    )
    yield outage(now - 9.2 * HOUR, 2.5 * HOUR, now, ended_unwatched=True, dials_refused=4)
    yield outage(
        now - 30 * HOUR,
        62,
        now,
        layer="switch",
        gateway="",
        profile="",
        course=(Phase(now - 30 * HOUR, "refused", "Nothing listens at 192.0.2.1:8021"),),
    )
    yield PutSpan("fs1", Span(now - 40 * DAY, now - NOT_WATCHED[0]))
    yield PutSpan("fs1", Span(now - NOT_WATCHED[1], now))
    for number in range(40 * 24):
        at = (now // HOUR - number) * HOUR
        if not _watched(at, now):
            continue
        usable = HOUR if number not in (0, 4, 20) else HOUR - (420 if number == 0 else 110)
        watched = min(HOUR, now - at)
        yield PutHour(subject, at, Figures(watched=watched, usable=min(usable, watched), calls=40, failed=2))
    for number in range(288):
        at = (now // SLOT - number) * SLOT
        if not _watched(at, now):
            continue
        answered = not (down and number < 2) and number not in range(46, 49)
        calls = round(6 + 5 * math.sin(number / 40))
        yield PutSample(
            subject,
            Sample(
                at=at,
                ping=0.028 + 0.006 * math.sin(number / 9) + (0.03 if number % 67 == 3 else 0)
                if answered
                else None,
                active=calls + 3,
                calls=calls,
                failed=0 if number % 7 else 2,
            ),
        )
    yield kept_call(now - 380)
    yield kept_call(
        now - 395,
        sip_status=503,
        sip_phrase="",
        origin="local",
        cause="NORMAL_TEMPORARY_FAILURE",
        provider_code="",
        provider_meaning="",
        reason="",
        q850=41,
        ended_by="freeswitch",
    )
    yield kept_call(
        now - 2 * HOUR,
        result="silent",
        sip_status=200,
        sip_phrase="OK",
        provider_code="",
        provider_meaning="",
        cause="NORMAL_CLEARING",
        q850=16,
        talk=34.2,
        packets_in=0,
        packets_out=1710,
        codec="PCMU",
        remote_media="192.0.2.77:20244",
        other_leg=OtherLeg(call_uuid="11111111-0000-4000-8000-000000000001", direction="inbound"),
    )
    yield kept_call(
        now - 3 * HOUR,
        result="bad",
        sip_status=200,
        sip_phrase="OK",
        provider_code="",
        provider_meaning="",
        cause="NORMAL_CLEARING",
        q850=16,
        talk=187.0,
        packets_in=8200,
        packets_out=9350,
        mos=2.1,
        codec="PCMA",
    )


def quiet(subject: Subject, now: float) -> Iterator[Entry]:
    """The past of a gateway that nothing ever happened to."""
    for number in range(24):
        at = (now // HOUR - number) * HOUR
        if _watched(at, now):
            watched = min(HOUR, now - at)
            yield PutHour(subject, at, Figures(watched=watched, usable=watched, calls=4))


def _watched(at: float, now: float) -> bool:
    ago = now - at
    return not NOT_WATCHED[1] + HOUR < ago <= NOT_WATCHED[0] - HOUR / 2 if ago > HOUR else True
