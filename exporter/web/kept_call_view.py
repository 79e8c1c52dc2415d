"""A kept call on a page: one line, and all evidence as the text to paste into the provider's form.

Pure functions. Everything here is private: a page shows it only to those who may see it.
"""

from dataclasses import dataclass
from typing import Final

from exporter.diagnosis.finding import Status, shown
from exporter.history.model import CallResult, KeptCall
from exporter.history.ticket import ticket
from exporter.switch.sip import SIP_CODES
from exporter.web.past_words import Moment, listed, moment

RESULTS: Final[dict[CallResult, tuple[Status, str]]] = {
    "failed": ("fail", "failed"),
    "silent": ("fail", "silent"),
    "bad": ("warn", "bad audio"),
}
"""Why a call is kept: its status, and the word for it."""


@dataclass(frozen=True, slots=True)
class KeptCard:
    """One kept call.

    Attributes:
        key: identifies it over refreshes.
        numbers: `+1949555xxxx to +1555000xxxx`.
        outcome: `403 Forbidden, D1: call limit reached`.
        ticket: all evidence, as text for the provider's form.
    """

    key: str
    at: Moment
    status: Status
    result: str
    direction: str
    gateway: str
    numbers: str
    outcome: str
    ticket: str


def kept_card(call: KeptCall, now: float) -> KeptCard:
    """The call in words; `now` in epoch seconds. Takes a quarter of a millisecond."""
    status, word = RESULTS[call.result]
    return KeptCard(
        key=f"k-{shown(call.call_uuid)}-{call.at:.3f}",
        at=moment(call.at, now),
        status=status,
        result=word,
        direction=call.direction,
        gateway=shown(call.gateway),
        numbers=" to ".join(shown(number) for number in (call.from_, call.to) if number)
        or "numbers not stored",
        outcome=_outcome(call),
        ticket=ticket([call]),
    )


def _outcome(call: KeptCall) -> str:
    if call.result == "silent":
        return listed(("answered, no audio received", f"{call.talk:.0f} s" if call.talk else ""))
    if call.result == "bad":
        lost = f"{call.packet_loss:.0%} of packets lost" if call.packet_loss else ""
        return listed((f"MOS {call.mos:.1f}" if call.mos is not None else "", lost)) or "bad audio"
    answer = ""
    if call.sip_status is not None:
        phrase = shown(call.sip_phrase, 60) or SIP_CODES.get(call.sip_status, "")
        own = "FreeSWITCH's own " if call.origin == "local" else ""
        answer = f"{own}{call.sip_status} {phrase}".rstrip()
    code = call.provider_code
    meaning = (
        f"{shown(code, 20)}: {shown(call.provider_meaning)}" if call.provider_meaning else shown(code, 20)
    )
    return listed((answer, meaning, "" if answer or meaning else shown(call.cause, 40)))
