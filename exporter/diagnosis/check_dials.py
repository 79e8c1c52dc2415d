"""Part of check 9: dials that never became a leg, in words: what was dialled, and why that could not be.

A misspelt gateway, a user that nobody registered and a profile that does not run make no call, so they are in
no figure of calls. The counts are those of `watch.refused_dials`: of dials in the last SECONDS, since the
target was first dialled in vain.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from exporter.diagnosis.check_gateways import near
from exporter.diagnosis.finding import Finding, shown, time_of_day
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import Snapshot
from exporter.switch.registration_event import account
from exporter.watch.refused_dials import RefusedTarget

MAX_OF_A_FAULT: Final = 5  # targets told of each; how many more there are stands with the last
_NO_SESSION: Final = frozenset({"unknown_gateway", "unknown_profile", "incomplete_dial"})
# Faults that leave a dropped session, which FreeSWITCH's events report without saying more.


def _gateways(snapshot: Snapshot) -> list[str]:
    return [gateway.name for gateway in snapshot.gateways if gateway.listed]


def _profiles(snapshot: Snapshot) -> list[str]:
    switch = snapshot.switch
    profiles = switch.profiles if switch is not None and switch.profiles is not None else ()
    return [profile.name for profile in profiles if switch is not None and profile.name not in switch.stopped]


class _Words(NamedTuple):
    """How a refusal is told.

    Attributes:
        fault: its word.
        what: what was dialled; `{name}` is its name.
        why: the reason.
        known: names that the misspelt one may have meant.
    """

    fault: str
    what: str
    why: str
    known: Callable[[Snapshot], list[str]] | None = None


_WORDS: Final[dict[tuple[str, str], _Words]] = {
    ("INVALID_GATEWAY", "gateway"): _Words(
        "unknown_gateway", "to gateway {name}", ", which does not exist", _gateways
    ),
    ("GATEWAY_DOWN", "gateway"): _Words("refused", "to gateway {name}", " while it was down"),
    ("INVALID_URL", "gateway"): _Words("incomplete_dial", "to gateway {name}", " without a number"),
    ("INVALID_URL", "profile"): _Words("incomplete_dial", "through profile {name}", " without a destination"),
    ("INVALID_PROFILE", "profile"): _Words(
        "unknown_profile", "through profile {name}", ", which is not running", _profiles
    ),
    ("USER_NOT_REGISTERED", "user"): _Words("not_registered", "to user {name}", ", who is not registered"),
    ("SUBSCRIBER_ABSENT", "user"): _Words("unknown_user", "to user {name}", ", who is not in the directory"),
    ("CHAN_NOT_IMPLEMENTED", "endpoint"): _Words(
        "unknown_endpoint", "through endpoint {name}", ", which no loaded module provides"
    ),
    ("DESTINATION_OUT_OF_ORDER", "capacity"): _Words(
        "capacity", "refused", ": FreeSWITCH was paused or at a limit"
    ),
}
_ENDPOINT: Final = _Words("refused_on_purpose", "to the endpoint {name}", ", which refuses every call")
_OTHER: Final = _Words("bad_dial", "refused", ": the dial string is wrong, or its UUID is in use")
_UNNAMED: Final = "(name not known)"


def check_dials(snapshot: Snapshot) -> Iterator[Finding]:
    """Findings on refused dials, the most frequent first; none if there were none."""
    faults = Counter(_words(target).fault for target in snapshot.refused_dials)
    told: Counter[str] = Counter()
    for target in snapshot.refused_dials:
        words = _words(target)
        told[words.fault] += 1
        if told[words.fault] > MAX_OF_A_FAULT:
            continue
        more = faults[words.fault] - MAX_OF_A_FAULT if told[words.fault] == MAX_OF_A_FAULT else 0
        gateway = target.name if target.kind == "gateway" else ""
        yield Finding(
            check="calls",
            status=fault_of("calls", words.fault).status,
            fault=words.fault,
            gateway=gateway,
            summary=_summary(snapshot, target, words),
            seen=_seen(snapshot, target) + (f"; {more} more like it" if more > 0 else ""),
            remedy=remedy(
                snapshot,
                "calls",
                words.fault,
                gateway=gateway,
                profile=target.name if target.kind == "profile" else "",
            ),
            failed=target.count,
        )


def known_targets(snapshot: Snapshot) -> int:
    """Dials with a dropped session and a known target, without those to gateways that were down."""
    return sum(target.count for target in snapshot.refused_dials if _words(target).fault in _NO_SESSION)


def _words(target: RefusedTarget) -> _Words:
    otherwise = _ENDPOINT if target.kind == "endpoint" else _OTHER
    return _WORDS.get((target.cause, target.kind), otherwise)


def _summary(snapshot: Snapshot, target: RefusedTarget, words: _Words) -> str:
    dials = "1 dial" if target.count == 1 else f"{target.count} dials"
    what = words.what.format(name=shown(target.name) or _UNNAMED)
    if since := _unregistered_since(snapshot, target):
        return f"{dials} {what}, not registered since {since} ({target.cause})"
    meant = near(target.name, words.known(snapshot)) if words.known is not None and target.name else ""
    guess = f": did you mean {shown(meant)}?" if meant else ""
    return f"{dials} {what}{_unregistered(snapshot, target) or words.why}{guess} ({target.cause})"


def _unregistered(snapshot: Snapshot, target: RefusedTarget) -> str:
    """Since or until when a watched subscriber was not registered; empty where that does not fit."""
    if target.cause != "USER_NOT_REGISTERED":
        return ""
    wanted = account(*target.name.partition("@")[::2])
    for one in snapshot.subscribers or ():
        if account(*one.name.partition("@")[::2]) == wanted:
            at = time_of_day(one.since, snapshot.taken_at)
            if one.registered is False and one.since <= target.last:
                return f", not registered since {at}"
            if one.registered and one.since >= target.last:
                return f", not registered until {at}"
    return ""


def _unregistered_since(snapshot: Snapshot, target: RefusedTarget) -> str:
    """The time of day since which a watched subscriber is not registered; empty if that is not known."""
    if target.cause != "USER_NOT_REGISTERED" or not target.name:
        return ""
    named = [
        one
        for one in snapshot.subscribers or ()
        if target.name in (one.name, one.name.partition("@")[0]) and one.registered is False and one.since
    ]
    return time_of_day(named[0].since, snapshot.taken_at) if len(named) == 1 else ""


def _seen(snapshot: Snapshot, target: RefusedTarget) -> str:
    last = time_of_day(target.last, snapshot.taken_at)
    seen = [f"the last at {last}" if target.count > 1 else f"at {last}"]
    if target.count > 1:
        seen.insert(0, f"the first at {time_of_day(target.first, snapshot.taken_at)}")
    if target.number:
        seen.append(f"the last number dialled was {target.number}")
    return ", ".join(seen)
