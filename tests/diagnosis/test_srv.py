"""SRV: the bytes as RFC 1035 and 2782 have them, a server on a real socket, and answers made to deceive."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exporter.diagnosis.srv import NoAnswer, Service, ask, nameservers, question, services

NUMBER = 0x1234
NAME = "_sip._udp.example.com"


def header(number: int = NUMBER, flags: int = 0x8180, records: int = 0) -> bytes:
    return struct.pack("!6H", number, flags, 1, records, 0, 0)


def answered(*records: bytes, number: int = NUMBER, flags: int = 0x8180) -> bytes:
    return header(number, flags, len(records)) + question(NAME, NUMBER)[12:] + b"".join(records)


def record(priority: int, weight: int, port: int, target: bytes, name: bytes = b"\xc0\x0c") -> bytes:
    data = struct.pack("!3H", priority, weight, port) + target
    return name + struct.pack("!HHIH", 33, 1, 60, len(data)) + data


SIP = b"\x03sip\xc0\x16"  # a pointer to example.com in the question


def test_the_question_is_one_datagram_of_the_standards_form() -> None:
    assert question("a.bc", 1) == bytes.fromhex("0001 0100 0001 0000 0000 0000 0161 026263 00 0021 0001")


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, "ü.de", ".".join(["a"] * 200)])
def test_what_is_no_host_name_is_not_asked_for(name: str) -> None:
    with pytest.raises(ValueError, match=r"host name|ascii"):
        question(name, 1)


def test_the_best_service_comes_first() -> None:
    answer = answered(record(20, 0, 5060, SIP), record(10, 1, 5061, SIP), record(10, 9, 5062, SIP))
    assert services(answer, NUMBER) == [
        Service(10, 9, 5062, "sip.example.com"),
        Service(10, 1, 5061, "sip.example.com"),
        Service(20, 0, 5060, "sip.example.com"),
    ]


def test_records_of_other_kinds_are_passed_over() -> None:
    address = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 60, 4) + b"\x7f\0\0\1"
    assert len(services(answered(address, record(1, 1, 5060, SIP)), NUMBER)) == 1


def test_no_services_are_an_answer_too() -> None:
    assert services(answered(flags=0x8183), NUMBER) == []


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"\0" * 11,
        answered(number=NUMBER + 1),
        answered(flags=0x0100),
        answered(record(1, 1, 5060, SIP))[:-3],
        header(records=1) + b"\xc0\x0c",
        answered(record(1, 1, 5060, b"\xc0\x39")),  # a name that points to itself
    ],
)
def test_what_is_no_answer_is_none(answer: bytes) -> None:
    with pytest.raises(NoAnswer):
        services(answer, NUMBER)


@given(st.binary(max_size=300))
def test_no_bytes_do_harm(noise: bytes) -> None:
    for answer in (noise, header(records=9) + noise, answered(noise)):
        with suppress(NoAnswer):
            assert len(services(answer, NUMBER)) <= 32


class Server(asyncio.DatagramProtocol):
    def __init__(self, reply: Callable[[bytes], list[bytes]]) -> None:
        self.reply = reply

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for answer in self.reply(data):
            self.transport.sendto(answer, addr)


@asynccontextmanager
async def serving(reply: Callable[[bytes], list[bytes]]) -> AsyncIterator[int]:
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Server(reply), local_addr=("127.0.0.1", 0))
    yield transport.get_extra_info("sockname")[1]
    transport.close()


def proper(data: bytes) -> bytes:
    number = struct.unpack_from("!H", data)[0]
    return struct.pack("!6H", number, 0x8180, 1, 1, 0, 0) + data[12:] + record(1, 1, 5060, SIP)


async def test_a_server_is_asked_and_strangers_answers_are_not_taken() -> None:
    async with serving(lambda data: [b"noise", answered(number=1), proper(data)]) as port:
        found = await ask(NAME, "127.0.0.1", port)
    assert found == [Service(1, 1, 5060, "sip.example.com")]


async def test_a_silent_server_is_given_up() -> None:
    async with serving(lambda data: []) as port:
        with pytest.raises(TimeoutError):
            await ask(NAME, "127.0.0.1", port, seconds=0.05)


async def test_a_server_that_is_not_there_refuses() -> None:
    async with serving(lambda data: []) as port:
        pass
    with pytest.raises(ConnectionRefusedError):
        await ask(NAME, "127.0.0.1", port)


def test_name_servers_are_read_as_the_resolver_reads_them() -> None:
    text = "# nameserver 192.0.2.1\nsearch a.com\nnameserver 192.0.2.2\nnameserver\nnameserver 2001:db8::1\n"
    assert nameservers(text) == ["192.0.2.2", "2001:db8::1"]
