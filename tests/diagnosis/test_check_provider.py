"""Names looked up by real name servers on loopback, UDP and TCP, some of them hostile."""

import asyncio
import os
import random
import struct
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest
from dns.asyncresolver import Resolver

from exporter.diagnosis.check_provider import MAX_NAMES, look_up, system_resolver
from exporter.diagnosis.snapshot import NameSeen
from exporter.executors import Executor, QueueFull

NAME = "sip.example.com"
ZONE = {
    ("sip.example.com.", "A"): ["203.0.113.5"],
    ("sip.example.com.", "AAAA"): ["2001:db8::5"],
    ("_sip._udp.sip.example.com.", "SRV"): [
        "20 0 5060 backup.example.com.",
        "10 1 5061 sip1.example.com.",
        "10 9 5062 sip2.example.com.",
    ],
    ("alias.example.com.", "CNAME"): ["sip.example.com."],
    ("mail.example.com.", "MX"): ["10 mail.example.com."],
    ("many.example.com.", "A"): [f"203.0.113.{number}" for number in range(200)],
}


def answer(query: bytes, rcode: dns.rcode.Rcode = dns.rcode.NOERROR) -> bytes:
    """What a name server with this zone answers."""
    asked = dns.message.from_wire(query)
    reply = dns.message.make_response(asked, recursion_available=True)
    reply.set_rcode(rcode)
    question = asked.question[0]
    name, kind = question.name.to_text(), dns.rdatatype.to_text(question.rdtype)
    if rcode == dns.rcode.NOERROR:
        if (name, "CNAME") in ZONE:
            (target,) = ZONE[name, "CNAME"]
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", "CNAME", target))
            name = target
        if (name, kind) in ZONE:
            reply.answer.append(dns.rrset.from_text(name, 60, "IN", kind, *ZONE[name, kind]))
        elif name not in {known for known, _ in ZONE}:
            reply.set_rcode(dns.rcode.NXDOMAIN)
    return reply.to_wire()


class Server(asyncio.DatagramProtocol):
    """Answers a query with the datagrams of `reply`, and counts queries."""

    def __init__(self, reply: Callable[[bytes], Sequence[bytes]]) -> None:
        self.reply = reply
        self.queries = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self.queries += 1
        for datagram in self.reply(data):
            self.transport.sendto(datagram, addr)


@asynccontextmanager
async def serving(
    reply: Callable[[bytes], Sequence[bytes]] = lambda query: [answer(query)], port: int = 0
) -> AsyncIterator[tuple[Server, Callable[[], Resolver]]]:
    """A name server, and what makes a resolver that asks it."""
    loop = asyncio.get_running_loop()
    transport, server = await loop.create_datagram_endpoint(
        lambda: Server(reply), local_addr=("127.0.0.1", port)
    )
    taken = transport.get_extra_info("sockname")[1]
    yield server, lambda: asking(taken)
    transport.close()


def asking(port: int) -> Resolver:
    resolver = Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    return resolver


@pytest.fixture
def executor() -> Iterator[Executor]:
    executor = Executor("names")
    yield executor
    executor.shutdown()


async def test_a_name_has_its_addresses_and_its_services_best_first(executor: Executor) -> None:
    async with serving() as (_, make_resolver):
        found = await look_up([NAME, "alias.example.com"], executor, make_resolver=make_resolver)
    assert found[NAME] == NameSeen(
        ("203.0.113.5", "2001:db8::5"),
        (
            "_sip._udp sip2.example.com:5062",
            "_sip._udp sip1.example.com:5061",
            "_sip._udp backup.example.com:5060",
        ),
    )
    assert found["alias.example.com"].addresses == ("203.0.113.5", "2001:db8::5")


async def test_a_name_without_address_has_the_reason(executor: Executor) -> None:
    async with serving() as (_, make_resolver):
        found = await look_up(
            ["nowhere.example.com", "mail.example.com"], executor, make_resolver=make_resolver
        )
    assert found["nowhere.example.com"] == NameSeen(error="no such name in DNS")
    assert found["mail.example.com"] == NameSeen(error="DNS has no address for it")


async def test_an_address_in_etc_hosts_is_kept_apart_from_dns(executor: Executor) -> None:
    """FreeSWITCH asks DNS only."""
    async with serving() as (_, make_resolver):
        found = (await look_up(["localhost"], executor, make_resolver=make_resolver))["localhost"]
    assert (found.addresses, found.error) == ((), "no such name in DNS")
    assert set(found.hosts_file) & {"127.0.0.1", "::1"}


@pytest.mark.parametrize("name", ["", ".", "x" * 300, "x" * 64, "a\0b", "a b", "ü" * 80, "ü.de", "a..b"])
async def test_what_is_no_host_name_is_not_asked_for(executor: Executor, name: str) -> None:
    async with serving() as (server, make_resolver):
        found = await look_up([name], executor, make_resolver=make_resolver)
        assert found[name] == NameSeen(error="not a host name")
        assert server.queries == 0


async def test_names_and_records_are_bounded_in_number(executor: Executor) -> None:
    names = ["many.example.com", *(f"n{number}.example.com" for number in range(100))]
    async with serving() as (_, make_resolver):
        found = await look_up(names, executor, seconds=60, make_resolver=make_resolver)
    assert len(found) == MAX_NAMES
    assert len(found["many.example.com"].addresses) == 8


async def test_a_server_that_does_not_answer_is_given_up(executor: Executor) -> None:
    async with serving(lambda query: []) as (_, make_resolver):
        found = await look_up([NAME], executor, seconds=0.1, make_resolver=make_resolver)
    assert found[NAME] == NameSeen(error="no answer within 0.1 s")


async def test_a_server_that_is_gone_or_fails_is_an_error(executor: Executor) -> None:
    async with serving(lambda query: [answer(query, dns.rcode.SERVFAIL)]) as (_, make_resolver):
        found = await look_up([NAME], executor, seconds=0.5, make_resolver=make_resolver)
        assert "SERVFAIL" in found[NAME].error
    gone = await look_up([NAME], executor, seconds=0.5, make_resolver=make_resolver)
    assert gone[NAME].error
    assert gone[NAME].addresses == ()


def forged(query: bytes) -> bytes:
    """Another's answer: the right question, the wrong number."""
    reply = bytearray(answer(query))
    reply[0] ^= 0xFF
    return bytes(reply).replace(b"\xcb\x00\x71\x05", b"\x7f\x00\x00\x01")


async def test_forged_answers_are_passed_over(executor: Executor) -> None:
    async with serving(lambda query: [b"noise", forged(query), answer(query)]) as (_, make_resolver):
        found = await look_up([NAME], executor, make_resolver=make_resolver)
    assert found[NAME].addresses == ("203.0.113.5", "2001:db8::5")


async def test_no_bytes_do_harm(executor: Executor) -> None:
    noise = random.Random(8)
    sent = [bytes(noise.randbytes(noise.randrange(300))) for _ in range(200)]

    def reply(query: bytes) -> list[bytes]:
        header = struct.pack("!6H", struct.unpack_from("!H", query)[0], 0x8180, 1, 9, 0, 0)
        return [query[:2] + noise.choice(sent), header + noise.choice(sent), answer(query)[:-3]]

    names = [f"n{number}.example.com" for number in range(MAX_NAMES)]
    async with serving(reply) as (_, make_resolver):
        found = await look_up(names, executor, seconds=0.3, make_resolver=make_resolver)
    assert all(name.error and not name.addresses for name in found.values())


async def test_an_answer_that_is_cut_is_asked_for_by_tcp(executor: Executor) -> None:
    def cut(query: bytes) -> list[bytes]:
        reply = bytearray(answer(query)[:12] + query[12:])
        reply[2] |= 0x02
        reply[4:12] = struct.pack("!4H", 1, 0, 0, 0)
        return [bytes(reply)]

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        (length,) = struct.unpack("!H", await reader.readexactly(2))
        reply = answer(await reader.readexactly(length))
        writer.write(struct.pack("!H", len(reply)) + reply)
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as tcp:
        port = tcp.sockets[0].getsockname()[1]
        async with serving(cut, port) as (_, make_resolver):
            found = await look_up([NAME], executor, make_resolver=make_resolver)
    assert found[NAME].addresses == ("203.0.113.5", "2001:db8::5")


async def test_without_a_name_server_all_names_have_that_as_their_error(executor: Executor) -> None:
    def none() -> Resolver:
        return system_resolver(os.devnull)

    found = await look_up([NAME, "b.example.com"], executor, make_resolver=none)
    assert "no nameservers" in found[NAME].error
    assert found[NAME] == found["b.example.com"]


async def test_a_full_queue_is_an_error_and_not_an_exception() -> None:
    class Full(Executor):
        async def run(self, work: Callable[..., object], *args: object) -> object:  # type: ignore[override]
            raise QueueFull("too many calls wait for names")

    found = await look_up([NAME], Full("names"))
    assert "too many" in found[NAME].error


def test_the_name_servers_are_those_of_resolv_conf(tmp_path: Path) -> None:
    conf = tmp_path / "resolv.conf"
    conf.write_text("# nameserver 192.0.2.1\nsearch a.com\nnameserver 192.0.2.2\nnameserver 2001:db8::1\n")
    assert system_resolver(str(conf)).nameservers == ["192.0.2.2", "2001:db8::1"]
