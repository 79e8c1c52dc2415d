"""Hang-up causes: FreeSWITCH's names, their numbers, and what they mean to an operator (causes.tsv).

Numbers 1 to 127 are those of ITU-T Q.850; the others are FreeSWITCH's own. Traps: `hangup_cause_q850` of
events is 16, "normal", for every cause above 127, a gateway that is down included. A far end may replace the
cause that FreeSWITCH derives from the SIP status by a number of its own (`Reason: Q.850`).

`UNKNOWN` is not in FreeSWITCH's table: FreeSWITCH writes it for a number without a name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from exporter.switch.tables import read_table


@dataclass(frozen=True, slots=True)
class Cause:
    """One hang-up cause.

    Attributes:
        number: of Q.850 up to 127, above that FreeSWITCH's own; 0 for NONE and UNKNOWN.
        sip: the SIP statuses of the far end that FreeSWITCH turns into this cause.
        meaning, remedy: for people; plain text in which commands stand between backquotes.
    """

    name: str
    number: int
    sip: tuple[int, ...]
    meaning: str
    remedy: str


_BY_NAME: Final = {
    name: Cause(name, int(number), tuple(int(code) for code in sip.split(",") if code), meaning, remedy)
    for name, number, sip, meaning, remedy in read_table("causes.tsv", columns=5)
}
_OTHER: Final = Cause("other", 0, (), "A cause that the exporter does not know.", "Look at FreeSWITCH's log.")

CAUSES: Final[Mapping[str, int]] = MappingProxyType({c.name: c.number for c in _BY_NAME.values()})
"""Every name FreeSWITCH gives the end of a call, and its number."""

OF_THE_CALL: Final = frozenset(
    """
    NORMAL_CLEARING USER_BUSY BUSY_EVERYWHERE NO_ANSWER NO_PICKUP NO_USER_RESPONSE SUBSCRIBER_ABSENT
    UNALLOCATED_NUMBER INVALID_NUMBER_FORMAT NUMBER_CHANGED DOES_NOT_EXIST_ANYWHERE
    REDIRECTION_TO_NEW_DESTINATION ORIGINATOR_CANCEL DECLINE REJECT_ALL UNWANTED LOSE_RACE PICKED_OFF
    MANAGER_REQUEST ALLOTTED_TIMEOUT BLIND_TRANSFER ATTENDED_TRANSFER USER_CHALLENGE
    """.split()
)
"""Causes that caller or callee bring about. An unanswered call that ended with any other has failed: the
network, the provider or FreeSWITCH is the reason, and it lowers the network effectiveness ratio (NER)."""

OUTCOMES: Final = ("answered", "busy", "no_answer", "rejected", "failed")
"""How an outbound call ended, for the one who called: the label `outcome`."""
_OUTCOMES: Final = {
    "busy": "USER_BUSY BUSY_EVERYWHERE",
    "no_answer": """
        NORMAL_CLEARING NO_ANSWER NO_PICKUP NO_USER_RESPONSE SUBSCRIBER_ABSENT ORIGINATOR_CANCEL LOSE_RACE
        PICKED_OFF MANAGER_REQUEST ALLOTTED_TIMEOUT BLIND_TRANSFER ATTENDED_TRANSFER
    """,
    "rejected": """
        CALL_REJECTED DECLINE REJECT_ALL UNWANTED UNALLOCATED_NUMBER INVALID_NUMBER_FORMAT NUMBER_CHANGED
        DOES_NOT_EXIST_ANYWHERE REDIRECTION_TO_NEW_DESTINATION USER_CHALLENGE FACILITY_REJECTED
        FACILITY_NOT_SUBSCRIBED OUTGOING_CALL_BARRED INCOMING_CALL_BARRED
    """,
}
_UNANSWERED: Final = {cause: word for word, causes in _OUTCOMES.items() for cause in causes.split()}

_KNOWN: Final = {name: name for name in CAUSES}


def known_cause(name: str | None) -> str:
    """The cause as a label value: itself if FreeSWITCH has it, else `other`."""
    return _KNOWN.get(name or "", "other")


def unanswered_outcome(cause: str) -> str:
    """The word of OUTCOMES for an unanswered call: `failed` unless caller, callee or a refusal ended it."""
    return _UNANSWERED.get(cause, "failed")


def explain(name: str) -> Cause:
    """What the cause means and what to do; for a name FreeSWITCH does not have, a `Cause` named `other`."""
    return _BY_NAME.get(name, _OTHER)
