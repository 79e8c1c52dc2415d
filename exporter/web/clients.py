"""Which connections are kept: so many in all, and so many of one address, whoever they are.

A connection counts from the moment it is accepted, before TLS and before its first byte. When all places are
taken, the oldest connection of the address that has the most of them gives way to an address that has fewer.
So a client that keeps to a few connections is always let in.
"""

from collections.abc import Callable

from exporter.web.fair import party


class Client:
    """One accepted connection.

    Args:
        clients: those among which it counts.
        of: its party (`exporter.web.fair.party`).
        end: ends it at once.

    Attributes:
        party: as given.
        end: as given; whoever serves the connection next puts its own in place.
    """

    __slots__ = ("_clients", "end", "party")

    def __init__(self, clients: "Clients", of: str, end: Callable[[], object]) -> None:
        self._clients = clients
        self.party = of
        self.end = end

    def leave(self) -> None:
        """Count it no more. A second call does nothing."""
        self._clients.remove(self)


class Clients:
    """The accepted connections, by party.

    Args:
        most: how many there may be.
        most_of_one: how many one party may have.

    Attributes:
        most: as given.
    """

    def __init__(self, most: int, most_of_one: int) -> None:
        self.most = most
        self._most_of_one = most_of_one
        self._parties: dict[str, dict[Client, None]] = {}
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def admit(self, host: str, end: Callable[[], object]) -> Client | None:
        """Count one more connection; None if it must be refused.

        Args:
            host: the IP address of the client.
            end: ends the connection at once.
        """
        of = party(host)
        own = len(self._parties.get(of, ()))
        if own >= self._most_of_one:
            return None
        if self._count >= self.most and not self._displace(own):
            return None
        client = Client(self, of, end)
        self._parties.setdefault(of, {})[client] = None
        self._count += 1
        return client

    def remove(self, client: Client) -> None:
        """Count it no more; nothing if it is not counted."""
        own = self._parties.get(client.party, {})
        if client in own:
            del own[client]
            self._count -= 1
            if not own:
                del self._parties[client.party]

    def end_all(self) -> None:
        """End every connection."""
        for own in list(self._parties.values()):
            for client in list(own):
                self._end(client)

    def _displace(self, own: int) -> bool:
        """End the oldest connection of the party with the most, if that has more than `own` and one."""
        most = max(self._parties.values(), key=len)
        if len(most) <= own + 1:
            return False
        self._end(next(iter(most)))
        return True

    def _end(self, client: Client) -> None:
        self.remove(client)
        client.end()
