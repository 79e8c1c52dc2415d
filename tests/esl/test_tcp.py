"""A TCP connection to a host over real sockets: literals, names, several addresses, and each way to fail."""

import asyncio
import gc
import os
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohappyeyeballs import AddrInfoType

from exporter.esl import ConnectionRefused, ConnectTimeout, Exhausted, LookUp, NameNotResolved
from exporter.esl.tcp import MAX_ADDRESSES, NEXT_ATTEMPT, _Attempts, connect
from tests.support.no_look_up import no_look_up

pytestmark = pytest.mark.usefixtures("loop_errors")
Address = tuple[Any, ...]
V4, V6 = socket.AF_INET, socket.AF_INET6
UNSUPPORTED = (socket.AF_UNIX, ("no such", 0))  # any address that cannot be connected to


def found(*addresses: tuple[int, Address]) -> LookUp:
    """A look-up that finds these addresses for any name."""

    async def look_up(host: str, port: int) -> list[AddrInfoType]:
        return [(family, socket.SOCK_STREAM, 0, "", address) for family, address in addresses]

    return look_up


@contextmanager
def listening(host: str = "127.0.0.1") -> Iterator[Address]:
    """The address of a socket that accepts."""
    with socket.create_server((host, 0), family=V6 if ":" in host else V4) as server:
        yield server.getsockname()


@contextmanager
def refusing() -> Iterator[Address]:
    """An address where nothing listens."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        yield unused.getsockname()


@contextmanager
def silent() -> Iterator[Address]:
    """An address where no SYN is answered: the queue of the listener is full."""
    with socket.socket() as full, socket.socket() as first, socket.socket() as second:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for waiting in (first, second):  # one more than the queue holds: the kernel drops further SYNs
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        yield full.getsockname()


async def reached(host: str, port: int, look_up: LookUp = no_look_up, timeout: float = 5.0) -> Address:
    """The address that `connect` chose."""
    with await connect(host, port, look_up, timeout) as sock:
        assert not sock.getblocking()
        address: Address = sock.getpeername()
        return address


@pytest.fixture(autouse=True)
def leaks_no_socket() -> Iterator[None]:
    """A socket that nobody closed is reported when it is collected, and fails the test."""
    yield
    gc.collect()


@pytest.fixture(autouse=True)
def looks_nothing_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look-up by asyncio would use the loop's default executor."""

    def getaddrinfo(*args: object, **kwargs: object) -> None:
        raise AssertionError(f"looked up: {args}")

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)


# -- addresses and names -------------------------------------------------------------------------------


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "0:0:0:0:0:0:0:1"])
async def test_an_address_is_never_looked_up(host: str) -> None:
    with listening("::1" if ":" in host else host) as address:
        assert await reached(host, address[1]) == address


@pytest.mark.parametrize("scope", ["lo", "1"])
async def test_an_ipv6_address_may_have_a_scope(scope: str) -> None:
    assert socket.if_nametoindex("lo") == 1
    with listening("::1") as address:
        assert (await reached(f"::1%{scope}", address[1]))[:2] == address[:2]


async def test_a_scope_that_is_no_interface() -> None:
    with pytest.raises(NameNotResolved, match=r"^fe80::1%nowhere0: no such interface$"):
        await reached("fe80::1%nowhere0", 8021)


async def test_a_name_is_looked_up_by_the_callers_coroutine() -> None:
    with listening() as address:
        asked = []

        async def look_up(host: str, port: int) -> list[AddrInfoType]:
            asked.append((host, port))
            return [(V4, socket.SOCK_STREAM, 0, "", address)]

        assert await reached("switch", address[1], look_up) == address
        assert asked == [("switch", address[1])]


async def test_an_address_with_a_scope_that_was_looked_up_is_not_looked_up_again() -> None:
    with listening("::1") as address:
        scoped = (V6, ("::1%lo", address[1], 0, 1))
        assert (await reached("switch", address[1], found(scoped)))[1] == address[1]


async def test_a_look_up_that_takes_too_long() -> None:
    async def look_up(host: str, port: int) -> list[AddrInfoType]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(NameNotResolved, match=r"^looking up switch took longer than 0.1 s$"):
        await reached("switch", 8021, look_up, 0.1)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (socket.gaierror(-2, "Name or service not known"), "switch: Name or service not known"),
        (
            OSError("not looked up: too many calls wait for names"),
            "switch: not looked up: too many calls wait",
        ),
        (UnicodeError("label empty or too long"), "switch: label empty or too long"),
    ],
)
async def test_a_look_up_that_fails(error: Exception, text: str) -> None:
    async def look_up(host: str, port: int) -> list[AddrInfoType]:
        raise error

    with pytest.raises(NameNotResolved, match=f"^{text}"):
        await reached("switch", 8021, look_up)


async def test_a_name_without_addresses() -> None:
    with pytest.raises(NameNotResolved, match=r"^switch has no address$"):
        await reached("switch", 8021, found())


# -- several addresses ---------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["silent", "refusing", "unsupported"])
async def test_an_address_that_fails_does_not_hide_one_that_accepts(first: str) -> None:
    with listening() as good, silent() as mute, refusing() as bad:
        before = {"silent": (V4, mute), "refusing": (V4, bad), "unsupported": UNSUPPORTED}[first]
        began = time.monotonic()
        assert await reached("switch", 8021, found(before, (V4, good))) == good
        assert time.monotonic() - began < NEXT_ATTEMPT + 1.0


async def test_addresses_of_both_families_are_tried() -> None:
    with listening() as good, refusing() as bad:
        v6 = (V6, ("::1", bad[1], 0, 0))
        assert await reached("switch", 8021, found(UNSUPPORTED, v6, (V4, good))) == good


async def test_all_addresses_together_get_one_timeout_and_each_its_turn() -> None:
    with silent() as mute, refusing() as bad:
        began = time.monotonic()
        with pytest.raises(ConnectTimeout):
            await reached("switch", 8021, found(*[(V4, mute)] * MAX_ADDRESSES), 0.2)
        assert time.monotonic() - began < 2
        with pytest.raises(ConnectionRefused):  # the last was tried, too
            await reached("switch", 8021, found(*[(V4, mute)] * 3, (V4, bad)), 0.5)


async def test_no_more_addresses_than_the_bound_are_tried() -> None:
    with listening() as good, refusing() as bad:
        many = [(V4, bad)] * MAX_ADDRESSES
        with pytest.raises(ConnectionRefused):
            await reached("switch", 8021, found(*many, (V4, good)))


# -- what the error says -------------------------------------------------------------------------------


async def test_nothing_listens() -> None:
    with refusing() as bad:
        text = rf"^127.0.0.1 \(127.0.0.1\) port {bad[1]} refuses connections$"
        with pytest.raises(ConnectionRefused, match=text):
            await reached("127.0.0.1", bad[1])


async def test_nothing_answers() -> None:
    with silent() as mute, pytest.raises(ConnectTimeout) as caught:
        await reached("127.0.0.1", mute[1], timeout=0.2)
    assert str(caught.value) == f"127.0.0.1 (127.0.0.1) port {mute[1]}: no answer"


@pytest.mark.parametrize("last", [True, False])
@pytest.mark.parametrize("other", ["silent", "unsupported"])
async def test_a_refusal_says_more_than_silence_or_another_error(last: bool, other: str) -> None:
    with refusing() as bad, silent() as mute:
        beside = (V4, mute) if other == "silent" else UNSUPPORTED
        addresses = [beside, (V4, bad)] if last else [(V4, bad), beside]
        text = rf"^switch \(127.0.0.1\) port {bad[1]} refuses connections$"
        with pytest.raises(ConnectionRefused, match=text):
            await reached("switch", 8021, found(*addresses), 0.2)


async def test_an_address_out_of_reach() -> None:
    with pytest.raises(ConnectTimeout, match=r"^switch \(no such\) port 0: [A-Z]"):
        await reached("switch", 8021, found(UNSUPPORTED))


async def test_no_socket_can_be_had(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*args: object) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(socket, "socket", full)
    with pytest.raises(Exhausted, match="LimitNOFILE"):
        await reached("127.0.0.1", 8021)


# -- the socket ----------------------------------------------------------------------------------------


async def test_the_kernel_notices_a_host_that_vanished() -> None:
    with listening() as address, await connect("127.0.0.1", address[1], no_look_up, 5.0) as sock:
        option = sock.getsockopt
        assert option(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert option(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        times = [socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT]
        assert [option(socket.IPPROTO_TCP, one) for one in times] == [10, 5, 3]


async def test_a_system_without_those_times_will_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(socket, "TCP_KEEPIDLE")
    with listening() as address:
        assert await reached("127.0.0.1", address[1]) == address


@pytest.mark.parametrize("count", [1, 3])
async def test_a_caller_that_gives_up_leaves_no_socket_open(count: int) -> None:
    with silent() as mute:
        connecting = asyncio.create_task(connect("switch", 8021, found(*[(V4, mute)] * count), 5.0))
        await asyncio.sleep(0.05)
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting


async def test_what_stands_in_for_the_loop_passes_on_all_else() -> None:
    assert _Attempts().create_future().get_loop() is asyncio.get_running_loop()


@contextmanager
def no_descriptor_left() -> Iterator[None]:
    """The process has as many open files as it may have."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    highest = max(int(fd.name) for fd in Path("/proc/self/fd").iterdir())
    taken: list[int] = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 20, limits[1]))
    try:
        with suppress(OSError):
            while True:
                taken.append(os.dup(0))
        yield
    finally:
        for fd in taken:
            os.close(fd)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


async def test_an_address_is_not_blamed_when_the_exporter_has_no_descriptor_left() -> None:
    with listening() as address, no_descriptor_left(), pytest.raises(Exhausted, match="LimitNOFILE"):
        await reached("127.0.0.1", address[1])


async def test_a_name_is_not_blamed_when_the_exporter_has_no_descriptor_left() -> None:
    async def resolver(host: str, port: int) -> list[AddrInfoType]:
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    with no_descriptor_left(), pytest.raises(Exhausted, match="LimitNOFILE"):
        await reached("fs.example.org", 8021, resolver)
    with pytest.raises(NameNotResolved, match="Temporary"):
        await reached("fs.example.org", 8021, resolver)
