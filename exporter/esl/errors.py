"""Every way in which an event socket can fail, as one small tree of exceptions.

Callers match on the class. Metrics use `problem`, a value of the metric `freeswitch_connection_problem`. A
message never contains the password. What the far end sent appears in it cut short and made printable by
`printable`.
"""

from typing import ClassVar

_SHOWN = 200


def printable(text: str | bytes) -> str:
    """The text as one line of at most 200 characters that is safe in a log and on a terminal."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    line = text[: _SHOWN + 1]
    if not line.isprintable():
        line = "".join(c if c.isprintable() else " " for c in line)
    line = line.strip()
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."


class EslError(Exception):
    """An event socket cannot be used, or can no longer be used."""

    problem: ClassVar[str] = "protocol_error"


class NameNotResolved(EslError):
    """The host name has no address, or the look-up failed or took too long."""

    problem = "dns"


class ConnectionRefused(EslError):
    """Nothing listens on that address and port, or a firewall rejects the connection."""

    problem = "refused"


class ConnectTimeout(EslError):
    """The SYN or a command is not acknowledged: host or network dead, or a firewall drops packets."""

    problem = "timeout"


class AuthRejected(EslError):
    """FreeSWITCH does not accept the password (or the user)."""

    problem = "auth_rejected"


class AclDenied(EslError):
    """FreeSWITCH's `apply-inbound-acl` does not list the exporter's address (`text/rude-rejection`)."""

    problem = "acl_denied"


class ProtocolError(EslError):
    """The bytes are not Event Socket: another service on that port, or a damaged stream."""

    problem = "protocol_error"


class PermissionDenied(EslError):
    """The `userauth` account may not do that (`esl-allowed-api`, `esl-allowed-events`)."""

    problem = "permission_denied"


class CommandTimeout(EslError):
    """A command was not answered within its deadline. Replies carry no number, so the connection is over."""

    problem = "hung"


class GreetingTimeout(EslError):
    """The port accepts connections, but no `auth/request` arrives: FreeSWITCH's process hangs."""

    problem = "hung"


class EventsStalled(EslError):
    """Commands are answered, but events (the exporter's own tick among them) do not arrive."""

    problem = "events_stalled"


class EventsUnreadable(EslError):
    """Events arrive, but not in a form that the exporter reads, so its own tick is not found among them."""

    problem = "protocol_error"


class FellBehind(EslError):
    """The exporter read too slowly: it left so as not to block FreeSWITCH, or FreeSWITCH dropped it."""

    problem = "events_stalled"


class HandlerFailed(EslError):
    """The exporter's handler of events or log lines raised: a defect of the exporter, not of FreeSWITCH."""

    problem = "protocol_error"


class Disconnected(EslError):
    """FreeSWITCH closed the connection: shut down, restarted, killed, or it sent a disconnect notice."""

    problem = "shutdown"
