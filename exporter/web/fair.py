"""Shares scarce work among clients: whoever asks for much waits for itself, not the others.

A client is known by its network address (`party`). Behind one proxy all clients are one party.
"""

import asyncio
import ipaddress
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_IPV6_PREFIX: Final = 64  # one IPv6 host may use every address of its /64 network


def party(host: str | None) -> str:
    """The party that an IP address belongs to: an IPv4 address, or a /64 network of IPv6."""
    try:
        address = ipaddress.ip_address((host or "").partition("%")[0])
    except ValueError:
        return host or ""
    if address.version == 4:
        return str(address)
    return str(ipaddress.ip_network((address, _IPV6_PREFIX), strict=False))


class Full(Exception):
    """More waits for a slot than may wait."""


class FairSlots:
    """A number of slots. Those who wait for one get it in turn: the next one of the next party.

    When as many wait as may, the newest one of the party with the most gives way to a party with fewer.

    Args:
        slots: how many may be taken at a time.
        per_party: how many of these one party may have.
        waiting: how many may wait, of all parties together.
        waiting_per_party: how many of one party may wait.
    """

    def __init__(self, slots: int, *, per_party: int, waiting: int, waiting_per_party: int) -> None:
        self._free = slots
        self._per_party = per_party
        self._most_waiting = waiting
        self._most_waiting_per_party = waiting_per_party
        self._taken: Counter[str] = Counter()
        # Parties in the order in which they get the next slot.
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @property
    def waiting(self) -> int:
        """How many wait."""
        return sum(map(len, self._waiting.values()))

    @asynccontextmanager
    async def slot(self, of: str) -> AsyncIterator[None]:
        """Wait for a slot and keep it for the block.

        Args:
            of: the party.

        Raises:
            Full: too many wait already.
        """
        await self._take(of)
        try:
            yield
        finally:
            self._give_back(of)

    async def _take(self, of: str) -> None:
        if self._free and of not in self._waiting and self._taken[of] < self._per_party:
            self._start(of)
            return
        self._make_room(of)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(of, deque()).append(turn)
        try:
            await turn
        except BaseException:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self._give_back(of)  # the slot came, and the caller has left
            else:
                self._leave(of, turn)
            raise

    def _make_room(self, of: str) -> None:
        own = len(self._waiting.get(of, ()))
        if own >= self._most_waiting_per_party:
            raise Full
        if self.waiting < self._most_waiting:
            return
        most = max(self._waiting, key=lambda other: len(self._waiting[other]), default=of)
        if len(self._waiting.get(most, ())) <= own + 1:
            raise Full
        newest = self._waiting[most][-1]
        self._leave(most, newest)
        newest.set_exception(Full())

    def _leave(self, of: str, turn: asyncio.Future[None]) -> None:
        queue = self._waiting.get(of)
        if queue is not None and turn in queue:
            queue.remove(turn)
            if not queue:
                del self._waiting[of]

    def _start(self, of: str) -> None:
        self._free -= 1
        self._taken[of] += 1

    def _give_back(self, of: str) -> None:
        self._free += 1
        self._taken[of] -= 1
        if not self._taken[of]:
            del self._taken[of]
        self._serve()

    def _serve(self) -> None:
        """Give free slots to those who wait and may have one."""
        while self._free:
            next_ = next((of for of in self._waiting if self._taken[of] < self._per_party), None)
            if next_ is None:
                return
            turn = self._waiting[next_].popleft()
            if self._waiting[next_]:
                self._waiting.move_to_end(next_)
            else:
                del self._waiting[next_]
            if not turn.done():  # one that is done has been cancelled and not been told yet
                self._start(next_)
                turn.set_result(None)
