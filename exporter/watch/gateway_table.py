"""All gateways of one node: who they are, whom an event concerns, and who wants a poll.

Identity is (name, profile). FreeSWITCH's events carry the name alone, and a name may stand in two profiles;
then an event moves neither, and a poll of the whole list tells. A gateway known without its profile (from the
configuration, from an event) takes the one it is listed with; one that moves to another profile stays itself.

Marks: an event, an OPTIONS in flight or due, asks for a poll of that gateway. They are taken at most once a
second for each, so that a storm of events costs FreeSWITCH no more than a calm.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Final

from exporter.config import GatewayConfig
from exporter.esl import Event
from exporter.switch.gateway import GatewayList, GatewayStatus
from exporter.watch.gateway import GatewayWatch

MAX_GATEWAYS: Final = 1000
FORGET_AFTER: Final = 3600.0  # seconds after which a gateway that is gone and not expected is forgotten
POLL_SPACING: Final = 1.0
_ANSWER_TIME: Final = 0.5  # an OPTIONS is given so long before a poll asks for its answer


class GatewayTable:
    """The gateways of a node.

    Args:
        expected: those of the configuration, by name.
        now: monotonic seconds.
        on_new: called with each gateway when it becomes known.
        on_gone: called with the name of a gateway to forget; False keeps it.
    """

    def __init__(
        self,
        expected: Mapping[str, GatewayConfig],
        now: float,
        on_new: Callable[[GatewayWatch], None],
        on_gone: Callable[[str], bool],
    ) -> None:
        self._known: dict[tuple[str, str], GatewayWatch] = {}
        self._by_name: dict[str, list[GatewayWatch]] = {}
        self._marked: set[str] = set()
        self._polled: dict[str, float] = {}
        self._expected = expected
        self._on_new = on_new
        self._on_gone = on_gone
        self._running_profiles: frozenset[str] | None = None
        self.over_limit = 0
        self.malformed = 0
        for name, config in expected.items():
            self._add(name, config.profile, now)

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

    # -- what FreeSWITCH tells ------------------------------------------------------------------------

    def on_state(self, event: Event, now: float, epoch: float) -> None:
        """A `sofia::gateway_state` event."""
        name = event.get(b"Gateway") or ""
        known = self.named(name) or self._discover(name, now)
        if len(known) == 1:
            known[0].on_event(
                event.get(b"State") or "UNKNOWN",
                event.get(b"Ping-Status") == "UP",
                event.get_int(b"Status") or 0,
                event.get(b"Phrase") or "",
                now,
                epoch,
            )
        self.mark(name)

    def on_add(self, event: Event, now: float) -> None:
        """A `sofia::gateway_add` event."""
        name = event.get(b"Gateway") or ""
        if not self.named(name):
            self._discover(name, now)
        self.mark(name)

    def on_delete(self, event: Event, now: float) -> None:
        """A `sofia::gateway_delete` event."""
        name = event.get(b"Gateway") or ""
        profile = event.get(b"profile-name") or ""
        for gateway in self.named(name):
            if gateway.profile in ("", profile):
                gateway.on_absent(now, profile_down=False)
        self.mark(name)

    def on_list(self, reply: GatewayList, asked: float, now: float, epoch: float, skew: float) -> None:
        """The list of all gateways: those in it are polled, those not in it are absent."""
        self.malformed = reply.malformed
        for status in reply.gateways:
            self._take(status, reply.gateways, asked, now, epoch, skew)
        listed = {(status.name, status.profile) for status in reply.gateways}
        for key, gateway in list(self._known.items()):
            if key in listed:
                continue
            if reply.malformed:
                self.mark(gateway.name)  # it may be one of those that could not be read: ask for it alone
            else:
                self._absent(key, gateway, now)
        self._marked -= {status.name for status in reply.gateways if not status.pinging}

    def on_one(self, status: GatewayStatus, asked: float, now: float, epoch: float, skew: float) -> None:
        """The reply to a poll of one gateway."""
        self._take(status, [status], asked, now, epoch, skew)

    def on_not_found(self, name: str, now: float) -> None:
        """FreeSWITCH knows no gateway of that name."""
        for gateway in self.named(name):
            self._absent((name, gateway.profile), gateway, now)

    def on_profiles(self, running: Iterable[str]) -> None:
        """The SIP profiles that run."""
        self._running_profiles = frozenset(running)
        for gateway in self._known.values():
            gateway.profile_down = self._is_down(gateway.profile)

    def on_lost(self, now: float) -> None:
        """The node is lost, or its gateways cannot be read."""
        for gateway in self._known.values():
            gateway.on_lost(now)
        self._running_profiles = None
        self._marked.clear()

    def on_restart(self) -> None:
        """FreeSWITCH began a new life."""
        for gateway in self._known.values():
            gateway.on_restart()

    # -- marks ----------------------------------------------------------------------------------------

    def mark(self, name: str) -> None:
        """Ask for a poll of a gateway."""
        if name in self._by_name:
            self._marked.add(name)

    def mark_pings(self, switch_epoch: float) -> None:
        """Mark the gateways with an OPTIONS in flight, and those whose next one is due and unseen."""
        for gateway in self._known.values():
            status = gateway.status
            if status is None or not gateway.listed or status.ping_interval == 0:
                continue
            if gateway.pinging or (status.ping_next and switch_epoch > status.ping_next + _ANSWER_TIME):
                self._marked.add(gateway.name)

    def take_marks(self, now: float) -> list[str]:
        """The marked gateways that have not been polled within the last second; their marks are gone."""
        ready = [name for name in self._marked if now - self._polled.get(name, -1e9) >= POLL_SPACING]
        self._marked.difference_update(ready)
        for name in ready:
            self._polled[name] = now
        return ready

    @property
    def marked(self) -> bool:
        """Somebody waits for a poll."""
        return bool(self._marked)

    def advance(self, now: float, epoch: float) -> None:
        """Let time pass for all of them, and forget the unexpected that have been gone for an hour."""
        for key, gateway in list(self._known.items()):
            gateway.advance(now, epoch)
            gone = gateway.absent_since is not None and now - gateway.absent_since > FORGET_AFTER
            if gone and not gateway.expected and self._on_gone(gateway.name):
                self._remove(key)

    # -- inside ---------------------------------------------------------------------------------------

    def _take(
        self,
        status: GatewayStatus,
        listed: Iterable[GatewayStatus],
        asked: float,
        now: float,
        epoch: float,
        skew: float,
    ) -> None:
        key = (status.name, status.profile)
        gateway = self._known.get(key)
        if gateway is None:
            taken = {other.profile for other in listed if other.name == status.name}
            for other in self.named(status.name):
                if other.profile not in taken:  # known without its profile, or moved to another
                    del self._known[status.name, other.profile]
                    gateway = self._known[key] = other
                    break
            else:
                gateway = self._add(status.name, status.profile, now)
        if gateway is None:
            return
        self._polled[status.name] = now
        gateway.on_poll(status, asked, now, epoch, skew)

    def _absent(self, key: tuple[str, str], gateway: GatewayWatch, now: float) -> None:
        gateway.on_absent(now, self._is_down(key[1]))

    def _is_down(self, profile: str) -> bool:
        return bool(profile) and self._running_profiles is not None and profile not in self._running_profiles

    def _discover(self, name: str, now: float) -> list[GatewayWatch]:
        gateway = self._add(name, "", now) if name else None
        return [gateway] if gateway is not None else []

    def _add(self, name: str, profile: str, now: float) -> GatewayWatch | None:
        if len(self._known) >= MAX_GATEWAYS:
            self.over_limit += 1
            return None
        config = self._expected.get(name)
        gateway = GatewayWatch(
            name,
            profile,
            now,
            expected=config is not None,
            register=config.register if config is not None else None,
        )
        self._known[name, profile] = gateway
        self._by_name.setdefault(name, []).append(gateway)
        self._on_new(gateway)
        return gateway

    def _remove(self, key: tuple[str, str]) -> None:
        gateway = self._known.pop(key)
        others = [other for other in self._by_name[gateway.name] if other is not gateway]
        if others:
            self._by_name[gateway.name] = others
        else:
            del self._by_name[gateway.name]
            self._polled.pop(gateway.name, None)


def proxy_host(proxy: str) -> str:
    """The host of a gateway's proxy (`sip:192.0.2.1:5060;transport=udp`), without brackets."""
    address = proxy.removeprefix("sips:").removeprefix("sip:").partition(";")[0].rpartition("@")[2]
    if address.startswith("["):
        return address[1:].partition("]")[0]
    return address.partition(":")[0]
