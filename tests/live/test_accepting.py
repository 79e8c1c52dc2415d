"""FreeSWITCH refuses calls itself: known within ten seconds, at an interval of polls that is no help."""

import time

import pytest

from exporter.config import GatewayConfig
from tests.live.lab import Lab
from tests.watch.watching import Watch, watching

pytestmark = pytest.mark.live

GATEWAYS = {"telnyx": GatewayConfig(provider="telnyx")}
WITHIN = 10.0  # seconds
BOTH = ("inbound", "outbound")


async def refuses(watch: Watch, reason: str, *directions: str) -> None:
    """It is known in time that calls in these directions are refused for that reason, and in no other."""
    began = time.monotonic()
    for direction in directions:
        await watch.until_value("freeswitch_refusal_reason", 1, direction=direction, reason=reason)
    assert time.monotonic() - began < WITHIN
    for direction in BOTH:
        accepting = await watch.value("freeswitch_accepting_calls", direction=direction)
        assert accepting == (reason == "none" or direction not in directions)


async def test_pause_limit_and_shutdown_are_told_apart(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=60.0) as watch:
        await refuses(watch, "none", *BOTH)
        await lab.cli("fsctl pause inbound")
        await refuses(watch, "paused", "inbound")
        await lab.cli("fsctl pause outbound")
        await refuses(watch, "paused", *BOTH)
        await lab.cli("fsctl resume")
        await refuses(watch, "none", *BOTH)

        limit = int((await lab.cli("fsctl max_sessions")).rpartition(" ")[2])
        await lab.dial("01", talk=90)
        try:
            await lab.cli("fsctl max_sessions 1")
            await refuses(watch, "session_limit", *BOTH)
        finally:
            await lab.cli(f"fsctl max_sessions {limit}")
        await refuses(watch, "none", *BOTH)

        # With a call up both wait for its end, and hold the connection on which they were asked.
        for how, reason in (("elegant", "none"), ("asap", "shutting_down")):
            await lab.cli(f"bgapi fsctl shutdown {how}")
            await lab.until(how, lambda: said(lab, "fsctl shutdown_check", "true"), WITHIN)
            await refuses(watch, reason, *BOTH)
            await lab.cli("fsctl shutdown cancel")
            await lab.until("cancelled", lambda: said(lab, "fsctl pause_check", "false"), WITHIN)
            await refuses(watch, "none", *BOTH)
        await lab.hang_up_all()


async def said(lab: Lab, command: str, answer: str) -> bool:
    return (await lab.cli(command)).strip() == answer
