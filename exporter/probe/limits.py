"""How long a probe call may ring, talk and live, in the units FreeSWITCH takes.

FreeSWITCH counts these in whole seconds of a clock that it reads twice: a limit of n ends the wait after n-1
to n+0.5 seconds (facts.md 6.3). So a limit that is needed as a minimum gets one second more. The caps only
have to be late enough never to cut a healthy call short, and certain.
"""

import math
from typing import Final, NamedTuple

from exporter.config.model import ProbeConfig
from exporter.probe.callid import MAX_CAP

# A second of listening, three times up to 1.5 s of waiting for the tone and 0.6 s of silence, two seconds of
# tone, and as much again for a loaded switch: 5 s where the tone returns at once, 9.3 s where nothing returns
# (tried.md 3).
TONE_SECONDS: Final = 14.0
_AFTER_ANSWER: Final = 2
_SETUP: Final = 5
_MAX: Final = 3600.0


class Limits(NamedTuple):
    """The times armed inside FreeSWITCH before the INVITE leaves.

    Attributes:
        ring: seconds until an unanswered call is given up (`originate_timeout`).
        talk: seconds from answer to our own hang-up.
        answered: seconds from answer after which FreeSWITCH ends the call, whatever runs on it.
        total: the call's own cap: seconds from creation after which it is over in any case.
    """

    ring: int
    talk: float
    answered: int
    total: int


def talk_seconds(settings: ProbeConfig) -> float:
    """How long the probe talks at most, seconds. The tone's course takes its own time."""
    return TONE_SECONDS if settings.application == "tone" else settings.talk_time


def limits(settings: ProbeConfig, ring: float) -> Limits:
    """The limits of one call that may ring for `ring` seconds.

    Raises:
        ValueError: they do not fit into MAX_CAP.
    """
    talk = talk_seconds(settings)
    if not (0 < ring <= _MAX and 0 < talk <= _MAX):
        raise ValueError(f"ring and talk time are above 0 and up to {_MAX:g} s, not {ring:g} and {talk:g}")
    whole_ring = math.floor(ring) + 1
    answered = math.ceil(talk) + _AFTER_ANSWER
    total = whole_ring + answered - _AFTER_ANSWER + _SETUP
    if total > MAX_CAP:
        raise ValueError(f"ring and talk time together are too long: the whole call may take {MAX_CAP} s")
    return Limits(whole_ring, talk, answered, total)
