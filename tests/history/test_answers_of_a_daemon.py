"""A whole daemon and what HTTP answers after a bad day: an outage, a failed call, the availability."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from exporter.history.answers import CallsAnswer, HistoryAnswer
from exporter.history.availability import AvailabilityAnswer
from exporter.history.times import epoch
from exporter.simulator import SimulatedSwitch
from exporter.simulator.farends import FAR_ENDS, PREFIX
from tests.support.runtime import Files, Running, running
from tests.support.virtual_time import VirtualClock, virtual_time

GATEWAY = '{node="fs1",gateway="telnyx",profile="external"}'


async def asked(daemon: Running, path: str, answer: type[Any]) -> Any:
    status, text = await daemon.get(path)
    assert status == 200, text
    return msgspec.json.decode(text, type=answer)


async def answered(daemon: Running, clock: VirtualClock, path: str, answer: type[Any], rows: str) -> Any:
    """Wait until the answer has rows."""
    end = clock.monotonic() + 120
    while not getattr(found := await asked(daemon, path, answer), rows):
        assert clock.monotonic() < end
        await clock.sleep(0.5)
    return found


@pytest.mark.parametrize("numbers", ["masked", "full", "none"])
def test_a_bad_day(tmp_path: Path, numbers: str) -> None:
    async def drill(switch: SimulatedSwitch, clock: VirtualClock) -> None:
        await switch.gateway_reaches("telnyx", "REGED", 30)
        node = {
            "name": "fs1",
            "port": switch.port,
            "poll_interval": "2s",
            "gateways": {"telnyx": {"provider": "telnyx"}},
        }
        files = Files(tmp_path, {"listen": ["127.0.0.1:0"], "nodes": [node], "history": {"numbers": numbers}})
        async with running(files, clock=clock) as daemon:
            while (await daemon.samples()).get(f"freeswitch_gateway_outage{GATEWAY}") != 0:
                await clock.sleep(0.5)
            number = PREFIX + "21"
            far_end = FAR_ENDS[number]
            switch.calls.outbound("telnyx", number, far_end, caller="+19495431333", seconds=5)
            calls = await answered(daemon, clock, "/api/calls?result=failed", CallsAnswer, "calls")
            [call] = calls.calls
            assert (call.gateway, call.direction, call.sip_status) == ("telnyx", "outbound", 403)
            assert (call.provider_code, call.cause) == ("D1", "CALL_REJECTED")
            assert call.to == {"masked": "+1555000xxxx", "full": number, "none": ""}[numbers]
            status, ticket = await daemon.get("/api/calls?format=ticket")
            assert status == 200
            assert call.sip_call_id in ticket
            assert ("history: {numbers: full}" in ticket) is (numbers != "full")

            began = clock.epoch()
            switch.gateway("telnyx").ask_unregister()
            await clock.sleep(30)
            lasting = await asked(daemon, "/api/history?gateway=telnyx&kind=outage", HistoryAnswer)
            switch.gateway("telnyx").ask_register()
            while (await daemon.samples())[f"freeswitch_gateway_outage{GATEWAY}"] != 0:
                await clock.sleep(0.5)
            over = await asked(daemon, "/api/history?gateway=telnyx&kind=outage", HistoryAnswer)
            [first], [last] = lasting.outages, over.outages
            assert first.ended is None
            assert first.seconds == pytest.approx(30, abs=2)
            assert first.id == last.id
            assert epoch(last.began) == pytest.approx(began, abs=2)
            assert last.ended is not None
            samples = await daemon.samples()
            availability = await asked(daemon, "/api/availability?since=1h", AvailabilityAnswer)
            [telnyx] = [one for one in availability.gateways if one.gateway == "telnyx"]
            for figure, family in (
                (telnyx.watched_seconds, "freeswitch_gateway_watched_seconds_total"),
                (telnyx.usable_seconds, "freeswitch_gateway_usable_seconds_total"),
            ):
                assert figure == pytest.approx(samples[f"{family}{GATEWAY}"], abs=1)
            assert telnyx.outages == samples[f"freeswitch_gateway_outages_total{GATEWAY}"] == 1
            assert over.watched[0].node == "fs1"

    with virtual_time() as clock:

        async def whole() -> None:
            async with SimulatedSwitch(clock=clock) as switch:
                await drill(switch, clock)

        clock.run(whole())
