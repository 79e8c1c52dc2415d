"""Calls of a real FreeSWITCH through its provider: how each ended, compared with FreeSWITCH's own figures."""

import asyncio
import uuid
from functools import partial
from typing import Final, NamedTuple

import pytest

from exporter.config import GatewayConfig
from tests.live.lab import INBOUND, OUTBOUND, PROVIDER_PREFIX, Lab
from tests.watch.watching import Watch, watching

pytestmark = pytest.mark.live

GATEWAYS = {
    "telnyx": GatewayConfig(max_calls=10, provider="telnyx"),
    "backup": GatewayConfig(register=False),
    "noreg": GatewayConfig(),
}
HEARTBEATS: Final = 45.0  # seconds in which FreeSWITCH sends two, at one each 20 s


class End(NamedTuple):
    """How a call to a number of the lab ends; `sip` and `provider` are codes, empty for none."""

    cause: str
    answered: bool = False
    sip: str = ""
    provider: str = ""


ENDS: Final = {
    "01": End("NORMAL_CLEARING", answered=True),
    "02": End("USER_BUSY", sip="486"),
    "03": End("NO_ANSWER"),  # cancelled by FreeSWITCH: no code of the provider
    "04": End("UNALLOCATED_NUMBER", sip="404"),
    "05": End("CALL_REJECTED", sip="403"),
    "06": End("NORMAL_TEMPORARY_FAILURE", sip="503"),
    "07": End("NORMAL_CLEARING", answered=True),
    "08": End("NORMAL_CLEARING", answered=True),
    "09": End("NORMAL_CLEARING", answered=True),
    "10": End("NORMAL_CLEARING", answered=True),
    "11": End("CALL_REJECTED", sip="603"),
    "12": End("NO_USER_RESPONSE", sip="480"),
    "13": End("NORMAL_TEMPORARY_FAILURE", sip="500"),
    "14": End("CALL_REJECTED", sip="402"),
    "21": End("CALL_REJECTED", sip="403", provider="D1"),
    "22": End("UNALLOCATED_NUMBER", sip="404", provider="D19"),
    "23": End("CALL_REJECTED", sip="403", provider="D35"),
    "24": End("NORMAL_CLEARING", answered=True),
}
HEARD: Final = ("01", "08", "10", "24")  # packets arrive; 07 and 09 send none


async def by_label(watch: Watch, name: str, *names: str, **labels: str) -> dict[tuple[str, ...], float]:
    """The samples with these labels, by the values of `names`, without those that are 0."""
    series = (await watch.samples()).get(name, {})
    return {
        tuple(dict(key)[label] for label in names): value
        for key, value in series.items()
        if value and set(labels.items()) <= set(key)
    }


def tally(*keys: tuple[str, ...]) -> dict[tuple[str, ...], float]:
    """How often each key occurs."""
    return {key: float(keys.count(key)) for key in keys}


async def heartbeats(watch: Watch, count: int) -> None:
    """Wait for `count` more heartbeats."""
    wanted = watch.node.dispatcher.counts["HEARTBEAT"] + count
    await watch.until(lambda node: node.dispatcher.counts["HEARTBEAT"] >= wanted, HEARTBEATS)


async def test_every_far_end_is_counted_as_freeswitch_counts_it(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=2.0) as watch:
        await heartbeats(watch, 2)  # from here on, lost events are detected
        before = await lab.gateway("telnyx")
        sessions = await lab.sessions()
        for number in ENDS:
            await lab.dial(number, ring=4 if number == "03" else 30)
        for nowhere in ("noreg", "noreg", "nosuch"):  # dials that FreeSWITCH itself refuses
            await lab.dial("01", gateway=nowhere)
        await watch.until_value("freeswitch_calls_started_total", len(ENDS), gateway="telnyx")
        await watch.until_value("freeswitch_calls_active", 0, gateway="telnyx", seconds=30)

        assert await by_label(
            watch, "freeswitch_call_hangups_total", "cause", "answered", **OUTBOUND
        ) == tally(*((end.cause, "true" if end.answered else "false") for end in ENDS.values()))
        assert await by_label(watch, "freeswitch_call_sip_responses_total", "code", **OUTBOUND) == tally(
            *((end.sip,) for end in ENDS.values() if end.sip)
        )
        assert await by_label(
            watch, "freeswitch_call_provider_rejections_total", "provider", "code", **OUTBOUND
        ) == tally(*(("telnyx", end.provider) for end in ENDS.values() if end.provider))

        # Audio: quality only with packets, and one call without media.
        answered = sum(end.answered for end in ENDS.values())
        assert await watch.value("freeswitch_calls_answered_total", **OUTBOUND) == answered
        for name in ("answer_seconds", "duration_seconds"):
            assert await watch.value(f"freeswitch_call_{name}_count", **OUTBOUND) == answered
        assert await watch.value("freeswitch_call_mos_count", **OUTBOUND) == len(HEARD)
        assert await watch.value("freeswitch_call_jitter_seconds_count", **OUTBOUND) == len(HEARD)
        assert (await watch.value("freeswitch_call_mos_sum", **OUTBOUND) or 0) > 3.5 * len(HEARD)
        assert await watch.value("freeswitch_calls_without_media_total", gateway="telnyx") == 1

        # 24 returns to this switch; three gateways have that address, so the gateway is unknown.
        assert await watch.value("freeswitch_calls_started_total", **INBOUND) == 1
        assert await watch.value("freeswitch_calls_answered_total", **INBOUND) == 1

        # FreeSWITCH's own figures.
        after = await lab.gateway("telnyx")
        grown = {name: int(after[name]) - int(before[name]) for name in ("calls-out", "failed-calls-out")}
        assert grown == {"calls-out": len(ENDS), "failed-calls-out": len(ENDS) - answered}
        await watch.until_value("freeswitch_gateway_calls_total", len(ENDS), **OUTBOUND)
        await watch.until_value(
            "freeswitch_gateway_failed_calls_total", grown["failed-calls-out"], **OUTBOUND
        )
        refused = await watch.value("freeswitch_calls_refused_locally_total")
        created = await watch.value("freeswitch_calls_started_total")
        assert (created, refused) == (len(ENDS) + 1, 3)
        assert await lab.sessions() - sessions == len(ENDS) + 1 + 3
        await heartbeats(watch, 2)
        assert await watch.value("freeswitch_sessions_total") == await lab.sessions()
        assert await watch.value("freeswitch_calls_unaccounted_total") == 0
        assert await watch.value("freeswitch_gateway_refused_calls_total", gateway="telnyx") == 0
        assert sum((await watch.samples())["freeswitch_events_dropped_total"].values()) == 0


async def test_a_long_call_has_a_loss_figure_and_delays_that_are_right(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS) as watch:
        await lab.dial("01", talk=11)
        await watch.until_value("freeswitch_calls_answered_total", 1, **OUTBOUND)
        assert await lab.channels() == await watch.value("freeswitch_calls_active") == 1
        await watch.until_value("freeswitch_calls_active", 0, seconds=20, **OUTBOUND)
        # The far end rings at once, answers a second later, and loses nothing.
        assert (await watch.value("freeswitch_call_post_dial_delay_seconds_sum", **OUTBOUND) or 9) < 0.5
        assert await watch.value("freeswitch_call_answer_seconds_sum", **OUTBOUND) == pytest.approx(
            1.05, abs=0.3
        )
        assert await watch.value("freeswitch_call_duration_seconds_sum", **OUTBOUND) == pytest.approx(
            11, abs=0.5
        )
        assert await watch.value("freeswitch_call_packet_loss_ratio_count", **OUTBOUND) == 1
        assert (await watch.value("freeswitch_call_packet_loss_ratio_sum", **OUTBOUND) or 0) <= 0.05


async def test_calls_that_were_up_before_the_connection_are_learned(lab: Lab) -> None:
    await lab.dial("01", talk=60)
    await lab.dial("03", ring=60)
    await lab.until("both calls are up", lambda: _up(lab, 2), 10)
    await asyncio.sleep(1.5)  # the first is answered
    async with watching(lab, host=lab.host, gateways=GATEWAYS) as watch:
        await watch.until_value("freeswitch_calls_learned_total", 2, **OUTBOUND)
        assert await watch.value("freeswitch_calls_started_total", **OUTBOUND) == 0
        assert await watch.value("freeswitch_calls_active", **OUTBOUND) == 2
        await watch.until_value("freeswitch_current_channels", 2)
        await lab.hang_up_all()
        await watch.until_value("freeswitch_calls_active", 0, **OUTBOUND)
        assert await by_label(watch, "freeswitch_call_hangups_total", "cause", "answered", **OUTBOUND) == {
            ("NORMAL_CLEARING", "true"): 1,
            ("NORMAL_CLEARING", "false"): 1,
        }
        assert await watch.value("freeswitch_calls_lost_total", **OUTBOUND) == 0


async def _up(lab: Lab, count: int) -> bool:
    return await lab.channels() == count


async def dial_from_a_telephone(lab: Lab, number: str) -> None:
    """A phone of the switch dials through telnyx, and hangs up four seconds after the answer."""
    reply = await lab.trunk_cli(
        "bgapi originate {sip_auth_username=1000,sip_auth_password=1234,ignore_early_media=true}"
        f"sofia/trunk/{PROVIDER_PREFIX}{number}@127.0.0.1:5060 &playback(silence_stream://4000)"
    )
    assert reply.startswith("+OK"), reply


async def _one_call(lab: Lab) -> bool:
    return await lab.cli("show calls count") == "1 total."


async def test_a_bridged_call_is_two_legs(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS) as watch:
        await dial_from_a_telephone(lab, "01")
        await watch.until_value("freeswitch_calls_answered_total", 1, **OUTBOUND)
        await watch.until_value("freeswitch_calls_answered_total", 1, **INBOUND)
        assert await watch.value("freeswitch_calls_active") == 2
        await lab.until("FreeSWITCH's database has one call of the two", partial(_one_call, lab), 5)
        await watch.until_value("freeswitch_calls_active", 0, seconds=20)
        for leg in (OUTBOUND, INBOUND):
            assert await by_label(watch, "freeswitch_call_hangups_total", "cause", **leg) == {
                ("NORMAL_CLEARING",): 1
            }
        assert await watch.value("freeswitch_call_mos_count", **OUTBOUND) == 1
        assert await watch.value("freeswitch_calls_without_media_total") == 0


async def test_a_refusal_counts_on_the_leg_that_was_refused(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS) as watch:
        await dial_from_a_telephone(lab, "02")
        for leg in (OUTBOUND, INBOUND):
            await watch.until_value("freeswitch_call_hangups_total", 1, cause="USER_BUSY", **leg)
        # The phone's leg has the provider's 486 too; the provider rejected one call, not two.
        assert await by_label(watch, "freeswitch_call_sip_responses_total", "code", "direction") == {
            ("486", "outbound"): 1
        }


async def test_an_exemplar_names_the_call(lab: Lab) -> None:
    name = str(uuid.uuid4())
    async with watching(lab, host=lab.host, gateways=GATEWAYS) as watch:
        await lab.dial("02", uuid=name)
        await watch.until_value("freeswitch_calls_active", 0, gateway="telnyx", direction="outbound")
        await watch.until_value("freeswitch_call_hangups_total", 1, cause="USER_BUSY")
        assert f'cause="USER_BUSY",answered="false"}} 1.0 # {{call_uuid="{name}"}}' in await watch.page()


async def test_dials_through_a_gateway_that_is_down_are_counted_as_refused(lab: Lab) -> None:
    async with watching(lab, host=lab.host, gateways=GATEWAYS, poll_interval=1.0) as watch:
        before = await lab.gateway("noreg")
        assert before["status"] == "DOWN"
        for _ in range(3):
            await lab.dial("01", gateway="noreg")
        await watch.until_value("freeswitch_calls_refused_locally_total", 3)
        await watch.until_value("freeswitch_gateway_refused_calls_total", 3, gateway="noreg")
        after = await lab.gateway("noreg")
        assert int(after["failed-calls-out"]) - int(before["failed-calls-out"]) == 3
        assert after["calls-out"] == before["calls-out"]
        await watch.until_value("freeswitch_gateway_failed_calls_total", 3, gateway="noreg")
        assert await watch.value("freeswitch_gateway_calls_total", gateway="noreg") == 0
        assert await watch.value("freeswitch_calls_started_total", gateway="noreg") == 0
        assert await watch.value("freeswitch_gateway_refused_calls_total", gateway="telnyx") == 0
