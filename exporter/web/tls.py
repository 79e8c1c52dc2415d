"""TLS whose certificates can be replaced while it serves.

The listening sockets keep one SSL context for good, `Tls.listening`. It has no certificate: in each handshake
it passes the connection to the newest context, by the callback meant for virtual hosts (OpenSSL calls it
without a server name as well). A reload brings a new context (`load`, `Tls.use`). Between reloads a task
compares the stamps of the files every CHECK_EVERY seconds and loads them again when they have changed. Files
that do not make a valid context (a new certificate whose key is not written yet) are logged once, and the old
context stays in use. Files are read by the executor for the disk, never on the event loop.

OpenSSL takes client verification and protocol versions from the listening context, so both are copied there.
A resumed session would let in a client whose CA is no longer trusted. Therefore session tickets are off, and
a session of TLS 1.2 from before the newest context is rejected. The handshake checks who issued a client's
certificate; whom it names is checked after the handshake (`admits`).
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final, NamedTuple

import structlog

from exporter.clock import Clock
from exporter.config import InvalidValue, TlsConfig
from exporter.config.tls import context, is_allowed
from exporter.executors import Executor, QueueFull

log = structlog.get_logger(__name__)

DISK_SECONDS: Final = 10.0
CHECK_EVERY: Final = 1.0  # seconds between two looks at the files

Stamps = tuple[tuple[int, int, int] | None, ...]


class LoadedTls(NamedTuple):
    """A TLS config with its files read.

    Attributes:
        config: the TLS part of the web config.
        stamps: of its files, taken before they were read.
        context: made from them.
    """

    config: TlsConfig
    stamps: Stamps
    context: ssl.SSLContext


def load(config: TlsConfig) -> LoadedTls:
    """Read certificate, key and client CA. Blocks.

    Raises:
        InvalidValue: one of them cannot be read or used.
    """
    stamps = _stamps(config)  # before the files are read: one that changes meanwhile is read again
    return LoadedTls(config, stamps, context(config))


class Tls:
    """The SSL context to listen with, and the newest one behind it.

    Args:
        loaded: the first context.
        disk: the executor that reads the files.
        clock: the time.

    Attributes:
        listening: the context for the listening sockets.
    """

    def __init__(self, loaded: LoadedTls, disk: Executor, clock: Clock) -> None:
        self._disk = disk
        self._clock = clock
        self.listening = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.listening.options |= ssl.OP_NO_TICKET
        self.listening.num_tickets = 0
        self.listening.sni_callback = self._pass_on
        self.use(loaded)

    def use(self, loaded: LoadedTls) -> None:
        """Serve all further handshakes with this context."""
        self._loaded = loaded
        self._seen = loaded.stamps
        self._since_epoch = self._clock.epoch()
        self.listening.verify_mode = loaded.context.verify_mode
        self.listening.minimum_version = loaded.context.minimum_version
        self.listening.maximum_version = loaded.context.maximum_version

    async def run(self) -> None:
        """Look at the files every CHECK_EVERY seconds, until cancelled."""
        warned = False
        while True:
            await self._clock.sleep(CHECK_EVERY)
            try:
                async with asyncio.timeout(DISK_SECONDS):
                    await self._refresh()
                warned = False
            except (QueueFull, TimeoutError) as error:  # the files are looked at again in a moment
                if not warned:
                    reason = str(error) or f"the disk did not answer within {DISK_SECONDS:g} s"
                    log.warning("certificates cannot be looked at", reason=reason)
                warned = True

    def admits(self, connection: ssl.SSLObject) -> bool:
        """Whether the client of a finished handshake is allowed."""
        if connection.session_reused and connection.session and connection.session.time <= self._since_epoch:
            return False
        return is_allowed(self._loaded.config, connection.getpeercert())

    async def _refresh(self) -> None:
        config = self._loaded.config
        stamps = await self._disk.run(_stamps, config)
        if config is not self._loaded.config or stamps == self._seen:
            return
        try:
            loaded = await self._disk.run(load, config)
        except InvalidValue as invalid:
            self._seen = stamps
            log.warning(
                "new certificate unusable, the old one stays in use",
                limit="certificate",
                reason=str(invalid),
            )
            return
        if config is self._loaded.config:  # else a reload has brought another one meanwhile
            self.use(loaded)
            log.info("certificate read again", limit="certificate")

    def _pass_on(self, connection: ssl.SSLObject, _name: str | None, _listening: ssl.SSLContext) -> None:
        connection.context = self._loaded.context


def _stamps(config: TlsConfig) -> Stamps:
    """What distinguishes one content of each file from another; None: its state cannot be read."""
    return tuple(map(_stamp, config.files()))


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        stat = path.stat()
    except OSError:
        return None
    return stat.st_mtime_ns, stat.st_ino, stat.st_size
