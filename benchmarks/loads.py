"""Steady loads on the lab of the live tests: calls, calls that stay up, wrong passwords, refused dials.

Commands go through a client of the event socket of their own, so that they cost FreeSWITCH the same with and
without an exporter. Each load counts what it did, and FreeSWITCH's CPU is given for each of these.
"""

import asyncio
import itertools
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from exporter.esl import Connection
from tests.live.lab import PROVIDER_PREFIX, TELNYX, Lab
from tests.live.telephone import DOMAIN, Telephone
from tests.support.no_look_up import no_look_up

PASSWORD: Final = "ClueCon"  # noqa: S105 - the lab's
SESSIONS_PER_SECOND: Final = 300  # meanwhile, on both switches; the lab has 30
USUAL_SESSIONS_PER_SECOND: Final = 30

CALLS: Final = 40  # a second: each fourth is answered and ends after 2 s, the others are busy
STANDING: Final = 100  # calls that stay up and receive a tone
ATTEMPTS: Final = 100  # a second, each a REGISTER, its challenge, and a wrong password
GUESSERS: Final = 25
DIALS: Final = 50  # a second, by api and bgapi in turn
REFUSED: Final = (
    f"sofia/gateway/telnxy/{PROVIDER_PREFIX}01",
    f"user/1001@{DOMAIN}",
    f"sofia/gateway/noreg/{PROVIDER_PREFIX}01",
)
_LATE: Final = 5.0  # seconds


@dataclass
class Done:
    """How many calls, attempts or dials a load made so far."""

    count: float = 0.0


@asynccontextmanager
async def quiet(_lab: Lab, _done: Done) -> AsyncIterator[None]:
    """Nothing but the gateways' own registrations and pings."""
    yield


@asynccontextmanager
async def calls(lab: Lab, done: Done) -> AsyncIterator[None]:
    """Calls through the gateway that the provider answers, or refuses as busy."""
    async with _client(lab) as client:
        numbers = itertools.cycle(("09", "02", "02", "02"))

        async def call() -> None:
            dial = f"originate {{ignore_early_media=true}}sofia/gateway/{TELNYX}/{PROVIDER_PREFIX}"
            await client.bgapi(f"{dial}{next(numbers)} &park", str(uuid.uuid4()))

        async with _paced(CALLS, call, done):
            yield


@asynccontextmanager
async def standing(lab: Lab, _done: Done) -> AsyncIterator[None]:
    """Calls that are up, with audio from the far end."""
    async with _client(lab) as client:
        for _ in range(STANDING):
            await client.bgapi(
                f"originate {{ignore_early_media=true}}sofia/gateway/{TELNYX}/{PROVIDER_PREFIX}10 &park",
                str(uuid.uuid4()),
            )

        async def all_up() -> bool:
            return await lab.channels() == STANDING

        await lab.until("the calls are up", all_up, 30)
        try:
            yield
        finally:
            await lab.hang_up_all()


@asynccontextmanager
async def wrong_passwords(_lab: Lab, done: Done) -> AsyncIterator[None]:
    """Guesses from GUESSERS addresses."""

    async def guess(number: int) -> None:
        began, tries = time.monotonic(), 0
        phone = await Telephone.open("1001", f"127.0.1.{number}")
        while True:
            try:
                assert await phone.register("guessed") == 403
            except TimeoutError:  # FreeSWITCH has not answered; a late answer must not be taken for the next
                phone.close()
                phone = await Telephone.open("1001", f"127.0.1.{number}")
            done.count += 1
            tries += 1
            await asyncio.sleep(max(0.0, began + tries * GUESSERS / ATTEMPTS - time.monotonic()))

    async with _running(*(guess(number) for number in range(1, GUESSERS + 1))):
        yield


@asynccontextmanager
async def refused_dials(lab: Lab, done: Done) -> AsyncIterator[None]:
    """Dials by api and bgapi that never become a leg."""
    async with _client(lab) as client:
        turns = itertools.cycle(itertools.product(REFUSED, (True, False)))

        async def dial() -> None:
            target, job = next(turns)
            if job:
                await client.bgapi(f"originate {target} &park", str(uuid.uuid4()))
            else:
                assert (await client.api(f"originate {target} &park")).startswith("-ERR")

        async with _paced(DIALS, dial, done):
            yield


@asynccontextmanager
async def faster(lab: Lab) -> AsyncIterator[None]:
    """Both switches take the loads' sessions."""
    for cli in (lab.cli, lab.trunk_cli):
        await cli(f"fsctl sps {SESSIONS_PER_SECOND}")
    try:
        yield
    finally:
        for cli in (lab.cli, lab.trunk_cli):
            await cli(f"fsctl sps {USUAL_SESSIONS_PER_SECOND}")


@asynccontextmanager
async def _client(lab: Lab) -> AsyncIterator[Connection]:
    connection = await Connection.open(lab.host, lab.port, password=PASSWORD, look_up=no_look_up)
    try:
        yield connection
    finally:
        await connection.command("exit")


@asynccontextmanager
async def _paced(rate: float, act: Callable[[], Awaitable[None]], done: Done) -> AsyncIterator[None]:
    """Act `rate` times a second, one after the other, while the block runs."""

    async def keep_acting() -> None:
        began = time.monotonic()
        for number in itertools.count(1):
            await act()
            done.count += 1
            due = began + number / rate
            if (late := time.monotonic() - due) > _LATE:  # what was not done is not made up for
                began += late
            await asyncio.sleep(max(0.0, -late))

    async with _running(keep_acting()):
        yield


@asynccontextmanager
async def _running(*works: Awaitable[None]) -> AsyncIterator[None]:
    """Endless works, while the block runs; what one of them raises is raised behind it."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        yield
    finally:
        failed = [task for task in tasks if task.done()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for task in failed:
            task.result()
