"""Check 8: FreeSWITCH can resolve the provider's name, and how fast the provider answers pings.

Names are asked of DNS as FreeSWITCH does it: sofia-sip has a resolver of its own (sresolv), which reads
/etc/resolv.conf, sends DNS queries for SRV, A and AAAA, and reads neither /etc/hosts nor nsswitch.conf
(signalwire/freeswitch issue 3137). So the addresses are DNS's; where DNS has none but the system's resolver
has some, the finding shows them: FreeSWITCH cannot use them.

A look-up is bounded in number and time; a name that takes too long has that as its error. The answers are
this machine's, and FreeSWITCH may run on another: the finding mentions that too.
"""

import asyncio
import ipaddress
import re
import socket
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Final

import dns.asyncbackend
import dns.exception
import dns.rdtypes.ANY.CNAME  # dnspython loads these at their first use, inside the event loop
import dns.rdtypes.ANY.NS
import dns.rdtypes.ANY.SOA
import dns.rdtypes.IN.A
import dns.rdtypes.IN.AAAA
import dns.rdtypes.IN.SRV
import dns.resolver
from dns.asyncresolver import Resolver

from exporter.diagnosis.check_switch import unreached
from exporter.diagnosis.finding import SEVERITY, Finding, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import GatewaySeen, NameSeen, Snapshot
from exporter.esl.errors import quoted
from exporter.executors import Executor, QueueFull
from exporter.watch.gateway_table import proxy_host

MAX_NAMED: Final = 20  # gateways named in this check
MAX_NAMES: Final = 20  # names looked up at once
LOOK_UP_SECONDS: Final = 3.0
SLOW_PING: Final = 1.0  # seconds
_SHOWN: Final = 5  # gateways in one sentence
_MAX_RECORDS: Final = 8  # of one name
_BACKEND: Final = dns.asyncbackend.get_backend("asyncio")
_NO_SUCH_NAME: Final = "no such name in DNS"
_NO_ADDRESS: Final = "DNS has no address for it"
_DNS_HAS_NONE: Final = (_NO_SUCH_NAME, _NO_ADDRESS)
_SERVICES: Final = ("_sip._udp", "_sip._tcp", "_sips._tcp")
_HOST_NAME: Final = re.compile(
    r"(?=.{1,240}$)[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*\.?", re.ASCII | re.IGNORECASE
)
_SILENT: Final = frozenset({"unreachable", "register_failed", "ping_failed", "ping_overdue"})
_DNS_ERROR: Final = "DNS Error"  # the phrase with which sofia reports that a name has no address
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7"),
    )
)


def check_provider(snapshot: Snapshot) -> Iterator[Finding]:
    """8: the providers' names have addresses; the pings' times."""
    if (reason := gateways_unread(snapshot)) is not None:
        yield not_checked("provider", reason)
        return
    here = [gateway for gateway in snapshot.gateways if gateway.listed]
    if not here:
        yield not_checked("provider", "FreeSWITCH lists none of the gateways")
        return
    if (unread := snapshot.unseen.get("registrations")) is not None:
        yield not_checked("provider", unread)
    problems = [finding for gateway in here for finding in _reach(snapshot, gateway)]
    problems.sort(key=lambda finding: SEVERITY[finding.status])
    yield from problems[:MAX_NAMED]
    if not problems and snapshot.names is None and names_of(here):
        yield not_checked("provider", "The providers' names are being looked up")
    elif not problems:
        yield passed("provider", "Every provider has an address", _addresses(snapshot, here))


def gateways_unread(snapshot: Snapshot) -> str | None:
    """Why a check that needs FreeSWITCH's list of gateways is skipped; None if it can run."""
    if (reason := unreached(snapshot)) is not None:
        return reason
    if snapshot.switch is not None and snapshot.switch.profiles is None:
        return "FreeSWITCH does not list its gateways"
    return None


def names_of(gateways: Iterable[GatewaySeen]) -> list[str]:
    """The host names (not addresses) of the gateways' proxies and realms; each once, in their order."""
    hosts: dict[str, None] = {}
    for gateway in gateways:
        for host in (proxy_host(gateway.proxy), gateway.realm):
            if host and not is_address(host) and "." in host:
                hosts[host] = None
    return list(hosts)


def _reach(snapshot: Snapshot, gateway: GatewaySeen) -> Iterator[Finding]:
    host = proxy_host(gateway.proxy) or gateway.realm
    name = f"Gateway {shown(gateway.name)}"
    if gateway.answer_phrase == _DNS_ERROR and gateway.problem == "unreachable":
        yield Finding(
            check="provider",
            status=fault_of("provider", "name_not_resolved").status,
            fault="name_not_resolved",
            gateway=gateway.name,
            summary=f"{name}: FreeSWITCH cannot resolve the provider's name {shown(host)}".rstrip(),
            seen="; ".join(filter(None, [f"FreeSWITCH reports {_DNS_ERROR}", _looked_up(snapshot, host)])),
            remedy=remedy(snapshot, "provider", "name_not_resolved", gateway=gateway.name, name=host),
        )
        return
    known = (snapshot.names or {}).get(host)
    if known is not None and known.error and gateway.problem in _SILENT:
        yield Finding(
            check="provider",
            status=fault_of("provider", "name_not_resolved").status if snapshot.same_host else "warn",
            fault="name_not_resolved",
            gateway=gateway.name,
            summary=f"{name}: the provider's name {shown(host)} has no address in DNS",
            seen=_looked_up(snapshot, host),
            remedy=remedy(snapshot, "provider", "name_not_resolved", gateway=gateway.name, name=host),
        )
    elif gateway.ping_seconds is not None and gateway.ping_seconds > SLOW_PING:
        yield Finding(
            check="provider",
            status=fault_of("provider", "slow_ping").status,
            fault="slow_ping",
            gateway=gateway.name,
            summary=f"{name}: the provider answers pings slowly",
            seen=f"FreeSWITCH's ping took {gateway.ping_seconds:.1f} s",
            remedy=remedy(snapshot, "provider", "slow_ping", gateway=gateway.name, name=host),
        )


def _looked_up(snapshot: Snapshot, host: str) -> str:
    """What DNS has for a name, and on which machine it was asked; empty if it was not."""
    known = (snapshot.names or {}).get(host)
    if known is None:
        return ""
    found = ", ".join((*known.addresses[:4], *known.services[:4])) or known.error
    hosts_file = ", ".join(known.hosts_file[:4])
    more = (
        f"; this machine's /etc/hosts has {hosts_file}, which FreeSWITCH does not use" if hosts_file else ""
    )
    where = "" if snapshot.same_host else " (asked on this machine, which is not FreeSWITCH's host)"
    return f"{shown(host, 80)}: {shown(found)}{more}{where}"


def _addresses(snapshot: Snapshot, gateways: list[GatewaySeen]) -> str:
    parts = []
    for gateway in gateways[:_SHOWN]:
        host = proxy_host(gateway.proxy)
        part = f"{shown(gateway.name)} at {_looked_up(snapshot, host) or shown(host, 80)}"
        if gateway.ping_seconds is not None:
            part += f", ping {gateway.ping_seconds * 1000:.0f} ms"
        parts.append(part)
    return "; ".join(parts)


# -- addresses ----------------------------------------------------------------------------------------


@lru_cache(maxsize=4096)
def is_address(host: str) -> bool:
    """An IPv4 or IPv6 address, not a name."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def is_public(host: str) -> bool:
    """An address that is routed in the Internet."""
    return is_address(host) and ipaddress.ip_address(host).is_global


def is_private(host: str) -> bool:
    """An address that a provider in the Internet cannot send to."""
    return is_address(host) and any(ipaddress.ip_address(host) in network for network in _PRIVATE)


# -- looking names up ---------------------------------------------------------------------------------


def system_resolver(resolv_conf: str = "/etc/resolv.conf") -> Resolver:
    """A resolver that asks the name servers of that file. Reads it: not for the event loop.

    Raises:
        dns.resolver.NoResolverConfiguration: the file is missing or has no name server.
    """
    return Resolver(resolv_conf)


async def look_up(
    names: Iterable[str],
    executor: Executor,
    *,
    seconds: float = LOOK_UP_SECONDS,
    make_resolver: Callable[[], Resolver] = system_resolver,
) -> dict[str, NameSeen]:
    """What DNS has for each of the first MAX_NAMES names; all asked at once. Raises nothing.

    Args:
        names: host names.
        executor: runs what blocks: reading the resolver's configuration, and the system's resolver.
        seconds: after which a name has no answer.
        make_resolver: runs in the executor.
    """
    wanted = list(names)[:MAX_NAMES]
    if not wanted:
        return {}
    try:
        async with asyncio.timeout(seconds):
            resolver = await executor.run(make_resolver)
    except (dns.exception.DNSException, QueueFull, OSError) as error:  # OSError: a TimeoutError, too
        failed = NameSeen(error=f"this machine's resolver cannot be used: {quoted(str(error))}")
        return dict.fromkeys(wanted, failed)
    found = await asyncio.gather(*(_look_up(name, resolver, executor, seconds) for name in wanted))
    return dict(zip(wanted, found, strict=True))


async def _look_up(name: str, resolver: Resolver, executor: Executor, seconds: float) -> NameSeen:
    if not _HOST_NAME.fullmatch(name):
        return NameSeen(error="not a host name")
    questions = [(name, "A"), (name, "AAAA"), *((f"{service}.{name}", "SRV") for service in _SERVICES)]
    found = await asyncio.gather(*(_ask(resolver, *question, seconds) for question in questions))
    records = [texts for texts, _ in found]
    addresses = (*records[0], *records[1])[:_MAX_RECORDS]
    services = [
        f"{service} {text}" for service, texts in zip(_SERVICES, records[2:], strict=True) for text in texts
    ]
    if addresses or services:
        return NameSeen(addresses, tuple(services[:_MAX_RECORDS]))
    error = found[0][1]
    hosts_file = await _hosts_file(name, executor, seconds) if error in _DNS_HAS_NONE else ()
    return NameSeen(error=error, hosts_file=hosts_file)


async def _ask(resolver: Resolver, name: str, kind: str, seconds: float) -> tuple[list[str], str]:
    """The records of one kind, best first; where there are none, the reason."""
    try:
        answer = await resolver.resolve(
            name, kind, lifetime=seconds, search=False, raise_on_no_answer=False, backend=_BACKEND
        )
    except dns.resolver.NXDOMAIN:
        return [], _NO_SUCH_NAME
    except dns.exception.Timeout:
        return [], f"no answer within {seconds:g} s"
    except (dns.exception.DNSException, OSError) as error:
        return [], quoted(str(error))
    records = [*answer] if answer.rrset is not None else []
    if kind == "SRV":
        records.sort(key=lambda record: (record.priority, -record.weight))
        return [f"{record.target.to_text(omit_final_dot=True)}:{record.port}" for record in records], ""
    return [record.address for record in records], "" if records else _NO_ADDRESS


async def _hosts_file(name: str, executor: Executor, seconds: float) -> tuple[str, ...]:
    """The addresses of the system's resolver, for a name of which DNS has none."""
    try:
        async with asyncio.timeout(seconds):
            found = await executor.run(socket.getaddrinfo, name, None, 0, socket.SOCK_DGRAM)
    except (QueueFull, OSError, UnicodeError):
        return ()
    return tuple(dict.fromkeys(str(address[0]) for *_, address in found))[:_MAX_RECORDS]
