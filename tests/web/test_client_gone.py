"""A client that goes away before its answer: its call ends, unless others wait for it."""

import asyncio

from tests.probe.lab import probe_legs, the_record, until
from tests.probe.settings import settings
from tests.probe.web import WebLab, served

RINGS_FOR_EVER = "+15550000003"
RINGING = settings(destination=RINGS_FOR_EVER, ring_timeout=60.0)


async def asked(web: WebLab, path: str = "/probe?module=lab-echo") -> asyncio.Task[object]:
    """A request whose call is up."""
    asking: asyncio.Task[object] = asyncio.create_task(web.get(path))
    await until(lambda: bool(probe_legs(web.lab.switch)))
    return asking


async def leaves(asking: asyncio.Task[object]) -> None:
    """The client closes its connection."""
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)


async def test_a_client_that_goes_away_ends_its_call_within_3_seconds() -> None:
    async with served(RINGING, speed=1.0) as web:
        await leaves(await asked(web))
        await until(lambda: not probe_legs(web.lab.switch), 3.0)
        record = await the_record(web.lab)
        assert record.result == "aborted"
        assert "last request for the call was gone" in record.message


async def test_a_call_that_others_wait_for_goes_on_until_the_last_has_left() -> None:
    async with served(RINGING, speed=1.0) as web:
        first = await asked(web)
        others: list[asyncio.Task[object]] = [
            asyncio.create_task(web.get("/probe?module=lab-echo")) for _ in range(2)
        ]
        [run] = web.lab.runner._runs.values()
        await until(lambda: run.waiting == 3)
        await leaves(first)
        await until(lambda: run.waiting == 2)
        assert run.call.seen.interruption is None
        await leaves(others[0])
        await until(lambda: run.waiting == 1)
        assert run.call.seen.interruption is None
        await leaves(others[1])
        await until(lambda: not probe_legs(web.lab.switch), 3.0)
        assert len(web.lab.originates()) == 1


async def test_a_call_that_was_posted_goes_on_without_its_client() -> None:
    async with served(settings(), speed=5.0) as web:
        web.lab.switch.delay_replies(0.3)
        web.lab.switch.lose_events({"CHANNEL_CREATE", "CHANNEL_PROGRESS"})
        asking: asyncio.Task[object] = asyncio.create_task(
            web.post({"destinationNumber": settings().destination})
        )
        await until(lambda: bool(web.lab.runner.under_way()))
        await leaves(asking)
        assert (await the_record(web.lab)).result != "aborted"
