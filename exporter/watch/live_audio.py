"""The audio of calls while they are up: which are looked at now, which of them are silent, what is lost.

A leg is looked at every few seconds, and two looks are compared (switch/live_audio.py). It is judged once it
has been looked at for SILENT_AFTER seconds in which audio was due in both directions: silent, if nothing was
heard in all of them. So holds, parks, legs that are one-way by SDP, and the first seconds are left out, and
dead audio is seen SILENT_AFTER to SILENT_AFTER + `every` seconds after it died.

Taking turns. Where more legs are up than may be looked at, one that has been looked at for STAY seconds, and
twice, gives its place to one that waits, a few in each round: else all would be new at once, and none judged.
The legs that wait are a list made once it is used up; SCAN of them are looked through in a round at most.

Memory: a few hundred bytes for each leg that is looked at, eight for each that is up. No event comes here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from typing import Final

from exporter.switch.live_audio import AudioReading, audio_due, heard, window_loss
from exporter.watch.calls import CallTable

SILENT_AFTER: Final = 10.0  # seconds
STAY: Final = 60.0  # seconds
SCAN: Final = 5000  # legs: a millisecond
_EARLY: Final = 0.5  # seconds by which a look may come before its time


@dataclass(slots=True)
class _Looked:
    """A leg that is looked at.

    Attributes:
        since: when it was first looked at (monotonic seconds).
        last: its last reading; None if nothing could be read.
        due_since: since when audio is due in both directions.
        heard: the reading with which something was heard last, or with which that began; heard_at: when.
        silent: the last judgement; None: it cannot be judged.
    """

    since: float
    last: AudioReading | None = None
    due_since: float = 0.0
    heard: AudioReading | None = None
    heard_at: float = 0.0
    silent: bool | None = None


class LiveAudio:
    """The running calls of one node.

    Args:
        calls: all that are up, and where they are counted.

    Attributes:
        known: the last round came to its end: what the counters say holds.
    """

    def __init__(self, calls: CallTable) -> None:
        self.known = False
        self._calls = calls
        self._looked: dict[str, _Looked] = {}
        self._waiting: Iterator[str] = iter(())

    def forget(self) -> None:
        """Nothing is looked at any more, or nothing was answered."""
        self.known = False
        self._looked.clear()
        self._waiting = iter(())
        self._count()

    def turn(self, limit: int, every: float, now: float) -> list[str]:
        """The legs to look at in this round (monotonic seconds), `limit` at most."""
        looked = self._looked
        for uuid in [uuid for uuid in looked if self._calls.answered(uuid) is None]:
            del looked[uuid]
        while len(looked) > limit:
            looked.popitem()
        stay = max(STAY, 2 * every)
        stayed = [uuid for uuid, leg in looked.items() if now - leg.since >= stay]
        leave = stayed[: ceil(limit * every / stay)]
        room = limit - len(looked)
        for uuid in self._next(room + len(leave)):
            if room:
                room -= 1
            else:
                del looked[leave.pop(0)]
            looked[uuid] = _Looked(now)
        return list(looked)

    def _next(self, count: int) -> Iterator[str]:
        """Answered legs that are not looked at yet, in turn."""
        found: dict[str, None] = {}
        begun_anew = False
        for _ in range(SCAN):
            if len(found) >= count:
                break
            uuid = next(self._waiting, None)
            if uuid is None:
                if begun_anew:
                    break
                begun_anew = True
                self._waiting = iter(list(self._calls.uuids()))
            elif uuid not in self._looked and self._calls.answered(uuid) is not None:
                found[uuid] = None
        yield from found

    def on_reading(self, uuid: str, reading: AudioReading | None, now: float) -> None:
        """What was read of a leg; None: nothing can be read of it."""
        leg, stats = self._looked.get(uuid), self._calls.answered(uuid)
        if leg is None or stats is None:
            return
        before, leg.last = leg.last, reading
        if reading is None:
            leg.silent = None
            return
        if before is None or not (before.both_ways and reading.both_ways) or reading.comfort_noise:
            leg.heard, leg.heard_at, leg.due_since, leg.silent = reading, now, now, None
            return
        loss = window_loss(before, reading)
        if loss is not None:
            stats.live_packet_loss.observe(loss)
        _judge(leg, before, reading, now)

    def on_round(self) -> None:
        """All legs of the turn have been asked for."""
        self.known = True
        self._count()

    def _count(self) -> None:
        for stats in self._calls.stats.values():
            stats.live_sampled = stats.live_silent = 0
        for uuid, leg in self._looked.items():
            stats_of_leg = self._calls.answered(uuid)
            if stats_of_leg is not None and leg.silent is not None:
                stats_of_leg.live_sampled += 1
                stats_of_leg.live_silent += leg.silent


def _judge(leg: _Looked, before: AudioReading, reading: AudioReading, now: float) -> None:
    if leg.heard is None or heard(before, reading):
        leg.heard, leg.heard_at = reading, now
        leg.silent = False if now - leg.due_since >= SILENT_AFTER - _EARLY else None
    elif now - leg.heard_at >= SILENT_AFTER - _EARLY:
        leg.silent = True if audio_due(leg.heard, reading) else None
