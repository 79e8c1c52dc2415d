"""A TCP proxy between the daemon and the simulated switch that damages what passes.

Two kinds of damage: conditions hold for all links until they are taken back (`delay`, `pieces`, `stalled`,
`refusing`); acts happen once (`cut`, `reset`, `half_close`, `inject`). What is injected goes to the daemon
between two frames, so that it is read as FreeSWITCH's own. A stalled proxy does not read: the kernel's
buffers fill, as with a network that drops everything.
"""

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Iterator
from typing import Final, Literal, Self

from exporter.clock import Clock
from exporter.esl import Protocol

_READ: Final = 65536
_RESET: Final = struct.pack("ii", 1, 0)  # struct linger: on, no time
Side = Literal["exporter", "switch"]


class Link:
    """One connection of the daemon and the one to the switch that belongs to it.

    Attributes:
        writers: to each side.
    """

    def __init__(self, proxy: "Proxy", exporter: asyncio.StreamWriter, switch: asyncio.StreamWriter) -> None:
        self.writers: dict[Side, asyncio.StreamWriter] = {"exporter": exporter, "switch": switch}
        self._proxy = proxy
        self._frames = Protocol()  # of the stream to the daemon, to know where a frame ends
        self._injected = b""

    async def pump(self, reader: asyncio.StreamReader, to: Side) -> None:
        """Carry one direction to its end, then end it on the other side too."""
        writer = self.writers[to]
        try:
            while data := await reader.read(_READ):
                for piece in self._proxy.cut_up(data):
                    await self._proxy.hold_back()
                    writer.write(piece)
                    if to == "exporter":
                        frames = self._frames.receive(piece)
                        self._proxy.events += sum("event" in frame.content_type for frame in frames)
                        self._write_injected()
                    await writer.drain()
            writer.write_eof()
        except (OSError, RuntimeError):  # one side is gone, or closing
            self.close(reset=True)

    def inject(self, data: bytes) -> None:
        """Send the daemon these bytes as soon as no frame is under way."""
        self._injected += data
        self._write_injected()

    def _write_injected(self) -> None:
        if self._injected and not self._frames.partial:
            self.writers["exporter"].write(self._injected)
            self._injected = b""

    def close(self, *, reset: bool) -> None:
        """End both connections.

        Args:
            reset: with RST, else with FIN.
        """
        for writer in self.writers.values():
            if reset:
                _reset_on_close(writer)
            writer.transport.abort()


class Proxy:
    """The proxy.

    Args:
        port: of the switch on loopback.
        clock: the time.
        rng: what is random about the damage.

    Attributes:
        port: where the daemon connects to.
        delay: the longest delay of a piece in seconds; 0 for none.
        pieces: the longest piece in bytes; 0 leaves them as they come.
        stalled: nothing passes, in either direction.
        refusing: new connections are reset.
        links: those that are up.
        connections: how many the daemon made.
        events: how many passed, those that were injected left out.
    """

    def __init__(self, port: int, clock: Clock, rng: random.Random) -> None:
        self.port = 0
        self.delay = 0.0
        self.pieces = 0
        self.refusing = False
        self.links: set[Link] = set()
        self.connections = 0
        self.events = 0
        self._target = port
        self._clock = clock
        self._rng = rng
        self._passing = asyncio.Event()
        self._passing.set()
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def stalled(self) -> bool:
        """Nothing passes."""
        return not self._passing.is_set()

    @stalled.setter
    def stalled(self, stalled: bool) -> None:
        if stalled:
            self._passing.clear()
        else:
            self._passing.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc: object) -> None:
        assert self._server is not None
        self._server.close()
        self.close_links(reset=True)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def recover(self) -> None:
        """Take all conditions back."""
        self.delay = 0.0
        self.pieces = 0
        self.stalled = self.refusing = False

    def close_links(self, *, reset: bool) -> None:
        """End every connection."""
        for link in list(self.links):
            link.close(reset=reset)

    def half_close(self, side: Side) -> None:
        """FIN in one direction of every link; the other stays open."""
        for link in list(self.links):
            with contextlib.suppress(OSError, RuntimeError):
                link.writers[side].write_eof()

    def inject(self, data: bytes) -> None:
        """Send the daemon these bytes on every link, between two frames."""
        for link in list(self.links):
            link.inject(data)

    def cut_up(self, data: bytes) -> Iterator[bytes]:
        """The data in pieces of random sizes."""
        while self.pieces and len(data) > 1:
            size = self._rng.randint(1, self.pieces)
            yield data[:size]
            data = data[size:]
        if data:
            yield data

    async def hold_back(self) -> None:
        """Wait as long as a piece has to."""
        if self.delay:
            await self._clock.sleep(self._rng.uniform(0.0, self.delay))
        await self._passing.wait()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await self._link(reader, writer)
        except (asyncio.CancelledError, ConnectionError):
            return  # the proxy ends, or the switch is away
        finally:
            writer.transport.abort()
            self._tasks.discard(task)

    async def _link(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        if self.refusing:
            _reset_on_close(writer)
            return
        from_switch, to_switch = await asyncio.open_connection("127.0.0.1", self._target)
        link = Link(self, writer, to_switch)
        self.links.add(link)
        pumps = [
            asyncio.create_task(link.pump(reader, "switch")),
            asyncio.create_task(link.pump(from_switch, "exporter")),
        ]
        try:
            await asyncio.gather(*pumps)
        finally:
            self.links.discard(link)
            to_switch.transport.abort()
            for pump in pumps:
                pump.cancel()


def _reset_on_close(writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):  # closed already
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
