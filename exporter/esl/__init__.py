"""The Event Socket protocol, and nothing about what FreeSWITCH means by it.

What may live here: bytes to frames (`protocol`), one event (`event`), the asyncio connection that
authenticates, sends commands and hands out events (`connection`), and the errors all of them raise
(`errors`). Standard library only; no other room of this package is imported.
"""

from exporter.esl.connection import Connection, Reply
from exporter.esl.errors import (
    AclDenied,
    AuthRejected,
    CommandTimeout,
    ConnectionRefused,
    ConnectTimeout,
    Disconnected,
    EslError,
    EventsStalled,
    FellBehind,
    GreetingTimeout,
    HandlerFailed,
    NameNotResolved,
    PermissionDenied,
    ProtocolError,
)
from exporter.esl.event import Event
from exporter.esl.protocol import Frame, Protocol

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
    "FellBehind",
    "Frame",
    "GreetingTimeout",
    "HandlerFailed",
    "NameNotResolved",
    "PermissionDenied",
    "Protocol",
    "ProtocolError",
    "Reply",
]
