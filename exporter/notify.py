"""systemd's notify protocol: tell it that we are ready, that we stop, and that our loop still beats.

One datagram of `NAME=value` to the socket systemd names in NOTIFY_SOCKET (sd_notify(3)). Without that
variable nothing is sent. The watchdog is fed from the loop itself, so that a loop which is stuck is
restarted: an exporter that reads nothing can stop FreeSWITCH.
"""

import os
import socket
import time
from collections.abc import Mapping


class Notifier:
    """Speaks to the service manager of this process.

    Args:
        environ: the environment, read for NOTIFY_SOCKET, WATCHDOG_USEC and WATCHDOG_PID.
    """

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        address = environ.get("NOTIFY_SOCKET", "")
        self._address = "\0" + address[1:] if address.startswith("@") else address
        usec = environ.get("WATCHDOG_USEC", "")
        for_us = environ.get("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        # Half the limit, as sd_watchdog_enabled(3) advises; None: nobody watches.
        self._interval = int(usec) / 2e6 if usec.isascii() and usec.isdigit() and for_us else None
        self._fed = 0.0

    def ready(self) -> None:
        """The daemon serves, and has begun to watch."""
        self._send("READY=1")

    def stopping(self) -> None:
        """The daemon is on its way out."""
        self._send("STOPPING=1")

    def alive(self) -> None:
        """The loop beats; sent on to systemd as often as it asks."""
        now = time.monotonic()
        if self._interval is not None and now - self._fed >= self._interval:
            self._fed = now
            self._send("WATCHDOG=1")

    def _send(self, state: str) -> None:
        if not self._address:
            return
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sock:
            sock.setblocking(False)
            try:
                sock.sendto(state.encode(), self._address)
            except OSError:
                return  # a service manager that does not listen must not stop us
