"""Sockets for the configured addresses, and the errors of addresses that cannot be listened on."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from exporter.config import ConfigError, Listen
from exporter.web import sockets
from exporter.web.sockets import bind
from tests.web.fakes import LOOPBACK


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as other:
        yield other.getsockname()[1]


def names(sockets: list[socket.socket]) -> list[tuple[str, int]]:
    found = [opened.getsockname()[:2] for opened in sockets]
    for opened in sockets:
        opened.close()
    return found


def test_every_address_gets_a_socket() -> None:
    first, second = names(bind([LOOPBACK, LOOPBACK]))
    assert first[0] == second[0] == "127.0.0.1"
    assert first[1] != second[1]


def test_ipv6() -> None:
    assert names(bind([Listen(host="::1", port=0)]))[0][0] == "::1"


def test_every_interface_is_ipv4_and_ipv6_on_one_port() -> None:
    first, second = names(bind([Listen(host="", port=0)]))
    assert (first[0], second[0]) == ("0.0.0.0", "::")
    assert first[1] == second[1] != 0


def test_every_interface_of_a_machine_without_ipv6(monkeypatch: pytest.MonkeyPatch) -> None:
    real = sockets._listener

    def without_ipv6(family: int, host: str, port: int) -> socket.socket:
        if family == socket.AF_INET6:
            raise OSError(97, "Address family not supported by protocol")
        return real(family, host, port)

    monkeypatch.setattr(sockets, "_listener", without_ipv6)
    assert [host for host, _ in names(bind([Listen(host="", port=0)]))] == ["0.0.0.0"]
    with pytest.raises(ConfigError, match="Address family not supported"):
        bind([Listen(host="::1", port=0)])


def test_a_port_in_use(taken: int) -> None:
    with pytest.raises(ConfigError) as refused:
        bind([LOOPBACK, Listen(host="127.0.0.1", port=taken)])
    remedy = "something listens there already; stop it or choose another port with --listen"
    assert refused.value.problems == (f"listen: 127.0.0.1:{taken}: Address already in use; {remedy}",)


def test_a_port_in_use_on_one_of_all_interfaces(taken: int) -> None:
    with pytest.raises(ConfigError, match=f"listen: :{taken}: Address already in use"):
        bind([Listen(host="", port=taken)])


def test_an_address_of_another_machine() -> None:
    with pytest.raises(ConfigError, match=r"listen: 192\.0\.2\.7:9282: .* this machine has no such address"):
        bind([Listen(host="192.0.2.7", port=9282)])


def test_a_name_that_does_not_resolve() -> None:
    with pytest.raises(ConfigError, match=r"listen: no\.such\.invalid:9282: .*write HOST:PORT"):
        bind([Listen(host="no.such.invalid", port=9282)])
