"""The Event Socket protocol, and nothing about what FreeSWITCH's texts mean.

What is here: bytes to frames (`protocol`), one event (`event`), authentication and the matching of replies to
commands (`session`), all without I/O; the TCP connection (`tcp`); the asyncio connection that moves bytes and
keeps deadlines (`connection`); and the errors that all of them raise (`errors`). Standard library and
aiohappyeyeballs only; nothing else of the exporter is imported.
"""

from exporter.esl.connection import Connection
from exporter.esl.errors import (
    AclDenied,
    AuthRejected,
    CommandTimeout,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    EslError,
    EventsStalled,
    EventsUnreadable,
    Exhausted,
    FellBehind,
    GreetingTimeout,
    HandlerFailed,
    NameNotResolved,
    PermissionDenied,
    ProtocolError,
)
from exporter.esl.event import Event
from exporter.esl.protocol import Frame, Protocol
from exporter.esl.session import Reply
from exporter.esl.tcp import LookUp

__all__ = [
    "AclDenied",
    "AuthRejected",
    "CommandTimeout",
    "ConnectTimeout",
    "Connection",
    "ConnectionRefused",
    "Disconnected",
    "EslError",
    "Event",
    "EventsStalled",
    "EventsUnreadable",
    "Exhausted",
    "FellBehind",
    "Frame",
    "GreetingTimeout",
    "HandlerFailed",
    "LookUp",
    "NameNotResolved",
    "PermissionDenied",
    "Protocol",
    "ProtocolError",
    "Reply",
]
