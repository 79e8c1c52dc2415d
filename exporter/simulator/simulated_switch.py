"""A FreeSWITCH on a real socket: start, stop, restart, and everything that can go wrong with it.

Strategy: `Switch` is the state, `Server` the port and its clients, `Calls` what dials and answers. A fault is
one plainly named method here. It sets `Faults` (faults.py), which the parts consult before they act, or does
the damage at once. Faults in `Faults` last until `recover`, which ends them all. What goes wrong at a
provider is set on `provider(...)` (providers.py).
"""

import asyncio
import uuid
from collections.abc import Callable, Collection, Sequence
from typing import Final, Self, Unpack

from exporter.simulator.api import Api
from exporter.simulator.calls import Calls
from exporter.simulator.client import Client
from exporter.simulator.faults import Faults
from exporter.simulator.gateways import Gateway, GatewayConfig
from exporter.simulator.server import Server
from exporter.simulator.switch import Settings, Switch

SSH_BANNER: Final = "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n"
HTTP_BANNER: Final = (
    "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n400 Bad Request"
)
CHECK: Final = 0.005  # s between looks at a condition
GARBAGE: Final = b"\x00\xff\xfe garbage \xc3\x28\n\n"


class SimulatedSwitch(Switch):
    """A FreeSWITCH for tests and demos, and its faults; see the package's docstring.

    Args:
        gateways: see `Switch`.
        **settings: see `Switch`.

    Attributes:
        calls: makes calls (calls.py).
    """

    def __init__(self, gateways: Sequence[GatewayConfig] | None = None, **settings: Unpack[Settings]) -> None:
        super().__init__(gateways, **settings)
        self.calls = Calls(self)
        self._api = api = Api(self, self.calls)
        self._server = Server(lambda clients: Client(self, api, clients))
        self._loops: list[asyncio.Task[None]] = []

    @property
    def host(self) -> str:
        """Where the event socket listens."""
        return self._server.host

    @property
    def port(self) -> int:
        """Where the event socket listens; may be set before `start_process`."""
        return self._server.port

    @port.setter
    def port(self, port: int) -> None:
        self._server.port = port

    @property
    def clients(self) -> set[Client]:
        """The connected clients."""
        return self._server.clients

    # Starting, stopping, waiting.

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> Self:
        """Listen, and let the gateways register.

        Args:
            host: to listen on.
            port: to listen on; 0 for any free one, see `port`.

        Raises:
            OSError: the address cannot be bound.
        """
        self._server.host, self._server.port = host, port
        await self.start_process()
        return self

    async def start_process(self) -> None:
        """Start a new FreeSWITCH process with the same configuration."""
        self.core.restart()
        self.sessions.restart()
        self.sofia.start()
        self.modules.start()
        self._loops = [asyncio.create_task(self.run_heartbeat())]
        await self._server.listen()

    async def stop(self) -> None:
        """End everything without a notice to clients."""
        self.kill_process()
        self._server.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(self, *exc: object) -> None:
        await self.stop()

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until `condition()` holds.

        Raises:
            TimeoutError: it did not within `seconds`.
        """
        async with asyncio.timeout(seconds):
            while not condition():
                await self.clock.sleep(CHECK)

    async def gateway_reaches(self, name: str, state: str, seconds: float = 5.0) -> Gateway:
        """Wait until the gateway is in `state`, and return it.

        Raises:
            TimeoutError: it was not within `seconds`.
        """

        def reached() -> bool:
            gateway = self.sofia.find(name)
            return gateway is not None and gateway.state == state

        await self.until(reached, seconds)
        return self.gateway(name)

    def bgapi(self, command: str, arguments: str = "") -> None:
        """Run a command as another client's `bgapi` does: API and BACKGROUND_JOB."""
        self._api.run_job(str(uuid.uuid4()), command, arguments)

    # The port.

    async def refuse_connections(self) -> None:
        """The port refuses; existing connections are reset."""
        self._server.stop_listening()
        self._server.drop_clients()

    async def accept_connections(self) -> None:
        """Listen again on the same port, after `refuse_connections` or `filter_port`."""
        await self._server.listen()

    async def filter_port(self) -> None:
        """Connecting hangs, as behind a firewall that drops; existing connections are reset."""
        self._server.drop_clients()
        await self._server.filter()

    def speak_ssh(self) -> None:
        """Another service has the port: an SSH daemon."""
        self.core.faults.banner = SSH_BANNER
        self._server.drop_clients()

    def speak_http(self) -> None:
        """Another service has the port: a web server that answers at once."""
        self.core.faults.banner = HTTP_BANNER
        self._server.drop_clients()

    def deny_by_acl(self, *, drop: bool = True) -> None:
        """Every new connection is refused by access list; existing ones are reset.

        Args:
            drop: false keeps the existing ones.
        """
        self.core.faults.acl_denies = True
        if drop:
            self._server.drop_clients()

    def change_password(self, password: str, *, drop: bool = True) -> None:
        """The password in event_socket.conf changed; existing connections are reset.

        Args:
            password: the new one.
            drop: false keeps the existing connections.
        """
        self.password = password
        if drop:
            self._server.drop_clients()

    # Not answering.

    def hang(self) -> None:
        """The process stands still (kill -STOP): the kernel accepts, nothing is answered or sent."""
        self.core.faults.hung = True
        self.sofia.catch_up()

    def hang_commands(self) -> None:
        """Commands are not answered; events still flow to clients that wait for no reply."""
        self.core.faults.commands_hung = True

    def stall_events(self) -> None:
        """The event dispatcher stands still: commands are answered, no event is sent."""
        self.core.faults.events_stalled = True

    def indent_events(self) -> None:
        """JSON events are written as FreeSWITCH 1.2 wrote them: one header a line, with tabs."""
        self.core.faults.events_indented = True

    def delay_replies(self, seconds: float, beginning: str = "") -> None:
        """Replies to command lines with this beginning ("" is every line) come after so many seconds."""
        self.core.faults.reply_delays[beginning] = seconds

    def move_away(self, seconds: float) -> None:
        """The network is slow: what is sent arrives so many seconds later, in order; nothing else waits."""
        self.core.faults.distance = seconds

    def lose_events(self, names: Collection[str]) -> None:
        """Events of these names (or CUSTOM subclasses) are dropped, as from a full queue."""
        self.core.faults.lost_events = set(names)

    def leave_ends_unsent(self, count: int = 1) -> None:
        """The next `count` legs end without CHANNEL_HANGUP, _HANGUP_COMPLETE and _DESTROY."""
        self.core.faults.unsent_ends += count

    def use_up_rtp_ports(self) -> None:
        """No call gets an RTP port any more."""
        self.core.faults.rtp_ports_used_up = True

    def mute_calls(self) -> None:
        """The audio of the far ends of all running calls arrives no more; new calls are well."""
        for leg in self.legs.values():
            leg.mute()

    # Broken streams.

    def drop_connections(self, *, mid_frame: bool = True) -> None:
        """Every connection ends without a notice, in the middle of an event.

        Args:
            mid_frame: false ends it between two frames.
        """
        if mid_frame:
            self._server.write("Content-Length: 900\nContent-Type: text/event-plain\n\nEvent-Name: HEARTB")
        for client in list(self.clients):
            client.close()

    def send_garbage(self, data: bytes = GARBAGE) -> None:
        """Bytes that are no frame, to every client."""
        self._server.write(data)

    def send_oversized(self, length: int = 10**12) -> None:
        """The head of a frame that announces `length` bytes, to every client."""
        self._server.write(f"Content-Length: {length}\nContent-Type: text/event-plain\n\nEvent-Name: X\n")

    # The process.

    def kill_process(self) -> None:
        """`kill -9`: connections are reset without a notice, the port refuses."""
        self._end_process()
        self._server.drop_clients()

    async def restart(self) -> None:
        """The process died and is back: new Core-UUID, counters at zero, no calls, gateways register anew."""
        self.kill_process()
        await self.start_process()

    async def upgrade(self, release: str) -> None:
        """The process ended without a notice and is back as another release."""
        self.core.release = release
        await self.restart()

    def shut_down(self) -> None:
        """`fsctl shutdown`: SHUTDOWN, legs and profiles end, clients get a notice; then the port refuses."""
        super().shut_down()
        self._server.dismiss()
        self._end_process()

    def _end_process(self) -> None:
        self.calls.stop()
        for task in self._loops:
            task.cancel()
        self._loops = []
        self.sofia.end()
        self._server.stop_listening()

    def skew_clock(self, seconds: float) -> None:
        """The switch's clock is this much ahead (negative: behind)."""
        self.clock.skew = seconds
        self.sofia.catch_up()

    def recover(self) -> None:
        """End the faults, the skew and the pause; a refusing port, the password and limits stay."""
        self.core.faults = Faults()
        self.clock.skew = 0.0
        self.sofia.catch_up()
        self.unpause()
        self._server.resume()
        self._server.drop_foreign()
