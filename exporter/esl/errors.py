"""Every way in which an event socket can fail us, as one small tree.

Callers match on the class; people and metrics get `problem`, the word of the contract's
`freeswitch_connection_problem`. A message never carries a password, and what the far end said in it
has been cut and made printable by `printable`.
"""

from typing import ClassVar

_SHOWN = 200


def printable(text: str | bytes) -> str:
    """The text as one short line that is safe in a log or on a terminal."""
    if isinstance(text, bytes):
        text = text.decode("utf-8", "replace")
    line = "".join(c if c.isprintable() else " " for c in text[: _SHOWN + 1]).strip()
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."


class EslError(Exception):
    """Something went wrong between us and an event socket."""

    problem: ClassVar[str] = "protocol_error"


class NameNotResolved(EslError):
    """The host name has no address."""

    problem = "dns"


class ConnectionRefused(EslError):
    """Nothing listens on that address and port, or a firewall rejects us."""

    problem = "refused"


class ConnectTimeout(EslError):
    """Our SYN or our command is not acknowledged: host or network dead, or a firewall drops packets."""

    problem = "timeout"


class AuthRejected(EslError):
    """FreeSWITCH does not accept the password (or the user)."""

    problem = "auth_rejected"


class AclDenied(EslError):
    """FreeSWITCH's `apply-inbound-acl` does not list our address (`text/rude-rejection`)."""

    problem = "acl_denied"


class ProtocolError(EslError):
    """The bytes are not Event Socket: another service on that port, or a stream cut in the middle."""

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
    """Commands are answered, but events (our own tick among them) do not arrive."""

    problem = "events_stalled"


class FellBehind(EslError):
    """We could not keep up reading: let go so that FreeSWITCH is not held back, or dropped by it."""

    problem = "events_stalled"


class HandlerFailed(EslError):
    """Our own handler of events or log lines raised: the defect is here, not there."""

    problem = "protocol_error"


class Disconnected(EslError):
    """FreeSWITCH closed the connection: shut down, restarted, killed, or it sent a disconnect notice."""

    problem = "shutdown"
