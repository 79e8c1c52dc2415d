"""Slots in turns: one party after the other, whatever each asks for."""

import asyncio
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exporter.web.fair import FairSlots, Full, party


@pytest.mark.parametrize(
    ("host", "of"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        (None, ""),
        ("", ""),
        ("no address", "no address"),
    ],
)
def test_the_party_of_an_address(host: str | None, of: str) -> None:
    assert party(host) == of


class Work:
    """Slots, and the order in which they were given; each is kept until `go_on`."""

    def __init__(self, slots: FairSlots) -> None:
        self.slots = slots
        self.served: list[str] = []
        self.steps = asyncio.Semaphore(0)

    async def take(self, of: str) -> str:
        async with self.slots.slot(of):
            self.served.append(of)
            await self.steps.acquire()
        return of

    async def ask(self, *parties: str) -> list[asyncio.Task[str]]:
        tasks = [asyncio.create_task(self.take(of)) for of in parties]
        await settle()
        return tasks

    async def go_on(self, count: int = 1) -> None:
        for _ in range(count):
            self.steps.release()
            await settle()


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def slots(count: int = 1, per_party: int = 1, waiting: int = 100, waiting_per_party: int = 100) -> FairSlots:
    return FairSlots(count, per_party=per_party, waiting=waiting, waiting_per_party=waiting_per_party)


async def test_parties_have_their_turns() -> None:
    work = Work(slots())
    tasks = await work.ask(*"aaaaab", "c", "b")
    await work.go_on(8)
    assert work.served == list("aabcabaa")
    assert all(task.done() for task in tasks)


async def test_one_party_has_no_more_than_its_share() -> None:
    work = Work(slots(3, per_party=2))
    await work.ask(*"aaaa")
    assert work.served == ["a", "a"]
    await work.ask("b")
    assert work.served == ["a", "a", "b"], "a third slot is left for others"
    await work.go_on(5)
    assert work.served == ["a", "a", "b", "a", "a"]
    assert work.slots.waiting == 0


async def test_beyond_its_share_of_the_queue_a_party_is_refused() -> None:
    work = Work(slots(waiting_per_party=2))
    tasks = await work.ask(*"aaaa")
    with pytest.raises(Full):
        await tasks[3]
    await work.ask("b")
    await work.go_on(4)
    assert work.served == list("aaba")


async def test_in_a_full_queue_the_newest_of_the_greediest_gives_way() -> None:
    work = Work(slots(waiting=3))
    tasks = await work.ask(*"aaaab")
    with pytest.raises(Full):
        await tasks[3]
    refused = await work.ask("a")
    with pytest.raises(Full):
        await refused[0]
    await work.go_on(4)
    assert Counter(work.served) == {"a": 3, "b": 1}


async def test_who_leaves_the_queue_takes_no_turn() -> None:
    work = Work(slots())
    tasks = await work.ask(*"aab")
    tasks[1].cancel()
    await settle()
    assert work.slots.waiting == 1
    await work.go_on(2)
    assert work.served == ["a", "b"]


async def test_a_slot_that_comes_to_one_who_leaves_goes_on_to_the_next() -> None:
    work = Work(slots())
    async with work.slots.slot("a"):
        [leaving, _] = await work.ask("b", "c")
    leaving.cancel()  # the slot is b's now, and b does not know it yet
    await settle()
    assert leaving.cancelled()
    assert work.served == ["c"]
    await work.go_on(1)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["ask", "leave", "go on"])), max_size=40))
def test_no_slot_is_lost(steps: list[tuple[str, str]]) -> None:
    """Any order of asking, leaving and going on: afterwards all slots are free."""

    async def run() -> None:
        fair = slots(2, per_party=1, waiting=4, waiting_per_party=3)
        work = Work(fair)
        tasks: list[asyncio.Task[str]] = []
        for of, step in steps:
            if step == "ask":
                tasks.append(asyncio.create_task(work.take(of)))
            elif step == "leave" and tasks:
                tasks[len(tasks) // 2].cancel()
            else:
                work.steps.release()
            await asyncio.sleep(0)
        for _ in tasks:
            work.steps.release()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert fair.waiting == 0
        again = await work.ask("a", "b")
        assert work.served[-2:] == ["a", "b"], "both slots are free"
        await work.go_on(2)
        await asyncio.gather(*again)

    asyncio.run(run())
