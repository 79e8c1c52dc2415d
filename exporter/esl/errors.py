"""Every way in which an event socket can fail, as one small tree of exceptions.

Callers match on the class. Metrics use `problem`, a value of the metric `freeswitch_connection_problem`. A
message never contains a password that `mask` was told of, nor one in an address (`user:password@host`). What
the far end sent appears in it masked, cut short and made printable by `quoted`, in this order: what is cut
first may end in the middle of a password, which no later mask finds.
"""

import errno
import re
from typing import ClassVar, Final
from urllib.parse import quote

MASK: Final = "<secret>"  # what is written in place of a password
_SHOWN: Final = 200
_LOOKED_AT: Final = 40_000  # so far passwords are searched: past what is shown, however many are masked
_MIN_MASKED: Final = 4  # characters; masking every "a" would leave no text
_MAX_MASKED: Final = 1000  # passwords, the newest
_USER: Final = r"(?:[^\s:@/%<>\"'\[\](){}=,;|]|%(?!3A)){1,64}(?::|%3A)"  # and what is before its password
_IN_ADDRESS: Final = re.compile(
    rf"(?<![^\s/<>\"'\[\](){{}}=,;|])((?:(?:sips?|tel|pres|im|mailto)(?::|%3A))?+{_USER})[^\s@/<>\"'|,]{{1,128}}(?=@)",
    re.IGNORECASE,
)
_IN_CHANNEL: Final = re.compile(
    rf"(\b(?:sofia/(?:gateway/)?+[^\s/]{{1,64}}|loopback)/(?:sips?(?::|%3A))?+{_USER})[^\s@/<>\"'|,()\[\]]{{1,128}}",
    re.IGNORECASE,
)
_EXHAUSTED: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class _Mask:
    """The passwords of this process and the texts in which a far end may repeat them."""

    def __init__(self) -> None:
        self._forms: dict[str, tuple[str, ...]] = {}
        self._pattern: re.Pattern[str] | None = None

    def add(self, secret: str) -> None:
        """Mask it from now on."""
        if secret in self._forms:
            return
        forms = {secret, secret.strip(), one_line(secret), quote(secret.encode(errors="replace"))}
        self._forms[secret] = tuple(form for form in forms if len(form) >= _MIN_MASKED)
        if len(self._forms) > _MAX_MASKED:
            del self._forms[next(iter(self._forms))]
        every = sorted({form for forms in self._forms.values() for form in forms}, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, every))) if every else None

    def apply(self, text: str) -> str:
        """The text with every password masked."""
        return self._pattern.sub(MASK, text) if self._pattern else text


_MASKING: Final = _Mask()


def mask(secret: str) -> None:
    """Never show this password: it is masked in whatever `quoted` shows, and never cut in two by `printable`.

    One of fewer than 4 characters is not masked.
    """
    _MASKING.add(secret)


def masked(text: str) -> str:
    """The text, as far as anything of it may be shown, with every password masked."""
    return without_passwords_in_addresses(_MASKING.apply(text[:_LOOKED_AT]))


def without_passwords_in_addresses(text: str) -> str:
    """The text with the password of each `user:password@host` or `sofia/PROFILE/user:password` masked.

    FreeSWITCH dials such an address as any other, and writes its colon as `%3A` mostly.
    """
    if "@" in text:
        text = _IN_ADDRESS.sub(rf"\1{MASK}", text)
    if "sofia/" in text or "loopback/" in text:
        text = _IN_CHANNEL.sub(rf"\1{MASK}", text)
    return text


def printable(text: str | bytes) -> str:
    """The text as one line of at most 200 characters that is safe in a log and on a terminal.

    A text that fits is not masked: it may be a name that equals a password. For messages see `quoted`.
    """
    if isinstance(text, bytes):
        text = text[: 4 * _LOOKED_AT].decode("utf-8", "replace")
    if len(text) > _SHOWN:
        text = masked(text)
    line = one_line(text[: _SHOWN + 1])
    return line if len(line) <= _SHOWN else line[:_SHOWN] + "..."


def quoted(text: str | bytes) -> str:
    """A far end's text in a message: as `printable`, with every password masked."""
    if isinstance(text, bytes):
        text = text[: 4 * _LOOKED_AT].decode("utf-8", "replace")
    return printable(masked(text))


def one_line(text: str) -> str:
    """The whole text, each character that is not printable a blank."""
    if not text.isprintable():
        text = "".join(c if c.isprintable() else " " for c in text)
    return text.strip()


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


class Exhausted(EslError):
    """The exporter itself has no descriptor or memory left for a connection; FreeSWITCH has no part in it."""

    problem = "exporter_limit"

    @classmethod
    def cause(cls, error: BaseException) -> "Exhausted | None":
        """The error that says so, if `error` is of that kind."""
        if isinstance(error, MemoryError):
            return cls("the exporter has no memory left; raise its limit (MemoryMax, limits.memory)")
        if not isinstance(error, OSError) or error.errno not in _EXHAUSTED:
            return None
        if error.errno == errno.EMFILE:
            return cls("the exporter has no file descriptor left; raise its limit (LimitNOFILE, ulimit -n)")
        return cls(f"the exporter's machine has no room for a connection: {error.strerror}")


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
