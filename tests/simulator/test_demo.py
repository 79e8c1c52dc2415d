"""The demo's switch: its gateways, its calls, who dials in vain and attacks, and its seed."""

from exporter.clock import Clock
from exporter.simulator.demo import DESTINATIONS, FALLING_OFF, demo_switch
from exporter.simulator.telephones import DOMAIN
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


async def test_its_first_minutes_have_refused_dials_strangers_a_silent_call_and_a_telephone_that_falls_off(
    clock: Clock,
) -> None:
    """Ten minutes: longer than the fallen telephone stays away."""
    async with demo_switch(clock, rate=0.3) as switch:
        wire = await Wire.open(switch.port)
        customs = ("register_failure", "wrong_call_state", "register", "expire")
        subclasses = " ".join(f"sofia::{name}" for name in customs)
        await wire.reply(f"event plain BACKGROUND_JOB CHANNEL_CREATE CUSTOM {subclasses}")
        await clock.sleep(45)
        assert any(leg.muted_at for leg in switch.legs.values())
        await clock.sleep(555)
        events = wire.events()

    def seen(name: str, header: str) -> list[str]:
        return [event.get(header) for event in events if name in (event.name, event.get("Event-Subclass"))]

    fallen, _ = FALLING_OFF
    jobs = [event for event in events if event.name == "BACKGROUND_JOB"]
    refusals = {
        (job.body.strip(), job.get("Job-Command-Arg").partition("}")[2].partition("/+")[0]) for job in jobs
    }
    assert refusals >= {
        ("-ERR INVALID_GATEWAY", "sofia/gateway/telnix"),
        ("-ERR USER_NOT_REGISTERED", f"user/{fallen}@{DOMAIN} &park"),
    }
    assert set(seen("sofia::register_failure", "registration-type")) == {"REGISTER", "INVITE"}
    assert seen("sofia::wrong_call_state", "network_ip")
    assert set(seen("sofia::expire", "user")) == {fallen}
    assert seen("sofia::register", "from-user").count(fallen) >= 1
    dialled = seen("CHANNEL_CREATE", "Caller-Destination-Number")
    for destination in DESTINATIONS[:-1]:
        assert any(number.startswith(destination.beginning) for number in dialled), destination
