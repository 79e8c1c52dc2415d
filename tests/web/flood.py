"""Many connections of one address to a daemon: of each kind that costs the attacker little."""

import asyncio
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import aiohttp

ATTACKER: Final = "127.0.0.2"
SCRAPER: Final = "127.0.0.3"
SOCKETS: Final = 1200
_HOST: Final = b"Host: localhost\r\n"
_POST: Final = (
    b"POST /api/calls/test-echo HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: 9999\r\n"
)

# What each connection sends at once, with its number for NUMBER. A trickling one sends it byte by byte.
KINDS: Final[dict[str, bytes]] = {
    "idle": b"",
    "half a request": b"GET /metrics HTTP/1.1\r\nHost: local",
    "a long head": b"GET /metrics HTTP/1.1\r\n"
    + b"".join(b"X-%d: %s\r\n" % (n, b"x" * 8000) for n in range(60)),
    "trickling": b"GET /metrics HTTP/1.1\r\n" + _HOST + b"X-Padding: " + b"x" * 1000,
    "not reading a page": (b"GET /metrics HTTP/1.1\r\n" + _HOST + b"\r\n") * 30,
    "not reading thousands of answers": (b"GET /-/ready HTTP/1.1\r\n" + _HOST + b"\r\n") * 8000,
    "not reading many answers": (b"GET / HTTP/1.1\r\n" + _HOST + b"\r\n") * 5,
    "varied pages": (b"GET /metrics?name[]=NUMBER HTTP/1.1\r\n" + _HOST + b"\r\n") * 10,
    "a body that nobody reads": (
        b"GET / HTTP/1.1\r\nContent-Length: 999999\r\n" + _HOST + b"\r\n" + b"x" * 500_000
    ),
    "trailers": (
        _POST.replace(b"Content-Length: 9999", b"Transfer-Encoding: chunked")
        + _HOST
        + b"\r\n1\r\n{\r\n0\r\n"
        + b"".join(b"X-%d: %8000d\r\n" % (n, n) for n in range(60))
    ),
    "body": _POST + _HOST + b'\r\n{"',
}


@contextmanager
def many_descriptors() -> Iterator[None]:
    """Allow this process as many descriptors as it may have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


class Flood:
    """Connections of ATTACKER to a port.

    Attributes:
        sockets: those that were connected.
    """

    def __init__(self) -> None:
        self.sockets: list[socket.socket] = []

    async def connect(self, port: int, count: int, sent: bytes = b"") -> None:
        """Open `count` more and send these bytes on each, as many as fit; one that is refused is left out."""
        loop = asyncio.get_running_loop()
        for number in range(count):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.bind((ATTACKER, 0))
            client.setblocking(False)
            self.sockets.append(client)
            await loop.sock_connect(client, ("127.0.0.1", port))
            self._send(client, sent.replace(b"NUMBER", b"%d" % number))
            if number % 50 == 0:
                await asyncio.sleep(0)

    async def trickle(self, text: bytes) -> None:
        """Send this text byte by byte on every connection, until cancelled."""
        for byte in text:
            for client in self.sockets:
                self._send(client, bytes([byte]))
            await asyncio.sleep(0.2)

    @staticmethod
    def _send(client: socket.socket, sent: bytes) -> None:
        try:
            if sent:
                client.send(sent)
        except (BlockingIOError, ConnectionError):
            return

    async def ended(self) -> int:
        """How many the other side has ended; what it has sent is read."""
        await asyncio.sleep(0)
        return sum(map(_is_over, self.sockets))

    def close(self) -> None:
        """Close all."""
        for client in self.sockets:
            client.close()


def _is_over(client: socket.socket) -> bool:
    try:
        while client.recv(1 << 20):
            pass
    except BlockingIOError:
        return False
    except ConnectionError:
        return True
    return True


@asynccontextmanager
async def flooded(port: int, kind: str, count: int = SOCKETS) -> AsyncIterator[Flood]:
    """Connections of this kind, for as long as the block lasts."""
    flood = Flood()
    trickling = None
    try:
        if kind == "trickling":
            await flood.connect(port, count)
            trickling = asyncio.create_task(flood.trickle(KINDS[kind]))
        else:
            await flood.connect(port, count, KINDS[kind])
        yield flood
    finally:
        if trickling is not None:
            trickling.cancel()
        flood.close()


@asynccontextmanager
async def client_at(address: str) -> AsyncIterator[aiohttp.ClientSession]:
    """A client that has this address, with a new connection for each request."""
    connector = aiohttp.TCPConnector(local_addr=(address, 0), force_close=True)
    async with aiohttp.ClientSession(connector=connector) as client:
        yield client


def resident(pid: int) -> int:
    """Bytes of a process's resident memory."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


def open_sockets(pid: int) -> int:
    """How many sockets a process has open."""
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        try:
            found += str(entry.readlink()).startswith("socket:")
        except FileNotFoundError:
            continue
    return found


async def until(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until it holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110 - nothing signals it
            await asyncio.sleep(0.02)
