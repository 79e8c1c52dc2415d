"""Outages that followed each other, shown as one line: "14 times between 03:12 and 03:20".

Outages of one gateway (or one switch) that are over belong together while less than APART seconds lie between
them, from three on. An outage that lasts is shown by itself.
"""

from collections.abc import Iterable, Iterator
from typing import Final

from exporter.history.model import Outage

APART: Final = 600.0  # seconds between the end of one and the beginning of the next
_FEWEST: Final = 3


class Group:
    """One outage, or several that are shown together.

    Attributes:
        outages: newest first; never empty.
    """

    def __init__(self, newest: Outage) -> None:
        self.outages = [newest]

    @property
    def newest(self) -> Outage:
        """The latest of them."""
        return self.outages[0]

    @property
    def began(self) -> float:
        """When the first of them began."""
        return self.outages[-1].began

    @property
    def ended(self) -> float | None:
        """When the last of them ended; None while it lasts."""
        return self.newest.ended

    @property
    def seconds(self) -> float:
        """How long they were together."""
        return sum(outage.seconds for outage in self.outages)

    @property
    def times(self) -> int:
        """How many outages they stand for."""
        return sum(outage.times for outage in self.outages)


def groups(outages: Iterable[Outage]) -> list[Group]:
    """All of them, newest first by the beginning of the newest of each group.

    Args:
        outages: newest first by their beginning.
    """
    latest: dict[tuple[str, ...], Group] = {}
    found: list[Group] = []
    for outage in outages:
        subject = outage.layer, outage.node, outage.gateway, outage.profile
        group = latest.get(subject)
        if group is not None and outage.ended is not None and group.began - outage.ended < APART:
            group.outages.append(outage)
            continue
        group = Group(outage)
        found.append(group)
        if outage.ended is None:
            latest.pop(subject, None)
        else:
            latest[subject] = group
    return sorted(_shown(found), key=lambda group: group.newest.began, reverse=True)


def _shown(found: Iterable[Group]) -> Iterator[Group]:
    for group in found:
        if group.times >= _FEWEST:
            yield group
        else:
            yield from map(Group, group.outages)
