"""The telephones of one FreeSWITCH: those that the config names, and how many each profile has.

Events tell at once that a watched subscriber came or went; FreeSWITCH's own table corrects them once a minute
(database.py). An answer that was asked for before the last event is older than that event, and is ignored.

Of a subscriber the SIP Call-IDs of its registrations are kept, MAX_PHONES at most: it is registered while one
of them is. Texts of telephones are kept of watched subscribers only.
"""

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
        phones: SIP Call-IDs of its registrations.
        address, agent: of the latest telephone; empty if unknown.
        how: how the last registration went (`expired`, `unregistered`, NO_OPTIONS); empty if unknown.
        reachable: its telephone answers OPTIONS, as far as it is asked.
        told: when the last event came, monotonic seconds.
    """

    name: str
    registered: bool | None = None
    since: float = 0.0
    phones: dict[str, None] = field(default_factory=dict)
    address: str = ""
    agent: str = ""
    how: str = ""
    reachable: bool = True
    told: float = float("-inf")


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
    """

    def __init__(self, names: Iterable[str], clock: Clock) -> None:
        self.watched = {account(*name.split("@", 1)): Subscriber(name) for name in names}
        self.known = False
        self.expired: dict[str, int] = {}
        self.counts: dict[str, int] = {}
        self._clock = clock

    def start_tracking(self, profile: str) -> None:
        """Count for a profile from now on, from 0; one of MAX_PROFILES."""
        if len(self.expired) < MAX_PROFILES:
            self.expired.setdefault(profile, 0)

    def on_lost(self) -> None:
        """The node is lost: nothing is known of the present."""
        self.known = False
        self.counts = {}

    def was_absent(self, name: str, at: float) -> bool:
        """Whether the one watched user of that name, with or without its domain, is not registered.

        Args:
            name: what was dialled.
            at: when (monotonic seconds); it must have been so by then.
        """
        found = [one for key, one in self.watched.items() if name in (key, key.partition("@")[0])]
        ago = self._clock.monotonic() - at
        return (
            self.known
            and len(found) == 1
            and found[0].registered is False
            and self._clock.epoch() - found[0].since > ago
        )

    # -- events ---------------------------------------------------------------------------------------

    def on_registered(self, event: Registered) -> None:
        """A telephone registered, or refreshed its registration."""
        subscriber = self.watched.get(event.user)
        if subscriber is not None:
            subscriber.told = self._clock.monotonic()
            subscriber.phones[event.call_id] = None
            if len(subscriber.phones) > MAX_PHONES:
                del subscriber.phones[next(iter(subscriber.phones))]
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
            subscriber.phones.pop(event.call_id, None)
            if not subscriber.phones:
                unanswered = event.how == "expired" and not subscriber.reachable
                self._set(subscriber, registered=False)
                subscriber.how = NO_OPTIONS if unanswered else event.how

    def on_reachability(self, event: Reachability) -> None:
        """A telephone answers OPTIONS no more, or again."""
        subscriber = self.watched.get(event.user)
        if subscriber is not None:
            subscriber.reachable = event.reachable

    # -- FreeSWITCH's table -----------------------------------------------------------------------------

    def on_listed(self, name: str, listed: list[Registration], asked: float) -> None:
        """All registrations of a watched subscriber, and when they were asked for (monotonic seconds)."""
        subscriber = self.watched[name]
        if asked <= subscriber.told:
            return
        subscriber.phones = {phone.call_id: None for phone in listed[:MAX_PHONES]}
        if listed:
            subscriber.address, subscriber.agent = listed[-1].address, listed[-1].agent
        elif subscriber.registered:
            subscriber.how = ""
        self._set(subscriber, registered=bool(listed))

    def _set(self, subscriber: Subscriber, *, registered: bool) -> None:
        if subscriber.registered is not registered:
            subscriber.registered = registered
            subscriber.since = self._clock.epoch()
            subscriber.reachable = True
