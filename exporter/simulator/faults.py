"""Everything that can be made to go wrong, each as one plainly named method.

Strategy: the wire side looks at `Faults` (server.py) whenever it is about to act; the methods here set it, or
do the damage at once. A fault lasts until `recover()`, which ends them all. What goes wrong at a provider is
set on the gateway's `provider` (gateways.py), not here.
"""

import asyncio
import contextlib
import socket
from collections.abc import Collection

from exporter.simulator.server import Faults
from exporter.simulator.switch import Switch

SSH_BANNER = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
HTTP_BANNER = (
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request"
)


class SimulatedSwitch(Switch):
    """A FreeSWITCH for tests and demos, and what can go wrong with it; see the package's docstring.

    Arguments and attributes are those of `Switch`.
    """

    # The port.

    async def refuse_connections(self) -> None:
        """Nobody listens any more; existing connections are reset."""
        await self._stop_listening()
        self._drop_clients()

    async def accept_connections(self) -> None:
        """Listen again, on the same port, after `refuse_connections` or `filter_port`."""
        for filler in self._filter_sockets:
            filler.close()
        self._filter_sockets.clear()
        await self._listen(self.host, self.port)

    async def filter_port(self) -> None:
        """Connecting hangs, as behind a firewall that drops: the port's accept queue is full for good."""
        await self.refuse_connections()
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        listener = socket.socket(family)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((self.host, self.port))
        listener.listen(0)
        self._filter_sockets.append(listener)
        for _ in range(4):
            filler = socket.socket(family)
            filler.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filler.connect((self.host, self.port))
            self._filter_sockets.append(filler)
        await asyncio.sleep(0)

    def speak_ssh(self) -> None:
        """Another service has the port: an SSH daemon."""
        self.faults.banner = SSH_BANNER
        self._drop_clients()

    def speak_http(self) -> None:
        """Another service has the port: a web server that answers at once."""
        self.faults.banner = HTTP_BANNER
        self._drop_clients()

    def deny_by_acl(self, *, drop: bool = True) -> None:
        """Every new connection is refused by access list; `drop`: the existing ones end too."""
        self.faults.acl_denies = True
        if drop:
            self._drop_clients()

    def change_password(self, password: str, *, drop: bool = True) -> None:
        """The password in event_socket.conf changed; `drop`: clients are thrown out by a module reload."""
        self.password = password
        if drop:
            self._drop_clients()

    # Not answering.

    def hang(self) -> None:
        """The whole process stands still (kill -STOP): the kernel accepts, nothing is answered or sent."""
        self.faults.hung = True

    def hang_commands(self) -> None:
        """Commands are not answered any more; events still flow to clients that wait for none."""
        self.faults.commands_hung = True

    def stall_events(self) -> None:
        """The event dispatcher stands still: commands are answered, no event is sent."""
        self.faults.events_stalled = True

    def delay_replies(self, seconds: float) -> None:
        """Every command waits this long for its reply."""
        self.faults.reply_delay = seconds

    def lose_events(self, names: Collection[str]) -> None:
        """Events of these names (or CUSTOM subclasses) are dropped, as from a full queue."""
        self.faults.lost_events = set(names)

    def leave_ends_unsent(self, count: int = 1) -> None:
        """The next `count` legs end without CHANNEL_HANGUP, _HANGUP_COMPLETE and _DESTROY."""
        self.faults.unsent_ends += count

    # Broken streams.

    def drop_connections(self, *, mid_frame: bool = True) -> None:
        """Every connection ends, without a notice; `mid_frame`: in the middle of an event."""
        for client in list(self.clients):
            if mid_frame:
                client.write("Content-Length: 900\nContent-Type: text/event-plain\n\nEvent-Name: HEARTB")
            client.close()

    def send_garbage(self, data: bytes = b"\x00\xff\xfe garbage \xc3\x28\n\n") -> None:
        """Bytes that are no frame, to every client."""
        for client in list(self.clients):
            client.write(data)

    def send_oversized(self, length: int = 10**12) -> None:
        """A frame that promises more than anybody should read."""
        self.send_garbage(
            f"Content-Length: {length}\nContent-Type: text/event-plain\n\nEvent-Name: X\n".encode()
        )

    # The switch itself.

    def kill_process(self) -> None:
        """kill -9: connections end, nobody is told, the port refuses."""
        self._die()
        self._drop_clients()

    async def restart(self) -> None:
        """The process died and is back: new Core-UUID, counters at zero, no calls, gateways register anew."""
        self.kill_process()
        await self.start_process()

    def skew_clock(self, seconds: float) -> None:
        """The switch's clock is this much ahead (negative: behind)."""
        self.clock.skew = seconds

    def pause(self, *ways: str) -> None:
        """`fsctl pause inbound|outbound` (both when none is named)."""
        self.paused |= set(ways or ("inbound", "outbound"))

    def unpause(self) -> None:
        """`fsctl resume`."""
        self.paused.clear()

    def limit_sessions(self, sessions: int) -> None:
        """`fsctl max_sessions N`; 0 refuses every new call."""
        self.max_sessions = sessions

    def limit_rate(self, per_second: int) -> None:
        """`fsctl sps N`: FreeSWITCH lets N - 1 calls per second pass."""
        self.max_sps = per_second

    def recover(self) -> None:
        """End every fault above but a port that refuses, a changed password and limits."""
        self.faults = Faults()
        self.clock.skew = 0.0
        self.paused.clear()
        for client in list(self.clients):
            client.resume()
        self._drop_strangers()
