"""When an outage begins and ends, for one gateway or one switch.

Strategy: a pure machine. It is told what a look showed (`look`), that there are no looks for now
(`unwatched`), and that time passed (`advance`). Each of them first adds the time since the last one to what
lasts, and so decides by the time that really passed, however late it is told: an outage that is over before
anybody advanced it is still one.

Unwell time is a suspicion until it is long enough (model.py), and an outage from then on, begun when the
suspicion began. A suspicion that meets a time without looks is dropped; an outage pauses, and goes on or ends
at the first look after it. So nothing is claimed of time that was not watched: it is not in `seconds`, though
it may lie between `began` and `ended`.

Durations are monotonic, times epoch seconds. If the wall clock steps, the beginning of what lasts moves with
it, so that it stays as long ago as it is.

An outage that would be the MAX_ENTRIES + 1st in an hour reopens the latest one instead of making a new entry.
"""

import secrets
from bisect import insort
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec.structs import replace

from exporter.history.entries import Subject
from exporter.history.model import (
    MAX_CHANGES_BEFORE,
    MAX_PHASES,
    OUTAGE_AFTER,
    REGISTERING_AFTER,
    WELL,
    Layer,
    Outage,
    Phase,
)
from exporter.watch.changes import Change

MAX_ENTRIES: Final = 60  # an hour
STEP: Final = 1.0  # seconds between the two clocks that are a step of the wall clock
_HOUR: Final = 3600.0
_DAY: Final = 86400.0
_WELL_OF: Final = {"gateway": WELL, "switch": frozenset({"none"})}


class Evidence(NamedTuple):
    """Counters of what failed; an outage has their growth.

    Attributes:
        calls_failed, dials_refused, probes_failed: as in Outage, since any start.
    """

    calls_failed: int = 0
    dials_refused: int = 0
    probes_failed: int = 0

    def since(self, base: "Evidence") -> "Evidence":
        """The growth since `base`, without those counters that started again."""
        return Evidence(*(max(new - old, 0) for new, old in zip(self, base, strict=True)))

    def plus(self, other: "Evidence") -> "Evidence":
        """The sum of both."""
        return Evidence(*(one + two for one, two in zip(self, other, strict=True)))


class _Unwell:
    """Unwell time that lasts: a suspicion, or an outage once it has an entry.

    Attributes:
        since: when it began; `began` of the entry may be earlier, where that was reopened.
        watched: seconds of it that were watched.
        grave: those of them in problems other than `registering`.
        base: the evidence when it began.
        entry: the outage, without what follows from the fields here; None for a suspicion.
    """

    __slots__ = ("base", "course", "entry", "grave", "since", "watched")

    def __init__(self, since: float, course: list[Phase], base: Evidence) -> None:
        self.since = since
        self.watched = 0.0
        self.grave = 0.0
        self.course = course
        self.base = base
        self.entry: Outage | None = None

    def add_phase(self, phase: Phase) -> None:
        """Another problem, or another explanation of it."""
        last = self.course[-1]
        if (last.problem, last.detail) == (phase.problem, phase.detail):
            return
        self.course.append(phase)
        if len(self.course) > MAX_PHASES:
            del self.course[-2]

    def shift(self, seconds: float) -> None:
        """The wall clock was set forward by so much (negative: back)."""
        self.since += seconds
        self.course[:] = [replace(phase, at=phase.at + seconds) for phase in self.course]
        if self.entry is not None:
            self.entry = replace(self.entry, began=self.entry.began + seconds)


class _Tail(NamedTuple):
    """Refused dials that polls report after the end of an outage and that belong to it."""

    until: float
    base: Evidence


class _Begun(NamedTuple):
    """An entry of the last day, and how many outages it is."""

    made: float  # monotonic
    began: float  # epoch
    times: int


class OutageTracker:
    """The outages of one gateway or switch.

    Args:
        layer: which of the two.
        subject: whose they are.
        put: called with each outage when it has ended, and by `write`.
        on_begun: called when an outage has begun, with the epoch at which it did.
        read: the evidence as of now.
        changes: the changes before a moment (monotonic seconds), newest first.
        late: seconds after its end in which refused dials still belong to an outage.

    Attributes:
        subject: may be replaced; what is written from then on carries it.
        begun: outages begun since the tracker was made.
        last: the latest outage that is over.
        changed: when the present outage began, or the latest ended, or the first look; None before.
        dirty: `write` has something to write.
    """

    __slots__ = (
        "_begun",
        "_changes",
        "_counted_to",
        "_first_look",
        "_last_look",
        "_late",
        "_layer",
        "_offset",
        "_on_begun",
        "_put",
        "_read",
        "_tail",
        "_unwell",
        "_watched",
        "begun",
        "changed",
        "dirty",
        "last",
        "subject",
    )

    def __init__(
        self,
        layer: Layer,
        subject: Subject,
        *,
        put: Callable[[Outage], None],
        on_begun: Callable[[float], None],
        read: Callable[[], Evidence],
        changes: Callable[[float], tuple[Change, ...]],
        late: float = 0.0,
    ) -> None:
        self.subject = subject
        self.begun = 0
        self.last: Outage | None = None
        self.changed: float | None = None
        self.dirty = False
        self._layer: Layer = layer
        self._put = put
        self._on_begun = on_begun
        self._read = read
        self._changes = changes
        self._late = late
        self._watched = False
        self._first_look: float | None = None
        self._last_look = 0.0
        self._counted_to: float | None = None
        self._offset = 0.0
        self._unwell: _Unwell | None = None
        self._tail: _Tail | None = None
        self._begun: list[_Begun] = []  # of the last day, oldest first

    # -- what it is told ------------------------------------------------------------------------------

    def look(self, problem: str, detail: str, now: float, epoch: float) -> None:
        """A look shows this problem, from now until the next call of `look` or `unwatched`.

        Args:
            problem: the word of the verdict, or of the connection.
            detail: its explanation.
            now: monotonic seconds.
            epoch: the same moment in epoch seconds.
        """
        self.advance(now, epoch)
        missed = not self._watched
        self._watched = True
        self._last_look = epoch
        if self._first_look is None:
            self._first_look = epoch
        if problem in _WELL_OF[self._layer]:
            self._end(now, epoch, unwatched=missed)
        elif self._unwell is None:
            self._unwell = _Unwell(epoch, [Phase(epoch, problem, detail)], self._read())
        else:
            self._unwell.add_phase(Phase(epoch, problem, detail))
            self.dirty = self.dirty or self._unwell.entry is not None
        if self.changed is None and self.outage is None:
            self.changed = epoch

    def unwatched(self, now: float, epoch: float) -> None:
        """There are no looks from now until the next call of `look`."""
        self.advance(now, epoch)
        self._watched = False
        if self._unwell is not None and self._unwell.entry is None:
            self._unwell = None

    def advance(self, now: float, epoch: float) -> None:
        """Time has passed, and what was seen last still held."""
        passed = self._pass(now, epoch)
        unwell = self._unwell
        if self._watched:
            self._last_look = epoch
            if unwell is not None:
                unwell.watched += passed
                if unwell.course[-1].problem != "registering":
                    unwell.grave += passed
                if unwell.entry is None and (
                    unwell.grave > OUTAGE_AFTER or unwell.watched > REGISTERING_AFTER
                ):
                    self._begin(unwell, now)
        if self._tail is not None and self._unwell is None:  # else it is not decided yet whose they are
            self._read_tail(self._tail, self._read())
            if now > self._tail.until:
                self._tail = None

    def note_change(self, change: Change) -> None:
        """A change was noticed late: it explains the outage that lasts, if it was before that."""
        unwell = self._unwell
        if unwell is None or unwell.entry is None or change.at > unwell.since + OUTAGE_AFTER:
            return
        known = sorted((change, *unwell.entry.changes_before), key=lambda one: one.at, reverse=True)
        unwell.entry = replace(unwell.entry, changes_before=tuple(known[:MAX_CHANGES_BEFORE]))
        self.dirty = True

    def forget(self, now: float, epoch: float) -> None:
        """There is nothing to watch any more: what lasts ends now."""
        self.advance(now, epoch)
        self._end(now, epoch, unwatched=not self._watched)
        self._watched = False

    def abandon(self) -> None:
        """Nobody will look any more: what lasts ended, as far as is known, at the last look."""
        if self._unwell is not None:
            self._end(self._counted_to or 0.0, self._last_look, unwatched=True)
        self._watched = False

    # -- what an earlier process knew -----------------------------------------------------------------

    def remember(self, outage: Outage, now: float, epoch: float) -> None:
        """An outage that an earlier process watched to its end; oldest first, before `resume`."""
        self.last = outage
        self._note_begun(_Begun(now - max(epoch - outage.began, 0.0), outage.began, outage.times))
        if not self.begun:
            self.changed = outage.ended

    def resume(self, outage: Outage, last_look: float, now: float, epoch: float) -> None:
        """An outage that lasted when the process that watched it ended; the first look decides.

        It may be read after that look: it goes on if what lasts was there from the first look on.

        Args:
            outage: as it was written last.
            last_look: when that process looked last (epoch seconds); 0.0 if that is not known.
            now: monotonic seconds.
            epoch: the same moment in epoch seconds.
        """
        unwell, looked = self._unwell, self._first_look
        if looked is not None and (unwell is None or unwell.entry is not None or unwell.since != looked):
            node, gateway, profile = self.subject
            ended = max(looked, outage.began)
            over = replace(
                outage, node=node, gateway=gateway, profile=profile, ended=ended, ended_unwatched=True
            )
            self.remember(over, now, epoch)
            self._put(over)
            return
        self._note_begun(_Begun(now - max(epoch - outage.began, 0.0), outage.began, outage.times))
        resumed = _Unwell(outage.began, list(outage.course), self._read())
        resumed.entry = outage
        if unwell is not None:
            resumed.watched, resumed.base = unwell.watched, unwell.base
            for phase in unwell.course:
                resumed.add_phase(phase)
        self._unwell = resumed
        self._last_look = max(last_look, outage.began, self._last_look)
        self.changed = outage.began
        self.dirty = True

    def looked_since(self, epoch: float) -> None:
        """Earlier processes have looked since then; what they saw of outages has been told."""
        if self.last is None and not self.lasts and (self.changed is None or epoch < self.changed):
            self.changed = epoch

    # -- what it can be asked -------------------------------------------------------------------------

    @property
    def outage(self) -> Outage | None:
        """The outage that lasts, as of the last call; None while there is none."""
        unwell = self._unwell
        if unwell is None or unwell.entry is None:
            return None
        node, gateway, profile = self.subject
        entry = unwell.entry
        found = self._read().since(unwell.base)
        return replace(
            entry,
            node=node,
            gateway=gateway,
            profile=profile,
            seconds=entry.seconds + unwell.watched,
            course=tuple(unwell.course),
            calls_failed=entry.calls_failed + found.calls_failed,
            dials_refused=entry.dials_refused + found.dials_refused,
            probes_failed=entry.probes_failed + found.probes_failed,
        )

    @property
    def lasts(self) -> bool:
        """There is an outage, as of the last call."""
        return self._unwell is not None and self._unwell.entry is not None

    @property
    def waiting(self) -> bool:
        """Time alone may change it, or there is something to write: `advance` and `write` are due."""
        suspected = self._watched and self._unwell is not None and self._unwell.entry is None
        return self.dirty or suspected or self._tail is not None

    @property
    def looked(self) -> bool:
        """There has been a look."""
        return self._first_look is not None

    def begun_since(self, epoch: float) -> int:
        """Outages begun since then, within the last 24 hours."""
        return sum(one.times for one in self._begun if one.began >= epoch)

    def write(self, now: float, epoch: float) -> None:
        """Hand on the outage that lasts, as of now."""
        self.advance(now, epoch)
        self.dirty = False
        outage = self.outage
        if outage is not None:
            self._put(outage)

    # -- inside ---------------------------------------------------------------------------------------

    def _pass(self, now: float, epoch: float) -> float:
        """Seconds since the last call; the clock's steps are followed."""
        before = self._counted_to
        self._counted_to = (
            now if before is None else max(before, now)
        )  # a standstill is told as of its beginning
        step = epoch - now - self._offset
        self._offset = epoch - now
        if before is None:
            return 0.0
        if abs(step) > STEP:
            if self._unwell is not None:
                self._unwell.shift(step)
                self.dirty = self.dirty or self._unwell.entry is not None
            self._last_look += step
            if self.changed is not None:
                self.changed += step
        return max(now - before, 0.0)

    def _begin(self, unwell: _Unwell, now: float) -> None:
        """A suspicion has become an outage."""
        self._tail = None  # refused dials that were reported since it began are of this one
        full = len(self._begun) >= MAX_ENTRIES and self._begun[-MAX_ENTRIES].made > now - _HOUR
        if full and self.last is not None:
            self._reopen(unwell, self.last)
        else:
            unwell.entry = Outage(
                id=secrets.randbelow(2**53 - 1) + 1,
                layer=self._layer,
                node=self.subject.node,
                gateway=self.subject.gateway,
                profile=self.subject.profile,
                began=unwell.since,
                course=tuple(unwell.course),
                changes_before=self._changes(now),
            )
            self._note_begun(_Begun(now, unwell.since, 1))
        self.begun += 1
        self._on_begun(unwell.since)
        self.changed = unwell.since
        self.dirty = True

    def _reopen(self, unwell: _Unwell, last: Outage) -> None:
        """Add an outage to the latest entry, since there are enough entries of this hour."""
        present = unwell.course
        unwell.course = list(last.course)
        for phase in present:
            unwell.add_phase(phase)
        unwell.entry = replace(last, ended=None, ended_unwatched=False, times=last.times + 1)
        latest = self._begun[-1]
        self._begun[-1] = latest._replace(times=latest.times + 1)

    def _end(self, now: float, epoch: float, *, unwatched: bool) -> None:
        """What lasts is over."""
        outage = self.outage
        unwell, self._unwell = self._unwell, None
        if outage is None or unwell is None:
            return
        ended = max(epoch, unwell.course[-1].at, outage.began)
        self.last = replace(outage, ended=ended, ended_unwatched=unwatched)
        self.changed = ended
        self.dirty = False
        self._put(self.last)
        if self._late:
            self._tail = _Tail(now + self._late, self._read())

    def _read_tail(self, tail: _Tail, evidence: Evidence) -> None:
        refused = evidence.since(tail.base).dials_refused
        if refused and self.last is not None:
            self.last = replace(self.last, dials_refused=self.last.dials_refused + refused)
            self._put(self.last)
            self._tail = tail._replace(base=evidence)

    def _note_begun(self, entry: _Begun) -> None:
        insort(self._begun, entry)
        while self._begun[0].made < entry.made - _DAY:
            del self._begun[0]
