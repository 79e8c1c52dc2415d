"""The changes that came before an outage: of its switch and of the exporter, in memory."""

from collections import deque
from itertools import islice
from typing import Final

from exporter.history.entries import Subject
from exporter.history.model import CHANGES_BEFORE, MAX_CHANGES_BEFORE
from exporter.watch.changes import Change

MAX_CHANGES: Final = 200  # in memory


class RecentChanges:
    """The latest changes of a switch.

    Args:
        exporter: those of the exporter, which count for every switch; None for the exporter's own.
    """

    def __init__(self, exporter: "RecentChanges | None" = None) -> None:
        self._noted: deque[tuple[float, Change]] = deque(maxlen=MAX_CHANGES)
        self._exporter = exporter

    def note(self, change: Change, now: float, epoch: float) -> None:
        """A change that was noticed now (monotonic and epoch seconds), a little after it was made."""
        self._noted.append((now - max(epoch - change.at, 0.0), change))

    def before(self, now: float, subject: Subject) -> tuple[Change, ...]:
        """Those of the last CHANGES_BEFORE seconds that concern a gateway or a switch, newest first.

        Args:
            now: monotonic seconds.
            subject: whom they concern.
        """
        since = now - CHANGES_BEFORE
        noted = self.since(since) + (self._exporter.since(since) if self._exporter is not None else [])
        noted.sort(key=lambda one: one[0], reverse=True)
        found = (change for _, change in noted if concerns(change, subject))
        return tuple(islice(found, MAX_CHANGES_BEFORE))

    def since(self, moment: float) -> list[tuple[float, Change]]:
        """Those since then, with their moments (monotonic seconds)."""
        return [noted for noted in self._noted if noted[0] >= moment]


def concerns(change: Change, subject: Subject) -> bool:
    """Whether it is not a change of another gateway: a rescan may make hundreds."""
    if not subject.gateway or not change.what.startswith("gateway_"):
        return True
    profile, _, name = change.subject.rpartition("::")
    return name == subject.gateway and fits(profile, subject.profile)


def fits(one: str, other: str) -> bool:
    """Whether these may be the same profile: one of them may not be known."""
    return one == other or not one or not other
