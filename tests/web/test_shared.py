"""Shared work: done once, given up when nobody waits for it any more."""

import asyncio

import pytest

from exporter.web.shared import Shared


class Work:
    """Work that ends when the test says so."""

    def __init__(self) -> None:
        self.begun = 0
        self.given_up = 0
        self.result: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    async def run(self) -> int:
        self.begun += 1
        try:
            return await asyncio.shield(self.result)
        except asyncio.CancelledError:
            self.given_up += 1
            raise


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_all_share_one_result() -> None:
    shared, work = Shared[str, int](), Work()
    callers = [asyncio.create_task(shared.get("a", work.run)) for _ in range(3)]
    await settle()
    work.result.set_result(7)
    assert await asyncio.gather(*callers) == [7, 7, 7]
    assert (work.begun, len(shared)) == (1, 0)


async def test_all_share_one_error_and_the_next_one_begins_anew() -> None:
    shared, work = Shared[str, int](), Work()
    callers = [asyncio.create_task(shared.get("a", work.run)) for _ in range(2)]
    await settle()
    work.result.set_exception(ValueError("x"))
    for caller in callers:
        with pytest.raises(ValueError, match="x"):
            await caller
    with pytest.raises(ValueError, match="x"):
        await shared.get("a", work.run)
    assert work.begun == 2


async def test_it_is_given_up_when_the_last_one_leaves() -> None:
    shared, work = Shared[str, int](), Work()
    first, second = (asyncio.create_task(shared.get("a", work.run)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    assert (work.given_up, len(shared)) == (0, 1)
    second.cancel()
    await settle()
    assert (work.given_up, len(shared)) == (1, 0)


async def test_after_a_seal_new_work_begins() -> None:
    shared, old, new = Shared[str, int](), Work(), Work()
    before = asyncio.create_task(shared.get("a", old.run))
    await settle()
    shared.seal("a")
    after = asyncio.create_task(shared.get("a", new.run))
    await settle()
    old.result.set_result(1)
    new.result.set_result(2)
    assert (await before, await after) == (1, 2)
    assert len(shared) == 0
