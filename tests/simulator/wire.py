"""A client for the simulator's tests: frames as they are on the wire, read by rules of its own.

It shares no code with exporter/esl, so that the simulator and the client cannot be wrong together.
"""

import asyncio
import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple
from urllib.parse import unquote

CAPTURES = Path(__file__).parent.parent / "captures"
MORE_CAPTURES = Path(__file__).parent / "recorded"  # what only the simulator is held to


class Frame(NamedTuple):
    """One frame: its header lines as pairs, its body, and all its bytes."""

    headers: list[tuple[str, str]]
    body: bytes
    raw: bytes

    def header(self, name: str) -> str:
        return dict(self.headers).get(name, "")

    @property
    def kind(self) -> str:
        return self.header("Content-Type")


class Seen(NamedTuple):
    """One plain event: pairs with their values still encoded, and the inner body."""

    pairs: list[tuple[str, str]]
    body: str

    def get(self, name: str) -> str:
        return unquote(next((value for key, value in self.pairs if key == name), ""))

    @property
    def name(self) -> str:
        return self.get("Event-Name")

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.pairs]

    @property
    def subclass(self) -> str:
        return self.get("Event-Subclass")


def one_frame(data: bytes) -> tuple[Frame, bytes] | None:
    """The first complete frame of `data` and what follows it."""
    end = data.find(b"\n\n")
    if end < 0:
        return None
    headers = [_pair(line) for line in data[:end].decode("utf-8", "replace").split("\n") if line]
    length = int(dict(headers).get("Content-Length", 0))
    stop = end + 2 + length
    if len(data) < stop:
        return None
    return Frame(headers, data[end + 2 : stop], data[:stop]), data[stop:]


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition(": ")
    return name, value


def frames(data: bytes) -> Iterator[Frame]:
    while found := one_frame(data.lstrip(b"\n")):
        frame, data = found
        yield frame


def recorded(name: str) -> list[Frame]:
    """The frames of a capture."""
    (path,) = (path for folder in (CAPTURES, MORE_CAPTURES) if (path := folder / f"{name}.txt").exists())
    return list(frames(path.read_bytes()))


def event(frame: Frame) -> Seen:
    """A plain event of a frame."""
    head, _, body = frame.body.decode().partition("\n\n")
    return Seen([_pair(line) for line in head.split("\n")], body)


def recorded_events(name: str) -> list[Seen]:
    return [event(frame) for frame in recorded(name) if frame.kind == "text/event-plain"]


class Wire:
    """A connection to a simulated switch; conftest.py closes it."""

    opened: ClassVar[list["Wire"]] = []

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.received = b""
        self.closed = False
        self._rest = b""
        self._arrived = asyncio.Event()
        self._writer: asyncio.StreamWriter | None = None
        self._reader_task: asyncio.Task[None] | None = None
        self._taken = 0

    @classmethod
    async def open(cls, port: int, password: str | None = "ClueCon") -> "Wire":
        """Connect and, unless `password` is None, authenticate."""
        wire = cls()
        reader, wire._writer = await asyncio.open_connection("127.0.0.1", port)
        wire._reader_task = asyncio.create_task(wire._read(reader))
        cls.opened.append(wire)
        if password is not None:
            await wire.frame("auth/request")
            await wire.reply(f"auth {password}")
        return wire

    async def _read(self, reader: asyncio.StreamReader) -> None:
        try:
            while data := await reader.read(65536):
                self.received += data
                self._rest += data
                while found := one_frame(self._rest):
                    frame, self._rest = found
                    self.frames.append(frame)
                self._arrived.set()
        except ConnectionError:
            pass
        self.closed = True
        self._arrived.set()

    async def close(self) -> None:
        assert self._writer is not None
        assert self._reader_task is not None
        self._reader_task.cancel()
        self._writer.close()
        with contextlib.suppress(ConnectionError):
            await self._writer.wait_closed()

    def send(self, text: str) -> None:
        assert self._writer is not None
        self._writer.write(text.encode())

    async def until(self, condition: Callable[[], bool], seconds: float = 5.0) -> None:
        """Wait until `condition()` holds; it is asked again after every arrival."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._arrived.clear()
                await self._arrived.wait()

    async def frame(self, kind: str, seconds: float = 5.0) -> Frame:
        """The next frame of this content type not yet taken."""

        def position() -> int | None:
            return next(
                (i for i in range(self._taken, len(self.frames)) if self.frames[i].kind == kind), None
            )

        await self.until(lambda: position() is not None, seconds)
        found = position()
        assert found is not None
        frame = self.frames[found]
        self._taken = found + 1
        return frame

    async def reply(self, command: str) -> str:
        """Send a command, return the Reply-Text of the next command/reply."""
        self._taken = len(self.frames)
        self.send(command + "\n\n")
        return (await self.frame("command/reply")).header("Reply-Text")

    async def api(self, command: str) -> str:
        """Send an api command, return the text of the reply."""
        self._taken = len(self.frames)
        self.send(f"api {command}\n\n")
        return (await self.frame("api/response")).body.decode()

    def events(self) -> list[Seen]:
        return [event(frame) for frame in self.frames if frame.kind == "text/event-plain"]

    async def event(self, condition: Callable[[Seen], bool], seconds: float = 5.0) -> Seen:
        """The first event, old or new, for which `condition` holds."""
        await self.until(lambda: any(condition(seen) for seen in self.events()), seconds)
        return next(seen for seen in self.events() if condition(seen))


def shape(text: str) -> str:
    """`text` with every number replaced, so that two replies can differ in figures only."""
    return re.sub(r"-?\d+(\.\d+)?", "#", text)
