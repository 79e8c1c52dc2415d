"""Checks 5 to 7: the SIP profile is running, the gateway exists, it is usable.

The verdict on a gateway comes from watch.verdict; `_VERDICTS` has its sentence. A check names
every gateway that fails it: each of the worst MAX_NAMED, the others together by their fault. If none does,
one line covers all.
"""

import difflib
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from exporter.diagnosis.check_provider import gateways_unread, is_private, is_public
from exporter.diagnosis.check_switch import unreached
from exporter.diagnosis.finding import (
    SEVERITY,
    CheckName,
    Finding,
    Lasting,
    Remedy,
    Status,
    duration,
    not_checked,
    passed,
    shown,
    time_of_day,
)
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of, settled
from exporter.diagnosis.since import lasting, well
from exporter.diagnosis.snapshot import GatewaySeen, Snapshot
from exporter.history.model import WELL
from exporter.switch.sip import LOCAL_CODES, SIP_CODES
from exporter.watch.gateway_table import proxy_host
from exporter.watch.verdict import PING_FLIP, TIMED_OUT

MAX_NAMED: Final = 20  # gateways named in one check
_SHOWN: Final = 5  # names in one sentence
_TRUNKS: Final = "external"  # the profile for trunks in FreeSWITCH's example configuration
_NOT_THERE: Final = "FreeSWITCH does not have them"
_NEAR: Final = 0.7  # similarity of names, 0 to 1


class _Verdict(NamedTuple):
    """`sentence` is of one gateway; `alike` follows the names of several, or their number."""

    sentence: str
    alike: str


# The verdicts of check 7; checks 5 and 6 report `profile_down` and `missing`.
_VERDICTS: Final[dict[str, _Verdict]] = {
    "auth_rejected": _Verdict(
        "Gateway {gateway}: the provider rejects the credentials{answer}",
        "the provider rejects the credentials",
    ),
    "rejected": _Verdict(
        "Gateway {gateway}: the provider rejects the registration{answer}",
        "the provider rejects the registration",
    ),
    "unreachable": _Verdict(
        "Gateway {gateway}: the provider is unreachable{answer}",
        "the provider is unreachable",
    ),
    "unregistered": _Verdict(
        "Gateway {gateway}: a command unregistered it",
        "a command unregistered them",
    ),
    "not_registering": _Verdict(
        "Gateway {gateway}: it should register, but FreeSWITCH has register=false",
        "they should register, but FreeSWITCH has register=false",
    ),
    "register_failed": _Verdict(
        "Gateway {gateway}: registration failed, FreeSWITCH reports the reason at its next attempt",
        "registration failed",
    ),
    "ping_failed": _Verdict(
        "Gateway {gateway}: the provider does not answer pings{answer}",
        "the provider does not answer pings",
    ),
    "ping_overdue": _Verdict(
        "Gateway {gateway}: the provider has stopped answering, a ping is unanswered for {pending}",
        "the provider has stopped answering pings",
    ),
    "registering": _Verdict(
        "Gateway {gateway}: registering for {in_state} so far",
        "registering",
    ),
    "unmonitored": _Verdict(
        "Gateway {gateway} is not monitored: no registration, no ping",
        "not monitored, no registration and no ping",
    ),
    "revived": _Verdict(
        "Gateway {gateway}: it was down, and registered when the doctor made it retry",
        "they were down, and registered when the doctor made them retry",
    ),
    "unknown": _Verdict(
        "Gateway {gateway}: its state is unknown",
        "the state is unknown",
    ),
}


def check_profile(snapshot: Snapshot) -> Iterator[Finding]:
    """5: the SIP profiles are running; the addresses they announce."""
    if (reason := unreached(snapshot)) is not None or snapshot.switch is None:
        yield not_checked("profile", reason or "")
        return
    profiles = snapshot.switch.profiles
    if profiles is None:
        yield not_checked("profile", "FreeSWITCH does not list its SIP profiles")
        return
    running = [profile for profile in profiles if profile.name not in snapshot.switch.stopped]
    problems = []
    if not running:
        problems.append(
            Finding(
                check="profile",
                status=fault_of("profile", "no_profile").status,
                fault="no_profile",
                summary="No SIP profile is running: no call is possible in or out",
                seen="`sofia status` lists none",
                remedy=remedy(snapshot, "profile", "no_profile", profile=_wanted_profile(snapshot)),
            )
        )
    else:
        down = {gateway.profile for gateway in snapshot.gateways if gateway.problem == "profile_down"}
        lost = _lost_with_profile(snapshot)
        if lost:
            down.add(_TRUNKS)
        for name in sorted(down | snapshot.switch.stopped):
            gateways = [gateway for gateway in snapshot.gateways if gateway.profile == name]
            gateways += lost if name == _TRUNKS else []
            problems.append(_profile_down(snapshot, name, gateways, [profile.name for profile in running]))
        problems += list(_private(snapshot))
    yield from problems[:MAX_NAMED]
    if not problems:
        listed = ", ".join(f"{shown(p.name, 40)} at {shown(p.url, 60)}" for p in running[:_SHOWN])
        yield passed("profile", "The SIP profiles are running", listed)


def check_gateway(snapshot: Snapshot) -> Iterator[Finding]:
    """6: the gateways that the configuration requires exist."""
    if (reason := gateways_unread(snapshot)) is not None:
        yield not_checked("gateway", reason)
        return
    if snapshot.switch is not None and snapshot.switch.profiles == ():
        yield not_checked("gateway", "No SIP profile is running")
        return
    expected = [gateway for gateway in snapshot.gateways if gateway.expected]
    listed = [gateway.name for gateway in snapshot.gateways if gateway.listed]
    strays = [gateway.name for gateway in snapshot.gateways if gateway.listed and not gateway.expected]
    missing = [gateway for gateway in expected if gateway.problem == "missing"]
    if _lost_with_profile(snapshot):
        yield not_checked("gateway", f"SIP profile {_TRUNKS} is not running")
        return
    for gateway in missing[:MAX_NAMED]:
        yield _missing(snapshot, gateway, strays, listed)
    if len(missing) == MAX_NAMED + 1:
        yield _missing(snapshot, missing[-1], strays, listed)
    elif missing[MAX_NAMED:]:
        yield _together(snapshot, "gateway", "missing", missing[MAX_NAMED:], _NOT_THERE)
    if missing:
        return
    if any(gateway.problem == "profile_down" for gateway in expected):
        yield not_checked("gateway", "The SIP profile of the gateways is not running")
    elif expected:
        yield passed("gateway", "The required gateways exist", _some([g.name for g in expected]))
    elif listed:
        yield passed("gateway", "FreeSWITCH has gateways; the configuration requires none", _some(listed))
    else:
        yield not_checked("gateway", "FreeSWITCH has no gateway, and the configuration requires none")


def check_registration(snapshot: Snapshot) -> Iterator[Finding]:
    """7: the gateways are usable, by the verdict table."""
    if (reason := gateways_unread(snapshot)) is not None:
        yield not_checked("registration", reason)
        return
    here = [g for g in snapshot.gateways if g.listed and g.problem not in ("missing", "profile_down")]
    bad = [g for g in here if g.problem in _VERDICTS or g.revived]
    bad.sort(key=lambda g: (SEVERITY[_status(snapshot, g)], not g.expected, g.name))
    for gateway in bad[:MAX_NAMED]:
        yield _unusable(snapshot, gateway)
    for fault in dict.fromkeys(map(_fault, bad[MAX_NAMED:])):
        alike = [gateway for gateway in bad[MAX_NAMED:] if _fault(gateway) == fault]
        if len(alike) == 1:
            yield _unusable(snapshot, alike[0])
        else:
            yield _together(snapshot, "registration", fault, alike, _VERDICTS[fault].alike)
    if not here:
        yield not_checked("registration", "FreeSWITCH lists none of the gateways")
    elif not bad:
        states = "; ".join(_state(gateway, snapshot.taken_at) for gateway in here[:_SHOWN])
        yield passed("registration", f"{_all(len(here))} usable", f"{states}{_more(here)}")


def gateway_status(snapshot: Snapshot, gateway: GatewaySeen) -> Status:
    """The status of the finding about one gateway; pass without one, not_checked if nobody can look."""
    if not snapshot.connected:
        return "not_checked"
    if gateway.problem in _VERDICTS:
        return _status(snapshot, gateway)
    if gateway.problem == "profile_down":
        return fault_of("profile", "profile_down").status
    if gateway.problem == "missing" and gateway.expected:
        return fault_of("gateway", "missing").status
    return "pass" if gateway.problem == "none" else "warn"


def finding_of(snapshot: Snapshot, gateway: GatewaySeen) -> Finding | None:
    """The finding about one gateway, as the checks report it; None if nothing is wrong."""
    if not snapshot.connected:
        return None
    if gateway.problem in _VERDICTS:
        return _unusable(snapshot, gateway)
    if gateway.problem == "profile_down":
        running = [profile.name for profile in (snapshot.switch.profiles if snapshot.switch else None) or ()]
        return _profile_down(snapshot, gateway.profile, [gateway], running)
    if gateway.problem == "missing" and gateway.expected:
        listed = [other.name for other in snapshot.gateways if other.listed]
        strays = [other.name for other in snapshot.gateways if other.listed and not other.expected]
        return _missing(snapshot, gateway, strays, listed)
    return None


# -- inside -------------------------------------------------------------------------------------------


def _lost_with_profile(snapshot: Snapshot) -> list[GatewaySeen]:
    """Gateways that are missing because the profile that usually has the trunks is not running.

    FreeSWITCH does not list profiles that are not running, so this is a guess: made only where it lists no
    gateway at all, and nothing says which profile the missing ones belong to.
    """
    if snapshot.switch is None or not snapshot.switch.profiles:
        return []
    names = {profile.name for profile in snapshot.switch.profiles} - snapshot.switch.stopped
    if _TRUNKS in names or any(gateway.listed for gateway in snapshot.gateways):
        return []
    return [g for g in snapshot.gateways if g.expected and g.problem == "missing" and not g.profile]


def _wanted_profile(snapshot: Snapshot) -> str:
    return next((gateway.profile for gateway in snapshot.gateways if gateway.profile), "")


def _profile_down(
    snapshot: Snapshot, name: str, gateways: Sequence[GatewaySeen], running: list[str]
) -> Finding:
    of = f"; its gateways are down: {_some([one.name for one in gateways])}" if gateways else ""
    return Finding(
        check="profile",
        status=fault_of("profile", "profile_down").status,
        fault="profile_down",
        gateway=gateways[0].name if len(gateways) == 1 else "",
        summary=f"SIP profile {shown(name)} is not running{of}",
        seen=f"`sofia status` lists {_some(running)}",
        remedy=remedy(snapshot, "profile", "profile_down", profile=name),
        lasting=_lasting(snapshot, *gateways),
    )


def _private(snapshot: Snapshot) -> Iterator[Finding]:
    """Profiles that announce a private address to a provider with a public one."""
    running = snapshot.switch.profiles if snapshot.switch is not None else None
    profiles = {p.name: p.url for p in running or () if is_private(proxy_host(p.url))}
    reported: set[str] = set()
    for gateway in snapshot.gateways:
        url = profiles.get(gateway.profile, "")
        if not url or gateway.profile in reported:
            continue
        host = proxy_host(gateway.proxy)
        known = (snapshot.names or {}).get(host)
        addresses = [host, *(known.addresses if known else ())]
        public = next((address for address in addresses if is_public(address)), None)
        if public is None:
            continue
        reported.add(gateway.profile)
        yield Finding(
            check="profile",
            status=fault_of("profile", "private_address").status,
            fault="private_address",
            summary=f"SIP profile {shown(gateway.profile)} announces a private address to a public provider",
            seen=f"it announces {shown(url)}; the provider of gateway {shown(gateway.name)} is at {public}",
            remedy=remedy(snapshot, "profile", "private_address", profile=gateway.profile),
        )


def _missing(snapshot: Snapshot, gateway: GatewaySeen, strays: list[str], listed: list[str]) -> Finding:
    meant = near(gateway.name, strays)
    fault = "misspelt" if meant else "missing"
    guess = f"; did you mean {shown(meant)}?" if meant else ""
    return Finding(
        check="gateway",
        status=fault_of("gateway", fault).status,
        fault=fault,
        gateway=gateway.name,
        summary=f"FreeSWITCH has no gateway {shown(gateway.name)}{guess}",
        seen=f"FreeSWITCH lists {_some(listed)}",
        remedy=remedy(snapshot, "gateway", fault, gateway=gateway.name, profile=gateway.profile),
        lasting=_lasting(snapshot, gateway),
        alike=_NOT_THERE,
    )


def _together(
    snapshot: Snapshot, check: CheckName, fault: str, gateways: Sequence[GatewaySeen], alike: str
) -> Finding:
    """Those with one fault, beyond MAX_NAMED."""
    row = fault_of(check, fault)
    statuses = [_status(snapshot, gateway) if check == "registration" else row.status for gateway in gateways]
    return Finding(
        check=check,
        status=min(statuses, key=SEVERITY.__getitem__),
        fault=fault,
        gateways=tuple(gateway.name for gateway in gateways),
        summary=f"{len(gateways)} more gateways: {alike}",
        seen=_some([gateway.name for gateway in gateways]),
        remedy=Remedy(section=row.section),
        lasting=_lasting(snapshot, *gateways),
        alike=alike,
    )


def _unusable(snapshot: Snapshot, gateway: GatewaySeen) -> Finding:
    fault = _fault(gateway)
    verdict = _VERDICTS[fault]
    summary = verdict.sentence.format(
        gateway=shown(gateway.name),
        answer=_answer(gateway, snapshot.taken_at),
        pending=duration(gateway.ping_pending),
        in_state=duration(gateway.in_state),
    )
    return Finding(
        check="registration",
        status=_status(snapshot, gateway),
        fault=fault,
        gateway=gateway.name,
        summary=summary,
        seen=_state(gateway, snapshot.taken_at),
        remedy=remedy(
            snapshot,
            "registration",
            fault,
            gateway=gateway.name,
            profile=gateway.profile,
            proxy=gateway.proxy or gateway.realm,
        ),
        lasting=_lasting(snapshot, gateway),
        alike=verdict.alike,
    )


def _fault(gateway: GatewaySeen) -> str:
    return gateway.problem if gateway.problem in _VERDICTS else "revived"


def _status(snapshot: Snapshot, gateway: GatewaySeen) -> Status:
    outage = gateway.past.outage
    lasted = max(gateway.in_state, snapshot.taken_at - outage.began if outage is not None else 0.0)
    return settled(fault_of("registration", _fault(gateway)), lasted)


def _answer(gateway: GatewaySeen, now: float) -> str:
    """` (403 Forbidden, last at 14:02:11)`: the last failed answer; empty without one."""
    code = gateway.answer_code
    if code == TIMED_OUT:
        answer = "no answer to REGISTER"
    elif code == PING_FLIP:
        answer = "ping failed"
    elif code:
        phrase = shown(gateway.answer_phrase, 80) or SIP_CODES.get(code) or LOCAL_CODES.get(code, "")
        answer = f"{code} {phrase}".strip()
    elif gateway.state == "TRYING":
        return f" (no answer to REGISTER for {duration(gateway.in_state)})"
    else:
        return ""
    return (
        f" ({answer}, last at {time_of_day(gateway.answer_at, now)})" if gateway.answer_at else f" ({answer})"
    )


def _lasting(snapshot: Snapshot, *gateways: GatewaySeen) -> Lasting | None:
    """The outage of these gateways, which have a problem: of several the one that began first."""
    known = [one for one in gateways if one.past.outage is not None and one.problem not in WELL]
    if not known:
        return None
    first = min(known, key=lambda one: one.past.outage.began if one.past.outage is not None else 0.0)
    return lasting(first.past, snapshot.taken_at, "Failing, though usable," if first.usable else "Down")


def _state(gateway: GatewaySeen, now: float) -> str:
    """`telnyx: REGED UP, up for 3 h 12 min, ping 31 ms`."""
    parts = [f"{shown(gateway.name)}: {shown(gateway.state, 40)} {'UP' if gateway.up else 'DOWN'}"]
    up = well(gateway.past, now) if gateway.problem == "none" else ""
    parts.append(up or f"for {duration(gateway.in_state)}")
    if gateway.ping_pending:
        parts.append(f"ping unanswered for {gateway.ping_pending:.0f} s")
    elif gateway.ping_seconds is not None:
        parts.append(f"ping {gateway.ping_seconds * 1000:.0f} ms")
    elif not gateway.ping_interval:
        parts.append("no pings")
    if gateway.retry_seconds is not None:
        parts.append(f"next attempt in {gateway.retry_seconds} s")
    return ", ".join(parts)


def near(name: str, known: list[str]) -> str:
    """The known name that is most like this one; empty if none is."""
    found = difflib.get_close_matches(name[:64].lower(), [one.lower() for one in known], n=1, cutoff=_NEAR)
    return next((one for one in known if found and one.lower() == found[0]), "")


def _some(names: list[str]) -> str:
    """The first of them, and how many more."""
    if not names:
        return "none"
    return ", ".join(shown(name) for name in names[:_SHOWN]) + _more(names)


def _more(things: Sequence[object]) -> str:
    return f" and {len(things) - _SHOWN} more" if len(things) > _SHOWN else ""


def _all(number: int) -> str:
    return "The gateway is" if number == 1 else f"All {number} gateways are"
