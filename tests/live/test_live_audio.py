"""Running calls of a real FreeSWITCH: their audio dies, they are on hold, and the far end comes back."""

import asyncio
import json
from typing import Final

import pytest

from exporter.config import LiveQualityConfig
from tests.live.lab import OUTBOUND, PROVIDER_PREFIX, TALK, Lab
from tests.watch.watching import Watch, watching

pytestmark = pytest.mark.live

SILENT: Final = "freeswitch_live_calls_silent"
SAMPLED: Final = "freeswitch_live_calls_sampled"
LOSS: Final = "freeswitch_live_call_packet_loss_ratio"
ON: Final = LiveQualityConfig(every=5.0, calls=100)
DIED_WITHIN: Final = 20.0  # seconds


async def talk(lab: Lab, count: int) -> None:
    """So many calls through telnyx whose far end returns what it hears."""
    variables = "{ignore_early_media=true,send_silence_when_idle=-1}"
    script = TALK.format(milliseconds=600_000)
    for _ in range(count):
        reply = await lab.cli(f"originate {variables}sofia/gateway/telnyx/{PROVIDER_PREFIX}01 {script}")
        assert reply.startswith("+OK"), reply


async def far_ends(lab: Lab) -> list[str]:
    """The UUIDs of the calls at the provider, the latest last."""
    rows = json.loads(await lab.trunk_cli("show channels as json")).get("rows", [])
    return [row["uuid"] for row in rows]


async def figures(watch: Watch) -> tuple[float | None, float | None]:
    return await watch.value(SAMPLED, **OUTBOUND), await watch.value(SILENT, **OUTBOUND)


async def test_calls_whose_provider_falls_silent(lab: Lab) -> None:
    async with watching(lab, host=lab.host, poll_interval=2.0, live_quality=ON) as watch:
        await talk(lab, 4)
        await watch.until_value(SAMPLED, 4, **OUTBOUND, seconds=30)
        assert (await figures(watch))[1] == 0
        assert await watch.value(LOSS + "_count", **OUTBOUND)
        assert await watch.value(LOSS + "_sum", **OUTBOUND) == pytest.approx(0, abs=0.05)
        await lab.run("trunk-freeze")
        try:
            began = asyncio.get_running_loop().time()
            await watch.until_value(SILENT, 4, **OUTBOUND, seconds=DIED_WITHIN)
            print(f"silent after {asyncio.get_running_loop().time() - began:.1f} s")
        finally:
            await lab.run("trunk-thaw")
        await watch.until_value(SILENT, 0, **OUTBOUND, seconds=30)
        assert await watch.value("freeswitch_optional_answers_ok", command="media_stats") == 1
        assert watch.node.attempts == {"connected": 1}


async def test_a_far_end_that_goes_mute_and_one_that_holds(lab: Lab) -> None:
    async with watching(lab, host=lab.host, poll_interval=2.0, live_quality=ON) as watch:
        await talk(lab, 3)
        await watch.until_value(SAMPLED, 3, **OUTBOUND, seconds=30)
        mute, holding, _ = await far_ends(lab)
        await lab.trunk_cli(f"uuid_transfer {mute} park inline")  # it listens and says nothing
        await lab.trunk_cli(f"uuid_hold {holding}")
        await watch.until_value(SILENT, 1, **OUTBOUND, seconds=DIED_WITHIN)
        await watch.until_value(SAMPLED, 2, **OUTBOUND, seconds=15)  # that on hold is left out
        assert (await figures(watch))[1] == 1
        await lab.trunk_cli(f"uuid_hold off {holding}")
        await watch.until_value(SAMPLED, 3, **OUTBOUND, seconds=30)
        assert (await figures(watch))[1] == 1


async def test_a_call_whose_audio_leaves_freeswitch_is_not_silent(lab: Lab) -> None:
    async with watching(lab, host=lab.host, poll_interval=2.0, live_quality=ON) as watch:
        bridge = f"&bridge(sofia/gateway/telnyx/{PROVIDER_PREFIX}01)"
        reply = await lab.cli(
            f"originate {{ignore_early_media=true}}sofia/gateway/backup/{PROVIDER_PREFIX}10 {bridge}"
        )
        assert reply.startswith("+OK"), reply
        await watch.until_value(SAMPLED, 1, **OUTBOUND, seconds=30)
        await lab.cli(f"uuid_media off {reply.split()[1]}")
        await watch.until_value(SAMPLED, 0, **OUTBOUND, seconds=DIED_WITHIN)
        assert await watch.value(SILENT) == 0


async def test_calls_that_were_up_before(lab: Lab) -> None:
    await talk(lab, 2)
    async with watching(lab, host=lab.host, poll_interval=2.0, live_quality=ON) as watch:
        await watch.until_value(SAMPLED, 2, **OUTBOUND, seconds=30)
        for far_end in await far_ends(lab):
            await lab.trunk_cli(f"uuid_transfer {far_end} park inline")
        await watch.until_value(SILENT, 2, **OUTBOUND, seconds=DIED_WITHIN)
