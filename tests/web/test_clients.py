"""How many connections are kept, and whose give way."""

from exporter.web.clients import Client, Clients


class Kept:
    """Clients by name, in the order in which they were ended."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self.clients = Clients(most, most_of_one)
        self.ended: list[str] = []

    def admit(self, name: str, host: str) -> Client | None:
        return self.clients.admit(host, lambda: self.ended.append(name))


def test_one_address_has_no_more_than_its_share() -> None:
    kept = Kept(10, 2)
    first = kept.admit("1", "192.0.2.1")
    assert first is not None
    assert kept.admit("2", "192.0.2.1")
    assert kept.admit("3", "192.0.2.1") is None
    assert kept.admit("4", "192.0.2.2")
    first.leave()
    first.leave()
    assert len(kept.clients) == 2
    assert kept.admit("5", "192.0.2.1")
    assert kept.ended == []


def test_a_network_of_ipv6_is_one_address() -> None:
    kept = Kept(10, 2)
    assert kept.admit("1", "2001:db8::1")
    assert kept.admit("2", "2001:db8::2")
    assert kept.admit("3", "2001:db8::3") is None
    assert kept.admit("4", "2001:db8:0:1::3")


def test_when_all_places_are_taken_the_oldest_of_the_greediest_gives_way() -> None:
    kept = Kept(4, 3)
    for name, host in (("1", "192.0.2.1"), ("2", "192.0.2.2"), ("3", "192.0.2.1"), ("4", "192.0.2.1")):
        assert kept.admit(name, host)
    assert kept.admit("5", "192.0.2.3")
    assert kept.ended == ["1"]
    assert kept.admit("6", "192.0.2.4") is not None
    assert kept.ended == ["1", "3"]
    assert kept.admit("7", "192.0.2.5") is None, "all have one: nobody has more"
    assert kept.admit("8", "192.0.2.1") is None
    assert len(kept.clients) == 4


def test_all_are_ended() -> None:
    kept = Kept(4, 3)
    for name in "123":
        kept.admit(name, "192.0.2.1")
    kept.clients.end_all()
    assert (kept.ended, len(kept.clients)) == (["1", "2", "3"], 0)
