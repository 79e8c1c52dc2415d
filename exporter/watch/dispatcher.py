"""Events to handlers, at once: in the reader's own call, where nothing may wait or raise.

Each event is counted, its lag measured, and handed as a typed value to the handler of its kind. Followers are
the users of one leg or one job: probe calls.
"""

from collections.abc import Callable
from typing import Any, Final, TypeVar

import structlog

from exporter.clock import Clock
from exporter.esl import Event
from exporter.esl.errors import printable
from exporter.metrics import families
from exporter.metrics.exposition import Histogram
from exporter.switch import events as kinds
from exporter.switch.events import EVENT_NAMES, EventKind, job_uuid
from exporter.switch.followed_call import (
    MARK_SUBCLASS,
    JobReply,
    LegEvent,
    ProbeMark,
    read_job_reply,
    read_leg_event,
)
from exporter.switch.leg import leg_uuid
from exporter.watch.knowledge import Knowledge
from exporter.watch.lag import Lag

log = structlog.get_logger(__name__)
_T = TypeVar("_T")

OTHER: Final = "other"


class Dispatcher:
    """The events of one node.

    Args:
        node: its name, for the log.
        dropped: where a handler's failure is counted.

    Attributes:
        counts: events by name, those not of EVENT_NAMES as `other`.
        lag: histogram of seconds.
        last_event_epoch: when the last event came; 0.0 before the first.
    """

    def __init__(self, node: str, clock: Clock, dropped: dict[str, int]) -> None:
        self.counts: dict[str, int] = dict.fromkeys((*EVENT_NAMES, OTHER), 0)
        self.lag = Histogram(families.EVENT_LAG)
        self.last_event_epoch = 0.0
        self._node = node
        self._epoch = clock.epoch
        self._dropped = dropped
        self._measured = Lag()
        self._on_unreadable: Callable[[], None] = lambda: None
        self._handlers: dict[str, tuple[Callable[[Event], Any], Callable[[Any], None]]] = {}
        self._leg_followers: dict[str, Callable[[LegEvent | ProbeMark], None]] = {}
        self._job_followers: dict[str, Callable[[JobReply], None]] = {}

    def on(self, kind: EventKind[_T], handle: Callable[[_T], None]) -> None:
        """Have events of that kind handled; one handler a kind."""
        self._handlers[kind.name] = (kind.read, handle)

    def on_unreadable(self, handle: Callable[[], None]) -> None:
        """Call `handle` for each event that cannot be read."""
        self._on_unreadable = handle

    def follow_leg(self, uuid: str, callback: Callable[[LegEvent | ProbeMark], None]) -> None:
        """Call `callback` for every event of one leg, and for every probe mark fired on it."""
        self._leg_followers[uuid] = callback

    def unfollow_leg(self, uuid: str) -> None:
        """End of `follow_leg`."""
        self._leg_followers.pop(uuid, None)

    def follow_job(self, job: str, callback: Callable[[JobReply], None]) -> None:
        """Call `callback` for the BACKGROUND_JOB of one job."""
        self._job_followers[job] = callback

    def unfollow_job(self, job: str) -> None:
        """End of `follow_job`."""
        self._job_followers.pop(job, None)

    def on_event(self, event: Event) -> None:
        """Handle one event."""
        arrival = self._epoch()
        self.last_event_epoch = arrival
        name = event.name
        if name == "CUSTOM":
            name = event.subclass
        if name in self.counts:
            self.counts[name] += 1
        else:
            self.counts[OTHER] += 1
            if not name:
                self._on_unreadable()
        stamp = event.timestamp
        if stamp:
            self.lag.observe(self._measured.measure(arrival, stamp))
        try:
            found = self._handlers.get(name)
            if found is not None:
                read, handle = found
                value = read(event)
                if value is not None:
                    handle(value)
                elif name == kinds.TICK.name:
                    self._on_unreadable()
            if self._leg_followers or self._job_followers:
                self._notify_follower(name, event)
        except Exception:
            self._dropped["handler_error"] += 1
            log.exception(
                "an event could not be handled",
                limit=("an event could not be handled", self._node),
                node=self._node,
                event_name=printable(name),
            )

    def _notify_follower(self, name: str, event: Event) -> None:
        if name == kinds.BACKGROUND_JOB:
            of_job = self._job_followers.get(job_uuid(event))
            if of_job is not None:
                of_job(read_job_reply(event))
        elif name.startswith("CHANNEL_") or name == MARK_SUBCLASS:
            of_leg = self._leg_followers.get(leg_uuid(event))
            value = read_leg_event(event) if of_leg is not None else None
            if of_leg is not None and value is not None:
                of_leg(value)


def wire(dispatcher: Dispatcher, known: Knowledge) -> None:
    """Have every event change what is known."""
    calls, gateways, changes, strangers = known.calls, known.gateways, known.event_changes, known.strangers
    dispatcher.on(kinds.HEARTBEAT, known.on_heartbeat)
    dispatcher.on(kinds.CHANNEL_CREATE, calls.on_create)
    dispatcher.on(kinds.CHANNEL_PROGRESS, calls.on_progress)
    dispatcher.on(kinds.CHANNEL_PROGRESS_MEDIA, calls.on_progress)
    dispatcher.on(kinds.CHANNEL_ANSWER, calls.on_answer)
    dispatcher.on(kinds.CHANNEL_HANGUP_COMPLETE, calls.on_hangup)
    dispatcher.on(kinds.CHANNEL_DESTROY, known.on_destroy)
    dispatcher.on(kinds.DIAL_ENDED, known.dials.on_ended)
    dispatcher.on(kinds.DIAL_JOB, known.dials.on_job)
    dispatcher.on(kinds.GATEWAY_STATE, gateways.on_event)
    dispatcher.on(kinds.GATEWAY_ADD, gateways.on_added)
    dispatcher.on(kinds.GATEWAY_DELETE, gateways.on_deleted)
    dispatcher.on(kinds.PROFILE_START, known.on_profile_started)
    dispatcher.on(kinds.REGISTER_FAILURE, strangers.on_failure)
    dispatcher.on(kinds.WRONG_CALL_STATE, strangers.on_scan)
    dispatcher.on(kinds.REGISTER, known.on_registered)
    dispatcher.on(kinds.UNREGISTER, known.subscribers.on_gone)
    dispatcher.on(kinds.EXPIRE, known.subscribers.on_gone)
    dispatcher.on(kinds.SIP_USER_STATE, known.subscribers.on_reachability)
    dispatcher.on(kinds.XML_RELOADED, changes.on_xml_reloaded)
    dispatcher.on(kinds.MODULE_LOADED, changes.on_module_loaded)
    dispatcher.on(kinds.MODULE_UNLOADED, changes.on_module_unloaded)
    dispatcher.on(kinds.ADDRESS_CHANGED, changes.on_address_changed)
    dispatcher.on(kinds.SHUTDOWN, changes.on_shutdown)
    dispatcher.on(kinds.TICK, known.on_tick)
    dispatcher.on_unreadable(known.on_unreadable)
