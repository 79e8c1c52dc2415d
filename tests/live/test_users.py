"""Telephones and strangers of a real FreeSWITCH."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.live.lab import Lab
from tests.live.telephone import Telephone
from tests.watch.watching import watching

pytestmark = pytest.mark.live

FAILURES = "freeswitch_sip_auth_failures_total"
REGISTERED = "freeswitch_subscriber_registered"


@asynccontextmanager
async def telephone(user: str, address: str = "127.0.0.1") -> AsyncIterator[Telephone]:
    """A telephone that unregisters at the end."""
    phone = await Telephone.open(user, address)
    try:
        yield phone
    finally:
        with contextlib.suppress(TimeoutError):
            await phone.register(expires=0)
        phone.close()


async def test_a_watched_telephone_comes_goes_and_is_flushed(lab: Lab) -> None:
    async with telephone("1000") as phone, watching(lab, subscribers=("1000@lab.local",)) as watch:
        await phone.register(expires=0)
        await watch.until_value(REGISTERED, 0)
        assert await phone.register() == 200
        await watch.until_value(REGISTERED, 1)
        (seen,) = watch.node.known.subscribers.watched.values()
        assert (seen.address, seen.agent) == ("127.0.0.1", "livephone/1.0")
        await phone.register(expires=0)
        await watch.until_value(REGISTERED, 0)
        assert seen.how == "unregistered"
        await phone.register()
        await watch.until_value(REGISTERED, 1)
        expired = await watch.value("freeswitch_registrations_expired_total", profile="internal")
        assert expired is not None
        await lab.cli("sofia profile internal flush_inbound_reg 1000@lab.local")
        await watch.until_value(REGISTERED, 0)
        assert seen.how == "expired"
        await watch.until_value("freeswitch_registrations_expired_total", expired + 1, profile="internal")


async def test_a_telephone_that_started_again_is_followed(lab: Lab) -> None:
    async with telephone("1000") as phone, watching(lab, subscribers=("1000@lab.local",)) as watch:
        await watch.until(lambda node: node.known.subscribers.known)
        for _ in range(2):
            assert await phone.register() == 200
            await watch.until_value(REGISTERED, 1)
            phone.start_again()  # FreeSWITCH has one row of a user, and says nothing when it replaces it
            assert await phone.register() == 200
            await phone.register(expires=0)
            await watch.until_value(REGISTERED, 0, seconds=10)


async def test_wrong_passwords_are_counted_and_the_right_one_after_them_is_noticed(lab: Lab) -> None:
    async with telephone("1001", "127.0.0.7") as stranger, watching(lab) as watch:
        await watch.until_value(FAILURES, 0, profile="internal", method="REGISTER")
        for _ in range(25):
            assert await stranger.register("wrong") == 403
        await watch.until_value(FAILURES, 25, profile="internal", method="REGISTER")
        assert watch.node.known.strangers.seen(1).addresses == (("127.0.0.7", 25),)
        assert await stranger.register() == 200
        await watch.until_value("freeswitch_sip_successes_after_failures_total", 1, profile="internal")


async def test_an_office_with_one_old_password_is_not_suspected_after_a_start(lab: Lab) -> None:
    async with telephone("1000", "127.0.0.8") as good, telephone("1001", "127.0.0.8") as old:
        assert await good.register() == 200
        async with watching(lab) as watch:
            await watch.until(lambda node: node.known.subscribers.known)
            for _ in range(25):
                assert await old.register("wrong") == 403
            await watch.until_value(FAILURES, 25, profile="internal", method="REGISTER")
            assert await good.register() == 200
            assert await old.register() == 200
            await watch.until_value("freeswitch_events_total", 2, event="sofia::register")
            assert await watch.value("freeswitch_sip_successes_after_failures_total", profile="internal") == 0


async def test_a_scan_is_no_call_and_its_session_is_not_missed(lab: Lab) -> None:
    async with watching(lab) as watch:
        scanners = [await Telephone.open(f"90{number}") for number in range(5)]
        await asyncio.gather(*(scanner.scan("900442037") for scanner in scanners))
        await watch.until_value("freeswitch_sip_scans_total", 5, profile="internal", seconds=30)
        for scanner in scanners:
            scanner.close()
        for family in ("calls_started", "calls_learned"):
            assert await watch.value(f"freeswitch_{family}_total") == 0
        assert await watch.value("freeswitch_call_hangups_total") is None
        assert await watch.value("freeswitch_calls_unaccounted_total") == 0
