"""Check 14: strangers: who guesses passwords, and who scans.

Every address that the Internet can reach is scanned, so a few are usual and no finding. From REPORTABLE in
the window on it is a warning: FreeSWITCH refuses them, and calls go on. The addresses are private, so they
are shown only to those who may see such things.

A registration from an address that had guessed before is a failure: such passwords are used at once.
"""

from collections.abc import Iterator
from typing import Final

from exporter.diagnosis.check_switch import unreached
from exporter.diagnosis.finding import Finding, duration, lately, not_checked, passed
from exporter.diagnosis.remedies import remedy
from exporter.diagnosis.severity import fault_of
from exporter.diagnosis.snapshot import Snapshot
from exporter.watch.strangers import StrangersSeen
from exporter.watch.subscriptions import STRANGERS

REPORTABLE: Final = 20  # in the window


def check_strangers(snapshot: Snapshot) -> Iterator[Finding]:
    """14: wrong passwords and unanswered challenges of the last minutes."""
    seen = snapshot.strangers
    if snapshot.switch is None or seen is None:
        yield not_checked("strangers", unreached(snapshot) or "Strangers were not watched")
        return
    if snapshot.denied.issuperset(STRANGERS):
        yield not_checked("strangers", "The event socket user may not receive the events about strangers")
        return
    what = f"{_failures(seen.failures)} and {_scans(seen.scans)} {_window(seen)}"
    if seen.guessed:
        yield Finding(
            check="strangers",
            status=fault_of("strangers", "guessed").status,
            fault="guessed",
            summary=f"A password may have been guessed: {_registrations(seen.guessed)} after many wrong ones",
            seen=what,
            private=f"the last from {seen.guessed_from}",
            remedy=remedy(snapshot, "strangers", "guessed"),
        )
    if seen.let_go_for is not None:
        yield Finding(
            check="strangers",
            status=fault_of("strangers", "flood").status,
            fault="flood",
            summary="Wrong passwords, scans or registrations come faster than 1,000 a second",
            seen=f"not counted for {duration(seen.let_go_for)}; before, {what}",
            private=_addresses(seen),
            remedy=remedy(snapshot, "strangers", "flood"),
        )
    elif seen.failures >= REPORTABLE or seen.scans >= REPORTABLE:
        guessing = seen.failures >= seen.scans
        fault = "guessing" if guessing else "scanning"
        yield Finding(
            check="strangers",
            status=fault_of("strangers", fault).status,
            fault=fault,
            summary=f"Strangers {'guess passwords' if guessing else 'scan FreeSWITCH'}: {what}",
            seen="FreeSWITCH refused them",
            private=_addresses(seen),
            remedy=remedy(snapshot, "strangers", fault),
        )
    elif not seen.guessed:
        yield passed("strangers", "Few wrong passwords and scans", what)


def _registrations(count: int) -> str:
    return "a registration" if count == 1 else f"{count:,} registrations"


def _failures(count: int) -> str:
    return "1 wrong password" if count == 1 else f"{count:,} wrong passwords"


def _scans(count: int) -> str:
    return "1 scan" if count == 1 else f"{count:,} scans"


def _window(seen: StrangersSeen) -> str:
    return lately(seen.seconds)


def _addresses(seen: StrangersSeen) -> str:
    named = ", ".join(f"{address} ({count:,})" for address, count in seen.addresses)
    return f"most from {named}" if named else ""
