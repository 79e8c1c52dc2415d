"""Things that are taken once, and are looked through by kind."""

from exporter.watch.recent_things import RecentThings

ANY = float("inf")


def test_each_thing_is_taken_once() -> None:
    things: RecentThings[str] = RecentThings(10)
    for thing in ("a", "b", "a"):
        things.note(thing, 1.0)
    assert [things.take(lambda thing: ANY if thing == "a" else -1, 1.0) for _ in range(3)] == ["a", "a", None]
    assert len(things) == 1


def test_only_one_that_happened_around_that_time_is_taken() -> None:
    things: RecentThings[str] = RecentThings(10)
    for now in (1.0, 5.0, 9.0):
        things.note("a", now)
    assert things.take(lambda _: 1.0, 5.5) == "a"
    assert things.take(lambda _: 1.0, 5.5) is None
    things.forget_before(9.0)
    assert len(things) == 1
    assert things.take(lambda _: 0.0, 9.0) == "a"


def test_the_oldest_goes_first_and_what_was_taken_takes_no_other_along() -> None:
    things: RecentThings[str] = RecentThings(3)
    things.note("a", 1.0)
    assert things.take(lambda _: ANY, 1.0) == "a"
    for now in (2.0, 3.0, 4.0):
        things.note("a", now)
    assert len(things) == 3
    things.note("b", 5.0)
    things.note("b", 6.0)
    assert len(things) == 3
    assert things.take(lambda thing: 0.0 if thing == "a" else -1, 4.0) == "a"


def test_of_a_flood_only_the_kinds_are_looked_through() -> None:
    things: RecentThings[str] = RecentThings(1000)
    for number in range(1000):
        things.note("ab"[number % 2], float(number))
    looked = []

    def never(thing: str) -> float:
        looked.append(thing)
        return -1

    assert things.take(never, 500.0) is None
    assert looked == ["a", "b"]
    things.clear()
    assert len(things) == 0
