"""Kept calls as a text for the form of a provider's support.

Strategy: first what the support finds a call by in its own records (time in UTC, SIP Call-ID, from, to,
direction), then what happened (SIP answer, code, cause, who ended it), then what shows where to look
(addresses, codec, packets): what a provider's own record of a call has (Twilio, Voice Insights, "Call
Summary"), as far as FreeSWITCH knows it. What is not known has no line. Texts of the far end are strangers'
text: each is put on one line, and broken like any other, so that none can pretend to be a line of the ticket.
"""

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Final

from exporter.esl.errors import one_line
from exporter.history.masking import is_masked
from exporter.history.model import KeptCall, OtherLeg
from exporter.switch.sip import SIP_CODES

WIDTH: Final = 99  # columns
_LABELS: Final = 18  # columns
_MS: Final = 1000

_WHAT: Final = {
    "failed": "not connected",
    "silent": "answered, but FreeSWITCH received no audio",
    "bad": "answered, with bad audio",
}
_DIRECTIONS: Final = {
    "outbound": "outbound (FreeSWITCH sent the INVITE)",
    "inbound": "inbound (FreeSWITCH received the INVITE)",
}
_ENDED_BY: Final = {"far_end": "the far end", "freeswitch": "FreeSWITCH"}
_MASKED: Final = (
    "Numbers are without their last digits, as they were stored. To store complete ones from now on, set "
    "`history: {numbers: full}` in the exporter's config."
)
_LEFT_OUT: Final = (
    "Numbers were not stored. To store them from now on, set `history: {numbers: full}` in the exporter's "
    "config."
)


def ticket(calls: Sequence[KeptCall]) -> str:
    """The text, a block for each call in the order given; lines end with a line feed."""
    several = len(_gateways(calls)) > 1
    blocks = [_head(calls)]
    for number, call in enumerate(calls, 1):
        blocks.append(_block(number, call, gateway=_gateway(call) if several else ""))
    return "\n".join("".join(f"{line}\n" for line in block) for block in blocks)


def _head(calls: Sequence[KeptCall]) -> list[str]:
    if not calls:
        return ["No such call is kept."]
    counts: Counter[str] = Counter(call.result for call in calls)
    kinds = "; ".join(f"{counts[kind]} {text}" for kind, text in _WHAT.items() if counts[kind])
    times = [call.at if call.started is None else call.started for call in calls]
    lines = [
        *_line("Calls", f"{len(calls)} ({kinds})"),
        *_line("Time", f"{_utc(min(times))} to {_utc(max(times))}" if len(calls) > 1 else _utc(times[0])),
        *_line("Gateway", "; ".join(_gateways(calls))),
    ]
    numbers = [number for call in calls for number in (call.from_, call.to)]
    if any(map(is_masked, numbers)):
        lines += textwrap.wrap(_MASKED, WIDTH)
    elif not any(numbers):
        lines += textwrap.wrap(_LEFT_OUT, WIDTH)
    return lines


def _gateways(calls: Sequence[KeptCall]) -> list[str]:
    return list(dict.fromkeys(map(_gateway, calls)))


def _gateway(call: KeptCall) -> str:
    return f"{call.gateway or 'none'} (FreeSWITCH {call.node})"


def _block(number: int, call: KeptCall, *, gateway: str) -> list[str]:
    lines = [f"Call {number}: {_what(call)}"]
    for label, value in (("Gateway", gateway), *_facts(call)):
        if value:
            lines += _line(f"  {label}", value)
    return lines


def _what(call: KeptCall) -> str:
    """What happened, in one clause."""
    if call.result != "failed" or call.origin == "far_end":
        return _WHAT[call.result]
    if call.direction == "inbound":
        return "not connected: FreeSWITCH refused it"
    if not call.sip_call_id and not call.ended_by:
        return "not connected: FreeSWITCH sent no INVITE"
    return "not connected: no answer to FreeSWITCH's INVITE came from the network"


def _facts(call: KeptCall) -> Iterator[tuple[str, str]]:
    """What is known of a call, by label; what is not known is empty."""
    yield "Began", "" if call.started is None else _utc(call.started)
    yield "Ended", _utc(call.at)
    yield "SIP Call-ID", call.sip_call_id
    yield "From", call.from_
    yield "To", call.to
    yield "Direction", _DIRECTIONS[call.direction]
    yield "SIP response", _response(call)
    yield "Provider's code", _joined(": ", call.provider_code, call.provider_meaning)
    yield "Reason header", call.reason
    yield "Cause", call.cause if call.q850 is None else f"{call.cause} (Q.850 {call.q850})"
    yield "Ended by", _ENDED_BY.get(call.ended_by, "")
    yield "Post-dial delay", _seconds(call.post_dial_delay)
    yield "Talk time", _seconds(call.talk)
    yield "SIP address", _joined("", call.remote_sip, " (far end)" if call.remote_sip else "")
    yield "Media addresses", _media(call)
    yield "Codec", call.codec
    yield "RTP packets", _packets(call)
    yield "MOS", "" if call.mos is None else f"{call.mos:.2f} (of received audio)"
    yield (
        "Packet loss",
        "" if call.packet_loss is None else f"{call.packet_loss * 100:.0f} % (of received audio)",
    )
    yield "User agent", call.user_agent
    yield "FreeSWITCH UUID", call.call_uuid
    if call.other_leg is not None:
        yield "Other leg", _other_leg(call.other_leg)


def _response(call: KeptCall) -> str:
    if call.sip_status is None:
        return ""
    answer = f"{call.sip_status} {call.sip_phrase or SIP_CODES.get(call.sip_status, '')}".rstrip()
    return f"none; {answer} is FreeSWITCH's own" if call.origin == "local" else answer


def _media(call: KeptCall) -> str:
    return _joined(
        ", ",
        f"{call.remote_media} (far end)" if call.remote_media else "",
        f"{call.local_media} (FreeSWITCH)" if call.local_media else "",
    )


def _packets(call: KeptCall) -> str:
    if call.packets_in is None or call.packets_out is None:
        return ""
    return f"{call.packets_in} received, {call.packets_out} sent by FreeSWITCH"


def _other_leg(leg: OtherLeg) -> str:
    return _joined(
        ", ",
        leg.direction,
        f"gateway {leg.gateway}" if leg.gateway else "",
        f"from {leg.from_}" if leg.from_ else "",
        f"to {leg.to}" if leg.to else "",
        f"SIP Call-ID {leg.sip_call_id}" if leg.sip_call_id else "",
        leg.cause,
        f"FreeSWITCH UUID {leg.call_uuid}",
    )


def _joined(between: str, *parts: str) -> str:
    return between.join(part for part in parts if part)


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"


def _utc(epoch: float) -> str:
    """As `2026-11-26 12:15:15.144 UTC`."""
    at = datetime.fromtimestamp(round(epoch * _MS) / _MS, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // _MS:03} UTC"


def _line(label: str, value: str) -> list[str]:
    """A fact: its label, and its value in a column of its own; one that is too long is broken."""
    return textwrap.wrap(
        one_line(value),
        WIDTH,
        initial_indent=f"{label:<{_LABELS}}",
        subsequent_indent=" " * _LABELS,
        break_on_hyphens=False,
    )
