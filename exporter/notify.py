"""systemd's notify protocol: reports that the exporter is ready, that it stops, and that its loop runs.

Each report is one datagram of `NAME=value` to the socket that NOTIFY_SOCKET names (sd_notify(3)). Without
that variable nothing is sent. The watchdog reports come from the event loop itself, so that systemd restarts
an exporter whose loop is stuck: one that reads nothing can stop FreeSWITCH.
"""

import os
import socket
from collections.abc import Mapping

from exporter.clock import Clock


class Notifier:
    """Reports to the service manager of this process.

    Args:
        clock: the time.
        environ: the environment, read for NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    """

    def __init__(self, clock: Clock, environ: Mapping[str, str] = os.environ) -> None:
        self._clock = clock
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = environ.get("WATCHDOG_USEC", "")
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # Half the limit, as sd_watchdog_enabled(3) advises; None: the manager expects no reports.
        self._interval = int(usec) / 2e6 if usec.isascii() and usec.isdigit() and for_us else None
        self._reported = float("-inf")

    def ready(self) -> None:
        """Report that the daemon serves and has begun to watch."""
        self._send("READY=1")

    def stopping(self) -> None:
        """Report that the daemon stops."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """Report that the event loop runs, at most once in half of the manager's limit."""
        now = self._clock.monotonic()
        if self._interval is not None and now - self._reported >= self._interval:
            self._reported = now
            self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            try:
                sock.sendto(state.encode(), self._address)
            except OSError:
                return  # a service manager that does not listen must not stop the exporter
