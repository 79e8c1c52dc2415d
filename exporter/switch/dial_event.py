"""What events tell of dials by other clients and by the dialplan: what was asked for, and how it was refused.

Facts (facts-more.md B, recorded on 1.11.2):
- `api originate` fires API when it ends, with the stamp and the Event-Sequence of its start, and without a
  result. `bgapi originate` fires API, and right after it BACKGROUND_JOB with the same arguments and a reply.
- A dial that mod_sofia refuses itself leaves a CHANNEL_DESTROY in the state CS_NONE, which names nothing. Its
  Event-Sequence follows that of the API; the two arrive in either order.
- The second leg of a bridge has neither. Its refusal stands in the CHANNEL_HANGUP_COMPLETE of the first:
  `originate_failed_cause`, which stays when the call goes on (to a mailbox, for example), and the target as
  the argument of the application that is or was the last one. Where a later bridge had another end,
  `originate_disposition` says so, and that argument is the later one's.
- `dialed_user` is the last user that was dialled and found in the directory.
- `originate_causes` of the first leg has `UUID;CAUSE` of every leg that was made.

- Commands are found in any case, and written into the event as they came. API-Command-Argument has lost the
  blanks around the arguments, Job-Command-Arg has not (switch_api_execute). `expand originate ...` is one
  event that has both commands; its first, and the first one's arguments, are read.

The arguments are reduced to targets at once (dial_target.py); of their text only a hash stays.
"""

import re
from typing import Final, NamedTuple, Self

from exporter.esl import Event
from exporter.switch.dial_target import Dial, DialTarget, read_dial_string, read_originate, takes_words
from exporter.switch.leg import ChannelEvent

_REFUSAL: Final = re.compile(r"-ERR ([A-Z0-9_]{1,64})\s*")
_ORIGINATE: Final = "originate"
_EXPAND: Final = "expand"

USAGE: Final = "USAGE"
"""The refusal of an originate with too few or too many arguments, in place of a cause."""

MADE_NO_LEG: Final = frozenset(
    """
    INVALID_GATEWAY GATEWAY_DOWN INVALID_URL INVALID_PROFILE USER_NOT_REGISTERED SUBSCRIBER_ABSENT
    CHAN_NOT_IMPLEMENTED DESTINATION_OUT_OF_ORDER
    """.split()
)
"""Causes with which FreeSWITCH refuses a dial before there is a leg."""


class DialEnded(NamedTuple):
    """API of an originate.

    Attributes:
        key: the same for the same arguments.
        sequence: of the event, taken when the originate began; began: when, epoch seconds of FreeSWITCH.
        usage: it had too few or too many arguments, so that nothing was dialled.
    """

    dial: Dial
    key: int
    sequence: int
    began: float
    usage: bool

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None for other commands."""
        arguments = _of_originate(event.get(b"API-Command"), event.get(b"API-Command-Argument"))
        if arguments is None:
            return None
        sequence = event.get_int(b"Event-Sequence") or 0
        usage = not takes_words(arguments)
        return cls(read_originate(arguments), hash(arguments), sequence, event.timestamp, usage)


class DialJob(NamedTuple):
    """BACKGROUND_JOB of an originate.

    Attributes:
        key: the same for the same arguments.
        refusal: the cause, USAGE, or empty where the dial succeeded.
    """

    dial: Dial
    key: int
    refusal: str

    @classmethod
    def from_event(cls, event: Event) -> Self | None:
        """Reads the event; None for other commands."""
        arguments = _of_originate(event.get(b"Job-Command"), event.get(b"Job-Command-Arg"))
        if arguments is None:
            return None
        reply = event.body
        found = _REFUSAL.fullmatch(reply)
        refusal = found[1] if found else USAGE if reply.startswith("-USAGE") else ""
        return cls(read_originate(arguments), hash(arguments), refusal)


class Dropped(NamedTuple):
    """CHANNEL_DESTROY of a session that never became a leg; `at`: epoch seconds of FreeSWITCH."""

    sequence: int
    at: float

    @classmethod
    def of(cls, event: ChannelEvent) -> Self:
        """Reads an event whose `never_began` is true."""
        return cls(event.sequence, event.stamp)


class RefusedBridge(NamedTuple):
    """The second leg of a call was refused: why, and what it was to be."""

    cause: str
    dial: Dial


def read_refused_bridge(event: ChannelEvent) -> RefusedBridge | None:
    """The refusal that the last event of a first leg tells of; None if there was none, or a leg was made."""
    raw = event.raw
    cause = raw.get(b"variable_originate_failed_cause")
    if cause is None or cause not in MADE_NO_LEG or f';{cause}"'.encode() in raw.text:
        return None
    if raw.get(b"variable_originate_disposition") not in (None, cause, "failure"):
        target = None
    elif raw.get(b"variable_current_application") == "bridge":
        target = raw.get(b"variable_current_application_data")
    elif raw.get(b"variable_last_app") == "bridge":
        target = raw.get(b"variable_last_arg")
    else:
        target = _dialled_user(raw) if cause == "USER_NOT_REGISTERED" else None
    return RefusedBridge(cause, read_dial_string(target) if target else Dial((DialTarget("other"),)))


def _of_originate(command: str | None, arguments: str | None) -> str | None:
    """The arguments of an originate; None for other commands."""
    command, arguments = (command or "").lower(), (arguments or "").strip()
    if command == _EXPAND:
        command, _, arguments = arguments.partition(" ")
        command, arguments = command.lower(), arguments.strip()
    return arguments if command == _ORIGINATE else None


def _dialled_user(raw: Event) -> str | None:
    user, domain = raw.get(b"variable_dialed_user"), raw.get(b"variable_dialed_domain")
    return f"user/{user}@{domain}" if user and domain else None
