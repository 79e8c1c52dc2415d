"""What a provider adds to its answers, and Call-IDs of one's own: the simulator held to what was recorded."""

from collections.abc import AsyncIterator

import pytest

from exporter.clock import Clock
from exporter.simulator import SimulatedSwitch
from exporter.simulator.farends import refuses
from tests.simulator.test_local_failures import BACKUP, NUMBER, common, of_sip, recorded
from tests.simulator.wire import Seen, Wire

END = "CHANNEL_HANGUP_COMPLETE"


@pytest.fixture
async def lab(clock: Clock) -> AsyncIterator[SimulatedSwitch]:
    async with SimulatedSwitch([BACKUP], clock=clock, tick=0.02, speed=1000) as switch:
        await switch.gateway_reaches("backup", "NOREG")
        yield switch


def recorded_end(capture: str) -> list[str]:
    return next(names for name, names in recorded(capture, -1) if name == END)


async def end_of(lab: SimulatedSwitch, variables: str = "") -> Seen:
    """The end of a call to NUMBER."""
    wire = await Wire.open(lab.port)
    await wire.reply(f"event plain {END}")
    await wire.reply(f"bgapi originate {variables}sofia/gateway/backup/{NUMBER} &park")
    return await wire.event(lambda seen: seen.name == END)


async def test_headers_of_a_rejection(lab: SimulatedSwitch) -> None:
    names = ("X-Twilio-Error", "X-Telnyx-Error", "X-Call-ID", "P-Charge-Info")
    headers = tuple((name, "32203") for name in names)
    lab.far_ends[NUMBER] = refuses(403, "Account suspended 32203", headers=headers)
    end = await end_of(lab)
    # The recorded one sent no Reason.
    without = [name for name in common(end.names) if name != "variable_sip_reason"]
    assert of_sip(without) == of_sip(recorded_end("ev-json-evidence-403-without-reason"))
    assert end.get("variable_sip_rh_X-Twilio-Error") == "32203"


async def test_a_call_id_of_ones_own_that_got_no_answer(lab: SimulatedSwitch) -> None:
    lab.provider("backup").falls_silent()
    end = await end_of(lab, "{sip_invite_call_id=probe-abc-1,originate_timeout=3}")
    assert of_sip(common(end.names)) == of_sip(recorded_end("ev-json-evidence-own-call-id-unanswered"))
    assert end.get("variable_sip_invite_call_id") == "probe-abc-1"


async def test_a_call_id_of_ones_own_is_that_of_the_dialogue(lab: SimulatedSwitch) -> None:
    lab.far_ends[NUMBER] = refuses(486, "Busy Here")
    assert (await end_of(lab, "{sip_invite_call_id=a-b}")).get("variable_sip_call_id") == "a-b"
    own = (await end_of(lab)).get("variable_sip_call_id")
    assert own not in ("", "a-b")
