"""The life of one probe call as FreeSWITCH's events tell it: which state it is in, and when it is over.

A call is told twice: by the events of its channel, and by the reply to the originate that made it. They come
from two threads of FreeSWITCH, in either order, so a call is over when both have ended. The states follow the
channel:

    PLACING --CREATE--> DIALING --PROGRESS or PROGRESS_MEDIA--> RINGING --ANSWER--> TALKING
    --HANGUP_COMPLETE--> ENDED
       '--DESTROY--> DROPPED: refused before any INVITE (gateway down or unknown)

Early media is ringing, not an answer. A later state may follow any earlier one, because an event between may
be missing; none leads back. CHANNEL_DESTROY repeats CHANNEL_HANGUP_COMPLETE and stands in for it.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Final

from exporter.esl import Event
from exporter.probe.dialstring import MARK_EVENT
from exporter.probe.facts import CallFacts, read_facts, refusal_of

_MAX_MARKS: Final = 16


class State(StrEnum):
    """Where a call is; the values are what `GET /api/calls/{uuid}` shows as `status`."""

    PLACING = "initiated"
    DIALING = "dialing"
    RINGING = "ringing"
    TALKING = "answered"
    ENDED = "ended"
    DROPPED = "dropped"


_ENDS: Final = {"CHANNEL_HANGUP_COMPLETE": State.ENDED, "CHANNEL_DESTROY": State.ENDED}
_ANSWERS: Final = {"CHANNEL_ANSWER": State.TALKING, **_ENDS}
_RINGS: Final = {"CHANNEL_PROGRESS": State.RINGING, "CHANNEL_PROGRESS_MEDIA": State.RINGING, **_ANSWERS}
TRANSITIONS: Final[dict[State, dict[str, State]]] = {
    State.PLACING: {**_RINGS, "CHANNEL_CREATE": State.DIALING, "CHANNEL_DESTROY": State.DROPPED},
    State.DIALING: _RINGS,
    State.RINGING: {"CHANNEL_PROGRESS_MEDIA": State.RINGING, **_ANSWERS},
    State.TALKING: _ENDS,
    State.ENDED: {},
    State.DROPPED: {},
}


class Life:
    """One call, from the first event on.

    Args:
        tone: the call sends a tone and marks.
        on_change: called after every change.

    Attributes:
        state: where its channel is.
        early_media: the far end sent sound before it answered.
        reply: the body of the originate's BACKGROUND_JOB; None before it came.
    """

    def __init__(self, *, tone: bool, on_change: Callable[[], None]) -> None:
        self.state = State.PLACING
        self.early_media = False
        self.reply: str | None = None
        self._tone = tone
        self._on_change = on_change
        self._created = False
        self._started: float | None = None
        self._end: Event | None = None
        self._marks: list[tuple[str, float]] = []

    def on_leg(self, event: Event) -> None:
        """An event of the call's channel."""
        name = event.name
        if name == "CUSTOM":
            if event.subclass == MARK_EVENT and len(self._marks) < _MAX_MARKS:
                self._marks.append((event.get(b"mark") or "", event.timestamp))
            return
        state = TRANSITIONS[self.state].get(name)
        if state is None:
            return
        self.state = state
        self._created = self._created or state is not State.DROPPED
        self.early_media = self.early_media or name == "CHANNEL_PROGRESS_MEDIA"
        if state in (State.ENDED, State.DROPPED):
            self._end = event
        self._on_change()

    def on_job(self, event: Event) -> None:
        """The BACKGROUND_JOB of the originate."""
        self.reply = event.body
        self._started = event.timestamp or None
        self._on_change()

    @property
    def created(self) -> bool:
        """FreeSWITCH has made a channel for it and sent an INVITE."""
        return self._created

    @property
    def refused(self) -> bool:
        """FreeSWITCH answered the originate with a refusal."""
        return self.reply is not None and refusal_of(self.reply) != ""

    @property
    def over(self) -> bool:
        """Channel and originate have both ended."""
        return self.reply is not None and self.state in (State.ENDED, State.DROPPED)

    def facts(self) -> CallFacts:
        """What is known of the call."""
        return read_facts(
            self._end, self.reply, self._started, self._marks, created=self._created, tone=self._tone
        )
