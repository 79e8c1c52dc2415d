"""Strangers: wrong passwords, unanswered challenges, and the addresses that they come from.

Counters are by profile, of those that FreeSWITCH has listed (any other name is `other`); addresses are kept
in a bounded table (top_addresses.py) and never become a label.

Guessed. A registration from an address with GUESSES failures in the hour before counts as a guessed password,
unless telephones had registered from that address before it failed so often: behind one address there may be
many, one of them with an old password. KNOWN_KEPT such addresses are known; those from which telephones are
registered already when the exporter connects are learned then (database.py).

A scan is counted by the end of its leg, which names the profile; wrong_call_state has the address.

Letting go. Above TOO_MANY such events a second FreeSWITCH would write, and the exporter read, a megabyte a
second to learn nothing new. The subscription to them is then let go of for PAUSE seconds (the connection
does that), and tried again; meanwhile nothing is counted, and the diagnosis says so.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from exporter.clock import Clock
from exporter.switch.registration_event import Registered
from exporter.switch.stranger_event import METHODS, AuthFailure, Scan
from exporter.watch.top_addresses import Frequent, Tally, TopAddresses

TOO_MANY: Final = 1000.0  # events a second
PAUSE: Final = 60.0  # seconds
GUESSES: Final = 20  # failures in an hour, from which on a success is suspicious
KNOWN_KEPT: Final = 10_000  # addresses
RECENT: Final = 600.0  # seconds; met to a bucket of top_addresses
MAX_PROFILES: Final = 200  # with counters of their own
OTHER: Final = "other"


class StrangersSeen(NamedTuple):
    """What strangers did recently.

    Attributes:
        seconds: about how far back that is.
        failures, scans: how many there were in that time.
        addresses: the most frequent, with how often each came at least.
        guessed: registrations after many failures, in that time. guessed_from: the address of the last.
        let_go_for: seconds since the subscription was let go of; None while it is not.
    """

    seconds: float
    failures: int
    scans: int
    addresses: tuple[Frequent, ...]
    guessed: int
    guessed_from: str
    let_go_for: float | None


class Strangers:
    """The strangers of one node.

    Args:
        clock: the time.

    Attributes:
        failures: by profile and method. scans, guessed: by profile.
        let_go_at: when the subscription was let go of (monotonic seconds); None while it is not.
    """

    def __init__(self, clock: Clock) -> None:
        now = clock.monotonic()
        self.failures: dict[tuple[str, str], int] = {}
        self.scans: dict[str, int] = {}
        self.guessed: dict[str, int] = {}
        self.let_go_at: float | None = None
        self._clock = clock
        self._addresses = TopAddresses(now)
        self._failed = TopAddresses(now)
        self._unkept = Tally()
        self._known: dict[str, None] = {}  # in the order in which they registered last
        self._guessed_from = ""
        self._noted: list[tuple[float, int, int, int]] = [(now, 0, 0, 0)]
        self._events = 0
        self._looked = (now, 0)

    def start_tracking(self, profile: str) -> None:
        """Count for a profile from now on, from 0; one of MAX_PROFILES."""
        if len(self.scans) >= MAX_PROFILES:
            return
        for method in METHODS:
            self.failures.setdefault((profile, method), 0)
        self.scans.setdefault(profile, 0)
        self.guessed.setdefault(profile, 0)

    def on_failure(self, failure: AuthFailure) -> None:
        """A wrong password, or an unknown user."""
        self._events += 1
        key = self._label(failure.profile), failure.method
        self.failures[key] = self.failures.get(key, 0) + 1
        if failure.address:
            self._failed.add(failure.address, self._clock.monotonic())
        self._came(failure.address)

    def on_scan(self, scan: Scan) -> None:
        """An unanswered challenge: where it came from."""
        self._events += 1
        self._came(scan.address)

    def on_scanned(self, profile: str) -> None:
        """An unanswered challenge: the leg's end."""
        profile = self._label(profile)
        self.scans[profile] = self.scans.get(profile, 0) + 1

    def on_registered(self, event: Registered) -> None:
        """A telephone registered, or somebody who guessed its password."""
        self._events += 1
        address = event.address
        known = self._known
        if address in known or self._failed.count(address, self._clock.monotonic()) < GUESSES:
            known.pop(address, None)
            known[address] = None
            if len(known) > KNOWN_KEPT:
                del known[next(iter(known))]
        else:
            profile = self._label(event.profile)
            self.guessed[profile] = self.guessed.get(profile, 0) + 1
            self._guessed_from = address

    def on_listed(self, addresses: Iterable[str]) -> None:
        """Where telephones are registered, as FreeSWITCH lists them; the last of them may have guessed."""
        now = self._clock.monotonic()
        for address in addresses:
            if len(self._known) >= KNOWN_KEPT:
                return
            if self._failed.count(address, now) < GUESSES:
                self._known.setdefault(address)

    # -- letting go -----------------------------------------------------------------------------------

    def on_connection(self) -> None:
        """A new connection, with all subscriptions."""
        self.let_go_at = None
        self._looked = (self._clock.monotonic(), self._events)

    def too_many(self) -> bool:
        """More than TOO_MANY a second came since the last look."""
        now = self._clock.monotonic()
        before, events = self._looked
        self._looked = (now, self._events)
        return now > before and (self._events - events) / (now - before) > TOO_MANY

    def let_go(self) -> None:
        """The subscription was let go of."""
        self.let_go_at = self._clock.monotonic()

    def try_again(self) -> bool:
        """The subscription was let go of PAUSE seconds ago."""
        return self.let_go_at is not None and self._clock.monotonic() - self.let_go_at >= PAUSE

    # -- for the diagnosis ----------------------------------------------------------------------------

    def seen(self, limit: int) -> StrangersSeen:
        """What was done recently, and by which addresses, `limit` of them."""
        now = self._clock.monotonic()
        self._note(now)
        began, failures, scans, guessed = self._noted[0]
        newly_guessed = sum(self.guessed.values()) - guessed
        return StrangersSeen(
            now - began,
            sum(self.failures.values()) - failures,
            sum(self.scans.values()) - scans,
            tuple(self._addresses.most(now, RECENT, limit)),
            newly_guessed,
            self._guessed_from if newly_guessed else "",
            now - self.let_go_at if self.let_go_at is not None else None,
        )

    def take(self, limit: int) -> list[Frequent]:
        """The most frequent addresses since the last time, for the history."""
        tally, self._unkept = self._unkept, Tally()
        return tally.most(limit)

    def advance(self) -> None:
        """Let time pass."""
        self._note(self._clock.monotonic())

    def _note(self, now: float) -> None:
        """Keep the totals of every minute of the time that is recent."""
        noted = self._noted
        if now - noted[-1][0] >= RECENT / 10:
            counted = (self.failures, self.scans, self.guessed)
            failures, scans, guessed = (sum(by.values()) for by in counted)
            noted.append((now, failures, scans, guessed))
        while len(noted) > 1 and now - noted[1][0] >= RECENT:
            del noted[0]

    def _came(self, address: str) -> None:
        if address:
            self._addresses.add(address, self._clock.monotonic())
            self._unkept.add(address)

    def _label(self, profile: str) -> str:
        return profile if profile in self.scans else OTHER
