"""Check 15: the subscribers that the config names are registered, and so can be called.

Where their telephones are is private, as the addresses of strangers are.
"""

from collections.abc import Iterator
from typing import Final

from exporter.diagnosis.check_switch import unreached
from exporter.diagnosis.finding import SEVERITY, Finding, not_checked, passed, shown, time_of_day
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import Snapshot, SubscriberSeen

MAX_NAMED: Final = 20


def check_subscribers(snapshot: Snapshot) -> Iterator[Finding]:
    """15: watched subscribers."""
    seen = snapshot.subscribers
    if snapshot.switch is None or seen is None:
        yield not_checked("subscribers", unreached(snapshot) or "FreeSWITCH has not been asked yet")
        return
    if not seen:
        yield passed("subscribers", "The config names no subscribers to watch")
        return
    problems = [_missing(snapshot, one) for one in seen if one.registered is False]
    problems += [_silent(snapshot, one) for one in seen if one.registered and not one.reachable]
    problems.sort(key=lambda finding: SEVERITY[finding.status])
    yield from problems[:MAX_NAMED]
    unknown = sum(one.registered is None for one in seen)
    if problems:
        return
    if unknown:
        yield not_checked("subscribers", f"Not known of {unknown} of {len(seen)} subscribers")
    else:
        yield passed("subscribers", f"All {len(seen)} watched subscribers are registered")


def _missing(snapshot: Snapshot, one: SubscriberSeen) -> Finding:
    since = f"since {'' if one.seen else 'before '}{time_of_day(one.since, snapshot.taken_at)}"
    return Finding(
        check="subscribers",
        status=fault_of("subscribers", "not_registered").status,
        fault="not_registered",
        summary=f"Subscriber {shown(one.name)} is not registered",
        seen=since + (f": {_HOW[one.how]}" if one.how in _HOW else ""),
        private=_last(one),
        remedy=remedy(snapshot, "subscribers", "not_registered"),
    )


def _silent(snapshot: Snapshot, one: SubscriberSeen) -> Finding:
    return Finding(
        check="subscribers",
        status=fault_of("subscribers", "no_options").status,
        fault="no_options",
        summary=f"Subscriber {shown(one.name)} is registered, and its telephone answers no OPTIONS",
        private=_last(one),
        remedy=remedy(snapshot, "subscribers", "no_options"),
    )


_HOW: Final = {
    "expired": "the telephone did not refresh its registration",
    "unregistered": "the telephone unregistered",
    "answered no OPTIONS": "the telephone answered no OPTIONS",
}


def _last(one: SubscriberSeen) -> str:
    if not one.address:
        return ""
    return f"last at {one.address}" + (f", {shown(one.agent, 60)}" if one.agent else "")
