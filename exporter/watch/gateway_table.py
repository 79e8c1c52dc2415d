"""All gateways of one node: which there are, which one an event concerns, and what is to be polled.

Identity is (name, profile). A gateway known without its profile (from the configuration) takes the one it is
listed with; one that moves to another profile stays itself. A name may stand in two profiles, while
FreeSWITCH's events carry the name alone and `sofia xmlstatus gateway NAME` answers for one of the two
(facts.md 2.1). So:

- only the list of all gateways decides which gateways there are, and that one is gone, also where an event
  reports it; new ones are learned from it;
- an event moves a gateway only if no other that is there, or was made since the last list, has its name;
- a poll of one gateway changes the one it names, by name and profile.

At most MAX_GATEWAYS are watched. A gateway that is gone stays for FORGET_AFTER, so that a short absence
costs no series; but where gateways are made per user and short-lived, a new one that is listed takes the
place of the one that has been gone longest and that nobody expects. What is given up either way is counted.

The time that a list takes is proportional to its length.

Polls are asked for by marks: an event, an OPTIONS in flight or due marks its gateway, whatever only the list
can decide wants the list. A gateway is polled at most once a second, so that many events cost FreeSWITCH no
more than few.
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Final

from exporter.clock import Clock
from exporter.config import GatewayConfig
from exporter.switch.gateway import GatewayList, GatewayStatus
from exporter.switch.gateway_event import GatewayAdded, GatewayDeleted, GatewayEvent, ProfileStarted
from exporter.watch.gateway import GatewayWatch
from exporter.watch.problem_log import GATEWAY_LEVELS, ProblemLog
from exporter.watch.verdict import ABSENT_GRACE

MAX_GATEWAYS: Final = 1000
FORGET_AFTER: Final = 3600.0  # seconds after which a gateway that is gone and not expected is forgotten
POLL_SPACING: Final = 1.0
_ANSWER_TIME: Final = 0.5  # seconds that an OPTIONS is given before a poll asks for its answer
_Key = tuple[str, str]  # name and profile


class GatewayTable:
    """The gateways of a node.

    Args:
        node: its name, for the log.
        expected: the gateways of the configuration, by name.
        on_new: called with each gateway when it becomes known.
        on_gone: called with the name of a gateway to forget; False keeps it.
        on_answer: called with a gateway whose last failed answer to REGISTER is another.
        on_verdict: called with a gateway whose verdict has changed, the time (monotonic) and the epoch.
        on_forgotten: called with a gateway that is watched no longer, and the same times.
        quiet: log no changes of problems.
        only: the one gateway that FreeSWITCH is asked about by name; None: any. The list has them all.

    Attributes:
        poll_wanted: set when a gateway is marked, or the list is wanted; also to have the poller look.
        over_limit: gateways not taken, each once while it is listed, and gateways forgotten early, because
            there were MAX_GATEWAYS.
        malformed: entries of the last list that could not be read.
    """

    def __init__(
        self,
        node: str,
        expected: Mapping[str, GatewayConfig],
        clock: Clock,
        *,
        on_new: Callable[[GatewayWatch], None],
        on_gone: Callable[[str], bool],
        on_answer: Callable[[GatewayWatch], None],
        on_verdict: Callable[[GatewayWatch, float, float], None],
        on_forgotten: Callable[[GatewayWatch, float, float], None],
        quiet: bool = False,
        only: str | None = None,
    ) -> None:
        self.poll_wanted = asyncio.Event()
        self.over_limit = 0
        self.malformed = 0
        self._node = node
        self._expected = expected
        self._clock = clock
        self._on_new = on_new
        self._on_gone = on_gone
        self._on_answer = on_answer
        self._on_verdict = on_verdict
        self._on_forgotten = on_forgotten
        self._quiet = quiet
        self._only = only
        self._known: dict[_Key, GatewayWatch] = {}
        self._by_name: dict[str, list[GatewayWatch]] = {}
        self._marked: dict[str, float] = {}  # name to when it was marked
        self._polled: dict[str, float] = {}
        self._doubled: dict[str, float] = {}  # made in one more profile: name to when, until it is listed
        self._list_wanted = False
        self._list_polled = float("-inf")
        self._running_profiles: frozenset[str] | None = None
        self._refused: set[_Key] = set()  # of the last list
        for name, config in expected.items():
            self.over_limit += self._add(name, config.profile) is None

    def __iter__(self) -> Iterator[GatewayWatch]:
        return iter(list(self._known.values()))

    def __len__(self) -> int:
        return len(self._known)

    def named(self, name: str) -> list[GatewayWatch]:
        """The gateways of that name: one, or one per profile; empty if it is unknown."""
        return self._by_name.get(name, [])

    def at_address(self, ip: str) -> str:
        """The one gateway whose proxy is that address; the empty string if none or several are."""
        found = {
            gateway.name
            for gateway in self._known.values()
            if gateway.status is not None and gateway.listed and proxy_host(gateway.status.proxy) == ip
        }
        return found.pop() if len(found) == 1 else ""

    # -- events -------------------------------------------------------------------------------------------

    def on_event(self, event: GatewayEvent) -> None:
        """A gateway changed its state."""
        known = self.named(event.name)
        if len(known) > 1:
            known = [gateway for gateway in known if gateway.absent_since is None]
        if len(known) == 1 and event.name not in self._doubled:
            known[0].on_event(event, self._clock.monotonic(), self._clock.epoch())
        self._mark(event.name)

    def on_added(self, event: GatewayAdded) -> None:
        """FreeSWITCH made a gateway."""
        if any(gateway.profile not in ("", event.profile) for gateway in self.named(event.name)):
            self._doubled[event.name] = self._clock.monotonic()
            self.want_list()
        self._mark(event.name)

    def on_deleted(self, event: GatewayDeleted) -> None:
        """FreeSWITCH removed a gateway."""
        for gateway in self.named(event.name):
            if gateway.profile in ("", event.profile):
                gateway.on_deleted()
        self.want_list()

    def on_profile_started(self, _event: ProfileStarted) -> None:
        """A profile starts; those of its gateways that do not register send no event."""
        self.want_list()

    # -- polls --------------------------------------------------------------------------------------------

    def on_list(self, reply: GatewayList, asked: float, skew: float) -> None:
        """The list of all gateways: those in it are polled, those not in it are absent.

        Args:
            reply: the list.
            asked: when it was asked for (monotonic seconds).
            skew: FreeSWITCH's clock less the exporter's, seconds.
        """
        self.malformed = reply.malformed
        self._doubled = {name: at for name, at in self._doubled.items() if at >= asked}
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        self._list_polled = now
        profiles: dict[str, set[str]] = {}
        for status in reply.gateways:
            profiles.setdefault(status.name, set()).add(status.profile)
        new = []
        for status in reply.gateways:
            gateway = self._listed(status, profiles[status.name])
            if gateway is not None:
                self._take(gateway, status, asked, skew)
            else:
                new.append(status)
        for key, gateway in self._known.items():
            if key[1] in profiles.get(key[0], ()):
                continue
            if reply.malformed:
                self._mark(gateway.name)  # it may be one of those that could not be read: ask for it alone
            else:
                gateway.on_absent(now, epoch, self._is_down(key[1]))
        self._take_new(new, asked, skew)
        for status in reply.gateways:
            if not status.pinging and self._marked.get(status.name, asked) < asked:
                del self._marked[status.name]

    def on_one(self, status: GatewayStatus, asked: float, skew: float) -> None:
        """The reply to a poll of one gateway; arguments as in `on_list`."""
        gateway = self._known.get((status.name, status.profile))
        known = self.named(status.name)
        if gateway is None and len(known) == 1 and not known[0].profile:
            gateway = self._renamed(known[0], status.profile)
        if gateway is not None:
            self._take(gateway, status, asked, skew)
        else:
            self.want_list()  # another profile has a gateway of that name, too

    def on_not_found(self) -> None:
        """FreeSWITCH does not find one gateway by its name; another may have that name."""
        self.want_list()

    def on_profiles(self, running: Iterable[str]) -> None:
        """The SIP profiles that run."""
        self._running_profiles = frozenset(running)
        for gateway in self._known.values():
            gateway.profile_down = self._is_down(gateway.profile)

    def on_lost(self, since: float | None = None) -> None:
        """The node is lost, or its gateways cannot be read; `since`: from then on (monotonic), None: now."""
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        if since is not None:
            now, epoch = since, epoch - (now - since)
        for gateway in self._known.values():
            gateway.on_lost(now, epoch)
        self._running_profiles = None
        self._marked.clear()
        self._doubled.clear()
        self._list_wanted = False

    def on_restart(self) -> None:
        """FreeSWITCH was restarted."""
        for gateway in self._known.values():
            gateway.on_restart()

    # -- what is to be polled -----------------------------------------------------------------------------

    def want_list(self) -> None:
        """Ask for a poll of the list."""
        self._list_wanted = True
        self.poll_wanted.set()

    def mark_pings(self, switch_epoch: float) -> None:
        """Mark the gateways with an OPTIONS in flight, and those whose next one is due and unseen.

        Args:
            switch_epoch: now, by FreeSWITCH's clock.
        """
        now = self._clock.monotonic()
        for gateway in self._known.values():
            status = gateway.status
            if status is None or not gateway.listed or status.ping_interval == 0:
                continue
            if self._only not in (None, gateway.name):
                continue
            if gateway.pinging or (status.ping_next and switch_epoch >= status.ping_next + _ANSWER_TIME):
                self._marked.setdefault(gateway.name, now)

    def quiet_for(self, switch_epoch: float) -> float:
        """Seconds in which `advance`, `mark_pings` and `take_wanted` find nothing, unless an event comes.

        Args:
            switch_epoch: now, by FreeSWITCH's clock.
        """
        if self._marked or self._list_wanted:
            return 0.0
        quiet = FORGET_AFTER
        for gateway in self._known.values():
            status = gateway.status
            if gateway.time_decides:
                return 0.0
            if status is not None and gateway.listed and status.ping_interval and status.ping_next:
                quiet = min(quiet, status.ping_next + _ANSWER_TIME - switch_epoch)
        return max(quiet, 0.0)

    def take_wanted(self) -> tuple[bool, list[str]]:
        """What is to be polled now: whether the list is, and which single gateways.

        What was polled within the last second has to wait. A name that two profiles have is polled by the
        list.
        """
        now = self._clock.monotonic()
        ready = [name for name in self._marked if now - self._polled.get(name, float("-inf")) >= POLL_SPACING]
        for name in ready:
            del self._marked[name]
            self._polled[name] = now
        if any(len(self.named(name)) > 1 for name in ready):
            self._list_wanted = True
        the_list = self._list_wanted and now - self._list_polled >= POLL_SPACING
        if the_list:
            self._list_wanted = False
            self._list_polled = now
        return the_list, ready

    def advance(self) -> None:
        """Let time pass for all of them, and forget the unexpected that have been gone for an hour."""
        now, epoch = self._clock.monotonic(), self._clock.epoch()
        for gateway in list(self._known.values()):
            gateway.advance(now, epoch)
            if gateway.absent_since is not None and now - gateway.absent_since > FORGET_AFTER:
                self._forget(gateway)

    # -- inside -------------------------------------------------------------------------------------------

    def _mark(self, name: str) -> None:
        """Ask for a poll of a gateway; of the list, if it is unknown."""
        if name not in self._by_name:
            self.want_list()
        elif self._only in (None, name):
            self._marked[name] = self._clock.monotonic()
            self.poll_wanted.set()

    def _listed(self, status: GatewayStatus, profiles: Collection[str]) -> GatewayWatch | None:
        """The gateway of an entry of the list; None if it is new.

        Args:
            status: the entry.
            profiles: those in which the list has the name.
        """
        gateway = self._known.get((status.name, status.profile))
        if gateway is not None:
            return gateway
        for other in self.named(status.name):
            if other.profile not in profiles:  # known without its profile, or moved to another
                return self._renamed(other, status.profile)
        return None

    def _take_new(self, new: Iterable[GatewayStatus], asked: float, skew: float) -> None:
        """Watch gateways that are listed for the first time, as many as there is room for."""
        gone = self._gone_longest()
        refused = set()
        for status in new:
            while len(self._known) >= MAX_GATEWAYS and (longest := next(gone, None)) is not None:
                self.over_limit += self._forget(longest)
            gateway = self._add(status.name, status.profile)
            if gateway is not None:
                self._take(gateway, status, asked, skew)
            else:
                refused.add((status.name, status.profile))
        self.over_limit += len(refused - self._refused)
        self._refused = refused

    def _gone_longest(self) -> Iterator[GatewayWatch]:
        """The gateways that are gone, not just for a moment, in the order in which they went."""
        before = self._clock.monotonic() - ABSENT_GRACE
        went = [
            (gateway.absent_since, at, gateway)
            for at, gateway in enumerate(self._known.values())
            if gateway.absent_since is not None and gateway.absent_since < before
        ]
        return (gateway for _, _, gateway in sorted(went, key=lambda one: one[:2]))

    def _renamed(self, gateway: GatewayWatch, profile: str) -> GatewayWatch:
        del self._known[gateway.name, gateway.profile]
        self._known[gateway.name, profile] = gateway
        gateway.profile = profile
        return gateway

    def _take(self, gateway: GatewayWatch, status: GatewayStatus, asked: float, skew: float) -> None:
        now = self._polled[status.name] = self._clock.monotonic()
        gateway.on_poll(status, asked, now, self._clock.epoch(), skew)

    def _is_down(self, profile: str) -> bool:
        return bool(profile) and self._running_profiles is not None and profile not in self._running_profiles

    def _add(self, name: str, profile: str) -> GatewayWatch | None:
        """Watch one more; None if there are too many."""
        if len(self._known) >= MAX_GATEWAYS:
            return None
        config = self._expected.get(name)
        if config is not None and config.profile not in ("", profile):
            config = None  # the configuration expects that name in another profile
        gateway = GatewayWatch(
            name,
            profile,
            self._clock.monotonic(),
            ProblemLog(GATEWAY_LEVELS, quiet=self._quiet, node=self._node, gateway=name),
            self._on_answer,
            self._on_verdict,
            expected=config is not None,
            register=config.register if config is not None else None,
        )
        self._known[name, profile] = gateway
        self._by_name.setdefault(name, []).append(gateway)
        self._on_new(gateway)
        return gateway

    def _forget(self, gateway: GatewayWatch) -> bool:
        """Watch it no longer, unless it is expected or has calls; whether it is forgotten."""
        if gateway.expected:
            return False
        # Calls are counted by name: those of another profile's gateway go on.
        shared = len(self._by_name[gateway.name]) > 1
        if not shared and not self._on_gone(gateway.name):
            return False
        self._remove(gateway)
        return True

    def _remove(self, gateway: GatewayWatch) -> None:
        del self._known[gateway.name, gateway.profile]
        others = [other for other in self._by_name[gateway.name] if other is not gateway]
        if others:
            self._by_name[gateway.name] = others
        else:
            del self._by_name[gateway.name]
            self._polled.pop(gateway.name, None)
            self._marked.pop(gateway.name, None)
        self._on_forgotten(gateway, self._clock.monotonic(), self._clock.epoch())


def proxy_host(proxy: str) -> str:
    """The host of a gateway's proxy (`sip:192.0.2.1:5060;transport=udp`), without brackets."""
    address = proxy.removeprefix("sips:").removeprefix("sip:").partition(";")[0].rpartition("@")[2]
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0]
