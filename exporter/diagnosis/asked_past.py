"""What the running daemon knows of a node's past, asked over HTTP by the command `doctor`.

`GET /api/history` of the last DAYS has it, and `Past`s are made of the answer, as the daemon itself has them.

"Up since" claims no more than was watched: it is the end of the last outage, or else the beginning of the
present watched span, or of the gateway in it.
"""

from collections.abc import Sequence
from typing import Final
from urllib.parse import quote

import msgspec

from exporter.config import Config
from exporter.diagnosis import asked
from exporter.executors import Executor
from exporter.history.answers import HistoryAnswer
from exporter.history.model import CHANGES_BEFORE, Outage
from exporter.history.past import Past
from exporter.history.times import epoch
from exporter.watch.changes import Change

DAYS: Final = 7
ROWS: Final = 500
_DAY: Final = 86400.0


class AskedPast:
    """The past of one node, as the daemon answered it.

    Args:
        answer: about that node alone.
        node: its name.
        now: epoch seconds.
    """

    def __init__(self, answer: HistoryAnswer, node: str, now: float) -> None:
        self._now = now
        self._outages = [outage.kept() for outage in answer.outages if outage.node == node]
        self._changes = [change.kept() for change in answer.changes]
        self._counts = answer.next is None or answer.next <= now - _DAY  # the last 24 hours are complete
        spans = [span for span in answer.watched if span.node == node]
        self._watched = epoch(spans[-1].from_) if spans else None

    def switch(self) -> Past:
        """Of the switch itself."""
        own = [outage for outage in self._outages if outage.layer == "switch"]
        return self._past(own, self._watched)

    def gateway(self, name: str, profile: str) -> Past:
        """Of a gateway; one of both profiles may not be known."""
        own = [
            outage
            for outage in self._outages
            if outage.layer == "gateway" and outage.gateway == name and _fits(outage.profile, profile)
        ]
        added = [
            change.at
            for change in self._changes
            if change.what == "gateway_added" and change.subject.rpartition("::")[2] == name
        ]
        return self._past(own, max([self._watched, *added]) if self._watched is not None else None)

    def _past(self, outages: Sequence[Outage], first_look: float | None) -> Past:
        """Of these outages, newest first."""
        lasts = next((outage for outage in outages if outage.ended is None), None)
        last = max(
            (outage for outage in outages if outage.ended is not None),
            key=lambda outage: outage.ended or 0.0,
            default=None,
        )
        well_since = last.ended if last is not None else first_look
        return Past(
            outage=lasts,
            well_since=well_since if lasts is None else None,
            last=last,
            today=self._begun_since(outages, self._now // _DAY * _DAY),
            day=self._begun_since(outages, self._now - _DAY),
            changes=lasts.changes_before if lasts is not None else tuple(self._recent()),
        )

    def _begun_since(self, outages: Sequence[Outage], moment: float) -> int:
        return sum(outage.times for outage in outages if outage.began >= moment) if self._counts else 0

    def _recent(self) -> list[Change]:
        return [change for change in self._changes if change.at >= self._now - CHANGES_BEFORE]


async def ask(config: Config, node: str, now: float, executor: Executor) -> AskedPast:
    """The past of a node, from the daemon of this config; takes asked.SECONDS at most.

    Args:
        config: says where the daemon listens, its token and certificate.
        node: its name.
        now: epoch seconds.
        executor: for the request.

    Raises:
        NotAsked: there is no answer.
    """

    def read(answer: bytes) -> AskedPast:
        return AskedPast(msgspec.json.decode(answer, type=HistoryAnswer), node, now)

    path = f"/api/history?since={DAYS}d&limit={ROWS}&node={quote(node, safe='')}"
    return await asked.ask(config, path, read, executor)


def _fits(one: str, other: str) -> bool:
    return one == other or not one or not other
