"""The demo's switch: its gateways, its calls, and its seed."""

from exporter.clock import Clock
from exporter.simulator.demo import demo_switch
from tests.simulator.wire import Wire


async def test_the_demo_has_four_kinds_of_gateway_and_calls_within_seconds(clock: Clock) -> None:
    async with demo_switch(clock, rate=12) as switch:
        wire = await Wire.open(switch.port)
        await wire.reply("event plain CHANNEL_CREATE CHANNEL_ANSWER CHANNEL_HANGUP_COMPLETE")
        await switch.gateway_reaches("telnyx", "REGED")
        await switch.gateway_reaches("rejected", "FAIL_WAIT")
        await switch.gateway_reaches("flapping", "FAIL_WAIT")
        assert (switch.gateway("unmonitored").state, switch.gateway("unmonitored").config.ping) == (
            "NOREG",
            0,
        )

        def causes() -> set[str]:
            return {seen.get("Hangup-Cause") for seen in wire.events()} - {""}

        await wire.until(lambda: len(causes()) >= 3, 15)
        await wire.until(lambda: any(seen.name == "CHANNEL_ANSWER" for seen in wire.events()), 15)
        gateways = {seen.get("variable_sip_gateway_name") for seen in wire.events()}
        assert "telnyx" in gateways


async def test_a_seed_makes_the_same_calls_again(clock: Clock) -> None:
    async def numbers() -> list[str]:
        async with demo_switch(clock, rate=30, seed=3) as switch:
            await switch.until(lambda: len(switch.legs) >= 5, 10)
            return [leg.number for leg in list(switch.legs.values())[:3]]

    assert await numbers() == await numbers()
