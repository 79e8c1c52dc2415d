"""Checks 5 to 8: the SIP profile runs, the gateway exists, it is usable, its provider can be reached.

The verdict on a gateway is not made here: it is the word of watch.verdict, and `_VERDICTS` only says whose
check it is, how bad, and in which sentence. A check names every gateway that fails it (the worst MAX_NAMED of
them), and says in one line that all others are well.
"""

import difflib
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

from exporter.diagnosis.finding import Finding, Status, not_checked, passed, shown
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot
from exporter.diagnosis.switch_checks import clock, duration, unreached
from exporter.switch.sip import LOCAL_CODES, SIP_CODES
from exporter.watch.gateway_table import proxy_host
from exporter.watch.verdict import PING_FLIP, TIMED_OUT

MAX_NAMED: Final = 20  # gateways named in one check
_SHOWN: Final = 5  # names in one sentence
SLOW_PING: Final = 1.0  # seconds
_TRUNKS: Final = "external"  # the profile of FreeSWITCH's own example configuration for trunks
_PRIVATE: Final = tuple(
    map(
        ipaddress.ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7"),
    )
)
_NEAR: Final = 0.7  # likeness of names, 0 to 1
_SILENT: Final = frozenset({"unreachable", "register_failed", "ping_failed", "ping_overdue"})
_DNS_ERROR: Final = "DNS Error"  # the phrase with which sofia reports that a name has no address


class _Verdict(NamedTuple):
    sentence: str
    status: Status = "fail"


# The verdicts that are this check's; `profile_down` and `missing` are told by the checks before it.
_VERDICTS: Final[dict[str, _Verdict]] = {
    "auth_rejected": _Verdict("the provider of gateway {gateway} rejects our credentials{answer}"),
    "rejected": _Verdict("the provider of gateway {gateway} refuses our registration{answer}"),
    "unreachable": _Verdict("the provider of gateway {gateway} cannot be reached{answer}"),
    "unregistered": _Verdict("gateway {gateway} was unregistered by command"),
    "not_registering": _Verdict("gateway {gateway} should register, and is configured not to"),
    "register_failed": _Verdict("gateway {gateway} cannot register; FreeSWITCH says why at its next try"),
    "ping_failed": _Verdict("the provider of gateway {gateway} does not answer pings{answer}"),
    "ping_overdue": _Verdict(
        "the provider of gateway {gateway} has gone silent: a ping is unanswered for {pending}"
    ),
    "registering": _Verdict("gateway {gateway} is registering, for {in_state} so far", "warn"),
    "unmonitored": _Verdict(
        "nobody knows whether gateway {gateway} works: it neither registers nor is pinged", "warn"
    ),
    "revived": _Verdict("gateway {gateway} was down, and registered as soon as it was made to try", "warn"),
    "unknown": _Verdict("the state of gateway {gateway} is not known", "warn"),
}


def check_profile(snapshot: Snapshot) -> Iterator[Finding]:
    """5: the SIP profile runs; the address it announces."""
    if (reason := unreached(snapshot)) is not None or snapshot.switch is None:
        yield not_checked("profile", reason or "")
        return
    profiles = snapshot.switch.profiles
    if profiles is None:
        yield not_checked("profile", "FreeSWITCH's list of SIP profiles cannot be read")
        return
    running = [profile for profile in profiles if profile.name not in snapshot.switch.stopped]
    problems = []
    if not running:
        problems.append(
            Finding(
                check="profile",
                status="fail",
                fault="no_profile",
                summary="no SIP profile runs: nothing can be called, and nobody can call",
                seen="`sofia status` lists none",
                remedy=remedy(snapshot, "profile", "no_profile", profile=_wanted_profile(snapshot)),
            )
        )
    else:
        down = {gateway.profile for gateway in snapshot.gateways if gateway.problem == "profile_down"}
        lost = [gateway.name for gateway in _lost_with_profile(snapshot)]
        if lost:
            down.add(_TRUNKS)
        for name in sorted(down | snapshot.switch.stopped):
            gateways = [gateway.name for gateway in snapshot.gateways if gateway.profile == name]
            gateways += lost if name == _TRUNKS else []
            problems.append(_profile_down(snapshot, name, gateways, [profile.name for profile in running]))
        problems += list(_private(snapshot))
    yield from problems[:MAX_NAMED]
    if not problems:
        listed = ", ".join(f"{shown(p.name, 40)} at {shown(p.url, 60)}" for p in running[:_SHOWN])
        yield passed("profile", "the SIP profiles run", listed)


def check_gateway(snapshot: Snapshot) -> Iterator[Finding]:
    """6: the gateways that must exist are there."""
    if (reason := _gateways_unread(snapshot)) is not None:
        yield not_checked("gateway", reason)
        return
    if snapshot.switch is not None and snapshot.switch.profiles == ():
        yield not_checked("gateway", "no SIP profile runs")
        return
    expected = [gateway for gateway in snapshot.gateways if gateway.expected]
    listed = [gateway.name for gateway in snapshot.gateways if gateway.listed]
    strays = [gateway.name for gateway in snapshot.gateways if gateway.listed and not gateway.expected]
    missing = [gateway for gateway in expected if gateway.problem == "missing"]
    if _lost_with_profile(snapshot):
        yield not_checked("gateway", f"SIP profile {_TRUNKS} does not run")
        return
    for gateway in missing[:MAX_NAMED]:
        yield _missing(snapshot, gateway, strays, listed)
    if missing:
        return
    if any(gateway.problem == "profile_down" for gateway in expected):
        yield not_checked("gateway", "their SIP profile does not run")
    elif expected:
        yield passed("gateway", "the gateways that must exist are there", _some([g.name for g in expected]))
    elif listed:
        yield passed("gateway", "FreeSWITCH has gateways; none is configured here as required", _some(listed))
    else:
        yield not_checked("gateway", "FreeSWITCH has no gateway, and none is configured here as required")


def check_registration(snapshot: Snapshot) -> Iterator[Finding]:
    """7: the gateways are usable, by the verdict table."""
    if (reason := _gateways_unread(snapshot)) is not None:
        yield not_checked("registration", reason)
        return
    here = [g for g in snapshot.gateways if g.listed and g.problem not in ("missing", "profile_down")]
    bad = [g for g in here if g.problem in _VERDICTS or g.revived]
    bad.sort(key=lambda g: (_verdict(g)[1].status != "fail", not g.expected, g.name))
    for gateway in bad[:MAX_NAMED]:
        yield _unusable(snapshot, gateway)
    if len(bad) > MAX_NAMED:
        yield Finding(
            check="registration",
            status="fail",
            fault="more",
            summary=f"{len(bad) - MAX_NAMED} more gateways are in trouble",
            seen=_some([gateway.name for gateway in bad[MAX_NAMED:]]),
        )
    if not here:
        yield not_checked("registration", "FreeSWITCH has none of the gateways")
    elif not bad:
        states = "; ".join(_state(gateway) for gateway in here[:_SHOWN])
        yield passed("registration", f"{_count(len(here))} usable", f"{states}{_more(here)}")


def check_provider(snapshot: Snapshot) -> Iterator[Finding]:
    """8: the provider's names lead somewhere, and how long its answers take."""
    if (reason := _gateways_unread(snapshot)) is not None:
        yield not_checked("provider", reason)
        return
    here = [gateway for gateway in snapshot.gateways if gateway.listed]
    if not here:
        yield not_checked("provider", "FreeSWITCH has none of the gateways")
        return
    problems = [finding for gateway in here for finding in _reach(snapshot, gateway)]
    problems.sort(key=lambda finding: finding.status)
    yield from problems[:MAX_NAMED]
    if not problems and snapshot.names is None and names_of(here):
        yield not_checked("provider", "their names are being looked up")
    elif not problems:
        yield passed("provider", "the providers' names lead to addresses", _ways(snapshot, here))


def severity(gateway: GatewaySeen) -> int:
    """How bad a gateway's verdict is: 0 fails a check, 1 is worth a warning, 2 is well."""
    if gateway.problem in _VERDICTS:
        return 0 if _VERDICTS[gateway.problem].status == "fail" else 1
    if gateway.problem == "profile_down" or (gateway.problem == "missing" and gateway.expected):
        return 0
    return 2 if gateway.problem == "none" else 1


def finding_of(snapshot: Snapshot, gateway: GatewaySeen) -> Finding | None:
    """What is wrong with one gateway, as the checks would name it alone; None if nothing is."""
    if not snapshot.connected:
        return None
    if gateway.problem in _VERDICTS:
        return _unusable(snapshot, gateway)
    if gateway.problem == "profile_down":
        running = [profile.name for profile in (snapshot.switch.profiles if snapshot.switch else None) or ()]
        return _profile_down(snapshot, gateway.profile, [gateway.name], running)
    if gateway.problem == "missing" and gateway.expected:
        listed = [other.name for other in snapshot.gateways if other.listed]
        strays = [other.name for other in snapshot.gateways if other.listed and not other.expected]
        return _missing(snapshot, gateway, strays, listed)
    return None


def names_of(gateways: Iterable[GatewaySeen]) -> list[str]:
    """The host names, no addresses, of the gateways' proxies and realms; each once, in their order."""
    hosts: dict[str, None] = {}
    for gateway in gateways:
        for host in (proxy_host(gateway.proxy), gateway.realm):
            if host and not _is_address(host) and "." in host:
                hosts[host] = None
    return list(hosts)


# -- inside -------------------------------------------------------------------------------------------


def _lost_with_profile(snapshot: Snapshot) -> list[GatewaySeen]:
    """Gateways that are missing because the profile that usually has the trunks does not run.

    FreeSWITCH does not tell of profiles that do not run, so this is a guess, made only where no gateway at
    all is listed and nothing says in which profile the missing ones should be.
    """
    if snapshot.switch is None or not snapshot.switch.profiles:
        return []
    names = {profile.name for profile in snapshot.switch.profiles} - snapshot.switch.stopped
    if _TRUNKS in names or any(gateway.listed for gateway in snapshot.gateways):
        return []
    return [g for g in snapshot.gateways if g.expected and g.problem == "missing" and not g.profile]


def _gateways_unread(snapshot: Snapshot) -> str | None:
    if (reason := unreached(snapshot)) is not None:
        return reason
    if snapshot.switch is not None and snapshot.switch.profiles is None:
        return "FreeSWITCH's gateways cannot be read"
    return None


def _wanted_profile(snapshot: Snapshot) -> str:
    return next((gateway.profile for gateway in snapshot.gateways if gateway.profile), "")


def _profile_down(snapshot: Snapshot, name: str, gateways: list[str], running: list[str]) -> Finding:
    of = f", and with it {_some(gateways)}" if gateways else ""
    return Finding(
        check="profile",
        status="fail",
        fault="profile_down",
        gateway=gateways[0] if len(gateways) == 1 else "",
        summary=f"SIP profile {shown(name)} does not run{of}",
        seen=f"`sofia status` lists {_some(running)}",
        remedy=remedy(snapshot, "profile", "profile_down", profile=name),
    )


def _private(snapshot: Snapshot) -> Iterator[Finding]:
    """Profiles that announce a private address to a provider with a public one."""
    running = snapshot.switch.profiles if snapshot.switch is not None else None
    profiles = {p.name: p.url for p in running or () if _is_private(proxy_host(p.url))}
    told: set[str] = set()
    for gateway in snapshot.gateways:
        url = profiles.get(gateway.profile, "")
        if not url or gateway.profile in told:
            continue
        host = proxy_host(gateway.proxy)
        known = (snapshot.names or {}).get(host)
        addresses = [host, *(known.addresses if known else ())]
        public = next((address for address in addresses if _is_public(address)), None)
        if public is None:
            continue
        told.add(gateway.profile)
        yield Finding(
            check="profile",
            status="warn",
            fault="private_address",
            summary=f"SIP profile {shown(gateway.profile)} tells the provider a private address",
            seen=f"it announces {shown(url)}; the provider of {shown(gateway.name)} is at {public}",
            remedy=remedy(snapshot, "profile", "private_address", profile=gateway.profile),
        )


def _missing(snapshot: Snapshot, gateway: GatewaySeen, strays: list[str], listed: list[str]) -> Finding:
    near = _near(gateway.name, strays)
    fault = "misspelt" if near else "missing"
    guess = f"; did you mean {shown(near)}?" if near else ""
    return Finding(
        check="gateway",
        status="fail",
        fault=fault,
        gateway=gateway.name,
        summary=f"FreeSWITCH has no gateway {shown(gateway.name)}{guess}",
        seen=f"it lists {_some(listed)}",
        remedy=remedy(snapshot, "gateway", fault, gateway=gateway.name, profile=gateway.profile),
    )


def _unusable(snapshot: Snapshot, gateway: GatewaySeen) -> Finding:
    fault, verdict = _verdict(gateway)
    summary = verdict.sentence.format(
        gateway=shown(gateway.name),
        answer=_answer(gateway),
        pending=duration(gateway.ping_pending),
        in_state=duration(gateway.in_state),
    )
    return Finding(
        check="registration",
        status=verdict.status,
        fault=fault,
        gateway=gateway.name,
        summary=summary,
        seen=_state(gateway),
        remedy=remedy(snapshot, "registration", fault, gateway=gateway.name, profile=gateway.profile),
    )


def _verdict(gateway: GatewaySeen) -> tuple[str, _Verdict]:
    fault = gateway.problem if gateway.problem in _VERDICTS else "revived"
    return fault, _VERDICTS[fault]


def _answer(gateway: GatewaySeen) -> str:
    """` (403 Forbidden, last at 14:02)`; empty without one."""
    code = gateway.answer_code
    if code == TIMED_OUT:
        said = "no answer to REGISTER"
    elif code == PING_FLIP:
        said = "its OPTIONS failed"
    elif code:
        phrase = shown(gateway.answer_phrase, 80) or SIP_CODES.get(code) or LOCAL_CODES.get(code, "")
        said = f"{code} {phrase}".strip()
    elif gateway.state == "TRYING":
        return f" (no answer to REGISTER for {duration(gateway.in_state)})"
    else:
        return ""
    return f" ({said}, last at {clock(gateway.answer_at)})" if gateway.answer_at else f" ({said})"


def _state(gateway: GatewaySeen) -> str:
    parts = [f"{shown(gateway.name)}: {shown(gateway.state, 40)} {'UP' if gateway.up else 'DOWN'}"]
    parts.append(f"for {duration(gateway.in_state)}")
    if gateway.ping_pending:
        parts.append(f"ping unanswered for {gateway.ping_pending:.0f} s")
    elif gateway.ping_seconds is not None:
        parts.append(f"ping {gateway.ping_seconds * 1000:.0f} ms")
    elif not gateway.ping_interval:
        parts.append("no pings")
    if gateway.retry_seconds is not None:
        parts.append(f"next try in {gateway.retry_seconds} s")
    return ", ".join(parts)


def _reach(snapshot: Snapshot, gateway: GatewaySeen) -> Iterator[Finding]:
    host = proxy_host(gateway.proxy) or gateway.realm
    if gateway.answer_phrase == _DNS_ERROR and gateway.problem == "unreachable":
        yield Finding(
            check="provider",
            status="fail",
            fault="name_not_resolved",
            gateway=gateway.name,
            summary=f"FreeSWITCH cannot resolve {shown(host) or 'the name'}, the provider of gateway "
            f"{shown(gateway.name)}",
            seen=f"its own words: {_DNS_ERROR}{_here(snapshot, host)}",
            remedy=remedy(snapshot, "provider", "name_not_resolved", gateway=gateway.name, name=host),
        )
        return
    known = (snapshot.names or {}).get(host)
    if known is not None and known.error and gateway.problem in _SILENT:
        yield Finding(
            check="provider",
            status="fail" if snapshot.same_host else "warn",
            fault="name_not_resolved",
            gateway=gateway.name,
            summary=f"{shown(host)}, the provider of gateway {shown(gateway.name)}, has no address",
            seen=_here(snapshot, host).removeprefix("; "),
            remedy=remedy(snapshot, "provider", "name_not_resolved", gateway=gateway.name, name=host),
        )
    elif gateway.ping_seconds is not None and gateway.ping_seconds > SLOW_PING:
        yield Finding(
            check="provider",
            status="warn",
            fault="slow_ping",
            gateway=gateway.name,
            summary=f"the provider of gateway {shown(gateway.name)} answers slowly",
            seen=f"FreeSWITCH's own ping took {gateway.ping_seconds:.1f} s",
            remedy=remedy(snapshot, "provider", "slow_ping", gateway=gateway.name, name=host),
        )


def _here(snapshot: Snapshot, host: str) -> str:
    """What our own look-up of a name says, and that it is ours."""
    known = (snapshot.names or {}).get(host)
    if known is None:
        return ""
    found = ", ".join((*known.addresses[:4], *known.services[:4])) or known.error
    where = "" if snapshot.same_host else " (asked on this machine, which is not FreeSWITCH's)"
    return f"; {shown(host, 80)}: {shown(found)}{where}"


def _ways(snapshot: Snapshot, gateways: list[GatewaySeen]) -> str:
    parts = []
    for gateway in gateways[:_SHOWN]:
        host = proxy_host(gateway.proxy)
        ping = f", ping {gateway.ping_seconds * 1000:.0f} ms" if gateway.ping_seconds is not None else ""
        parts.append(f"{shown(gateway.name)} at {shown(host, 80)}{_here(snapshot, host)}{ping}")
    return "; ".join(parts)


def _near(name: str, known: list[str]) -> str:
    found = difflib.get_close_matches(name[:64].lower(), [one.lower() for one in known], n=1, cutoff=_NEAR)
    return next((one for one in known if found and one.lower() == found[0]), "")


def _some(names: list[str]) -> str:
    """The first of them, and how many more."""
    if not names:
        return "none"
    return ", ".join(shown(name) for name in names[:_SHOWN]) + _more(names)


def _more(things: Sequence[object]) -> str:
    return f" and {len(things) - _SHOWN} more" if len(things) > _SHOWN else ""


def _count(number: int) -> str:
    return "the gateway is" if number == 1 else f"all {number} gateways are"


@lru_cache(maxsize=4096)
def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=4096)
def _is_public(host: str) -> bool:
    return _is_address(host) and ipaddress.ip_address(host).is_global


def _is_private(host: str) -> bool:
    return _is_address(host) and any(ipaddress.ip_address(host) in network for network in _PRIVATE)
