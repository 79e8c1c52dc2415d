"""One node's past as it happens: what its observer is told, turned into outages, figures and spans.

Strategy: a tracker (outage.py) for the switch and one for each gateway. What moves with every call and second
(watched time, calls, refused dials) is not told: its growth is read off the counters of the node, whenever
somebody needs it. So a healthy gateway costs nothing between two `collect`s, and a counter that restarts,
because a reload replaced the node, loses nothing that was read before.

A gateway is known by its `GatewayWatch`. One that begins, or begins again after a reload, takes over the past
of its name: that of its profile, or that of any profile while one of both is not known.

A reload may start the new node before it has stopped the old one. Each node has an observer of its own, and
only that of the node attached last is listened to.

Legs are counted by the gateway's name, as in the call families. Of two gateways of one name in two profiles
each has them as evidence of its outages, and the first alone in its figures.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

import structlog
from msgspec.structs import replace

from exporter.clock import Clock
from exporter.history.kept_calls import KeptCalls
from exporter.history.model import (
    CHANGES_BEFORE,
    MAX_CHANGES_BEFORE,
    Figures,
    Outage,
    Sample,
    Span,
)
from exporter.history.outage import Evidence, OutageTracker
from exporter.history.past import UNKNOWN, Past
from exporter.history.store import Entry, PutHour, PutSample, PutSpan, Rename, Subject
from exporter.switch.cause import OF_THE_CALL
from exporter.switch.leg import ChannelEvent, LegEnd
from exporter.watch.calls import DIRECTIONS
from exporter.watch.changes import Change
from exporter.watch.gateway import GatewayWatch
from exporter.watch.node import Node
from exporter.watch.observer import NodeObserver

SAMPLE: Final = 300.0  # seconds
HOUR: Final = 3600.0
DAY: Final = 86400.0
MAX_CHANGES: Final = 200  # in memory, of a node and of the exporter
_POLL_GRACE: Final = 5.0  # seconds after the next poll in which refused dials still belong to an outage
_TOUCHING: Final = 1.0  # seconds

Put = Callable[[Entry], None]

log = structlog.get_logger(__name__)


class RecentChanges:
    """The latest changes, for what comes after them."""

    def __init__(self) -> None:
        self._noted: deque[tuple[float, Change]] = deque(maxlen=MAX_CHANGES)

    def note(self, change: Change, now: float) -> None:
        """A change at the moment `now` (monotonic seconds)."""
        self._noted.append((now, change))

    def since(self, moment: float) -> Iterator[tuple[float, Change]]:
        """Those since that moment (monotonic seconds), with theirs."""
        return (noted for noted in self._noted if noted[0] >= moment)


class _Counters(NamedTuple):
    """The counters of a gateway, as they are or as they have grown."""

    watched: float = 0.0
    usable: float = 0.0
    calls: int = 0
    failed: int = 0
    refused: int = 0

    def plus(self, new: "_Counters", old: "_Counters") -> "_Counters":
        """These, grown from `old` to `new`."""
        return _Counters(
            self.watched + new.watched - old.watched,
            self.usable + new.usable - old.usable,
            self.calls + new.calls - old.calls,
            self.failed + new.failed - old.failed,
            self.refused + new.refused - old.refused,
        )


_ZERO: Final = _Counters()


class _Gateway:
    """What the history has of one gateway.

    Attributes:
        subject: under which it is kept.
        tracker: its outages.
        watch: the gateway; None while there is none, and a past.
        grown: the growth of its counters since it is known.
        read: the counters as they were read last.
        kept: `grown` as it was when figures of it were handed on.
        sample: the present sample; None before the first.
        sampled: `grown` as it was when that began.
        probes_failed: synthetic calls.
    """

    __slots__ = (
        "grown",
        "kept",
        "probes_failed",
        "read",
        "sample",
        "sampled",
        "subject",
        "tracker",
        "watch",
    )

    def __init__(self, subject: Subject) -> None:
        self.subject = subject
        self.tracker: OutageTracker
        self.watch: GatewayWatch | None = None
        self.grown = self.read = self.kept = self.sampled = _ZERO
        self.sample: Sample | None = None
        self.probes_failed = 0


class NodeHistory:
    """The past of one node.

    Args:
        name: of the node.
        clock: the time.
        put: takes what is to be kept; must not wait.
        exporter: changes of the exporter itself.

    Attributes:
        name: of the node.
        hour: the hour (epoch) to which growth is added.
        kept_calls: as it was attached.
    """

    def __init__(self, name: str, clock: Clock, put: Put, exporter: RecentChanges) -> None:
        self.name = name
        self.hour = _begin_of(HOUR, clock.epoch())
        self._clock = clock
        self._put = put
        self._own: set[int] | None = set()  # ids of outages put, until the past has been read
        self._exporter = exporter
        self._changes = RecentChanges()
        self._node: Node | None = None
        self.kept_calls: KeptCalls | None = None
        self._attached: tuple[float, float] | None = None  # until the first outcome
        self._listened_to: NodeObserver | None = None
        self._late = _POLL_GRACE
        self._named: dict[str, list[_Gateway]] = {}
        self._by_watch: dict[GatewayWatch, _Gateway] = {}
        self._waiting: dict[OutageTracker, None] = {}
        self._probes_failed = 0
        self._span: tuple[float, float] | None = None  # monotonic and epoch, to where it has been put
        self._connected = False
        self._switch = OutageTracker(
            "switch",
            Subject(name, "", ""),
            put=self._keep,
            on_begun=lambda _: None,
            read=lambda: Evidence(probes_failed=self._probes_failed),
            changes=lambda now: self._changes_before(now, Subject(name, "", "")),
        )

    # -- the node comes and goes ----------------------------------------------------------------------

    def observer(self) -> NodeObserver:
        """For a node of this name, made and not yet started; it is listened to once the node is attached."""
        return _Observer(self)

    def attach(self, node: Node, kept_calls: KeptCalls | None = None) -> None:
        """The node that is watched from now on; it is started next. `kept_calls`: is told of ended calls."""
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        if self._node is not None:
            self.stopped(now, epoch)
        self._node = node
        self.kept_calls = kept_calls
        self._late = node.config.poll_interval + _POLL_GRACE
        self._listened_to = node.observer
        self._attached = (now, epoch)

    def leave(self) -> None:
        """The config has the node no longer: what lasts ended at the last look."""
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        self.stopped(now, epoch)
        self._listened_to = None
        for gateway in self._all():
            gateway.tracker.abandon()
        self._switch.abandon()

    def listens_to(self, observer: NodeObserver) -> bool:
        """Whether it is the observer of the node attached last."""
        return observer is self._listened_to

    def load(self, outages: Sequence[Outage], last_look: float, changes: Iterable[Change]) -> None:
        """What earlier processes kept of the node.

        Args:
            outages: oldest first.
            last_look: when it was last watched (epoch seconds); 0.0 if that is not known.
            changes: of the last CHANGES_BEFORE seconds, oldest first.
        """
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        own, self._own = self._own or set(), None
        unnamed: dict[Subject, Subject] = {}
        for change in changes:
            self._changes.note(change, now - max(epoch - change.at, 0.0))
        for outage in sorted(outages, key=lambda outage: outage.ended is None):
            if outage.id in own:
                continue
            tracker = self._switch if outage.layer == "switch" else self._past_of(outage).tracker
            if tracker.subject.profile and not outage.profile:
                unnamed[tracker.subject._replace(profile="")] = tracker.subject
            if outage.ended is not None:
                tracker.remember(outage, now, epoch)
            else:
                tracker.resume(outage, last_look, now, epoch)
                self._note_waiting(tracker)
        for old, new in unnamed.items():
            self._put(Rename(old, new))
        if self._connected:
            self._drop_unwatched()

    # -- what the observer is told --------------------------------------------------------------------

    def connected(self, now: float, epoch: float) -> None:
        """The node is connected, and its gateways have been read."""
        self._attached = None
        self._connected = True
        self._span = (now, epoch)
        self._switch.look("none", "", now, epoch)
        self._drop_unwatched()

    def not_connected(self, problem: str, reason: str, now: float, epoch: float) -> None:
        """An attempt failed, or the connection was lost."""
        self._end_span(now, epoch)
        began, self._attached = self._attached or (now, epoch), None
        self._switch.look(problem, reason, *began)
        self._note_waiting(self._switch)

    def stopped(self, now: float, epoch: float) -> None:
        """The node is watched no longer."""
        self.collect(now, epoch, samples=True)
        self._end_span(now, epoch)
        self._switch.unwatched(now, epoch)
        for gateway in self._all():
            gateway.tracker.unwatched(now, epoch)
            gateway.watch = None
        self._by_watch.clear()

    def verdict(self, watch: GatewayWatch, now: float, epoch: float) -> None:
        """The verdict on a gateway has changed."""
        gateway = self._of(watch)
        if watch.readable:
            gateway.tracker.look(watch.problem, watch.explanation, now, epoch)
        else:
            gateway.tracker.unwatched(now, epoch)
        self._note_waiting(gateway.tracker)

    def forgotten(self, watch: GatewayWatch, now: float, epoch: float) -> None:
        """A gateway is watched no longer."""
        gateway = self._of(watch)
        self._read(gateway)
        gateway.tracker.forget(now, epoch)
        self._keep_figures(gateway)
        self._drop(gateway)

    def changed(self, change: Change) -> None:
        """The switch was changed."""
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        self._changes.note(change, now - max(epoch - change.at, 0.0))
        self._put(change)
        for tracker in self._trackers():
            if tracker.lasts and not _of_another(change, tracker.subject):
                tracker.note_change(change)
                self._note_waiting(tracker)

    def probe_ran(self, gateway: str, *, failed: bool) -> None:
        """A synthetic call is over."""
        if failed:
            self._probes_failed += 1
            for known in self._named.get(gateway, ()):
                known.probes_failed += 1

    # -- what time decides ----------------------------------------------------------------------------

    def tick(self, now: float, epoch: float) -> None:
        """To be called every second."""
        for tracker in list(self._waiting):
            tracker.advance(now, epoch)
            if tracker.dirty:
                tracker.write(now, epoch)
            if not tracker.waiting:
                del self._waiting[tracker]
        if _begin_of(HOUR, epoch) != self.hour:
            self.collect(now, epoch)
            self.hour = _begin_of(HOUR, epoch)

    def collect(self, now: float, epoch: float, *, samples: bool = False) -> None:
        """Hand on what has grown, and outages that last as of now.

        Args:
            now: monotonic seconds.
            epoch: the same moment in epoch seconds.
            samples: hand on the samples that are not complete, too.
        """
        self._extend_span(now, epoch)
        at = _begin_of(SAMPLE, epoch)
        for gateway in self._by_watch.values():
            self._read(gateway)
            self._keep_figures(gateway)
            self._take_sample(gateway, at)
            if samples and gateway.sample is not None:
                self._put(PutSample(gateway.subject, gateway.sample))
        for tracker in self._trackers():
            if tracker.outage is not None:
                tracker.write(now, epoch)

    # -- what it can be asked -------------------------------------------------------------------------

    @property
    def node(self) -> Node | None:
        """The node that was attached last."""
        return self._node

    def past(self, gateway: str = "", profile: str = "") -> Past:
        """The past of a gateway; without one, of the switch."""
        if not gateway:
            return self._past(self._switch)
        found = [known for known in self._named.get(gateway, ()) if _fits(known.subject.profile, profile)]
        return self._past(found[0].tracker) if found else UNKNOWN

    def tracker(self, watch: GatewayWatch) -> OutageTracker | None:
        """The outages of a gateway that is watched; None before its first look."""
        gateway = self._by_watch.get(watch)
        return gateway.tracker if gateway is not None else None

    # -- gateways -------------------------------------------------------------------------------------

    def _all(self) -> Iterator[_Gateway]:
        for named in list(self._named.values()):
            yield from list(named)

    def _trackers(self) -> Iterator[OutageTracker]:
        yield self._switch
        for gateway in self._all():
            yield gateway.tracker

    def _of(self, watch: GatewayWatch) -> _Gateway:
        """What is known of a gateway: as it has been, or taken over from its past, or new."""
        gateway = self._by_watch.get(watch)
        if gateway is None:
            free = [
                known
                for known in self._named.get(watch.name, ())
                if known.watch is None and _fits(known.subject.profile, watch.profile)
            ]
            free.sort(key=lambda known: known.subject.profile != watch.profile)
            gateway = free[0] if free else self._add(Subject(self.name, watch.name, watch.profile))
            gateway.watch = watch
            gateway.read = self._counters(watch)
            self._by_watch[watch] = gateway
        if watch.profile and watch.profile != gateway.subject.profile:
            self._rename(gateway, watch.profile)
        return gateway

    def _past_of(self, outage: Outage) -> _Gateway:
        """Whose outage it was."""
        for known in self._named.get(outage.gateway, ()):
            if _fits(known.subject.profile, outage.profile):
                return known
        return self._add(Subject(self.name, outage.gateway, outage.profile))

    def _add(self, subject: Subject) -> _Gateway:
        gateway = _Gateway(subject)
        gateway.tracker = OutageTracker(
            "gateway",
            subject,
            put=self._keep,
            on_begun=lambda began: self._put(
                PutHour(gateway.subject, _begin_of(HOUR, began), Figures(outages=1))
            ),
            read=lambda: self._evidence(gateway),
            changes=lambda now: self._changes_before(now, gateway.subject),
            late=self._late,
        )
        self._named.setdefault(subject.gateway, []).append(gateway)
        return gateway

    def _rename(self, gateway: _Gateway, profile: str) -> None:
        old, new = gateway.subject, gateway.subject._replace(profile=profile)
        self._keep_figures(gateway)
        gateway.subject = gateway.tracker.subject = new
        if not old.profile:
            self._put(Rename(old, new))
        for other in list(self._named[new.gateway]):
            if other is not gateway and other.watch is None and other.subject == new:
                other.tracker.abandon()
                self._drop(other)

    def _drop_unwatched(self) -> None:
        """The gateways are known now: what lasted of others ended unseen."""
        for gateway in list(self._all()):
            if gateway.watch is None and not self._expected(gateway.subject):
                gateway.tracker.abandon()
                self._drop(gateway)

    def _expected(self, subject: Subject) -> bool:
        """Whether the node has a gateway that may be this one, and that has not been looked at."""
        named = self._node.gateways.named(subject.gateway) if self._node is not None else ()
        return any(watch not in self._by_watch and _fits(watch.profile, subject.profile) for watch in named)

    def _drop(self, gateway: _Gateway) -> None:
        self._named[gateway.subject.gateway].remove(gateway)
        if not self._named[gateway.subject.gateway]:
            del self._named[gateway.subject.gateway]
        if gateway.watch is not None:
            del self._by_watch[gateway.watch]
        self._waiting.pop(gateway.tracker, None)

    # -- counters -------------------------------------------------------------------------------------

    def _counters(self, watch: GatewayWatch) -> _Counters:
        calls = failed = 0
        stats = self._node.calls.stats if self._node is not None else {}
        for direction in DIRECTIONS:
            counted = stats.get((watch.name, direction))
            if counted is not None:
                for (cause, answered), (legs, _) in counted.hangups.items():
                    calls += legs
                    failed += legs if not answered and cause not in OF_THE_CALL else 0
        return _Counters(watch.watched_seconds, watch.usable_seconds, calls, failed, watch.refused.total)

    def _read(self, gateway: _Gateway) -> None:
        """Add what the counters have grown by since they were last read."""
        watch = gateway.watch
        if watch is not None:
            watch.advance(self._clock.monotonic())
            counters = self._counters(watch)
            gateway.grown = gateway.grown.plus(counters, gateway.read)
            gateway.read = counters

    def _evidence(self, gateway: _Gateway) -> Evidence:
        self._read(gateway)
        grown = gateway.grown
        return Evidence(grown.failed, grown.refused, gateway.probes_failed)

    def _keep_figures(self, gateway: _Gateway) -> None:
        """Hand on what has grown since the last time."""
        figures = self._figures(gateway, gateway.kept)
        if figures.watched or figures.calls:
            self._put(PutHour(gateway.subject, self.hour, figures))
        gateway.kept = gateway.grown

    def _figures(self, gateway: _Gateway, before: _Counters) -> Figures:
        grown = gateway.grown
        figures = Figures(watched=grown.watched - before.watched, usable=grown.usable - before.usable)
        if self._named[gateway.subject.gateway][0] is gateway:
            figures.calls = grown.calls - before.calls
            figures.failed = grown.failed - before.failed
        return figures

    def _take_sample(self, gateway: _Gateway, at: float) -> None:
        """A look at what curves show; growth across the end of a sample belongs to it."""
        watch, sample = gateway.watch, gateway.sample
        if watch is None:
            return
        figures = self._figures(gateway, gateway.sampled)
        if sample is not None and sample.at != at:
            self._put(PutSample(gateway.subject, replace(sample, calls=figures.calls, failed=figures.failed)))
            sample = None
        if sample is None:
            sample, figures = Sample(at, None, 0, 0, 0), Figures()
            gateway.sampled = gateway.grown
        status = watch.status if watch.listed and watch.readable else None
        pings = (sample.ping, status.ping_seconds if status is not None else None)
        gateway.sample = Sample(
            at,
            max((ping for ping in pings if ping is not None), default=None),
            max(sample.active, self._active(watch)),
            figures.calls,
            figures.failed,
        )

    def _active(self, watch: GatewayWatch) -> int:
        stats = self._node.calls.stats if self._node is not None else {}
        found = [stats.get((watch.name, direction)) for direction in DIRECTIONS]
        return sum(counted.active for counted in found if counted is not None)

    def _keep(self, outage: Outage) -> None:
        if self._own is not None:
            self._own.add(outage.id)
        self._put(outage)

    # -- the rest -------------------------------------------------------------------------------------

    def _note_waiting(self, tracker: OutageTracker) -> None:
        if tracker.waiting:
            self._waiting[tracker] = None

    def _changes_before(self, now: float, subject: Subject) -> tuple[Change, ...]:
        """Those of the last ten minutes, of the switch and of the exporter, newest first.

        A gateway is not told of changes of other gateways: a rescan may make hundreds.
        """
        since = now - CHANGES_BEFORE
        noted = sorted(
            [*self._changes.since(since), *self._exporter.since(since)],
            key=lambda noted: noted[0],
            reverse=True,
        )
        found = (change for _, change in noted if not _of_another(change, subject))
        return tuple(islice(found, MAX_CHANGES_BEFORE))

    def _past(self, tracker: OutageTracker) -> Past:
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        tracker.advance(now, epoch)
        outage = tracker.outage
        return Past(
            outage=outage,
            well_since=tracker.changed if outage is None else None,
            last=tracker.last,
            today=tracker.begun_since(_begin_of(DAY, epoch)),
            day=tracker.begun_since(epoch - DAY),
            changes=outage.changes_before
            if outage is not None
            else self._changes_before(now, tracker.subject),
        )

    def _extend_span(self, now: float, epoch: float) -> None:
        if self._span is None:
            return
        was, at = self._span
        began = epoch - (now - was)
        if abs(began - at) < _TOUCHING:
            began = at  # the clock did not step: the span goes on where it ended
        if epoch > began:
            self._put(PutSpan(self.name, Span(began, epoch)))
        self._span = (now, epoch)

    def _end_span(self, now: float, epoch: float) -> None:
        self._extend_span(now, epoch)
        self._span = None
        self._connected = False


class _Observer(NodeObserver):
    """Hands on what one node tells, while that node is the one to listen to.

    What goes wrong there is logged: it must not end the watch.
    """

    def __init__(self, history: NodeHistory) -> None:
        self._history = history

    def on_connected(self, now: float, epoch: float) -> None:
        self._tell(self._history.connected, now, epoch)

    def on_not_connected(self, problem: str, reason: str, now: float, epoch: float) -> None:
        self._tell(self._history.not_connected, problem, reason, now, epoch)

    def on_stopped(self, now: float, epoch: float) -> None:
        self._tell(self._history.stopped, now, epoch)

    def on_verdict(self, gateway: GatewayWatch, now: float, epoch: float) -> None:
        self._tell(self._history.verdict, gateway, now, epoch)

    def on_forgotten(self, gateway: GatewayWatch, now: float, epoch: float) -> None:
        self._tell(self._history.forgotten, gateway, now, epoch)

    def on_call_ended(self, event: ChannelEvent, end: LegEnd, gateway: str) -> None:
        if self._history.kept_calls is not None:
            self._tell(self._history.kept_calls.on_call_ended, event, end, gateway)

    def on_change(self, change: Change) -> None:
        self._tell(self._history.changed, change)

    def _tell(self, method: Callable[..., None], *args: object) -> None:
        if not self._history.listens_to(self):
            return
        try:
            method(*args)
        except Exception:
            log.exception("history failed", limit=("history", method.__name__), node=self._history.name)


def _of_another(change: Change, subject: Subject) -> bool:
    """Whether a change is one of another gateway."""
    if not subject.gateway or not change.what.startswith("gateway_"):
        return False
    profile, _, name = change.subject.rpartition("::")
    return name != subject.gateway or not _fits(profile, subject.profile)


def _fits(one: str, other: str) -> bool:
    """Whether these may be the same profile: one of them may not be known."""
    return one == other or not one or not other


def _begin_of(length: float, epoch: float) -> float:
    """The beginning of the hour (or other length, seconds) in which that moment is."""
    return epoch // length * length
