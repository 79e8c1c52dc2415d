"""SRV records, which the standard library cannot ask for: one DNS question over UDP, and its answer read.

FreeSWITCH (sofia) finds a provider by SRV when its proxy is a name without a port, so a doctor that looks at
addresses alone would miss half of what can be wrong. Only as much of RFC 1035 and RFC 2782 as that takes: one
question, recursion wanted, no TCP; an answer that is cut (TC) counts with what it has. Answers are hostile:
every step is bounded and a malformed one is no answer.
"""

import asyncio
import secrets
import struct
from pathlib import Path
from typing import Final, NamedTuple

RESOLV_CONF: Final = Path("/etc/resolv.conf")
_SRV: Final = 33
_INTERNET: Final = 1
_HEADER: Final = struct.Struct("!6H")
_RECORD: Final = struct.Struct("!HHIH")
_RECURSION_WANTED: Final = 0x0100
_IS_ANSWER: Final = 0x8000
_MAX_LABELS: Final = 128
_MAX_RECORDS: Final = 32


class Service(NamedTuple):
    """One SRV record. Lower priorities come first."""

    priority: int
    weight: int
    port: int
    target: str


class NoAnswer(Exception):
    """The bytes are no answer to the question."""


def question(name: str, number: int) -> bytes:
    """The datagram that asks for the SRV records of a name.

    Raises:
        ValueError: it cannot be a host name.
    """
    labels = name.rstrip(".").encode("ascii").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or len(name) > 253:
        raise ValueError(f"no host name: {name!r}")
    packed = b"".join(bytes([len(label)]) + label for label in labels) + b"\0"
    return _HEADER.pack(number, _RECURSION_WANTED, 1, 0, 0, 0) + packed + struct.pack("!2H", _SRV, _INTERNET)


def services(answer: bytes, number: int) -> list[Service]:
    """The SRV records of an answer to question `number`, best first; empty if the name has none.

    Raises:
        NoAnswer: it is none, or malformed.
    """
    try:
        said, flags, questions, records, _, _ = _HEADER.unpack_from(answer)
        if said != number or not flags & _IS_ANSWER:
            raise NoAnswer
        at = _HEADER.size
        for _ in range(min(questions, 2)):
            at = _name(answer, at)[1] + 4
        found = []
        for _ in range(min(records, _MAX_RECORDS)):
            at = _name(answer, at)[1]
            kind, _, _, length = _RECORD.unpack_from(answer, at)
            at += _RECORD.size
            if kind == _SRV:
                priority, weight, port = struct.unpack_from("!3H", answer, at)
                found.append(Service(priority, weight, port, _name(answer, at + 6)[0]))
            at += length
    except (struct.error, IndexError) as error:
        raise NoAnswer from error
    return sorted(found, key=lambda service: (service.priority, -service.weight))


def _name(message: bytes, at: int) -> tuple[str, int]:
    """The name that begins there, and where the text behind it begins."""
    labels: list[str] = []
    behind = 0
    for _ in range(_MAX_LABELS):
        length = message[at]
        if length >= 0xC0:  # a pointer to where the rest of the name stands
            behind = behind or at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
        elif length == 0:
            return ".".join(labels), behind or at + 1
        else:
            labels.append(message[at + 1 : at + 1 + length].decode("ascii", "replace"))
            at += 1 + length
    raise IndexError("a name without an end")


def nameservers(text: str) -> list[str]:
    """The addresses of a resolv.conf."""
    lines = (line.split() for line in text.splitlines())
    return [words[1] for words in lines if len(words) > 1 and words[0] == "nameserver"]


class _Asking(asyncio.DatagramProtocol):
    def __init__(self, number: int) -> None:
        self._number = number
        self.answer: asyncio.Future[list[Service]] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        del addr  # the socket is connected: it is the server's
        try:
            found = services(data, self._number)
        except NoAnswer:
            return
        if not self.answer.done():
            self.answer.set_result(found)

    def error_received(self, exc: Exception) -> None:
        if not self.answer.done():
            self.answer.set_exception(exc)


async def ask(name: str, server: str, port: int = 53, seconds: float = 2.0) -> list[Service]:
    """The SRV records of a name as that server has them.

    Raises:
        OSError: it cannot be asked.
        TimeoutError: it did not answer in time.
        ValueError: the name cannot be asked for.
    """
    number = secrets.randbelow(1 << 16)
    datagram = question(name, number)
    loop = asyncio.get_running_loop()
    transport, asking = await loop.create_datagram_endpoint(
        lambda: _Asking(number), remote_addr=(server, port)
    )
    try:
        transport.sendto(datagram)
        async with asyncio.timeout(seconds):
            return await asking.answer
    finally:
        transport.close()
