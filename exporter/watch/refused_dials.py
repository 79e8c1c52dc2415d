"""Refused dials, counted: by cause for the metrics, and by target for people.

Labels are bounded: causes and kinds by their tables, gateways by those of the switch. Targets are strangers'
text and may be any number: MAX_TARGETS are kept, the most frequent ones, and each until it has not been
dialled for FORGET_AFTER. They are shown to people, and never become a label.
"""

from dataclasses import dataclass
from itertools import product
from typing import Final, Literal, NamedTuple

from exporter.clock import Clock
from exporter.switch.dial_target import DialTarget

RefusedKind = Literal["gateway", "user", "profile", "endpoint", "capacity", "other"]
Source = Literal["client", "bridge"]

SOURCES: Final[tuple[Source, ...]] = ("client", "bridge")
MAX_TARGETS: Final = 200
FORGET_AFTER: Final = 3600.0  # seconds

_ALWAYS_THERE: Final[tuple[tuple[str, RefusedKind, str], ...]] = (
    ("INVALID_GATEWAY", "gateway", "other"),
    ("INVALID_URL", "gateway", "other"),
    ("USER_NOT_REGISTERED", "user", ""),
    ("SUBSCRIBER_ABSENT", "user", ""),
    ("INVALID_PROFILE", "profile", ""),
    ("CHAN_NOT_IMPLEMENTED", "endpoint", ""),
    ("DESTINATION_OUT_OF_ORDER", "capacity", ""),
)


class RefusedKey(NamedTuple):
    """The labels of one counter."""

    cause: str
    kind: RefusedKind
    gateway: str
    source: Source


@dataclass(slots=True)
class RefusedTarget:
    """One target that was dialled in vain.

    Attributes:
        name: of gateway, user, profile or endpoint; empty where it may not be shown or is not known.
        count: dials, since `first`.
        first, last: epoch seconds.
        number: the last number dialled there, its last digits hidden.
    """

    cause: str
    kind: RefusedKind
    name: str
    count: int
    first: float
    last: float
    number: str


class RefusedDials:
    """The refused dials of one node.

    Attributes:
        counts: dials by labels.
    """

    def __init__(self, clock: Clock) -> None:
        self.counts: dict[RefusedKey, int] = {
            RefusedKey(cause, kind, gateway, source): 0
            for (cause, kind, gateway), source in product(_ALWAYS_THERE, SOURCES)
        }
        self._clock = clock
        self._targets: dict[tuple[str, str, str], RefusedTarget] = {}

    def count(self, key: RefusedKey, target: DialTarget) -> None:
        """One more refused dial."""
        self.counts[key] = self.counts.get(key, 0) + 1
        now = self._clock.epoch()
        name = target.profile if key.kind == "profile" else target.name if target.kind == key.kind else ""
        known = (key.cause, key.kind, name)
        entry = self._targets.get(known)
        if entry is not None and now - entry.last <= FORGET_AFTER:
            entry.count += 1
            entry.last = now
            entry.number = target.number
            return
        if entry is None and len(self._targets) >= MAX_TARGETS:
            self._give_up_one(now)
        self._targets[known] = RefusedTarget(key.cause, key.kind, name, 1, now, now, target.number)

    def forget_gateway(self, name: str) -> None:
        """A gateway is gone: its label is not written any more."""
        for key in [key for key in self.counts if key.gateway == name]:
            del self.counts[key]

    def targets(self, seconds: float) -> list[RefusedTarget]:
        """The targets dialled in vain within the last `seconds`, the most frequent first."""
        since = self._clock.epoch() - min(seconds, FORGET_AFTER)
        recent = [target for target in self._targets.values() if target.last >= since]
        return sorted(recent, key=lambda target: -target.count)

    def _give_up_one(self, now: float) -> None:
        """Make room: the one that is forgotten anyway, else the least frequent, of equals the oldest."""
        least = min(
            self._targets,
            key=lambda known: (
                now - self._targets[known].last <= FORGET_AFTER,
                self._targets[known].count,
                self._targets[known].last,
            ),
        )
        del self._targets[least]
