"""One node's past as it happens: what its observer is told, turned into outages, figures and spans.

Strategy: a tracker (outage.py) for the switch, and one for each gateway, with its counters
(gateway_history.py). A tick looks at what time alone may change, and collects what has grown of every
TURNS-th gateway, so that a thousand of them hold up nothing. Else a healthy gateway costs nothing.

A gateway is known by its `GatewayWatch`. One that begins, or begins again after a reload, takes over the past
of its name: that of its profile, or that of any profile while one of both is not known.

A reload may start the new node before it has stopped the old one. Each node has an observer of its own, and
only that of the node attached last is listened to.

Legs are counted by the gateway's name, as in the call families. Of two gateways of one name in two profiles
each has them as evidence of its outages, and the first alone in its figures.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final

import structlog

from exporter.clock import Clock
from exporter.history.entries import Entry, PutSpan, PutStrangers, Rename, Subject
from exporter.history.gateway_history import GatewayHistory
from exporter.history.kept_calls import KeptCalls
from exporter.history.model import STRANGERS_KEPT, Outage, Span
from exporter.history.outage import Evidence, OutageTracker
from exporter.history.past import UNKNOWN, Past
from exporter.history.recent_changes import RecentChanges, concerns, fits
from exporter.history.schema import DAY, HOUR, SAMPLE
from exporter.switch.leg import ChannelEvent, LegEnd
from exporter.switch.provider import ProviderCode
from exporter.watch.changes import Change
from exporter.watch.gateway import GatewayWatch
from exporter.watch.node import Node
from exporter.watch.observer import NodeObserver

TURNS: Final = 15  # ticks in which all gateways have had their turn
_POLL_GRACE: Final = 5.0  # seconds after the next poll in which refused dials still belong to an outage
_TOUCHING: Final = 1.0  # seconds

log = structlog.get_logger(__name__)


class NodeHistory:
    """The past of one node.

    Args:
        name: of the node.
        clock: the time.
        put: takes what is to be kept; must not wait.
        exporter: changes of the exporter itself.

    Attributes:
        name: of the node.
        node, kept_calls: as they were attached last.
    """

    def __init__(
        self, name: str, clock: Clock, put: Callable[[Entry], None], exporter: RecentChanges
    ) -> None:
        self.name = name
        self.node: Node | None = None
        self.kept_calls: KeptCalls | None = None
        self._clock = clock
        self._put = put
        self._own: set[int] | None = set()  # ids of outages put, until the past has been read
        self._changes = RecentChanges(exporter)
        self._hour = _begin_of(HOUR, clock.epoch())  # to which growth is added
        self._attached: tuple[float, float] | None = None  # monotonic and epoch, until the first outcome
        self._listened_to: NodeObserver | None = None
        self._late = _POLL_GRACE
        self._named: dict[str, list[GatewayHistory]] = {}
        self._by_watch: dict[GatewayWatch, GatewayHistory] = {}
        self._waiting: dict[OutageTracker, None] = {}
        self._probes_failed = 0
        self._turn = 0
        self._span: tuple[float, float] | None = None  # monotonic and epoch, to where it has been put
        self._switch = OutageTracker(
            "switch",
            Subject(name, "", ""),
            put=self._put_outage,
            on_begun=lambda _: None,
            read=lambda: Evidence(probes_failed=self._probes_failed),
            changes=lambda now: self._changes.before(now, Subject(name, "", "")),
        )

    # -- the node comes and goes ----------------------------------------------------------------------

    def observer(self) -> NodeObserver:
        """For a node of this name, made and not yet started; it is listened to once the node is attached."""
        return _Observer(self)

    def attach(self, node: Node, kept_calls: KeptCalls | None = None) -> None:
        """The node that is watched from now on; it is started next. `kept_calls`: is told of ended calls."""
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        if self.node is not None:
            self.stopped(now, epoch)
        self.node = node
        self.kept_calls = kept_calls
        self._late = node.config.poll_interval + _POLL_GRACE
        self._listened_to = node.observer
        self._attached = (now, epoch)

    def leave(self) -> None:
        """The config has the node no longer: what lasts ended at the last look."""
        self.stopped(self._clock.monotonic(), self._clock.epoch())
        self._listened_to = None
        for tracker in self._trackers():
            tracker.abandon()

    def listens_to(self, observer: NodeObserver) -> bool:
        """Whether it is the observer of the node attached last."""
        return observer is self._listened_to

    def load(
        self,
        outages: Sequence[Outage],
        last_look: float,
        changes: Iterable[Change] = (),
        watched_since: Mapping[Subject, float] | None = None,
    ) -> None:
        """What earlier processes kept of the node.

        Args:
            outages: oldest first.
            last_look: when it was last watched (epoch seconds); 0.0 if that is not known.
            changes: the latest, oldest first.
            watched_since: since when each gateway has been watched (epoch seconds).
        """
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        own, self._own = self._own or set(), None
        for change in changes:
            self._changes.note(change, now, epoch)
        for outage in sorted(outages, key=lambda outage: outage.ended is None):
            if outage.id in own:
                continue
            subject = Subject(outage.node, outage.gateway, outage.profile)
            tracker = self._past_of(subject).tracker if outage.gateway else self._switch
            if outage.ended is not None:
                tracker.remember(outage, now, epoch)
            else:
                tracker.resume(outage, last_look, now, epoch)
                self._note_waiting(tracker)
        for subject, since in (watched_since or {}).items():
            self._past_of(subject).tracker.looked_since(since)
        if self._span is not None:
            self._drop_unwatched()

    # -- what the observer is told --------------------------------------------------------------------

    def connected(self, now: float, epoch: float) -> None:
        """The node is connected, and its gateways have been read."""
        self._attached = None
        self._span = (now, epoch)
        self._switch.look("none", "", now, epoch)
        self._drop_unwatched()

    def not_connected(self, problem: str, reason: str, now: float, epoch: float) -> None:
        """An attempt failed, or the connection was lost."""
        self._extend_span(now, epoch)
        self._span = None
        began, self._attached = self._attached or (now, epoch), None
        self._switch.look(problem, reason, *began)
        self._note_waiting(self._switch)

    def stood_still(self, now: float, epoch: float) -> None:
        """The exporter did not run from then on: the switch was not watched either."""
        self._extend_span(now, epoch)
        self._span = None
        self._switch.unwatched(now, epoch)

    def stopped(self, now: float, epoch: float) -> None:
        """The node is watched no longer."""
        self.collect(now, epoch, samples=True)
        self._span = None
        for tracker in self._trackers():
            tracker.unwatched(now, epoch)
        for gateway in self._by_watch.values():
            gateway.unbind()
        self._by_watch.clear()

    def verdict(self, watch: GatewayWatch, now: float, epoch: float) -> None:
        """The verdict on a gateway has changed."""
        tracker = self._of(watch).tracker
        if watch.readable:
            tracker.look(watch.problem, watch.explanation, now, epoch)
        else:
            tracker.unwatched(now, epoch)
        self._note_waiting(tracker)

    def forgotten(self, watch: GatewayWatch, now: float, epoch: float) -> None:
        """A gateway is watched no longer."""
        gateway = self._of(watch)
        gateway.tracker.forget(now, epoch)
        gateway.put_figures(self._hour, with_calls=self._is_first(gateway))
        gateway.put_sample()
        self._drop(gateway)

    def changed(self, change: Change) -> None:
        """The switch was changed."""
        self._changes.note(change, self._clock.monotonic(), self._clock.epoch())
        self._put(change)
        for tracker in self._trackers():
            if tracker.lasts and concerns(change, tracker.subject):
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
        if _begin_of(HOUR, epoch) != self._hour:
            self.collect(now, epoch)
            self._hour = _begin_of(HOUR, epoch)
        self._turn = (self._turn + 1) % TURNS
        for gateway in list(self._by_watch.values())[self._turn :: TURNS]:
            self._collect_one(gateway, now, epoch)
        if self._turn == 0:
            self._collect_switch(now, epoch)

    def collect(self, now: float, epoch: float, *, samples: bool = False) -> None:
        """Hand on what has grown, and outages that last as of now.

        Args:
            now: monotonic seconds.
            epoch: the same moment in epoch seconds.
            samples: hand on the samples that are not complete, too.
        """
        self._collect_switch(now, epoch)
        for gateway in self._by_watch.values():
            self._collect_one(gateway, now, epoch)
            if samples:
                gateway.put_sample()

    def _collect_one(self, gateway: GatewayHistory, now: float, epoch: float) -> None:
        first = self._is_first(gateway)
        gateway.put_figures(self._hour, with_calls=first)
        gateway.take_sample(_begin_of(SAMPLE, epoch), with_calls=first)
        if gateway.tracker.lasts:
            gateway.tracker.write(now, epoch)

    def _collect_switch(self, now: float, epoch: float) -> None:
        self._extend_span(now, epoch)
        if self._switch.lasts:
            self._switch.write(now, epoch)
        if self.node is not None:
            came = self.node.known.strangers.take(STRANGERS_KEPT)
            if came:
                self._put(PutStrangers(self.name, self._hour, tuple(came)))

    # -- what it can be asked -------------------------------------------------------------------------

    def past(self, gateway: str = "", profile: str = "") -> Past:
        """The past of a gateway; without one, of the switch."""
        if not gateway:
            return self._past(self._switch)
        found = [known for known in self._named.get(gateway, ()) if fits(known.subject.profile, profile)]
        return self._past(found[0].tracker) if found else UNKNOWN

    def tracker(self, watch: GatewayWatch) -> OutageTracker | None:
        """The outages of a gateway that is watched; None before its first look."""
        gateway = self._by_watch.get(watch)
        return gateway.tracker if gateway is not None else None

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
            changes=outage.changes_before if outage else self._changes.before(now, tracker.subject),
        )

    # -- gateways -------------------------------------------------------------------------------------

    def _all(self) -> Iterator[GatewayHistory]:
        for named in list(self._named.values()):
            yield from list(named)

    def _trackers(self) -> Iterator[OutageTracker]:
        yield self._switch
        for gateway in self._all():
            yield gateway.tracker

    def _of(self, watch: GatewayWatch) -> GatewayHistory:
        """What is known of a gateway: as it has been, or taken over from its past, or new."""
        gateway = self._by_watch.get(watch)
        if gateway is None:
            free = [
                known
                for known in self._named.get(watch.name, ())
                if known.watch is None and fits(known.subject.profile, watch.profile)
            ]
            free.sort(key=lambda known: known.subject.profile != watch.profile)
            gateway = free[0] if free else self._add(Subject(self.name, watch.name, watch.profile))
            gateway.bind(watch, self.node.calls.stats if self.node is not None else {})
            self._by_watch[watch] = gateway
        if watch.profile and watch.profile != gateway.subject.profile:
            self._rename(gateway, watch.profile)
        return gateway

    def _past_of(self, subject: Subject) -> GatewayHistory:
        """Whose past it is; where its profile was not known then and is now, all of it gets the profile."""
        for known in self._named.get(subject.gateway, ()):
            if fits(known.subject.profile, subject.profile):
                if known.subject.profile and not subject.profile:
                    self._put(Rename(subject, known.subject))
                return known
        return self._add(subject)

    def _add(self, subject: Subject) -> GatewayHistory:
        gateway = GatewayHistory(
            subject,
            self._clock,
            put=self._put,
            put_outage=self._put_outage,
            changes=self._changes.before,
            late=self._late,
        )
        self._named.setdefault(subject.gateway, []).append(gateway)
        return gateway

    def _rename(self, gateway: GatewayHistory, profile: str) -> None:
        old, new = gateway.subject, gateway.subject._replace(profile=profile)
        gateway.put_figures(self._hour, with_calls=self._is_first(gateway))
        gateway.rename(new)
        if not old.profile:
            self._put(Rename(old, new))
        for other in list(self._named[new.gateway]):
            if other is not gateway and other.watch is None and other.subject == new:
                other.tracker.abandon()
                self._drop(other)

    def _drop_unwatched(self) -> None:
        """The gateways are known now: what lasted of others ended unseen."""
        for gateway in list(self._all()):
            if gateway.watch is None and not self._awaited(gateway.subject):
                gateway.tracker.abandon()
                self._drop(gateway)

    def _awaited(self, subject: Subject) -> bool:
        """Whether the node has a gateway that may be this one, and that has not been looked at."""
        named = self.node.gateways.named(subject.gateway) if self.node is not None else ()
        return any(watch not in self._by_watch and fits(watch.profile, subject.profile) for watch in named)

    def _drop(self, gateway: GatewayHistory) -> None:
        self._named[gateway.subject.gateway].remove(gateway)
        if not self._named[gateway.subject.gateway]:
            del self._named[gateway.subject.gateway]
        if gateway.watch is not None:
            del self._by_watch[gateway.watch]
        self._waiting.pop(gateway.tracker, None)

    def _is_first(self, gateway: GatewayHistory) -> bool:
        """Whether it is the first of its name that is watched."""
        return next(known for known in self._named[gateway.subject.gateway] if known.watch) is gateway

    # -- the rest -------------------------------------------------------------------------------------

    def _note_waiting(self, tracker: OutageTracker) -> None:
        if tracker.waiting:
            self._waiting[tracker] = None

    def _put_outage(self, outage: Outage) -> None:
        if self._own is not None:
            self._own.add(outage.id)
        self._put(outage)

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

    def on_standstill(self, now: float, epoch: float) -> None:
        self._tell(self._history.stood_still, now, epoch)

    def on_stopped(self, now: float, epoch: float) -> None:
        self._tell(self._history.stopped, now, epoch)

    def on_verdict(self, gateway: GatewayWatch, now: float, epoch: float) -> None:
        self._tell(self._history.verdict, gateway, now, epoch)

    def on_forgotten(self, gateway: GatewayWatch, now: float, epoch: float) -> None:
        self._tell(self._history.forgotten, gateway, now, epoch)

    def on_call_ended(
        self, event: ChannelEvent, end: LegEnd, gateway: str, code: ProviderCode | None
    ) -> None:
        if self._history.kept_calls is not None:
            self._tell(self._history.kept_calls.on_call_ended, event, end, gateway, code)

    def on_change(self, change: Change) -> None:
        self._tell(self._history.changed, change)

    def _tell(self, method: Callable[..., None], *args: object) -> None:
        if not self._history.listens_to(self):
            return
        try:
            method(*args)
        except Exception:
            log.exception("history failed", limit=("history", method.__name__), node=self._history.name)


def _begin_of(length: float, epoch: float) -> float:
    """The beginning of the hour (or other length, seconds) in which that moment is."""
    return epoch // length * length
