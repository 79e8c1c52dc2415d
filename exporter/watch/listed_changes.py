"""Changes that the lists of profiles and gateways show, whatever events came or were lost.

What a list names for the first time was added, what it names no longer is gone, and a gateway with other
settings was read anew. Three things are no change:

- the first list of the exporter: it is only learned. What was known stays known while the node is lost;
- a short absence. A restart makes a profile and its gateways vanish for about two seconds, so what is absent
  counts as gone once a list that was asked for ABSENT_GRACE later does not have it either. Such a list is
  wanted at once (`confirmation_due`), the time of the change is that of the first;
- that gateways go or come with their profile: while it does not run, they are absent and no more. So a
  restart is one change, that the profile was started, and each gateway that is another one afterwards.

A profile's start is told by its event, or by the list if that comes first or alone. A gateway that moves to
another profile is deleted in one and added in the other.

Nothing is told of gateways while there are more of them than are watched, nor of those that could be among
the entries of a list that cannot be read.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from exporter.clock import Clock
from exporter.switch.gateway import GatewayList, GatewayStatus
from exporter.watch.changes import Changes
from exporter.watch.gateway_table import MAX_GATEWAYS
from exporter.watch.switch import MAX_PROFILES
from exporter.watch.verdict import ABSENT_GRACE

_Key = tuple[str, str]  # profile and name


class _Absence(NamedTuple):
    """Since when something is not listed: monotonic and epoch seconds."""

    since: float
    epoch: float


@dataclass(slots=True)
class _Profile:
    """A profile that runs, or did; `told` is when its last start was (monotonic seconds)."""

    told: float = float("-inf")
    absent: _Absence | None = None


class _Settings(NamedTuple):
    """What makes a gateway another one. The user name is compared, and not shown."""

    proxy: str
    realm: str
    contact: str
    ping_interval: int
    username: str


@dataclass(slots=True)
class _Gateway:
    settings: _Settings
    absent: _Absence | None = None


class ListedChanges:
    """What the lists of one node tell.

    Args:
        changes: where it is told.
    """

    def __init__(self, changes: Changes, clock: Clock) -> None:
        self._changes = changes
        self._clock = clock
        self._profiles: dict[str, _Profile] | None = None  # None before the first list
        self._profiles_asked = float("-inf")
        self._gateways: dict[_Key, _Gateway] | None = None
        self._confirm_at = float("inf")

    def on_lost(self) -> None:
        """The node is lost: what is absent now is not known."""
        for profile in (self._profiles or {}).values():
            profile.absent = None
        for gateway in (self._gateways or {}).values():
            gateway.absent = None
        self._profiles_asked = float("-inf")
        self._confirm_at = float("inf")

    def quiet_for(self) -> float:
        """Seconds until `confirmation_due`; infinite if nothing is to be confirmed."""
        return max(self._confirm_at - self._clock.monotonic(), 0.0)

    def confirmation_due(self) -> bool:
        """Whether the lists are wanted now, because of an absence; once for each."""
        due = self._clock.monotonic() >= self._confirm_at
        if due:
            self._confirm_at = float("inf")
        return due

    # -- profiles -------------------------------------------------------------------------------------------

    def on_profile_started(self, name: str) -> None:
        """The event of a profile that starts."""
        now = self._clock.monotonic()
        profile = self._profiles.get(name) if self._profiles is not None else None
        if profile is None:
            self._start(name)
            return
        if now - profile.told > ABSENT_GRACE:
            self._changes.note("profile_started", name)
        profile.told = now
        profile.absent = None

    def on_profiles(self, running: Iterable[str], asked: float) -> None:
        """The profiles that run, and when they were asked for (monotonic seconds)."""
        listed = dict.fromkeys(running)
        self._profiles_asked = asked
        if self._profiles is None:
            self._profiles = {name: _Profile() for name in list(listed)[:MAX_PROFILES]}
            return
        for name in listed:
            profile = self._profiles.get(name)
            if profile is None:
                self._start(name)
            elif profile.absent is not None:  # it was restarted, and its event is lost or still to come
                self.on_profile_started(name)
        for name, profile in list(self._profiles.items()):
            if name in listed:
                continue
            profile.absent = profile.absent or self._absence()
            if self._confirmed(profile.absent, asked):
                del self._profiles[name]
                self._changes.note("profile_stopped", name, at=profile.absent.epoch)

    def _start(self, name: str) -> None:
        if self._profiles is None or len(self._profiles) < MAX_PROFILES:
            self._changes.note("profile_started", name)
        if self._profiles is not None and len(self._profiles) < MAX_PROFILES:
            self._profiles[name] = _Profile(self._clock.monotonic())

    # -- gateways -------------------------------------------------------------------------------------------

    def on_gateways(self, reply: GatewayList, asked: float) -> None:
        """The list of all gateways, and when it was asked for (monotonic seconds)."""
        if len(reply.gateways) > MAX_GATEWAYS:
            self._gateways = None
            return
        listed = {(status.profile, status.name): _settings(status) for status in reply.gateways}
        if self._gateways is None:
            self._gateways = {key: _Gateway(settings) for key, settings in listed.items()}
            return
        for key, settings in listed.items():
            gateway = self._gateways.get(key)
            if gateway is None:
                self._add(key, settings)
                continue
            gateway.absent = None
            if gateway.settings != settings:
                self._changes.note("gateway_changed", _named(key), *_differing(gateway.settings, settings))
                gateway.settings = settings
        if not reply.malformed:
            self._look_for_absent(listed, asked)

    def _add(self, key: _Key, settings: _Settings) -> None:
        gateways = self._gateways
        if gateways is None:
            return
        if len(gateways) >= MAX_GATEWAYS:  # some of a profile that does not run are still known
            gone = next((other for other, gateway in gateways.items() if gateway.absent is not None), None)
            if gone is None:
                return
            del gateways[gone]
        gateways[key] = _Gateway(settings)
        self._changes.note("gateway_added", _named(key), "", settings.proxy)

    def _look_for_absent(self, listed: dict[_Key, _Settings], asked: float) -> None:
        gateways = self._gateways or {}
        for key, gateway in [item for item in gateways.items() if item[0] not in listed]:
            gateway.absent = gateway.absent or self._absence()
            if self._confirmed(gateway.absent, asked) and self._ran_without(key, gateway.absent, listed):
                del gateways[key]
                self._changes.note(
                    "gateway_deleted", _named(key), gateway.settings.proxy, at=gateway.absent.epoch
                )

    def _ran_without(self, key: _Key, absent: _Absence, listed: Iterable[_Key]) -> bool:
        """Whether a gateway's profile still ran when the gateway had been absent for long enough."""
        name = key[0]
        if self._profiles is None:  # the account may not list them
            return any(profile == name for profile, _ in listed)
        profile = self._profiles.get(name)
        asked_in_time = self._profiles_asked >= absent.since + ABSENT_GRACE
        return asked_in_time and profile is not None and profile.absent is None

    # -- absences -------------------------------------------------------------------------------------------

    def _absence(self) -> _Absence:
        return _Absence(self._clock.monotonic(), self._clock.epoch())

    def _confirmed(self, absent: _Absence, asked: float) -> bool:
        """Whether it lasts; if a list that was asked for at that time cannot say, a later one is wanted."""
        confirmed = asked >= absent.since + ABSENT_GRACE
        if not confirmed:
            self._confirm_at = min(self._confirm_at, absent.since + ABSENT_GRACE)
        return confirmed


def _named(key: _Key) -> str:
    return "::".join(key)


def _settings(status: GatewayStatus) -> _Settings:
    return _Settings(status.proxy, status.realm, status.contact, status.ping_interval, status.username)


def _differing(before: _Settings, after: _Settings) -> tuple[str, str]:
    """The settings that differ, as they were and as they are."""
    old, new = [], []
    for word, was, now in (
        ("proxy", before.proxy, after.proxy),
        ("realm", before.realm, after.realm),
        ("contact", before.contact, after.contact),
        ("ping", before.ping_interval, after.ping_interval),
    ):
        if was != now:
            old.append(f"{word} {was}")
            new.append(f"{word} {now}")
    if before.username != after.username:
        new.append("another user name")
    return ", ".join(old), ", ".join(new)
