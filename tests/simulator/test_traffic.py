"""Background traffic: every call that began has ended, and the events say so."""

from exporter.clock import Clock
from exporter.simulator import SimulatedSwitch
from exporter.simulator.traffic import Traffic
from tests.simulator.wire import Wire


async def test_every_call_that_begins_ends_and_has_its_events_once(clock: Clock) -> None:
    async with SimulatedSwitch(
        clock=clock, tick=0.02, speed=60, heartbeat=600, max_sps=10_000, seed=5
    ) as switch:
        await switch.gateway_reaches("telnyx", "REGED")
        wire = await Wire.open(switch.port)
        await wire.reply("event plain CHANNEL_CREATE CHANNEL_HANGUP_COMPLETE CHANNEL_DESTROY")
        traffic = Traffic(switch, 1.0)
        for _ in range(150):
            traffic.one_call()
        await switch.until(lambda: not switch.legs, 20)
        await wire.api("status")
        seen = wire.events()

    def uuids(name: str) -> list[str]:
        return [event.get("Unique-ID") for event in seen if event.name == name]

    assert len(uuids("CHANNEL_CREATE")) == switch.load.since_startup >= 150
    assert sorted(uuids("CHANNEL_CREATE")) == sorted(uuids("CHANNEL_HANGUP_COMPLETE"))
    assert sorted(uuids("CHANNEL_DESTROY")) == sorted(uuids("CHANNEL_CREATE"))
    ends = [event for event in seen if event.name == "CHANNEL_HANGUP_COMPLETE"]
    causes = {event.get("Hangup-Cause") for event in ends}
    assert causes >= {"NORMAL_CLEARING", "USER_BUSY", "NO_ANSWER", "CALL_REJECTED"}
    phrases = " ".join(event.get("variable_sip_invite_failure_phrase") for event in ends)
    assert " D1" in phrases
    codecs = {event.get("variable_read_codec") for event in ends}
    assert codecs >= {"PCMU", "PCMA", "G722"}
    assert any(event.get("variable_rtp_audio_in_packet_count") == "0" for event in ends)
    assert any(int(event.get("variable_rtp_audio_in_packet_count") or 0) > 100 for event in ends)
    for event in ends:
        created, ended = (int(event.get(f"Caller-Channel-{n}-Time")) for n in ("Created", "Hangup"))
        assert int(event.get("variable_uduration")) == ended - created
