"""Addresses of TCP: `host:port`, and whether another machine can reach it."""

import ipaddress

import msgspec


class Listen(msgspec.Struct, frozen=True, kw_only=True):
    """An address to serve HTTP on. Host "" is every interface, port 0 any free port."""

    host: str = "127.0.0.1"
    port: int = 9282

    def __str__(self) -> str:
        return address(self.host, self.port)

    @property
    def loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return is_loopback(self.host)


def is_loopback(host: str) -> bool:
    """Whether `host` (a name or an address, "" for every interface) is this machine and nothing beyond it."""
    if host == "localhost" or host.endswith(".localhost"):  # RFC 6761, section 6.3
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address(host: str, port: int) -> str:
    """`host:port`, with an IPv6 address in brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
