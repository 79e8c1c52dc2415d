"""What host names lead to: A and AAAA by the system's resolver, SRV by a question of our own.

Bounded in number and time; a name that takes too long has that as its error. The answers are this machine's,
and FreeSWITCH may run on another: whoever shows them says so.
"""

import asyncio
import socket
from collections.abc import Iterable
from typing import Final

from exporter.diagnosis import srv
from exporter.diagnosis.snapshot import NameSeen
from exporter.esl.errors import printable, quoted

MAX_NAMES: Final = 20
SECONDS: Final = 3.0
_SERVICES: Final = ("_sip._udp", "_sip._tcp", "_sips._tcp")
_SHOWN: Final = 8


async def look_up(names: Iterable[str], seconds: float = SECONDS) -> dict[str, NameSeen]:
    """What each of the first MAX_NAMES names leads to; all asked at once, within `seconds`."""
    wanted = list(names)[:MAX_NAMES]
    server = _nameserver()
    found = await asyncio.gather(*(_one(name, server, seconds) for name in wanted))
    return dict(zip(wanted, found, strict=True))


async def _one(name: str, server: str | None, seconds: float) -> NameSeen:
    loop = asyncio.get_running_loop()
    asked = [_services(name, service, server, seconds) for service in _SERVICES]
    services_known = asyncio.gather(*asked)
    error = ""
    addresses: tuple[str, ...] = ()
    try:
        async with asyncio.timeout(seconds):
            infos = await loop.getaddrinfo(name, None, type=socket.SOCK_DGRAM)
        addresses = tuple(dict.fromkeys(str(info[4][0]) for info in infos))[:_SHOWN]
    except TimeoutError:
        error = f"no answer within {seconds:g} s"
    except (OSError, ValueError) as refused:
        error = printable(getattr(refused, "strerror", None) or str(refused))
    services = tuple(service for found in await services_known for service in found)[:_SHOWN]
    return NameSeen(addresses, services, "" if services else error)


async def _services(name: str, service: str, server: str | None, seconds: float) -> list[str]:
    if server is None:
        return []
    try:
        records = await srv.ask(f"{service}.{name}", server, seconds=seconds)
    except (OSError, ValueError, TimeoutError):
        return []
    return [f"{service} {quoted(record.target)}:{record.port}" for record in records]


def _nameserver() -> str | None:
    try:
        servers = srv.nameservers(srv.RESOLV_CONF.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    return servers[0] if servers else None
