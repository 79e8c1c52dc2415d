"""Part of check 9: calls to one country fail while others through the same gateway are well.

Then the trunk works, and the provider's route to that country does not. A country fails if FAIL_COUNT calls
and half of those to it failed; the others are well if some got through and less than FAIL_SHARE failed.
Failures are the same as for gateways: a busy line is none. Numbers of no known country tell nothing.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from exporter.diagnosis.finding import Finding, shown, time_of_day
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import FAIL_COUNT, FAIL_SHARE, fault_of
from exporter.diagnosis.snapshot import CallsSeen, CountrySeen, Snapshot
from exporter.switch.destination import INTERNATIONAL, OTHER
from exporter.watch.country_calls import OTHER as OTHER_GATEWAY
from exporter.watch.country_calls import CountryStats
from exporter.watch.node import Node

_FAIL_HALF: Final = 0.5  # of the calls to a country
_MAX_NAMED: Final = 3
_MAX_SHOWN: Final = 5

Totals = dict[tuple[str, str], tuple[int, int]]
"""By gateway (a label value) and country: calls that ended, and those of them that failed."""


def failing_countries(calls: CallsSeen) -> tuple[CountrySeen, ...]:
    """The countries to which calls fail while others are well, the worst first; empty if there are none."""
    failing = [
        seen
        for seen in calls.countries
        if seen.country != OTHER and seen.failed >= max(FAIL_COUNT, _FAIL_HALF * seen.calls)
    ]
    others = [seen for seen in calls.countries if seen not in failing]
    ended, failed = sum(seen.calls for seen in others), sum(seen.failed for seen in others)
    if failed >= ended or failed >= FAIL_SHARE * ended:
        return ()
    return tuple(sorted(failing, key=lambda seen: -seen.failed))


def country_findings(
    snapshot: Snapshot, calls: CallsSeen, failing: Iterable[CountrySeen], window: str
) -> Iterable[Finding]:
    """One finding for each of the failing countries of a gateway, the worst first."""
    most = sorted(calls.countries, key=lambda seen: -seen.calls)[:_MAX_SHOWN]
    outcomes = ", ".join(f"{seen.country} {seen.failed} of {seen.calls} failed" for seen in most)
    for seen in list(failing)[:_MAX_NAMED]:
        where = "satellites and networks of no country" if seen.country == INTERNATIONAL else seen.country
        if seen.failing_since:
            since = time_of_day(seen.failing_since, snapshot.taken_at)
            what = f"calls to {where} fail since {since} ({shown(seen.failed_with, 40)})"
        else:
            what = f"{seen.failed} of {seen.calls} calls to {where} fail ({shown(seen.failed_with, 40)})"
        yield Finding(
            check="calls",
            status=fault_of("calls", "country").status,
            fault="country",
            gateway=calls.gateway,
            summary=f"Gateway {shown(calls.gateway)}: {what}, others are well",
            seen=f"outbound calls {window}: {outcomes}",
            remedy=remedy(snapshot, "calls", "country", gateway=calls.gateway),
            failed=seen.failed,
        )


# -- the window ---------------------------------------------------------------------------------------


def country_totals(node: Node) -> Totals:
    """Calls and failures since the start of the watch."""
    return {
        key: (sum(stats.outcomes.values()), stats.failures)
        for key, stats in node.known.countries.stats.items()
    }


def countries_since(node: Node, before: Totals) -> Callable[[str], tuple[CountrySeen, ...]]:
    """The calls to each country since the totals `before`, by the name of a gateway.

    Calls of a gateway that the configuration does not list are known where it is the only such.
    """
    found: dict[str, list[CountrySeen]] = {}
    for (gateway, country), stats in node.known.countries.stats.items():
        calls, failed = before.get((gateway, country), (0, 0))
        seen = _seen(country, stats, calls, failed)
        if seen.calls:
            found.setdefault(gateway, []).append(seen)
    unlisted = {name for name, _ in node.calls.stats if name and name not in node.config.gateways}
    return lambda gateway: _of(gateway, found, unlisted)


def _seen(country: str, stats: CountryStats, calls: int, failed: int) -> CountrySeen:
    return CountrySeen(
        country=country,
        calls=sum(stats.outcomes.values()) - calls,
        failed=stats.failures - failed,
        failing_since=stats.failing_since,
        failed_with=stats.failed_with,
    )


def _of(gateway: str, found: Mapping[str, list[CountrySeen]], unlisted: set[str]) -> tuple[CountrySeen, ...]:
    label = OTHER_GATEWAY if unlisted == {gateway} else gateway
    return tuple(found.get(label, ()))
