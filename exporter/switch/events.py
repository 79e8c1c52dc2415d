"""The events that the exporter reads: their names, and the typed value that each becomes.

An event is known by its `Event-Name`, a CUSTOM event by its `Event-Subclass`. An `EventKind` joins that name
to the function that reads the event, so that a handler is given a value and never sees a header:

    dispatcher.on(events.HEARTBEAT, on_heartbeat)  # def on_heartbeat(heartbeat: Heartbeat) -> None

A reader returns None for an event that FreeSWITCH would not write (a gateway name with blanks, for example);
such an event has no handler.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from exporter.esl import Event
from exporter.switch.change_event import AddressChanged, ModuleInterface, ShuttingDown, XmlReloaded
from exporter.switch.dial_event import DialEnded, DialJob
from exporter.switch.followed_call import MARK_SUBCLASS
from exporter.switch.gateway_event import GatewayAdded, GatewayDeleted, GatewayEvent, ProfileStarted
from exporter.switch.leg import ChannelEvent
from exporter.switch.registration_event import Gone, Reachability, Registered
from exporter.switch.status import Heartbeat
from exporter.switch.stranger_event import AuthFailure, Scan
from exporter.switch.tick import TICK_SUBCLASS, TickEvent

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class EventKind(Generic[_T]):
    """One kind of event.

    Attributes:
        name: `Event-Name`, or `Event-Subclass` of a CUSTOM event.
        read: the event as a value; None for one that cannot be used. Raises nothing.
    """

    name: str
    read: Callable[[Event], _T | None]


HEARTBEAT: Final = EventKind("HEARTBEAT", Heartbeat.from_event)
CHANNEL_CREATE: Final = EventKind("CHANNEL_CREATE", ChannelEvent)
CHANNEL_PROGRESS: Final = EventKind("CHANNEL_PROGRESS", ChannelEvent)
CHANNEL_PROGRESS_MEDIA: Final = EventKind("CHANNEL_PROGRESS_MEDIA", ChannelEvent)
CHANNEL_ANSWER: Final = EventKind("CHANNEL_ANSWER", ChannelEvent)
CHANNEL_HANGUP_COMPLETE: Final = EventKind("CHANNEL_HANGUP_COMPLETE", ChannelEvent)
CHANNEL_DESTROY: Final = EventKind("CHANNEL_DESTROY", ChannelEvent)
GATEWAY_STATE: Final = EventKind("sofia::gateway_state", GatewayEvent.from_event)
GATEWAY_ADD: Final = EventKind("sofia::gateway_add", GatewayAdded.from_event)
GATEWAY_DELETE: Final = EventKind("sofia::gateway_delete", GatewayDeleted.from_event)
PROFILE_START: Final = EventKind("sofia::profile_start", ProfileStarted.from_event)
REGISTER_FAILURE: Final = EventKind("sofia::register_failure", AuthFailure.from_event)
WRONG_CALL_STATE: Final = EventKind("sofia::wrong_call_state", Scan.from_event)
REGISTER: Final = EventKind("sofia::register", Registered.from_event)
UNREGISTER: Final = EventKind("sofia::unregister", Gone.unregistered)
EXPIRE: Final = EventKind("sofia::expire", Gone.expired)
SIP_USER_STATE: Final = EventKind("sofia::sip_user_state", Reachability.from_event)
XML_RELOADED: Final = EventKind("RELOADXML", XmlReloaded.from_event)
MODULE_LOADED: Final = EventKind("MODULE_LOAD", ModuleInterface.from_event)
MODULE_UNLOADED: Final = EventKind("MODULE_UNLOAD", ModuleInterface.from_event)
ADDRESS_CHANGED: Final = EventKind("TRAP", AddressChanged.from_event)
SHUTDOWN: Final = EventKind("SHUTDOWN", ShuttingDown.from_event)
DIAL_ENDED: Final = EventKind("API", DialEnded.from_event)
DIAL_JOB: Final = EventKind("BACKGROUND_JOB", DialJob.from_event)
TICK: Final = EventKind(TICK_SUBCLASS, TickEvent.from_event)

OLDEST_FREESWITCH: Final = "1.8"
"""The oldest release whose events and replies are read; 1.2 and before write JSON in another form."""

EVENTS_UNREADABLE: Final = "events arrive, but cannot be read"
"""How the reason begins where a connection ends because of that."""

BACKGROUND_JOB: Final = DIAL_JOB.name

EVENT_NAMES: Final = (
    HEARTBEAT.name,
    CHANNEL_CREATE.name,
    CHANNEL_PROGRESS.name,
    CHANNEL_PROGRESS_MEDIA.name,
    CHANNEL_ANSWER.name,
    CHANNEL_HANGUP_COMPLETE.name,
    CHANNEL_DESTROY.name,
    BACKGROUND_JOB,
    DIAL_ENDED.name,
    SHUTDOWN.name,
    GATEWAY_STATE.name,
    GATEWAY_ADD.name,
    GATEWAY_DELETE.name,
    PROFILE_START.name,
    REGISTER_FAILURE.name,
    WRONG_CALL_STATE.name,
    REGISTER.name,
    UNREGISTER.name,
    EXPIRE.name,
    SIP_USER_STATE.name,
    XML_RELOADED.name,
    MODULE_LOADED.name,
    MODULE_UNLOADED.name,
    ADDRESS_CHANGED.name,
    TICK.name,
    MARK_SUBCLASS,
)
"""All of them, in the order in which they are subscribed to; names with `::` are subclasses of CUSTOM."""


def job_uuid(event: Event) -> str:
    """The job whose end a BACKGROUND_JOB reports; empty if it does not say."""
    return event.get(b"Job-UUID") or ""
