"""TLS whose certificates can be replaced while it serves.

The listening sockets keep one context for good: the entrance. It holds no certificate; in each handshake it
hands the connection over to the newest context that could be built, by the callback meant for virtual hosts
(OpenSSL calls it without a server name as well). Before each handshake the files' stamps are compared: three
stats, microseconds. What cannot be built (a certificate written, its key not yet) is told in the log once,
and the old one goes on serving.

What OpenSSL takes from the entrance even so, client verification and protocol versions, is kept in step
there. A resumed session would bring in a client on the word of a CA that is trusted no more, so tickets are
off, and a session of TLS 1.2 that is older than the newest context does not get in. The handshake checks who
issued a client's certificate; whom it names is checked after it.
"""

import ssl
import time
from collections.abc import Callable
from pathlib import Path

import structlog

from exporter.config import InvalidValue, TlsConfig
from exporter.config.tls import context, is_allowed

log = structlog.get_logger(__name__)


class Tls:
    """The context to listen with.

    Args:
        first: the TLS config to begin with.
        config: gives the one in force. None, after a reload that took it away, keeps the last one.

    Attributes:
        entrance: for the listening sockets.

    Raises InvalidValue if certificate, key or client CA cannot be read or used.
    """

    def __init__(self, first: TlsConfig, config: Callable[[], TlsConfig | None]) -> None:
        self._config = config
        self.entrance = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.entrance.options |= ssl.OP_NO_TICKET
        self.entrance.num_tickets = 0
        self.entrance.sni_callback = self._hand_over
        self._seen = (first, _stamps(first))
        self._since = 0.0
        self._newest = self._build(first)

    def refresh(self) -> None:
        """Build a new context if config or files have changed; to be called before each handshake."""
        wanted = self._config()
        if wanted is None:
            return
        # Taken before the files are read: one that changes meanwhile is read again the next time.
        seen = (wanted, _stamps(wanted))
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self._newest = self._build(wanted)
        except InvalidValue as unfit:
            log.warning(
                "new certificate unusable, the old one goes on", limit="certificate", reason=str(unfit)
            )
        else:
            log.info("certificate read anew", limit="certificate")

    def admits(self, connection: ssl.SSLObject) -> bool:
        """Whether the client may come in, now that the handshake is done."""
        tls, _ = self._seen
        if connection.session_reused and connection.session and connection.session.time <= self._since:
            return False
        return is_allowed(tls, connection.getpeercert())

    def _build(self, tls: TlsConfig) -> ssl.SSLContext:
        made = context(tls)
        self.entrance.verify_mode = made.verify_mode
        self.entrance.minimum_version = made.minimum_version
        self.entrance.maximum_version = made.maximum_version
        self._since = time.time()
        return made

    def _hand_over(self, connection: ssl.SSLObject, _name: str | None, _entrance: ssl.SSLContext) -> None:
        connection.context = self._newest


def _stamps(tls: TlsConfig) -> list[tuple[int, int, int] | None]:
    """What tells one content of each file from another; None: it cannot be looked at."""
    return [_stamp(path) for path in tls.files()]


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
