"""What the running daemon knows of a node's past, asked over HTTP by the command `doctor`.

The doctor is a process of its own and sees the present only. The daemon of the same config, on this machine,
keeps what was: `GET /api/history` of the last DAYS has it, and `Past`s are made of the answer, as the daemon
itself has them. Nothing depends on it: a daemon that does not run, refuses, or takes longer than SECONDS
costs the doctor only these sentences, and `NotAsked` says why.

Nobody has ordered this question, so the token, with which calls can be placed, goes only to who proves by TLS
to be the exporter of the config: while that does not run, any program may listen on its port.

"Up since" claims no more than was watched: it is the end of the last outage, or else the beginning of the
present watched span, or of the gateway in it.
"""

import asyncio
from collections.abc import Sequence
from typing import Final
from urllib.parse import quote, urlsplit

import msgspec

from exporter import client
from exporter.config import Config, is_loopback
from exporter.executors import Executor, QueueFull
from exporter.history.answers import HistoryAnswer
from exporter.history.model import CHANGES_BEFORE, Outage
from exporter.history.past import Past
from exporter.history.times import epoch
from exporter.watch.changes import Change

SECONDS: Final = 1.5
DAYS: Final = 7
ROWS: Final = 500
_DAY: Final = 86400.0


class NotAsked(Exception):
    """The daemon's history is not known; the message is the reason, in one printable line."""


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
    """The past of a node, from the daemon of this config; takes SECONDS at most.

    Args:
        config: says where the daemon listens, its token and certificate.
        node: its name.
        now: epoch seconds.
        executor: for the request.

    Raises:
        NotAsked: there is no answer.
    """
    try:
        async with asyncio.timeout(SECONDS):
            return await executor.run(_ask, config, node, now)
    except TimeoutError:
        raise NotAsked(f"{client.default_url(config)} does not answer within {SECONDS:g} s") from None
    except QueueFull:
        raise NotAsked("other questions to the running exporter take too long") from None


def _ask(config: Config, node: str, now: float) -> AskedPast:
    try:
        url = client.default_url(config)
        if not is_loopback(urlsplit(url).hostname or ""):
            raise NotAsked(f"{url} is not an address of this machine alone")
        path = f"/api/history?since={DAYS}d&limit={ROWS}&node={quote(node, safe='')}"
        if config.web is None or config.web.tls is None:
            config = msgspec.structs.replace(config, token=None)
        answer = msgspec.json.decode(client.get(config, url, path, seconds=SECONDS), type=HistoryAnswer)
        return AskedPast(answer, node, now)
    except client.NoAnswer as error:
        raise NotAsked(error.reason) from None
    except (ValueError, RecursionError):  # no such JSON, or a time that is none
        raise NotAsked(f"{url} does not answer as an exporter does") from None


def _fits(one: str, other: str) -> bool:
    return one == other or not one or not other
