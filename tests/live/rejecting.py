"""A provider's SIP proxy that rejects every INVITE, with headers of its own: what no lab's trunk sends."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, NamedTuple

_COPIED: Final = ("Via", "From", "To", "Call-ID", "CSeq")


class Rejection(NamedTuple):
    """A final answer: status and phrase, and whole lines of further headers."""

    status: str
    headers: tuple[str, ...] = ()


class RejectingProvider(asyncio.DatagramProtocol):
    """Answers by the number dialled; a number that it does not have gets no answer at all.

    Attributes:
        address: `host:port` where it listens.
        call_ids: of the INVITEs, by number.
    """

    def __init__(self, rejections: Mapping[str, Rejection]) -> None:
        self.address = ""
        self.call_ids: dict[str, str] = {}
        self._rejections = rejections
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport
        host, port = transport.get_extra_info("sockname")
        self.address = f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        request = data.decode()
        invite = re.match(r"INVITE sip:([^@]+)@", request)
        if invite is None:
            return  # the ACK of a rejection, or a CANCEL
        number = invite[1]
        self.call_ids[number] = _lines(request, "Call-ID")[0].partition(": ")[2]
        rejection = self._rejections.get(number)
        if rejection is not None:
            copied = [line for name in _COPIED for line in _lines(request, name)]
            copied = [f"{line};tag=t1" if line.startswith("To:") else line for line in copied]
            answer = [f"SIP/2.0 {rejection.status}", *copied, *rejection.headers, "Content-Length: 0", "", ""]
            self._transport.sendto("\r\n".join(answer).encode(), addr)


def _lines(message: str, name: str) -> list[str]:
    return re.findall(rf"^{name}: [^\r]*", message, re.MULTILINE)


@asynccontextmanager
async def rejecting(rejections: Mapping[str, Rejection]) -> AsyncIterator[RejectingProvider]:
    """The provider, during the block."""
    loop = asyncio.get_running_loop()
    transport, provider = await loop.create_datagram_endpoint(
        lambda: RejectingProvider(rejections), local_addr=("127.0.0.1", 0)
    )
    try:
        yield provider
    finally:
        transport.close()
