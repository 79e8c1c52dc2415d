"""The telephones of one FreeSWITCH: those that the config names, and how many each profile has.

Events tell at once that a watched subscriber came or went; FreeSWITCH's own table corrects them once a minute
(database.py). An answer that was asked for before the last event is older than that event, and is ignored.

Of a subscriber the SIP Call-IDs of its registrations are kept, MAX_PHONES at most: it is registered while one
of them is. Texts of telephones are kept of watched subscribers only.

Where a registration ends and others are kept, they may have been replaced without an event (a telephone that
started again, where the profile has no multiple registrations): such a subscriber is in doubt, and the table
is asked about it at once.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from exporter.clock import Clock
from exporter.switch.registration import Registration
from exporter.switch.registration_event import Gone, Reachability, Registered, account
from exporter.watch.strangers import MAX_PROFILES, OTHER

MAX_PHONES: Final = 32  # of one subscriber
NO_OPTIONS: Final = "answered no OPTIONS"


@dataclass(slots=True)
class Subscriber:
    """One watched subscriber.

    Attributes:
        name: as in the config.
        registered: None before it is known.
        since: when that last changed, epoch seconds; before any change, the first look.
        seen: that change was watched; else it came before `since`.
        phones: SIP Call-IDs of its registrations, and whether each telephone answers OPTIONS, as far as it is
            asked.
        address, agent: of the latest telephone; empty if unknown.
        how: how the last registration went (`expired`, `unregistered`, NO_OPTIONS); empty if unknown.
        told: when the last event came, monotonic seconds.
    """

    name: str
    registered: bool | None = None
    since: float = 0.0
    seen: bool = False
    phones: dict[str, bool] = field(default_factory=dict)
    address: str = ""
    agent: str = ""
    how: str = ""
    told: float = float("-inf")

    @property
    def reachable(self) -> bool:
        """One of its telephones answers OPTIONS, as far as they are asked."""
        return not self.phones or any(self.phones.values())


class Subscribers:
    """Those of one node.

    Args:
        names: of the config, `name@domain`.
        clock: the time.

    Attributes:
        watched: by `account`.
        known: what is listed of them is of the present connection.
        expired: registrations that expired, by profile.
        counts: how many registrations each profile has; those that could be asked for.
        doubtful: accounts of which the table must be asked now. in_doubt: set when one is added.
    """

    def __init__(self, names: Iterable[str], clock: Clock) -> None:
        self.watched = {account(*name.split("@", 1)): Subscriber(name) for name in names}
        self.known = False
        self.expired: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self.doubtful: set[str] = set()
        self.in_doubt = asyncio.Event()
        self._clock = clock

    def start_tracking(self, profile: str) -> None:
        """Count for a profile from now on, from 0; one of MAX_PROFILES."""
        if len(self.expired) < MAX_PROFILES:
            self.expired.setdefault(profile, 0)

    def on_lost(self) -> None:
        """The node is lost: nothing is known of the present."""
        self.known = False
        self.counts = {}
        self.doubtful.clear()
        self.in_doubt.clear()

    # -- events ---------------------------------------------------------------------------------------

    def on_registered(self, event: Registered) -> None:
        """A telephone registered, or refreshed its registration."""
        subscriber = self.watched.get(event.user)
        if subscriber is not None:
            subscriber.told = self._clock.monotonic()
            _keep(subscriber, event.call_id, reachable=True)
            subscriber.address, subscriber.agent = event.address, event.agent
            self._set(subscriber, registered=True)

    def on_gone(self, event: Gone) -> None:
        """A registration ended."""
        if event.how == "expired":
            profile = event.profile if event.profile in self.expired else OTHER
            self.expired[profile] = self.expired.get(profile, 0) + 1
        subscriber = self.watched.get(event.user)
        if subscriber is not None:
            subscriber.told = self._clock.monotonic()
            reachable = subscriber.phones.pop(event.call_id, True)
            if subscriber.phones:
                self.doubtful.add(event.user)
                self.in_doubt.set()
            else:
                self._set(subscriber, registered=False)
                subscriber.how = event.how if reachable or event.how != "expired" else NO_OPTIONS

    def on_reachability(self, event: Reachability) -> None:
        """A telephone answers OPTIONS no more, or again."""
        subscriber = self.watched.get(event.user)
        if subscriber is None:
            return
        # Late events, after the end of a registration, are left out; before the first look nothing is known.
        if event.call_id in subscriber.phones or (subscriber.registered is None and not event.reachable):
            _keep(subscriber, event.call_id, reachable=event.reachable)

    # -- FreeSWITCH's table -----------------------------------------------------------------------------

    def on_listed(self, name: str, listed: list[Registration], asked: float) -> None:
        """All registrations of a watched subscriber, and when they were asked for (monotonic seconds)."""
        subscriber = self.watched[name]
        if asked <= subscriber.told:
            return
        self.doubtful.discard(name)
        subscriber.phones = {phone.call_id: phone.reachable for phone in listed[:MAX_PHONES]}
        if listed:
            subscriber.address, subscriber.agent = listed[-1].address, listed[-1].agent
        elif subscriber.registered:
            subscriber.how = ""
        self._set(subscriber, registered=bool(listed))

    def _set(self, subscriber: Subscriber, *, registered: bool) -> None:
        if subscriber.registered is not registered:
            subscriber.seen = subscriber.registered is not None and self.known
            subscriber.registered = registered
            subscriber.since = self._clock.epoch()


def _keep(subscriber: Subscriber, call_id: str, *, reachable: bool) -> None:
    subscriber.phones[call_id] = reachable
    if len(subscriber.phones) > MAX_PHONES:
        del subscriber.phones[next(iter(subscriber.phones))]
